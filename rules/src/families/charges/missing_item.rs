//! F12 关联缺失: a consumable or a drug without the procedure that it is for.
//!
//! What: a row names an item and what must go with it, items or operations, on the same date or in
//! the encounter; before the fact a day on either side is allowed.
//! Why: tubing for a dialysis that nobody did is a wrong charge, or a charge that was forgotten.
//! Basis: GZ10000301001000 药品与医疗服务项目不符, GZ10000303001000 耗材与医疗服务项目不符.
//! Example: 透析管路 with no dialysis on the date → hit. Ordered today and done tomorrow → pass before
//! the fact, when `days_around` is 1.

use crate::facts::Group;
use crate::family::{Case, Family, Hit, LooksAt, Match, Outcome, Rows};
use crate::icd;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::window::Window;

use super::lines::{days_between, judged, used_before, used_now};

/// The family `missing_item`.
pub struct MissingItem;

const PARAMETERS: [Column; 1] =
    [Column::optional("days_around", "单日窗口前后放宽的天数", ColumnKind::Whole)];

const ROWS: [Column; 4] = [
    Column::optional("needs", "应有的项目", ColumnKind::Keys),
    Column::optional("needs_surgery", "或应有的手术编码", ColumnKind::List),
    Column::required("needs_name", "应有项目的名称", ColumnKind::Text),
    Column::required("window", "时间窗口", ColumnKind::Window),
];

impl Family for MissingItem {
    fn id(&self) -> &'static str {
        "missing_item"
    }

    fn zh_name(&self) -> &'static str {
        "关联项目缺失"
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.drord_begn_date",
            "fees.hilist_code",
            "fees.fee_ocur_time",
            "surgeries.oprn_oprt_code",
            "history.orders",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Both
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        if row.keys("needs").is_empty() && row.list("needs_surgery").is_empty() {
            return Some("write `needs` or `needs_surgery`".to_owned());
        }
        let window = row.maybe_window("window")?;
        let is_fit = matches!(window, Window::Day | Window::Encounter | Window::Stay);
        (!is_fit).then(|| format!("{window} is not 单日 or 当次就诊"))
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        judged(case).map(|found| judge_line(case, found)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    if has_item(case, found) {
        return Outcome::Pass;
    }
    match has_surgery(case, found) {
        Some(true) => return Outcome::Pass,
        None => return Outcome::unknown("surgeries"),
        Some(false) => {}
    }
    let needed = found.row.parameters.text("needs_name");
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!("开具【{}】未见{needed}", found.line.name()),
        evidence: vec![found.line.begins.to_string()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })
}

fn has_item(case: &Case<'_>, found: &Match<'_>) -> bool {
    let window = found.row.parameters.window("window");
    let around = case.rule.parameters.maybe_whole("days_around").unwrap_or(0);
    let day = found.line.begins;
    let is_near = |other: jiff::civil::Date| {
        window != Window::Day
            || days_between(day.min(other), day.max(other)).unsigned_abs() <= around
    };
    let needs = found.row.parameters.keys("needs");
    needs.iter().any(|key| {
        used_now(case, key).any(|line| is_near(line.begins))
            || used_before(case, key).any(|line| window == Window::Day && is_near(line.begins))
    })
}

/// Whether one of the operations was done or planned; `None` when nobody sent operations.
fn has_surgery(case: &Case<'_>, found: &Match<'_>) -> Option<bool> {
    let wanted = found.row.parameters.list("needs_surgery");
    if wanted.is_empty() {
        return Some(false);
    }
    match &case.facts.surgeries {
        Group::Absent => None,
        Group::Empty => Some(false),
        Group::Present(done) => Some(done.iter().any(|surgery| {
            surgery.code.as_deref().is_some_and(|code| icd::is_in_any(code, wanted))
        })),
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench =
        Bench { family: "missing_item", parameters: "days_around = 1", rows: ROWS, drugs: "" };

    const AUDIT: Bench = Bench { family: "missing_item", parameters: "", rows: ROWS, drugs: "" };

    const ROWS: &str = "match,key,item,needs,needs_surgery,needs_name,window,source,flag\n\
               hospital,TUBE,透析管路,hospital:HD|hospital:HDF,,透析项目,单日,site,B\n\
               hospital,STENT,冠脉支架,hospital:PCI,36.06|36.07,支架植入手术,当次就诊,site,B\n";

    #[test]
    fn tubing_without_dialysis() {
        check(&BENCH, "TUBE 20260515", "hit 1: 开具【TUBE】未见透析项目");
        check(&BENCH, "TUBE 20260515,HD 20260515", "pass");
        check(&BENCH, "TUBE 20260515,HDF 20260516", "pass");
        check(&BENCH, "TUBE 20260515,HD 20260517", "hit 1: 开具【TUBE】未见透析项目");
    }

    #[test]
    fn afterwards_the_date_must_fit() {
        check(&AUDIT, "TUBE 20260515,HD 20260516", "hit 1: 开具【TUBE】未见透析项目");
        check(&AUDIT, "TUBE 20260515,HD 20260515", "pass");
    }

    #[test]
    fn done_in_another_session_of_the_day() {
        let request = r#"{"orders":[{"rx_id":"1","hosplist_code":"TUBE"}],"history":{"orders":[
            {"rx_id":"H","hosplist_code":"HD","cnt":"1","fee_ocur_time":"20260515"}]}}"#;
        BENCH.check(request, "pass");
    }

    #[test]
    fn an_operation_will_do() {
        let request = |surgeries: &str| {
            format!(r#"{{"orders":[{{"rx_id":"1","hosplist_code":"STENT"}}]{surgeries}}}"#)
        };
        BENCH.check(&request(r#","surgeries":[{"oprn_oprt_code":"36.0600"}]"#), "pass");
        let text = "hit 1: 开具【STENT】未见支架植入手术";
        BENCH.check(&request(r#","surgeries":[{"oprn_oprt_code":"37.2200"}]"#), text);
        BENCH.check(&request(r#","surgeries":[]"#), text);
        BENCH.check(&request(""), "unknown surgeries");
    }

    #[track_caller]
    fn check(bench: &Bench, fees: &str, expected: &str) {
        let fees: Vec<String> = (1..)
            .zip(fees.split(','))
            .map(|(id, fee)| {
                let (item, day) = fee.split_once(' ').unwrap_or((fee, ""));
                format!(r#"{{"rx_id":"{id}","hosplist_code":"{item}","cnt":"1","fee_ocur_time":"{day}"}}"#)
            })
            .collect();
        bench.check(&format!(r#"{{"fees":[{}]}}"#, fees.join(",")), expected);
    }
}
