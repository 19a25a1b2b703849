//! How whoever comes to a door gets a place: at once, or after a while at a door that is full of lines
//! of which none can go now.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Connection;
use super::full::Outcome;
use super::lines::{Lines, Place};

/// The entrance of one door.
#[derive(Debug)]
pub(super) struct Entrance {
    lines: Arc<Lines>,
    waiting: Semaphore,
}

impl Entrance {
    pub(super) fn new(connections_max: usize) -> Arc<Entrance> {
        let (lines, waiting) = (Lines::new(connections_max), Semaphore::new(WAITING_MAX));
        Arc::new(Entrance { lines, waiting })
    }

    /// A place, if there is one or somebody can go for it.
    pub(super) fn admit(&self, connection: &Connection) -> Option<Place> {
        let place = self.lines.admit(&connection.line)?;
        if place.is_made {
            connection.note_full(Outcome::SentAway);
        }
        Some(place)
    }

    /// A place, in time; further ones than may wait, and who has waited in vain, are sent away.
    pub(super) async fn wait(&self, connection: &Connection) -> Option<Place> {
        let waits = async {
            let _turn = self.waiting.try_acquire().ok()?;
            loop {
                tokio::time::sleep(LOOK_AGAIN).await;
                if let Some(place) = self.admit(connection) {
                    return Some(place);
                }
            }
        };
        let place = tokio::select! {
            place = timeout(connection.config.frame_timeout, waits) => place.ok().flatten(),
            () = connection.stop.cancelled() => return None,
        };
        if place.is_none() {
            connection.note_full(Outcome::Refused);
        }
        place
    }
}

/// How many wait at a full door, and how often they look for a place.
const WAITING_MAX: usize = 512;
const LOOK_AGAIN: Duration = Duration::from_millis(100);
