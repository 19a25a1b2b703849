//! Changes keys while the agent runs: what is new takes the new data key at once, and what is old is
//! sealed anew in the background, a little at a time. Until then both are read.
//!
//! Old data keys stay in the keyring, wrapped like the newest: a backup of the store from before can be
//! read. A store of a time before values were sealed is sealed in the same manner.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::format::Keyring;
use super::store::{Chunk, Durability, Family};
use super::{Outbox, RESEALED, StoreError, blocking, format, keyring, opening};
use crate::master_key::MasterKey;

/// A data key, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey {
    /// Its number; the highest is in use.
    pub id: u32,
    /// When it was made, `YYYYMMDDhhmmss`.
    pub made_at: String,
}

/// How everything is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealing {
    /// Fingerprint of the master key.
    pub master: String,
    /// The data keys, oldest first.
    pub keys: Vec<DataKey>,
    /// Everything is sealed with the newest data key.
    pub is_done: bool,
    /// The family that is looked through now.
    pub family: Option<&'static str>,
    /// Values looked at since the last change of keys.
    pub looked_at: u64,
    /// Of these sealed anew.
    pub sealed: u64,
    /// Of these damaged.
    pub damaged: u64,
}

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct Resealing {
    /// Place in [`FAMILIES`], and the key to go on from.
    at: Option<(usize, Vec<u8>)>,
    looked_at: u64,
    sealed: u64,
    damaged: u64,
}

impl Outbox {
    /// What is stored from now on is sealed with a new data key, whose number this gives. Blocks.
    pub fn rotate_key(&self) -> Result<u32, StoreError> {
        // Held to the end: two new keys must not have one number.
        let mut resealing = self.resealing();
        let store = self.shared.store()?;
        let ring = store.vault().ring_with_new_key()?;
        self.keep(ring, &store.vault().master())?;
        *resealing = Resealing { at: Some((0, Vec::new())), ..Resealing::default() };
        self.shared.rotated.notify_one();
        Ok(store.vault().newest_id())
    }

    /// Wraps the data keys with another master key: with that one the store is opened from now on.
    /// Blocks.
    pub fn change_master_key(&self, other: &MasterKey) -> Result<(), StoreError> {
        let _alone = self.resealing();
        let ring = self.shared.store()?.vault().ring_under(other)?;
        self.keep(ring, other)
    }

    /// First onto the disk, twice, and then into use: a value must never wait for its key.
    fn keep(&self, ring: Keyring, master: &MasterKey) -> Result<(), StoreError> {
        self.may_keep_house()?;
        let store = self.shared.store()?;
        keyring::keep_file(&ring, &self.shared.dir)?;
        if let Err(error) = keyring::keep_in(&store, &ring) {
            self.shared.refused(&error);
            // Whoever hears that nothing has changed must find it so at the next start.
            keyring::keep_file(&store.vault().ring(), &self.shared.dir)?;
            return Err(error);
        }
        store.vault().take(ring, master)
    }

    /// How everything is sealed.
    pub fn sealing(&self) -> Result<Sealing, StoreError> {
        let (done, store) = (self.is_resealed()?, self.shared.store()?);
        let ring = store.vault().ring();
        let resealing = self.resealing();
        let family = resealing.at.as_ref().and_then(|(place, _)| FAMILIES.get(*place));
        Ok(Sealing {
            master: ring.master.to_string(),
            keys: ring
                .keys
                .into_iter()
                .map(|it| DataKey { id: it.id, made_at: it.made_at })
                .collect(),
            is_done: done,
            family: family.map(|it| it.name()),
            looked_at: resealing.looked_at,
            sealed: resealing.sealed,
            damaged: resealing.damaged,
        })
    }

    /// One step. False when there is nothing more to do. Blocks.
    pub(super) fn reseal_some(&self) -> Result<bool, StoreError> {
        if self.is_resealed()? {
            return Ok(false);
        }
        self.shared.room.admit()?;
        let store = self.shared.store()?;
        let mut resealing = self.resealing();
        let (place, from) = resealing.at.clone().unwrap_or_default();
        let Some(family) = FAMILIES.get(place) else { return Ok(false) };
        let Chunk { looked_at, sealed, damaged, next } = store.reseal(*family, &from)?;
        resealing.looked_at += looked_at;
        resealing.sealed += sealed;
        resealing.damaged += damaged;
        resealing.at = Some(match next {
            Some(key) => (place, key),
            None => (place + 1, Vec::new()),
        });
        if resealing.at.as_ref().is_some_and(|(place, _)| *place == FAMILIES.len()) {
            let mut batch = store.batch();
            let id = u64::from(store.vault().newest_id());
            batch.put(Family::Meta, RESEALED, &format::numbers([id]));
            batch.write(Durability::Synced)?;
            let (sealed, damaged) = (resealing.sealed, resealing.damaged);
            info!(key = id, sealed, damaged, "everything is sealed with the newest data key");
        }
        Ok(true)
    }

    fn is_resealed(&self) -> Result<bool, StoreError> {
        let store = self.shared.store()?;
        let done = opening::row(&store, RESEALED)?.map_or(0, |[id]: [u64; 1]| id);
        Ok(done == u64::from(store.vault().newest_id()))
    }

    fn resealing(&self) -> MutexGuard<'_, Resealing> {
        // The numbers are for people; where to go on from is whole in any case.
        self.shared.resealing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seals anew whatever is to be, until told to stop.
pub(crate) async fn keep(outbox: Outbox, stop: CancellationToken) {
    loop {
        let working = outbox.clone();
        let pause = match blocking(move || working.reseal_some()).await {
            Ok(true) => Some(PAUSE),
            Ok(false) => None,
            Err(error) if error.is_full() => Some(PAUSE_WHEN_FULL),
            Err(StoreError::Stopped) => return,
            Err(error) => {
                warn!(%error, "values wait to be sealed anew");
                outbox.shared.refuse(error);
                return;
            }
        };
        let wait = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => outbox.shared.rotated.notified().await,
            }
        };
        tokio::select! {
            () = wait => {}
            () = stop.cancelled() => return,
        }
    }
}

/// All families whose values are sealed here; what is read first comes first.
const FAMILIES: [Family; 7] = [
    Family::Queue,
    Family::Parked,
    Family::Dead,
    Family::Shelf,
    Family::Journey,
    Family::Raw,
    Family::Account,
];

/// Between two steps, so that messages hardly notice.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_WHEN_FULL: Duration = Duration::from_secs(10);
