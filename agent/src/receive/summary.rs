//! The account that the receiver gives.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Gap;

/// What came, and what is missing. The first five count this run; the others the whole folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Messages, or segments.
    pub messages: u64,
    /// Records in them.
    pub received: u64,
    /// Records that had come before.
    pub doubles: u64,
    /// Records that were refused; see `rejected.ndjson`.
    pub rejected: u64,
    /// Segments whose digest did not fit, and manifests that cannot be read; they are looked at again by the
    /// next run.
    pub damaged_segments: Vec<String>,
    /// Different records.
    pub distinct: u64,
    /// Different records by entity.
    pub entities: BTreeMap<String, u64>,
    /// Every agent and store that was heard of.
    pub streams: Vec<Stream>,
    /// Numbers that are missing between those that came.
    pub gaps: Vec<Gap>,
}

/// One store of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stream {
    /// `x-agent`.
    pub agent: String,
    /// `x-epoch`.
    pub epoch: String,
    /// The lowest number that came. Above 1 when this receiver began later than the agent.
    pub first_seq: u64,
    /// The highest number that came.
    pub last_seq: u64,
}
