//! Changes the channel under the parcels now and then.
//!
//! A broker looks a right up once a channel: on an open one it goes on taking messages from a user
//! who has lost the right to send them. A fresh channel shows the truth within the agreed time, as
//! it shows an exchange that was deleted while nothing was sent. The old channel stays until its
//! last answer has come, since closing it would leave those parcels undecided.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep, timeout};

use super::error::BrokerError;

type Opening<C> = Pin<Box<dyn Future<Output = Result<C, BrokerError>> + Send>>;

/// When the next channel is due, and what is left of the last one.
pub(crate) struct Renewal<C> {
    every: Duration,
    due: Pin<Box<Sleep>>,
    opening: Option<Opening<C>>,
    retired: Option<(C, u64)>,
    // Parcels sent and answered so far on this connection.
    sent: u64,
    answered: u64,
    held: bool,
}

impl<C> Renewal<C> {
    pub(crate) fn new(every: Duration) -> Renewal<C> {
        let due = Box::pin(sleep(every));
        Renewal { every, due, opening: None, retired: None, sent: 0, answered: 0, held: false }
    }

    /// One more parcel is on its way.
    pub(crate) fn sent(&mut self) {
        self.sent += 1;
    }

    /// Answers have come, in the order of sending.
    pub(crate) fn answered(&mut self, parcels: usize) {
        self.answered += parcels as u64;
        let answered = self.answered;
        self.retired.take_if(|(_, last)| *last <= answered);
    }

    /// A broker that takes nothing answers no question either.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Keeps the channel that was replaced until its answers are complete.
    pub(crate) fn retire(&mut self, channel: C) {
        self.retired = (self.sent > self.answered).then_some((channel, self.sent));
    }

    /// The fresh channel, when it is time and it is open; the reason, when there is none to be had.
    pub(crate) fn poll<F>(
        &mut self,
        cx: &mut Context<'_>,
        open: impl FnOnce() -> F,
    ) -> Poll<Result<C, BrokerError>>
    where
        F: Future<Output = Result<C, BrokerError>> + Send + 'static,
        C: 'static,
    {
        if self.opening.is_none() {
            if self.due.as_mut().poll(cx).is_pending() || self.held || self.retired.is_some() {
                return Poll::Pending;
            }
            let opening = open();
            self.opening = Some(Box::pin(async move {
                match timeout(OPEN_MAX, opening).await {
                    Ok(opened) => opened,
                    Err(_) => Err(BrokerError::silent("opening a channel", OPEN_MAX)),
                }
            }));
        }
        let Some(opening) = self.opening.as_mut() else { return Poll::Pending };
        if self.held {
            return Poll::Pending;
        }
        let Poll::Ready(opened) = opening.as_mut().poll(cx) else { return Poll::Pending };
        self.opening = None;
        self.due.as_mut().reset(Instant::now() + self.every);
        Poll::Ready(opened)
    }
}

/// How long a channel may take to open.
const OPEN_MAX: Duration = Duration::from_secs(30);
