//! Puts another set in force while messages go on: read whole, proved whole, swapped whole, or
//! refused with every reason while the set in force stays.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::civil::DateTime;
use schemas::Problem;

use super::{SetDigest, Sets, Texts};
use crate::clock;
use crate::intake::Road;

/// What a reload came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The set in force now.
    pub digest: SetDigest,
    /// Whether it is another one than before.
    pub changed: bool,
}

/// How the sets in force came to be so. One reload at a time.
#[derive(Debug, Default)]
pub struct Reloads {
    told: Mutex<Told>,
    turn: Mutex<()>,
}

/// What `his-agent sets status` tells of reloads.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// When the set in force came into force; none: at the start.
    pub since: Option<DateTime>,
    /// When the folders were last tried.
    pub tried_at: Option<DateTime>,
    /// Why that set was not taken; empty when it was.
    pub problems: Vec<Problem>,
}

impl Reloads {
    /// What there is to tell.
    pub fn told(&self) -> Told {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the configured folders anew and puts what they hold in force, if all of it is right.
///
/// Blocks: it reads files, twice, and compiles them. Messages in flight finish on the set they
/// began with.
pub fn reload(road: &Road) -> Result<Reloaded, Vec<Problem>> {
    let _turn = road.reloads.turn.lock().unwrap_or_else(PoisonError::into_inner);
    let result = attempt(road);
    let now = clock::now();
    let mut told = road.reloads.lock();
    told.tried_at = Some(now);
    match &result {
        Ok(reloaded) => {
            told.problems.clear();
            if reloaded.changed {
                told.since = Some(now);
            }
        }
        Err(problems) => told.problems.clone_from(problems),
    }
    drop(told);
    tell(&result);
    result
}

fn attempt(road: &Road) -> Result<Reloaded, Vec<Problem>> {
    let texts = Texts::read_settled(&road.config)?;
    let digest = texts.digest();
    if road.sets.load().digest == digest {
        return Ok(Reloaded { digest, changed: false });
    }
    let sets = Sets::prove(&road.config, &texts)?;
    road.sets.store(sets.into());
    Ok(Reloaded { digest, changed: true })
}

/// Problems name files and lines, never a message's value: they may be logged as they are.
fn tell(result: &Result<Reloaded, Vec<Problem>>) {
    let outcome = match result {
        Ok(Reloaded { digest, changed: true }) => {
            tracing::info!(set = %digest, "another set is in force");
            "swapped"
        }
        Ok(_) => "unchanged",
        Err(problems) => {
            for problem in problems.iter().take(TOLD_MAX) {
                tracing::warn!(%problem, "the set was not taken; the one in force stays");
            }
            "refused"
        }
    };
    metrics::counter!("his_agent_set_swaps_total", "outcome" => outcome).increment(1);
}

/// A thousand problems have one cause; `his-agent validate` lists them all.
const TOLD_MAX: usize = 20;
