//! How far a view was read, on the shelf beside the queue: written whole or not at all, synced, sealed.
//!
//! | key | what is kept |
//! |---|---|
//! | `kv` channel | the watermark, and whether a run is under way |
//! | `kr` channel, 0, digest of a row | its watermark: it was taken and is not taken again |
//! | `kr` channel, 0, digest of a row's key | the digest of the row, when all of the view is compared |
//!
//! A page is settled after the outbox has its records: a crash between the two reads it again, and the
//! outbox knows what it has by key and content.

use std::collections::HashSet;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::outbox::{Change, Outbox, StoreError};

/// How far a view was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// What was read: of something else it is not the place.
    pub(super) source: String,
    /// Where it lies; nothing in a place of before this was kept.
    #[serde(default)]
    pub(super) database: Option<String>,
    /// The highest watermark of what was settled.
    pub(super) mark: Option<String>,
    /// When the run began that is under way: its rows have ids of that moment.
    pub(super) since_ms: Option<u64>,
    /// The number of the first record that it may have taken.
    #[serde(default)]
    pub(super) since_seq: Option<u64>,
    /// The end of the view was reached once: what comes behind the watermark has happened since.
    #[serde(default)]
    pub(super) is_read_through: bool,
}

/// What a place is a place in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) source: String,
    pub(super) database: String,
}

/// The digest of a row, or of its key.
pub(super) type Digest = [u8; 16];

pub(super) fn digest(text: &str) -> Digest {
    let whole = Sha256::digest(text.as_bytes());
    let mut digest = Digest::default();
    digest.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
    digest
}

/// The id of a row's message: the same for the same row of the same run.
pub(super) fn id(channel: &str, since_ms: u64, row: Digest) -> String {
    let mut named = Sha256::new();
    named.update(channel.as_bytes());
    named.update([0]);
    named.update(row);
    let mut chance = [0; 10];
    chance.iter_mut().zip(named.finalize()).for_each(|(to, from)| *to = from);
    uuid::Builder::from_unix_timestamp_millis(since_ms, &chance).into_uuid().simple().to_string()
}

/// The place in a view. One of another source or database begins anew, and what was known of that goes.
pub(super) fn place(outbox: &Outbox, channel: &str, it: Identity) -> Result<Place, StoreError> {
    let bytes = outbox.shelved(&place_key(channel))?;
    let place: Option<Place> = bytes.and_then(|it| serde_json::from_slice(&it).ok());
    let is_there = |at: &Place| {
        at.source == it.source && at.database.as_ref().is_none_or(|at| *at == it.database)
    };
    let is_another = place.as_ref().is_some_and(|place| !is_there(place));
    let known = place.filter(is_there).unwrap_or_default();
    let place = Place { source: it.source, database: Some(it.database), ..known };
    if is_another {
        tracing::warn!(channel, "another view than before: it is read from its start");
        let rows = row_key(channel, &[]);
        let forget = Change::RemoveRange(rows.clone(), behind(&rows));
        outbox.shelve(&[forget, put(channel, &place)])?;
    }
    Ok(place)
}

pub(super) fn put(channel: &str, place: &Place) -> Change {
    Change::Put(place_key(channel), serde_json::to_vec(place).unwrap_or_default())
}

pub(super) fn put_row(channel: &str, digest: Digest, text: &str) -> Change {
    Change::Put(row_key(channel, &digest), text.as_bytes().to_vec())
}

pub(super) fn remove_row(channel: &str, digest: Digest) -> Change {
    Change::Remove(row_key(channel, &digest))
}

/// What is kept of a row.
pub(super) fn row(
    outbox: &Outbox,
    channel: &str,
    digest: Digest,
) -> Result<Option<String>, StoreError> {
    let bytes = outbox.shelved(&row_key(channel, &digest))?;
    Ok(bytes.and_then(|it| String::from_utf8(it).ok()))
}

/// The rows of which `wanted` says so by what is kept of them.
pub(super) fn rows(
    outbox: &Outbox,
    channel: &str,
    mut wanted: impl FnMut(Digest, &str) -> bool,
) -> Result<HashSet<Digest>, StoreError> {
    let mut found = HashSet::new();
    let from = row_key(channel, &[]);
    outbox.walk_shelf(&from, &behind(&from), |key, bytes| {
        if let Some((digest, text)) = key.last_chunk().zip(str::from_utf8(bytes).ok())
            && wanted(*digest, text)
        {
            found.insert(*digest);
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// A digest as it is kept of a row.
pub(super) fn hex(digest: Digest) -> String {
    Uuid::from_bytes(digest).simple().to_string()
}

fn place_key(channel: &str) -> Vec<u8> {
    [b"kv", channel.as_bytes()].concat()
}

fn row_key(channel: &str, digest: &[u8]) -> Vec<u8> {
    [b"kr", channel.as_bytes(), b"\0", digest].concat()
}

/// The first key behind all rows of a channel.
fn behind(rows: &[u8]) -> Vec<u8> {
    [rows, &[0xff; 17]].concat()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::outbox::Options;

    #[test]
    fn a_place_is_of_one_view_in_one_database() {
        check(None, ("v", "a"), Some("7"));
        check(Some("a"), ("v", "a"), Some("7"));
        check(Some("a"), ("v", "b"), None);
        check(Some("a"), ("w", "a"), None);
    }

    /// What was kept of a view `v`, perhaps with its database, and how far it was read by now.
    #[track_caller]
    fn check(database: Option<&str>, (source, now): (&str, &str), expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        let (outbox, _writer) = Outbox::open(folder.path(), &Options::default()).unwrap();
        let kept = Place {
            source: "v".to_owned(),
            database: database.map(str::to_owned),
            mark: Some("7".to_owned()),
            ..Place::default()
        };
        outbox.shelve(&[put("c", &kept), put_row("c", [7; 16], "7")]).unwrap();
        let identity = Identity { source: source.to_owned(), database: now.to_owned() };
        let place = place(&outbox, "c", identity).unwrap();
        assert_eq!(place.mark.as_deref(), expected);
        assert_eq!(place.database.as_deref(), Some(now));
        assert_eq!(row(&outbox, "c", [7; 16]).unwrap().as_deref(), expected);
    }
}
