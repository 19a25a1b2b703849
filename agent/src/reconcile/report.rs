//! What is told of a day: both sides' pages, the records that differ, and what was done about them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::compare::{Named, Told};
use super::page::Group;
use super::question::Day;
use super::run::Compared;

/// A comparison as JSON.
pub(super) fn told(of: &Day, compared: &Compared) -> Value {
    let Compared { ours, theirs, waiting, parked, begun, .. } = compared;
    let groups: BTreeSet<&Group> = ours.keys().chain(theirs.keys()).collect();
    let page = |group: &&Group| {
        let (ours, theirs) = (ours.get(group), theirs.get(group));
        json!({
            "entity": group.entity, "channel": group.channel, "equal": ours == theirs,
            "ours": ours, "theirs": theirs,
        })
    };
    let mut told = json!({
        "agent": of.agent, "epoch": of.epoch, "day": of.day, "begun_with": begun,
        "waiting": waiting, "parked": parked, "pages": groups.iter().map(page).collect::<Vec<_>>(),
    });
    add(&mut told, &of_differences(compared));
    told
}

/// The records, each named.
pub(super) fn of_differences(compared: &Compared) -> Value {
    let Compared { differences: found, partly, unread, given_up, .. } = compared;
    json!({
        "outcome": compared.outcome(), "partly": partly, "missing": named(&found.missing), "different": named(&found.different),
        "unknown": named(&found.unknown), "doubled": found.doubled, "unread": first_and_last(unread), "given_up": first_and_last(given_up),
    })
}

/// Stretches as people write them.
pub(super) fn first_and_last(stretches: &[(u64, u64)]) -> Vec<[u64; 2]> {
    stretches.iter().map(|(from, end)| [*from, end.saturating_sub(1)]).collect()
}

/// Adds the members of one object to another.
pub(super) fn add(told: &mut Value, more: &Value) {
    if let (Some(told), Some(more)) = (told.as_object_mut(), more.as_object()) {
        told.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

fn named(records: &[Named]) -> Vec<Told<'_>> {
    records.iter().map(Named::told).collect()
}
