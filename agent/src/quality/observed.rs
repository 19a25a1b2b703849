//! What a message showed of its records, counted while it was judged: by element position, an
//! entity at a time, so that a fee list of ten thousand lines is one small table.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::DateTime;
use schemas::{Catalog, Elements, Entity, Finding, FindingSeverity, ValueRef};

use super::delays::Delays;

/// The records of one message, or of many.
#[derive(Debug, Default)]
pub struct Observed {
    pub(super) entities: Vec<EntityTally>,
}

/// The records of one entity.
#[derive(Debug)]
pub(super) struct EntityTally {
    pub(super) entity: Arc<Entity>,
    pub(super) records: u64,
    /// Records that had a finding that refuses.
    pub(super) refused: u64,
    /// By position in the entity: the records that had a value, right or wrong.
    pub(super) carried: Vec<u64>,
    /// By position and measure: the records in which something was wrong.
    pub(super) flags: BTreeMap<(usize, Measure), Flag>,
    /// By position and code: the findings.
    pub(super) remarks: BTreeMap<(usize, &'static str), Remarks>,
    pub(super) delays: Delays,
}

/// What a finding is a fault of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Measure {
    /// Something that must be there is not.
    Completeness,
    /// A value is not as the standard wants it.
    Conformity,
    /// A value contradicts another.
    Consistency,
}

/// In how many records, each counted once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flag {
    pub(super) records: u64,
    // Number of the record that was counted last, so that a second finding does not count it again.
    last: u64,
}

/// How often one code was given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Remarks {
    pub(super) refused: u64,
    pub(super) warned: u64,
}

impl Observed {
    /// Counts one record with everything that was found in it.
    pub fn record(
        &mut self,
        catalog: &Catalog,
        entity: &Entity,
        elements: &Elements,
        findings: &[Finding],
        received_at: DateTime,
    ) {
        if let Some(tally) = self.tally(catalog, entity) {
            tally.record(elements, findings, received_at);
        }
    }

    /// Counts a code of the record that was counted last: it was there, and waits to be mapped.
    pub fn unmapped(&mut self, entity: &Entity, element: &str) {
        let is_it = |it: &&mut EntityTally| std::ptr::eq(Arc::as_ptr(&it.entity), entity);
        let tally = self.entities.iter_mut().rfind(is_it);
        if let (Some(tally), Some(position)) = (tally, entity.position(element)) {
            tally.remarks.entry((position, UNMAPPED)).or_default().warned += 1;
            if tally.flag(position, Measure::Conformity) {
                tally.carry(position, 1);
            }
        }
    }

    /// Takes in what other records of the same message showed.
    pub fn add(&mut self, more: &Observed) {
        for more in &more.entities {
            let mut same =
                self.entities.iter_mut().filter(|it| Arc::ptr_eq(&it.entity, &more.entity));
            if let Some(tally) = same.next() {
                tally.add(more);
            } else {
                let mut tally = EntityTally::new(Arc::clone(&more.entity));
                tally.add(more);
                self.entities.push(tally);
            }
        }
    }

    fn tally(&mut self, catalog: &Catalog, entity: &Entity) -> Option<&mut EntityTally> {
        let is_it = |it: &EntityTally| std::ptr::eq(Arc::as_ptr(&it.entity), entity);
        // Records of one entity come together, so it is mostly the last one.
        let place = if let Some(place) = self.entities.iter().rposition(is_it) {
            place
        } else {
            self.entities.push(EntityTally::new(catalog.shared_entity(entity.name())?));
            self.entities.len() - 1
        };
        self.entities.get_mut(place)
    }
}

impl EntityTally {
    pub(super) fn new(entity: Arc<Entity>) -> EntityTally {
        let carried = vec![0; entity.elements().len()];
        let (flags, remarks) = (BTreeMap::new(), BTreeMap::new());
        EntityTally {
            entity,
            records: 0,
            refused: 0,
            carried,
            flags,
            remarks,
            delays: Delays::default(),
        }
    }

    fn record(&mut self, elements: &Elements, findings: &[Finding], received_at: DateTime) {
        self.records += 1;
        for (position, _) in elements.iter() {
            self.carry(position, 1);
        }
        for finding in findings {
            self.finding(finding, elements);
        }
        self.refused += u64::from(findings.iter().any(is_rejection));
        self.compare_names(elements);
        if let Some(ValueRef::DateTime(moment)) =
            self.entity.moment().and_then(|it| elements.get(it))
        {
            self.delays.count(received_at.duration_since(moment).as_secs());
        }
    }

    fn carry(&mut self, position: usize, by: i64) {
        if let Some(count) = self.carried.get_mut(position) {
            *count = count.saturating_add_signed(by);
        }
    }

    fn finding(&mut self, finding: &Finding, elements: &Elements) {
        let position = self.entity.position(&finding.element).unwrap_or(NO_ELEMENT);
        let remarks = self.remarks.entry((position, finding.code)).or_default();
        match finding.severity {
            FindingSeverity::Reject => remarks.refused += 1,
            FindingSeverity::Warn => remarks.warned += 1,
        }
        let measure = Measure::of(finding.code);
        if self.flag(position, measure) {
            // A blank is no value, and a value that could not be restated was one.
            match (measure, elements.get(position)) {
                (Measure::Completeness, Some(_)) => self.carry(position, -1),
                (Measure::Conformity, None) => self.carry(position, 1),
                _ => {}
            }
        }
    }

    /// A code beside the name of another code: the standard lets both pass.
    fn compare_names(&mut self, elements: &Elements) {
        let entity = Arc::clone(&self.entity);
        for (code, name) in entity.named_codes() {
            let (Some(ValueRef::Text(said)), Some(ValueRef::Text(name_said))) =
                (elements.get(*code), elements.get(*name))
            else {
                continue;
            };
            let domain = entity.elements().get(*code).and_then(|it| it.value_domain());
            let name_of = domain.and_then(|it| it.zh_name(said)).filter(|it| !it.is_empty());
            if name_of.is_some_and(|it| it != name_said.trim()) {
                self.remarks.entry((*name, NAME_DIFFERS)).or_default().warned += 1;
                self.flag(*name, Measure::Consistency);
            }
        }
    }

    /// Counts the record under a measure; false when it is counted already.
    fn flag(&mut self, position: usize, measure: Measure) -> bool {
        let flag = self.flags.entry((position, measure)).or_default();
        let new = flag.last != self.records;
        flag.last = self.records;
        flag.records += u64::from(new);
        new
    }

    pub(super) fn add(&mut self, more: &EntityTally) {
        self.records += more.records;
        self.refused += more.refused;
        for (count, more) in self.carried.iter_mut().zip(&more.carried) {
            *count += more;
        }
        for (at, more) in &more.flags {
            self.flags.entry(*at).or_default().records += more.records;
        }
        for (at, more) in &more.remarks {
            let remarks = self.remarks.entry(*at).or_default();
            remarks.refused += more.refused;
            remarks.warned += more.warned;
        }
        self.delays.add(&more.delays);
    }
}

impl Measure {
    /// Everything that is neither missing nor contradicting is a value not as it should be.
    fn of(code: &str) -> Measure {
        match code {
            "V101" | "M206" | "M209" => Measure::Completeness,
            "M207" | "M213" | "M215" | NAME_DIFFERS => Measure::Consistency,
            _ => Measure::Conformity,
        }
    }
}

fn is_rejection(finding: &Finding) -> bool {
    finding.severity == FindingSeverity::Reject
}

/// A finding about the record and none of its elements: no encounter, for instance.
pub(super) const NO_ELEMENT: usize = usize::MAX;

/// A local code that nobody has mapped.
const UNMAPPED: &str = "M203";

/// The code of a domain stands beside the name of another.
pub(super) const NAME_DIFFERS: &str = "Q101";
