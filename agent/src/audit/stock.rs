//! F22: what was charged beside what was there to charge (进销存), and what is asked beside what was paid
//! for it. The hospital brings opening stock and purchases as a table; charges come from the past of
//! patients, refunds taken off.
//!
//! More charged than there was is a gap: another item was given under this name, or nothing was given.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use rules::facts::Order;
use rust_decimal::{Decimal, RoundingStrategy};

use super::table::{Cell, Table};
use super::walk::{self, Over, before_stays, end_of, month_of};
use super::{Audit, NotRun};
use crate::history::{History, Kind};

/// What the hospital says of one item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    /// Its code as it is charged: the hospital's, or the nation's.
    pub(super) code: String,
    pub(super) name: String,
    pub(super) opening: Decimal,
    pub(super) bought: Decimal,
    /// Paid for one unit of the stock.
    pub(super) price: Option<Decimal>,
    /// How many charged units one unit of the stock is: 14 when tablets are charged and boxes bought.
    pub(super) units: Decimal,
}

/// What was charged of one item.
#[derive(Clone, Copy, Debug, Default)]
struct Sold {
    quantity: Decimal,
    amount: Decimal,
}

/// The report of the month that a day is in. Blocks.
pub(super) fn report(
    (audit, history): (&Audit, &History),
    items: &[Item],
    month: Date,
) -> Result<Table, NotRun> {
    let (first, last) = month_of(month);
    let (mut sold, mut stays) = (BTreeMap::new(), BTreeSet::new());
    for kind in [Kind::Stay, Kind::Visit] {
        let over = Over { kind, from: before_stays(first), until: end_of(last) };
        walk::walk((audit, history), over, |met| {
            // A stay whose other records name no ward is found among the visits once more.
            // Nobody has admitted some stays; those are known as such in the first walk only.
            let is_stay = met.visit() == Some(rules::facts::VisitKind::Inpatient);
            let was_counted = kind == Kind::Visit && stays.contains(&met.found);
            if is_stay && kind == Kind::Stay {
                stays.insert(met.found.clone());
            }
            if is_stay == (kind == Kind::Stay) && !was_counted {
                let fees = met.told.facts.fees.present().into_iter().flatten();
                fees.filter(|it| is_of(it, first)).for_each(|it| add(&mut sold, it));
            }
            Ok(())
        })?;
    }
    let rows = items.iter().map(|it| row(it, sold.get(&it.code).copied().unwrap_or_default()));
    let columns = [
        "代码",
        "名称",
        "期初",
        "购入",
        "售出",
        "账面结存",
        "缺口",
        "进价",
        "售价",
        "加成率%",
        "说明",
    ];
    let title = format!("进销存 {}", month.strftime("%Y-%m"));
    let mut table = Table::new(&title, &columns, rows.collect());
    table.notes.push("售出按收费明细，退费已冲减，换算成库存单位".to_owned());
    if history.since().is_none_or(|since| since > first) {
        table.notes.push("患者既往从月中才完整，售出数字不全".to_owned());
    }
    Ok(table)
}

fn is_of(line: &Order, first: Date) -> bool {
    line.begins.map(DateTime::date).is_some_and(|it| it >= first)
}

/// Under both codes, since nobody knows by which one the hospital counts its stock.
fn add(sold: &mut BTreeMap<String, Sold>, line: &Order) {
    let (hospital, national) = (line.hospital_code.as_ref(), line.national_code.as_ref());
    let codes = hospital.into_iter().chain(national.filter(|it| Some(*it) != hospital));
    for code in codes {
        let sold = sold.entry(code.clone()).or_default();
        sold.quantity = sold.quantity.saturating_add(line.quantity.unwrap_or_default());
        sold.amount = sold.amount.saturating_add(line.amount.unwrap_or_default());
    }
}

fn row(item: &Item, sold: Sold) -> Vec<Cell> {
    let quantity = sold.quantity.checked_div(item.units).unwrap_or_default();
    let left = item.opening.saturating_add(item.bought).saturating_sub(quantity);
    let gap = (-left).max(Decimal::ZERO);
    let price = sold.amount.checked_div(quantity).map(|it| rounded(it, 4));
    let markup = price.zip(item.price).and_then(|(sold, bought)| {
        let percent = (sold - bought).checked_mul(Decimal::ONE_HUNDRED)?.checked_div(bought)?;
        Some(rounded(percent, 1))
    });
    let mut notes = Vec::new();
    if gap > Decimal::ZERO {
        notes.push(format!("售出多于可售{}", rounded(gap, 4)));
    }
    if markup.is_some_and(|it| it > Decimal::ZERO) {
        notes.push("售价高于进价".to_owned());
    }
    let optional =
        |it: Option<Decimal>| it.map_or_else(Cell::empty, |it| Cell::number(it.normalize()));
    vec![
        Cell::Text(item.code.clone()),
        Cell::Text(item.name.clone()),
        Cell::number(item.opening.normalize()),
        Cell::number(item.bought.normalize()),
        Cell::number(rounded(quantity, 4)),
        Cell::number(rounded(left, 4)),
        Cell::number(rounded(gap, 4)),
        optional(item.price),
        optional(price),
        optional(markup),
        Cell::Text(notes.join("；")),
    ]
}

fn rounded(number: Decimal, places: u32) -> Decimal {
    number.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero).normalize()
}

/// Reads the hospital's table: a head, then a row an item. Every wrong row is told, not only the first.
pub(super) fn items(rows: &[Vec<String>]) -> Result<Vec<Item>, Vec<String>> {
    let mut rows = (1..).zip(rows).filter(|(_, row)| row.iter().any(|it| !it.trim().is_empty()));
    let Some((_, head)) = rows.next() else { return Err(vec!["表是空的".to_owned()]) };
    let place = |names: &[&str]| head.iter().position(|it| names.contains(&it.trim()));
    let places = COLUMNS.map(place);
    let [Some(_), _, Some(_), Some(_), _, _] = places else {
        return Err(vec![
            "第一行写列名，至少有 代码、期初、购入；可以有 名称、进价、换算".to_owned(),
        ]);
    };
    let (mut items, mut problems) = (Vec::new(), Vec::new());
    let mut line_by_code = BTreeMap::new();
    for (line, row) in rows {
        let cell = |at: usize| {
            let place = places.get(at).copied().flatten()?;
            row.get(place).map(|it| it.trim()).filter(|it| !it.is_empty())
        };
        match item(cell) {
            Ok(item) => match line_by_code.insert(item.code.clone(), line) {
                None => items.push(item),
                // Each of the two would be charged with everything that was sold.
                Some(first) => problems.push(format!(
                    "第 {line} 行：代码 {} 与第 {first} 行重复，合成一行",
                    item.code
                )),
            },
            Err(what) => problems.push(format!("第 {line} 行：{what}")),
        }
    }
    if problems.is_empty() { Ok(items) } else { Err(problems) }
}

fn item<'a>(cell: impl Fn(usize) -> Option<&'a str>) -> Result<Item, String> {
    let number = |at: usize, name: &str| match cell(at).map(str::parse::<Decimal>) {
        None => Ok(None),
        Some(Ok(number)) if !number.is_sign_negative() => Ok(Some(number)),
        Some(_) => Err(format!("{name}不是数，或小于0")),
    };
    let units = number(5, "换算")?.unwrap_or(Decimal::ONE);
    if units.is_zero() {
        return Err("换算不能是0".to_owned());
    }
    Ok(Item {
        code: cell(0).ok_or("缺代码")?.to_owned(),
        name: cell(1).unwrap_or_default().to_owned(),
        opening: number(2, "期初")?.ok_or("缺期初")?,
        bought: number(3, "购入")?.ok_or("缺购入")?,
        price: number(4, "进价")?.filter(|it| !it.is_zero()),
        units,
    })
}

const COLUMNS: [&[&str]; 6] = [
    &["代码", "院内编码", "code"],
    &["名称", "name"],
    &["期初", "期初库存", "opening"],
    &["购入", "本期购入", "bought"],
    &["进价", "price"],
    &["换算", "units"],
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn more_charged_than_there_was() {
        let table = [["代码", "期初", "购入"], ["YP1", "5", "100"]];
        check(&table, ("120", "1200"), "YP1 5 100 120 -15 15 10 售出多于可售15");
        check(&table, ("105", "0"), "YP1 5 100 105 0 0 0");
    }

    #[test]
    fn tablets_and_boxes() {
        let table = [["代码", "期初", "购入", "换算", "进价"], ["YP1", "0", "10", "14", "7"]];
        check(
            &table,
            ("147", "110.25"),
            "YP1 0 10 10.5 -0.5 0.5 7 10.5 50 售出多于可售0.5；售价高于进价",
        );
    }

    #[test]
    fn a_wrong_table_is_told_whole() {
        wrong(&[&["a"]], "第一行写列名，至少有 代码、期初、购入；可以有 名称、进价、换算");
        wrong(&[], "表是空的");
        let table: [&[&str]; 4] =
            [&["代码", "期初", "购入"], &["YP1", "x", "1"], &[""], &["", "1", "1"]];
        wrong(&table, "第 2 行：期初不是数，或小于0; 第 4 行：缺代码");
        let table: [&[&str]; 5] = [
            &["代码", "期初", "购入"],
            &["YP1", "1", "1"],
            &["YP2", "1", "1"],
            &[" YP1 ", "2", "2"],
            &["YP1", "3", "3"],
        ];
        wrong(
            &table,
            "第 4 行：代码 YP1 与第 2 行重复，合成一行; 第 5 行：代码 YP1 与第 4 行重复，合成一行",
        );
    }

    #[track_caller]
    fn wrong(rows: &[&[&str]], expected: &str) {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|it| (*it).to_owned()).collect()).collect();
        assert_eq!(items(&rows).unwrap_err().join("; "), expected);
    }

    #[track_caller]
    fn check<const N: usize>(table: &[[&str; N]; 2], sold: (&str, &str), expected: &str) {
        let rows: Vec<Vec<String>> =
            table.iter().map(|row| row.iter().map(|it| (*it).to_owned()).collect()).collect();
        let items = items(&rows).unwrap();
        let sold = Sold { quantity: sold.0.parse().unwrap(), amount: sold.1.parse().unwrap() };
        let row = row(items.first().unwrap(), sold);
        let cells: Vec<&str> = row.iter().map(Cell::as_str).filter(|it| !it.is_empty()).collect();
        assert_eq!(cells.join(" "), expected);
    }
}
