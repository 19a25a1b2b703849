//! Repairs before reading, each off until a channel asks for it.
//!
//! Some senders cannot be changed: one puts a whole HTTP head in front of its XML, one leaves
//! delimiters of its database in its texts. What is repaired is exactly what was asked for, and a
//! note tells that it was done. Some encrypt the whole body, which is undone first.

use std::borrow::Cow;

use crate::codes::{CONTROLS_TAKEN_OUT, NULS_TAKEN_OUT, SKIPPED};
use crate::error::{DecodeError, Note};
use crate::limits::Limits;
use crate::opening::Transfer;
use crate::transfer;

/// What to repair in a body before it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepare {
    /// What the whole body was wrapped in, in the order in which it is undone; before all else.
    pub unwrap: Vec<Transfer>,
    /// Cut what stands before the first such text; nothing is cut where there is none.
    pub skip_to: Option<String>,
    /// Take out control characters other than tab, carriage return and line feed.
    pub strip_controls: bool,
    /// Take out NULs wherever they stand.
    pub strip_nuls: bool,
}

/// What [`Input::new`](crate::Input::new) asks for.
pub(crate) static NOTHING: Prepare =
    Prepare { unwrap: Vec::new(), skip_to: None, strip_controls: false, strip_nuls: false };

impl Prepare {
    /// The body that the one that was sent carries. Places count in it from then on.
    pub(crate) fn unwrapped<'a>(
        &self,
        sent: &'a [u8],
        limits: &Limits,
    ) -> Result<Cow<'a, [u8]>, DecodeError> {
        if self.unwrap.is_empty() {
            return Ok(Cow::Borrowed(sent));
        }
        transfer::unwrapped(sent, &self.unwrap, limits).map(Cow::Owned)
    }

    /// How many bytes in front of a text are not to be read.
    pub(crate) fn cut(&self, text: &str, notes: &mut Vec<Note>) -> usize {
        let cut = self.skip_to.as_deref().and_then(|it| text.find(it)).unwrap_or(0);
        if cut > 0 {
            notes.push(Note::at(&SKIPPED, cut));
        }
        cut
    }

    /// Takes the characters out that the channel wants out. `is_framed` spares the two that make an
    /// MLLP frame.
    pub(crate) fn strip<'a>(
        &self,
        text: &'a str,
        is_framed: bool,
        notes: &mut Vec<Note>,
    ) -> Cow<'a, str> {
        let goes = |it: char| self.takes_out(it, is_framed);
        let Some(first) = self.strips().then(|| text.find(goes)).flatten() else {
            return Cow::Borrowed(text);
        };
        let entry = if text.get(first..).is_some_and(|it| it.starts_with('\0')) {
            &NULS_TAKEN_OUT
        } else {
            &CONTROLS_TAKEN_OUT
        };
        notes.push(Note::at(entry, first));
        Cow::Owned(text.chars().filter(|it| !goes(*it)).collect())
    }

    /// What of the text as it was decoded became `stripped`, the beginning of what was made of it.
    pub(crate) fn before_strip<'a>(
        &self,
        decoded: &'a str,
        stripped: &str,
        is_framed: bool,
    ) -> &'a str {
        let mut left = stripped.len();
        let end = decoded.char_indices().find_map(|(at, character)| {
            if self.takes_out(character, is_framed) {
                return None;
            }
            let is_there = left == 0;
            left = left.saturating_sub(character.len_utf8());
            is_there.then_some(at)
        });
        decoded.get(..end.unwrap_or(decoded.len())).unwrap_or(decoded)
    }

    const fn strips(&self) -> bool {
        self.strip_controls || self.strip_nuls
    }

    const fn takes_out(&self, character: char, is_framed: bool) -> bool {
        match character {
            '\0' => self.strip_nuls,
            '\t' | '\r' | '\n' => false,
            '\u{B}' | '\u{1C}' if is_framed => false,
            '\u{1}'..='\u{1F}' | '\u{7F}' => self.strip_controls,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_repaired() {
        let nothing = Prepare::default();
        let controls = Prepare { strip_controls: true, ..Prepare::default() };
        let nuls = Prepare { strip_nuls: true, ..Prepare::default() };
        let skip = Prepare { skip_to: Some("<".to_owned()), ..Prepare::default() };
        check(&nothing, "P <a>\u{1}\0</a>", "P <a>\u{1}\0</a>");
        check(&controls, "\u{B}a\u{1}\0\t\r\n\u{7F}李", "a\0\t\r\n李 D908");
        check(&nuls, "a\u{1}\0b", "a\u{1}b D909");
        check(&skip, "POST / HTTP/1.1\r\n\r\n<a>b<c", "<a>b<c D907");
        check(&skip, "<a>", "<a>");
        check(&skip, "a=1", "a=1");
    }

    #[test]
    fn places_can_be_led_back() {
        let controls = Prepare { strip_controls: true, ..Prepare::default() };
        let decoded = "\u{1}a\u{1}\u{2}李b";
        assert_eq!(controls.before_strip(decoded, "a", false), "\u{1}a\u{1}\u{2}");
        assert_eq!(controls.before_strip(decoded, "a李", false), "\u{1}a\u{1}\u{2}李");
        assert_eq!(controls.before_strip(decoded, "a李b", false), decoded);
    }

    #[track_caller]
    fn check(prepare: &Prepare, text: &str, expected: &str) {
        let mut notes = Vec::new();
        let stripped = prepare.strip(text, false, &mut notes);
        let cut = prepare.cut(&stripped, &mut notes);
        let notes: Vec<_> = notes.iter().map(|it| format!(" {}", it.code())).collect();
        assert_eq!(
            format!("{}{}", stripped.get(cut..).unwrap_or_default(), notes.concat()),
            expected
        );
    }
}
