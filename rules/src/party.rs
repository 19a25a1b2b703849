//! Who orders and where, as scopes and named sets write it: `doctor:1023`, `department:03*`, `campus:东院`.

use std::fmt;

use crate::facts::Facts;
use crate::text::Text;

/// What a party is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartyKind {
    /// The insurance region of the patient, by its division code.
    Region,
    /// A campus.
    Campus,
    /// A department, by code or name.
    Department,
    /// A doctor, by code.
    Doctor,
}

impl PartyKind {
    /// Every kind with its word, broad before narrow.
    pub const NAMES: [(&'static str, PartyKind); 4] = [
        ("region", PartyKind::Region),
        ("campus", PartyKind::Campus),
        ("department", PartyKind::Department),
        ("doctor", PartyKind::Doctor),
    ];

    /// By its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<PartyKind> {
        PartyKind::NAMES.into_iter().find(|(known, _)| *known == word).map(|(_, kind)| kind)
    }

    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        PartyKind::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }

    /// The element by which it is known.
    pub(crate) fn element(self) -> &'static str {
        match self {
            PartyKind::Region => "encounter.insuplc_admdvs",
            PartyKind::Campus => "encounter.hosp_area_codg",
            PartyKind::Department => "encounter.adm_dept_codg",
            PartyKind::Doctor => "prescriber.drord_dr_codg",
        }
    }

    /// What a check says of it: a department may have sent its code, its name or both.
    pub(crate) fn sent(self, facts: &Facts) -> [Option<&str>; 2] {
        let encounter = facts.encounter.present();
        let one = match self {
            PartyKind::Region => encounter.and_then(|it| it.insurance_region.as_deref()),
            PartyKind::Campus => encounter.and_then(|it| it.campus.as_deref()),
            PartyKind::Department => encounter.and_then(|it| it.department_code.as_deref()),
            PartyKind::Doctor => facts.sole_prescriber().and_then(|it| it.code.as_deref()),
        };
        let name = encounter.filter(|_| self == PartyKind::Department);
        [one, name.and_then(|it| it.department_name.as_deref())]
    }
}

/// A person or a place, or all whose codes begin so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party {
    /// What it is.
    pub kind: PartyKind,
    code: Text,
    is_beginning: bool,
}

impl Party {
    /// Reads `1023`, or `03*` for every code that begins so; a region is a beginning as it is.
    pub(crate) fn of(kind: PartyKind, text: &str) -> Result<Party, String> {
        let text = text.trim();
        let beginning = text.strip_suffix('*');
        let code = beginning.unwrap_or(text);
        if code.is_empty() || code.contains('*') {
            let kind = kind.name();
            return Err(format!(
                "`{text}` is no {kind}: write a code, or how codes begin with `*` behind it, such as 03*"
            ));
        }
        let is_beginning = beginning.is_some() || kind == PartyKind::Region;
        Ok(Party { kind, code: code.into(), is_beginning })
    }

    /// Whether what was sent of a kind is this one.
    pub(crate) fn is(&self, kind: PartyKind, sent: &str) -> bool {
        let code = self.code.as_str();
        self.kind == kind && if self.is_beginning { sent.starts_with(code) } else { sent == code }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.is_beginning && self.kind != PartyKind::Region { "*" } else { "" };
        write!(f, "{}:{}{star}", self.kind.name(), self.code.as_str())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_their_beginnings() {
        check("doctor", "1023", "1023", "doctor:1023 is");
        check("doctor", "1023", "10231", "doctor:1023 is not");
        check("department", "03*", "0301", "department:03* is");
        check("department", "03*", "1301", "department:03* is not");
        check("region", "4201", "420106", "region:4201 is");
        check("region", "4201*", "420106", "region:4201 is");
        check("campus", "东院", "东院区", "campus:东院 is not");
    }

    #[test]
    fn what_names_nobody() {
        for text in ["", "*", "0*1", "03**"] {
            let expected = format!(
                "`{text}` is no doctor: write a code, or how codes begin with `*` behind it, such as 03*"
            );
            check("doctor", text, "1", &expected);
        }
    }

    #[track_caller]
    fn check(kind: &str, text: &str, sent: &str, expected: &str) {
        let kind = PartyKind::parse(kind).unwrap();
        let told = Party::of(kind, text).map_or_else(
            |fault| fault,
            |it| format!("{it} {}", if it.is(kind, sent) { "is" } else { "is not" }),
        );
        assert_eq!(told, expected);
    }
}
