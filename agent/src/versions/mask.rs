//! Hides secrets of a configuration before anybody is shown a line of it.
//!
//! Nearly all secrets are named by `file:`, `env:` or `credential:` and are no part of the text; what is
//! written out all the same (the password of an address on this machine, a key that was refused
//! later) must not travel with a difference.

use std::borrow::Cow;

/// A line without what only its owner should read.
pub(crate) fn masked(line: &str) -> Cow<'_, str> {
    match assigned(line) {
        Some((name, value)) if is_secret(name) && !is_named(value) => {
            Cow::Owned(format!("{name} = \"[REDACTED]\""))
        }
        _ => without_password(line),
    }
}

/// The text without them.
pub(crate) fn masked_text(text: &str) -> String {
    text.lines().map(|it| masked(it).into_owned() + "\n").collect()
}

fn assigned(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    Some((name.trim_end(), value.trim()))
}

fn is_secret(name: &str) -> bool {
    let name = name.trim_start_matches(['#', ' ']).to_ascii_lowercase();
    let name = name.rsplit('.').next().unwrap_or(&name);
    WORDS.iter().any(|it| name.contains(it)) || name == "key"
}

fn is_named(value: &str) -> bool {
    let value = value.trim_start_matches(['"', '\'']);
    let named = ["file:", "env:", "credential:"].iter().any(|it| value.starts_with(it));
    // Tables and lists of named secrets: what is written out among them was refused.
    named || value.starts_with(['{', '[']) && !value.contains("://")
}

/// `amqp://user:password@host` as `amqp://***@host`.
fn without_password(line: &str) -> Cow<'_, str> {
    let Some((before, rest)) = line.split_once("://") else { return Cow::Borrowed(line) };
    let authority = rest.split(['/', '"', '\'', ' ', '?']).next().unwrap_or(rest);
    let Some((_, host)) = authority.rsplit_once('@') else {
        return match without_password(rest) {
            Cow::Borrowed(_) => Cow::Borrowed(line),
            Cow::Owned(rest) => Cow::Owned(format!("{before}://{rest}")),
        };
    };
    let behind = rest.get(authority.len()..).unwrap_or_default();
    Cow::Owned(format!("{before}://***@{host}{}", without_password(behind)))
}

const WORDS: [&str; 5] = ["password", "passwd", "pwd", "secret", "token"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_where_they_lie_is_not() {
        check("key = \"file:/etc/k\"", "key = \"file:/etc/k\"");
        check("key = \"00ff\"", "key = \"[REDACTED]\"");
        check("# key = \"00ff\"", "# key = \"[REDACTED]\"");
        check("db.password = 'x'", "db.password = \"[REDACTED]\"");
        check("token_sha256 = \"00ff\"", "token_sha256 = \"[REDACTED]\"");
        check("keys = [\"a\", \"b\"]", "keys = [\"a\", \"b\"]");
        check("headers = { a = \"file:/x\" }", "headers = { a = \"file:/x\" }");
        check("url = \"amqp://u:p@h:1/v\"", "url = \"amqp://***@h:1/v\"");
        check(
            "urls = [\"amqp://u:p@h\", \"amqp://a\", \"amqp://u:q@i\"]",
            "urls = [\"amqp://***@h\", \"amqp://a\", \"amqp://***@i\"]",
        );
        check("name = \"a\"", "name = \"a\"");
        assert_eq!(masked_text("key = \"x\"\na = 1"), "key = \"[REDACTED]\"\na = 1\n");
    }

    #[track_caller]
    fn check(line: &str, expected: &str) {
        assert_eq!(masked(line), expected);
    }
}
