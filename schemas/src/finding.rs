//! What validation or mapping says about one value: data, not an error.

/// What is to be said about one value of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable code, such as `V203`.
    pub code: &'static str,
    /// Whether the record may go on.
    pub severity: FindingSeverity,
    /// English name of the element.
    pub element: String,
    /// Place of the value in the source document; empty when nobody knows it.
    pub path: String,
    /// What was found, already masked when it identifies a person.
    pub found: String,
    /// What to send instead: one Chinese sentence for the HIS developer.
    pub expected: String,
}

/// What becomes of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingSeverity {
    /// The record does not go on as it is.
    Reject,
    /// The record goes on and carries the finding.
    Warn,
}
