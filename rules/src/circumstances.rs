//! What a finding was answered for in view of: how its lines are taken, the diagnoses, the patient.
//!
//! A finding keeps its id while it is the same finding, and a doctor who answered for it is not asked
//! again. But who goes on with 20 mg a day has not gone on with 40 mg twice a day, nor with a kidney
//! that failed since: when any of these is told otherwise, the finding is shown once more. What a later
//! caller does not tell has not changed; the national interface tells no dose at all.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::facts::{Allergy, Diagnosis, Facts, Order, Patient};
use crate::finding_id::FindingId;
use crate::verdict::Finding;

/// One word for each circumstance that was told: which one, of which line, and below what was told.
#[must_use]
pub fn of(facts: &Facts, finding: &Finding) -> Vec<u64> {
    let is_its = |it: &&Order| finding.lines.iter().any(|line| line.rx_id == it.rx_id);
    let orders = facts.orders.present().map_or(&[][..], Vec::as_slice);
    let lines: Vec<&Order> = orders.iter().filter(is_its).collect();
    let mut told = Told::default();
    for line in lines {
        told.line = hash([line.rx_id.as_str()]);
        for (what, say) in OF_A_LINE {
            told.one(what, say(line));
        }
    }
    told.line = 0;
    if !facts.diagnoses.is_absent() {
        let made = facts.diagnoses.present().into_iter().flatten();
        told.list(What::Diagnoses, made.map(diagnosis));
    }
    if !facts.allergies.is_absent() {
        let known = facts.allergies.present().into_iter().flatten();
        told.list(What::Allergies, known.map(allergy));
    }
    if let Some(patient) = facts.patient.present() {
        for (what, say) in OF_THE_PATIENT {
            told.one(what, say(patient));
        }
        told.amount(What::Weight, patient.weight_kg);
        told.amount(What::Height, patient.height_cm);
    }
    told.words
}

/// Whether anything is told otherwise than when the finding was answered for, or for the first time.
#[must_use]
pub fn differ(now: &[u64], then: &[u64]) -> bool {
    now.iter().any(|it| !then.iter().any(|then| is_same(*it, *then)))
}

fn is_same(now: u64, then: u64) -> bool {
    let (is_of_same, now_told, then_told) = (now >> 32 == then >> 32, now & LOWER, then & LOWER);
    let is_amount = [What::Weight, What::Height].iter().any(|it| *it as u64 == now >> 56);
    let is_near = || now_told.abs_diff(then_told) * 100 <= then_told * PER_CENT_MAX;
    is_of_same && (now_told == then_told || is_amount && is_near())
}

/// The lower half of a word.
const LOWER: u64 = 0xffff_ffff;
/// Patients on a ward are weighed daily: a tenth more or less calls for no other dose.
const PER_CENT_MAX: u64 = 10;

/// The numbers stand in the log; one that is not used any more is not given to another.
#[derive(Clone, Copy)]
enum What {
    Dose = 1,
    Frequency = 2,
    Route = 3,
    Days = 4,
    Quantity = 5,
    Rate = 6,
    Diagnoses = 7,
    Allergies = 8,
    Sex = 9,
    Birth = 10,
    Maternity = 11,
    Pregnancy = 12,
    Weight = 13,
    Height = 14,
}

type Say<T> = fn(&T) -> Option<String>;

const OF_A_LINE: [(What, Say<Order>); 6] = [
    (What::Dose, |it| {
        let dose = it.single_dose.map(|dose| dose.normalize());
        let first = it.first_dose.map(|dose| dose.normalize());
        let largest = it.largest_dose.map(|dose| format!(" {}", dose.normalize()));
        let largest = largest.unwrap_or_default();
        dose.map(|dose| format!("{dose} {:?} {first:?}{largest}", it.dose_unit))
    }),
    (What::Frequency, |it| {
        let most = it.times_per_day_max.map(|times| times.normalize());
        it.frequency.map(|frequency| format!("{frequency:?} {most:?}"))
    }),
    (What::Route, |it| {
        let is_told = it.route.is_some() || it.route_text.is_some();
        is_told.then(|| format!("{:?} {:?}", it.route, it.route_text))
    }),
    (What::Days, |it| it.days.map(|days| days.normalize().to_string())),
    (What::Quantity, |it| {
        it.quantity.map(|quantity| format!("{} {:?}", quantity.normalize(), it.quantity_unit))
    }),
    (What::Rate, |it| {
        let rates = [it.drops_per_minute, it.ml_per_hour, it.minutes];
        let rates = rates.map(|rate| rate.map(|rate| rate.normalize()));
        rates.iter().any(Option::is_some).then(|| format!("{rates:?}"))
    }),
];

const OF_THE_PATIENT: [(What, Say<Patient>); 4] = [
    (What::Sex, |it| it.sex.map(|sex| format!("{sex:?}"))),
    // Of an age alone a birthday would make another one.
    (What::Birth, |it| it.birth.map(|birth| birth.to_string())),
    (What::Maternity, |it| it.maternity.map(|maternity| format!("{maternity:?}"))),
    // The weeks go by of themselves; these days are corrected or told anew.
    (What::Pregnancy, |it| {
        let days = [it.last_menses, it.delivered];
        days.iter().any(Option::is_some).then(|| format!("{days:?}"))
    }),
];

fn diagnosis(it: &Diagnosis) -> String {
    let disease = it.code.as_deref().or(it.name.as_deref()).unwrap_or_default();
    format!("{disease} {} {}", it.suspected, it.excluded)
}

fn allergy(it: &Allergy) -> String {
    let allergen = it.code.as_deref().or(it.text.as_deref()).unwrap_or_default();
    format!("{allergen} {:?}", it.severity)
}

#[derive(Default)]
struct Told {
    words: Vec<u64>,
    /// The line that is told of, hashed; zero for the patient.
    line: u64,
}

impl Told {
    fn one(&mut self, what: What, told: Option<String>) {
        if let Some(told) = told {
            self.word(what, hash([told.as_str()]));
        }
    }

    /// In whatever order it was sent; that there is none is told too.
    fn list(&mut self, what: What, parts: impl Iterator<Item = String>) {
        let mut parts: Vec<String> = parts.collect();
        parts.sort_unstable();
        parts.dedup();
        self.word(what, hash(parts.iter().map(String::as_str)));
    }

    /// In thousandths.
    fn amount(&mut self, what: What, amount: Option<Decimal>) {
        let thousandths = amount.and_then(|it| it.checked_mul(Decimal::ONE_THOUSAND)?.to_u32());
        if let Some(thousandths) = thousandths {
            self.word(what, u64::from(thousandths));
        }
    }

    fn word(&mut self, what: What, told: u64) {
        let of_line = (self.line & OF_LINE) << 32;
        self.words.push(((what as u64) << 56) | of_line | (told & LOWER));
    }
}

/// So much of a line's hash tells it from the other lines of its finding.
const OF_LINE: u64 = 0xff_ffff;

fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hash = FindingId::new();
    parts.into_iter().for_each(|part| hash.add(part));
    hash.number() ^ (hash.number() >> 32)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::{RuleSet, evaluate, request};

    /// 克拉霉素 with 辛伐他汀, and nothing changed but what stands beside it.
    #[test]
    fn what_is_told_otherwise_is_no_longer_answered_for() {
        check("drug_used_sdose", r#""20""#, r#""40""#, "shown");
        check("drug_used_dosunt", r#""mg""#, r#""g""#, "shown");
        check("drug_used_frqu", r#""QN""#, r#""BID""#, "shown");
        check("drug_used_way_name", r#""口服""#, r#""舌下含服""#, "shown");
        check("medc_days", r#""7""#, r#""14""#, "shown");
        check("cnt", r#""1""#, r#""2""#, "shown");
        check("dise_codg", r#""E78.5""#, r#""N18.5""#, "shown");
        check("wt", r#""60""#, r#""40""#, "shown");
        check("gend", r#""2""#, r#""1""#, "shown");
        check("brdy", r#""19680315""#, r#""19380315""#, "shown");
        check("matn_stas", r#""0""#, r#""1""#, "shown");
        check("algs", r#""花粉""#, r#""青霉素""#, "shown");
    }

    #[test]
    fn what_is_the_same_is_not_asked_about_again() {
        check("rx_id", r#""A""#, r#""A""#, "hidden");
        // Weighed again, and written in another manner.
        check("wt", r#""60""#, r#""57""#, "hidden");
        check("drug_used_sdose", r#""20""#, r#""20.0""#, "hidden");
        check("drug_used_frqu", r#""QN""#, r#""每晚一次""#, "hidden");
        // Who tells less says nothing else.
        for name in ["drug_used_sdose", "drug_used_frqu", "wt", "matn_stas", "medc_days"] {
            check(name, "", "null", "hidden");
        }
    }

    #[test]
    fn what_was_not_known_then_is_shown() {
        assert!(differ(&[1 << 32], &[]) && !differ(&[], &[1 << 32]));
    }

    const ASKED: &str = r#"{"patient":{"patn_id":"P1","gend":"2","brdy":"19680315","wt":"60","matn_stas":"0"},
        "encounter":{"mdtrt_id":"M1","med_mdtrt_type":"1"},
        "diagnoses":[{"dise_codg":"E78.5"}],"allergies":[{"algs":"花粉"}],
        "orders":[{"rx_id":"A","hosplist_name":"辛伐他汀片","drug_ingd":["辛伐他汀"],"drug_used_sdose":"20","drug_used_dosunt":"mg",
            "drug_used_frqu":"QN","drug_used_way_name":"口服","medc_days":"7","cnt":"1"},
          {"rx_id":"B","hosplist_name":"克拉霉素片","drug_ingd":["克拉霉素"],"drug_used_sdose":"500","drug_used_dosunt":"mg","drug_used_frqu":"BID"}]}"#;

    #[track_caller]
    fn check(name: &str, was: &str, is: &str, expected: &str) {
        let at = ASKED.find(&format!("\"{name}\":")).unwrap();
        let (before, rest) = ASKED.split_at(at + name.len() + 3);
        let end = rest.find([',', '}', ']']).unwrap();
        assert!(rest.starts_with(was), "{rest}");
        let changed = format!("{before}{is}{}", &rest[end..]);
        let (then, now) = (told(ASKED), told(&changed));
        let actual = if differ(&now, &then) { "shown" } else { "hidden" };
        assert_eq!(actual, expected, "{name} {is}");
    }

    /// The finding's id, which has to stay, and its circumstances.
    fn told(text: &str) -> Vec<u64> {
        let facts = request::read(text).unwrap_or_else(|it| panic!("{it:?}"));
        let now = "2026-11-22T09:00:00".parse().unwrap();
        let verdict = evaluate(&RuleSet::shipped().unwrap(), &facts, now);
        let found = verdict.findings.iter().find(|it| it.rule_id == "interaction").unwrap();
        of(&facts, found)
    }
}
