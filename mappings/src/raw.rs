//! A mapping file as it was written: TOML into plain fields, each with its place, nothing judged yet.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// One `.toml` file below `mappings/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFile {
    pub(crate) mapping: RawMapping,
    #[serde(default)]
    pub(crate) open: Vec<RawOpen>,
    #[serde(default)]
    pub(crate) verify: Vec<RawVerify>,
    #[serde(default)]
    pub(crate) group: Vec<RawGroup>,
    #[serde(default)]
    pub(crate) codes: BTreeMap<Spanned<String>, RawCodes>,
    #[serde(default)]
    pub(crate) tables: BTreeMap<Spanned<String>, RawTable>,
    #[serde(default)]
    pub(crate) units: BTreeMap<Spanned<String>, RawUnits>,
    #[serde(default)]
    pub(crate) record: Vec<Spanned<RawRecord>>,
}

/// `[mapping]`: what the file is and when it applies.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMapping {
    pub(crate) name: Spanned<String>,
    #[serde(default)]
    pub(crate) version: Option<String>,
    /// For the reader only: which system, which message, what to know.
    #[serde(default, rename = "about")]
    pub(crate) _about: Option<String>,
    /// The regional version of the standard to prove against; the hospital's own by default.
    #[serde(default)]
    pub(crate) profile: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) when: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) lane: Option<Spanned<String>>,
    /// Texts that are no value wherever they stand alone.
    #[serde(default)]
    pub(crate) null_words: Vec<String>,
    /// Expressions that are asked once a message, for what they complain of.
    #[serde(default)]
    pub(crate) checks: Vec<Spanned<String>>,
}

/// `[[open]]`: a field that holds another document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawOpen {
    pub(crate) at: Spanned<String>,
    /// A word, or a list of words from left to right.
    #[serde(rename = "as")]
    pub(crate) inner: Spanned<toml::Value>,
    #[serde(default)]
    pub(crate) skip_to: Option<Spanned<String>>,
    /// The name of the key that the cipher among `as` is used with.
    #[serde(default)]
    pub(crate) key: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) iv: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) padding: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) rows: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) columns: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) quote: Option<Spanned<String>>,
    /// A list of names, or `"first-row"`.
    #[serde(default)]
    pub(crate) names: Option<Spanned<toml::Value>>,
}

/// `[[verify]]`: a signature that must be right.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawVerify {
    pub(crate) sign: Spanned<String>,
    pub(crate) method: Spanned<String>,
    /// Expressions, `$key` and `$sorted`, one behind the other.
    pub(crate) over: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(crate) key: Option<Spanned<String>>,
    /// The fields of `$sorted`.
    #[serde(default)]
    pub(crate) sorted: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) equals: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) between: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) charset: Option<Spanned<String>>,
}

/// `[[group]]`: flat siblings that belong together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawGroup {
    #[serde(default, rename = "in")]
    pub(crate) parent: Option<Spanned<String>>,
    pub(crate) starts: Spanned<String>,
    #[serde(rename = "as")]
    pub(crate) name: Spanned<String>,
    #[serde(default)]
    pub(crate) ends: Vec<Spanned<String>>,
}

/// `[codes.NAME]`: one code map of this source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCodes {
    /// The value domain every target must come from; none for a plain vocabulary.
    #[serde(default)]
    pub(crate) domain: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) file: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) unknown: Option<Spanned<String>>,
}

/// `[tables.NAME]`: what the source leaves out of its messages, by key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTable {
    #[serde(default)]
    pub(crate) file: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) unknown: Option<Spanned<String>>,
}

/// `[units.NAME]`: the factors between this source's units.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawUnits {
    #[serde(default)]
    pub(crate) file: Option<Spanned<String>>,
}

/// `[[record]]`: which records one message gives.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRecord {
    pub(crate) entity: Spanned<String>,
    #[serde(default)]
    pub(crate) each: Option<Spanned<String>>,
    #[serde(default, rename = "where")]
    pub(crate) filter: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) distinct: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) differ: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) slots: Option<Spanned<Vec<Vec<Spanned<String>>>>>,
    #[serde(default)]
    pub(crate) lane: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) key: Option<Vec<Spanned<String>>>,
    pub(crate) elements: BTreeMap<Spanned<String>, Spanned<String>>,
}
