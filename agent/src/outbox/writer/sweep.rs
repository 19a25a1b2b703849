//! The writer's part of what is settled above the cursor: behind one record that waits for a day there
//! may be a million that arrived. They are written down, so that a restart does not send them again,
//! and long stretches of them are removed, so that the disk does not fill behind that one.

use std::mem;
use std::ops::ControlFlow;

use super::super::aside::{Aside, Fate};
use super::super::store::{Family, Store, WalkError};
use super::super::{EARLY, StoreError};
use super::{Durability, Group, SWEEP_RECORDS, Writer, entry_at};
use crate::ranges::Ranges;

impl Writer {
    /// What has left without reaching the platform, this group's share included.
    pub(super) fn aside_with(&self, group: &Group<'_>) -> Aside {
        let mut aside = self.shared.progress().aside.clone();
        for it in &group.aside {
            aside.add(*it);
        }
        aside
    }

    /// Puts into the batch what has left without reaching the platform, if that has changed.
    pub(super) fn note_aside(&self, group: &mut Group<'_>) {
        let has_arrived = mem::take(&mut self.shared.progress().has_arrived);
        if group.aside.is_empty() && !has_arrived {
            return;
        }
        let mut aside = self.aside_with(group);
        aside.forget_below(self.at.next_seq.saturating_sub(self.remember_records));
        aside.store(&mut group.batch);
    }

    /// Puts what is settled above the cursor into the batch, if it has become much more, if this batch
    /// removes some of it, or if it is the last.
    pub(super) fn note_early(&self, group: &mut Group<'_>, is_last: bool) {
        let progress = self.shared.progress();
        // Each time all of it is written: the more pieces, the less often.
        let at_least = EARLY_RECORDS.max(progress.early().pieces() / PIECES_A_RECORD);
        let is_due = !group.swept.is_empty()
            || (is_last && progress.has_early())
            || progress.early_is_due(at_least);
        // Of this batch's own cursor: the one in memory may have gone on since, and have taken with it
        // what lies between.
        let (from, end) = (self.at.cursor, self.at.next_seq);
        group.early = is_due.then(|| progress.settled_in(from, end).into_iter().collect());
        drop(progress);
        if let Some(early) = &group.early {
            group.batch.put(Family::Meta, EARLY, &early.to_bytes());
        }
    }

    /// Removes what is settled above the cursor and nobody needs, in long stretches: short ones would
    /// leave a mark each, and every read would pay for them.
    pub(super) fn sweep_early(
        &mut self,
        group: &mut Group<'_>,
        reclaim: bool,
    ) -> Result<(), StoreError> {
        for (from, end) in self.stretches_to_sweep(reclaim) {
            if let Some((first, last)) = entries_within(&self.store, from, end)? {
                group.batch.delete_range(Family::Queue, first, last);
                group.swept.push((first, last));
                // Files vanish at once; what says why must be on disk first.
                group.durability = Durability::Synced;
            }
            self.swept_early.insert(from, end);
        }
        Ok(())
    }

    fn stretches_to_sweep(&mut self, reclaim: bool) -> Vec<(u64, u64)> {
        let progress = self.shared.progress();
        let early = progress.early();
        let least = if reclaim { RECLAIM_RECORDS } else { SWEEP_RECORDS };
        self.early_seen = self.early_seen.min(early.len());
        if early.len() < least || (!reclaim && early.len() < self.early_seen + least) {
            return Vec::new();
        }
        self.early_seen = early.len();
        self.swept_early.remove(0, progress.cursor);
        let long = |it: &(u64, u64)| it.1 - it.0 >= least;
        let unswept = early.iter().flat_map(|(from, end)| self.swept_early.without(from, end));
        let unneeded = unswept.filter(long).flat_map(|it| self.shared.unneeded_in(it, reclaim));
        unneeded.filter(long).collect()
    }

    /// Gives back the files that held nothing else.
    pub(super) fn give_back_early(&self, swept: &[(u64, u64)]) -> Result<(), StoreError> {
        for (first, end) in swept {
            let [first, last] = [*first, end.saturating_sub(1)].map(u64::to_be_bytes);
            self.store.drop_files(Family::Queue, &first, &last)?;
        }
        Ok(())
    }

    /// What was written is so from now on.
    pub(super) fn keep_up(&self, aside: &[(u64, u64, Fate)], early: Option<&Ranges>) {
        let mut progress = self.shared.progress();
        if let Some(early) = early {
            progress.early_said(early.len());
        }
        progress.leave(aside);
    }
}

/// The keys of the entries that hold records of `from..end` and no others: the first, and the one
/// behind the last.
fn entries_within(store: &Store, from: u64, end: u64) -> Result<Option<(u64, u64)>, StoreError> {
    let mut first = None;
    let walked = store.walk(Family::Queue, [from, from, end], |key, _| {
        first = Some(key);
        ControlFlow::Break(())
    });
    match (walked, first) {
        // Then it is not swept; nobody reads it either.
        (Ok(()), None) | (Err(WalkError::Damaged(_)), _) => Ok(None),
        (Ok(()), Some(first)) => {
            let behind = entry_at(store, first, end)?;
            Ok((first < behind).then_some((first, behind)))
        }
        (Err(WalkError::Failed(cause)), _) => Err(StoreError::Failed { operation: "read", cause }),
    }
}

/// Records settled above the cursor that are written down. So many, and the forwarder's window, go out
/// once more after a kill.
const EARLY_RECORDS: u64 = 1024;
/// Pieces that are worth one record sent twice.
const PIECES_A_RECORD: u64 = 8;
/// Records in a stretch that is removed while the disk has no room.
const RECLAIM_RECORDS: u64 = 256;
