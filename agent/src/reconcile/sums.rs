//! The sums of money in a group of records: which elements are added up, and how.
//!
//! Both sides must add up the same, and the platform may have another catalog than the agent: so the
//! choice goes by the element's name alone. In the standard a sum of money ends in `amt`, `_pay` or
//! `_fee`. Decimals are added as decimals, whatever their scale.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::value::RawValue;

/// Sums by element.
pub(crate) type Sums = BTreeMap<String, Decimal>;

/// Adds the amounts of a record's elements.
pub(crate) fn add(sums: &mut Sums, elements: &str) {
    let Ok(elements) = serde_json::from_str::<BTreeMap<&str, &RawValue>>(elements) else { return };
    for (name, value) in elements {
        if !is_amount(name) {
            continue;
        }
        let Ok(value) = Decimal::from_str_exact(value.get()) else { continue };
        let sum = sums.entry(name.to_owned()).or_default();
        // Beyond 28 digits there is nothing to add up; the records are compared one by one anyway.
        *sum = sum.checked_add(value).unwrap_or(*sum);
    }
}

/// Adds sums to sums.
pub(crate) fn join(sums: &mut Sums, more: &Sums) {
    for (name, value) in more {
        let sum = sums.entry(name.clone()).or_default();
        *sum = sum.checked_add(*value).unwrap_or(*sum);
    }
}

/// Sums as they travel: exact text.
pub(crate) fn told(sums: &Sums) -> BTreeMap<String, String> {
    sums.iter().map(|(name, sum)| (name.clone(), sum.normalize().to_string())).collect()
}

pub(super) fn is_amount(name: &str) -> bool {
    ["amt", "_pay", "_fee"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_added_and_nothing_else() {
        check(&[r#"{"det_item_fee_sumamt":0.10,"cnt":3}"#; 3], "det_item_fee_sumamt 0.3");
        check(
            &[r#"{"psn_cash_pay":-1.05,"wm_fee":2}"#, r#"{"wm_fee":0.005}"#],
            "psn_cash_pay -1.05, wm_fee 2.005",
        );
        check(&[r#"{"sumamt":"12"}"#, "no elements"], "");
        // 0.1 + 0.2 and a large one: no binary fractions.
        check(&[r#"{"sumamt":0.1}"#, r#"{"sumamt":0.2}"#], "sumamt 0.3");
        check(&[r#"{"sumamt":99999999999999.99}"#, r#"{"sumamt":0.01}"#], "sumamt 100000000000000");
    }

    #[track_caller]
    fn check(records: &[&str], expected: &str) {
        let mut sums = Sums::new();
        for it in records {
            add(&mut sums, it);
        }
        let told: Vec<_> = told(&sums).iter().map(|(name, sum)| format!("{name} {sum}")).collect();
        assert_eq!(told.join(", "), expected);
    }
}
