//! C26 高警示药品: a second person checks before it is given.
//!
//! What: a drug that the drug table marks as high alert, or that a row is about, is shown as a reminder;
//! a row may add what to mind.
//! Why: an error with these kills. It is the nurse who is about to give it, so the rule belongs into the
//! nurse's scene and not before the doctor.
//! Basis: ISMP 高警示药品目录; the hospital's own list.
//! Example: 氯化钾注射液 → reminder to check twice.

use crate::drug_kind::DrugKind;
use crate::family::{Case, Family, Hit, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `high_alert`.
pub struct HighAlert;

const ROWS: [Column; 1] = [Column::optional("note", "注意事项", ColumnKind::Text)];

impl Family for HighAlert {
    fn id(&self) -> &'static str {
        "high_alert"
    }

    fn zh_name(&self) -> &'static str {
        "高警示药品"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Slight,
            action: Action::Hint,
            basis: "高警示药品目录（ISMP及本院目录）",
            window: "本次",
            text: "【{药品}】为高警示药品，须双人独立核对{说明}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &["orders.hosplist_code", "orders.drug_ingd"]
    }

    fn rows(&self) -> Rows {
        Rows::Beside(&ROWS)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let current = case.lines().filter(|line| line.order.current && line.may_be_drug());
        current.map(|line| judge_line(case, line)).collect()
    }
}

fn judge_line(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    let found = case.matches.iter().find(|found| found.line.position == line.position);
    let row = found.map(|found| found.row);
    match (row, line.is_kind(DrugKind::HighAlert)) {
        (None, None) => return Outcome::Unlisted { missing: line.shared_path("hosplist_code") },
        (None, Some(false)) => return Outcome::NotApplicable,
        _ => {}
    }
    let note = row.and_then(|row| row.parameters.maybe_text("note"));
    let note = note.map_or(String::new(), |note| format!("；{note}"));
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!("【{}】为高警示药品，须双人独立核对{note}", line.name()),
        source: row.map(|row| row.source.clone()),
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "high_alert",
        parameters: "",
        rows: "match,key,item,note,source,flag\n\
               atc,B05XA01,氯化钾注射液,须稀释，禁止静脉推注,s,B\n",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                hospital,KCL,氯化钾注射液,,氯化钾,1 g,支,5,注射,,B05XA01,\n\
                hospital,INS,胰岛素注射液,,胰岛素,400 IU,支,1,注射,,A10AB01,高警示\n\
                hospital,AML,苯磺酸氨氯地平片,,氨氯地平,5 mg,片,7,口服,,C08CA01,\n",
    };

    #[test]
    fn by_row_and_by_table() {
        check("KCL", "hit 1: 【氯化钾注射液】为高警示药品，须双人独立核对；须稀释，禁止静脉推注");
        check("INS", "hit 1: 【胰岛素注射液】为高警示药品，须双人独立核对");
        check("AML", "nothing");
        check("YP404", "unknown orders[1].hosplist_code");
        check(r#"KCL","curr_drord_flag":"0"#, "nothing");
    }

    #[track_caller]
    fn check(drug: &str, expected: &str) {
        BENCH.check(
            &format!(r#"{{"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#),
            expected,
        );
    }
}
