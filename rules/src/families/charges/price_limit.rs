//! F04 超标准收费: a price above the limit for the hospital's level.
//!
//! What: a row gives an item the highest price, for one level of hospital or all, and the days on
//! which that price list is in force; the day of the charge picks the row. The violation is worth
//! the difference times the net quantity.
//! Why: the fund pays public prices; what was charged above them is paid back.
//! Basis: GZ10000102001000 超限定单价收费, 条例 art. 15.
//! Example: limit 30.00 for 二级, charged 38.00 → 8.00 a piece. A charge of last year is compared with
//! last year's list. Level not sent, and the limit depends on it → unknown.

use rust_decimal::Decimal;

use crate::facts::HospitalLevel;
use crate::family::{Case, Family, Hit, LooksAt, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};

use super::lines::{judged, plain, unit_price};

/// The family `price_limit`.
pub struct PriceLimit;

const LEVELS: [(&str, HospitalLevel); 4] = [
    ("三级", HospitalLevel::Tertiary),
    ("二级", HospitalLevel::Secondary),
    ("一级", HospitalLevel::Primary),
    ("无等级", HospitalLevel::None),
];

const ROWS: [Column; 2] = [
    Column::required("price_max", "限价（元）", ColumnKind::Decimal),
    Column::optional(
        "level",
        "适用的医疗机构等级",
        ColumnKind::Choice(&["三级", "二级", "一级", "无等级"]),
    ),
];

impl Family for PriceLimit {
    fn id(&self) -> &'static str {
        "price_limit"
    }

    fn zh_name(&self) -> &'static str {
        "超标准收费"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Confirm,
            basis: "GZ10000102001000 超限定单价收费；医疗保障基金使用监督管理条例第十五条",
            window: "本次",
            text: "【{项目}】单价{单价}元高于限价{限价}元",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "fees.hilist_code",
            "fees.hosplist_code",
            "fees.pric",
            "fees.cnt",
            "fees.sumamt",
            "fees.fee_ocur_time",
            "encounter.medins_lv",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Both
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let level = case.facts.encounter.present().and_then(|encounter| encounter.hospital_level);
        judged(case).map(|found| judge_line(found, level)).collect()
    }
}

fn judge_line(found: &Match<'_>, level: Option<HospitalLevel>) -> Outcome {
    let limit = found.row.parameters.decimal("price_max");
    if let Some(name) = found.row.parameters.maybe_text("level") {
        let Some(level) = level else { return Outcome::unknown("encounter.medins_lv") };
        if !LEVELS.contains(&(name, level)) {
            return Outcome::NotApplicable;
        }
    }
    let line = found.line;
    let Some(price) = unit_price(line) else { return Outcome::unknown(line.path("pric")) };
    if price <= limit {
        return Outcome::Pass;
    }
    let above = price.saturating_sub(limit);
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!("【{}】单价{}元高于限价{}元", line.name(), plain(price), plain(limit)),
        evidence: vec![plain(price), plain(limit)],
        source: Some(found.row.source.clone()),
        amount: line.net.map(|net: Decimal| above.saturating_mul(net)),
        ..Hit::default()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use crate::evaluate::evaluate;
    use crate::families::bench::{Bench, NOW};
    use crate::request;

    const BENCH: Bench = Bench {
        family: "price_limit",
        parameters: "",
        rows: "match,key,item,price_max,level,source,flag,from,to\n\
               hospital,BED,床位费,40,三级,list,B,2026-01-01,\n\
               hospital,BED,床位费,30.00,二级,list,B,2026-01-02,\n\
               hospital,CT,CT,200,,list 2025,B,2025-01-01,2025-12-31\n\
               hospital,CT,CT,180,,list 2026,B,2026-01-01,\n",
        drugs: "",
    };

    #[test]
    fn the_level_picks_the_limit() {
        check("5", r#""hosplist_code":"BED","pric":"38.00""#, "hit 1: 【BED】单价38元高于限价30元");
        check("1", r#""hosplist_code":"BED","pric":"38.00""#, "pass");
        check("5", r#""hosplist_code":"BED","pric":"30.00""#, "pass");
        check("8", r#""hosplist_code":"BED","pric":"38.00""#, "nothing");
        check("", r#""hosplist_code":"BED","pric":"38.00""#, "unknown encounter.medins_lv");
    }

    #[test]
    fn the_list_of_the_day_counts() {
        let of =
            |day: &str| format!(r#""hosplist_code":"CT","pric":"190","fee_ocur_time":"{day}""#);
        check("5", &of("20251231"), "pass");
        check("5", &of("20260101"), "hit 1: 【CT】单价190元高于限价180元");
    }

    #[test]
    fn the_price_from_the_amount() {
        let line = r#""hosplist_code":"CT","sumamt":"570","cnt":"3""#;
        check("5", line, "hit 1: 【CT】单价190元高于限价180元");
        check("5", r#""hosplist_code":"CT","cnt":"3""#, "unknown fees[1].pric");
    }

    #[test]
    fn worth_the_difference() {
        let text = r#"{"encounter":{"medins_lv":"5"},"fees":[{"rx_id":"1","hosplist_code":"BED","pric":"38.00","cnt":"3","sumamt":"114","fee_ocur_time":"20260510"},
            {"rx_id":"2","hosplist_code":"BED","pric":"38.00","cnt":"-1","fee_ocur_time":"20260510"}]}"#;
        let facts = request::read(text).unwrap();
        let verdict = evaluate(&BENCH.rules(), &facts, NOW.parse().unwrap());
        let finding = &verdict.findings[0];
        assert_eq!(finding.amount.unwrap().to_string(), "16.00");
        assert_eq!(finding.lines[0].amount.unwrap().to_string(), "16.00");
    }

    #[track_caller]
    fn check(level: &str, line: &str, expected: &str) {
        let request =
            format!(r#"{{"encounter":{{"medins_lv":"{level}"}},"fees":[{{"rx_id":"1",{line}}}]}}"#);
        BENCH.check(&request, expected);
    }
}
