//! Which entity each group of the sample is, and which field fills which element.

use schemas::{Catalog, DataElement, Entity, Required};

use super::names::Lexicon;
use super::survey::{Field, Survey, Way};

/// The records of a draft.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) records: Vec<Record<'a>>,
    /// The field that holds the number of the encounter.
    pub(super) lane: Option<&'a Field>,
}

/// One `[[record]]`.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) entity: &'a Entity,
    /// What it is a record of each of; empty for the whole message.
    pub(super) each: Way,
    /// The header stands on every line of this group: one record of equal ones.
    pub(super) distinct: bool,
    /// By the entity's order.
    pub(super) lines: Vec<Line<'a>>,
}

/// One element and the field that fills it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) element: &'a DataElement,
    pub(super) field: &'a Field,
    /// Hundredths.
    pub(super) confidence: i32,
    /// What the name was recognised by.
    pub(super) by: &'static str,
    /// The element takes the unit behind the field's number.
    pub(super) unit: bool,
}

/// Decides for every group and for what stands outside of them.
pub(super) fn plan<'a>(survey: &'a Survey, catalog: &'a Catalog, wanted: Option<&str>) -> Plan<'a> {
    let planner = Planner { survey, catalog, lexicon: Lexicon::shipped() };
    let mut records = Vec::new();
    let mut groups: Vec<Way> = survey.groups.iter().cloned().collect();
    groups.retain(|group| {
        survey.fields.iter().any(|it| survey.group_of(&it.way) == group.as_slice())
    });
    for group in &groups {
        add(planner.best(group, wanted, &LINES), &mut records);
    }
    let mut records: Vec<Record<'a>> = records.into_iter().map(|(_, record)| record).collect();
    if let Some(wanted) = wanted {
        records.retain(|it| it.entity.name() == wanted);
        if records.is_empty() {
            records.extend(planner.best(&Way::new(), Some(wanted), &[]).map(|(_, record)| record));
        }
    } else if let Some(header) = planner.header(&groups) {
        records.insert(0, header);
    }
    let lane = lane(&records);
    Plan { records, lane }
}

struct Planner<'a> {
    survey: &'a Survey,
    catalog: &'a Catalog,
    lexicon: Lexicon,
}

impl<'a> Planner<'a> {
    /// The patient and the visit: outside of every group, or on each line of a flat one.
    fn header(&self, groups: &[Way]) -> Option<Record<'a>> {
        let outside = self.best(&Way::new(), None, &HEADERS);
        let flat = groups.iter().filter_map(|it| self.best(it, None, &HEADERS));
        let flat = flat.filter(|(_, it)| names_a_person(it)).max_by_key(|(points, _)| *points);
        match (outside, flat) {
            (Some((_, header)), _) if names_a_person(&header) => Some(header),
            (_, Some((_, header))) => Some(Record { distinct: true, ..header }),
            _ => None,
        }
    }

    /// The entity that the fields of a group fill best, if any is filled at all.
    fn best(
        &self,
        group: &Way,
        wanted: Option<&str>,
        entities: &[&str],
    ) -> Option<(i32, Record<'a>)> {
        let entities: Vec<&str> = wanted.map_or_else(|| entities.to_vec(), |it| vec![it]);
        let candidates = entities.iter().filter_map(|it| self.catalog.entity(it));
        let mut best: Option<(i32, Record<'a>)> = None;
        for entity in candidates {
            let (points, record) = self.record(entity, group);
            let inside = record.lines.iter().filter(|it| self.is_inside(it.field, group)).count();
            let enough = inside >= INSIDE_MIN || wanted.is_some() && inside > 0;
            if enough && best.as_ref().is_none_or(|(most, _)| points > *most) {
                best = Some((points, record));
            }
        }
        best
    }

    fn record(&self, entity: &'a Entity, group: &Way) -> (i32, Record<'a>) {
        let mut likely = Vec::new();
        for element in entity.elements() {
            for field in self.survey.fields.iter().filter(|it| self.reaches(it, group)) {
                likely.extend(self.line(element, field, group));
            }
        }
        likely.sort_by_key(|it| std::cmp::Reverse(it.confidence));
        let mut lines: Vec<Line<'a>> = Vec::new();
        for line in likely {
            let filled = lines.iter().any(|it| std::ptr::eq(it.element, line.element));
            let used = lines.iter().any(|it| std::ptr::eq(it.field, line.field));
            if !filled && (!used || line.confidence >= SHARED_MIN) {
                lines.push(line);
            }
        }
        add_units(entity, &mut lines);
        let points = self.points(entity, &lines, group);
        lines.sort_by_key(|it| entity.position(it.element.name()));
        (points, Record { entity, each: group.clone(), distinct: false, lines })
    }

    fn line(&self, element: &'a DataElement, field: &'a Field, group: &Way) -> Option<Line<'a>> {
        if !field.way.iter().all(|it| is_writable(it)) {
            return None;
        }
        let named =
            self.lexicon.likeness(&field.way, self.survey.group_of(&field.way).len(), element);
        if named.percent < NAMED_MIN {
            return None;
        }
        // A field of the line itself is rather meant than one of the message.
        let far = if self.is_inside(field, group) { 0 } else { 5 };
        let confidence = (named.percent + field.shape.fit(element)? - far).min(99);
        (confidence >= LINE_MIN).then_some(Line {
            element,
            field,
            confidence,
            by: named.by,
            unit: false,
        })
    }

    /// What speaks for an entity: the fields of the group that it knows; against it: what it needs
    /// and has not.
    fn points(&self, entity: &Entity, lines: &[Line<'_>], group: &Way) -> i32 {
        let inside = lines.iter().filter(|it| self.is_inside(it.field, group));
        let found: i32 = inside.map(|it| it.confidence - 40).sum();
        let missing = |it: &&DataElement| {
            it.required() == Required::Yes
                && !is_filled_anyway(it)
                && !lines.iter().any(|line| line.element.name() == it.name())
        };
        let missing = entity.elements().iter().filter(missing).count();
        found - 15 * i32::try_from(missing).unwrap_or(i32::MAX / 100)
    }

    fn is_inside(&self, field: &Field, group: &Way) -> bool {
        self.survey.group_of(&field.way) == group.as_slice()
    }

    /// A line can use its own fields and those of what it stands in, not those of other lines.
    fn reaches(&self, field: &Field, group: &Way) -> bool {
        group.starts_with(self.survey.group_of(&field.way))
    }
}

/// A total of lines looks like a line: of two groups in each other that seem to be the same
/// entity, the better one is it.
fn add<'a>(found: Option<(i32, Record<'a>)>, records: &mut Vec<(i32, Record<'a>)>) {
    let Some((points, record)) = found else { return };
    let rival = records.iter().position(|(_, it)| {
        it.entity.name() == record.entity.name()
            && (it.each.starts_with(&record.each) || record.each.starts_with(&it.each))
    });
    match rival.and_then(|it| records.get_mut(it)) {
        None => records.push((points, record)),
        Some(rival) if points > rival.0 => *rival = (points, record),
        Some(_) => {}
    }
}

fn lane<'a>(records: &[Record<'a>]) -> Option<&'a Field> {
    let lines = records.iter().flat_map(|it| &it.lines);
    let lane = lines.filter(|it| LANES.contains(&it.element.name()));
    lane.max_by_key(|it| it.confidence).map(|it| it.field)
}

/// `5mg` fills the dose and, if nothing else does, its unit.
fn add_units<'a>(entity: &'a Entity, lines: &mut Vec<Line<'a>>) {
    for (number, unit) in UNITS {
        let filled = lines.iter().any(|it| it.element.name() == unit);
        let measured = lines.iter().find(|it| it.element.name() == number && it.field.shape.unit);
        if let (false, Some(line), Some(element)) =
            (filled, measured.copied(), entity.element(unit))
        {
            let confidence = line.confidence - 5;
            lines.push(Line {
                element,
                confidence,
                by: "the unit behind a number",
                unit: true,
                ..line
            });
        }
    }
}

fn names_a_person(record: &Record<'_>) -> bool {
    let has = |name: &str| record.lines.iter().any(|it| it.element.name() == name);
    record.lines.len() >= 4 && (has("psn_name") || has("patn_id"))
}

/// Whether a path can name it.
fn is_writable(name: &str) -> bool {
    let name = name.strip_prefix('@').unwrap_or(name);
    !name.is_empty() && name.chars().all(|it| it.is_alphanumeric() || it == '_' || it == '-')
}

/// What is written down even when no field says it.
pub(super) fn is_filled_anyway(element: &DataElement) -> bool {
    let name = element.name();
    name == "vali_flag" || name.ends_with("srt_no")
}

/// Entities of a patient and a visit.
const HEADERS: [&str; 2] = ["outpatient_registration", "inpatient_admission"];
/// Entities of which a message has many.
const LINES: [&str; 6] = [
    "outpatient_prescription",
    "outpatient_diagnosis",
    "inpatient_order",
    "fee_detail_inpatient",
    "fee_detail_outpatient",
    "lab_report_item",
];
/// Elements that tell one encounter from another, before all others.
const LANES: [&str; 4] = ["mdtrt_sn", "ipt_otp_no", "ipt_no", "mdtrt_id"];
/// A number element with the element that holds its unit.
const UNITS: [(&str, &str); 4] = [
    ("drug_used_sdose", "drug_used_dosunt"),
    ("cnt", "cnt_unt"),
    ("age", "age_unt"),
    ("drug_used_sdose", "medn_used_dosunt"),
];

/// A name that is less like the element's than this says nothing.
const NAMED_MIN: i32 = 50;
/// A line with less confidence than this is not written.
const LINE_MIN: i32 = 55;
/// One field may fill several elements when it is surely each of them.
const SHARED_MIN: i32 = 76;
/// A group with fewer fields that mean anything is left alone.
const INSIDE_MIN: usize = 3;
