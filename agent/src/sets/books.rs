//! The folder of a hospital's changes, opened by one person at a time.
//!
//! A change is proved with everything else before it is written: what would not load, what would have
//! no effect, and what would make a rule rest, is told and not written. Whoever changes something has
//! the daemon take it in afterwards. Changes that do not fit a new program any more can be taken back:
//! it is what comes out that has to be right.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rules::overlay::{CellList, Change, Log, What, log_of, own, set};
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
    /// What is in force according to the files; without the hospital's changes when it is these that
    /// cannot be loaded.
    pub(crate) sets: Sets,
    /// What rests now; `None` when the changes cannot be loaded.
    resting: Option<BTreeSet<String>>,
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
    /// A table that was handed over cannot be read.
    Unread(String),
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
        let (sets, resting) = match Sets::prove(config, texts.clone()) {
            Ok(sets) => {
                let resting = sets.rules.resting().iter().map(|it| it.rule.clone()).collect();
                (sets, Some(resting))
            }
            Err(problems) => {
                let without = Sets::prove(config, without_changes(&texts));
                (without.map_err(|_| NotChanged::Broken(problems))?, None)
            }
        };
        Ok(Books { config: config.clone(), folder, texts, sets, resting, _turn: turn })
    }

    /// Whether there is such a rule, one that rests among them.
    pub(crate) fn knows(&self, rule: &str) -> Result<bool, NotChanged> {
        let is_there = self.sets.rules.rules().iter().any(|it| it.id == rule);
        Ok(is_there || own::versions(&self.log(own::PACK)?).contains_key(rule))
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
    pub(crate) fn define(self, text: &str, by: &By, is_new: bool) -> Result<u32, NotChanged> {
        let log = self.log(own::PACK)?;
        let name = format!("rule-{}.toml", log.next());
        let file = own::file_of(&name);
        let rule = rules::form::definition(&file, text).map_err(NotChanged::Refused)?;
        let id = rule.get("id").and_then(serde_json::Value::as_str).unwrap_or_default();
        is_good("规则", id)?;
        let known = self.sets.rules.rules().iter().find(|it| it.id == id);
        if let Some(known) = known.filter(|it| it.pack != own::PACK) {
            let pack = &known.pack;
            return unfit(format!(
                "`{id}` 是规则包 {pack} 的规则：换一个标识，或用 rules overlay edit 改它"
            ));
        }
        match (own::versions(&log).contains_key(id), is_new) {
            (true, true) => unfit(format!("已有规则 `{id}`：用 edit 改它")),
            (false, false) => unfit(format!("没有本院规则 `{id}`：用 add 新增")),
            (true, false) | (false, true) => self.put_version((id, name), text, by),
        }
    }

    /// Makes a named set of the hospital's own, or the next version of it; gives the change's number.
    pub(crate) fn define_set(self, text: &str, by: &By, is_new: bool) -> Result<u32, NotChanged> {
        let log = self.log(own::PACK)?;
        let name = format!("set-{}.toml", log.next());
        let id = set::id_of(&own::file_of(&name), text).map_err(NotChanged::Refused)?;
        is_good("集合", &id)?;
        match (set::versions(&log).any(|(known, _)| known == id), is_new) {
            (true, true) => unfit(format!("已有集合 `{id}`：用 edit 写下一版")),
            (false, false) => unfit(format!("没有本院集合 `{id}`：用 add 新增")),
            (true, false) | (false, true) => {
                self.put_version((&format!("{}{id}", set::PREFIX), name), text, by)
            }
        }
    }

    fn put_version(
        mut self,
        (id, name): (&str, String),
        text: &str,
        by: &By,
    ) -> Result<u32, NotChanged> {
        let no = self.log(own::PACK)?.next();
        let mut cells = CellList::default();
        cells.push("file", &name);
        let change = Change { no, rule: id.to_owned(), cells, ..by.begin(What::Define) };
        self.append(own::PACK, &[change], &[(name, text.to_owned())])?;
        Ok(no)
    }

    /// Takes a rule of the hospital's own away, one that rests as well; gives the change's number.
    pub(crate) fn remove(self, rule: &str, by: &By) -> Result<u32, NotChanged> {
        let is_own = own::versions(&self.log(own::PACK)?).contains_key(rule);
        if !is_own && self.pack_of(rule)? != own::PACK {
            return unfit(format!("`{rule}` 是自带的规则，不能删：用 rules overlay disable 停用"));
        }
        self.put_removal(rule, by)
    }

    /// Takes a named set of the hospital's own away with all its versions; gives the change's number.
    pub(crate) fn remove_set(self, id: &str, by: &By) -> Result<u32, NotChanged> {
        if !set::versions(&self.log(own::PACK)?).any(|(known, _)| known == id) {
            return unfit(format!("没有本院集合 `{id}`：规则包的集合不能删"));
        }
        self.put_removal(&format!("{}{id}", set::PREFIX), by)
    }

    fn put_removal(mut self, rule: &str, by: &By) -> Result<u32, NotChanged> {
        let no = self.log(own::PACK)?.next();
        let change = Change { no, rule: rule.to_owned(), ..by.begin(What::Remove) };
        self.append(own::PACK, &[change], &[])?;
        Ok(no)
    }

    /// Appends one change of any kind, about a rule of any pack; gives its number.
    pub(crate) fn record(mut self, pack: &str, change: Change) -> Result<u32, NotChanged> {
        let log = self.log(pack)?;
        if let Some(of) = change.rolls_back().filter(|it| log.rolled_back().contains(it)) {
            return unfit(format!("第 {of} 项已经撤销；要恢复它，撤销那一次撤销"));
        }
        let no = log.next();
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

    /// Whether all is well with the changes; a change without effect is a mistake as well, and so is one
    /// by which a rule comes to rest.
    fn prove(&self, log: &str, changes: &[Change]) -> Result<(), NotChanged> {
        let sets = Sets::prove(&self.config, self.texts.clone()).map_err(NotChanged::Refused)?;
        let first = changes.first().map_or(0, |change| change.no);
        let ours = sets.rules.warnings().iter().filter(|it| it.code == "R302" && it.file == log);
        let new = |it: &&Problem| {
            let rest = it.message.strip_prefix("change ").and_then(|it| it.split_once(' '));
            rest.and_then(|(no, _)| no.parse().ok()).is_some_and(|no: u32| no >= first)
        };
        let is_made = |id: &str| changes.iter().any(|it| it.what == What::Define && it.rule == id);
        let comes_to_rest = |id: &str| {
            is_made(id) || self.resting.as_ref().is_some_and(|before| !before.contains(id))
        };
        let resting = sets.rules.resting().iter().filter(|it| comes_to_rest(&it.rule));
        let faults = resting.flat_map(|it| it.faults.clone());
        let wrong = ours.filter(new).cloned().chain(faults).chain(self.comes_to_rest(&sets));
        let wrong: Vec<_> = wrong.collect();
        if wrong.is_empty() { Ok(()) } else { Err(NotChanged::Refused(wrong)) }
    }

    /// Rows that name a set which rests are of no use; those that there were before are no news.
    fn comes_to_rest(&self, sets: &Sets) -> Vec<Problem> {
        let at_rest = |sets: &Sets| -> Vec<Problem> {
            let warnings = sets.rules.warnings().iter();
            warnings.filter(|it| it.code == "R305").cloned().collect()
        };
        let before: BTreeSet<String> =
            at_rest(&self.sets).into_iter().map(|it| it.message).collect();
        let now = at_rest(sets).into_iter().filter(|_| self.resting.is_some());
        now.filter(|it| !before.contains(&it.message)).collect()
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

/// The texts as they came with the program.
fn without_changes(texts: &Texts) -> Texts {
    let shipped = texts.rules.iter().filter(|(path, _)| !path.starts_with("overlay/"));
    Texts { rules: shipped.collect(), ..texts.clone() }
}

fn is_good(what: &str, id: &str) -> Result<(), NotChanged> {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.');
    if id.is_empty() || id.len() > ID_MAX || !id.bytes().all(is_plain) {
        return Err(NotChanged::Unfit(format!(
            "{what}标识 `{id}`：用字母、数字和 - _ .，不超过 {ID_MAX} 字"
        )));
    }
    Ok(())
}

fn unfit<T>(reason: String) -> Result<T, NotChanged> {
    Err(NotChanged::Unfit(reason))
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
