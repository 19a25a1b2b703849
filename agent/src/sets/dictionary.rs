//! What tables of the configuration name, looked for in the dictionaries of all profiles: a channel's
//! mapping may be proved against another than the hospital's own.

use std::collections::{BTreeMap, BTreeSet};

use mappings::{Catalogs, suggestion};
use schemas::{DataElement, Entity, mask};
use serde_json::value::RawValue;

use crate::envelope::Envelope;

/// What is wrong with an entity's name; nothing when there is one.
pub(crate) fn not_an_entity(catalogs: &Catalogs, name: &str) -> Option<String> {
    if entities(catalogs, name).next().is_some() {
        return None;
    }
    let all = catalogs.profiles().filter_map(|it| catalogs.get(it));
    let hint = suggestion(name, all.flat_map(|it| it.entities()).map(Entity::name));
    Some(format!("there is no entity `{name}`{hint}"))
}

/// The names that no element of these entities has, each with one that is near.
pub(crate) fn not_elements<'a>(
    catalogs: &Catalogs,
    of: &[String],
    names: impl IntoIterator<Item = &'a String>,
) -> Vec<String> {
    let entities = of.iter().flat_map(|it| entities(catalogs, it));
    let known: BTreeSet<&str> =
        entities.flat_map(Entity::elements).map(DataElement::name).collect();
    let unknown = names.into_iter().filter(|it| !known.contains(it.as_str()));
    let told = |name: &String| format!("`{name}`{}", suggestion(name, known.iter().copied()));
    unknown.map(told).collect()
}

/// Whether a business key tells a person whom the elements that are told do not: by an element of the
/// entity's key, or by a value of the record, which a mapping's own key may be made of.
pub(crate) fn key_tells_person(
    catalogs: &Catalogs,
    record: &Envelope,
    elements: &Elements<'_>,
    is_told: impl Fn(&str) -> bool,
) -> bool {
    let mut key = entities(catalogs, &record.entity).flat_map(Entity::key);
    key.any(|it| mask::is_masked(it) && !is_told(it))
        || tells_person(&record.key, elements, is_told)
}

/// Whether a key or a lane has a value in it that identifies a person and is not told, or an identity
/// number that is in none of the elements.
pub(crate) fn tells_person(
    text: &str,
    elements: &Elements<'_>,
    is_told: impl Fn(&str) -> bool,
) -> bool {
    let mut rest = text.to_owned();
    for (name, raw) in elements.iter().filter(|(name, _)| mask::is_masked(name)) {
        let value = plain(raw);
        if !is_told(name) && mask::holds(text, &value) {
            return true;
        }
        if !value.is_empty() {
            rest = rest.replace(&value, "|");
        }
    }
    mask::holds_identity(&rest)
}

/// The elements of a record's body.
pub(crate) type Elements<'a> = BTreeMap<&'a str, &'a RawValue>;

/// A text without its quotes, a number as it is written.
pub(crate) fn plain(raw: &RawValue) -> String {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned())
}

/// An entity as each profile has it.
fn entities<'a>(catalogs: &'a Catalogs, name: &str) -> impl Iterator<Item = &'a Entity> {
    catalogs.profiles().filter_map(move |it| catalogs.get(it)?.entity(name))
}
