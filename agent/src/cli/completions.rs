//! `his-agent completions`: what a shell needs to complete the command line. The packages install it.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Exit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 哪一种 shell | which shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut super::Arguments::command(),
        "his-agent",
        &mut script,
    );
    match str::from_utf8(&script) {
        Ok(script) => {
            say!("{}", script.trim_end());
            Exit::Ok
        }
        Err(_) => Exit::Internal,
    }
}
