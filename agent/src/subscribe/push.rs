//! The task of one subscriber: reads on from its place, sends what it wants, one record at a time and in
//! their order, and moves the place.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::ToSpan as _;
use tokio_util::sync::CancellationToken;

use super::place::{Place, Refused};
use super::{Subscriber, Trouble, aside, decided, parcel, receipt};
use crate::clock;
use crate::envelope::Envelope;
use crate::intake::Road;
use crate::outbox::{Change, StoreError, blocking};
use crate::pipeline;
use crate::relay::exchange::Request;

/// What came of one step.
pub(super) enum Step {
    /// There may be more.
    On,
    /// All was sent.
    Done,
    /// The subscriber does not take anything now; whether something went before.
    Later(bool),
}

/// What came of one record.
pub(super) enum Sent {
    Taken,
    /// It may be taken later, as it is.
    Later(String),
    /// It will not be taken as it is.
    Refused(String),
    /// The call went well, and the answer does not say that the record was taken.
    NoReceipt(String),
}

/// Sends until told to stop.
pub(crate) fn follow(road: Arc<Road>, stop: CancellationToken) -> impl Future<Output = ()> {
    // A new one gets what comes from now on, and not only from when it is opened.
    let begun = road.outbox.next_seq();
    send_from(road, begun, stop)
}

async fn send_from(road: Arc<Road>, begun: u64, stop: CancellationToken) {
    if road.subscriptions.0.is_empty() {
        return;
    }
    while !stop.is_cancelled() {
        let opening = Arc::clone(&road);
        let Err(error) = blocking(move || open(&opening, begun)).await else { break };
        // Nothing is removed until the places are known: nothing is lost.
        tracing::error!(%error, "the places of subscriptions were not read: nothing is pushed");
        for it in &road.subscriptions.0 {
            trouble(it, Some("收件箱读不出".to_owned()));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(OPEN_AGAIN) => {}
        }
    }
    let each = (0..road.subscriptions.0.len()).map(|at| push(&road, at, &stop));
    join_all(each).await;
}

fn open(road: &Road, begun: u64) -> Result<(), StoreError> {
    for it in &road.subscriptions.0 {
        let first = if it.config.from_oldest { road.outbox.lowest_seq() } else { begun };
        let place = Place::open(&road.outbox, &it.config.name, first)?;
        keep(road, it, place, Vec::new())?;
        trouble(it, None);
    }
    Ok(())
}

/// Nothing that somebody has not had goes.
fn hold(road: &Road) {
    let all = road.subscriptions.0.iter();
    let first = all.map(|it| it.standing().place.first()).min();
    // One that was not opened yet may want anything.
    if let Some(first) = first.filter(|it| *it > 0) {
        road.outbox.push_from(first);
    }
}

async fn push(road: &Arc<Road>, at: usize, stop: &CancellationToken) {
    let mut wait = PAUSE;
    while !stop.is_cancelled() {
        let (working, stopping) = (Arc::clone(road), stop.clone());
        let work = move || match working.subscriptions.0.get(at) {
            Some(it) => step(&working, it, &stopping),
            None => Ok(Step::Done),
        };
        let done = tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::panicked());
        let rest = match done.flatten() {
            Ok(Step::On) => {
                wait = PAUSE;
                continue;
            }
            Ok(Step::Done) => {
                wait = PAUSE;
                LOOK_EVERY
            }
            Ok(Step::Later(has_moved)) => {
                // Each record's waits begin anew: many that are refused do not hold the others for hours.
                wait = if has_moved { PAUSE } else { wait };
                wait = (wait * 2).min(PAUSE_MAX);
                wait
            }
            Err(error) => {
                tracing::warn!(%error, "records for a subscription were not read");
                PAUSE_MAX
            }
        };
        let Some(it) = road.subscriptions.0.get(at) else { return };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(rest) => {}
            // Whoever decides has looked: the waits begin anew.
            () = it.decided.notified() => wait = PAUSE,
        }
    }
}

fn step(road: &Road, it: &Subscriber, stop: &CancellationToken) -> Result<Step, StoreError> {
    decided::skip_refused(road, it)?;
    let oldest = horizon(it.config.keep_days);
    aside::give_up(road, it, &oldest)?;
    let mut stride = Stride::new(road, it);
    let from = stride.place.next;
    let page = road.outbox.accepted_from(from.max(1), AT_ONCE)?;
    if page.next <= from && page.envelopes.is_empty() {
        return rest(road, it, stop);
    }
    let mut ended = Step::On;
    for record in &page.envelopes {
        if stop.is_cancelled() {
            break;
        }
        if !stride.take(record, &oldest) {
            ended = Step::Later(stride.place.next > from);
            break;
        }
    }
    if matches!(ended, Step::On) && !stop.is_cancelled() {
        stride.reach(page.next);
    }
    stride.end()?;
    Ok(ended)
}

/// What there is to do when nothing new has come.
fn rest(road: &Road, it: &Subscriber, stop: &CancellationToken) -> Result<Step, StoreError> {
    let (place, is_behind) = {
        let standing = it.standing();
        (standing.place.clone(), standing.unsaved.is_some())
    };
    if is_behind {
        keep(road, it, place, Vec::new())?;
    }
    if it.again.swap(false, Ordering::SeqCst) {
        return decided::send_again(road, it, stop);
    }
    // Whatever it refused, nothing waits.
    trouble(it, None);
    Ok(Step::Done)
}

/// What one step came to, until it is kept.
struct Stride<'a> {
    road: &'a Road,
    it: &'a Subscriber,
    place: Place,
    refused: Vec<Change>,
    gone: Lost,
    too_old: Lost,
}

/// Records that are not sent and never will be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lost {
    first: u64,
    last: u64,
    /// Of what is gone nobody knows whether the subscriber wanted it.
    at_most: u64,
}

impl Lost {
    pub(super) fn one(seq: u64) -> Lost {
        Lost { first: seq, last: seq, at_most: 1 }
    }

    /// Further records, with higher numbers.
    pub(super) fn add(&mut self, first: u64, last: u64) {
        if self.at_most == 0 {
            self.first = first;
        }
        self.last = last;
        self.at_most += last - first + 1;
    }
}

impl<'a> Stride<'a> {
    fn new(road: &'a Road, it: &'a Subscriber) -> Stride<'a> {
        let place = it.standing().place.clone();
        let (gone, too_old) = (Lost::default(), Lost::default());
        Stride { road, it, place, refused: Vec::new(), gone, too_old }
    }

    /// Sends a record, or passes over it. False when the subscriber does not take it now.
    fn take(&mut self, record: &Envelope, oldest: &str) -> bool {
        self.reach(record.seq);
        let is_wanted = parcel::fits(&self.it.config, record);
        if is_wanted && record.received_at.as_str() < oldest {
            self.too_old.add(record.seq, record.seq);
        } else if is_wanted && !self.skip(record) && !self.send(record) {
            return false;
        }
        self.place.next = record.seq + 1;
        true
    }

    /// Sets a record aside that a person does not want the others to wait for.
    fn skip(&mut self, record: &Envelope) -> bool {
        let Some(skip) = self.it.take_skip(record.seq) else { return false };
        self.set_aside(record, format!("跳过：{}", skip.reason));
        true
    }

    fn send(&mut self, record: &Envelope) -> bool {
        let it = self.it;
        match sent(self.road, it, record) {
            Sent::Taken => {
                self.place.sent += 1;
                trouble(it, None);
            }
            Sent::Refused(reason) if is_final(it, REFUSED_MAX) => {
                self.set_aside(record, reason);
            }
            Sent::NoReceipt(reason) if is_final(it, tries_without_receipt(it)) => {
                it.standing().without_receipt += 1;
                self.set_aside(record, reason);
            }
            Sent::Later(reason) | Sent::Refused(reason) | Sent::NoReceipt(reason) => {
                trouble(it, Some(reason));
                return false;
            }
        }
        true
    }

    fn set_aside(&mut self, record: &Envelope, reason: String) {
        let refused = set_aside(self.it, record, reason);
        self.refused.push(refused.put(&self.it.config.name));
        self.place.refused_from.get_or_insert(record.seq);
        self.place.set_aside += 1;
    }

    /// Moves up to a number. What should lie before it and does not is lost, and counts once: when the
    /// place moves over it.
    fn reach(&mut self, seq: u64) {
        let expected = self.place.next.max(1);
        if expected < seq {
            self.gone.add(expected, seq - 1);
        }
        self.place.next = self.place.next.max(seq);
    }

    fn end(mut self) -> Result<(), StoreError> {
        let lost = [(self.gone, "gone from the store"), (self.too_old, "older than keep_days")];
        for (lost, why) in lost.into_iter().filter(|(it, _)| it.at_most > 0) {
            tell_lost(self.it, &mut self.place, lost, why);
        }
        keep(self.road, self.it, self.place, self.refused)
    }
}

/// Without room on the disk the place moves in memory only: after a crash some records come twice. What
/// else would have been written is written together with the next place, so none is without the other.
pub(super) fn keep(
    road: &Road,
    it: &Subscriber,
    place: Place,
    more: Vec<Change>,
) -> Result<(), StoreError> {
    let mut changes = it.standing().unsaved.clone().unwrap_or_default();
    changes.extend(more);
    changes.push(place.put(&it.config.name));
    let is_full = match road.outbox.shelve(&changes) {
        Err(error) if error.is_full() => true,
        done => {
            done?;
            false
        }
    };
    changes.pop();
    {
        let mut standing = it.standing();
        standing.place = place;
        standing.unsaved = is_full.then_some(changes);
    }
    hold(road);
    Ok(())
}

pub(super) fn sent(road: &Road, it: &Subscriber, record: &Envelope) -> Sent {
    let outcome = post(road, it, record);
    if matches!(outcome, Sent::Taken) {
        it.standing().without_receipt = 0;
    }
    let word = match &outcome {
        Sent::Taken => "taken",
        Sent::Later(_) => "later",
        Sent::Refused(_) | Sent::NoReceipt(_) => "refused",
    };
    let name = it.config.name.clone();
    metrics::counter!("his_agent_subscription_total", "subscription" => name, "outcome" => word)
        .increment(1);
    outcome
}

fn post(road: &Road, it: &Subscriber, record: &Envelope) -> Sent {
    let Some(target) = it.config.url.clone() else { return Sent::Later("没有地址".to_owned()) };
    let body = match parcel::body(&it.config, &road.sets.load().catalogs, record) {
        Ok(body) => body,
        Err(fault) => return Sent::Refused(format!("模板：{fault}")),
    };
    let request = Request {
        verb: "POST",
        path: target.path(""),
        target,
        headers: parcel::headers(&it.config, record),
        body,
    };
    let reply = match it.client.ask(&request, Instant::now() + it.config.timeout) {
        Ok(reply) => reply,
        Err(why) => return Sent::Later(format!("没有送到：{}", why.name())),
    };
    receipt::judged(&it.config, reply.status, &reply.body)
}

/// Whether a record was refused often enough. Counts.
fn is_final(it: &Subscriber, tries_max: u32) -> bool {
    let mut standing = it.standing();
    standing.refused += 1;
    standing.refused >= tries_max
}

/// When the record before had no receipt either, it is the subscriber rather than the record: two hours of
/// "under maintenance" must not set everything aside.
fn tries_without_receipt(it: &Subscriber) -> u32 {
    if it.standing().without_receipt == 0 { REFUSED_MAX } else { WITHOUT_RECEIPT_MAX }
}

fn set_aside(it: &Subscriber, record: &Envelope, reason: String) -> Refused {
    let (subscription, record_id) = (&it.config.name, &record.record_id);
    tracing::error!(code = "I183", subscription, record_id, reason, "a record was set aside");
    // The next one has its own tries. That something is wrong is over when one is taken.
    it.standing().refused = 0;
    Refused::new(record, pipeline::stamp(clock::now()), reason)
}

pub(super) fn trouble(it: &Subscriber, reason: Option<String>) {
    let mut standing = it.standing();
    let Some(reason) = reason else {
        if standing.trouble.take().is_some() {
            tracing::info!(subscription = it.config.name, "records go on");
        }
        standing.refused = 0;
        return;
    };
    if let Some(trouble) = &mut standing.trouble {
        trouble.reason = reason;
        return;
    }
    tracing::warn!(
        code = "I181",
        subscription = it.config.name,
        reason,
        "records wait for a subscriber"
    );
    let at = pipeline::stamp(clock::now());
    standing.trouble = Some(Trouble { since: Instant::now(), at, reason });
}

pub(super) fn tell_lost(it: &Subscriber, place: &mut Place, lost: Lost, why: &str) {
    let (subscription, Lost { first, last, at_most }) = (&it.config.name, lost);
    tracing::error!(
        code = "I182",
        subscription,
        at_most,
        first,
        last,
        why,
        "records were not pushed and never will be"
    );
    metrics::counter!("his_agent_subscription_lost_total", "subscription" => subscription.clone())
        .increment(at_most);
    place.lost += at_most;
    place.lost_at = Some(pipeline::stamp(clock::now_for_ageing()));
}

pub(super) fn horizon(days: u32) -> String {
    let now = clock::now_for_ageing();
    pipeline::stamp(now.checked_sub(i64::from(days).days()).unwrap_or(now))
}

/// Records between two notes of the place.
pub(super) const AT_ONCE: usize = 64;
const REFUSED_MAX: u32 = 3;
/// Some six minutes: longer than [`super::ALERT_AFTER`].
const WITHOUT_RECEIPT_MAX: u32 = 12;
const LOOK_EVERY: Duration = Duration::from_millis(300);
const OPEN_AGAIN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_mins(1);
