//! Codes of diagnoses and operations, compared as people write them.
//!
//! `I10`, `I10.x00` and `i10.X00` are one branch: a limit names a branch by its first characters,
//! dots and case aside.

use crate::facts::{Diagnosis, Facts, Surgery};

/// The shortest branch that means something: one category, `I10`.
pub(crate) const BRANCH_MIN: usize = 3;

/// Without dots, in capitals.
#[must_use]
pub fn plain(code: &str) -> String {
    code.chars().filter(|c| *c != '.').map(|c| c.to_ascii_uppercase()).collect()
}

/// Whether a code lies in the branch that a prefix names.
#[must_use]
pub fn is_in(code: &str, prefix: &str) -> bool {
    let mut code = code.chars().filter(|c| *c != '.').map(|c| c.to_ascii_uppercase());
    let mut wanted = prefix.chars().filter(|c| *c != '.').map(|c| c.to_ascii_uppercase());
    wanted.all(|c| code.next() == Some(c))
}

/// Whether a code lies in any of several branches.
#[must_use]
pub fn is_in_any(code: &str, prefixes: &[String]) -> bool {
    prefixes.iter().any(|prefix| is_in(code, prefix))
}

/// Whether a disease was diagnosed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Diagnosed<'a> {
    /// Yes: this one.
    As(&'a Diagnosis),
    /// No diagnosis with a code fits.
    No,
    /// What is missing to say so.
    Unknown(Vec<String>),
}

impl Facts {
    /// Whether a diagnosis of the encounter lies in one of the branches. Suspected and excluded
    /// ones prove nothing; one without a code leaves the question open.
    #[must_use]
    pub fn diagnosed(&self, prefixes: &[String]) -> Diagnosed<'_> {
        if self.diagnoses.is_absent() {
            return Diagnosed::Unknown(vec!["diagnoses".to_owned()]);
        }
        let made = self.diagnoses.present().map_or(&[][..], Vec::as_slice);
        let counts = |diagnosis: &&Diagnosis| !diagnosis.suspected && !diagnosis.excluded;
        let fits = |d: &&Diagnosis| d.code.as_deref().is_some_and(|c| is_in_any(c, prefixes));
        if let Some(found) = made.iter().filter(counts).find(fits) {
            return Diagnosed::As(found);
        }
        let uncoded = made.iter().enumerate().filter(|(_, d)| counts(d) && d.code.is_none());
        let missing: Vec<_> =
            uncoded.map(|(position, _)| format!("diagnoses[{position}].dise_codg")).collect();
        if missing.is_empty() { Diagnosed::No } else { Diagnosed::Unknown(missing) }
    }

    /// Whether an operation of one of the branches was done or planned; an error names what is missing.
    /// One without a code leaves the question open.
    pub(crate) fn operated(&self, prefixes: &[String]) -> Result<bool, Vec<String>> {
        if self.surgeries.is_absent() {
            return Err(vec!["surgeries".to_owned()]);
        }
        let done = self.surgeries.present().map_or(&[][..], Vec::as_slice);
        let fits = |it: &Surgery| it.code.as_deref().is_some_and(|code| is_in_any(code, prefixes));
        if done.iter().any(fits) {
            return Ok(true);
        }
        let uncoded = done.iter().enumerate().filter(|(_, surgery)| surgery.code.is_none());
        let missing: Vec<_> =
            uncoded.map(|(at, _)| format!("surgeries[{at}].oprn_oprt_code")).collect();
        if missing.is_empty() { Ok(false) } else { Err(missing) }
    }

    /// The same as [`Facts::diagnosed`], with the lasting diseases and all others of the past when there is no answer now.
    #[must_use]
    pub fn ever_diagnosed(&self, prefixes: &[String]) -> Diagnosed<'_> {
        let now = self.diagnosed(prefixes);
        if matches!(now, Diagnosed::As(_)) {
            return now;
        }
        let past = self.history.present().map_or(&[][..], |history| &history.diagnoses);
        let fits = |d: &&Diagnosis| {
            let is_in = d.code.as_deref().is_some_and(|code| is_in_any(code, prefixes));
            is_in && !d.suspected && !d.excluded
        };
        past.iter().find(fits).map_or(now, Diagnosed::As)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request;

    #[test]
    fn branches() {
        for (code, prefix, expected) in [
            ("I10.x00", "I10", true),
            ("i10", "I10", true),
            ("I10", "I10.x00", false),
            ("K21.001", "K21.0", true),
            ("K29.7", "K21", false),
            ("A540", "A54.0", true),
        ] {
            assert_eq!(is_in(code, prefix), expected, "{code} {prefix}");
        }
    }

    #[test]
    fn suspected_excluded_and_uncoded_diagnoses_prove_nothing() {
        check(r#"{"diagnoses":[{"dise_codg":"K21.001"}]}"#, "K21.001");
        check(r#"{"diagnoses":[{"dise_codg":"K29.7"}]}"#, "no");
        check(r#"{"diagnoses":[]}"#, "no");
        check("{}", "unknown diagnoses");
        check(r#"{"diagnoses":[{"dise_codg":"K21","dise_name":"反流性食管炎？"}]}"#, "no");
        check(r#"{"diagnoses":[{"dise_codg":"K21","dise_name":"除外反流"}]}"#, "no");
        check(r#"{"diagnoses":[{"dise_name":"反流"}]}"#, "unknown diagnoses[0].dise_codg");
    }

    #[test]
    fn an_operation_without_a_code_leaves_it_open() {
        let operated = |text: &str| {
            let facts = request::read(text).unwrap_or_default();
            facts.operated(&["51.2".to_owned()]).map_err(|missing| missing.join(","))
        };
        let open = Err("surgeries[0].oprn_oprt_code".to_owned());
        assert_eq!(operated("{}"), Err("surgeries".to_owned()));
        assert_eq!(operated(r#"{"surgeries":[]}"#), Ok(false));
        assert_eq!(operated(r#"{"surgeries":[{"oprn_oprt_code":"51.2300"}]}"#), Ok(true));
        assert_eq!(operated(r#"{"surgeries":[{"oprn_oprt_code":"47.0"}]}"#), Ok(false));
        assert_eq!(operated(r#"{"surgeries":[{"oprn_oprt_name":"胆囊切除"}]}"#), open);
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let facts = request::read(text).unwrap_or_default();
        let actual = match facts.diagnosed(&["K21".to_owned()]) {
            Diagnosed::As(found) => found.code.clone().unwrap_or_default(),
            Diagnosed::No => "no".to_owned(),
            Diagnosed::Unknown(missing) => format!("unknown {}", missing.join(",")),
        };
        assert_eq!(actual, expected, "{text}");
    }
}
