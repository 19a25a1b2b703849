//! The bytes of a keyring: the data keys, each wrapped with the key that lies outside the store.

use super::bytes::{Content, Damage, Plain};
use crate::aead::NONCE_BYTES;
use crate::master_key::{Fingerprint, WRAPPED_BYTES};

/// All data keys that something in the store may be sealed with; what is new is sealed with the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Keyring {
    /// Of the key they are wrapped with.
    pub(in super::super) master: Fingerprint,
    pub(in super::super) keys: Vec<Wrapped>,
}

/// A data key that cannot be used by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Wrapped {
    pub(in super::super) id: u32,
    /// When it was made, `YYYYMMDDhhmmss`.
    pub(in super::super) made_at: String,
    pub(in super::super) nonce: [u8; NONCE_BYTES],
    pub(in super::super) key: [u8; WRAPPED_BYTES],
}

impl Keyring {
    /// The file to write.
    pub(in super::super) fn value(&self) -> Vec<u8> {
        let mut out = Plain::with_capacity(self.keys.len() * 96 + 16);
        out.bytes(&self.master.0);
        out.count(self.keys.len());
        for it in &self.keys {
            out.number(it.id.into());
            out.text(&it.made_at);
            out.bytes(&it.nonce);
            out.bytes(&it.key);
        }
        out.checked()
    }

    /// Reads what [`Keyring::value`] wrote.
    pub(in super::super) fn read(value: &[u8]) -> Result<Keyring, Damage> {
        let mut content = Content::checked(value)?;
        let master = Fingerprint(content.array()?);
        let mut keys = Vec::new();
        for _ in 0..content.number()? {
            keys.push(Wrapped {
                id: content.small()?,
                made_at: content.owned()?,
                nonce: content.array()?,
                key: content.array()?,
            });
        }
        Ok(Keyring { master, keys })
    }
}
