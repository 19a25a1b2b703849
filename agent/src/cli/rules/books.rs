//! The folder of a hospital's changes, for commands: what is not changed is told, and what is, is
//! taken in by the daemon.

use std::path::Path;

use rules::overlay::{Change, Log};
use serde_json::json;

use super::super::{Exit, tell};
use crate::config::Config;
use crate::control::client::{self, ControlError};
use crate::sets::Sets;
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

    /// What is in force according to the files.
    pub(super) fn sets(&self) -> &Sets {
        &self.books.sets
    }

    /// The log of a pack as it is.
    pub(super) fn log(&self, pack: &str) -> Result<Log, Exit> {
        self.books.log(pack).map_err(told)
    }

    /// The pack of a rule.
    pub(super) fn pack_of(&self, rule: &str) -> Result<String, Exit> {
        self.books.pack_of(rule).map_err(told)
    }

    /// Appends changes to the log of a pack, with files beside it, if everything loads with them.
    pub(super) fn append(
        mut self,
        pack: &str,
        changes: &[Change],
        files: &[(String, String)],
    ) -> Result<(), Exit> {
        self.books.append(pack, changes, files).map_err(told)?;
        self.take_in()
    }

    /// Appends a setting to the hospital's own for a pack, if everything loads with it.
    pub(super) fn append_setting(mut self, pack: &str, setting: &str) -> Result<(), Exit> {
        self.books.append_setting(pack, setting).map_err(told)?;
        self.take_in()
    }

    /// Makes one change by itself, whose number it gives, and has it taken in.
    pub(super) fn change(
        self,
        change: impl FnOnce(books::Books) -> Result<u32, NotChanged>,
    ) -> Result<u32, Exit> {
        let no = change(self.books).map_err(told)?;
        take_in(&self.config)?;
        Ok(no)
    }

    fn take_in(self) -> Result<(), Exit> {
        drop(self.books); // whoever waits for a turn need not wait for the daemon
        take_in(&self.config)
    }
}

/// Says why nothing was changed.
fn told(why: NotChanged) -> Exit {
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
