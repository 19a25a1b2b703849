//! Repairs before reading, each off until a channel asks for it.
//!
//! Some senders cannot be changed: one puts a whole HTTP head in front of its XML, one leaves
//! delimiters of its database in its texts. What is repaired is exactly what was asked for, and a
//! note tells that it was done.

/// What to repair in a body before it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepare {
    /// Cut what stands before the first such text; nothing is cut where there is none.
    pub skip_to: Option<String>,
    /// Take out control characters other than tab, carriage return and line feed.
    pub strip_controls: bool,
    /// Take out NULs wherever they stand.
    pub strip_nuls: bool,
}

/// What [`Input::new`](crate::Input::new) asks for.
pub(crate) static NOTHING: Prepare =
    Prepare { skip_to: None, strip_controls: false, strip_nuls: false };
