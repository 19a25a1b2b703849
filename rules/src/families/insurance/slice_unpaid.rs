//! I02 中药饮片单复方均不予支付: some slices are never paid, alone or in a formula.
//!
//! What: a slice with a row is a hit wherever it stands.
//! Why: 阿胶, 西红花 and the like are tonics or luxuries; the patient may have them and pays.
//! Basis: GZ10000101003000; public batch 11.
//! Example: 阿胶 10 g in a formula of twelve slices → hit. Only the part of the fund matters: a line
//! that the patient pays alone is not judged.

use crate::family::{Case, Family, Hit, Outcome, Rows, Usual};
use crate::rule::{Action, Severity};

/// The family `slice_unpaid`.
pub struct SliceUnpaid;

impl Family for SliceUnpaid {
    fn id(&self) -> &'static str {
        "slice_unpaid"
    }

    fn zh_name(&self) -> &'static str {
        "中药饮片单复方均不予支付"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::SelfPay,
            basis: "GZ10000101003000 中药饮片单复方均不予支付；国家基本医疗保险药品目录",
            window: "本次",
            text: "【{饮片}】不纳入基金支付范围",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &["orders.hilist_code", "orders.hosplist_code", "orders.sumamt", "orders.ownpay_amt"]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&[])
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let unpaid = case.current().filter(|found| !found.line.is_self_paid());
        unpaid
            .map(|found| {
                Outcome::Hit(Hit {
                    violating: vec![found.line.position],
                    text: format!("【{}】不纳入基金支付范围", found.line.name()),
                    source: Some(found.row.source.clone()),
                    ..Hit::default()
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "slice_unpaid",
        parameters: "",
        rows: "match,key,item,source,flag\ncode,T001700233,阿胶,batch 11,A\n",
        drugs: "",
    };

    #[test]
    fn never_paid() {
        let donkey = r#"{"rx_id":"1","hilist_code":"T001700233","hosplist_name":"阿胶""#;
        let other = r#"{"rx_id":"2","hilist_code":"T001700999","hosplist_name":"当归"}"#;
        check(&format!("{donkey}}},{other}"), "hit 1: 【阿胶】不纳入基金支付范围");
        check(other, "nothing");
        let paid = format!(r#"{donkey},"sumamt":"30","ownpay_amt":"30"}}"#);
        check(&paid, "nothing");
        let partly = format!(r#"{donkey},"sumamt":"30","ownpay_amt":"10"}}"#);
        check(&partly, "hit 1: 【阿胶】不纳入基金支付范围");
        check(r#"{"rx_id":"1","hosplist_name":"阿胶"}"#, "unknown orders[1].hilist_code");
    }

    #[track_caller]
    fn check(orders: &str, expected: &str) {
        BENCH.check(&format!(r#"{{"orders":[{orders}]}}"#), expected);
    }
}
