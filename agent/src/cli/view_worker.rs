//! `his-agent view-worker`: the process in which a database's driver lives. Only the daemon starts it.

use super::Exit;
use crate::odbc;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 为哪个通道，给看进程表的人 | the channel, for whoever looks at the list of processes
    #[arg(long)]
    channel: String,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match odbc::work() {
        Ok(()) => Exit::Ok,
        Err(error) => {
            eprintln!("{}: {error}", arguments.channel);
            Exit::Unavailable
        }
    }
}
