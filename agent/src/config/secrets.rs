//! Secrets: named in the configuration, read from where only the agent may look, never shown.

use std::path::{Path, PathBuf};

use adapters::{Keys, Secret};

use super::section::{Complaints, Section};
use crate::master_key::{KeySource, MasterKey, NotAKey};

/// Where a secret is kept, or that none was named.
enum Named<'a> {
    File(&'a str),
    Variable(&'a str),
    /// Of systemd: a file in the folder that the service alone can read.
    Credential(&'a str),
    Bare,
}

impl Named<'_> {
    fn of(text: &str) -> Named<'_> {
        match text.split_once(':') {
            Some(("file", path)) => Named::File(path),
            Some(("env", name)) => Named::Variable(name),
            Some(("credential", name)) => Named::Credential(name),
            _ => Named::Bare,
        }
    }

    /// The text, or why there is none; nothing for what names no secret.
    fn read(&self) -> Option<Result<String, String>> {
        Some(match self {
            Named::File(path) => text_of(Path::new(path)),
            Named::Variable(name) => {
                std::env::var(name).map_err(|_| format!("the environment has no {name}"))
            }
            Named::Credential(name) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
                Some(folder) => text_of(&Path::new(&folder).join(name)),
                // A person who runs a command, and a systemd older than credentials, look where they lie.
                None => text_of(&Path::new(SECRETS).join(name)),
            },
            Named::Bare => return None,
        })
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

/// `file:PATH`, `env:NAME` or `credential:NAME`. A bare value is taken for tests and first trials only
/// when it holds no password.
pub(super) fn secret(
    section: &mut Section<'_, '_>,
    key: &'static str,
    to: &mut Complaints<'_>,
) -> String {
    let named = section.required(key, to);
    let place = section.offset_of(key);
    reveal(named, key, place, to)
}

/// A password or a key, if one is given: named, and never written out.
pub(super) fn named_secret(
    section: &mut Section<'_, '_>,
    key: &'static str,
    to: &mut Complaints<'_>,
) -> Option<String> {
    let named = section.text(key, to)?;
    let place = section.offset_of(key);
    if matches!(Named::of(&named), Named::Bare) {
        let message = format!(
            "`{key}` is written out: write it to a file and name it, {key} = \"file:PATH\", \
             \"env:NAME\" or \"credential:NAME\""
        );
        to.error("A010", place, message);
        return None;
    }
    Some(reveal(named, key, place, to))
}

/// The address of a robot, which may hold its key; then it is named.
pub(super) fn hook_secret(
    section: &mut Section<'_, '_>,
    key: &'static str,
    to: &mut Complaints<'_>,
) -> Option<String> {
    let named = section.text(key, to).filter(|it| !it.is_empty())?;
    let holds_key = ["key=", "token=", "secret="].iter().any(|it| named.contains(it));
    if holds_key && matches!(Named::of(&named), Named::Bare) {
        return named_secret(section, key, to);
    }
    let place = section.offset_of(key);
    Some(reveal(named, key, place, to))
}

/// The connection string of a driver. One that is written out may hold no password.
pub(super) fn connection(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> String {
    let named = section.required("connection", to);
    let place = section.offset_of("connection");
    let lower = named.to_ascii_lowercase();
    let is_bare = matches!(Named::of(&named), Named::Bare);
    if is_bare && ["pwd", "password"].iter().any(|it| lower.contains(it)) {
        let message = "`connection` holds a password: write it to a file and name it, \
                       connection = \"file:PATH\", \"env:NAME\" or \"credential:NAME\"";
        to.error("A010", place, message.to_owned());
    }
    reveal(named, "connection", place, to)
}

/// Further addresses of the broker's cluster, each named or written as `secret` wants it.
pub(super) fn addresses(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Vec<String> {
    let named = section.texts("urls", to);
    let place = section.offset_of("urls");
    named.into_iter().map(|it| reveal(it, "urls", place, to)).collect()
}

/// The text of a PEM file, which must at least look like one.
pub(super) fn pem(
    section: &Section<'_, '_>,
    key: &'static str,
    path: Option<&str>,
    to: &mut Complaints<'_>,
) -> Option<String> {
    let problem = match text_of(Path::new(path?)) {
        Ok(text) if text.contains("-----BEGIN ") => return Some(text),
        Ok(_) => "there is no PEM text in the file".to_owned(),
        Err(problem) => problem,
    };
    to.error("A009", section.offset_of(key), format!("`{key}`: {problem}"));
    None
}

fn reveal(named: String, key: &str, place: usize, to: &mut Complaints<'_>) -> String {
    match Named::of(&named).read() {
        Some(Ok(text)) => return text,
        Some(Err(why)) => {
            to.error("A009", place, format!("`{key}`: {why}"));
            return String::new();
        }
        None => {}
    }
    if named.split_once("://").is_some_and(|(_, rest)| rest.contains('@') && rest.contains(':'))
        && named.split('@').next().is_some_and(|it| it.matches(':').count() > 1)
    {
        let message = format!(
            "`{key}` holds a password: write it to a file and name it, {key} = \"file:PATH\", or \"env:NAME\""
        );
        to.error("A010", place, message);
    }
    named
}

/// The key of the store, and its file if it lies in one. Without a word it lies beside the store, and
/// is read when the store is opened.
pub(super) fn store_key(
    section: &mut Section<'_, '_>,
    store: &Path,
    to: &mut Complaints<'_>,
) -> (KeySource, Option<PathBuf>) {
    match named_key(section, to) {
        Some((key, file)) => (KeySource::Given(key), file),
        None => (KeySource::Beside, Some(KeySource::beside(store))),
    }
}

/// A key for backups alone, if one is named.
pub(super) fn backup_key(
    section: &mut Section<'_, '_>,
    to: &mut Complaints<'_>,
) -> Option<MasterKey> {
    named_key(section, to).map(|(key, _)| key)
}

/// The key that a table names, and its file if it lies in one. `None` without a word, or when it is not
/// to be had, which is told.
fn named_key(
    section: &mut Section<'_, '_>,
    to: &mut Complaints<'_>,
) -> Option<(MasterKey, Option<PathBuf>)> {
    let named = section.text("key", to)?;
    let place = section.offset_of("key");
    let named = Named::of(&named);
    let file = match named {
        Named::File(path) => Some(PathBuf::from(path)),
        Named::Variable(_) | Named::Credential(_) | Named::Bare => None,
    };
    let why = match named.read() {
        Some(Ok(text)) => match text.parse() {
            Ok(key) => return Some((key, file)),
            Err(NotAKey) => format!("`key`: {NotAKey}"),
        },
        Some(Err(why)) => match file.as_ref().filter(|it| !it.exists()) {
            Some(missing) => format!(
                "`key`: {why}; bring the file back; only for a store that does not exist yet: his-agent keys \
                 make {}",
                missing.display()
            ),
            None => format!("`key`: {why}"),
        },
        None => {
            let message = "`key` is written out: write it to a file and name it, key = \"file:PATH\", \
                           \"env:NAME\" or \"credential:NAME\"";
            to.error("A010", place, message.to_owned());
            return None;
        }
    };
    to.error("A009", place, why);
    None
}

/// Headers that prove a caller, each named and none written out.
pub(super) fn headers(
    section: &mut Section<'_, '_>,
    to: &mut Complaints<'_>,
) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (name, named, place) in section.secrets("headers", to) {
        let is_token = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
        match Named::of(&named).read() {
            _ if name.is_empty() || !name.chars().all(is_token) => {
                to.error("A006", place, format!("`{name}` is no name of a header"));
            }
            None => {
                let message = format!(
                    "the header `{name}` is written out: write it to a file and name it, {name} = \"file:PATH\", \
                     \"env:NAME\" or \"credential:NAME\""
                );
                to.error("A010", place, message);
            }
            Some(Err(why)) => to.error("A009", place, format!("the header `{name}`: {why}")),
            Some(Ok(text))
                if !text.is_empty() && text.chars().all(|it| matches!(it, ' '..='~')) =>
            {
                headers.push((name, text));
            }
            Some(Ok(_)) => {
                let message =
                    format!("the header `{name}` is empty, or has characters that no header has");
                to.error("A009", place, message);
            }
        }
    }
    headers
}

/// The keys of a channel, each named and none written out.
pub(super) fn keys(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Keys {
    let mut keys = Keys::new();
    for (name, named, place) in section.secrets("keys", to) {
        match Named::of(&named).read() {
            None => {
                let message = format!(
                    "the key `{name}` is written out: write it to a file and name it, {name} = \"file:PATH\", \
                     \"env:NAME\" or \"credential:NAME\""
                );
                to.error("A010", place, message);
            }
            Some(Err(why)) => to.error("A009", place, format!("the key `{name}`: {why}")),
            Some(Ok(text)) => {
                if let Some(secret) = Secret::parse(&text) {
                    keys.insert(name, secret);
                } else {
                    let message = format!("the key `{name}` is empty, or not what it says it is");
                    to.error("A009", place, message);
                }
            }
        }
    }
    keys
}

/// Where the unit takes credentials from.
pub(super) const SECRETS: &str = "/etc/his-agent/secrets";
