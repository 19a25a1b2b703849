//! What was known of a patient at a moment, in the daemon's hands or on its way to a command.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::civil::Date;
use rules::Facts;
use rules::past::{self, Noted};

use super::codec;
use super::recall::encounter;

/// A past as it stood then, and from which day on it is complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownThen {
    pub(super) noted: Vec<Noted>,
    pub(super) since: Option<Date>,
}

impl KnownThen {
    /// Puts it beside what the caller sent.
    pub(crate) fn fill(self, facts: &mut Facts) {
        let kept = past::gather(self.noted, encounter(facts).as_deref());
        past::merge(&kept, self.since, facts);
    }

    /// As one text, for a command that judges a check once more.
    pub(crate) fn to_text(&self) -> String {
        let mut content = Vec::new();
        self.noted.iter().for_each(|it| codec::write(it, &mut content));
        let since = self.since.map(|it| it.to_string()).unwrap_or_default();
        format!("{since} {}", BASE64_STANDARD.encode(content))
    }

    /// Reads what [`KnownThen::to_text`] wrote.
    pub(crate) fn from_text(text: &str) -> Option<KnownThen> {
        let (since, content) = text.split_once(' ')?;
        let mut noted = Vec::new();
        codec::read(&BASE64_STANDARD.decode(content).ok()?, &mut noted);
        Some(KnownThen { noted, since: since.parse().ok() })
    }
}
