//! Where and when a rule or a row holds, after a hospital has restricted it.
//!
//! A restriction only ever narrows. Whether it fits is three-valued like everything else: when the
//! department decides and was not sent, nobody knows, and that is said.

use jiff::civil::Date;

use crate::facts::{Facts, Scene};

/// A restriction; what is empty does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Scenes in which it holds.
    pub scenes: Vec<Scene>,
    /// Campuses in which it holds.
    pub campuses: Vec<String>,
    /// Departments in which it holds, by code or name.
    pub departments: Vec<String>,
    /// Doctors for whom it holds, by code.
    pub doctors: Vec<String>,
    /// Insurance regions of the patient for which it holds: the first digits of the division code.
    pub regions: Vec<String>,
    /// From this day.
    pub from: Option<Date>,
    /// To this day, inclusive.
    pub to: Option<Date>,
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
            "campuses" => self.campuses.extend(parts().map(str::to_owned)),
            "departments" => self.departments.extend(parts().map(str::to_owned)),
            "doctors" => self.doctors.extend(parts().map(str::to_owned)),
            "regions" => self.regions.extend(parts().map(str::to_owned)),
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

    /// Whether a check on a day is inside.
    pub(crate) fn fits(&self, facts: &Facts, on: Date) -> Fit {
        if self.from.is_some_and(|from| on < from) || self.to.is_some_and(|to| to < on) {
            return Fit::Outside;
        }
        match facts.scene() {
            _ if self.scenes.is_empty() => {}
            Some(scene) if self.scenes.contains(&scene) => {}
            Some(_) => return Fit::Outside,
            None => return Fit::Unknown("encounter.med_mdtrt_type"),
        }
        let parts = [
            self.fits_department(facts),
            fits_one(&self.campuses, facts, "encounter.hosp_area_codg"),
            fits_one(&self.doctors, facts, "prescriber.drord_dr_codg"),
            fits_one(&self.regions, facts, "encounter.insuplc_admdvs"),
        ];
        let unknown = parts.iter().find(|fit| matches!(fit, Fit::Unknown(_)));
        if parts.contains(&Fit::Outside) {
            Fit::Outside
        } else {
            unknown.copied().unwrap_or(Fit::Inside)
        }
    }

    fn fits_department(&self, facts: &Facts) -> Fit {
        if self.departments.is_empty() {
            return Fit::Inside;
        }
        let encounter = facts.encounter.present();
        let code = encounter.and_then(|encounter| encounter.department_code.as_deref());
        let name = encounter.and_then(|encounter| encounter.department_name.as_deref());
        let mut sent = code.into_iter().chain(name);
        if code.is_none() && name.is_none() {
            Fit::Unknown("encounter.adm_dept_codg")
        } else if sent.any(|sent| self.departments.iter().any(|known| known == sent)) {
            Fit::Inside
        } else {
            Fit::Outside
        }
    }
}

fn fits_one(members: &[String], facts: &Facts, element: &'static str) -> Fit {
    if members.is_empty() {
        return Fit::Inside;
    }
    let encounter = facts.encounter.present();
    let sent = match element {
        "encounter.hosp_area_codg" => encounter.and_then(|e| e.campus.as_deref()),
        "encounter.insuplc_admdvs" => encounter.and_then(|e| e.insurance_region.as_deref()),
        _ => facts.prescriber.present().and_then(|p| p.code.as_deref()),
    };
    // A region is the first digits of a division code; campuses and doctors are whole codes.
    let is_branch = element == "encounter.insuplc_admdvs";
    let fits = |sent: &str, known: &String| {
        known == sent || (is_branch && sent.starts_with(known.as_str()))
    };
    match sent {
        None => Fit::Unknown(element),
        Some(sent) if members.iter().any(|known| fits(sent, known)) => Fit::Inside,
        Some(_) => Fit::Outside,
    }
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
        assert_eq!(both.departments, ["儿科"]);
        assert_eq!((both.from.is_some(), both.to), (true, one.to));
        both.narrow(&scope(&[("departments", "外科")]));
        let facts = request::read(CHILDREN).unwrap();
        assert_eq!(both.fits(&facts, "2026-05-15".parse().unwrap()), Fit::Outside);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let mut scope = Scope::default();
        assert_eq!(scope.set("to", "soon"), Err("`soon` is not a day such as 2026-01-28".into()));
        assert!(scope.set("scenes", "ward").is_err_and(|it| it.starts_with("no scene `ward`")));
        assert!(scope.set("colour", "red").is_err());
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
        let fit = scope(cells).fits(&facts, "2026-05-15".parse().unwrap());
        assert_eq!(format!("{fit:?}"), expected, "{cells:?}");
    }
}
