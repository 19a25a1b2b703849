//! `his-agent man`: the manual pages, written from the command line and the table of keys themselves.
//! The packages install them.

use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::Exit;
use crate::config::keys::{self, Key, Without};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 写到哪个目录 | folder to write to
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match write(&arguments.folder) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            eprintln!("{}: {error}", arguments.folder.display());
            Exit::Disk
        }
    }
}

fn write(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("his-agent.toml.5"), of_configuration())?;
    let mut command = super::Arguments::command().disable_help_subcommand(true);
    command.build(); // gives every command its full name
    of_commands(&command, &mut |name, page| std::fs::write(folder.join(format!("{name}.8")), page))
}

/// A page for each command, and for each below it.
fn of_commands(
    command: &clap::Command,
    keep: &mut impl FnMut(&str, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    for inner in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        of_commands(inner, keep)?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let mut page = Vec::new();
    Man::new(command.clone()).title(name).section("8").manual("his-agent").render(&mut page)?;
    keep(name, &page)
}

/// his-agent.toml(5): every key of `agent.toml`.
fn of_configuration() -> String {
    let mut page = Roff::new();
    page.control("TH", ["his-agent.toml", "5", "", env!("CARGO_PKG_VERSION"), "his-agent"]);
    page.control("SH", ["NAME"]);
    page.text([roman("agent.toml - his-agent 的配置 | the configuration of his-agent")]);
    page.control("SH", ["FILES"]);
    page.text([roman("/etc/his-agent/agent.toml")]);
    let mut section = None;
    for key in keys::all() {
        if section != Some(key.section) {
            page.control("SH", [heading(key.section).as_str()]);
            section = Some(key.section);
        }
        of_key(key, &mut page);
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("his-agent-validate"), roman("(8)")]);
    page.to_roff()
}

fn of_key(key: &Key, page: &mut Roff) {
    page.control("TP", []);
    let value = match key.without {
        Without::Default(value) => format!(" = {value}"),
        Without::Must(value) => format!("，必填 required: {value}"),
        Without::Nothing(value) => format!("，例如 for example: {value}"),
    };
    page.text([bold(key.name), roman(value)]);
    page.text([roman(format!("{}\n{}", key.zh, key.en))]);
}

fn heading(section: &str) -> String {
    if section.is_empty() { "文件开头 TOP".to_owned() } else { format!("[{section}]") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_the_configuration_one() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(page("his-agent.8").contains("his\\-agent\\-run(8)"));
        assert!(page("his-agent-rules-set-edit.8").starts_with(".ie"));
        assert!(page("his-agent-keys-make.8").contains("master key"));
        assert!(!folder.path().join("his-agent-view-worker.8").exists(), "it is for the daemon");
        assert!(!folder.path().join("his-agent-help.8").exists());
        let configuration = page("his-agent.toml.5");
        for key in keys::all() {
            let name = key.name.replace('-', "\\-");
            assert!(configuration.contains(&format!("\\fB{name}\\fR")), "{}", key.name);
        }
    }
}
