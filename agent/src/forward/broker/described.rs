//! What is really sent with a message, by name: the description of the contract is held to it.

use std::collections::{BTreeMap, BTreeSet};

use lapin::BasicProperties;
use lapin::types::AMQPValue;

use super::{Letter, Parcel, of_letter, properties};

/// What goes with a message.
pub(crate) struct Described {
    pub(crate) properties: BTreeSet<&'static str>,
    /// With the kind of their values.
    pub(crate) headers: BTreeMap<&'static str, &'static str>,
}

pub(crate) fn described(parcel: &Parcel) -> Described {
    let properties = properties(parcel, "agent", "epoch");
    let kind = |value: &AMQPValue| match value {
        AMQPValue::LongString(_) => "string",
        AMQPValue::LongLongInt(_) => "integer",
        _ => "other",
    };
    let headers = properties.headers().iter().flat_map(|it| it.inner().iter());
    // They are few, and a test's.
    let headers = headers.map(|(name, it)| (&*name.to_string().leak(), kind(it)));
    Described { headers: headers.collect(), properties: names(&properties) }
}

pub(crate) fn described_letter(letter: &Letter) -> BTreeSet<&'static str> {
    names(&of_letter(letter))
}

/// The properties that are set; headers are none of them.
fn names(it: &BasicProperties) -> BTreeSet<&'static str> {
    let all = [
        ("content_type", it.content_type().is_some()),
        ("content_encoding", it.content_encoding().is_some()),
        ("delivery_mode", it.delivery_mode().is_some()),
        ("priority", it.priority().is_some()),
        ("correlation_id", it.correlation_id().is_some()),
        ("reply_to", it.reply_to().is_some()),
        ("expiration", it.expiration().is_some()),
        ("message_id", it.message_id().is_some()),
        ("timestamp", it.timestamp().is_some()),
        ("type", it.kind().is_some()),
        ("user_id", it.user_id().is_some()),
        ("app_id", it.app_id().is_some()),
        ("cluster_id", it.cluster_id().is_some()),
    ];
    all.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
}
