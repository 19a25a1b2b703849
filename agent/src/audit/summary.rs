//! Suspicions counted by insured person, doctor, department, hospital, rule or kind (T/CIIA 046 6.1),
//! with a last row that adds them up.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::states::State;
use super::suspicion::Suspicion;
use super::table::{Cell, Table};

/// By what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Person,
    Doctor,
    Department,
    Hospital,
    Rule,
    /// 行为 and 项目.
    Behaviour,
}

impl By {
    const NAMES: [(&'static str, &'static str, By); 6] = [
        ("person", "参保人（假名）", By::Person),
        ("doctor", "医师", By::Doctor),
        ("department", "科室", By::Department),
        ("hospital", "医院", By::Hospital),
        ("rule", "规则", By::Rule),
        ("behaviour", "分类", By::Behaviour),
    ];

    pub(super) fn parse(name: &str) -> Option<By> {
        By::NAMES.into_iter().find(|it| it.0 == name).map(|it| it.2)
    }

    fn zh(self) -> &'static str {
        By::NAMES.iter().find(|it| it.2 == self).map_or("", |it| it.1)
    }

    /// What a suspicion is counted under, and what people call that.
    fn of<'a>(self, it: &'a Suspicion, hospital: &'a (String, String)) -> (&'a str, &'a str) {
        let optional = |it: &'a Option<String>| it.as_deref().unwrap_or("");
        match self {
            By::Person => (&it.patient, ""),
            By::Doctor => (optional(&it.doctor), ""),
            By::Department => (optional(&it.department), optional(&it.department_name)),
            By::Hospital => (&hospital.0, &hospital.1),
            By::Rule => (&it.rule_id, &it.rule_name),
            By::Behaviour if it.behaviour == "1" => ("1", "行为"),
            By::Behaviour => ("2", "项目"),
        }
    }
}

/// Counts suspicions. `hospital` is code and name.
pub(super) fn table(all: &[Suspicion], by: By, hospital: &(String, String)) -> Table {
    let (mut counts, mut total) = (BTreeMap::<&str, Count<'_>>::new(), Count::default());
    for it in all {
        let (key, name) = by.of(it, hospital);
        let count = counts.entry(key).or_default();
        if !name.is_empty() {
            count.name = name;
        }
        count.add(it);
        total.add(it);
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    // Whoever has most is looked at first.
    counts.sort_by_key(|(key, count)| (std::cmp::Reverse(count.suspicions), *key));
    let mut rows: Vec<_> = counts.iter().map(|(key, count)| count.row(key)).collect();
    rows.push(Count { name: "", ..total }.row("合计"));
    let states = State::NAMES.map(|(_, zh, _)| zh);
    let columns = [&[by.zh(), "名称", "疑点", "就诊"][..], &states, &["金额", "金额不明"]].concat();
    Table::new("审核汇总", &columns, rows)
}

#[derive(Default)]
struct Count<'a> {
    name: &'a str,
    suspicions: u64,
    encounters: BTreeSet<&'a str>,
    states: [u64; 5],
    amount: Decimal,
    without_amount: u64,
}

impl<'a> Count<'a> {
    fn add(&mut self, it: &'a Suspicion) {
        self.suspicions += 1;
        self.encounters.insert(&it.encounter);
        for ((_, _, state), count) in State::NAMES.iter().zip(&mut self.states) {
            *count += u64::from(*state == it.state);
        }
        match it.amount.as_deref().and_then(|it| it.parse::<Decimal>().ok()) {
            Some(amount) => self.amount = self.amount.saturating_add(amount),
            None => self.without_amount += 1,
        }
    }

    fn row(&self, key: &str) -> Vec<Cell> {
        let texts = [key, self.name].map(|it| Cell::Text(it.to_owned()));
        let mut row = Vec::from(texts);
        row.push(Cell::number(self.suspicions));
        row.push(Cell::number(self.encounters.len()));
        row.extend(self.states.iter().map(Cell::number));
        row.push(Cell::number(self.amount));
        row.push(Cell::number(self.without_amount));
        row
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_counting_comes_to_the_same_sum() {
        let all = [
            of("P1", "D1", "03", "ZY1", State::Open, Some("10.50")),
            of("P1", "D2", "03", "ZY1", State::Explained, Some("0.10")),
            of("P2", "D1", "04", "ZY2", State::Escalated, None),
        ];
        check(&all, By::Person, "P1 2 1 1 1 0 0 0 10.60 0|P2 1 1 0 0 0 1 0 0 1");
        check(&all, By::Doctor, "D1 2 2 1 0 0 1 0 10.50 1|D2 1 1 0 1 0 0 0 0.10 0");
        check(&all, By::Department, "03 2 1 1 1 0 0 0 10.60 0|04 1 1 0 0 0 1 0 0 1");
        check(&all, By::Hospital, "H1 医院 3 2 1 1 0 1 0 10.60 1");
        check(&[], By::Rule, "");
    }

    fn of(
        patient: &str,
        doctor: &str,
        department: &str,
        encounter: &str,
        state: State,
        amount: Option<&str>,
    ) -> Suspicion {
        Suspicion {
            patient: patient.to_owned(),
            doctor: Some(doctor.to_owned()),
            department: Some(department.to_owned()),
            encounter: encounter.to_owned(),
            amount: amount.map(str::to_owned),
            state,
            ..Suspicion::default()
        }
    }

    #[track_caller]
    fn check(all: &[Suspicion], by: By, expected: &str) {
        let table = table(all, by, &("H1".to_owned(), "医院".to_owned()));
        let row = |row: &Vec<Cell>| {
            let cells = row.iter().map(Cell::as_str).filter(|it| !it.is_empty());
            cells.collect::<Vec<_>>().join(" ")
        };
        let mut rows: Vec<String> = table.rows.iter().map(row).collect();
        let total = rows.pop().unwrap();
        assert_eq!(rows.join("|"), expected);
        let total_of_all =
            if all.is_empty() { "0 0 0 0 0 0 0 0 0" } else { "3 2 1 1 0 1 0 10.60 1" };
        assert_eq!(total, format!("合计 {total_of_all}"));
    }
}
