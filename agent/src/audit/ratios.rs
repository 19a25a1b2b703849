//! F21: what part of the fees drugs and consumables are, and how many patients come back within 31 days,
//! by hospital, department and doctor. A monthly report; nobody is accused by it.
//!
//! Counted are the stays that ended in the month, under the department and the doctor who are responsible
//! for them. A ratio of fewer than 30 stays says nothing and is not given. A department is put beside the
//! median of all departments that have one.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use rules::RuleSet;
use rules::facts::{Facts, Order, VisitKind};
use rules::session::ItemKind;
use rust_decimal::{Decimal, RoundingStrategy};

use super::table::{Cell, Table};
use super::walk::{self, Met, Over, before_stays, end_of, month_of};
use super::{Audit, NotRun};
use crate::clock;
use crate::history::{History, Kind};

/// The report of the month that a day is in. Blocks.
pub(super) fn report(
    (audit, history): (&Audit, &History),
    rules: &RuleSet,
    (hospital, month): (&str, Date),
) -> Result<Table, NotRun> {
    let (first, last) = month_of(month);
    let today = clock::now().date();
    // With what came since: a patient who comes back comes later.
    let over = Over { kind: Kind::Stay, from: before_stays(first), until: end_of(today) };
    let mut counts = Counts::default();
    walk::walk((audit, history), over, |met| {
        let ended = met.span().1.filter(|it| (first..=last).contains(it));
        if let Some(ended) = ended.filter(|_| met.visit() == Some(VisitKind::Inpatient)) {
            counts.add(hospital, &met, &Stay::of(rules, &met.told.facts, ended));
        }
        Ok(())
    })?;
    let mut table = counts.table(month);
    let counted_to = last.checked_add(READMITTED_DAYS.days()).unwrap_or(last);
    if counted_to > today {
        table
            .notes
            .push(format!("再入院统计到 {today}，出院后未满 {READMITTED_DAYS} 天的还会增加"));
    }
    if history.since().is_none_or(|since| since > first) {
        table.notes.push("患者既往从月中才完整，本月数字不全".to_owned());
    }
    Ok(table)
}

/// What one stay adds.
#[derive(Default)]
struct Stay {
    amount: Decimal,
    drugs: Decimal,
    consumables: Decimal,
    /// Charges whose kind nobody knows.
    unknown: Decimal,
    came_back: bool,
}

impl Stay {
    fn of(rules: &RuleSet, facts: &Facts, ended: Date) -> Stay {
        let mut stay = Stay { came_back: came_back(facts, ended), ..Stay::default() };
        for line in facts.fees.present().into_iter().flatten() {
            let amount = line.amount.unwrap_or_default();
            stay.amount += amount;
            match kind(rules, line) {
                Some(kind) if kind.is_drug() => stay.drugs += amount,
                Some(ItemKind::Consumable) => stay.consumables += amount,
                Some(_) => {}
                None => stay.unknown += amount,
            }
        }
        stay
    }
}

/// By the national code, as charged or as the drug table has it; what is in that table is a drug.
fn kind(rules: &RuleSet, line: &Order) -> Option<ItemKind> {
    let product = rules.drugs().find(line);
    let code = line.national_code.as_deref();
    let code = code.or_else(|| product.and_then(|it| it.national_code.as_deref()));
    code.and_then(ItemKind::of).or(product.map(|_| ItemKind::Western))
}

/// A stay that was planned as one of a course is no coming back.
fn came_back(facts: &Facts, ended: Date) -> bool {
    let stays = facts.history.present().into_iter().flat_map(|it| &it.stays);
    let unplanned = stays
        .filter(|it| it.visit == Some(VisitKind::Inpatient) && it.planned_course != Some(true));
    unplanned.filter_map(|it| it.began).any(|began| {
        let days = began.date().since(ended).map_or(-1, |it| it.get_days());
        (0..=READMITTED_DAYS).contains(&days)
    })
}

#[derive(Default)]
struct Counts(BTreeMap<(Level, String), Count>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Hospital,
    Department,
    Doctor,
}

#[derive(Default)]
struct Count {
    stays: u64,
    sum: Stay,
    came_back: u64,
}

impl Counts {
    fn add(&mut self, hospital: &str, met: &Met, stay: &Stay) {
        let encounter = met.told.facts.encounter.present();
        let department = encounter.and_then(|it| it.department_code.clone());
        let keys = [
            (Level::Hospital, Some(hospital.to_owned())),
            (Level::Department, department),
            (Level::Doctor, met.told.care.doctor_code.clone()),
        ];
        for (level, key) in keys {
            let count = self.0.entry((level, key.unwrap_or_default())).or_default();
            count.stays += 1;
            count.came_back += u64::from(stay.came_back);
            count.sum.amount += stay.amount;
            count.sum.drugs += stay.drugs;
            count.sum.consumables += stay.consumables;
            count.sum.unknown += stay.unknown;
        }
    }

    fn table(&self, month: Date) -> Table {
        let columns = [
            "维度",
            "代码",
            "出院人次",
            "总费用",
            "药品费用",
            "药占比%",
            "药占比中位数%",
            "耗材费用",
            "耗占比%",
            "耗占比中位数%",
            "未分类费用",
            "31天内再入院",
            "再入院率%",
            "说明",
        ];
        let medians =
            [Level::Hospital, Level::Department, Level::Doctor].map(|it| self.medians(it));
        let rows = self.0.iter().map(|((level, key), count)| {
            let place = *level as usize;
            row(*level, key, count, medians.get(place).copied().unwrap_or_default())
        });
        let title = format!("占比与再入院 {}", month.strftime("%Y-%m"));
        let mut table = Table::new(&title, &columns, rows.collect());
        table.notes.push(format!("不足 {STAYS_MIN} 例的不出比例；费用为记账金额，退费已冲减"));
        table
    }

    /// Of drugs and of consumables.
    fn medians(&self, level: Level) -> [Option<Decimal>; 2] {
        let counts = || self.0.iter().filter(|((it, _), _)| *it == level).map(|(_, it)| it);
        [
            median(counts().filter_map(|it| it.percent(it.sum.drugs)).collect()),
            median(counts().filter_map(|it| it.percent(it.sum.consumables)).collect()),
        ]
    }
}

impl Count {
    /// Of all charges; `None` when there are too few stays to say.
    fn percent(&self, part: Decimal) -> Option<Decimal> {
        (self.stays >= STAYS_MIN).then_some(())?;
        percent(part, self.sum.amount)
    }
}

fn percent(part: Decimal, whole: Decimal) -> Option<Decimal> {
    let ratio = part.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(whole)?;
    Some(ratio.round_dp_with_strategy(1, RoundingStrategy::MidpointAwayFromZero))
}

fn median(mut all: Vec<Decimal>) -> Option<Decimal> {
    all.sort_unstable();
    let upper = all.get(all.len() / 2).copied()?;
    let lower = all.get(all.len().checked_sub(1)? / 2).copied()?;
    let half = (upper + lower).checked_div(Decimal::TWO)?;
    Some(half.round_dp_with_strategy(1, RoundingStrategy::MidpointAwayFromZero))
}

fn row(
    level: Level,
    key: &str,
    count: &Count,
    [drugs, consumables]: [Option<Decimal>; 2],
) -> Vec<Cell> {
    let level = match level {
        Level::Hospital => "医院",
        Level::Department => "科室",
        Level::Doctor => "医师",
    };
    let optional = |it: Option<Decimal>| it.map_or_else(Cell::empty, Cell::number);
    let is_enough = count.stays >= STAYS_MIN;
    let came_back = percent(count.came_back.into(), count.stays.into()).filter(|_| is_enough);
    let note = if is_enough { String::new() } else { format!("不足{STAYS_MIN}例") };
    vec![
        Cell::Text(level.to_owned()),
        Cell::Text(key.to_owned()),
        Cell::number(count.stays),
        Cell::number(count.sum.amount),
        Cell::number(count.sum.drugs),
        optional(count.percent(count.sum.drugs)),
        optional(drugs.filter(|_| is_enough)),
        Cell::number(count.sum.consumables),
        optional(count.percent(count.sum.consumables)),
        optional(consumables.filter(|_| is_enough)),
        Cell::number(count.sum.unknown),
        Cell::number(count.came_back),
        optional(came_back),
        Cell::Text(note),
    ]
}

/// Small denominators prove nothing.
const STAYS_MIN: u64 = 30;
const READMITTED_DAYS: i32 = 31;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rules::{Group, request};

    use super::*;

    #[test]
    fn ratios_need_thirty_stays() {
        check(29, "医院 29 2900 1508 - - 不足30例");
        check(30, "医院 30 3000 1560 52 52 ");
    }

    #[test]
    fn the_middle_of_an_even_number_lies_between() {
        let numbers = |text: &str| text.split(' ').map(|it| it.parse().unwrap()).collect();
        assert_eq!(median(numbers("38.0 52.0 40.0")), Some("40.0".parse().unwrap()));
        assert_eq!(median(numbers("38.0 41.1")), Some("39.6".parse().unwrap()));
        assert_eq!(median(Vec::new()), None);
        assert_eq!(percent(Decimal::ONE, Decimal::ZERO), None);
    }

    #[test]
    fn who_comes_back() {
        back("20260601", "0", true);
        back("20260602", "0", false);
        back("20260601", "1", false);
        back("20260430", "0", false);
    }

    /// A stay that ended on 1 May, and another that began then.
    #[track_caller]
    fn back(began: &str, planned: &str, expected: bool) {
        let stay = format!(
            r#"{{"mdtrt_id":"ZY2","med_mdtrt_type":"2","begntime":"{began}","plan_course_flag":"{planned}"}}"#
        );
        let facts =
            request::read(&format!(r#"{{"orders":[],"history":{{"stays":[{stay}]}}}}"#)).unwrap();
        assert!(matches!(facts.history, Group::Present(_)));
        assert_eq!(came_back(&facts, jiff::civil::date(2026, 5, 1)), expected);
    }

    /// So many stays of 100.00 each, 52.00 of it for drugs.
    #[track_caller]
    fn check(stays: u64, expected: &str) {
        let times = Decimal::from(stays);
        let sum = Stay {
            amount: times * Decimal::ONE_HUNDRED,
            drugs: times * Decimal::from(52),
            ..Stay::default()
        };
        let mut counts = Counts::default();
        counts.0.insert((Level::Hospital, "H1".to_owned()), Count { stays, sum, came_back: 0 });
        let table = counts.table(jiff::civil::date(2026, 5, 1));
        let row = table.rows.first().unwrap();
        let cell = |at: usize| match row.get(at).unwrap().as_str() {
            "" => "-".to_owned(),
            text => text.trim_end_matches(".0").to_owned(),
        };
        let told = [0, 2, 3, 4, 5, 6].map(cell).join(" ");
        assert_eq!(format!("{told} {}", row.last().unwrap().as_str()), expected);
    }
}
