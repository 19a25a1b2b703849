//! Named sets of items, people and places: one list that many rows, parameters, conditions and scopes
//! refer to.
//!
//! A pack's set is a table, `packs/<pack>/sets/<name>.csv`, with the columns `match`, `key`, `item`,
//! `source`. The hospital's own come one version after the other, each for its days; see
//! [`overlay::set`](crate::overlay::set). A member is any key that a knowledge row may hang on, but no
//! other set; or a doctor, department, campus or region, see [`party`](crate::party).
//!
//! `set:NAME` is whatever version is in force on the day of the line that is asked about, of several
//! the latest; `set:NAME@3` is version 3 on every day.

use std::collections::HashMap;

use jiff::civil::Date;
use schemas::Problem;

use crate::knowledge::Key;
use crate::party::{Party, PartyKind};
use crate::table::{self, Header};

/// All sets, by name; of the hospital's own each version once more by name and number.
#[derive(Debug, Default)]
pub struct CodeSets(HashMap<String, Vec<SetVersion>>);

/// What a set holds on some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetVersion {
    /// The number of the change that made it; 0 for a set of a pack.
    pub number: u32,
    /// Its name for people; nothing for a set of a pack.
    pub title: Option<String>,
    /// The document it was made of, or the pack.
    pub source: String,
    /// Who made it; nobody for a set of a pack.
    pub author: Option<String>,
    /// The first day; from ever without.
    pub from: Option<Date>,
    /// The last day; for ever without.
    pub until: Option<Date>,
    /// The items that it holds.
    pub members: Vec<Key>,
    /// The people and places that it holds.
    pub parties: Vec<Party>,
}

impl SetVersion {
    /// Whether it is in force on a day.
    #[must_use]
    pub fn holds_on(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }
}

impl CodeSets {
    /// The version in force on a day, of several the latest.
    #[must_use]
    pub fn version(&self, name: &str, on: Date) -> Option<&SetVersion> {
        self.versions(name).iter().rev().find(|it| it.holds_on(on))
    }

    /// The members on a day; none of a set that does not exist, which the loader has refused.
    #[must_use]
    pub fn members(&self, name: &str, on: Date) -> &[Key] {
        self.version(name, on).map_or(&[], |it| it.members.as_slice())
    }

    /// The people and places on a day.
    pub(crate) fn parties(&self, name: &str, on: Date) -> &[Party] {
        self.version(name, on).map_or(&[], |it| it.parties.as_slice())
    }

    /// Whether there is such a set, or such a version of one.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The members of all versions, one that stayed more than once.
    pub fn every_member(&self, name: &str) -> impl Iterator<Item = &Key> {
        self.versions(name).iter().flat_map(|it| &it.members)
    }

    /// Every version, the earliest first.
    #[must_use]
    pub fn versions(&self, name: &str) -> &[SetVersion] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The names of all sets, without those of single versions.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.0.keys().map(String::as_str).filter(|it| !it.contains(PINNED)).collect();
        names.sort_unstable();
        names
    }

    /// What is wrong with a name that a key refers to.
    pub(crate) fn fault_of(&self, name: &str) -> Option<String> {
        let versions = self.versions(name);
        if versions.is_empty() {
            return Some(self.not_there(name));
        }
        let has_items = versions.iter().any(|it| !it.members.is_empty() || it.parties.is_empty());
        (!has_items).then(|| format!("set `{name}` holds people and places, and no item"))
    }

    /// What is wrong with a name that stands for people or places of a kind.
    pub(crate) fn fault_of_parties(&self, name: &str, kind: PartyKind) -> Option<String> {
        let versions = self.versions(name);
        if versions.is_empty() {
            return Some(self.not_there(name));
        }
        let mut parties = versions.iter().flat_map(|it| &it.parties);
        let kind_name = kind.name();
        (!parties.any(|it| it.kind == kind)).then(|| {
            format!("set `{name}` holds no {kind_name}: a member such as {kind_name}:1023")
        })
    }

    fn not_there(&self, name: &str) -> String {
        let (set, version) = name.split_once(PINNED).unwrap_or((name, ""));
        let known = self.versions(set);
        if known.is_empty() {
            return format!("no pack has a set `{set}` (sets/{set}.csv), nor has the hospital");
        }
        let numbers: Vec<_> = known.iter().map(|it| it.number.to_string()).collect();
        format!("set `{set}` has no version `{version}`; it has {}", numbers.join(", "))
    }

    /// Whether what a set holds depends on the day.
    pub(crate) fn is_dated(&self, name: &str) -> bool {
        let versions = self.versions(name);
        versions.len() > 1 || versions.iter().any(|it| it.from.or(it.until).is_some())
    }

    /// Adds a version of the hospital's own, which comes after those there are.
    pub(crate) fn add(&mut self, name: &str, version: SetVersion) {
        let pinned = SetVersion { from: None, until: None, ..version.clone() };
        self.0.insert(format!("{name}{PINNED}{}", version.number), vec![pinned]);
        self.0.entry(name.to_owned()).or_default().push(version);
    }

    /// Adds `sets/<name>.csv`. An overlay's set takes the place of the one it names.
    pub(crate) fn read(
        &mut self,
        (name, pack): (&str, &str),
        (file, text): (&str, &str),
        problems: &mut Vec<Problem>,
    ) {
        let column = |name, required| Header { name, required };
        let known = [
            column("match", true),
            column("key", true),
            column("item", false),
            column("source", false),
        ];
        let mut held = Members::default();
        table::read(file, text, &known, problems, |cells, problems| {
            let kind = cells.required("match", problems);
            let key = cells.required("key", problems);
            let Some((kind, key)) = kind.zip(key) else { return };
            if let Err((code, message)) = held.add(kind, key) {
                let column = if code == "R204" { "match" } else { "key" };
                problems.push(cells.problem(code, column, message));
            }
        });
        let version = SetVersion {
            number: 0,
            title: None,
            source: pack.to_owned(),
            author: None,
            from: None,
            until: None,
            members: held.items,
            parties: held.parties,
        };
        self.0.insert(name.to_owned(), vec![version]);
    }
}

/// The members of a version as they are read.
#[derive(Default)]
pub(crate) struct Members {
    pub(crate) items: Vec<Key>,
    pub(crate) parties: Vec<Party>,
}

impl Members {
    /// Adds a member by its kind, or says what is wrong with it: the code and the sentence.
    pub(crate) fn add(&mut self, kind: &str, key: &str) -> Result<(), (&'static str, String)> {
        if let Some(kind) = PartyKind::parse(kind) {
            self.parties.push(Party::of(kind, key).map_err(|message| ("R205", message))?);
            return Ok(());
        }
        match Key::of(kind, key) {
            Ok(Key::Set(_)) => Err(("R204", "a set does not hold other sets".to_owned())),
            Ok(key) => {
                self.items.push(key);
                Ok(())
            }
            Err(("R204", message)) => {
                let parties = PartyKind::NAMES.map(|(word, _)| word).join(", ");
                Err(("R204", format!("{message}, {parties}")))
            }
            Err(other) => Err(other),
        }
    }
}

/// Between the name of a set and the number of one version.
pub(crate) const PINNED: char = '@';
