//! The log of a hospital's changes: one line each, only ever appended to.
//!
//! Lines are numbered without a gap, so that a line that was taken out is noticed. To take a change
//! back is a change too; so every state the rules were in can be told, with who made it and why.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use schemas::Problem;

use super::cells::CellList;
use crate::table::{self, Cells, Header};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number, from 1.
    pub no: u32,
    /// When it was made.
    pub at: DateTime,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// What was done.
    pub what: What,
    /// The rule it is about; empty for a rollback.
    pub rule: String,
    /// `match` and `key` of the rows it is about; `None` when it is about the rule itself.
    pub key: Option<(String, String)>,
    /// Cells by which one of several rows of the same key is told.
    pub which: CellList,
    /// What it says: new cells, a restriction, the number it rolls back.
    pub cells: CellList,
    /// Its line in the log.
    pub line: u32,
}

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A row more.
    Add,
    /// Other cells of a row, other settings of a rule.
    Edit,
    /// A row or a rule that is no longer judged by.
    Disable,
    /// A rule that was shipped switched off is judged by.
    Enable,
    /// Only in these departments and scenes, and on these days.
    Restrict,
    /// A file of rows beside the log.
    Import,
    /// A rule of the hospital's own, or another version of it, in a file beside the log.
    Define,
    /// A rule of the hospital's own is gone.
    Remove,
    /// An earlier change is as if it had never been made.
    Rollback,
}

impl What {
    /// Every kind with its word in the log.
    pub const NAMES: [(&'static str, What); 9] = [
        ("add", What::Add),
        ("edit", What::Edit),
        ("disable", What::Disable),
        ("enable", What::Enable),
        ("restrict", What::Restrict),
        ("import", What::Import),
        ("define", What::Define),
        ("remove", What::Remove),
        ("rollback", What::Rollback),
    ];

    /// Its word in the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        What::NAMES.iter().find(|(_, what)| *what == self).map_or("", |(word, _)| word)
    }
}

/// All changes to one pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    changes: Vec<Change>,
}

const COLUMNS: [&str; 10] =
    ["no", "at", "author", "reason", "what", "rule", "match", "key", "which", "cells"];

impl Log {
    /// The first line of a log.
    #[must_use]
    pub fn header() -> String {
        format!("{}\n", COLUMNS.join(","))
    }

    /// Reads a log; every bad line is told.
    pub fn read(file: &str, text: &str, problems: &mut Vec<Problem>) -> Log {
        let known = COLUMNS.map(|name| Header { name, required: true });
        let mut log = Log::default();
        let mut expected = 1;
        table::read(file, text, &known, problems, |cells, problems| {
            let Some(no) = number(cells, expected, problems) else { return };
            expected = no.saturating_add(1);
            let change = change(cells, no, problems);
            let Some(change) = change else { return };
            match log.fault_of(&change) {
                None => log.changes.push(change),
                Some(message) => problems.push(cells.problem("R504", "cells", message)),
            }
        });
        log
    }

    /// The changes, the oldest first.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The number of the next change.
    #[must_use]
    pub fn next(&self) -> u32 {
        self.changes.last().map_or(1, |change| change.no.saturating_add(1))
    }

    /// The changes that were not rolled back, the oldest first.
    pub fn in_force(&self) -> impl Iterator<Item = &Change> {
        let rolled_back = self.rolled_back();
        self.changes.iter().filter(move |change| {
            change.what != What::Rollback && !rolled_back.contains(&change.no)
        })
    }

    /// Whether the rule that a change is about was removed later, and the change with it.
    pub(crate) fn is_settled(&self, change: &Change) -> bool {
        let mut later = self.in_force().filter(|it| it.no > change.no);
        change.what == What::Remove
            || later.any(|it| it.what == What::Remove && it.rule == change.rule)
    }

    /// The numbers of what was rolled back, rollbacks among them. The last word counts.
    #[must_use]
    pub fn rolled_back(&self) -> BTreeSet<u32> {
        let mut gone = BTreeSet::new();
        for change in self.changes.iter().rev().filter(|it| it.what == What::Rollback) {
            if !gone.contains(&change.no) {
                gone.extend(change.rolls_back());
            }
        }
        gone
    }

    fn fault_of(&self, change: &Change) -> Option<String> {
        match change.what {
            What::Rollback => {
                let Some(of) = change.rolls_back() else {
                    return Some("a rollback says `no=` and the number it takes back".to_owned());
                };
                let known = self.changes.iter().any(|it| it.no == of);
                (!known).then(|| format!("there is no earlier change {of}"))
            }
            What::Add if change.key.is_none() => {
                Some("a new row needs `match` and `key`".to_owned())
            }
            What::Edit | What::Restrict | What::Import | What::Define
                if change.cells.is_empty() =>
            {
                Some(format!("`{}` says nothing in `cells`", change.what.word()))
            }
            What::Enable if change.key.is_some() => {
                Some("only rules are enabled; roll back what disabled a row".to_owned())
            }
            _ => None,
        }
    }
}

impl Change {
    /// The number that a rollback takes back.
    #[must_use]
    pub fn rolls_back(&self) -> Option<u32> {
        self.cells.get("no").filter(|_| self.what == What::Rollback)?.parse().ok()
    }

    /// Its line, as it is appended to the log.
    #[must_use]
    pub fn text(&self) -> String {
        let (kind, key) = self.key.clone().unwrap_or_default();
        let cells = [
            self.no.to_string(),
            self.at.to_string(),
            self.author.clone(),
            self.reason.clone(),
            self.what.word().to_owned(),
            self.rule.clone(),
            kind,
            key,
            self.which.text(),
            self.cells.text(),
        ];
        format!("{}\n", table::line(&cells))
    }
}

/// The number of a line. A gap is told once, where it is.
fn number(cells: &Cells<'_>, expected: u32, problems: &mut Vec<Problem>) -> Option<u32> {
    let text = cells.required("no", problems)?;
    let number = text.parse().ok();
    if number != Some(expected) {
        let message = format!(
            "`{text}` should be {expected}: changes are appended and rolled back, never taken out"
        );
        problems.push(cells.problem("R501", "no", message));
    }
    number
}

fn change(cells: &Cells<'_>, no: u32, problems: &mut Vec<Problem>) -> Option<Change> {
    let at = cells.required("at", problems).and_then(|text| {
        let at = text.parse().ok();
        if at.is_none() {
            let message = format!("`{text}` is not a time such as 2026-01-28T09:30:00");
            problems.push(cells.problem("R204", "at", message));
        }
        at
    });
    let author = cells.required("author", problems).map(str::to_owned);
    let reason = cells.required("reason", problems).map(str::to_owned);
    let what = what(cells, problems);
    let (which, said) = (list(cells, "which", problems), list(cells, "cells", problems));
    let rule = match what {
        Some(What::Rollback) => Some(""),
        _ => cells.required("rule", problems),
    };
    let rule = rule.map(str::to_owned);
    let key = match (cells.get("match"), cells.get("key")) {
        (Some(kind), Some(key)) => Some((kind.to_owned(), key.to_owned())),
        (None, None) => None,
        _ => {
            let message = "`match` and `key` belong together".to_owned();
            problems.push(cells.problem("R203", "key", message));
            return None;
        }
    };
    let line = cells.line;
    let (at, author, reason, what) = (at?, author?, reason?, what?);
    let (rule, which, cells) = (rule?, which?, said?);
    Some(Change { no, at, author, reason, what, rule, key, which, cells, line })
}

fn what(cells: &Cells<'_>, problems: &mut Vec<Problem>) -> Option<What> {
    let word = cells.required("what", problems)?;
    let what = What::NAMES.iter().find(|(known, _)| *known == word).map(|(_, what)| *what);
    if what.is_none() {
        let known: Vec<_> = What::NAMES.iter().map(|(word, _)| *word).collect();
        let message = format!("`{word}` is not one of {}", known.join(", "));
        problems.push(cells.problem("R204", "what", message));
    }
    what
}

fn list(cells: &Cells<'_>, name: &str, problems: &mut Vec<Problem>) -> Option<CellList> {
    match CellList::parse(cells.get(name).unwrap_or_default()) {
        Ok(list) => Some(list),
        Err(message) => {
            problems.push(cells.problem("R204", name, message));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read_again() {
        let text = log(
            "1,2026-11-22T09:30:00,赵药师,\"药事会\n决议，\"\"一致\"\"\",edit,daily-dose,ingredient,甲,age_from=12岁,\"max_day=2 g; item=a,b\"\n2,2026-11-22T10:00:00,赵药师,误,rollback,,,,,no=1\n",
        );
        let mut problems = Vec::new();
        let read = Log::read("f", &text, &mut problems);
        assert_eq!(problems, []);
        let again: String = read.changes().iter().map(Change::text).collect();
        assert_eq!(Log::read("f", &log(&again), &mut problems).changes().len(), 2);
        assert_eq!(again, text.split_once('\n').map(|(_, rest)| rest).unwrap_or_default());
        assert_eq!(read.next(), 3);
    }

    #[test]
    fn the_last_word_counts() {
        check_in_force("", &[1, 2]);
        check_in_force(&rollback(3, 1), &[2]);
        check_in_force(&format!("{}{}", rollback(3, 1), rollback(4, 3)), &[1, 2]);
        let thrice = format!("{}{}{}", rollback(3, 1), rollback(4, 3), rollback(5, 4));
        check_in_force(&thrice, &[2]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        check(
            "1,x,a,r,disable,d,,,,\n",
            "f:2:3: error[R204]: `x` is not a time such as 2026-01-28T09:30:00",
        );
        check(
            &line(2, "disable,d,,,,"),
            "f:2:1: error[R501]: `2` should be 1: changes are appended and rolled back, never taken out",
        );
        check(
            &line(1, "drop,d,,,,"),
            "f:2:27: error[R204]: `drop` is not one of add, edit, disable, enable, restrict, import, define, remove, rollback",
        );
        check(&line(1, "disable,,,,,"), "f:2:35: error[R203]: `rule` must not be empty");
        check(
            &line(1, "disable,d,code,,,"),
            "f:2:42: error[R203]: `match` and `key` belong together",
        );
        check(&line(1, "edit,d,,,,男"), "f:2:37: error[R204]: `男` is not name=value");
        check(&line(1, "edit,d,,,,"), "f:2:37: error[R504]: `edit` says nothing in `cells`");
        check(
            &line(1, "add,d,,,,sex=男"),
            "f:2:36: error[R504]: a new row needs `match` and `key`",
        );
        check(&line(1, "rollback,,,,,no=7"), "f:2:40: error[R504]: there is no earlier change 7");
        check(
            "1,2026-11-22T09:30:00,,,disable,d,,,,\n",
            "f:2:23: error[R203]: `author` must not be empty\nf:2:24: error[R203]: `reason` must not be empty",
        );
    }

    fn log(lines: &str) -> String {
        format!("{}{lines}", Log::header())
    }

    fn line(no: u32, rest: &str) -> String {
        format!("{no},2026-11-22T09:30:00,a,r,{rest}\n")
    }

    fn rollback(no: u32, of: u32) -> String {
        line(no, &format!("rollback,,,,,no={of}"))
    }

    #[track_caller]
    fn check_in_force(rest: &str, expected: &[u32]) {
        let text = log(&format!("{}{}{rest}", line(1, "disable,d,,,,"), line(2, "disable,e,,,,")));
        let mut problems = Vec::new();
        let log = Log::read("f", &text, &mut problems);
        assert_eq!(problems, []);
        assert_eq!(log.in_force().map(|it| it.no).collect::<Vec<_>>(), expected);
    }

    #[track_caller]
    fn check(lines: &str, expected: &str) {
        let mut problems = Vec::new();
        Log::read("f", &log(lines), &mut problems);
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.join("\n"), expected);
    }
}
