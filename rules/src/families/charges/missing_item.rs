//! F12 关联缺失: a consumable or a drug without the procedure that it is for.
//!
//! What: a row names an item and what must go with it, items or operations, on the same date or in
//! the encounter; before the fact a day on either side is allowed.
//! Why: tubing for a dialysis that nobody did is a wrong charge, or a charge that was forgotten.
//! Basis: GZ10000301001000 药品与医疗服务项目不符, GZ10000303001000 耗材与医疗服务项目不符.
//! Example: 透析管路 with no dialysis on the date → hit. Ordered today and done tomorrow → pass before
//! the fact, when `days_around` is 1. Nothing found, but the past of the encounter is not known, or
//! a line beside it that nobody mapped could be it → unknown.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};

use crate::facts::Group;
use crate::family::{Case, Family, Hit, LooksAt, Match, Outcome, Rows, Usual};
use crate::knowledge::Key;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::{Line, LineKind};
use crate::sets::CodeSets;
use crate::window::Window;

use super::lines::{
    counts, days_between, is_past_known, is_undated, judged, time_path, used_before_in,
};

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

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Confirm,
            basis: "GZ10000301001000 药品与医疗服务项目不符",
            window: "单日或当次就诊",
            text: "开具【{药品或耗材}】未见{应有项目}",
        })
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
    let around = Around::of(case, found);
    let needs = found.row.parameters.keys("needs");
    // An order and its charge are one use, but either shows that the item is there.
    let now = || needs.iter().flat_map(|key| case.about(key)).filter(|line| counts(line));
    let before = || needs.iter().flat_map(|key| used_before_in(case, key, around.window));
    if now().chain(before()).any(|line| around.holds(line) == Some(true)) {
        return Outcome::Pass;
    }
    let mut missing = Vec::new();
    match has_surgery(case, found) {
        Ok(true) => return Outcome::Pass,
        Ok(false) => {}
        Err(lacking) => missing.extend(lacking),
    }
    let undated = now().chain(before()).filter(|line| around.holds(line).is_none());
    missing.extend(undated.map(time_path));
    missing.extend(unmapped(case, found, &around));
    if !around.is_past_known(case, found.line) {
        missing.push("history".to_owned());
    }
    if !missing.is_empty() {
        return Outcome::Unknown { missing };
    }
    Outcome::Hit(hit(found))
}

fn hit(found: &Match<'_>) -> Hit {
    let needed = found.row.parameters.text("needs_name");
    Hit {
        violating: vec![found.line.position],
        text: format!("开具【{}】未见{needed}", found.line.name()),
        evidence: vec![found.line.begins.to_string()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    }
}

/// Where the needed item may stand: the whole encounter, or days around the line's.
struct Around {
    window: Window,
    day: Option<Date>,
    days: u32,
}

impl Around {
    fn of(case: &Case<'_>, found: &Match<'_>) -> Around {
        Around {
            window: found.row.parameters.window("window"),
            day: (!is_undated(found.line)).then_some(found.line.begins),
            days: case.rule.parameters.maybe_whole("days_around").unwrap_or(0),
        }
    }

    /// Whether it holds a line; `None` when one of them says no day.
    fn holds(&self, line: &Line<'_>) -> Option<bool> {
        if self.window != Window::Day {
            return Some(true);
        }
        let (day, other) = self.day.zip((!is_undated(line)).then_some(line.begins))?;
        Some(days_between(day.min(other), day.max(other)).unsigned_abs() <= self.days)
    }

    /// Whether what was done before would be seen. The charges of a day stand beside each other; what
    /// is only ordered may be for something that another session charged.
    fn is_past_known(&self, case: &Case<'_>, line: &Line<'_>) -> bool {
        let first = match (self.window, self.day) {
            (Window::Day, _) if line.kind == LineKind::Charge => return true,
            (Window::Day, day) => {
                day.and_then(|day| day.checked_sub(i64::from(self.days).days()).ok())
            }
            _ => case.facts.encounter.present().and_then(|it| it.began).map(DateTime::date),
        };
        match first {
            Some(first) => is_past_known(case.facts, Some(first)),
            None => !matches!(case.facts.history, Group::Absent),
        }
    }
}

/// The lines that nobody mapped and that could be what is needed, when it is known by national code.
fn unmapped(case: &Case<'_>, found: &Match<'_>, around: &Around) -> Vec<String> {
    let needs = found.row.parameters.keys("needs");
    if !needs.iter().any(|key| is_national(key, case.session.sets)) {
        return Vec::new();
    }
    let may_be = |line: &&Line<'_>| {
        let is_other = line.position != found.line.position;
        let is_drug = line.product.is_some() || line.order.single_dose.is_some();
        is_other && counts(line) && !is_drug && line.national_code().is_none()
    };
    let lines = case.session.lines.iter().filter(may_be);
    let near = lines.filter(|line| around.holds(line) != Some(false));
    near.map(|line| line.path("hilist_code")).collect()
}

fn is_national(key: &Key, sets: &CodeSets) -> bool {
    match key {
        Key::Code(_) | Key::Prefix(_) | Key::Class(_) => true,
        Key::Set(name) => sets.every_member(name).any(|member| is_national(member, sets)),
        _ => false,
    }
}

/// Whether one of the operations was done or planned; an error names what is missing.
fn has_surgery(case: &Case<'_>, found: &Match<'_>) -> Result<bool, Vec<String>> {
    let wanted = found.row.parameters.list("needs_surgery");
    if wanted.is_empty() { Ok(false) } else { case.facts.operated(wanted) }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench =
        Bench { family: "missing_item", parameters: "days_around = 1", rows: ROWS, drugs: "" };

    const AUDIT: Bench = Bench { family: "missing_item", parameters: "", rows: ROWS, drugs: "" };

    const ROWS: &str = "match,key,item,needs,needs_surgery,needs_name,window,source,flag\n\
               hospital,TUBE,透析管路,hospital:HD|hospital:HDF,,透析项目,单日,site,B\n\
               hospital,LINE,透析管路,class:03110,,透析项目,单日,site,B\n\
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
        let request = r#"{"orders":[{"rx_id":"1","hosplist_code":"TUBE"}],"history":{"since":"20240101","orders":[
            {"rx_id":"H","hosplist_code":"HD","cnt":"1","fee_ocur_time":"20260515"}]}}"#;
        BENCH.check(request, "pass");
    }

    #[test]
    fn an_operation_will_do() {
        let request = |surgeries: &str| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"STENT"}}],"history":{{}}{surgeries}}}"#
            )
        };
        BENCH.check(&request(r#","surgeries":[{"oprn_oprt_code":"36.0600"}]"#), "pass");
        let text = "hit 1: 开具【STENT】未见支架植入手术";
        BENCH.check(&request(r#","surgeries":[{"oprn_oprt_code":"37.2200"}]"#), text);
        BENCH.check(&request(r#","surgeries":[]"#), text);
        BENCH.check(&request(""), "unknown surgeries");
        let by_name = request(r#","surgeries":[{"oprn_oprt_name":"支架植入"}]"#);
        BENCH.check(&by_name, "unknown surgeries[0].oprn_oprt_code");
    }

    #[test]
    fn done_earlier_in_this_encounter() {
        let request = |encounter: &str| {
            format!(
                r#"{{"encounter":{{"mdtrt_id":"M"}},"orders":[{{"rx_id":"1","hosplist_code":"STENT"}}],"surgeries":[],
                "history":{{"since":"20240101","orders":[{{"rx_id":"H","mdtrt_id":"{encounter}","hosplist_code":"PCI","cnt":"1","fee_ocur_time":"20260501"}}]}}}}"#
            )
        };
        BENCH.check(&request("M"), "pass");
        BENCH.check(&request("N"), "hit 1: 开具【STENT】未见支架植入手术");
    }

    #[test]
    fn who_does_not_know_the_past_accuses_nobody() {
        let order = |item: &str, more: &str| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"{item}"}}],"surgeries":[]{more}}}"#
            )
        };
        BENCH.check(&order("STENT", ""), "unknown history");
        BENCH.check(&order("TUBE", ""), "unknown history");
        let since = |day: &str| format!(r#","history":{{"since":"{day}"}}"#);
        BENCH.check(&order("TUBE", &since("20260515")), "unknown history");
        let hit = "hit 1: 开具【TUBE】未见透析项目";
        BENCH.check(&order("TUBE", &since("20260514")), hit);
        let stay = |day: &str| {
            format!(r#"{},"encounter":{{"mdtrt_id":"M","adm_date":"20260510"}}"#, since(day))
        };
        BENCH.check(&order("STENT", &stay("20260511")), "unknown history");
        let hit = "hit 1: 开具【STENT】未见支架植入手术";
        BENCH.check(&order("STENT", &stay("20260510")), hit);
    }

    #[test]
    fn what_could_be_it() {
        let tube = r#"{"rx_id":"1","hosplist_code":"TUBE","cnt":"1","fee_ocur_time":"20260515"}"#;
        let beside = |other: &str, expected: &str| {
            AUDIT.check(&format!(r#"{{"fees":[{tube},{{"rx_id":"2",{other}}}]}}"#), expected);
        };
        let hit = "hit 1: 开具【TUBE】未见透析项目";
        beside(r#""hosplist_code":"HD","cnt":"1""#, "unknown fees[2].fee_ocur_time");
        beside(r#""hosplist_code":"X","cnt":"1","fee_ocur_time":"20260515""#, hit);
        let line = tube.replace("TUBE", "LINE");
        let beside = |other: &str, expected: &str| {
            AUDIT.check(&format!(r#"{{"fees":[{line},{{"rx_id":"2",{other}}}]}}"#), expected);
        };
        let unmapped = r#""hosplist_code":"X","cnt":"1","fee_ocur_time":"20260515""#;
        beside(unmapped, "unknown fees[2].hilist_code");
        let hit = "hit 1: 开具【LINE】未见透析项目";
        beside(&unmapped.replace("0515", "0516"), hit);
        beside(&format!(r#"{unmapped},"hilist_code":"001101""#), hit);
        beside(&format!(r#"{unmapped},"hilist_code":"003110""#), "pass");
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
