//! `[[query]]`: what another system may read of the records that are kept, without a line of code.

use super::callers::prove_named;
use super::section::{Complaints, Section};
use crate::callers::Caller;

/// `[[query]]`
#[derive(Clone, Debug)]
pub struct QueryConfig {
    /// How callers and the log name it.
    pub name: String,
    /// Who may ask it.
    pub callers: Vec<String>,
    /// The entity that is read.
    pub entity: String,
    /// The elements that are told.
    pub elements: Vec<String>,
    /// Of these, those that identify a person and are told in clear all the same.
    pub unmasked: Vec<String>,
    /// The elements by which a patient is asked for.
    pub patient_by: Vec<String>,
    /// Records of one page.
    pub rows_max: usize,
}

pub(super) fn queries(
    root: &mut Section<'_, '_>,
    known: &[Caller],
    to: &mut Complaints<'_>,
) -> Vec<QueryConfig> {
    let mut queries: Vec<QueryConfig> = Vec::new();
    for mut section in root.sections("query", to) {
        let by = section.gives("patient_by").then(|| section.texts("patient_by", to));
        let query = QueryConfig {
            name: section.required("name", to),
            callers: section.texts("callers", to),
            entity: section.required("entity", to),
            elements: section.texts("elements", to),
            unmasked: section.texts("unmasked", to),
            patient_by: by.unwrap_or_else(|| PATIENT_BY.map(str::to_owned).to_vec()),
            rows_max: section.size("rows_max", 100, 1..=1_000, to),
        };
        prove(&query, &section, to);
        prove_named(&query.callers, known, &section, to);
        prove_unbounded(&query.callers, known, &section, to);
        if queries.iter().any(|it| it.name == query.name) {
            let message = format!("there is another query `{}`", query.name);
            to.error("A008", section.offset_of("name"), message);
        }
        section.finish(to);
        queries.push(query);
    }
    queries
}

/// Who asks and what is told is never left to a default.
fn prove(query: &QueryConfig, section: &Section<'_, '_>, to: &mut Complaints<'_>) {
    for (key, given) in [("callers", &query.callers), ("elements", &query.elements)] {
        if given.is_empty() {
            to.error("A005", section.offset_of(key), format!("[query] needs `{key}`"));
        }
    }
    for name in query.unmasked.iter().filter(|it| !query.elements.contains(it)) {
        let message = format!("`unmasked` has `{name}`, which `elements` has not");
        to.error("A004", section.offset_of("unmasked"), message);
    }
}

/// A query tells of all departments: who may hear of some only must not read it.
fn prove_unbounded(
    callers: &[String],
    known: &[Caller],
    section: &Section<'_, '_>,
    to: &mut Complaints<'_>,
) {
    let bounded = known.iter().filter(|it| !it.departments.is_empty());
    for it in bounded.filter(|it| callers.contains(&it.name)) {
        let message = format!(
            "`callers` names `{}`, which has `departments`: a query tells of all of them; \
             give this program a [[caller]] of its own",
            it.name
        );
        to.error("A004", section.offset_of("callers"), message);
    }
}

/// What a patient is known by; each is compared where a record has it.
const PATIENT_BY: [&str; 4] = ["psn_no", "certno", "patn_id", "medcasno"];

#[cfg(test)]
mod tests {
    use crate::config::proving::told_of;

    #[test]
    fn who_asks_and_what_is_told_is_said() {
        let whole = "name = \"q\"\nentity = \"outpatient_prescription\"\ncallers = [\"emr\"]\nelements = [\"rxno\"]";
        check(whole, "");
        check(&whole.replace("callers = [\"emr\"]", ""), "error[A005]: [query] needs `callers`");
        check(&whole.replace("[\"rxno\"]", "[]"), "error[A005]: [query] needs `elements`");
        check(
            &whole.replace("[\"emr\"]", "[\"emt\"]"),
            "no [[caller]] has that name; did you mean `emr`?",
        );
        check(
            &format!("{whole}\nunmasked = [\"psn_no\"]"),
            "`unmasked` has `psn_no`, which `elements` has not",
        );
    }

    #[test]
    fn who_hears_of_some_departments_reads_no_records() {
        told_of(
            "[[caller]]\nname = \"ward\"\naddresses = [\"::1\"]\ndepartments = [\"0301\"]\n[[query]]\nname = \"q\"\n\
             entity = \"outpatient_prescription\"\ncallers = [\"ward\"]\nelements = [\"rxno\"]",
            "error[A004]: `callers` names `ward`, which has `departments`",
        );
    }

    #[track_caller]
    fn check(lines: &str, expected: &str) {
        told_of(
            &format!("[[caller]]\nname = \"emr\"\naddresses = [\"::1\"]\n[[query]]\n{lines}"),
            expected,
        );
    }
}
