//! Every key of `agent.toml`: what it is for, in one sentence a language, and what holds without it.
//!
//! The shipped `config/agent.toml` and the manual's table of keys are written from this table; tests
//! keep both equal to it and the table equal to what is read. A new key is one entry in the file of its
//! section and one line where the section is read.

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The table it stands in: empty for the top of the file, `channel` for each `[[channel]]`.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What holds without it.
    pub without: Without,
    /// The `kind` of its table that knows it; empty when every kind does.
    pub kind: &'static str,
    /// What it is for, in Chinese, one sentence.
    pub zh: &'static str,
    /// The same in English.
    pub en: &'static str,
}

/// What holds when a key is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// This value, as TOML text.
    Default(&'static str),
    /// Nothing: the key must be given. The value is an example.
    Must(&'static str),
    /// What the sentence says: no value stands for it. The value is an example.
    Nothing(&'static str),
}

impl Without {
    /// The value to show, as TOML text.
    pub const fn value(self) -> &'static str {
        match self {
            Without::Default(value) | Without::Must(value) | Without::Nothing(value) => value,
        }
    }
}

/// Tables that are written as often as needed.
const LISTS: [&str; 4] = ["alert", "caller", "query", "subscription"];

impl Key {
    /// Whether it stands in a table of which there may be many or none.
    fn is_of_list(&self) -> bool {
        LISTS.contains(&self.section)
    }

    /// Whether it stands in a `[[channel]]` or a table inside one.
    fn is_of_channel(&self) -> bool {
        self.section == "channel" || self.section.starts_with("channel.")
    }
}

macro_rules! keys {
    ($([$section:literal $kind:literal] $($name:ident $without:ident $value:literal $zh:literal $en:literal)*)*) => {
        pub(super) const KEYS: &[super::Key] = &[$($(super::Key {
            section: $section,
            name: stringify!($name),
            without: super::Without::$without($value),
            kind: $kind,
            zh: $zh,
            en: $en,
        }),*),*];
    };
}

mod access;
mod admin;
mod alert;
mod backup;
mod calls;
mod channel;
mod check;
mod example;
mod forward;
mod hospital;
mod listen;
mod log;
mod others;
mod patrol;
mod reconcile;
mod sets;
mod store;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
mod tls;
mod versions;

pub use example::example;
pub(crate) use example::{shipped_channels, written};

/// Every key, in the order of the file.
pub fn all() -> impl Iterator<Item = &'static Key> {
    [
        hospital::KEYS,
        listen::KEYS,
        tls::KEYS,
        access::KEYS,
        admin::KEYS,
        calls::KEYS,
        sets::KEYS,
        store::KEYS,
        versions::KEYS,
        backup::KEYS,
        forward::KEYS,
        check::KEYS,
        others::KEYS,
        alert::KEYS,
        reconcile::KEYS,
        patrol::KEYS,
        log::KEYS,
        channel::KEYS,
    ]
    .into_iter()
    .flatten()
}
