//! Values that are each good and cannot all be true: a man who is pregnant, an age beside another
//! birth date, a discharge before the admission, a stop before the start, a sum that is not its parts.
//!
//! Nobody can tell which of them is wrong, so none is judged by: they are left out before any rule
//! looks, rules that read them cannot decide, and the answer names the element (C311).

use std::borrow::Cow;

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::facts::{Encounter, Facts, Group, InputFinding, Maternity, Order, Patient, Scene, Sex};
use crate::mask;

/// The code of all of them.
pub(crate) const CONTRADICTION: &str = "C311";

/// The facts without what contradicts itself, and with a finding for each; mostly the facts as they are.
pub(crate) fn left_out(facts: &Facts, on: Date) -> Cow<'_, Facts> {
    let mut found = Vec::new();
    let patient = facts.patient.present().and_then(|it| without(it, on, &mut found));
    let encounter = facts.encounter.present().and_then(|it| of_encounter(it, &mut found));
    // At the settlement a rule of its own looks at the sums, and they are what is judged.
    let is_settled = matches!(facts.scene(), Some(Scene::Settlement | Scene::MonthlyBatch));
    let orders = of_lines("orders", &facts.orders, is_settled, &mut found);
    let fees = of_lines("fees", &facts.fees, is_settled, &mut found);
    if found.is_empty() {
        return Cow::Borrowed(facts);
    }
    let mut facts = facts.clone();
    facts.data_findings.append(&mut found);
    if let Some(patient) = patient {
        facts.patient = Group::Present(patient);
    }
    if let Some(encounter) = encounter {
        facts.encounter = Group::Present(encounter);
    }
    for (group, lines) in [(&mut facts.orders, orders), (&mut facts.fees, fees)] {
        let Group::Present(all) = group else { continue };
        for (at, line) in lines {
            if let Some(place) = all.get_mut(at) {
                *place = line;
            }
        }
    }
    Cow::Owned(facts)
}

fn without(patient: &Patient, on: Date, found: &mut Vec<InputFinding>) -> Option<Patient> {
    let is_expecting =
        matches!(patient.maternity, Some(Maternity::Pregnant | Maternity::Breastfeeding));
    let is_man = patient.sex == Some(Sex::Male) && is_expecting;
    let aged = patient.age.zip(patient.birth).filter(|(age, birth)| age.contradicts(*birth, on));
    if !is_man && aged.is_none() {
        return None;
    }
    let mut kept = patient.clone();
    if is_man {
        (kept.sex, kept.maternity) = (None, None);
        let said = "性别男，妊娠期或哺乳期".to_owned();
        found.push(doubt("patient.matn_stas".to_owned(), said, "核对性别与妊娠哺乳状态"));
    }
    if let Some((age, birth)) = aged {
        (kept.age, kept.birth) = (None, None);
        let said = format!("{age}，出生日期{}", mask::shown("brdy", &birth.to_string()));
        found.push(doubt("patient.age".to_owned(), said, "核对年龄与出生日期"));
    }
    Some(kept)
}

fn of_encounter(encounter: &Encounter, found: &mut Vec<InputFinding>) -> Option<Encounter> {
    let (began, ended) = encounter.began.zip(encounter.ended)?;
    if ended.date() >= began.date() {
        return None;
    }
    let said = format!("入院{}，出院{}", began.date(), ended.date());
    found.push(doubt("encounter.dscg_date".to_owned(), said, "核对入院与出院时间"));
    Some(Encounter { began: None, ended: None, ..encounter.clone() })
}

/// The lines that say something contradictory, by their places, without it.
fn of_lines(
    list: &str,
    group: &Group<Vec<Order>>,
    is_settled: bool,
    found: &mut Vec<InputFinding>,
) -> Vec<(usize, Order)> {
    let lines = group.present().map_or(&[][..], Vec::as_slice);
    let mut changed = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.voided) {
        let path = |element| format!("{list}[{}].{element}", line.rx_id);
        let before = found.len();
        let stops = stops_before_it_begins(line);
        let sums = if is_settled { None } else { wrong_sum(line) };
        if let Some(said) = &stops {
            let expected = "核对开始与停止时间";
            found.push(doubt(path("drord_stop_date"), said.clone(), expected));
        }
        if let Some(said) = &sums {
            found.push(doubt(path("sumamt"), said.clone(), "核对单价、数量与金额"));
        }
        if found.len() > before {
            let mut line = line.clone();
            line.stops = line.stops.filter(|_| stops.is_none());
            line.amount = line.amount.filter(|_| sums.is_none());
            line.price = line.price.filter(|_| sums.is_none());
            changed.push((at, line));
        }
    }
    changed
}

fn stops_before_it_begins(line: &Order) -> Option<String> {
    let (begins, stops) = (line.begins?.date(), line.stops?.date());
    (stops < begins).then(|| format!("开始{begins}，停止{stops}"))
}

/// The quantity of slices may be that of one dose. A price of a package beside a count of pieces is
/// what is found most often: the quantity stays, since it is what days are counted by.
fn wrong_sum(line: &Order) -> Option<String> {
    let (price, quantity, amount) = (line.price?, line.quantity?, line.amount?);
    let is_sum = |due: Decimal| {
        let off = due.saturating_sub(amount).abs();
        off <= CENTS_OFF_MAX || off.checked_mul(PARTS_OFF).is_some_and(|off| off <= amount.abs())
    };
    let due = price.checked_mul(quantity)?;
    let of_doses = || due.checked_mul(line.doses?);
    let is_good = is_sum(due) || of_doses().is_some_and(is_sum);
    (!is_good).then(|| {
        let [price, quantity, amount] = [price, quantity, amount].map(|it| it.normalize());
        format!("单价{price}×数量{quantity}≠金额{amount}")
    })
}

fn doubt(path: String, found: String, expected: &str) -> InputFinding {
    InputFinding { code: CONTRADICTION, path, found, expected: expected.to_owned() }
}

/// What rounding of prices makes, 0.05 yuan, or one part in a hundred.
const CENTS_OFF_MAX: Decimal = Decimal::from_parts(5, 0, 0, false, 2);
const PARTS_OFF: Decimal = Decimal::from_parts(100, 0, 0, false, 0);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::families::bench::NOW;
    use crate::request;

    #[test]
    fn a_man_is_not_pregnant() {
        check(
            r#"{"patient":{"gend":"1","matn_stas":"3"}}"#,
            "patient.matn_stas 性别男，妊娠期或哺乳期",
        );
        check(r#"{"patient":{"gend":"1","matn_stas":"1"}}"#, "");
        check(r#"{"patient":{"gend":"2","matn_stas":"3"}}"#, "");
        let facts = request::read(r#"{"patient":{"gend":"1","matn_stas":"4"}}"#).unwrap();
        let believed = left_out(&facts, "2026-05-15".parse().unwrap());
        assert_eq!(believed.patient.present().unwrap(), &Patient::default());
    }

    #[test]
    fn an_age_and_a_birth_date_agree_but_for_how_people_count() {
        let sent = |age, birth| format!(r#"{{"patient":{{"age":"{age}","brdy":"{birth}"}}}}"#);
        check(&sent("7岁", "19680315"), "patient.age 7岁，出生日期1***5");
        check(&sent("58岁", "19680315"), "");
        // Counted from one at birth, and a year more at the new year.
        check(&sent("60岁", "19680315"), "");
        check(&sent("61岁", "19680315"), "patient.age 61岁，出生日期1***5");
        check(&sent("20天", "20260424"), "");
        check(&sent("20天", "20251201"), "patient.age 20天，出生日期2***1");
        check(&sent("7岁", "20300101"), "");
    }

    #[test]
    fn nobody_leaves_before_coming() {
        let sent =
            |from, to| format!(r#"{{"encounter":{{"adm_date":"{from}","dscg_date":"{to}"}}}}"#);
        check(&sent("20260510", "20260509"), "encounter.dscg_date 入院2026-05-10，出院2026-05-09");
        check(&sent("20260510093000", "20260510"), "");
    }

    #[test]
    fn no_order_stops_before_it_begins() {
        let sent = |stop| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"A","drord_begn_date":"20260515092500","drord_stop_date":"{stop}"}}]}}"#
            )
        };
        let told = "orders[1].drord_stop_date 开始2026-05-15，停止2026-05-14";
        check(&sent("20260514"), told);
        check(&sent("20260515"), "");
    }

    #[test]
    fn a_sum_is_that_of_its_parts() {
        let sent = |list: &str, line: &str, scene: &str| {
            format!(
                r#"{{"scene":"{scene}","{list}":[{{"rx_id":"1","hosplist_code":"A","fee_ocur_time":"20260515",{line}}}]}}"#
            )
        };
        let wrong = r#""pric":"20","cnt":"2","sumamt":"400""#;
        let told = "orders[1].sumamt 单价20×数量2≠金额400";
        check(&sent("orders", wrong, "outpatient"), told);
        check(&sent("fees", wrong, "daily_batch"), &told.replace("orders", "fees"));
        check(&sent("fees", wrong, "settlement"), "");
        check(&sent("orders", r#""pric":"3.333","cnt":"3","sumamt":"10""#, "outpatient"), "");
        let slices = r#""pric":"0.5","cnt":"10","tcmdrug_dose_cnt":"7","sumamt":"35""#;
        check(&sent("orders", slices, "outpatient"), "");
    }

    /// The elements that are not believed, and what was found.
    #[track_caller]
    fn check(request: &str, expected: &str) {
        let facts = request::read(request).unwrap();
        let now: jiff::civil::DateTime = NOW.parse().unwrap();
        let believed = left_out(&facts, now.date());
        let told = believed.data_findings.iter().filter(|it| it.code == CONTRADICTION);
        let told: Vec<_> = told.map(|it| format!("{} {}", it.path, it.found)).collect();
        assert_eq!(told.join(", "), expected, "{request}");
        assert_eq!(left_out(&believed, now.date()), believed, "left out is left out");
    }
}
