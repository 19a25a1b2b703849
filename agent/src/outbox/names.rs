//! Under which names `seen` keeps what was taken in, so that a copy of the folder does not tell whether a number
//! that somebody guesses ever came.
//!
//! A record's identity is a hash that anybody can make. *Hidden* it goes through a cipher under a key of its own,
//! made of the first data key, and so does the digest of its content beside it. It is a cipher and no keyed hash
//! because it leads back: names can be changed without knowing any business key, in both directions.
//!
//! Releases before format 3 look identities up as they are, *plain*; what those would not find they would take in
//! once more. So a store that one of them has left stays plain for a week: until then going back costs nothing.
//! Then it is of format 3, which they refuse to open, and its names are hidden in the background; meanwhile both
//! forms are looked up. [`to_earlier_format`] leads back from there, whole.

mod hiding;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use sha2::{Digest as _, Sha256};
use tracing::error;

#[cfg(test)]
pub(super) use self::hiding::Step;
pub(crate) use self::hiding::keep;
pub use self::hiding::to_earlier_format;
use super::format::{self, Take};
use super::seen::Identity;
use super::store::{Batch, Family, Store};
use super::{FORMAT, HIDDEN, StoreError, opening};
use crate::aead::{Blocks, KEY_BYTES};

/// How identities are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Form {
    /// As releases before format 3 do.
    Plain,
    /// Hidden; what is not hidden yet is found too.
    Both,
    /// Hidden: there are no others.
    Hidden,
}

impl Form {
    /// What a store that was just opened says of itself.
    pub(super) fn of(store: &Store) -> Result<Form, StoreError> {
        let [format] = opening::row(store, FORMAT)?.unwrap_or([format::FORMAT]);
        if format < format::HIDDEN_SINCE {
            return Ok(Form::Plain);
        }
        let [come_to] = opening::row(store, HIDDEN)?.unwrap_or([0]);
        Ok(if come_to == ALL { Form::Hidden } else { Form::Both })
    }
}

/// What is known under an identity.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) takes: Vec<Take>,
    /// Some of it stands under the plain name.
    pub(super) is_plain: bool,
}

/// Turns identities and digests into what stands on the disk, and back.
pub(super) struct Hider {
    names: Blocks,
    digests: Blocks,
}

impl Hider {
    pub(super) fn of(key: &[u8; KEY_BYTES]) -> Hider {
        let blocks = |purpose: &str| {
            Blocks::new(&Sha256::new().chain_update(purpose).chain_update(key).finalize().into())
        };
        Hider {
            names: blocks("names of what was seen"),
            digests: blocks("digests of what was seen"),
        }
    }

    fn value(&self, mut takes: Vec<Take>) -> Vec<u8> {
        for take in &mut takes {
            take.digest = self.digests.hide(take.digest);
        }
        format::seal_takes(&takes, true)
    }

    /// The contents under a name, and whether they are hidden.
    fn takes(&self, value: &[u8]) -> Result<(Vec<Take>, bool), format::Damage> {
        let (mut takes, are_hidden) = format::open_named_takes(value)?;
        for take in takes.iter_mut().filter(|_| are_hidden) {
            take.digest = self.digests.show(take.digest);
        }
        Ok((takes, are_hidden))
    }

    /// The entry that stands for a plain one, with what is known under its hidden name already.
    fn hidden(&self, store: &Store, key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let (takes, _) = self.takes(value).ok().filter(|(_, are_hidden)| !are_hidden)?;
        let name = self.names.hide(key.try_into().ok()?);
        let there = store.get(Family::Seen, &name).ok().flatten();
        let there = there.and_then(|it| self.takes(&it).ok()).map_or_else(Vec::new, |it| it.0);
        Some((name.to_vec(), self.value(joined(takes, there))))
    }

    /// The entry as releases before format 3 know it.
    fn plain(&self, key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let (takes, _) = self.takes(value).ok().filter(|(_, are_hidden)| *are_hidden)?;
        let identity = self.names.show(key.try_into().ok()?);
        Some((identity.to_vec(), format::seal_takes(&takes, false)))
    }
}

/// How what was taken in is found now.
pub(super) struct Names {
    hider: Arc<Hider>,
    form: AtomicU8,
}

impl Names {
    pub(super) fn new(hider: Arc<Hider>, form: Form) -> Names {
        Names { hider, form: AtomicU8::new(form as u8) }
    }

    pub(super) fn form(&self) -> Form {
        match self.form.load(Ordering::SeqCst) {
            it if it == Form::Plain as u8 => Form::Plain,
            it if it == Form::Hidden as u8 => Form::Hidden,
            _ => Form::Both,
        }
    }

    fn take(&self, form: Form) {
        self.form.store(form as u8, Ordering::SeqCst);
    }

    /// What is known under each identity, and in which form whatever comes to it is to be kept.
    pub(super) fn look_up(
        &self,
        store: &Store,
        identities: &[Identity],
    ) -> Result<(Form, Vec<Known>), StoreError> {
        self.look_up_twice(store, identities, || ())
    }

    /// The same, with something in between: a name may be hidden just then.
    pub(super) fn look_up_twice(
        &self,
        store: &Store,
        identities: &[Identity],
        between: impl FnOnce(),
    ) -> Result<(Form, Vec<Known>), StoreError> {
        let form = self.form();
        let mut known: Vec<Known> = identities.iter().map(|_| Known::default()).collect();
        // Plain names first: an entry that is hidden between the two looks is read twice, and not missed.
        if form != Form::Hidden {
            for (known, value) in known.iter_mut().zip(store.get_many(Family::Seen, identities)?) {
                known.is_plain = value.is_some();
                known.takes = self.opened(store, value);
            }
        }
        between();
        if form != Form::Plain {
            let names: Vec<_> = identities.iter().map(|it| self.hider.names.hide(*it)).collect();
            for (known, value) in known.iter_mut().zip(store.get_many(Family::Seen, &names)?) {
                let takes = self.opened(store, value);
                known.takes = joined(std::mem::take(&mut known.takes), takes);
            }
        }
        Ok((form, known))
    }

    /// Adds to a batch what is known under an identity now.
    pub(super) fn keep(&self, batch: &mut Batch<'_>, form: Form, identity: Identity, known: Known) {
        if form == Form::Plain {
            return batch.put(Family::Seen, &identity, &format::seal_takes(&known.takes, false));
        }
        if known.is_plain {
            batch.delete(Family::Seen, &identity);
        }
        batch.put(Family::Seen, &self.hider.names.hide(identity), &self.hider.value(known.takes));
    }

    fn opened(&self, store: &Store, value: Option<Vec<u8>>) -> Vec<Take> {
        let Some(value) = value else { return Vec::new() };
        let damaged = |damage: format::Damage| {
            // The record itself is safe in the queue; at worst a resend of it is taken for new.
            error!(%damage, "what was seen under a business key is damaged");
            store.name_is_unread();
            Vec::new()
        };
        self.hider.takes(&value).map_or_else(damaged, |(takes, _)| takes)
    }
}

/// What stood under two names, oldest first.
fn joined(mut takes: Vec<Take>, others: Vec<Take>) -> Vec<Take> {
    if !others.is_empty() {
        takes.extend(others);
        takes.sort_by_key(|it| it.seq);
        takes.dedup_by_key(|it| it.seq);
    }
    takes
}

/// How far names are hidden when all are: more than any key begins with.
const ALL: u64 = u64::MAX;
