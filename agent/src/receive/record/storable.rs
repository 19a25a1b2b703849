//! What a record must be besides itself, so that any store takes it: a database that refuses one row
//! refuses it again each time, and with it everything behind.
//!
//! PostgreSQL is the measure: its texts hold no NUL, its `jsonb` neither that nor half a surrogate pair,
//! its `bigint` ends at 2^63 - 1, and its indexes take no key of more than 2,700 bytes.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Record;

/// What is wrong with it, if anything is.
pub(super) fn check(record: &Record<'_>) -> Result<(), String> {
    let Record { record_id, entity, channel, profile, received_at, .. } = record;
    is_name("a name of the record", [record_id, entity, channel, profile, received_at])?;
    if i64::try_from(record.seq).is_err() {
        return Err(format!("`seq` is above {}", i64::MAX));
    }
    let read = serde_json::from_str::<Texts>(&record.json);
    read.map(|_| ()).map_err(|error| format!("no database takes it: {error}"))
}

/// Names are keys of indexes.
pub(super) fn is_name<const N: usize>(whose: &str, names: [&str; N]) -> Result<(), String> {
    if names.iter().any(|it| it.contains('\0')) {
        return Err(format!("{whose} holds U+0000"));
    }
    if names.iter().any(|it| it.len() > NAME_BYTES_MAX) {
        return Err(format!("{whose} is longer than {NAME_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// A JSON value, each of whose texts was looked at. How deep it may be nested is serde's own bound.
struct Texts;

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Texts, D::Error> {
        deserializer.deserialize_any(Look)
    }
}

struct Look;

impl<'de> Visitor<'de> for Look {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Texts, E> {
        if text.contains('\0') { Err(E::custom("a text holds U+0000")) } else { Ok(Texts) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
        while list.next_element::<Texts>()?.is_some() {}
        Ok(Texts)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
        while map.next_entry::<Texts, Texts>()?.is_some() {}
        Ok(Texts)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Texts, E> {
        Ok(Texts)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Texts, E> {
        Ok(Texts)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Texts, E> {
        Ok(Texts)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Texts, E> {
        Ok(Texts)
    }

    fn visit_unit<E>(self) -> Result<Texts, E> {
        Ok(Texts)
    }
}

const NAME_BYTES_MAX: usize = 255;
