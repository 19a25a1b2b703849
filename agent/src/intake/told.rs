//! What the templates of a dialect are told of a check: which kind of answer it wants, and the orders
//! that were asked about. The doors and the cases beside mappings say it alike.

use mappings::AnswerKind;
use rules::{Completeness, Facts, Verdict};
use serde_json::json;

/// What was found comes before what could not be judged: the doctor must see it.
pub(crate) fn kind_of(verdict: &Verdict) -> AnswerKind {
    if verdict.shown().next().is_some() {
        AnswerKind::Hit
    } else if verdict.outcome == Completeness::Degraded {
        AnswerKind::Degraded
    } else if verdict.outcome == Completeness::Partial {
        AnswerKind::Unknown
    } else {
        AnswerKind::Passed
    }
}

/// The orders that were asked about, each as JSON.
pub(crate) fn orders(facts: &Facts) -> Vec<String> {
    let orders = facts.orders.present().into_iter().flatten();
    let order = |it: &rules::facts::Order| {
        json!({
            "rx_id": it.rx_id,
            "rxno": it.rxno,
            "group": it.group,
            "code": it.hospital_code.as_ref().or(it.national_code.as_ref()),
            "name": it.name,
            "specification": it.specification,
            "amount": it.amount.map(|it| it.to_string()),
        })
        .to_string()
    };
    orders.map(order).collect()
}
