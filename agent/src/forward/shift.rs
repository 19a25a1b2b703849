//! One connection's worth of work: takes records in, sends them out, heeds what the broker says.

use std::future::pending;
use std::ops::ControlFlow;
use std::time::Duration;

use tokio::select;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::error::{BrokerError, Confirm};
use super::options::{AmqpOptions, Poison};
use super::parcel::routing_key;
use super::scout::Scout;
use super::state::ForwardState;
use super::window::{Flight, Window};
use super::{Heard, LOOK_AGAIN, Session, Source, TURN, poison};
use crate::outbox::StoreError;
use crate::telemetry::{Step, spent};

/// What outlives a connection.
pub(super) struct Work {
    pub(super) window: Window,
    pub(super) scout: Scout,
    pub(super) backoff: Backoff,
}

/// One connection's worth of work.
pub(super) struct Shift<'a, S> {
    source: &'a S,
    work: &'a mut Work,
    state: &'a ForwardState,
    options: &'a AmqpOptions,
    stop: &'a CancellationToken,
    // The outbox had nothing more when last asked.
    at_end: bool,
    blocked: bool,
    // Since when this connection holds; nothing once it has been told that it is well.
    begun: Option<Instant>,
    // When to look for what is not answered.
    look_at: Instant,
    // When the daemon stops: until when answers are still awaited.
    leave_at: Option<Instant>,
}

/// How it ended.
pub(super) enum Ended {
    /// The daemon stops.
    Stopped,
    /// The connection is of no more use.
    Broken(BrokerError),
    /// The same, but only because of one record, which is known now.
    Found(BrokerError),
}

enum Event {
    Heard(Result<Heard, BrokerError>),
    Silence,
    Appended,
    Due,
    Stop,
    Leave,
    Read,
}

impl<'a, S: Source> Shift<'a, S> {
    pub(super) fn new(
        source: &'a S,
        work: &'a mut Work,
        state: &'a ForwardState,
        options: &'a AmqpOptions,
        stop: &'a CancellationToken,
    ) -> Shift<'a, S> {
        work.scout.begin_anew();
        let (at_end, blocked, leave_at) = (false, false, None);
        let look_at = Instant::now();
        let begun = Some(look_at);
        Shift { source, work, state, options, stop, at_end, blocked, begun, look_at, leave_at }
    }

    pub(super) async fn serve(mut self, mut session: impl Session) -> Result<Ended, StoreError> {
        loop {
            self.state.turns(TURN);
            // Answers that never end must not keep a stop from being seen.
            if self.leave_at.is_none() && self.stop.is_cancelled() {
                self.leave_at = Some(Instant::now() + self.options.drain_max);
            }
            self.take_in()?;
            self.scout()?;
            self.send_out(&mut session);
            self.state.load(self.work.window.in_flight(), self.work.window.held());
            self.state.taken(self.work.window.read_to());
            self.tell_late();
            self.tell_quiet();
            if self.leave_at.is_some() && self.work.window.in_flight() == 0 {
                session.close().await;
                return Ok(Ended::Stopped);
            }
            let event = self.wait(&mut session).await;
            if let ControlFlow::Break(ended) = self.react(event).await? {
                return Ok(ended);
            }
        }
    }

    /// Names the keys that get no answer while others do, who keep the connection from being silent.
    fn tell_late(&mut self) {
        let now = Instant::now();
        if self.blocked || now < self.look_at {
            return;
        }
        self.look_at = now + LOOK_AGAIN;
        let error = BrokerError::silent("a publisher confirm", self.options.confirm_timeout);
        for routing_key in self.work.window.late(now) {
            self.state.unanswered(&routing_key, &error);
        }
    }

    /// A connection that has held for a while with nothing to carry is as well as can be known.
    fn tell_quiet(&mut self) {
        let window = &self.work.window;
        let has_nothing = self.at_end && window.in_flight() == 0 && window.held() == 0;
        if has_nothing && !self.blocked && self.begun.is_some_and(|it| it.elapsed() >= QUIET) {
            self.begun = None;
            self.state.quiet();
        }
    }

    /// Reads on in the outbox while there is room, and re-reads refused records that are due.
    fn take_in(&mut self) -> Result<(), StoreError> {
        let now = Instant::now();
        for seq in self.work.window.due(now) {
            if !self.work.window.has_room_to_retry() {
                break;
            }
            let found = self.source.oldest(seq.saturating_sub(1), 1, usize::MAX)?;
            match found.into_iter().next().filter(|it| it.seq == seq) {
                Some(envelope) => self.work.window.readmit(envelope, now),
                None => match self.source.once_more(seq)? {
                    Some(envelope) => self.work.window.readmit(envelope, now),
                    None => self.work.window.forget(seq, now),
                },
            }
        }
        if self.leave_at.is_none()
            && let Some((records, _)) = self.work.window.room()
        {
            // Before what is new, or a backlog would keep them waiting until its end.
            self.work.window.admit_again(self.source.take_again(records), now);
        }
        if self.work.window.turn_back(now) {
            // What it let past counts on what is being read again.
            self.work.scout.rest();
            self.at_end = false;
        }
        for _ in 0..READS_AT_ONCE {
            let room = self.work.window.room().filter(|_| self.may_read());
            let Some((records, bytes)) = room else { break };
            let found = self.source.oldest(self.work.window.read_to(), records, bytes)?;
            self.at_end = found.is_empty();
            self.work.window.admit(found, now);
        }
        Ok(())
    }

    fn may_read(&self) -> bool {
        !self.at_end && self.leave_at.is_none()
    }

    /// Reads ahead while there is more than can be in hand.
    fn scout(&mut self) -> Result<(), StoreError> {
        let Work { window, scout, .. } = &mut *self.work;
        if self.at_end {
            scout.rest();
        } else if self.blocked {
            scout.begin_anew();
        } else if self.leave_at.is_none() && scout.may_look(window) {
            scout.step(self.source, window)?;
        }
        Ok(())
    }

    fn is_reading(&self) -> bool {
        let Work { window, scout, .. } = &*self.work;
        !self.at_end && (window.room().is_some() || !self.blocked && scout.is_busy(window))
    }

    fn send_out(&mut self, session: &mut impl Session) {
        if self.blocked || self.leave_at.is_some() {
            return;
        }
        let now = Instant::now();
        while let Some(parcel) = self.work.window.next_parcel(now) {
            session.publish(&parcel);
        }
    }

    async fn wait(&self, session: &mut impl Session) -> Event {
        // While the broker has asked us to wait, silence is what was agreed; a broker that dies
        // meanwhile shows by its missing heartbeats.
        let deadline = self.work.window.deadline().filter(|_| !self.blocked);
        let leaving = self.leave_at.is_some();
        select! {
            biased;
            heard = session.hear() => Event::Heard(heard),
            () = until(self.leave_at) => Event::Leave,
            () = self.stop.cancelled(), if !leaving => Event::Stop,
            () = until(deadline) => Event::Silence,
            () = until(self.work.window.next_due()), if !leaving => Event::Due,
            () = self.more(), if !leaving && (self.at_end || self.work.scout.waits()) => Event::Appended,
            () = yield_now(), if !leaving && self.is_reading() => Event::Read,
            // A broker that has asked us to wait may have nothing more to say for hours.
            () = sleep(TURN) => Event::Due,
        }
    }

    /// Returns when the outbox is worth another look.
    async fn more(&self) {
        // The time is a belt to the braces: a missed call costs a second, not the night.
        drop(timeout(LOOK_AGAIN, self.source.appended()).await);
    }

    async fn react(&mut self, event: Event) -> Result<ControlFlow<Ended>, StoreError> {
        match event {
            Event::Heard(Ok(heard)) => self.heed(heard)?,
            Event::Heard(Err(error)) => return Ok(ControlFlow::Break(self.broken(error).await?)),
            Event::Silence => {
                let error =
                    BrokerError::silent("a publisher confirm", self.options.confirm_timeout);
                for routing_key in self.work.window.fell_silent(Instant::now()) {
                    self.state.unanswered(&routing_key, &error);
                }
                return Ok(ControlFlow::Break(self.broken(error).await?));
            }
            Event::Appended => {
                self.at_end = false;
                self.work.scout.look_again();
            }
            Event::Due | Event::Read => (),
            Event::Stop => self.leave_at = Some(Instant::now() + self.options.drain_max),
            Event::Leave => return Ok(ControlFlow::Break(Ended::Stopped)),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn heed(&mut self, heard: Heard) -> Result<(), StoreError> {
        match heard {
            Heard::Answers(answers) => self.settle(answers),
            Heard::Notice(code, text) => {
                if let Some(text) = &text {
                    tracing::warn!(code, text, "about the broker");
                }
                self.state.notice(code, text);
                Ok(())
            }
            Heard::CertificateUntil(until) => {
                self.state.certificate_until(until);
                Ok(())
            }
            Heard::Blocked(reason) => {
                tracing::warn!(reason, "the broker takes nothing for now");
                self.blocked = true;
                self.state.blocked(Some(reason));
                Ok(())
            }
            Heard::Unblocked => {
                tracing::info!("the broker takes messages again");
                self.blocked = false;
                self.state.blocked(None);
                self.work.window.postpone_deadlines(Instant::now());
                Ok(())
            }
        }
    }

    fn settle(&mut self, answers: Vec<(u64, Confirm)>) -> Result<(), StoreError> {
        let now = Instant::now();
        let mut settled = Vec::new();
        for (ticket, answer) in answers {
            match answer {
                Confirm::Confirmed => {
                    if let Some(flight) = self.work.window.confirmed(ticket, now) {
                        self.confirmed(&flight);
                        settled.extend(flight.seqs);
                    }
                }
                Confirm::Returned { .. }
                | Confirm::Nacked
                | Confirm::Rejected { .. }
                | Confirm::NotRequested => {
                    self.refused(ticket, now, &answer);
                }
            }
        }
        // An answer of either kind shows that the road is open, however slow it is.
        self.work.backoff.reset();
        self.work.window.postpone_deadlines(now);
        if settled.is_empty() { Ok(()) } else { self.source.settle(&settled) }
    }

    fn confirmed(&self, flight: &Flight) {
        self.state.confirmed(flight.seqs.len());
        spent(Step::Confirm, flight.sent.into_std());
        if flight.was_refused || flight.went_before {
            self.state.attempts().answered(&flight.seqs, flight.sent, &Confirm::Confirmed);
        }
        let routing_key = &flight.routing_key;
        self.state.answered(routing_key);
        if flight.was_refused && self.state.accepted_again(routing_key) {
            tracing::info!(routing_key, "accepted again");
        }
    }

    fn refused(&mut self, ticket: u64, now: Instant, answer: &Confirm) {
        let Work { window, backoff, .. } = &mut *self.work;
        let of_the_key = !matches!(answer, Confirm::Rejected { .. });
        let refused = window.refused(ticket, now, of_the_key, |wait| backoff.disturbed(wait));
        if let Some(flight) = refused {
            self.state.attempts().answered(&flight.seqs, flight.sent, answer);
            let (routing_key, records) = (&flight.routing_key, flight.seqs.len());
            // Told once a key; the tries that follow would fill the log of a night.
            if self.state.refused(routing_key, records, answer) {
                let seq = flight.seqs.first();
                let code = answer.code();
                tracing::warn!(code, seq, routing_key, %answer, "not accepted; kept and tried again");
            }
        }
    }

    /// The connection is of no more use. When the broker objects to a single parcel, find it.
    async fn broken(&mut self, error: BrokerError) -> Result<Ended, StoreError> {
        if let BrokerError::ChannelClosed { reply_code, reply_text } = &error
            && error.may_be_one_parcel()
        {
            let (reply_code, reply_text) = (*reply_code, reply_text.clone());
            match self.work.window.lone_ticket() {
                Some(ticket) => {
                    let answer = Confirm::Rejected { reply_code, reply_text };
                    self.refused(ticket, Instant::now(), &answer);
                    self.set_aside(ticket, &answer).await?;
                    // Found: the others need not wait for a longer and longer pause.
                    self.work.backoff.reset();
                    return Ok(Ended::Found(error));
                }
                None => self.work.window.go_singly(),
            }
        }
        Ok(Ended::Broken(error))
    }

    /// What the broker has refused by name more than once becomes a dead letter, if that is wanted.
    async fn set_aside(&mut self, seq: u64, answer: &Confirm) -> Result<(), StoreError> {
        let refusals = self.work.window.refusals(seq);
        if self.options.poison == Poison::Block || refusals < REFUSALS_OF_POISON {
            return Ok(());
        }
        let found = self.source.oldest(seq.saturating_sub(1), 1, usize::MAX)?;
        let found = found.into_iter().next().filter(|it| it.seq == seq);
        let found = if found.is_some() { found } else { self.source.once_more(seq)? };
        let Some(envelope) = found else { return Ok(()) };
        match self.source.refuse(seq, poison::letter(&envelope, answer)).await {
            Ok(()) => (),
            // It stays where it is and is tried again.
            Err(StoreError::Busy | StoreError::Full { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        poison::tell(self.state, &envelope, answer);
        self.state.accepted_again(&routing_key(&envelope));
        self.work.window.forget(seq, Instant::now());
        Ok(())
    }
}

/// Sleeps until then; without a time, for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// What cuts connections does so sooner.
const QUIET: Duration = Duration::from_secs(10);
/// After so many reads in a row the broker is heard first, though nothing of what was read may go.
const READS_AT_ONCE: usize = 4;
/// How often the broker must have refused a record before it counts as one that never passes.
const REFUSALS_OF_POISON: u32 = 2;
