//! What the last comparison of each day came to: kept as a file a day, so that a journey can tell
//! whether the platform has a record, and an alert stands until the day is put right.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::follow::day_of;
use crate::forward::files::put;
use crate::{clock, pipeline};

/// The results of the latest days.
#[derive(Debug)]
pub(super) struct Results {
    folder: PathBuf,
    by_day: Mutex<BTreeMap<String, Outcome>>,
    /// Days that have got records since they were last looked at.
    grown: Mutex<BTreeSet<String>>,
}

/// What a day came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    /// When it was compared, `YYYYMMDDhhmmss`.
    pub(super) at: String,
    /// `balanced`, `waiting` when only what is not confirmed yet is missing, `different`, `unanswered`:
    /// the platform did not tell, or `open`: it was balanced, and has got more records since.
    #[serde(rename = "outcome")]
    pub(super) word: String,
    /// Of what kept it from being told.
    pub(super) code: String,
    pub(super) reason: String,
    /// Records by what is wrong with them.
    pub(super) counts: BTreeMap<String, u64>,
    /// Channels whose HIS has other totals than we.
    pub(super) his_differs: Vec<String>,
    /// Records that were not confirmed yet.
    pub(super) waiting: u64,
    /// Stretches that cannot be read here, and that the platform had not named.
    pub(super) unread: u64,
    /// Nobody asked: it was time.
    pub(super) automatic: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    result: Outcome,
    told: Value,
}

impl Outcome {
    /// What a comparison told; after a repair, what was left.
    pub(super) fn of(told: &Value) -> Outcome {
        let last = told.get("left").unwrap_or(told);
        let kinds = ["missing", "different", "unknown", "doubled"];
        let count =
            |kind: &str| last.get(kind).and_then(Value::as_array).map_or(0, Vec::len) as u64;
        let unread = count("unread");
        Outcome {
            word: text(last, "outcome"),
            counts: kinds.map(|it| (it.to_owned(), count(it))).into(),
            waiting: told.get("waiting").and_then(Value::as_u64).unwrap_or(0),
            unread,
            ..Outcome::default()
        }
    }

    pub(super) fn is_well(&self) -> bool {
        self.word == "balanced" && self.his_differs.is_empty()
    }

    /// Whether it is to be compared again, although the day was over. What differs waits for a person.
    pub(super) fn is_open(&self) -> bool {
        let is_open = matches!(self.word.as_str(), "unanswered" | "open");
        // What nobody can read the platform may name tomorrow, and not in ten minutes.
        let is_of_before = || self.at.get(..8) < pipeline::stamp(clock::now()).get(..8);
        is_open || self.waiting > 0 || self.unread > 0 && is_of_before()
    }

    /// Whether the day was over when it was compared.
    pub(super) fn is_of_whole(&self, day: &str) -> bool {
        self.at.get(..8) > Some(day)
    }

    fn told(&self, day: &str) -> Value {
        let mut told = json!(self);
        if let Some(members) = told.as_object_mut() {
            members.insert("day".to_owned(), day.into());
        }
        told
    }
}

impl Results {
    /// Reads those of the latest days.
    pub(super) fn open(folder: &Path) -> io::Result<Results> {
        let mut by_day = BTreeMap::new();
        if folder.exists() {
            for entry in fs::read_dir(folder)? {
                let name = entry?.file_name().into_string().unwrap_or_default();
                let Some(day) = name.strip_suffix(RESULT) else { continue };
                let kept = read(&folder.join(&name));
                by_day.extend(kept.map(|it| (day.to_owned(), it.result)));
            }
        }
        let (by_day, grown) = (Mutex::new(by_day), Mutex::default());
        let results = Results { folder: folder.to_owned(), by_day, grown };
        results.forget();
        Ok(results)
    }

    /// Keeps the result of a day in place of the last one. Blocks.
    pub(super) fn keep(&self, day: &str, mut result: Outcome, told: Value) -> io::Result<()> {
        // Meanwhile it may have got what was no part of the comparison.
        if self.has_grown(day) && result.word == "balanced" && result.is_of_whole(day) {
            "open".clone_into(&mut result.word);
        }
        fs::create_dir_all(&self.folder)?;
        let kept = Kept { result, told };
        put(&self.folder, &format!("{day}{RESULT}"), &serde_json::to_vec(&kept)?)?;
        self.days().insert(day.to_owned(), kept.result);
        self.forget();
        Ok(())
    }

    /// What a HIS has sent of a day that was compared already counts too. Blocks.
    pub(super) fn amend(&self, day: &str, his_differs: Vec<String>) -> io::Result<()> {
        let Some(known) = self.of(day).filter(|it| it.his_differs != his_differs) else {
            return Ok(());
        };
        let told = read(&self.folder.join(format!("{day}{RESULT}"))).map(|it| it.told);
        self.keep(day, Outcome { his_differs, ..known }, told.unwrap_or_default())
    }

    /// A day is about to get records: what was found of it, when it was over, was not all. Blocks.
    pub(super) fn grows(&self, day: &str) {
        self.grown().insert(day.to_owned());
        let Some(known) = self.of(day) else { return };
        if known.word != "balanced" || !known.is_of_whole(day) {
            return;
        }
        tracing::warn!(
            day,
            "a day that was balanced has got more records: it is to be compared again"
        );
        let told = read(&self.folder.join(format!("{day}{RESULT}"))).map(|it| it.told);
        if let Err(error) = self.keep(day, known, told.unwrap_or_default()) {
            tracing::error!(%error, day, "that a day is open again could not be kept");
        }
    }

    /// All that has come until now is looked at.
    pub(super) fn looked_at(&self, day: &str) {
        self.grown().remove(day);
    }

    fn has_grown(&self, day: &str) -> bool {
        self.grown().contains(day)
    }

    /// The days to compare again, the one that was tried longest ago first.
    pub(super) fn open_days(&self) -> Vec<String> {
        let days = self.days();
        let open = days.iter().filter(|(_, it)| it.is_open());
        let mut open: Vec<(&str, &String)> = open.map(|(day, it)| (it.at.as_str(), day)).collect();
        open.sort_unstable();
        open.into_iter().map(|(_, day)| day.clone()).collect()
    }

    /// Of days before this one there is no account any more: nothing can be done about them.
    pub(super) fn forget_before(&self, day: u32) {
        self.days().retain(|it, _| day_of(it) >= day);
        self.grown().retain(|it| day_of(it) >= day);
    }

    /// The latest days are told, and before them those that are not well; the files stay as long as the
    /// statements beside them.
    fn forget(&self) {
        let mut days = self.days();
        let mut left_over = days.len().saturating_sub(DAYS_TOLD);
        days.retain(|_, it| {
            let is_kept = left_over == 0 || !it.is_well();
            left_over = left_over.saturating_sub(1);
            is_kept
        });
        while days.len() > DAYS_MAX {
            days.pop_first();
        }
    }

    pub(super) fn of(&self, day: &str) -> Option<Outcome> {
        self.days().get(day).cloned()
    }

    /// How the account stands: the latest day, and each that is not well.
    pub(super) fn standing(&self) -> Value {
        let days = self.days();
        let last = days.last_key_value().map(|(day, it)| it.told(day));
        let alerts = days.iter().filter(|(_, it)| !it.is_well()).map(|(day, it)| it.told(day));
        json!({ "last": last, "alerts": alerts.collect::<Vec<_>>() })
    }

    /// How many of the latest days are not well.
    pub(super) fn unwell(&self) -> u64 {
        self.days().values().filter(|it| !it.is_well()).count() as u64
    }

    /// What the platform was found to have of a record that was confirmed at a time. Blocks.
    pub(super) fn of_record(
        &self,
        day: &str,
        record_id: &str,
        confirmed_at: &str,
    ) -> Option<Value> {
        let Kept { result, told } = read(&self.folder.join(format!("{day}{RESULT}")))?;
        // What was confirmed later was not part of it.
        if result.at.as_str() < confirmed_at || result.word == "unanswered" {
            return None;
        }
        let last = told.get("left").unwrap_or(&told);
        let has = |kind: &str| {
            let records = last.get(kind).and_then(Value::as_array);
            records.is_some_and(|it| it.iter().any(|it| text(it, "record_id") == record_id))
        };
        let partly = last.get("partly") == Some(&Value::Bool(true));
        let found = match (has("missing"), has("different"), partly) {
            (true, ..) => "missing",
            (_, true, _) => "different",
            (.., true) => return None,
            _ => "stored",
        };
        let statement = told.pointer("/statement/file").cloned().unwrap_or_default();
        Some(json!({ "outcome": found, "at": result.at, "statement": statement }))
    }

    fn days(&self) -> MutexGuard<'_, BTreeMap<String, Outcome>> {
        self.by_day.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grown(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.grown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Option<Kept> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn text(told: &Value, name: &str) -> String {
    told.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

const RESULT: &str = ".result.json";
const DAYS_TOLD: usize = 31;
/// More than the account is kept for.
const DAYS_MAX: usize = 400;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_is_not_well_is_told_until_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::open(folder.path()).unwrap();
        keep(&results, &json!({ "outcome": "different", "missing": [{ "record_id": "r1" }] }));
        check(&results, "different 1", Some("missing"), Some("stored"));
        keep(&results, &json!({ "outcome": "different", "left": { "outcome": "balanced" } }));
        check(&results, "balanced 0", Some("stored"), Some("stored"));
        check(&Results::open(folder.path()).unwrap(), "balanced 0", Some("stored"), Some("stored"));
        let silent = Outcome { word: "unanswered".to_owned(), ..Outcome::default() };
        results.keep("20261122", silent, Value::Null).unwrap();
        check(&results, "unanswered 1", None, None);
    }

    /// A balanced day that gets more records is open until it is compared anew; one that was compared before it
    /// was over is open anyway.
    #[test]
    fn a_balanced_day_that_grows_is_open_again() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::open(folder.path()).unwrap();
        let balanced = json!({ "outcome": "balanced", "a": 1 });
        let is_open = |results: &Results| results.of("20261122").is_some_and(|it| it.is_open());
        keep(&results, &balanced);
        results.looked_at("20261122");
        assert!(!is_open(&results));
        results.grows("20261122");
        assert!(is_open(&results) && results.unwell() == 1);
        assert_eq!(read(&folder.path().join("20261122.result.json")).unwrap().told, balanced);
        let again = Results::open(folder.path()).unwrap();
        assert_eq!(again.open_days(), ["20261122"], "over a start");
        // Compared, and more came meanwhile.
        keep(&results, &balanced);
        assert!(is_open(&results));
        results.looked_at("20261122");
        keep(&results, &balanced);
        assert!(!is_open(&results) && results.unwell() == 0);
        let early = Outcome { at: "20261122235959".to_owned(), ..Outcome::of(&balanced) };
        results.keep("20261122", early, balanced).unwrap();
        results.grows("20261122");
        assert_eq!(results.of("20261122").unwrap().word, "balanced");
        results.forget_before(20_261_123);
        assert!(results.of("20261122").is_none());
    }

    /// Whatever is not well is told until it is, or until its account is gone.
    #[test]
    fn days_that_are_not_well_are_told_beyond_a_month() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::open(folder.path()).unwrap();
        for number in 1..=60 {
            let day = format!("2026{:02}{:02}", 1 + number / 30, 1 + number % 28);
            let word = if number % 2 == 0 { "balanced" } else { "unanswered" };
            let at = format!("202612310000{number:02}");
            let result = Outcome { word: word.to_owned(), at, ..Outcome::default() };
            results.keep(&day, result, Value::Null).unwrap();
        }
        let told = results.days().len();
        let unwell = usize::try_from(results.unwell()).unwrap();
        assert!(told > DAYS_TOLD && unwell > 20, "{told} {unwell}");
        assert_eq!(results.open_days().len(), unwell);
    }

    fn keep(results: &Results, told: &Value) {
        let result = Outcome { at: "20261123063000".to_owned(), ..Outcome::of(told) };
        results.keep("20261122", result, told.clone()).unwrap();
    }

    #[track_caller]
    fn check(results: &Results, expected: &str, first: Option<&str>, other: Option<&str>) {
        let last = results.standing()["last"]["outcome"].as_str().unwrap_or_default().to_owned();
        assert_eq!(format!("{last} {}", results.unwell()), expected);
        let of = |id: &str, at: &str| {
            let told = results.of_record("20261122", id, at);
            told.map(|it| it["outcome"].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(of("r1", "20261122101010").as_deref(), first);
        assert_eq!(of("r2", "20261122101010").as_deref(), other);
        assert_eq!(of("r1", "20261123063001"), None, "confirmed since");
    }
}
