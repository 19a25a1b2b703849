//! `answer.toml` as it was written: TOML into plain fields, each with its place, nothing judged yet.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFile {
    pub(crate) answer: RawAnswer,
}

/// `[answer]`: how the text is made, and which template says what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAnswer {
    /// For the reader only.
    #[serde(default, rename = "about")]
    pub(crate) _about: Option<String>,
    #[serde(default)]
    pub(crate) escape: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) charset: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) content_type: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) soap: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) line_end: Option<Spanned<String>>,
    /// Whether the last line ends too; most dialects have an open one.
    #[serde(default)]
    pub(crate) last_line_end: bool,
    #[serde(default)]
    pub(crate) wrap: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) status: BTreeMap<Spanned<String>, Spanned<u16>>,
    #[serde(default)]
    pub(crate) request: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub(crate) lists: BTreeMap<Spanned<String>, RawList>,
    #[serde(default)]
    pub(crate) accepted: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) warned: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) parked: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) refused: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) failed: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) passed: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) hit: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) unknown: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) degraded: Option<Spanned<String>>,
}

/// `[answer.lists.NAME]`: what repeats in the request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawList {
    pub(crate) each: Spanned<String>,
    pub(crate) values: BTreeMap<Spanned<String>, Spanned<String>>,
}
