//! Record types and their elements.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::domain::ValueDomain;
use crate::format::Format;

/// A record type of the standard, under one profile.
#[derive(Debug, PartialEq)]
pub struct Entity {
    name: String,
    zh_name: String,
    what: String,
    elements: Vec<DataElement>,
    // Invariant: each element's name with its place in `elements`.
    places: HashMap<String, usize>,
    key: Vec<String>,
    // Invariant: where the elements of `key` stand in `elements`.
    key_positions: Vec<usize>,
    // Invariant: where the required elements stand in `elements`.
    required: Vec<usize>,
    moment: Option<usize>,
    named_codes: Vec<(usize, usize)>,
}

/// One field of a record type.
#[derive(Debug, PartialEq)]
pub struct DataElement {
    pub(crate) name: String,
    pub(crate) zh_name: String,
    pub(crate) format: Format,
    pub(crate) required: Required,
    pub(crate) domain: Option<Arc<ValueDomain>>,
    pub(crate) child: Option<Arc<Entity>>,
    pub(crate) confirmed: bool,
    pub(crate) notes: String,
    // Invariant: `name` as a key in JSON, colon included.
    pub(crate) json_key: String,
}

/// Whether a record is complete without the element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    /// `Y`: a record without it is refused.
    Yes,
    /// `N`: it may be absent.
    No,
    /// `C`: it depends on the case, as the notes say. Validation cannot know, and says nothing.
    Conditional,
}

impl Entity {
    pub(crate) fn new(
        name: String,
        zh_name: String,
        what: String,
        elements: Vec<DataElement>,
        key: Vec<String>,
        moment: Option<usize>,
    ) -> Entity {
        let names = elements.iter().map(|element| element.name.clone());
        let places: HashMap<String, usize> = names.zip(0..).collect();
        let key_positions = key.iter().filter_map(|name| places.get(name).copied()).collect();
        let required = (0..).zip(&elements).filter(|(_, it)| it.required == Required::Yes);
        let required = required.map(|(position, _)| position).collect();
        let named_codes = named_codes(&elements, &places);
        Entity {
            name,
            zh_name,
            what,
            elements,
            places,
            key,
            key_positions,
            required,
            moment,
            named_codes,
        }
    }

    /// English name, such as `outpatient_prescription`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Chinese name.
    #[must_use]
    pub fn zh_name(&self) -> &str {
        &self.zh_name
    }

    /// One English phrase: what a record of it is.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The elements in the order of the file; those a profile adds come last.
    #[must_use]
    pub fn elements(&self) -> &[DataElement] {
        &self.elements
    }

    /// The element of that English name.
    #[must_use]
    pub fn element(&self, name: &str) -> Option<&DataElement> {
        self.elements.get(self.position(name)?)
    }

    /// Where the element of that English name stands in [`Entity::elements`].
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// Names of the elements that together are the business key, in the entity's order; never
    /// empty. The key tells records of this entity apart within one encounter of one hospital.
    #[must_use]
    pub fn key(&self) -> &[String] {
        &self.key
    }

    /// Where the elements stand that no record may lack, in the entity's order.
    pub(crate) fn required(&self) -> &[usize] {
        &self.required
    }

    /// Where the elements of the key stand in [`Entity::elements`].
    #[must_use]
    pub fn key_positions(&self) -> &[usize] {
        &self.key_positions
    }

    /// Where the element stands that says when the fact happened, if one does.
    #[must_use]
    pub fn moment(&self) -> Option<usize> {
        self.moment
    }

    /// Where the elements stand that say the same thing twice: a code of a published value domain,
    /// and beside it that code's name.
    #[must_use]
    pub fn named_codes(&self) -> &[(usize, usize)] {
        &self.named_codes
    }
}

/// `drug_dosform` or `symp_code` with a domain, beside `drug_dosform_name` or `symp_name`.
fn named_codes(elements: &[DataElement], places: &HashMap<String, usize>) -> Vec<(usize, usize)> {
    let with_names =
        |it: &&ValueDomain| it.closed() && it.codes().any(|(_, zh_name)| !zh_name.is_empty());
    let mut pairs = Vec::new();
    for (position, element) in elements.iter().enumerate() {
        let base = element.name.strip_suffix("_code").unwrap_or(&element.name);
        let name = places.get(&format!("{base}_name"));
        if let (Some(_), Some(name)) = (element.value_domain().filter(with_names), name) {
            pairs.push((position, *name));
        }
    }
    pairs
}

impl DataElement {
    /// English name, as it is written in a record.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Chinese name.
    #[must_use]
    pub fn zh_name(&self) -> &str {
        &self.zh_name
    }

    /// What it may hold.
    #[must_use]
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// Whether a record is complete without it.
    #[must_use]
    pub fn required(&self) -> Required {
        self.required
    }

    /// Name of its value domain.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref().map(ValueDomain::name)
    }

    /// Its value domain itself.
    #[must_use]
    pub fn value_domain(&self) -> Option<&ValueDomain> {
        self.domain.as_deref()
    }

    /// The entity whose records a `node` holds, when it is known.
    #[must_use]
    pub fn child(&self) -> Option<&Entity> {
        self.child.as_deref()
    }

    /// Sources, how the wire writes it, traps.
    #[must_use]
    pub fn notes(&self) -> &str {
        &self.notes
    }

    /// Whether more than one source knows it.
    #[must_use]
    pub fn confirmed(&self) -> bool {
        self.confirmed
    }
}

impl Required {
    pub(crate) fn parse(text: &str) -> Option<Required> {
        match text {
            "Y" => Some(Required::Yes),
            "N" => Some(Required::No),
            "C" => Some(Required::Conditional),
            _ => None,
        }
    }
}

impl fmt::Display for Required {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Required::Yes => "Y",
            Required::No => "N",
            Required::Conditional => "C",
        })
    }
}
