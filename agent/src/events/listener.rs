//! What one listener hears next: events that it wants, a heartbeat when there are none, and a word
//! when it has missed something or has to go.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::event::{Event, Kind};
use super::feed::{self, Feed, Numbered};
use super::room::Admission;
use crate::callers::Caller;
use crate::intake::Road;
use crate::outbox::StoreError;

/// Which events one listener wants.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) kinds: Vec<Kind>,
    /// All when empty.
    pub(super) departments: Vec<String>,
}

impl Wanted {
    fn fits(&self, event: &Event) -> bool {
        let is_of_department = || {
            let department = event.department.as_ref();
            self.departments.is_empty()
                || department.is_some_and(|it| self.departments.contains(it))
        };
        self.kinds.contains(&event.kind) && (event.kind == Kind::Alert || is_of_department())
    }
}

/// One thing that is told.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    /// An event.
    Event(u64, Arc<Event>),
    /// Nothing happened; the listener has heard everything up to this number.
    Beat(u64),
    /// Events before this number were asked for and are not kept any more.
    Lost(u64, u64),
    /// The place that was asked for is in no feed of ours: everything that is kept follows.
    Reset,
    /// Nothing more comes; the reason.
    Bye(&'static str),
}

/// One listener.
#[derive(Debug)]
pub(super) struct Listener {
    road: Arc<Road>,
    feed: Arc<Feed>,
    wanted: Wanted,
    /// Who listens, where that had to be known.
    caller: Option<Arc<Caller>>,
    ready: VecDeque<Frame>,
    /// The number of the next event to look at.
    next: u64,
    news: watch::Receiver<u64>,
    beat_at: Instant,
    pulse: Arc<Pulse>,
    has_ended: bool,
    _room: Admission,
}

/// Since when a listener has not taken what it was given.
#[derive(Debug, Default)]
pub(super) struct Pulse(Mutex<Option<Instant>>);

impl Listener {
    /// `after` is the last place that it has heard; without one it hears what comes from now on.
    pub(super) fn new(
        road: &Arc<Road>,
        feed: &Arc<Feed>,
        (wanted, after): (Wanted, Option<&str>),
        (caller, room): (Option<Arc<Caller>>, Admission),
    ) -> Listener {
        let (mut ready, oldest) = (VecDeque::new(), feed.oldest());
        let next = match after {
            None | Some("") => feed.next(),
            Some("0") => oldest,
            Some(place) => match feed.number(place) {
                None => {
                    ready.push_back(Frame::Reset);
                    oldest
                }
                Some(heard) if heard + 1 < oldest => {
                    ready.push_back(Frame::Lost(heard + 1, oldest));
                    oldest
                }
                Some(heard) => heard + 1,
            },
        };
        // Before anything happens the listener knows that it is connected, and where: behind what it has
        // missed, or one that is cut off between the two would never hear of that.
        ready.push_back(Frame::Beat(next.saturating_sub(1)));
        Listener {
            wanted,
            caller,
            ready,
            next,
            news: feed.news(),
            beat_at: Instant::now() + road.config.events.heartbeat,
            pulse: Arc::default(),
            has_ended: false,
            road: Arc::clone(road),
            feed: Arc::clone(feed),
            _room: room,
        }
    }

    /// Cuts the listener off when it takes nothing for too long.
    pub(super) fn guard(&self, cut: CancellationToken) {
        let (pulse, patience) = (Arc::downgrade(&self.pulse), self.road.config.events.patience);
        tokio::spawn(guard(pulse, patience, cut));
    }

    /// What is told next; nothing when it has heard that nothing more comes. What was begun and is
    /// dropped is not lost: it is found again.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        self.pulse.takes();
        loop {
            if !self.has_ended && !self.may_still() {
                self.ready.clear();
                self.end("令牌已停用或过期，请换令牌后重连");
            }
            if let Some(frame) = self.ready.pop_front() {
                self.beat_at = Instant::now() + self.road.config.events.heartbeat;
                self.pulse.is_given();
                return Some(frame);
            }
            if self.has_ended {
                return None;
            }
            let end = *self.news.borrow_and_update();
            if self.next < end {
                self.look(end).await;
                continue;
            }
            tokio::select! {
                () = self.road.events.stop.cancelled() => self.end("前置机正在停止，请稍后重连"),
                // The sender lives as long as the feed that is held here.
                _ = self.news.changed() => {}
                () = tokio::time::sleep_until(self.beat_at) => {
                    self.ready.push_back(Frame::Beat(self.next.saturating_sub(1)));
                }
            }
        }
    }

    /// Whoever was let in by a token hears nothing more when that is taken away, or has ended.
    fn may_still(&self) -> bool {
        self.caller.as_ref().is_none_or(|it| self.road.callers.still_knows(it))
    }

    /// Takes what is wanted of the next page.
    async fn look(&mut self, end: u64) {
        let page = match self.feed.at_hand(self.next) {
            Some(found) => {
                let next = found.last().map_or(end, |(number, _)| number + 1);
                Ok((found, next))
            }
            None => self.read(end).await,
        };
        match page {
            Ok((found, next)) => {
                self.next = next.max(self.next);
                let wanted = found.into_iter().filter(|(_, it)| self.wanted.fits(it));
                self.ready.extend(wanted.map(|(number, it)| Frame::Event(number, it)));
            }
            Err(error) => {
                tracing::warn!(%error, "events were not read");
                self.end("事件读不出，请稍后重连");
            }
        }
        if self.road.events.stop.is_cancelled() {
            self.end("前置机正在停止，请稍后重连");
        }
    }

    async fn read(&self, end: u64) -> Result<(Vec<Numbered>, u64), StoreError> {
        let (outbox, from) = (self.road.outbox.clone(), self.next);
        let reading = tokio::task::spawn_blocking(move || feed::page(&outbox, from, end));
        reading.await.map_err(|_| StoreError::panicked())?
    }

    fn end(&mut self, why: &'static str) {
        self.ready.push_back(Frame::Bye(why));
        self.has_ended = true;
    }

    /// What was told, in the words of a listener.
    pub(super) fn place(&self, number: u64) -> String {
        self.feed.place(number)
    }

    /// What of an event is shown.
    pub(super) fn show(&self) -> &[String] {
        &self.road.config.events.show
    }
}

impl Pulse {
    fn is_given(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn takes(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn idle(&self) -> Duration {
        let given = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        given.map_or(Duration::ZERO, |it| it.elapsed())
    }
}

/// Looks at a listener for as long as it is there.
async fn guard(pulse: Weak<Pulse>, patience: Duration, cut: CancellationToken) {
    loop {
        tokio::time::sleep(patience / 4).await;
        let Some(pulse) = pulse.upgrade() else { return };
        if pulse.idle() >= patience {
            tracing::warn!(code = "I163", ?patience, "a listener took nothing and was cut off");
            metrics::counter!("his_agent_events_cut_total").increment(1);
            cut.cancel();
            return;
        }
    }
}
