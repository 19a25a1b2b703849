//! One change of the log in the making: reads where findings stand, says what happens to them, and
//! writes all of it at once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::acknowledged::{Acknowledged, Answer};
use super::entry::Check;
use super::keys;
use super::log::{Answered, Hours, walk};
use super::records::{CHANNEL, Sheaf, Writer};
use super::states::{AGENT, Given, State, Step};
use super::tracked::Tracked;
use crate::clock;
use crate::envelope::{Draft, Original, Submission, Sum};
use crate::events::event::Event;
use crate::events::feed::Feed;
use crate::outbox::{Change, Outbox, StoreError};
use crate::patient_key::PatientKey;
use crate::pipeline;
use crate::relay::owed::Owed;

/// A change in the making.
pub(super) struct Pen<'a> {
    outbox: &'a Outbox,
    feed: &'a Feed,
    key: &'a PatientKey,
    /// What screens are told of it.
    events: Vec<Event>,
    changes: Vec<Change>,
    findings: BTreeMap<String, Tracked>,
    /// Findings that this change forgets.
    forgotten: Vec<String>,
    hours: Hours,
    next: u64,
}

impl<'a> Pen<'a> {
    /// `next` is the number that the next records to tell get.
    pub(super) fn new(
        outbox: &'a Outbox,
        (feed, key): (&'a Feed, &'a PatientKey),
        next: u64,
    ) -> Pen<'a> {
        let (findings, hours) = (BTreeMap::new(), Hours::new());
        let (changes, events, forgotten) = (Vec::new(), Vec::new(), Vec::new());
        Pen { outbox, feed, key, events, changes, findings, forgotten, hours, next }
    }

    /// Keeps a check, and where its findings stand now.
    pub(super) fn check(
        &mut self,
        check: &Check,
        writer: Option<&Writer>,
    ) -> Result<(), StoreError> {
        let Some(id) = keys::id(&check.check_id) else { return Ok(()) };
        let bytes = check.to_bytes();
        self.count(id, bytes.len() as u64)?;
        self.changes.push(Change::Put(keys::check(id), bytes));
        let received_at = pipeline::moment(&check.answered_at).unwrap_or_else(clock::now);
        let mut sheaf = writer.map(|it| it.sheaf(&check.check_id, received_at));
        if let Some(sheaf) = &mut sheaf {
            sheaf.check(check);
        }
        for found in check.findings.iter().filter(|it| it.is_shown() || it.acknowledged) {
            let known = self.finding(&found.id)?.filter(|it| it.is_about(check));
            let mut tracked = known.unwrap_or_else(|| Tracked::new(check, found));
            let was = tracked.opened_by.clone();
            tracked.seen(check, found);
            if tracked.opened_by != was {
                self.changes.push(Change::Put(keys::open(id, &found.id), Vec::new()));
                self.events.push(Event::opened(check, found, &tracked));
            }
            if let Some(encounter) = &check.encounter {
                let key = keys::of_encounter(&self.key.name_in_keys(&[encounter]), &found.id);
                self.changes.push(Change::Put(key, Vec::new()));
            }
            if let Some(sheaf) = &mut sheaf {
                sheaf.finding(check, found, &tracked);
            }
            self.findings.insert(found.id.clone(), tracked);
        }
        self.tell(sheaf);
        Ok(())
    }

    /// Takes an answer, if it can be taken.
    pub(super) fn answer(
        &mut self,
        given: &Given,
        writer: Option<&Writer>,
    ) -> Result<Answered, StoreError> {
        let finding_id = given.finding_id.clone();
        let Some(mut tracked) = self.finding(&finding_id)? else {
            return Ok(Answered { finding_id, tracked: None, step: None });
        };
        let step = tracked.answer(given);
        if step == Step::Taken {
            self.close(&tracked);
            self.events.push(Event::answered(&tracked, given));
            if let Some(owed) = Owed::of(&tracked, given) {
                let json = serde_json::to_vec(&owed).unwrap_or_default();
                self.changes.push(Change::Put(keys::owed(&finding_id), json));
            }
            let received_at = pipeline::moment(&given.at).unwrap_or_else(clock::now);
            let mut sheaf = writer.map(|it| it.sheaf(&clock::new_id(), received_at));
            if let Some(sheaf) = &mut sheaf {
                sheaf.feedback(&tracked, given);
            }
            self.tell(sheaf);
            self.findings.insert(finding_id.clone(), tracked.clone());
        }
        Ok(Answered { finding_id, tracked: Some(tracked), step: Some(step) })
    }

    /// Time has answered for the doctor. `key` is that of the open finding.
    pub(super) fn ignore(
        &mut self,
        key: &[u8],
        now: &str,
        writer: Option<&Writer>,
    ) -> Result<(), StoreError> {
        self.changes.push(Change::Remove(key.to_vec()));
        let Some(finding_id) = keys::finding_of_open(key) else { return Ok(()) };
        if self.finding(finding_id)?.is_some_and(|it| it.state == State::Open) {
            let given = Given {
                finding_id: finding_id.to_owned(),
                state: State::Ignored,
                at: now.to_owned(),
                source: AGENT.to_owned(),
                ..Given::default()
            };
            self.answer(&given, writer)?;
        }
        Ok(())
    }

    /// Forgets the checks of an hour, and the findings that no later check has come to.
    pub(super) fn forget_hour(&mut self, hour: u32) -> Result<(), StoreError> {
        let (from, end) = (keys::begin_of(hour), keys::begin_of(hour.saturating_add(1)));
        let (from, end) = (keys::checks_from(from), keys::checks_from(end));
        let mut last = Vec::new();
        self.outbox.walk_shelf(&from, &end, |_, bytes| {
            let check = Check::from_bytes(bytes).unwrap_or_default();
            last.extend(check.findings.into_iter().map(|it| (it.id, check.check_id.clone())));
            ControlFlow::Continue(())
        })?;
        for (finding_id, check_id) in last {
            let Some(tracked) = self.finding(&finding_id)? else { continue };
            if tracked.last_check == check_id {
                self.forget_finding(&tracked)?;
            }
        }
        self.changes.push(Change::RemoveRange(from, end));
        self.changes.push(Change::Remove(keys::hour(hour)));
        Ok(())
    }

    /// Of an hour, keeps only the checks that found something, with their requests.
    pub(super) fn thin_hour(&mut self, hour: u32) -> Result<(), StoreError> {
        let (from, end) = (keys::begin_of(hour), keys::begin_of(hour.saturating_add(1)));
        let (from, end) = (keys::checks_from(from), keys::checks_from(end));
        let (mut gone, mut last, mut kept) = (Vec::new(), Vec::new(), [0_u64; 2]);
        self.outbox.walk_shelf(&from, &end, |key, bytes| {
            let check = Check::from_bytes(bytes).unwrap_or_default();
            if check.findings.iter().any(|it| it.is_shown() || it.acknowledged) {
                kept[0] += 1;
                kept[1] += bytes.len() as u64;
            } else {
                gone.push(Change::Remove(key.to_vec()));
                last.extend(check.findings.into_iter().map(|it| (it.id, check.check_id.clone())));
            }
            ControlFlow::Continue(())
        })?;
        for (finding_id, check_id) in last {
            let Some(tracked) = self.finding(&finding_id)? else { continue };
            if tracked.last_check == check_id {
                self.forget_finding(&tracked)?;
            }
        }
        self.changes.append(&mut gone);
        let row = [kept[0], kept[1], THINNED].map(u64::to_be_bytes).concat();
        self.changes.push(Change::Put(keys::hour(hour), row));
        Ok(())
    }

    fn forget_finding(&mut self, tracked: &Tracked) -> Result<(), StoreError> {
        self.close(tracked);
        self.forgotten.push(tracked.id.clone());
        self.changes.push(Change::Remove(keys::finding(&tracked.id)));
        self.changes.push(Change::Remove(keys::acknowledged(&tracked.id)));
        let Some(encounter) = &tracked.encounter else { return Ok(()) };
        let name = self.key.name_in_keys(&[encounter]);
        self.changes.push(Change::Remove(keys::of_encounter(&name, &tracked.id)));
        for line in &tracked.lines {
            let prefix = keys::line(&self.key.name_in_keys(&[encounter, line]), "");
            let mut links = Vec::new();
            walk(self.outbox, &prefix, |key, _| links.push(Change::Remove(key.to_vec())))?;
            self.changes.extend(links);
        }
        Ok(())
    }

    /// Writes everything, and gives the number that the next records to tell get.
    pub(super) fn write(mut self, acknowledged: &Acknowledged) -> Result<u64, StoreError> {
        for (id, tracked) in &self.findings {
            let json = serde_json::to_vec(tracked).unwrap_or_default();
            self.changes.push(Change::Put(keys::finding(id), json));
            let key = keys::acknowledged(id);
            self.changes.push(match Answer::of(tracked) {
                Some(answer) => Change::Put(key, answer.to_bytes()),
                None => Change::Remove(key),
            });
        }
        for (hour, [checks, bytes]) in &self.hours {
            let row = [checks.to_be_bytes(), bytes.to_be_bytes()].concat();
            self.changes.push(Change::Put(keys::hour(*hour), row));
        }
        self.changes.extend(self.feed.changes(&self.events));
        self.outbox.shelve(&self.changes)?;
        self.feed.publish(self.events);
        // Only what is on disk is acted upon.
        for (id, tracked) in self.findings {
            match Answer::of(&tracked) {
                Some(answer) => acknowledged.insert(&id, answer),
                None => acknowledged.remove(&id),
            }
        }
        for id in &self.forgotten {
            acknowledged.remove(id);
        }
        Ok(self.next)
    }

    fn close(&mut self, tracked: &Tracked) {
        if let Some(opened_by) = keys::id(&tracked.opened_by) {
            self.changes.push(Change::Remove(keys::open(opened_by, &tracked.id)));
        }
    }

    /// Where a finding stands, this change included.
    fn finding(&self, finding_id: &str) -> Result<Option<Tracked>, StoreError> {
        if let Some(tracked) = self.findings.get(finding_id) {
            return Ok(Some(tracked.clone()));
        }
        let bytes = self.outbox.shelved(&keys::finding(finding_id))?;
        Ok(bytes.and_then(|it| serde_json::from_slice(&it).ok()))
    }

    fn count(&mut self, check: [u8; 16], more: u64) -> Result<(), StoreError> {
        let hour = keys::hour_at(keys::ms_of(check));
        if !self.hours.contains_key(&hour) {
            let row = self.outbox.shelved(&keys::hour(hour))?.unwrap_or_default();
            let (numbers, _) = row.as_chunks::<8>();
            let number = |at: usize| numbers.get(at).map_or(0, |it| u64::from_be_bytes(*it));
            self.hours.insert(hour, [number(0), number(1)]);
        }
        if let Some([checks, bytes]) = self.hours.get_mut(&hour) {
            *checks = checks.saturating_add(1);
            *bytes = bytes.saturating_add(more);
        }
        Ok(())
    }

    /// Events that are not the log's.
    pub(super) fn announce(&mut self, events: Vec<Event>) {
        self.events.extend(events);
    }

    /// Changes that are not the log's.
    pub(super) fn add(&mut self, changes: Vec<Change>) {
        self.changes.extend(changes);
    }

    pub(super) fn tell(&mut self, sheaf: Option<Sheaf<'_>>) {
        let Some(submission) = sheaf.map(Sheaf::submission).filter(|it| !it.drafts.is_empty())
        else {
            return;
        };
        let json = serde_json::to_vec(&Untold::of(submission)).unwrap_or_default();
        self.changes.push(Change::Put(keys::to_tell(self.next), json));
        self.next = self.next.saturating_add(1);
    }
}

/// The third number of an hour whose checks without a finding are gone.
const THINNED: u64 = 1;

/// Records on the way from the log to the queue.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Untold {
    message_id: String,
    received_at: String,
    org: String,
    schema: String,
    drafts: Vec<UntoldDraft>,
}

#[derive(Debug, Serialize, Deserialize)]
struct UntoldDraft {
    entity: String,
    lane: String,
    key: String,
    digest: [u8; 32],
    tail: String,
    /// Not there in what earlier releases wrote.
    #[serde(default)]
    sum: Option<u32>,
}

impl Untold {
    fn of(submission: Submission) -> Untold {
        let draft = |it: Draft| UntoldDraft {
            entity: it.entity,
            lane: it.lane,
            key: it.key,
            digest: it.digest,
            tail: it.tail,
            sum: Some(it.sum.0),
        };
        Untold {
            message_id: submission.message_id,
            received_at: submission.received_at,
            org: submission.org.to_string(),
            schema: submission.schema.to_string(),
            drafts: submission.drafts.into_iter().map(draft).collect(),
        }
    }

    /// As the outbox takes it.
    pub(super) fn submission(self) -> Submission {
        let draft = |it: UntoldDraft| {
            let draft = Draft::new(it.entity, it.lane, it.key, it.digest, it.tail);
            Draft { sum: it.sum.map_or(draft.sum, Sum), ..draft }
        };
        Submission {
            channel: CHANNEL.into(),
            message_id: self.message_id,
            received_at: self.received_at,
            org: self.org.into(),
            schema: self.schema.into(),
            drafts: self.drafts.into_iter().map(draft).collect(),
            original: Original::default(),
        }
    }
}
