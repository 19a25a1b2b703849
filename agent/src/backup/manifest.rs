//! What a backup says of itself: when and of what it was made, which key opens it, and each of its files with
//! its length and digest. No value of a patient, and no key but a wrapped one, is in it.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::BackupError;
use super::create::sealed_name;
use crate::aead::{Aead, KEY_BYTES, NONCE_BYTES, TAG_BYTES, random};
use crate::forward::files::{hex, put};
use crate::master_key::{MasterKey, WRAPPED_BYTES};
use crate::outbox::doctor::Examined;

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Of the backup, 1.
    pub(super) format: u32,
    /// Its name, the time it was begun: `20261122T020000`.
    pub(crate) id: String,
    /// The program that made it.
    pub(crate) agent: String,
    /// The institution's code.
    pub(crate) hospital: String,
    /// The store's id.
    pub(crate) epoch: String,
    /// What the store held.
    pub(crate) counts: Counts,
    /// Somebody asked for it: it is theirs to remove.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) by_hand: bool,
    /// Which key opens it.
    pub(crate) key: Key,
    pub(crate) files: Vec<Listed>,
    /// Proves everything above: the tag of nothing, with it bound in.
    #[serde(default)]
    proof: String,
}

/// What a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// The lowest number that was not known to be delivered.
    pub(crate) cursor: u64,
    /// The number the next record would have got.
    pub(crate) next_seq: u64,
    /// Records that waited.
    pub(crate) waiting: u64,
    /// Delivered records that were kept.
    pub(crate) delivered: u64,
    pub(crate) dead_letters: u64,
    pub(crate) parked: u64,
    /// Business keys that were remembered.
    pub(crate) remembered: u64,
}

impl Counts {
    pub(super) fn of(examined: &Examined) -> Counts {
        Counts {
            cursor: examined.cursor,
            next_seq: examined.next_seq,
            waiting: examined.waiting,
            delivered: examined.delivered,
            dead_letters: examined.dead_letters.readable,
            parked: examined.parked.readable,
            remembered: examined.remembered.readable,
        }
    }
}

/// The key of a backup, wrapped with one that its owner keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key {
    /// Fingerprint of the key that it is wrapped with.
    pub(crate) fingerprint: String,
    /// Whether that is a key for backups alone: then the store's own is inside.
    pub(crate) is_own: bool,
    nonce: String,
    wrapped: String,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    /// What it belongs to: `outbox`, `quality`, `agent.toml`.
    pub(crate) root: String,
    /// Where it lies in there; empty for a root that is a file.
    pub(crate) path: String,
    /// Its rights.
    pub(super) mode: u32,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// The same of the sealed file, which is called by its place in this list.
    pub(super) sealed_bytes: u64,
    pub(super) sealed_sha256: String,
}

impl Listed {
    /// For people.
    pub(super) fn name(&self) -> String {
        if self.path.is_empty() {
            self.root.clone()
        } else {
            format!("{}/{}", self.root, self.path)
        }
    }
}

impl Key {
    /// A new key, and what is kept of it.
    pub(super) fn draw(under: &MasterKey, is_own: bool) -> io::Result<(Key, Aead)> {
        let without = || io::Error::other("the system gives no random numbers");
        let key: [u8; KEY_BYTES] = random().ok_or_else(without)?;
        let nonce: [u8; NONCE_BYTES] = random().ok_or_else(without)?;
        let wrapped = under.wrap(OF_A_BACKUP, nonce, key);
        let fingerprint = under.fingerprint().to_string();
        let kept = Key { fingerprint, is_own, nonce: hex(&nonce), wrapped: hex(&wrapped) };
        Ok((kept, Aead::new(&key)))
    }

    /// The key, if it was wrapped with this one.
    pub(super) fn unwrap(&self, with: &MasterKey) -> Result<Aead, BackupError> {
        let given = with.fingerprint().to_string();
        if given != self.fingerprint {
            return Err(BackupError::OtherKey { wanted: self.fingerprint.clone(), given });
        }
        let parts =
            bytes_of::<NONCE_BYTES>(&self.nonce).zip(bytes_of::<WRAPPED_BYTES>(&self.wrapped));
        let key = parts.and_then(|(nonce, wrapped)| with.unwrap(OF_A_BACKUP, nonce, wrapped));
        key.map(|it| Aead::new(&it)).ok_or_else(|| BackupError::damaged(NAME))
    }
}

impl Manifest {
    /// Of what is backed up now.
    pub(super) fn new(
        (id, by_hand): (&str, bool),
        (hospital, epoch): (&str, &str),
        counts: Counts,
        (key, files): (Key, Vec<Listed>),
    ) -> Manifest {
        Manifest {
            format: FORMAT,
            id: id.to_owned(),
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            hospital: hospital.to_owned(),
            epoch: epoch.to_owned(),
            counts,
            by_hand,
            key,
            files,
            proof: String::new(),
        }
    }

    /// The manifest of a folder. What it says is not proved yet.
    pub(crate) fn read(dir: &Path) -> Result<Manifest, BackupError> {
        let text = fs::read_to_string(dir.join(NAME)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BackupError::NoBackup { dir: dir.to_owned() },
            _ => BackupError::failed("读清单", &error),
        })?;
        let manifest: Manifest =
            serde_json::from_str(&text).map_err(|_| BackupError::damaged(NAME))?;
        if manifest.format > FORMAT {
            return Err(BackupError::TooNew { found: manifest.format, known: FORMAT });
        }
        Ok(manifest)
    }

    /// Writes it, proved, as the last file; on disk when this returns.
    pub(super) fn write(mut self, dir: &Path, aead: &Aead) -> io::Result<Manifest> {
        self.proof = self.proof_under(aead)?;
        put(dir, NAME, &serde_json::to_vec_pretty(&self).map_err(io::Error::other)?)?;
        Ok(self)
    }

    /// Whether all of it is what was written.
    pub(super) fn prove(&self, aead: &Aead) -> Result<(), BackupError> {
        let proof = self.proof_under(aead).map_err(|it| BackupError::failed("读清单", &it))?;
        if proof == self.proof { Ok(()) } else { Err(BackupError::damaged(NAME)) }
    }

    // The nonce is of a file that no backup has, and used for one text: the key is this backup's.
    fn proof_under(&self, aead: &Aead) -> io::Result<String> {
        let plain = Manifest { proof: String::new(), ..self.clone() };
        let text = serde_json::to_vec(&plain).map_err(io::Error::other)?;
        let bound: [u8; 32] = Sha256::digest(&text).into();
        let tag: [u8; TAG_BYTES] = aead.seal([0xff; NONCE_BYTES], &bound, &mut []);
        Ok(hex(&tag))
    }

    /// Whether every file lies there as long as it was: as much as can be seen without reading them.
    pub(super) fn is_there(&self, dir: &Path) -> bool {
        (0..).zip(&self.files).all(|(number, listed)| {
            let found = fs::metadata(dir.join(sealed_name(number)));
            found.is_ok_and(|it| it.len() == listed.sealed_bytes)
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|it| it.sealed_bytes).sum()
    }
}

fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty())?.try_into().ok()
}

const FORMAT: u32 = 1;
pub(super) const NAME: &str = "manifest.json";
/// Data keys of the store are numbered from 1; no store comes to have so many.
const OF_A_BACKUP: u32 = u32::MAX;
