//! Where and when a rule or a row holds, after a hospital has restricted it.
//!
//! A restriction only ever narrows. People and places are written one by one, by how their codes begin
//! (`03*`), or as a named set (`set:surgeons`), of which the version of the day holds. Whether it fits is
//! three-valued like everything else: when the department decides and was not sent, nobody knows, and
//! that is said.

use jiff::civil::Date;

use crate::facts::{Facts, Scene};
use crate::overlay::own::Resting;
use crate::overlay::set::{PREFIX, rests};
use crate::party::{Party, PartyKind};
use crate::sets::CodeSets;
use crate::text::Text;

/// A restriction; what is empty does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Scenes in which it holds.
    pub scenes: Vec<Scene>,
    /// Campuses in which it holds.
    pub campuses: Vec<Whom>,
    /// Departments in which it holds, by code or name.
    pub departments: Vec<Whom>,
    /// Doctors for whom it holds, by code.
    pub doctors: Vec<Whom>,
    /// Insurance regions of the patient for which it holds: the first digits of the division code.
    pub regions: Vec<Whom>,
    /// From this day.
    pub from: Option<Date>,
    /// To this day, inclusive.
    pub to: Option<Date>,
    /// Scopes inside which a check must be as well: what a set holds depends on the day, so two lists
    /// of which one names a set have no common part that could be written down.
    also: Vec<Scope>,
}

/// For whom or where a scope holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// This one, or all whose codes begin so.
    One(Party),
    /// Every one of the kind that this set holds.
    Set(Text),
}

impl Whom {
    fn parse(kind: PartyKind, text: &str) -> Result<Whom, String> {
        match text.strip_prefix(PREFIX) {
            Some(name) => Ok(Whom::Set(name.trim().into())),
            None => Party::of(kind, text).map(Whom::One),
        }
    }
}

/// The check that is asked about, on what day, and the sets that scopes name.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) sets: &'a CodeSets,
    pub(crate) on: Date,
}

/// Whether a check is inside a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    Inside,
    Outside,
    /// For want of this element.
    Unknown(&'static str),
}

impl Scope {
    /// What a scope may be bound to, broad before narrow.
    pub const NAMES: [&str; 7] =
        ["scenes", "from", "to", "regions", "campuses", "departments", "doctors"];

    /// How narrow it is: a doctor before a department, that before a campus, a region, a time and
    /// last a scene.
    pub(crate) fn rank(&self) -> [bool; 6] {
        [
            !self.doctors.is_empty(),
            !self.departments.is_empty(),
            !self.campuses.is_empty(),
            !self.regions.is_empty(),
            self.from.is_some() || self.to.is_some(),
            !self.scenes.is_empty(),
        ]
    }

    /// Reads one cell of a restriction, or says what was expected.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let parts = || value.split('|').map(str::trim).filter(|part| !part.is_empty());
        match name {
            "scenes" => {
                for part in parts() {
                    let scene = Scene::parse(part).ok_or_else(|| unknown_scene(part))?;
                    self.scenes.push(scene);
                }
            }
            "campuses" => extend(&mut self.campuses, PartyKind::Campus, parts())?,
            "departments" => extend(&mut self.departments, PartyKind::Department, parts())?,
            "doctors" => extend(&mut self.doctors, PartyKind::Doctor, parts())?,
            "regions" => extend(&mut self.regions, PartyKind::Region, parts())?,
            "from" => self.from = Some(day(value)?),
            "to" => self.to = Some(day(value)?),
            other => {
                return Err(format!("`{other}` is not one of {}", Scope::NAMES.join(", ")));
            }
        }
        Ok(())
    }

    /// Narrows this scope by another. Two lists without a common member leave nothing.
    pub(crate) fn narrow(&mut self, other: &Scope) {
        if !self.sets().is_empty() || !other.sets().is_empty() {
            self.also.push(other.clone());
            return;
        }
        let never = is_disjoint(&self.scenes, &other.scenes)
            || is_disjoint(&self.campuses, &other.campuses)
            || is_disjoint(&self.departments, &other.departments)
            || is_disjoint(&self.doctors, &other.doctors)
            || is_disjoint(&self.regions, &other.regions);
        narrow(&mut self.scenes, &other.scenes);
        narrow(&mut self.campuses, &other.campuses);
        narrow(&mut self.departments, &other.departments);
        narrow(&mut self.doctors, &other.doctors);
        narrow(&mut self.regions, &other.regions);
        self.from = self.from.max(other.from);
        self.to = match (self.to, other.to) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        if never {
            self.to = Some(Date::MIN);
        }
    }

    /// The named sets in it, each with what it is to hold.
    pub(crate) fn sets(&self) -> Vec<(PartyKind, &str)> {
        let named = self.parties().into_iter().flat_map(|(kind, members)| {
            members.iter().filter_map(move |member| match member {
                Whom::Set(name) => Some((kind, name.as_str())),
                Whom::One(_) => None,
            })
        });
        named.chain(self.also.iter().flat_map(Scope::sets)).collect()
    }

    /// What is wrong with the sets in it. One that rests is waited for.
    pub(crate) fn fault(&self, sets: &CodeSets, resting: &[Resting]) -> Option<String> {
        let mut named = self.sets().into_iter().filter(|(_, name)| !rests(resting, name));
        named.find_map(|(kind, name)| sets.fault_of_parties(name, kind))
    }

    fn parties(&self) -> [(PartyKind, &[Whom]); 4] {
        [
            (PartyKind::Department, &self.departments),
            (PartyKind::Campus, &self.campuses),
            (PartyKind::Doctor, &self.doctors),
            (PartyKind::Region, &self.regions),
        ]
    }

    /// Whether a check is inside.
    pub(crate) fn fits(&self, here: Here<'_>) -> Fit {
        let day = here.on;
        if self.from.is_some_and(|from| day < from) || self.to.is_some_and(|to| to < day) {
            return Fit::Outside;
        }
        match here.facts.scene() {
            _ if self.scenes.is_empty() => {}
            Some(scene) if self.scenes.contains(&scene) => {}
            Some(_) => return Fit::Outside,
            None => return Fit::Unknown("encounter.med_mdtrt_type"),
        }
        let parties = self.parties().into_iter();
        let parts = parties.map(|(kind, members)| fits_one(kind, members, here));
        together(parts.chain(self.also.iter().map(|it| it.fits(here))))
    }
}

/// Outside when one part is, whatever else is not known.
fn together(parts: impl Iterator<Item = Fit>) -> Fit {
    let mut all = Fit::Inside;
    for part in parts {
        match part {
            Fit::Outside => return Fit::Outside,
            Fit::Unknown(_) if all == Fit::Inside => all = part,
            Fit::Unknown(_) | Fit::Inside => {}
        }
    }
    all
}

fn fits_one(kind: PartyKind, members: &[Whom], here: Here<'_>) -> Fit {
    if members.is_empty() {
        return Fit::Inside;
    }
    let sent = kind.sent(here.facts);
    let sent = || sent.iter().flatten();
    if sent().next().is_none() {
        return Fit::Unknown(kind.element());
    }
    let is_one = |party: &Party| sent().any(|sent| party.is(kind, sent));
    let holds = |member: &Whom| match member {
        Whom::One(party) => is_one(party),
        Whom::Set(name) => here.sets.parties(name, here.on).iter().any(is_one),
    };
    // What a set that rests would hold, nobody knows.
    let rests = |member: &Whom| matches!(member, Whom::Set(name) if !here.sets.has(name));
    if members.iter().any(holds) {
        Fit::Inside
    } else if members.iter().any(rests) {
        Fit::Unknown("sets")
    } else {
        Fit::Outside
    }
}

fn extend<'a>(
    members: &mut Vec<Whom>,
    kind: PartyKind,
    parts: impl Iterator<Item = &'a str>,
) -> Result<(), String> {
    for part in parts {
        members.push(Whom::parse(kind, part)?);
    }
    Ok(())
}

fn is_disjoint<T: PartialEq>(one: &[T], two: &[T]) -> bool {
    !one.is_empty() && !two.is_empty() && !one.iter().any(|member| two.contains(member))
}

fn narrow<T: PartialEq + Clone>(members: &mut Vec<T>, by: &[T]) {
    if members.is_empty() {
        members.extend_from_slice(by);
    } else if !by.is_empty() {
        members.retain(|member| by.contains(member));
    }
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("`{text}` is not a day such as 2026-01-28"))
}

fn unknown_scene(name: &str) -> String {
    let known: Vec<_> = Scene::NAMES.iter().map(|(name, _)| *name).collect();
    format!("no scene `{name}`; known are {}", known.join(", "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::request;
    use crate::sets::SetVersion;

    const DAY: Date = Date::constant(2026, 5, 15);
    const CHILDREN: &str =
        r#"{"encounter":{"med_mdtrt_type":"1","adm_dept_codg":"0300","adm_dept_name":"儿科"}}"#;

    #[test]
    fn departments_by_code_or_name() {
        check(&[("departments", "0300")], CHILDREN, "Inside");
        check(&[("departments", "内科|儿科")], CHILDREN, "Inside");
        check(&[("departments", "内科")], CHILDREN, "Outside");
        check(&[("departments", "内科")], "{}", "Unknown(\"encounter.adm_dept_codg\")");
    }

    #[test]
    fn campuses_doctors_and_regions() {
        let sent = r#"{"encounter":{"hosp_area_codg":"东院","insuplc_admdvs":"420106"},
            "prescriber":{"drord_dr_codg":"1023"}}"#;
        check(&[("campuses", "东院|西院"), ("doctors", "1023")], sent, "Inside");
        check(&[("campuses", "西院")], sent, "Outside");
        check(&[("doctors", "102")], sent, "Outside");
        check(&[("regions", "4201")], sent, "Inside");
        check(&[("regions", "4202")], sent, "Outside");
        check(&[("regions", "42")], "{}", "Unknown(\"encounter.insuplc_admdvs\")");
        check(&[("doctors", "9"), ("departments", "内科")], sent, "Outside");
    }

    #[test]
    fn scenes_and_days() {
        check(&[("scenes", "outpatient|discharge")], CHILDREN, "Inside");
        check(&[("scenes", "inpatient")], CHILDREN, "Outside");
        check(&[("scenes", "inpatient")], "{}", "Unknown(\"encounter.med_mdtrt_type\")");
        check(&[("from", "2026-05-15"), ("to", "2026-05-15")], "{}", "Inside");
        check(&[("from", "2026-05-16")], "{}", "Outside");
        check(&[("to", "2026-05-14"), ("departments", "内科")], "{}", "Outside");
    }

    #[test]
    fn a_restriction_only_narrows() {
        let one = scope(&[("departments", "儿科|内科"), ("to", "2026-12-31")]);
        let mut both = one.clone();
        both.narrow(&scope(&[("departments", "儿科|外科"), ("from", "2026-01-01")]));
        let children = Party::of(PartyKind::Department, "儿科").unwrap();
        assert_eq!(both.departments, [Whom::One(children)]);
        assert_eq!((both.from.is_some(), both.to), (true, one.to));
        both.narrow(&scope(&[("departments", "外科")]));
        let facts = request::read(CHILDREN).unwrap();
        let here = Here { facts: &facts, sets: &CodeSets::default(), on: DAY };
        assert_eq!(both.fits(here), Fit::Outside);
    }

    /// Two lists of which one is a set hold both, each by itself.
    #[test]
    fn sets_of_people_and_places() {
        let sent =
            r#"{"encounter":{"adm_dept_codg":"0301"},"prescriber":{"drord_dr_codg":"1023"}}"#;
        check(&[("departments", "set:wards")], sent, "Inside");
        check(&[("departments", "set:wards@2")], sent, "Inside");
        check(&[("departments", "set:wards@1")], sent, "Outside");
        check(&[("departments", "02*|set:wards")], CHILDREN, "Inside");
        check(&[("departments", "02*|set:wards@1")], CHILDREN, "Outside");
        check(&[("doctors", "set:wards")], sent, "Outside");
        check(&[("departments", "set:wards")], "{}", "Unknown(\"encounter.adm_dept_codg\")");
        check(&[("departments", "set:resting")], sent, "Unknown(\"sets\")");
        check(&[("departments", "0301|set:resting")], sent, "Inside");
        let fits = |one: &[(&str, &str)], other: &[(&str, &str)]| {
            let mut both = scope(one);
            both.narrow(&scope(other));
            let facts = request::read(sent).unwrap();
            both.fits(Here { facts: &facts, sets: &sets(), on: DAY })
        };
        assert_eq!(fits(&[("departments", "set:wards")], &[("doctors", "1023")]), Fit::Inside);
        assert_eq!(fits(&[("departments", "set:wards")], &[("doctors", "9")]), Fit::Outside);
        assert_eq!(
            fits(&[("departments", "0301")], &[("departments", "set:wards@1")]),
            Fit::Outside
        );
    }

    #[test]
    fn what_a_set_must_hold() {
        let fault = |name: &str, value: &str| scope(&[(name, value)]).fault(&sets(), &[]);
        assert_eq!(fault("departments", "0301|set:wards"), None);
        let doctor = "set `wards` holds no doctor: a member such as doctor:1023";
        assert_eq!(fault("doctors", "set:wards"), Some(doctor.to_owned()));
        assert!(fault("doctors", "set:else").is_some_and(|it| it.starts_with("no pack has a set")));
        let resting = [Resting::new("set:else", Vec::new())];
        for name in ["set:else", "set:else@3"] {
            assert_eq!(scope(&[("doctors", name)]).fault(&sets(), &resting), None);
        }
    }

    /// Wards: until the end of April one, from May on all whose codes begin with 03.
    fn sets() -> CodeSets {
        let version = |number, from, until, code| SetVersion {
            number,
            title: None,
            source: "s".to_owned(),
            author: None,
            from,
            until,
            members: Vec::new(),
            parties: vec![Party::of(PartyKind::Department, code).unwrap()],
        };
        let mut sets = CodeSets::default();
        sets.add("wards", version(1, None, Some(Date::constant(2026, 4, 30)), "0201"));
        sets.add("wards", version(2, Some(Date::constant(2026, 5, 1)), None, "03*"));
        sets
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let mut scope = Scope::default();
        assert_eq!(scope.set("to", "soon"), Err("`soon` is not a day such as 2026-01-28".into()));
        assert!(scope.set("scenes", "ward").is_err_and(|it| it.starts_with("no scene `ward`")));
        assert!(scope.set("colour", "red").is_err());
        assert!(scope.set("doctors", "1|*").is_err_and(|it| it.starts_with("`*` is no doctor")));
    }

    fn scope(cells: &[(&str, &str)]) -> Scope {
        let mut scope = Scope::default();
        for (name, value) in cells {
            scope.set(name, value).unwrap();
        }
        scope
    }

    #[track_caller]
    fn check(cells: &[(&str, &str)], request: &str, expected: &str) {
        let facts = request::read(request).unwrap();
        let fit = scope(cells).fits(Here { facts: &facts, sets: &sets(), on: DAY });
        assert_eq!(format!("{fit:?}"), expected, "{cells:?}");
    }
}
