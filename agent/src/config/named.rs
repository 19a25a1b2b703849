//! The files that a configuration names: secrets by `file:`, certificates by keys that end in `_file`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Files by their full paths, from a text that need not be right otherwise.
pub(crate) fn files(text: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    if let Ok(table) = text.parse::<Table>() {
        table.iter().for_each(|(key, value)| walk(key, value, &mut named));
    }
    named
}

/// Where the key of the store lies, by a text that need not be right otherwise. `None` when no file says it.
pub(crate) fn store_key_file(text: &str, beside: PathBuf) -> Option<PathBuf> {
    let table: Table = text.parse().unwrap_or_default();
    let Some(key) = table.get("outbox").and_then(|it| it.get("key")).and_then(Value::as_str) else {
        return Some(beside);
    };
    match key.split_once(':') {
        Some(("file", path)) => Some(PathBuf::from(path)),
        Some(("credential", name)) => Some(Path::new(super::secrets::SECRETS).join(name)),
        _ => None,
    }
}

fn walk(key: &str, value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let path = text.strip_prefix("file:").or_else(|| is_file(key).then_some(text));
            named.extend(path.filter(|it| it.starts_with('/')).map(str::to_owned));
        }
        Value::Array(items) => items.iter().for_each(|it| walk(key, it, named)),
        Value::Table(table) => table.iter().for_each(|(key, it)| walk(key, it, named)),
        _ => {}
    }
}

/// Keys whose value is the path of a file: certificates, templates.
fn is_file(key: &str) -> bool {
    key.ends_with("_file") || key == "template"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_certificates_are_found_wherever_they_are_named() {
        let text = "[forward]\nurl = \"file:/s/url\"\nurls = [\"file:/s/url2\", \"amqp://x\"]\n\
                    ca_file = \"/s/ca.pem\"\n[[channel]]\nname = \"a\"\nkeys = { k = \"file:/s/k\" }\n\
                    [channel.mllp]\ncert_file = \"/s/cert.pem\"\nlisten = \"file\"\n";
        let found: Vec<String> = files(text).into_iter().collect();
        assert_eq!(found, ["/s/ca.pem", "/s/cert.pem", "/s/k", "/s/url", "/s/url2"]);
    }

    #[test]
    fn the_key_of_the_store_lies_where_the_service_is_shown_it_from() {
        let check = |line: &str, expected: Option<&str>| {
            let found = store_key_file(&format!("[outbox]\n{line}"), PathBuf::from("/d/store.key"));
            assert_eq!(found.as_deref(), expected.map(Path::new), "{line}");
        };
        check("", Some("/d/store.key"));
        check("key = \"file:/s/key\"", Some("/s/key"));
        check("key = \"credential:master.key\"", Some("/etc/his-agent/secrets/master.key"));
        check("key = \"env:KEY\"", None);
        check("key = \"0011\"", None);
    }
}
