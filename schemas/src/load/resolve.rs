//! Makes entities of drafts: finds each element's value domain, each node's entity, each key.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Domains;
use super::draft::{ElementDraft, EntityDraft, INDEX};
use crate::domain::ValueDomain;
use crate::entity::{DataElement, Entity};
use crate::format::Format;
use crate::json::json_key;
use crate::problem::Problem;

/// The entities in the order of the drafts, and the domains that have no table of their own: named
/// but unpublished ones, and codes given on the spot.
pub(crate) fn resolve(
    drafts: Vec<EntityDraft<'_>>,
    published: &Domains,
    problems: &mut Vec<Problem>,
) -> (Vec<Arc<Entity>>, Domains) {
    let order: Vec<_> = drafts.iter().map(|draft| draft.name.clone()).collect();
    let waiting = drafts.into_iter().map(|draft| (draft.name.clone(), draft)).collect();
    let unpublished = Domains::new();
    let done = BTreeMap::new();
    let mut resolver = Resolver { waiting, done, published, unpublished, problems };
    let entities = order.iter().filter_map(|name| resolver.entity(name)).collect();
    (entities, resolver.unpublished)
}

struct Resolver<'a, 'p> {
    waiting: BTreeMap<String, EntityDraft<'a>>,
    done: BTreeMap<String, Arc<Entity>>,
    published: &'p Domains,
    unpublished: Domains,
    problems: &'p mut Vec<Problem>,
}

impl Resolver<'_, '_> {
    /// The entity of that name, made now if it has to be. `None` when there is none, or when it is
    /// only half made: then it holds itself.
    fn entity(&mut self, name: &str) -> Option<Arc<Entity>> {
        if let Some(entity) = self.done.get(name) {
            return Some(Arc::clone(entity));
        }
        let draft = self.waiting.remove(name)?;
        let mut elements = Vec::with_capacity(draft.elements.len());
        let mut key = Vec::new();
        for element in draft.elements {
            if element.key {
                key.push(element.name.clone());
            }
            elements.push(self.element(element));
        }
        if key.is_empty() {
            let message = "no element of the entity has key = y";
            self.problems.push(Problem::error("S110", draft.file, (1, 1), message));
        }
        let moment =
            elements.iter().position(|it| it.name == draft.moment && it.format == Format::DateTime);
        if moment.is_none() && !draft.moment.is_empty() {
            let message = format!("`{}` is no element that holds date and time", draft.moment);
            self.problems.push(Problem::error("S123", INDEX, draft.moment_place, message));
        }
        let entity = Entity::new(draft.name, draft.zh_name, draft.what, elements, key, moment);
        let entity = Arc::new(entity);
        self.done.insert(name.to_owned(), Arc::clone(&entity));
        Some(entity)
    }

    fn element(&mut self, draft: ElementDraft<'_>) -> DataElement {
        let node = draft.format == Format::Node && !draft.domain.is_empty();
        let child = if node { self.child(&draft) } else { None };
        let domain = if node { None } else { self.domain(&draft) };
        DataElement {
            json_key: json_key(&draft.name),
            name: draft.name,
            zh_name: draft.zh_name,
            format: draft.format,
            required: draft.required,
            domain,
            child,
            confirmed: draft.confirmed,
            notes: draft.notes,
        }
    }

    fn child(&mut self, draft: &ElementDraft<'_>) -> Option<Arc<Entity>> {
        let child = self.entity(&draft.domain);
        if child.is_none() {
            let name = &draft.domain;
            self.report("S118", draft, format!("`{name}` is no entity, or one that holds itself"));
        }
        child
    }

    fn domain(&mut self, draft: &ElementDraft<'_>) -> Option<Arc<ValueDomain>> {
        let cell = draft.domain.as_str();
        let (name, unpublished) = match cell.strip_prefix('?') {
            Some(name) => (name, true),
            None => (cell, false),
        };
        if cell.is_empty() {
            None
        } else if let Some(domain) = self.published.get(name) {
            Some(Arc::clone(domain))
        } else if unpublished && !name.is_empty() {
            Some(self.kept(name, || ValueDomain::open(name)))
        } else if is_on_the_spot(cell) {
            Some(self.kept(cell, || ValueDomain::new(cell, cell.split('|'))))
        } else {
            let message = format!(
                "there is no domain `{cell}`; write ?{cell} when its values are not published"
            );
            self.report("S109", draft, message);
            None
        }
    }

    fn kept(&mut self, name: &str, make: impl FnOnce() -> ValueDomain) -> Arc<ValueDomain> {
        let domain = self.unpublished.entry(name.to_owned()).or_insert_with(|| Arc::new(make()));
        Arc::clone(domain)
    }

    fn report(&mut self, code: &'static str, draft: &ElementDraft<'_>, message: String) {
        let place = draft.domain_place;
        self.problems.push(Problem::error(code, place.file, place.at, message));
    }
}

/// `0|1`: at least two codes, none of them empty.
fn is_on_the_spot(cell: &str) -> bool {
    cell.contains('|') && cell.split('|').all(|code| !code.is_empty())
}
