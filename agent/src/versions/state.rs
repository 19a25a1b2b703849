//! What is in force, and what has to be known after a crash to come back to what was.

use serde::{Deserialize, Serialize};

use super::health::Baseline;

/// `state.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// The version of the configuration in force; 0 before the first.
    pub(crate) in_force: u64,
    /// SHA-256 of what the file held when it was last looked at: anything else is somebody's change.
    pub(crate) file: String,
    /// A version that was accepted and comes into force with the next start.
    pub(crate) accepted: Option<Accepted>,
    /// The one in force has yet to show that it is well.
    pub(crate) trial: Option<Trial>,
}

/// A version that waits for its first start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) no: u64,
    /// How well the agent was then.
    pub(crate) before: Baseline,
}

/// A version that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trial {
    /// What to go back to.
    pub(crate) way_back: u64,
    /// How often the daemon has begun with it.
    pub(crate) starts: u32,
    /// How well the agent was before.
    pub(crate) before: Baseline,
}

impl State {
    /// Whether a version has to stay.
    pub(crate) fn names(&self, no: u64) -> bool {
        no == self.in_force
            || self.accepted.as_ref().is_some_and(|it| it.no == no)
            || self.trial.as_ref().is_some_and(|it| it.way_back == no)
    }
}
