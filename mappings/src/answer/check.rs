//! A check's verdict as templates want it: each order with its findings, each finding with its orders.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The members of a verdict that tell which finding is about which order.
#[derive(Deserialize)]
struct FindingHead {
    #[serde(default)]
    sev_deg: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    judge_result_detail_dtos: Vec<LineHead>,
}

#[derive(Deserialize)]
struct LineHead {
    rx_id: String,
    /// 1 violates, 2 is involved.
    #[serde(default)]
    vola_item_type: String,
}

#[derive(Deserialize)]
struct OrderHead {
    rx_id: String,
}

#[derive(Deserialize)]
struct VerdictParts<'v> {
    #[serde(borrow, default)]
    findings: Vec<&'v RawValue>,
}

/// The variable `check`, from the canonical verdict and the orders that were asked about (each a JSON
/// object with at least `rx_id`). Numbers keep their digits. `None` when either is something else.
pub fn check_variable(verdict: &str, orders: &[String]) -> Option<String> {
    let parts: VerdictParts<'_> = serde_json::from_str(verdict).ok()?;
    let mut findings = Vec::new();
    for raw in parts.findings {
        findings.push((raw.get(), serde_json::from_str::<FindingHead>(raw.get()).ok()?));
    }
    let mut heads = Vec::new();
    for order in orders {
        heads.push((order.as_str(), serde_json::from_str::<OrderHead>(order).ok()?));
    }
    let with_findings = heads.iter().zip(1..).map(|((order, head), position)| {
        let own: Vec<_> = findings.iter().filter(|(_, it)| it.accuses(&head.rx_id)).collect();
        let texts: Vec<&str> = own.iter().map(|(text, _)| *text).collect();
        let (sev_deg, action) = worst(own.iter().map(|(_, it)| it));
        let more = format!(
            "\"position\":{position},\"sev_deg\":\"{sev_deg}\",\"action\":\"{action}\",\"findings\":[{}]",
            texts.join(",")
        );
        with_members(order, &more)
    });
    let orders_json = with_findings.collect::<Option<Vec<_>>>()?.join(",");
    let with_orders = findings.iter().map(|(finding, head)| {
        let lines = head.judge_result_detail_dtos.iter();
        let own = lines.filter_map(|line| heads.iter().find(|(_, it)| it.rx_id == line.rx_id));
        let texts: Vec<&str> = own.map(|(text, _)| *text).collect();
        with_members(finding, &format!("\"orders\":[{}]", texts.join(",")))
    });
    let findings_json = with_orders.collect::<Option<Vec<_>>>()?.join(",");
    let (sev_deg, action) = worst(findings.iter().map(|(_, it)| it));
    // A member that stands twice counts as it stands last: the findings with their orders.
    let more = format!(
        "\"findings\":[{findings_json}],\"orders\":[{orders_json}],\"sev_deg\":\"{sev_deg}\",\"action\":\"{action}\""
    );
    with_members(verdict, &more)
}

impl FindingHead {
    /// An order that is only involved has no finding of its own.
    fn accuses(&self, rx_id: &str) -> bool {
        let mut lines = self.judge_result_detail_dtos.iter();
        lines.any(|it| it.rx_id == rx_id && it.vola_item_type != "2")
    }
}

/// The worst severity and the strictest action; empty when there is none.
fn worst<'f>(findings: impl Iterator<Item = &'f FindingHead> + Clone) -> (&'f str, &'f str) {
    let severity = findings.clone().map(|it| it.sev_deg.as_str()).min().unwrap_or("");
    let rank = |it: &&str| ACTIONS.iter().position(|action| action == it);
    let action = findings.map(|it| it.action.as_str()).min_by_key(rank).unwrap_or("");
    (severity, action)
}

/// The strictest first.
const ACTIONS: [&str; 6] = ["block", "reason", "self_pay", "confirm", "hint", "silent"];

fn with_members(object: &str, more: &str) -> Option<String> {
    let open = object.trim_end().strip_suffix('}')?;
    let comma = if open.trim_end().ends_with('{') { "" } else { "," };
    Some(format!("{open}{comma}{more}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_findings_find_each_other() {
        let verdict = r#"{"outcome":"complete","findings":[{"sev_deg":"2","action":"hint","vola_amt":12.80,"judge_result_detail_dtos":[{"rx_id":"2"}]},{"sev_deg":"3","action":"reason","judge_result_detail_dtos":[{"rx_id":"2","vola_item_type":"2"},{"rx_id":"1","vola_item_type":"1"}]}]}"#;
        let orders = [r#"{"rx_id":"1"}"#.to_owned(), r#"{"rx_id":"2"}"#.to_owned()];
        let check = check_variable(verdict, &orders).unwrap_or_default();
        assert!(check.ends_with(r#""sev_deg":"2","action":"reason"}"#), "{check}");
        assert!(check.contains(r#""orders":[{"rx_id":"1","position":1,"sev_deg":"3","action":"reason","findings":[{"sev_deg":"3""#), "{check}");
        assert!(check.contains(r#"{"rx_id":"2","position":2,"sev_deg":"2","action":"hint","findings":[{"sev_deg":"2","action":"hint","vola_amt":12.80,"#), "{check}");
        assert!(check.contains(r#""orders":[{"rx_id":"2"},{"rx_id":"1"}]}]"#), "{check}");
        assert_eq!(check_variable("[]", &[]), None);
        let empty = check_variable("{}", &[]).unwrap_or_default();
        assert_eq!(empty, r#"{"findings":[],"orders":[],"sev_deg":"","action":""}"#);
    }
}
