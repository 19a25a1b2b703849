//! Which set a start begins with: that of the configured folders, or, when it cannot be used, the
//! one that was in force last. An agent that comes up after a power cut with yesterday's mappings
//! serves the hospital better than one that does not come up over an edit that nobody finished.

use schemas::Problem;

use super::archive::Archive;
use super::reload::taken_back;
use super::{Sets, Texts};
use crate::config::Config;

/// The set a start begins with.
#[derive(Debug)]
pub struct Opened {
    /// Loaded and proved.
    pub sets: Sets,
    /// Why it is not that of the configured folders; empty when it is.
    pub problems: Vec<Problem>,
}

impl Sets {
    /// The configured set, or else the one that was in force last; when there is none, every problem
    /// of the configured one.
    pub fn open(config: &Config) -> Result<Opened, Vec<Problem>> {
        let archive = Archive::new(&config.sets.archive);
        let state = archive.state();
        let configured = Texts::read(config).and_then(|it| Sets::prove(config, it));
        let (configured, problems) = match configured {
            Ok(sets) => match state.taken_back(&sets.digest) {
                None => return Ok(Opened { sets, problems: Vec::new() }),
                Some(it) => (Some(sets), vec![taken_back(it)]),
            },
            Err(problems) => (None, problems),
        };
        let last = state.in_force.as_deref().and_then(|it| archive.read(it).ok());
        let last = last.and_then(|it| Sets::prove(config, it).ok());
        // A set that was taken back serves better than none.
        match last.or(configured) {
            Some(sets) => Ok(Opened { sets, problems }),
            None => Err(problems),
        }
    }
}
