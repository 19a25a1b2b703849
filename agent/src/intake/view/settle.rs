//! The rows of one page: what is new of it goes to the disk like any message, and then it is kept that it did.
//!
//! ```text
//! run begun (disk) -> rows that are not known -> intake, as any message -> disk -> known, watermark (disk)
//! ```
//!
//! The order is the promise: a row is known, and the watermark behind it, only when the outbox has it, and a
//! run is said to be under way before the first of its rows is taken, so that after a crash they have the
//! same ids. Whichever of these writes is the last one before a crash, no row is lost or comes twice.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::super::Road;
use super::super::answer::Said;
use super::super::messages::{self, Row};
use super::book::{self, Digest, Place};
use super::mark::Mark;
use super::row::Document;
use super::run::Done;
use super::trouble::Ended;
use crate::clock;
use crate::config::ViewConfig;
use crate::outbox::{Change, Outbox, State};

/// What rows are handed to.
#[derive(Clone, Copy)]
pub(super) struct Settling<'k> {
    pub(super) road: &'k Arc<Road>,
    pub(super) channel: &'k str,
    pub(super) view: &'k ViewConfig,
    pub(super) runtime: &'k Handle,
    pub(super) stop: &'k CancellationToken,
}

/// What goes on from page to page.
pub(super) struct Progress {
    pub(super) place: Place,
    pub(super) mark: Option<Mark>,
    /// The mark where the run began: of many rows that were changed at one time, each is news, in
    /// whatever page.
    begun: Option<Mark>,
    /// How many of the next new rows may have been taken before a crash, under the ids that they get.
    pub(super) again: usize,
    /// The keys that were seen, where all of the view is compared.
    pub(super) seen: HashSet<Digest>,
    pub(super) done: Done,
}

impl Progress {
    pub(super) fn of(place: Place, mark: Option<Mark>, view: &ViewConfig) -> Progress {
        // A page was in hand; what was committed meanwhile may lie between its rows.
        let again = if place.since_ms.is_some() { view.page_rows * 2 } else { 0 };
        let begun = mark.clone();
        Progress { place, mark, begun, again, seen: HashSet::new(), done: Done::default() }
    }

    /// Whether a row came behind all that was read of the view before this run. What comes late, was planned,
    /// or belongs to a history that is read for the first time, is no newer than what is known of it.
    fn is_news(&self, row: &Read) -> bool {
        let is_behind = |it: &Mark| self.begun.as_ref().is_none_or(|mark| mark.is_older_than(it));
        let is_news = |it: &Mark| is_behind(it) && !it.is_beyond(clock::now());
        self.place.is_read_through && row.mark.as_ref().is_some_and(is_news)
    }

    /// Whether nothing is in hand any more as of now. What comes behind has ids of its own, and may change back what
    /// was settled.
    fn settles(&mut self) -> bool {
        let is_over = self.again == 0 && self.place.since_ms.take().is_some();
        if is_over {
            self.place.since_seq = None;
        }
        is_over
    }

    /// Where what this run has taken itself begins, before a crash.
    fn since(&self) -> u64 {
        if self.again > 0 { self.place.since_seq.unwrap_or(0) } else { u64::MAX }
    }
}

/// A row that was read.
pub(super) struct Read {
    pub(super) document: Document,
    pub(super) digest: Digest,
    /// What it is known by, and what is kept of it.
    pub(super) name: Digest,
    pub(super) kept: String,
    /// Its values of the columns that order, as they go into a statement.
    pub(super) order: Vec<String>,
    /// Its values of the key's columns, as they are.
    pub(super) own: Vec<String>,
    /// One of them does not: no page begins at this row.
    pub(super) is_odd: bool,
    pub(super) mark: Option<Mark>,
    /// What it says is newer than all that was taken of it.
    pub(super) is_newest: bool,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Taken,
    Refused,
    Later,
}

impl Settling<'_> {
    /// Takes what is new of a page, and keeps that it was taken.
    pub(super) fn settle(&self, rows: Vec<Read>, progress: &mut Progress) -> Result<(), Ended> {
        let last = rows.iter().rev().filter_map(|it| it.mark.clone());
        let last = last.into_iter().find(|it| !it.is_beyond(clock::now()));
        let new = self.unknown(rows, progress)?;
        if !new.is_empty() && progress.place.since_ms.is_none() {
            let now = clock::instant(clock::now()).as_millisecond();
            progress.place.since_ms = Some(u64::try_from(now).unwrap_or(0));
            progress.place.since_seq = Some(self.outbox().next_seq());
            self.outbox().shelve(&[book::put(self.channel, &progress.place)])?;
        }
        self.take(&new, progress)?;
        let mut changes: Vec<_> =
            new.iter().map(|it| book::put_row(self.channel, it.name, &it.kept)).collect();
        let is_first = progress.place.mark.is_none();
        let is_further =
            |it: &Mark| progress.mark.as_ref().is_none_or(|mark| mark.is_passed_by(it));
        let last = last.filter(|it| is_first || is_further(it));
        let is_moved = last.is_some();
        if let Some(last) = last {
            progress.place.mark = Some(last.to_string());
            progress.mark = Some(last);
        }
        let is_over = progress.settles();
        if is_over || is_moved {
            changes.push(book::put(self.channel, &progress.place));
        }
        if !changes.is_empty() {
            self.outbox().shelve(&changes)?;
        }
        Ok(())
    }

    /// The rows that are not known yet, each once.
    fn unknown(&self, rows: Vec<Read>, progress: &mut Progress) -> Result<Vec<Read>, Ended> {
        let is_comparing = self.view.watermark.is_none();
        let (mut new, mut in_page) = (Vec::new(), HashSet::new());
        for mut row in rows {
            if is_comparing {
                progress.seen.insert(row.name);
            }
            let kept = book::row(self.outbox(), self.channel, row.name)?;
            let is_there = kept.is_some();
            let is_known = kept.is_some_and(|it| !is_comparing || it == row.kept);
            if is_known || !in_page.insert(row.digest) {
                progress.done.known += 1;
            } else {
                row.is_newest = if is_comparing { is_there } else { progress.is_news(&row) };
                new.push(row);
            }
        }
        Ok(new)
    }

    /// Some at one time, so that they share a sync; never two that may be one thing twice, since the
    /// order of those must hold whatever happens.
    fn take(&self, rows: &[Read], progress: &mut Progress) -> Result<(), Ended> {
        let mut rest = rows;
        while !rest.is_empty() {
            if self.stop.is_cancelled() {
                return Err(Ended::Stopping);
            }
            let (wave, behind) = rest.split_at(self.wave(rest));
            let taking = wave.iter().map(|it| self.take_row(it, progress));
            let fates = stream::iter(taking).buffered(WAVE_MAX).collect::<Vec<Fate>>();
            let fates = self.runtime.block_on(fates);
            if fates.contains(&Fate::Later) {
                return Err(Ended::Later);
            }
            let refused = fates.iter().filter(|it| **it == Fate::Refused).count();
            progress.done.refused += refused;
            progress.done.taken += wave.len() - refused;
            progress.again = progress.again.saturating_sub(wave.len());
            rest = behind;
        }
        Ok(())
    }

    /// How many of these may be taken at one time.
    fn wave(&self, rows: &[Read]) -> usize {
        if self.view.key.is_empty() {
            return 1;
        }
        let from = usize::from(self.view.watermark.is_some());
        let mut keys = HashSet::new();
        let apart = |it: &&Read| keys.insert(it.order.get(from..).unwrap_or_default().to_vec());
        rows.iter().take(WAVE_MAX).take_while(apart).count()
    }

    async fn take_row(&self, read: &Read, progress: &Progress) -> Fate {
        let since = progress.place.since_ms.unwrap_or(0);
        let state = || State { since: progress.since(), own: read.own.clone() };
        let state = read.is_newest.then(state);
        let row = Row {
            id: book::id(self.channel, since, read.digest),
            bytes: Bytes::from(read.document.text.clone()),
            again: progress.again > 0,
            state,
        };
        if !read.document.lost.is_empty() {
            let reason = format!("columns not readable: {}", read.document.lost.join(", "));
            let buried = messages::bury_row(self.road, self.channel, row, ("I207", &reason)).await;
            return if buried.is_ok() { Fate::Refused } else { Fate::Later };
        }
        let answer = messages::receive_row(self.road, self.channel, row).await;
        match answer.extensions().get::<Said>() {
            None => Fate::Taken,
            Some(said) if said.may_come_again => Fate::Later,
            Some(_) => Fate::Refused,
        }
    }

    /// The run is over: the next one has ids of its own.
    pub(super) fn close(
        &self,
        progress: &mut Progress,
        mut changes: Vec<Change>,
    ) -> Result<(), Ended> {
        let is_first = progress.done.is_whole && !progress.place.is_read_through;
        progress.place.is_read_through |= progress.done.is_whole;
        progress.place.since_seq = None;
        if progress.place.since_ms.take().is_some() || is_first {
            changes.push(book::put(self.channel, &progress.place));
        }
        if !changes.is_empty() {
            self.outbox().shelve(&changes)?;
        }
        Ok(())
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.road.outbox
    }
}

/// Rows that are on their way to the disk at one time: few enough to be no burden to other doors.
const WAVE_MAX: usize = 32;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
