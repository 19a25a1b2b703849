//! One proved dictionary, under one profile.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::ValueDomain;
use crate::elements::Elements;
use crate::entity::Entity;
use crate::files::Files;
use crate::finding::Finding;
use crate::load::{self, Manifest};
use crate::problem::Problem;
use crate::validate;

/// The record types, value domains and codes in force. One that exists has been proved: every
/// format is known, every domain there, every entity has a key.
#[derive(Debug)]
pub struct Catalog {
    manifest: Manifest,
    profile: String,
    entities: Vec<Arc<Entity>>,
    // Invariant: each entity's name with its place in `entities`.
    places: HashMap<String, usize>,
    published: BTreeMap<String, Arc<ValueDomain>>,
    unpublished: BTreeMap<String, Arc<ValueDomain>>,
    warnings: Vec<Problem>,
}

/// A source of the dictionary, as the notes of its elements call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    mark: String,
    what: String,
}

impl Catalog {
    /// Reads and proves a dictionary under one profile, and reports every fault in it.
    pub fn load(files: &Files, profile: &str) -> Result<Catalog, Vec<Problem>> {
        load::load(files, profile)
    }

    /// The dictionary that comes with the crate.
    pub fn shipped(profile: &str) -> Result<Catalog, Vec<Problem>> {
        Catalog::load(&Files::from_shipped(crate::SHIPPED), profile)
    }

    /// The profiles there are, by name.
    #[must_use]
    pub fn profiles(files: &Files) -> Vec<String> {
        load::profiles(files)
    }

    /// Takes from another what is the same in both, so that it is kept once: profiles of one
    /// dictionary differ in little.
    #[must_use]
    pub fn sharing(mut self, other: &Catalog) -> Catalog {
        for entity in &mut self.entities {
            if let Some(theirs) = other.shared_entity(entity.name())
                && theirs == *entity
            {
                *entity = theirs;
            }
        }
        share(&mut self.published, &other.published);
        share(&mut self.unpublished, &other.unpublished);
        self
    }

    pub(crate) fn new(
        manifest: Manifest,
        profile: &str,
        entities: Vec<Arc<Entity>>,
        published: BTreeMap<String, Arc<ValueDomain>>,
        unpublished: BTreeMap<String, Arc<ValueDomain>>,
        warnings: Vec<Problem>,
    ) -> Catalog {
        let names = entities.iter().map(|entity| entity.name().to_owned());
        let places = names.zip(0..).collect();
        let profile = profile.to_owned();
        Catalog { manifest, profile, entities, places, published, unpublished, warnings }
    }

    /// Name of the dictionary.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Version of the dictionary, which each record carries.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.manifest.version
    }

    /// What the marks in the notes stand for.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.manifest.sources
    }

    /// The profile in force.
    #[must_use]
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// The entity of that English name.
    #[must_use]
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        let place = *self.places.get(name)?;
        self.entities.get(place).map(Arc::as_ref)
    }

    /// The same to keep, by whoever outlives this catalogue.
    #[must_use]
    pub fn shared_entity(&self, name: &str) -> Option<Arc<Entity>> {
        let place = *self.places.get(name)?;
        self.entities.get(place).map(Arc::clone)
    }

    /// Every entity, in the order of `entities.csv`.
    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.entities.iter().map(Arc::as_ref)
    }

    /// The value domain of that name: a published one, one that is only named, or codes given on
    /// the spot such as `0|1`.
    #[must_use]
    pub fn domain(&self, name: &str) -> Option<&ValueDomain> {
        let domain = self.published.get(name).or_else(|| self.unpublished.get(name));
        domain.map(Arc::as_ref)
    }

    /// The published value domains, by name.
    pub fn domains(&self) -> impl Iterator<Item = &ValueDomain> {
        self.published.values().map(Arc::as_ref)
    }

    /// What somebody should look at in the files, though they could be used.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// What is wrong with the values of one record, in the entity's order.
    #[must_use]
    #[allow(clippy::unused_self)] // a catalogue is what one asks; the entity has its domains along
    pub fn validate(&self, entity: &Entity, elements: &Elements) -> Vec<Finding> {
        validate::validate(entity, elements)
    }
}

impl Source {
    pub(crate) fn new(mark: String, what: String) -> Source {
        Source { mark, what }
    }

    /// The mark, such as `HN`.
    #[must_use]
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// What it stands for.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

fn share(
    ours: &mut BTreeMap<String, Arc<ValueDomain>>,
    theirs: &BTreeMap<String, Arc<ValueDomain>>,
) {
    for (name, domain) in ours {
        if let Some(same) = theirs.get(name).filter(|it| *it == domain) {
            *domain = Arc::clone(same);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{DataElement, Required};

    #[test]
    fn every_shipped_profile_is_sound() {
        let files = Files::from_shipped(crate::SHIPPED);
        let profiles = Catalog::profiles(&files);
        assert_eq!(profiles, ["clinical", "hunan", "national", "review", "short-codes"]);
        for profile in profiles {
            let catalog = Catalog::load(&files, &profile).unwrap();
            assert_eq!(catalog.warnings(), []);
            assert_eq!(catalog.version(), "2024.1");
            assert_eq!(catalog.profile(), profile);
        }
    }

    #[test]
    fn national_is_complete() {
        let national = Catalog::shipped("national").unwrap();
        assert_eq!(national.entities().count(), 63);
        let elements = national.entities().map(|entity| entity.elements().len()).sum::<usize>();
        assert_eq!(elements, 1386);
        assert_eq!(national.domains().count(), 238);
        assert_eq!(national.domains().map(|domain| domain.codes().count()).sum::<usize>(), 2584);
        let elements = national.entities().flat_map(Entity::elements);
        assert_eq!(elements.filter(|element| !element.confirmed()).count(), 191);
    }

    #[test]
    fn what_profiles_have_in_common_is_kept_once() {
        let national = Catalog::shipped("national").unwrap();
        let hunan = Catalog::shipped("hunan").unwrap().sharing(&national);
        assert!(hunan.entities().eq(Catalog::shipped("hunan").unwrap().entities()));
        let is_its_own = |it: &&Entity| {
            let theirs = national.entity(it.name()).unwrap();
            !std::ptr::eq(*it, theirs)
        };
        let changed = |it: &&Entity| national.entity(it.name()).unwrap() != *it;
        assert!(hunan.entities().filter(changed).count() > 0);
        assert!(hunan.entities().filter(is_its_own).eq(hunan.entities().filter(changed)));
        let gend = |it: &Catalog| std::ptr::from_ref(it.domain("gend").unwrap());
        assert_eq!(gend(&hunan), gend(&national));
    }

    #[test]
    fn domains_are_closed_open_or_given_on_the_spot() {
        let national = Catalog::shipped("national").unwrap();
        assert!(national.domain("gend").unwrap().code("1").is_some());
        assert!(!national.domain("admdvs").unwrap().closed());
        assert_eq!(national.domain("0|1").unwrap().codes().count(), 2);
        assert!(national.domain("nowhere").is_none());
    }

    #[test]
    fn an_entity_knows_when_its_fact_happened_and_which_codes_have_names() {
        let national = Catalog::shipped("national").unwrap();
        let prescription = national.entity("outpatient_prescription").unwrap();
        let name = |position: usize| prescription.elements().get(position).map(DataElement::name);
        assert_eq!(prescription.moment().and_then(name), Some("rx_prsc_time"));
        let pairs: Vec<_> = prescription
            .named_codes()
            .iter()
            .map(|(code, named)| (name(*code).unwrap(), name(*named).unwrap()))
            .collect();
        assert!(pairs.contains(&("rx_item_type_code", "rx_item_type_name")), "{pairs:?}");
        assert!(pairs.contains(&("drug_dosform", "drug_dosform_name")), "{pairs:?}");
        assert_eq!(national.entity("department").unwrap().moment(), None);
    }

    #[test]
    fn clinical_asks_for_what_a_his_knows() {
        check(
            "outpatient_registration",
            "mdtrt_sn",
            "patn_id psn_name ipt_otp_no begntime dept_code dept_name mdtrt_sn gend",
        );
        check(
            "outpatient_diagnosis",
            "diag_type diag_srt_no diag_code mdtrt_sn",
            "diag_srt_no diag_code diag_name vali_flag",
        );
        check(
            "outpatient_prescription",
            "rxno rx_srt_no",
            "rxno rx_detl_id rx_detl_name rx_srt_no vali_flag",
        );
        check(
            "inpatient_order",
            "mdtrt_sn medcas_drord_detl_id",
            "mdtrt_sn vali_flag medcas_drord_detl_id",
        );
        let clinical = Catalog::shipped("clinical").unwrap();
        let prescription = clinical.entity("outpatient_prescription").unwrap();
        assert_eq!(
            prescription.element("drug_used_sdose").unwrap().format().to_string(),
            "N..16,4"
        );
    }

    #[track_caller]
    fn check(entity: &str, key: &str, required: &str) {
        let clinical = Catalog::shipped("clinical").unwrap();
        let entity = clinical.entity(entity).unwrap();
        assert_eq!(entity.key().join(" "), key);
        let elements = entity.elements().iter();
        let mut actual: Vec<_> = elements
            .filter(|element| element.required() == Required::Yes)
            .map(DataElement::name)
            .collect();
        let mut expected: Vec<_> = required.split(' ').collect();
        actual.sort_unstable();
        expected.sort_unstable();
        assert_eq!(actual, expected);
    }
}
