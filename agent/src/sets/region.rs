//! What the insurer's codes mean in the hospital's region: the tables of its profile, as words.

use rules::insurance::{REGIONAL, Region};
use schemas::Catalog;

/// The words of the profile in force.
pub(super) fn of(catalog: &Catalog) -> Region {
    let tables = REGIONAL.iter().filter_map(|(entity, element)| {
        let domain = catalog.entity(entity)?.element(element)?.value_domain()?;
        Some(domain.codes().map(move |(code, word)| (*element, code.as_str(), word)))
    });
    Region::new(tables.flatten())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rules::facts::Maternity;

    use super::*;

    #[test]
    fn one_code_means_what_the_region_says() {
        // 1 is neither in one table and pregnant in the other; 4 is senior only in the second.
        check("hunan", "1", Some(Maternity::Neither), false);
        check("hunan", "3", Some(Maternity::Pregnant), false);
        check("short-codes", "1", Some(Maternity::Pregnant), true);
        check("short-codes", "2", Some(Maternity::Breastfeeding), true);
        // Nobody has said which table the country uses: nothing is claimed.
        check("national", "1", None, false);
        check("national", "3", None, false);
        check("national", "妊娠期", Some(Maternity::Pregnant), false);
    }

    #[track_caller]
    fn check(profile: &str, code: &str, expected: Option<Maternity>, is_taken_home: bool) {
        let region = of(&Catalog::shipped(profile).unwrap());
        let line = r#"{"rx_id":"1","hosplist_code":"Y","drord_bhvr":"1","curr_drord_flag":"1"}"#;
        let text = format!(
            r#"{{"patient_dtos":{{"fsi_encounter_dtos":{{"mdtrt_id":"M","matn_stas":"{code}","fsi_order_dtos":{line}}}}}}}"#
        );
        let asked =
            rules::insurance::read(&text, rules::insurance::Service::Before, &region).unwrap();
        let facts = asked.patients.first().unwrap();
        let maternity = facts.patient.present().unwrap().maternity;
        let order = facts.orders.present().unwrap().first().unwrap();
        assert_eq!((maternity, order.discharge), (expected, is_taken_home), "{profile} {code}");
        assert_eq!(facts.data_findings, [], "{profile} {code}");
    }
}
