//! F09 项目限性别: a service for the other sex.
//!
//! What: each row names a service and the sex it is for.
//! Why: it is nearly always the wrong patient or the wrong item; the registration may be wrong too,
//! so the default is to confirm, and the text asks for the registration without accusing anyone.
//! Basis: GZ10000302004000 医疗服务项目区分性别使用, public batch 1.
//! Example: a man, 经阴道B超检查 → hit. Sex 0 or 9, or not sent → unknown.

use crate::facts::Sex;
use crate::family::{Case, Family, Hit, LooksAt, Outcome, Rows, Usual};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

use super::lines::{by_row, positions};

/// The family `item_sex`.
pub struct ItemSex;

const ROWS: [Column; 1] = [Column::required("sex", "限定性别", ColumnKind::Choice(&["男", "女"]))];

impl Family for ItemSex {
    fn id(&self) -> &'static str {
        "item_sex"
    }

    fn zh_name(&self) -> &'static str {
        "项目限性别"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Confirm,
            basis: "GZ10000302004000 医疗服务项目区分性别使用",
            window: "本次",
            text: "{性别}性患者开具【{项目}】，该项目限{范围}性，请核对登记性别",
        })
    }

    fn never_blocks(&self) -> bool {
        true
    }

    fn reads(&self) -> &'static [&'static str] {
        &["patient.gend", "orders.hilist_code", "orders.hosplist_code", "fees.hilist_code"]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Both
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let rows = by_row(case);
        if rows.is_empty() {
            return Vec::new();
        }
        let Some(sex) = case.facts.patient.present().and_then(|patient| patient.sex) else {
            return vec![Outcome::unknown("patient.gend")];
        };
        rows.iter().map(|(row, lines)| judge_row(row, lines, sex)).collect()
    }
}

fn judge_row(row: &Row, lines: &[&Line<'_>], sex: Sex) -> Outcome {
    let limit = row.parameters.text("sex");
    if limit == sex.zh() {
        return Outcome::Pass;
    }
    let name = lines.first().map_or(row.item.as_str(), |line| line.name());
    Outcome::Hit(Hit {
        violating: positions(lines),
        text: format!("{}性患者开具【{name}】，该项目限{limit}性，请核对登记性别", sex.zh()),
        evidence: vec![sex.zh().to_owned()],
        source: Some(row.source.clone()),
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "item_sex",
        parameters: "",
        rows: "match,key,item,sex,source,flag\n\
               code,002202020010000,经阴道B超检查,女,batch 1,A\n\
               code,002101030280000,阴茎海绵体造影,男,batch 1,A\n",
        drugs: "",
    };

    #[test]
    fn the_other_sex() {
        let text = "hit 1: 男性患者开具【X】，该项目限女性，请核对登记性别";
        check("1", "002202020010000", text);
        check("2", "002202020010000", "pass");
        check("2", "002101030280000", "hit 1: 女性患者开具【X】，该项目限男性，请核对登记性别");
    }

    #[test]
    fn not_stated_is_unknown_and_no_accusation() {
        for sex in ["0", "9", ""] {
            check(sex, "002202020010000", "unknown patient.gend");
        }
    }

    #[test]
    fn other_items_say_nothing() {
        check("", "001102000050000", "nothing");
    }

    #[test]
    fn order_and_charge_are_one_finding() {
        let request = r#"{"patient":{"gend":"1"},"orders":[{"rx_id":"1","hilist_code":"002202020010000","hosplist_name":"X","drord_begn_date":"20260515"}],
            "fees":[{"rx_id":"2","hilist_code":"002202020010000","hosplist_name":"X","cnt":"1","fee_ocur_time":"20260515"},
            {"rx_id":"3","hilist_code":"002202020010000","hosplist_name":"X","cnt":"1","fee_ocur_time":"20260514"}]}"#;
        BENCH.check(request, "hit 2,3: 男性患者开具【X】，该项目限女性，请核对登记性别");
    }

    #[track_caller]
    fn check(sex: &str, item: &str, expected: &str) {
        let request = format!(
            r#"{{"patient":{{"gend":"{sex}"}},"orders":[{{"rx_id":"1","hilist_code":"{item}","hosplist_name":"X"}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
