//! Seals what is stored, so that the store's folder alone tells nothing of any patient.
//!
//! A value is sealed with a *data key*; the data keys lie in the store, in the keyring, each wrapped
//! with the *master key*, which lies elsewhere ([`master_key`](crate::master_key)). New values take the
//! newest data key, and each says with which one it was sealed, so that keys can change while the
//! agent runs. Bound into a value are its family and its key: none can stand in for another.
//!
//! A nonce is 8 random bytes, drawn at each start, and a count of 4 bytes. It is not a counter on disk,
//! for that would go back with a restored backup; nor is it random as a whole, for then so many values
//! as a hospital stores would make a chance meeting thinkable. After 2³² values new bytes are drawn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::StoreError;
use super::format::{Content, Damage, Keyring, Plain, SEALED, Wrapped};
use super::names::Hider;
use super::store::Family;
use crate::aead::{Aead, KEY_BYTES, NONCE_BYTES, random};
use crate::clock;
use crate::master_key::MasterKey;
use crate::pipeline;

/// The data keys, ready for use.
pub(super) struct Vault(RwLock<Keys>);

struct Keys {
    master: MasterKey,
    ring: Keyring,
    newest: Arc<DataKey>,
    by_id: BTreeMap<u32, Arc<DataKey>>,
    hider: Arc<Hider>,
}

struct DataKey {
    id: u32,
    aead: Aead,
    nonces: Mutex<Nonces>,
}

/// Numbers that are used once. None when the next is to be the first of a new stretch.
struct Nonces(Option<([u8; 8], u32)>);

impl Vault {
    /// A vault with one new data key.
    pub(super) fn new(master: &MasterKey) -> Result<Vault, StoreError> {
        let ring = Keyring { master: master.fingerprint(), keys: vec![new_key(1, master)?] };
        Vault::unlock(ring, master)
    }

    /// Unwraps the data keys.
    pub(super) fn unlock(ring: Keyring, master: &MasterKey) -> Result<Vault, StoreError> {
        if ring.master != master.fingerprint() {
            return Err(StoreError::OtherKey {
                stored: ring.master.to_string(),
                given: master.fingerprint().to_string(),
            });
        }
        let (mut by_id, mut hider) = (BTreeMap::new(), None);
        for it in &ring.keys {
            let key = master.unwrap(it.id, it.nonce, it.key);
            let key = key.ok_or_else(|| StoreError::damaged("a data key does not unwrap"))?;
            by_id.insert(it.id, Arc::new(DataKey::new(it.id, &key)));
            // The oldest, for keys are only added: what it hides must be found after a change of keys.
            hider.get_or_insert_with(|| Arc::new(Hider::of(&key)));
        }
        let newest = by_id.last_key_value().map(|(_, it)| Arc::clone(it));
        let both = newest.zip(hider);
        let (newest, hider) = both.ok_or_else(|| StoreError::damaged("the keyring is empty"))?;
        Ok(Vault(RwLock::new(Keys { master: master.clone(), ring, newest, by_id, hider })))
    }

    /// The keyring as it is to be kept.
    pub(super) fn ring(&self) -> Keyring {
        self.0.read().unwrap_or_else(PoisonError::into_inner).ring.clone()
    }

    /// The keyring with one more key, which is not in use yet: first it has to be kept.
    pub(super) fn ring_with_new_key(&self) -> Result<Keyring, StoreError> {
        let (mut ring, master) = {
            let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
            (keys.ring.clone(), keys.master.clone())
        };
        let newest = ring.keys.last().map_or(0, |it| it.id);
        ring.keys.push(new_key(newest.saturating_add(1), &master)?);
        Ok(ring)
    }

    /// The keyring with every key wrapped with another master key; it has to be kept, too.
    pub(super) fn ring_under(&self, other: &MasterKey) -> Result<Keyring, StoreError> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let rewrapped = keys.ring.keys.iter().map(|it| {
            let key = keys.master.unwrap(it.id, it.nonce, it.key);
            let key = key.ok_or_else(|| StoreError::damaged("a data key does not unwrap"))?;
            let nonce = drawn()?;
            Ok(Wrapped { nonce, key: other.wrap(it.id, nonce, key), ..it.clone() })
        });
        let rewrapped: Result<_, StoreError> = rewrapped.collect();
        Ok(Keyring { master: other.fingerprint(), keys: rewrapped? })
    }

    /// Takes a keyring into use that is kept. What is sealed from now on takes its newest key.
    pub(super) fn take(&self, ring: Keyring, master: &MasterKey) -> Result<(), StoreError> {
        let Vault(taken) = Vault::unlock(ring, master)?;
        let taken = taken.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // A key that is in use goes on counting its nonces.
        let (known, is_new) = (keys.newest.id, taken.newest.id != keys.newest.id);
        debug_assert!(taken.newest.id >= known, "keys are only added");
        if is_new {
            keys.by_id.insert(taken.newest.id, Arc::clone(&taken.newest));
            keys.newest = taken.newest;
        }
        (keys.ring, keys.master) = (taken.ring, taken.master);
        Ok(())
    }

    /// What hides the keys of `seen`.
    pub(super) fn hider(&self) -> Arc<Hider> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).hider)
    }

    /// The key that the data keys are wrapped with.
    pub(super) fn master(&self) -> MasterKey {
        self.0.read().unwrap_or_else(PoisonError::into_inner).master.clone()
    }

    /// Whether a value is sealed with the newest key.
    pub(super) fn is_newest(&self, value: &[u8]) -> bool {
        let newest = self.newest_id().to_be_bytes();
        matches!(value, [SEALED, id @ ..] if id.starts_with(&newest))
    }

    pub(super) fn newest_id(&self) -> u32 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).newest.id
    }

    /// The value to store at this place.
    pub(super) fn seal(&self, family: Family, key: &[u8], plain: Plain) -> Vec<u8> {
        let data_key = {
            let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&keys.newest)
        };
        let mut value = plain.into_buffer();
        let id = data_key.id.to_be_bytes();
        let nonce = data_key.nonce();
        let (frame, content) =
            value.split_first_chunk_mut::<{ Plain::ROOM }>().expect("a plain has room in front");
        let parts = [SEALED].into_iter().chain(id).chain(nonce);
        for (place, byte) in frame.iter_mut().zip(parts) {
            *place = byte;
        }
        let tag = data_key.aead.seal(nonce, &bound(id, family, key), content);
        value.extend_from_slice(&tag);
        value
    }

    /// The content of what is stored at this place; `scratch` is where it is opened.
    pub(super) fn open<'a>(
        &self,
        family: Family,
        key: &[u8],
        value: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> Result<Content<'a>, Damage> {
        let Some((&SEALED, rest)) = value.split_first() else { return Content::checked(value) };
        let (id, rest) = rest.split_first_chunk().ok_or(Damage::Short)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Damage::Short)?;
        let data_key = self.data_key(u32::from_be_bytes(*id))?;
        scratch.clear();
        scratch.extend_from_slice(sealed);
        let content = data_key.aead.open(*nonce, &bound(*id, family, key), scratch);
        content.map(|it| Content::opened(it)).ok_or(Damage::Check)
    }

    fn data_key(&self, id: u32) -> Result<Arc<DataKey>, Damage> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.by_id.get(&id).map(Arc::clone).ok_or(Damage::Key(id))
    }
}

/// What a value is bound to: the begin of its frame, and its place.
fn bound(id: [u8; 4], family: Family, key: &[u8]) -> Vec<u8> {
    let mut bound = Vec::with_capacity(6 + key.len());
    bound.push(SEALED);
    bound.extend_from_slice(&id);
    bound.push(family.number());
    bound.extend_from_slice(key);
    bound
}

fn new_key(id: u32, master: &MasterKey) -> Result<Wrapped, StoreError> {
    let key: [u8; KEY_BYTES] = drawn()?;
    let nonce = drawn()?;
    let made_at = pipeline::stamp(clock::now());
    Ok(Wrapped { id, made_at, nonce, key: master.wrap(id, nonce, key) })
}

fn drawn<const N: usize>() -> Result<[u8; N], StoreError> {
    random().ok_or_else(|| StoreError::Failed {
        operation: "make a data key",
        cause: "the system gives no random numbers".to_owned(),
    })
}

impl DataKey {
    fn new(id: u32, key: &[u8; KEY_BYTES]) -> DataKey {
        DataKey { id, aead: Aead::new(key), nonces: Mutex::new(Nonces(None)) }
    }

    fn nonce(&self) -> [u8; NONCE_BYTES] {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner).next()
    }
}

impl Nonces {
    fn next(&mut self) -> [u8; NONCE_BYTES] {
        let (prefix, count) = self.0.unwrap_or_else(|| {
            // Without random numbers nothing may be sealed; the writer's end closes the door.
            (random().expect("a system that has started gives random numbers"), 0)
        });
        self.0 = count.checked_add(1).map(|next| (prefix, next));
        let mut nonce = [0; NONCE_BYTES];
        let parts = prefix.into_iter().chain(count.to_be_bytes());
        for (place, byte) in nonce.iter_mut().zip(parts) {
            *place = byte;
        }
        nonce
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
