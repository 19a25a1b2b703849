//! What tables of the configuration name, looked for in the dictionaries of all profiles: a channel's
//! mapping may be proved against another than the hospital's own.

use std::collections::BTreeSet;

use mappings::{Catalogs, suggestion};
use schemas::{DataElement, Entity, mask};

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

/// The elements of an entity's business key that identify a person.
pub(crate) fn persons_in_key<'a>(
    catalogs: &'a Catalogs,
    entity: &'a str,
) -> impl Iterator<Item = &'a String> {
    entities(catalogs, entity).flat_map(Entity::key).filter(|it| mask::is_masked(it))
}

/// An entity as each profile has it.
fn entities<'a>(catalogs: &'a Catalogs, name: &str) -> impl Iterator<Item = &'a Entity> {
    catalogs.profiles().filter_map(move |it| catalogs.get(it)?.entity(name))
}
