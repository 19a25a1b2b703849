//! Findings and alerts, told to ward screens as they happen, and kept for screens that come back.
//!
//! ```text
//! checks, answers, audits --+   one change, one sync    +--> ring in memory --> listeners at the end
//! alerts -------------------+--> log --> feed on disk --+------ pages ---------> listeners behind it
//!                                                            SSE, WebSocket: GET /v1/events
//! ```
//!
//! An event is written in the same change as what it tells of, under the next number of the feed: who
//! has heard number 7 misses nothing by asking for what comes behind it. A listener pulls: it is given the
//! next event once it has taken the one before, so a slow one costs a place and no memory. One that takes
//! nothing is cut off, and goes on where it was when it comes back.
//!
//! | file | what is in it |
//! |---|---|
//! | `event` | one event, and what of it is shown |
//! | `feed` | the numbers, the disk, the ring |
//! | `listener` | what one listener hears next |
//! | `door` | `GET /v1/events`: who may listen, and how |
//! | `frames` | the words of SSE and WebSocket |
//! | `room` | how many may listen |
//! | `alerts` | what operators should know, made into events |

mod alerts;
pub(crate) mod door;
pub(crate) mod event;
pub(crate) mod feed;
mod frames;
mod listener;
mod room;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub(crate) use self::alerts::{settled_after, watch};
use self::room::Room;
use crate::config::EventsConfig;

/// What listeners share.
#[derive(Debug)]
pub struct Events {
    /// Room for listeners; none left means "busy".
    room: Arc<Room>,
    stop: CancellationToken,
}

impl Events {
    /// Nobody listens yet.
    pub(crate) fn new(config: &EventsConfig) -> Events {
        let room = Arc::new(Room::new(config.listeners_max, config.callers.len()));
        Events { room, stop: CancellationToken::new() }
    }

    /// The agent stops: listeners are told, and come back later.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
