//! Every configuration and every set that was in force: when, by whom, why, and what was different.
//!
//! A change of `agent.toml` comes in one of two ways. Somebody edits the file and starts the agent anew:
//! it is a version by `file` (`versions/begin.rs`). Or by command: it is proved, kept, put in force by a
//! start of the road within the same process id, watched, and taken back when the agent is not as well as
//! before (`versions/apply.rs`, `versions/trial.rs`). Sets come into force while messages go on
//! ([`sets`](crate::sets)); here they only become versions, and are brought back by number.
//!
//! No key of `agent.toml` is taken while the road runs: whoever holds a [`Config`]
//! never asks again. What is different is shown with secrets masked.

mod apply;
mod begin;
mod book;
mod changed;
mod diff;
mod health;
mod mask;
pub(crate) mod routes;
mod sets;
mod state;
pub(crate) mod told;
mod trial;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

pub(crate) use self::begin::{Begun, Life, begin};
pub(crate) use self::book::{Book, By, Kind};
use crate::config::Config;
use crate::intake::Road;

/// Notes the set in force as a version, and watches a configuration that is on trial.
pub(crate) fn keep(road: &Arc<Road>, life: &Life) -> AbortOnDropHandle<()> {
    road.versions.serve(life.clone());
    let noting = Arc::clone(road);
    tokio::task::spawn_blocking(move || {
        let sets = &noting.config.sets;
        let folders = [&sets.schemas, &sets.mappings, &sets.rules, &sets.overlay];
        let is_shipped = folders.iter().all(|it| it.is_none());
        noting.versions.note_sets(&noting.sets.load(), is_shipped.then(By::program));
    });
    AbortOnDropHandle::new(tokio::spawn(trial::watch(Arc::clone(road), life.clone())))
}

/// The versions as the road knows them.
#[derive(Debug)]
pub struct Versions {
    pub(crate) book: Book,
    /// The file, and how the daemon began: nothing in a road that no daemon runs.
    life: OnceLock<Life>,
    /// The road is to end, and to start with another configuration.
    again: Notify,
    /// One change at a time.
    turn: Mutex<()>,
}

impl Versions {
    pub(crate) fn new(config: &Config) -> Versions {
        Versions {
            book: Book::new(&config.versions.dir, config.versions.keep),
            life: OnceLock::new(),
            again: Notify::new(),
            turn: Mutex::new(()),
        }
    }

    /// Tells it how the daemon began. Once.
    pub(crate) fn serve(&self, life: Life) {
        drop(self.life.set(life));
    }

    /// Returns when the road is to start anew.
    pub(crate) async fn again(&self) {
        self.again.notified().await;
    }

    /// What somebody should look at: the file holds something that is not in force.
    pub(crate) fn alerts(&self) -> Option<(&'static str, String)> {
        let life = self.life.get()?;
        let text = std::fs::read_to_string(&life.file).ok()?;
        let (no, _) = life.other_than(&text).ok()??;
        let file = life.file.display();
        Some((
            "A033",
            format!(
                "在用的配置是版本 {no}，{file} 里是别的：his-agent config diff 看差别，\
                 his-agent config apply 换上文件，或 his-agent config rollback {no} 写回文件"
            ),
        ))
    }

    /// The file that people edit.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.life.get().map(|it| it.file.clone())
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
