//! Two verdicts about one message, compared record by record and element by element.

use std::collections::{BTreeMap, VecDeque};

use schemas::{Finding, mask};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::envelope::Draft;
use crate::pipeline::Verdict;

/// A verdict as far as it is compared. Which set made it, and when, is no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It became these records.
    Accepted(Vec<Made>),
    /// It was refused, for these reasons: code and element.
    Refused(Vec<(String, String)>),
    /// It waits for a code to be mapped.
    Parked,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    entity: String,
    key: String,
    /// By element, as JSON text; what is compared besides them stands in brackets.
    values: BTreeMap<String, String>,
}

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Nothing differs.
    None,
    /// Both take the message, or let it wait, and here they differ.
    Fields(Vec<Field>),
    /// Only the new set refuses it, for these reasons.
    RefusedByNew(Vec<(String, String)>),
    /// Only the old set refuses it, for these reasons.
    RefusedByOld(Vec<(String, String)>),
    /// Both refuse it, whatever for.
    RefusedByBoth,
}

/// One place where two records differ, or where there is only one. Values are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The kind of record.
    pub entity: String,
    /// The element; `[record]` when one side has no such record, `[lane]`, `[findings]`.
    pub element: String,
    /// What the old set says; none: nothing.
    pub old: Option<String>,
    /// What the new set says; none: nothing.
    pub new: Option<String>,
}

impl Judged {
    /// What of a verdict is compared.
    pub fn of(verdict: &Verdict) -> Judged {
        if let Verdict::Accept(accepted) = verdict {
            let warnings = accepted.warnings.iter().map(Vec::as_slice);
            let warnings = warnings.chain(std::iter::repeat(&[][..]));
            let records = accepted.drafts.iter().zip(warnings);
            Judged::Accepted(records.map(|(draft, warnings)| Made::of(draft, warnings)).collect())
        } else if let Verdict::Refuse(refusal) = verdict {
            let mut reasons: Vec<_> = refusal.findings.iter().map(reason).collect();
            if reasons.is_empty() {
                reasons.push((refusal.code.to_owned(), String::new()));
            }
            reasons.sort();
            reasons.dedup(); // a hundred lines of one message may have one fault
            Judged::Refused(reasons)
        } else {
            Judged::Parked
        }
    }
}

fn reason(finding: &Finding) -> (String, String) {
    (finding.code.to_owned(), finding.element.clone())
}

impl Made {
    fn of(draft: &Draft, warnings: &[Finding]) -> Made {
        #[derive(Deserialize)]
        struct Record<'a> {
            #[serde(borrow)]
            elements: BTreeMap<String, &'a RawValue>,
        }
        let text = format!("{{{}}}", draft.tail);
        let record: Option<Record<'_>> = serde_json::from_str(&text).ok();
        let elements = record.map(|it| it.elements).unwrap_or_default();
        let mut values: BTreeMap<String, String> =
            elements.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect();
        values.insert("[lane]".to_owned(), draft.lane.clone());
        if !warnings.is_empty() {
            let told = warnings.iter().map(|it| format!("{} {}", it.code, it.element));
            values.insert("[findings]".to_owned(), told.collect::<Vec<_>>().join(", "));
        }
        Made { entity: draft.entity.clone(), key: draft.key.clone(), values }
    }
}

/// Where the new verdict differs from the old one.
pub fn compare(old: &Judged, new: &Judged) -> Difference {
    match (old, new) {
        (Judged::Refused(_), Judged::Refused(_)) => Difference::RefusedByBoth,
        (_, Judged::Refused(reasons)) => Difference::RefusedByNew(reasons.clone()),
        (Judged::Refused(reasons), _) => Difference::RefusedByOld(reasons.clone()),
        (Judged::Parked, Judged::Parked) => Difference::None,
        (Judged::Accepted(old), Judged::Accepted(new)) => {
            let fields = records(old, new);
            if fields.is_empty() { Difference::None } else { Difference::Fields(fields) }
        }
        (Judged::Parked, Judged::Accepted(_)) => {
            Difference::Fields(vec![waits("parked", "accepted")])
        }
        (Judged::Accepted(_), Judged::Parked) => {
            Difference::Fields(vec![waits("accepted", "parked")])
        }
    }
}

fn waits(old: &str, new: &str) -> Field {
    let (entity, element) = (String::new(), "[status]".to_owned());
    Field { entity, element, old: Some(old.to_owned()), new: Some(new.to_owned()) }
}

/// Records belong together by entity and key; of several with one key, the first to the first.
fn records(old: &[Made], new: &[Made]) -> Vec<Field> {
    let mut left: BTreeMap<(&str, &str), VecDeque<&Made>> = BTreeMap::new();
    for made in new {
        left.entry((&made.entity, &made.key)).or_default().push_back(made);
    }
    let mut fields = Vec::new();
    for made in old {
        let other = left.get_mut(&(made.entity.as_str(), made.key.as_str()));
        match other.and_then(VecDeque::pop_front) {
            Some(other) => values(made, other, &mut fields),
            None => fields.push(alone(made, true)),
        }
    }
    fields.extend(left.into_values().flatten().map(|it| alone(it, false)));
    fields
}

fn values(old: &Made, new: &Made, fields: &mut Vec<Field>) {
    let mut names: Vec<&String> = old.values.keys().chain(new.values.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let (before, after) = (old.values.get(name), new.values.get(name));
        if before != after {
            let shown = |it: Option<&String>| it.map(|text| shown(name, text));
            let (entity, element) = (old.entity.clone(), name.clone());
            fields.push(Field { entity, element, old: shown(before), new: shown(after) });
        }
    }
}

/// A key may name a person's card or number; that there is such a record is enough to tell.
fn alone(made: &Made, is_old: bool) -> Field {
    let there = Some(format!("{} elements", made.values.len()));
    let (old, new) = if is_old { (there, None) } else { (None, there) };
    Field { entity: made.entity.clone(), element: RECORD.to_owned(), old, new }
}

/// As a finding would show it. What holds records of its own is not shown at all.
fn shown(element: &str, json: &str) -> String {
    if json.starts_with('[') {
        return "[...]".to_owned();
    }
    let text: Option<String> = serde_json::from_str(json).ok();
    mask::shown(element, text.as_deref().unwrap_or(json))
}

/// Stands for a record that only one side has.
pub(super) const RECORD: &str = "[record]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_matched_by_key_and_values_by_element() {
        check("a k1 x=1;a k2 x=2", "a k2 x=2;a k1 x=1", "none");
        check("a k1 x=1", "a k1 x=1.0", "a x: 1 -> 1.0");
        check("a k1 x=1", "a k1 y=1", "a x: 1 -> -, a y: - -> 1");
        check("a k1 x=1", "b k1 x=1", "a [record]: 1 elements -> -, b [record]: - -> 1 elements");
        check("a k1 x=1;a k1 x=2", "a k1 x=1;a k1 x=3", "a x: 2 -> 3");
        check("a k1 x=1;a k1 x=1", "a k1 x=1", "a [record]: 1 elements -> -");
    }

    #[test]
    fn persons_are_masked_and_records_within_records_not_shown() {
        check("a k psn_name=\"李建国\"", "a k psn_name=\"李建\"", "a psn_name: 李***国 -> 李*");
        check("a k list=[1]", "a k list=[2]", "a list: [...] -> [...]");
    }

    #[test]
    fn refusals_are_told_apart() {
        check("!V101", "a k x=1", "refused by old: V101");
        check("a k x=1", "!M203", "refused by new: M203");
        check("!V101", "!M203", "refused by both");
        check("?", "?", "none");
        check("?", "a k x=1", " [status]: parked -> accepted");
    }

    #[track_caller]
    fn check(old: &str, new: &str, expected: &str) {
        let told = |it: &[(String, String)]| {
            it.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>().join(" ")
        };
        let actual = match compare(&judged(old), &judged(new)) {
            Difference::None => "none".to_owned(),
            Difference::RefusedByBoth => "refused by both".to_owned(),
            Difference::RefusedByNew(it) => format!("refused by new: {}", told(&it)),
            Difference::RefusedByOld(it) => format!("refused by old: {}", told(&it)),
            Difference::Fields(fields) => {
                let side = |it: &Option<String>| it.clone().unwrap_or_else(|| "-".to_owned());
                let line = |it: &Field| {
                    format!("{} {}: {} -> {}", it.entity, it.element, side(&it.old), side(&it.new))
                };
                fields.iter().map(line).collect::<Vec<_>>().join(", ")
            }
        };
        assert_eq!(actual, expected);
    }

    fn judged(text: &str) -> Judged {
        if text == "?" {
            return Judged::Parked;
        }
        if let Some(code) = text.strip_prefix('!') {
            return Judged::Refused(vec![(code.to_owned(), String::new())]);
        }
        let made = |it: &str| {
            let mut words = it.split(' ');
            let mut word = || words.next().unwrap_or_default().to_owned();
            let (entity, key) = (word(), word());
            let value = |it: &str| {
                it.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
            };
            Made { entity, key, values: words.filter_map(value).collect() }
        };
        Judged::Accepted(text.split(';').map(made).collect())
    }
}
