//! What the commands share that ask the running daemon: the way to it, what is said when it does not answer,
//! an address with what is wanted of a list, and the members of an answer.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::{ConfigArgument, Exit, tell};
use crate::config::Config;
use crate::control::client;
use crate::control::client::ControlError;

/// Asks over the control socket that the configuration names.
pub(super) fn ask(
    config: &ConfigArgument,
    asked: impl FnOnce(&Path) -> Result<Exit, ControlError>,
) -> Exit {
    match Config::load(&config.config) {
        Ok(config) => asked(&config.control.socket).unwrap_or_else(|error| unanswered(&error)),
        Err(problems) => tell(&problems),
    }
}

/// Tells why the daemon did not do it, and gives the exit code for that.
pub(super) fn unanswered(error: &ControlError) -> Exit {
    eprintln!("{error}");
    match error {
        ControlError::Unreachable { .. } | ControlError::Silent { .. } => Exit::Unavailable,
        ControlError::Refused { status: 422, .. } => Exit::Config,
        ControlError::Refused { status: 500.., .. } | ControlError::Garbled(_) => Exit::Internal,
        ControlError::Refused { .. } => Exit::Usage,
    }
}

/// An address with those of the wanted that are given.
pub(super) fn address(path: &str, wanted: &[(&str, &Option<String>)]) -> String {
    let mut address = path.to_owned();
    let given = wanted.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    for ((name, value), mark) in given.zip(std::iter::once('?').chain(std::iter::repeat('&'))) {
        let _ = write!(address, "{mark}{name}={}", client::escaped(value));
    }
    address
}

/// The members of a list; none where there is no list.
pub(super) fn list<'a>(told: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    told.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A text without its quotes, anything else as it is written, nothing as a dash.
pub(super) fn text(told: &Value, name: &str) -> String {
    match told.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// Writes each member of a list, for programs or in a line for people.
pub(super) fn say_each(told: &Value, name: &str, as_json: bool, line: impl Fn(&Value) -> String) {
    for it in list(told, name) {
        if as_json {
            say!("{it}");
        } else {
            say!("{}", line(it));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_was_typed() {
        let given = [
            ("from", &None),
            ("encounter", &Some("住院 1&2".to_owned())),
            ("limit", &Some("5".to_owned())),
        ];
        assert_eq!(address("/x", &given), "/x?encounter=%E4%BD%8F%E9%99%A2%201%262&limit=5");
    }
}
