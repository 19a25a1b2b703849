//! The folder of a hospital's changes, opened by one person at a time.
//!
//! A change is proved with everything else before it is written: what would not load, and what would
//! have no effect, is told and not written. Then the daemon is asked to take it in.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rules::overlay::{Change, Log, log_of};
use serde_json::json;

use super::super::{Exit, tell, write};
use crate::config::Config;
use crate::control::client::{self, ControlError};
use crate::sets::{Sets, Texts};

/// The logs of changes, and what they belong to.
pub(super) struct Books {
    pub(super) config: Config,
    folder: PathBuf,
    texts: Texts,
    /// What is in force according to the files.
    pub(super) sets: Sets,
    // Two people who change rules at the same time must not write over each other's lines.
    _turn: File,
}

impl Books {
    /// Opens the folder that the configuration names, and waits for whoever has it open.
    pub(super) fn open(config: &Path) -> Result<Books, Exit> {
        let config = Config::load(config).map_err(|it| tell(&it))?;
        let folder = folder(&config)?;
        let turn = turn(&folder)?;
        let texts = Texts::read(&config).map_err(|it| tell(&it))?;
        let sets = Sets::prove(&config, texts.clone()).map_err(|it| tell(&it))?;
        Ok(Books { config, folder, texts, sets, _turn: turn })
    }

    /// The log of a pack as it is.
    pub(super) fn log(&self, pack: &str) -> Result<Log, Exit> {
        let mut problems = Vec::new();
        let file = log_of(pack);
        let Some(text) = self.texts.rules.get(&file) else { return Ok(Log::default()) };
        let log = Log::read(&file, text, &mut problems);
        if problems.is_empty() { Ok(log) } else { Err(tell(&problems)) }
    }

    /// The pack of a rule.
    pub(super) fn pack_of(&self, rule: &str) -> Result<String, Exit> {
        let rules = self.sets.rules.rules();
        let found = rules.iter().find(|known| known.id == rule).map(|known| known.pack.clone());
        found.ok_or_else(|| {
            let known: Vec<_> = rules.iter().map(|rule| rule.id.as_str()).collect();
            eprintln!("没有规则 `{rule}`；有 {}", known.join(", "));
            Exit::Usage
        })
    }

    /// Appends changes to the log of a pack, with files beside it, if everything loads with them.
    pub(super) fn append(
        mut self,
        pack: &str,
        changes: &[Change],
        files: &[(String, String)],
    ) -> Result<(), Exit> {
        let log = log_of(pack);
        let before = self.texts.rules.get(&log).map_or_else(Log::header, str::to_owned);
        let gap = if before.ends_with('\n') { "" } else { "\n" };
        let lines: String = changes.iter().map(Change::text).collect();
        self.texts.rules.insert(&log, format!("{before}{gap}{lines}"));
        for (name, text) in files {
            self.texts.rules.insert(format!("overlay/{pack}/{name}"), text);
        }
        self.prove(&log, changes)?;
        // The log comes last: it is what puts the files in force.
        for (name, text) in files {
            self.put(&format!("{pack}/{name}"), text)?;
        }
        let text = self.texts.rules.get(&log).unwrap_or_default();
        self.put(&format!("{pack}/changes.csv"), text)?;
        take_in(&self.config)
    }

    /// Appends a setting to the hospital's own for a pack, if everything loads with it.
    pub(super) fn append_setting(mut self, pack: &str, setting: &str) -> Result<(), Exit> {
        let file = format!("overlay/{pack}/settings.toml");
        let before = self.texts.rules.get(&file).unwrap_or_default().to_owned();
        self.texts.rules.insert(&file, format!("{before}{setting}"));
        if let Err(problems) = Sets::prove(&self.config, self.texts.clone()) {
            tell(&problems);
            eprintln!("没有写入");
            return Err(Exit::Data);
        }
        let text = self.texts.rules.get(&file).unwrap_or_default();
        self.put(&format!("{pack}/settings.toml"), text)?;
        take_in(&self.config)
    }

    /// Whether all is well with the changes; a change without effect is a mistake as well.
    fn prove(&self, log: &str, changes: &[Change]) -> Result<(), Exit> {
        let refuse = |problems: &[schemas::Problem]| {
            tell(problems);
            eprintln!("没有写入");
            Exit::Data
        };
        let sets =
            Sets::prove(&self.config, self.texts.clone()).map_err(|problems| refuse(&problems))?;
        let first = changes.first().map_or(0, |change| change.no);
        let ours = sets.rules.warnings().iter().filter(|it| it.code == "R302" && it.file == log);
        let new = |it: &&schemas::Problem| {
            let rest = it.message.strip_prefix("change ").and_then(|it| it.split_once(' '));
            rest.and_then(|(no, _)| no.parse().ok()).is_some_and(|no: u32| no >= first)
        };
        let idle: Vec<_> = ours.filter(new).cloned().collect();
        if idle.is_empty() { Ok(()) } else { Err(refuse(&idle)) }
    }

    fn put(&self, name: &str, text: &str) -> Result<(), Exit> {
        let path = self.folder.join(name);
        write::put(&path, text).map_err(|error| {
            eprintln!("{}: {error}", path.display());
            Exit::Unavailable
        })
    }
}

fn folder(config: &Config) -> Result<PathBuf, Exit> {
    let sets = &config.sets;
    let folder = sets.overlay.clone().or_else(|| Some(sets.rules.as_ref()?.join("overlay")));
    folder.ok_or_else(|| {
        eprintln!(
            "没有地方写修改：建一个目录，如 /etc/his-agent/overlay，在配置的 [sets] 里写 overlay = \
             \"/etc/his-agent/overlay\"，重启后再改"
        );
        Exit::Config
    })
}

fn turn(folder: &Path) -> Result<File, Exit> {
    let opened = fs::create_dir_all(folder).and_then(|()| File::open(folder));
    opened.and_then(|it| it.lock().map(|()| it)).map_err(|error| {
        eprintln!("{}: {error}", folder.display());
        Exit::Unavailable
    })
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
