//! Families I01 to I13: what the fund pays, for drugs.

use crate::family::Family;

pub mod catalogue_class;
pub mod chronic_disease_list;
pub mod early_refill;
pub mod first_line;
pub mod indication;
pub mod institution_level;
pub mod internet_scope;
pub mod paid_course;
pub mod payer_kind;
pub mod slice_alone;
pub mod slice_unpaid;
pub mod supply_cap;
pub(crate) mod usage;
pub mod visit_kind;

/// Every family of this room.
pub(super) static ALL: &[&dyn Family] = &[
    &payer_kind::PayerKind,
    &slice_unpaid::SliceUnpaid,
    &slice_alone::SliceAlone,
    &first_line::FirstLine,
    &indication::Indication,
    &supply_cap::SupplyCap,
    &paid_course::PaidCourse,
    &chronic_disease_list::ChronicDiseaseList,
    &institution_level::InstitutionLevel,
    &visit_kind::VisitKindLimit,
    &internet_scope::InternetScope,
    &catalogue_class::CatalogueClass,
    &early_refill::EarlyRefill,
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::families::bench::NOW;
    use crate::{RuleSet, evaluate, request};

    /// The patient's consent to self-pay is not waited for where the doctor declares an emergency.
    #[test]
    fn an_emergency_goes_on_without_consent() {
        check("", "self_pay");
        check(r#","urgt_flag":"0""#, "self_pay");
        check(r#","urgt_flag":"1""#, "hint");
    }

    #[track_caller]
    fn check(more: &str, expected: &str) {
        let text = format!(
            r#"{{"encounter":{{"insutype":"310"}},"orders":[{{"rx_id":"1","hosplist_code":"YPI0101"{more}}}]}}"#
        );
        let facts = request::read(&text).unwrap();
        let verdict = evaluate(&RuleSet::shipped().unwrap(), &facts, NOW.parse().unwrap());
        let finding = verdict.findings.iter().find(|f| f.rule_id == "fund-injury-only").unwrap();
        assert_eq!(finding.action.name(), expected);
    }
}
