//! Whose a record is that the platform has under our name and our account has not.
//!
//! Number and epoch are ours, so our account's silence proves nothing: it may be the account that is short.
//! Strange is only what something here contradicts: the record itself under that number, the account, or the
//! journey of the message; or a number that was never given out.

use std::collections::{BTreeMap, BTreeSet};

use super::Opened;
use super::compare::Named;
use super::follow::{day_of, group_of};
use super::leaf::Leaf;
use super::page::range_of;
use crate::envelope::Envelope;
use crate::outbox::{Change, Fate, StoreError};

/// Ids that are known to have been given to numbers.
pub(super) type Given = BTreeMap<u64, [u8; 16]>;

/// What came of records that our account did not have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sorted {
    /// They are here, and are entered.
    pub(super) ours: u64,
    /// They are not here any more, or cannot be read: entered as the platform has them.
    pub(super) as_told: u64,
    /// Ours, as they are here: the platform has something else under their ids, or has them elsewhere.
    pub(super) altered: Vec<Named>,
    /// Not ours.
    pub(super) strange: Vec<Named>,
    /// Several under one number, and nothing here says which is ours: left as they are.
    pub(super) contested: Vec<Named>,
}

enum Whose {
    Ours(Envelope),
    Altered(Envelope),
    Strange,
    /// Nothing here says anything else.
    AsTold,
}

impl Opened {
    /// The numbers of those that are not here to be looked at.
    pub(super) fn not_here(&self, unknown: &[Named]) -> Result<BTreeSet<u64>, StoreError> {
        let mut seqs = BTreeSet::new();
        for seq in unknown.iter().map(|it| it.leaf.seq) {
            if seq < self.outbox.next_seq() && self.outbox.record(seq)?.is_none() {
                seqs.insert(seq);
            }
        }
        Ok(seqs)
    }

    /// Enters records of a day that the platform has and the account misses, if they are ours; tells which
    /// are not. Ours by right are also those whose numbers are lost here: what was accepted after the
    /// backup that the store was brought back from.
    pub(super) fn enter_ours(
        &self,
        day: u32,
        unknown: Vec<Named>,
        given: &Given,
    ) -> Result<Sorted, StoreError> {
        let _turn = self.turn();
        let (mut here, mut told, mut sorted) = (Vec::new(), Vec::new(), Sorted::default());
        for it in unknown {
            match self.whose(day, &it, given)? {
                Whose::Ours(found) => {
                    sorted.ours += 1;
                    here.push(found);
                }
                Whose::Altered(found) => {
                    let leaf = Leaf::of(found.seq, &found.record_id, &found.body);
                    sorted.altered.push(Named { leaf, group: it.group });
                    here.push(found);
                }
                Whose::Strange => sorted.strange.push(it),
                Whose::AsTold => told.push(it),
            }
        }
        (told, sorted.contested) = apart(told);
        sorted.as_told = told.len() as u64;
        let seqs = here.iter().map(|it| it.seq).chain(told.iter().map(|it| it.leaf.seq));
        let arrived = self.has_arrived(seqs)?;
        let confirmed = here.iter().filter(|it| self.outbox.is_delivered(it.seq));
        self.outbox.enter(&self.entered_with(confirmed)?)?;
        // They may be of the same rows: these are read anew.
        let mut changes = self.entered_as_told(day, &told)?;
        let seqs = here.iter().map(|it| it.seq).chain(told.iter().map(|it| it.leaf.seq));
        changes.extend(self.named_now(seqs)?);
        self.outbox.enter(&changes)?;
        self.outbox.entered_late(&arrived);
        Ok(sorted)
    }

    /// What the platform had refused and has now came by a replay that a crash has made us forget. Gives the
    /// numbers: they are entered here, and by nobody once more.
    fn has_arrived(&self, seqs: impl Iterator<Item = u64>) -> Result<Vec<u64>, StoreError> {
        let is_refused = |seq: &u64| self.outbox.fate(*seq) == Some(Fate::Refused);
        let arrived: Vec<u64> = seqs.filter(is_refused).collect();
        if !arrived.is_empty() {
            self.outbox.settle(&arrived)?;
        }
        Ok(arrived)
    }

    fn whose(&self, day: u32, it: &Named, given: &Given) -> Result<Whose, StoreError> {
        let Leaf { seq, id, .. } = it.leaf;
        if seq == 0 || seq >= self.outbox.next_seq() {
            return Ok(Whose::Strange);
        }
        if let Some(found) = self.outbox.record(seq)? {
            let leaf = Leaf::of(seq, &found.record_id, &found.body);
            let is_place = group_of(&found) == it.group && day_of(&found.received_at) == day;
            return Ok(match leaf.id == id {
                true if is_place && leaf == it.leaf => Whose::Ours(found),
                true => Whose::Altered(found),
                false => Whose::Strange,
            });
        }
        let kept = self.leaves(day, &it.group, range_of(seq))?;
        let known = kept.iter().find(|it| it.seq == seq).map(|it| it.id);
        let known = known.or_else(|| given.get(&seq).copied());
        Ok(if known.is_some_and(|it| it != id) { Whose::Strange } else { Whose::AsTold })
    }

    /// Records of which only the platform knows more than their leaves; their sums stay unknown.
    fn entered_as_told(&self, day: u32, told: &[Named]) -> Result<Vec<Change>, StoreError> {
        let mut pages: BTreeMap<_, BTreeMap<u64, Vec<Leaf>>> = BTreeMap::new();
        for it in told {
            let ranges = pages.entry(&it.group).or_default();
            ranges.entry(range_of(it.leaf.seq)).or_default().push(it.leaf);
        }
        let mut changes = Vec::new();
        for (group, ranges) in pages {
            self.grow_as_told(day, group, ranges, &mut changes)?;
        }
        Ok(changes)
    }
}

/// Those that are alone under their numbers, and those that are not.
fn apart(told: Vec<Named>) -> (Vec<Named>, Vec<Named>) {
    let mut leaves: BTreeMap<u64, BTreeSet<Leaf>> = BTreeMap::new();
    for it in &told {
        leaves.entry(it.leaf.seq).or_default().insert(it.leaf);
    }
    told.into_iter().partition(|it| leaves.get(&it.leaf.seq).is_none_or(|it| it.len() == 1))
}
