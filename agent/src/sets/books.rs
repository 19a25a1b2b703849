//! The folder of a hospital's changes, opened by one person at a time.
//!
//! A change is proved with everything else before it is written: what would not load, and what would
//! have no effect, is told and not written. Whoever changes something has the daemon take it in
//! afterwards.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rules::overlay::{CellList, Change, Log, What, log_of, own};
use schemas::Problem;

use super::{Sets, Texts};
use crate::clock;
use crate::config::Config;
use crate::write;

/// The logs of changes, and what they belong to.
#[derive(Debug)]
pub(crate) struct Books {
    config: Config,
    folder: PathBuf,
    texts: Texts,
    /// What is in force according to the files.
    pub(crate) sets: Sets,
    // Two people who change rules at the same time must not write over each other's lines.
    _turn: File,
}

/// Why nothing was changed.
#[derive(Debug)]
pub(crate) enum NotChanged {
    /// The files are wrong as they are.
    Broken(Vec<Problem>),
    /// They would be wrong with the change, or it would do nothing.
    Refused(Vec<Problem>),
    /// The configuration names no folder for changes.
    NoPlace(String),
    /// What was asked for is not there, or there already.
    Unfit(String),
    /// The disk would not have it.
    Unwritable(String),
}

/// Who makes a change, and why.
#[derive(Clone, Debug)]
pub(crate) struct By {
    pub(crate) author: String,
    pub(crate) reason: String,
}

impl Books {
    /// Opens the folder that the configuration names, and waits for whoever has it open.
    pub(crate) fn open(config: &Config) -> Result<Books, NotChanged> {
        let folder = folder(config)?;
        let turn = turn(&folder)?;
        let texts = Texts::read(config).map_err(NotChanged::Broken)?;
        let sets = Sets::prove(config, texts.clone()).map_err(NotChanged::Broken)?;
        Ok(Books { config: config.clone(), folder, texts, sets, _turn: turn })
    }

    /// The log of a pack as it is.
    pub(crate) fn log(&self, pack: &str) -> Result<Log, NotChanged> {
        let mut problems = Vec::new();
        let file = log_of(pack);
        let Some(text) = self.texts.rules.get(&file) else { return Ok(Log::default()) };
        let log = Log::read(&file, text, &mut problems);
        if problems.is_empty() { Ok(log) } else { Err(NotChanged::Broken(problems)) }
    }

    /// The pack of a rule.
    pub(crate) fn pack_of(&self, rule: &str) -> Result<String, NotChanged> {
        let rules = self.sets.rules.rules();
        let found = rules.iter().find(|known| known.id == rule).map(|known| known.pack.clone());
        found.ok_or_else(|| {
            let known: Vec<_> = rules.iter().map(|rule| rule.id.as_str()).collect();
            NotChanged::Unfit(format!("没有规则 `{rule}`；有 {}", known.join(", ")))
        })
    }

    /// Makes a rule of the hospital's own, or the next version of it; gives the change's number.
    pub(crate) fn define(mut self, text: &str, by: &By, is_new: bool) -> Result<u32, NotChanged> {
        let no = self.log(own::PACK)?.next();
        let name = format!("rule-{no}.toml");
        let file = own::file_of(&name);
        let rule = rules::form::definition(&file, text).map_err(NotChanged::Refused)?;
        let id = rule.get("id").and_then(serde_json::Value::as_str).unwrap_or_default();
        let is_plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.');
        if id.is_empty() || id.len() > ID_MAX || !id.bytes().all(is_plain) {
            let message = format!("规则标识 `{id}`：用字母、数字和 - _ .，不超过 {ID_MAX} 字");
            return Err(NotChanged::Unfit(message));
        }
        match (self.sets.rules.rules().iter().find(|it| it.id == id), is_new) {
            (Some(known), _) if known.pack != own::PACK => {
                let message = format!(
                    "`{id}` 是规则包 {} 的规则：换一个标识，或用 rules overlay edit 改它",
                    known.pack
                );
                return Err(NotChanged::Unfit(message));
            }
            (Some(_), true) => {
                return Err(NotChanged::Unfit(format!("已有规则 `{id}`：用 edit 改它")));
            }
            (None, false) => {
                return Err(NotChanged::Unfit(format!("没有本院规则 `{id}`：用 add 新增")));
            }
            _ => {}
        }
        let mut cells = CellList::default();
        cells.push("file", &name);
        let change = Change { no, rule: id.to_owned(), cells, ..by.begin(What::Define) };
        self.append(own::PACK, &[change], &[(name, text.to_owned())])?;
        Ok(no)
    }

    /// Takes a rule of the hospital's own away; gives the change's number.
    pub(crate) fn remove(mut self, rule: &str, by: &By) -> Result<u32, NotChanged> {
        if self.pack_of(rule)? != own::PACK {
            let message = format!("`{rule}` 是自带的规则，不能删：用 rules overlay disable 停用");
            return Err(NotChanged::Unfit(message));
        }
        let no = self.log(own::PACK)?.next();
        let change = Change { no, rule: rule.to_owned(), ..by.begin(What::Remove) };
        self.append(own::PACK, &[change], &[])?;
        Ok(no)
    }

    /// Appends one change of any kind, about a rule of any pack; gives its number.
    pub(crate) fn record(mut self, pack: &str, change: Change) -> Result<u32, NotChanged> {
        let no = self.log(pack)?.next();
        self.append(pack, &[Change { no, ..change }], &[])?;
        Ok(no)
    }

    /// Appends changes to the log of a pack, with files beside it, if everything loads with them.
    pub(crate) fn append(
        &mut self,
        pack: &str,
        changes: &[Change],
        files: &[(String, String)],
    ) -> Result<(), NotChanged> {
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
        self.put(&format!("{pack}/changes.csv"), text)
    }

    /// Appends a setting to the hospital's own for a pack, if everything loads with it.
    pub(crate) fn append_setting(&mut self, pack: &str, setting: &str) -> Result<(), NotChanged> {
        let file = format!("overlay/{pack}/settings.toml");
        let before = self.texts.rules.get(&file).unwrap_or_default().to_owned();
        self.texts.rules.insert(&file, format!("{before}{setting}"));
        Sets::prove(&self.config, self.texts.clone()).map_err(NotChanged::Refused)?;
        let text = self.texts.rules.get(&file).unwrap_or_default();
        self.put(&format!("{pack}/settings.toml"), text)
    }

    /// Whether all is well with the changes; a change without effect is a mistake as well.
    fn prove(&self, log: &str, changes: &[Change]) -> Result<(), NotChanged> {
        let sets = Sets::prove(&self.config, self.texts.clone()).map_err(NotChanged::Refused)?;
        let first = changes.first().map_or(0, |change| change.no);
        let ours = sets.rules.warnings().iter().filter(|it| it.code == "R302" && it.file == log);
        let new = |it: &&Problem| {
            let rest = it.message.strip_prefix("change ").and_then(|it| it.split_once(' '));
            rest.and_then(|(no, _)| no.parse().ok()).is_some_and(|no: u32| no >= first)
        };
        let idle: Vec<_> = ours.filter(new).cloned().collect();
        if idle.is_empty() { Ok(()) } else { Err(NotChanged::Refused(idle)) }
    }

    fn put(&self, name: &str, text: &str) -> Result<(), NotChanged> {
        let path = self.folder.join(name);
        write::put(&path, text)
            .map_err(|error| NotChanged::Unwritable(format!("{}: {error}", path.display())))
    }
}

impl By {
    /// A change that says nothing yet.
    pub(crate) fn begin(&self, what: What) -> Change {
        Change {
            no: 0,
            at: clock::now(),
            author: self.author.clone(),
            reason: self.reason.clone(),
            what,
            rule: String::new(),
            key: None,
            which: CellList::default(),
            cells: CellList::default(),
            line: 0,
        }
    }
}

fn folder(config: &Config) -> Result<PathBuf, NotChanged> {
    let sets = &config.sets;
    let folder = sets.overlay.clone().or_else(|| Some(sets.rules.as_ref()?.join("overlay")));
    folder.ok_or_else(|| {
        NotChanged::NoPlace(
            "没有地方写修改：建一个目录，如 /etc/his-agent/overlay，在配置的 [sets] 里写 overlay = \
             \"/etc/his-agent/overlay\"，重启后再改"
                .to_owned(),
        )
    })
}

fn turn(folder: &Path) -> Result<File, NotChanged> {
    let opened = fs::create_dir_all(folder).and_then(|()| File::open(folder));
    opened
        .and_then(|it| it.lock().map(|()| it))
        .map_err(|error| NotChanged::Unwritable(format!("{}: {error}", folder.display())))
}

const ID_MAX: usize = 60;
