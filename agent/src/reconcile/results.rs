//! What the last comparison of each day came to: kept as a file a day, so that a journey can tell
//! whether the platform has a record, and an alert stands until the day is put right.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::forward::files::put;

/// The results of the latest days.
#[derive(Debug)]
pub(super) struct Results {
    folder: PathBuf,
    by_day: Mutex<BTreeMap<String, Outcome>>,
}

/// What a day came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    /// When it was compared, `YYYYMMDDhhmmss`.
    pub(super) at: String,
    /// `balanced`, `waiting` when only what is not confirmed yet is missing, `different`, or `unanswered`:
    /// the platform did not tell.
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
        Outcome {
            word: text(last, "outcome"),
            counts: kinds.map(|it| (it.to_owned(), count(it))).into(),
            waiting: told.get("waiting").and_then(Value::as_u64).unwrap_or(0),
            ..Outcome::default()
        }
    }

    pub(super) fn is_well(&self) -> bool {
        self.word == "balanced" && self.his_differs.is_empty()
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
        let results = Results { folder: folder.to_owned(), by_day: Mutex::new(by_day) };
        results.forget();
        Ok(results)
    }

    /// Keeps the result of a day in place of the last one. Blocks.
    pub(super) fn keep(&self, day: &str, result: Outcome, told: Value) -> io::Result<()> {
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

    /// The latest days are told; the files stay as long as the statements beside them.
    fn forget(&self) {
        let mut days = self.days();
        while days.len() > DAYS_TOLD {
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
}

fn read(path: &Path) -> Option<Kept> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn text(told: &Value, name: &str) -> String {
    told.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

const RESULT: &str = ".result.json";
const DAYS_TOLD: usize = 31;

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
