//! The folder of a hospital's changes, for commands: what is not changed is told, and what is, is
//! taken in by the daemon.

use std::path::Path;

use serde_json::{Value, json};

use super::super::asking::unanswered;
use super::super::{Exit, tell};
use crate::config::Config;
use crate::control::BODY_BYTES_MAX;
use crate::control::client::{self, ControlError};
use crate::sets::books::{self, NotChanged};

/// The logs of changes, and what they belong to.
pub(super) struct Books {
    pub(super) config: Config,
    books: books::Books,
}

impl Books {
    /// Opens the folder that the configuration names, and waits for whoever has it open.
    pub(super) fn open(config: &Path) -> Result<Books, Exit> {
        let config = Config::load(config).map_err(|it| tell(&it))?;
        let books = books::Books::open(&config).map_err(told)?;
        Ok(Books { config, books })
    }

    /// The pack of a rule.
    pub(super) fn pack_of(&self, rule: &str) -> Result<String, Exit> {
        self.books.pack_of(rule).map_err(told)
    }

    /// Makes one change by itself, whose number it gives, and has it taken in.
    pub(super) fn change(
        self,
        change: impl FnOnce(books::Books) -> Result<u32, NotChanged>,
    ) -> Result<u32, Exit> {
        // With it the turn ends: whoever waits for one need not wait for the daemon.
        let no = change(self.books).map_err(told)?;
        take_in(&self.config)?;
        Ok(no)
    }
}

/// Has the running daemon make a change by an order to its control socket. Where none runs, and where the
/// order is longer than it reads, the change is made to the files.
pub(super) fn by_daemon_or_files(
    config: &Path,
    (address, body): (&str, &Value),
    by_files: impl FnOnce(books::Books) -> Result<Value, NotChanged>,
) -> Result<Value, Exit> {
    let config = Config::load(config).map_err(|it| tell(&it))?;
    if fits(body) {
        match client::post(&config.control.socket, address, body) {
            Ok(made) => {
                say!("已写入，已生效");
                return Ok(made);
            }
            Err(ControlError::Unreachable { .. }) => {}
            Err(error) => return Err(refused(&error)),
        }
    }
    let made = books::Books::open(&config).and_then(by_files).map_err(told)?;
    take_in(&config)?;
    Ok(made)
}

/// Whether the daemon would read an order to its end.
pub(super) fn fits(order: &Value) -> bool {
    order.to_string().len() <= BODY_BYTES_MAX
}

/// Says why the daemon changed nothing; the exit code is the one that a change of the files would have had.
pub(super) fn refused(error: &ControlError) -> Exit {
    let exit = unanswered(error);
    match error {
        ControlError::Refused { status: 422, code, .. } if code == "I133" => Exit::Usage,
        ControlError::Refused { status: 422, .. } => {
            eprintln!("没有写入");
            Exit::Data
        }
        _ => exit,
    }
}

/// Says why nothing was changed.
pub(super) fn told(why: NotChanged) -> Exit {
    match why {
        NotChanged::Broken(problems) => tell(&problems),
        NotChanged::Refused(problems) => {
            tell(&problems);
            eprintln!("没有写入");
            Exit::Data
        }
        NotChanged::NoPlace(reason) => {
            eprintln!("{reason}");
            Exit::Config
        }
        NotChanged::Unfit(reason) => {
            eprintln!("{reason}");
            Exit::Usage
        }
        NotChanged::Unread(reason) => {
            eprintln!("{reason}");
            Exit::Data
        }
        NotChanged::Unwritable(reason) => {
            eprintln!("{reason}");
            Exit::Unavailable
        }
    }
}

/// The daemon watches the folder as well; to ask it says when it has taken the change in.
fn take_in(config: &Config) -> Result<(), Exit> {
    let address = "/admin/v1/sets/reload?again=false";
    match client::post(&config.control.socket, address, &json!({})) {
        Ok(_) => {
            say!("已写入，已生效");
            Ok(())
        }
        Err(ControlError::Unreachable { .. }) => {
            say!("已写入；守护进程没有运行，启动时生效");
            Ok(())
        }
        Err(error) => {
            eprintln!("已写入，但守护进程没有换上：{error}");
            Err(Exit::Config)
        }
    }
}
