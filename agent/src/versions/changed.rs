//! Which keys of the configuration are not the same in two texts of it.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::{Table, Value};

use super::mask::masked;

/// A key that came, went or has another value. Secrets are masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Changed {
    /// `listen.his`, `channel.his-outpatient.format`.
    pub(crate) key: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// Every such key, in the order of their names. Comments and order are no difference.
pub(crate) fn changed(before: &str, after: &str) -> Vec<Changed> {
    let (before, after) = (flat(before), flat(after));
    let keys = before.keys().chain(after.keys().filter(|it| !before.contains_key(*it)));
    let mut all: Vec<Changed> = keys
        .filter(|it| before.get(*it) != after.get(*it))
        .map(|key| Changed {
            key: key.clone(),
            before: before.get(key).map(|it| shown(key, it)),
            after: after.get(key).map(|it| shown(key, it)),
        })
        .collect();
    all.sort_by(|one, other| one.key.cmp(&other.key));
    all
}

fn flat(text: &str) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    // What does not parse was refused before.
    if let Ok(table) = text.parse::<Table>() {
        walk("", &table, &mut keys);
    }
    keys
}

fn walk(prefix: &str, table: &Table, keys: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => walk(&key, inner, keys),
            Value::Array(items) if items.iter().any(Value::is_table) => {
                for (at, item) in items.iter().enumerate() {
                    let Some(inner) = item.as_table() else { continue };
                    walk(&format!("{key}.{}", called(inner, at)), inner, keys);
                }
            }
            other => {
                keys.insert(key, other.to_string());
            }
        }
    }
}

/// One of several tables goes by its name, if it has one.
fn called(table: &Table, at: usize) -> String {
    let name = ["name", "operation"].iter().find_map(|it| table.get(*it)?.as_str());
    name.map_or_else(|| (at + 1).to_string(), str::to_owned)
}

fn shown(key: &str, value: &str) -> String {
    let line = format!("{key} = {value}");
    let masked = masked(&line);
    masked.split_once(" = ").map_or(value, |it| it.1).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_in_full() {
        check("a = 1\n", "# said\na = 1\n", "");
        check("a = 1\n", "a = 2\n", "a: 1 -> 2");
        check("[log]\nlevel = \"info\"\n", "", "log.level: \"info\" -> -");
        check(
            "[[channel]]\nname = \"a\"\nformat = \"xml\"\n",
            "[[channel]]\nname = \"a\"\nformat = \"json\"\n[[channel]]\nname = \"b\"\n",
            "channel.a.format: \"xml\" -> \"json\", channel.b.name: - -> \"b\"",
        );
        check("[outbox]\nkey = \"00\"\n", "[outbox]\nkey = \"file:/k\"\n", HIDDEN);
    }

    const HIDDEN: &str = "outbox.key: \"[REDACTED]\" -> \"file:/k\"";

    #[track_caller]
    fn check(before: &str, after: &str, expected: &str) {
        let side = |it: Option<String>| it.unwrap_or_else(|| "-".to_owned());
        let told: Vec<String> = changed(before, after)
            .into_iter()
            .map(|it| format!("{}: {} -> {}", it.key, side(it.before), side(it.after)))
            .collect();
        assert_eq!(told.join(", "), expected);
    }
}
