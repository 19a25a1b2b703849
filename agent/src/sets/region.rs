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
        check("hunan", "1", Some(Maternity::Neither), Some(false));
        check("hunan", "3", Some(Maternity::Pregnant), Some(false));
        check("short-codes", "1", Some(Maternity::Pregnant), Some(true));
        check("short-codes", "2", Some(Maternity::Breastfeeding), Some(true));
        // Nobody has said which table the country uses: nothing is claimed.
        check("national", "1", None, None);
        check("national", "3", None, None);
        check("national", "妊娠期", Some(Maternity::Pregnant), None);
    }

    #[test]
    fn two_is_tertiary_where_the_table_has_fourteen_steps_and_nothing_without_one() {
        use rules::facts::HospitalLevel::{Secondary, Tertiary};
        for (profile, code, expected) in [
            ("hunan", "2", Some(Tertiary)),
            ("hunan", "05", Some(Secondary)),
            ("national", "2", None),
            ("national", "02", None),
            ("national", "05", Some(Secondary)),
            ("national", "13", Some(Secondary)),
            ("national", "二级", Some(Secondary)),
            ("short-codes", "2", None),
        ] {
            let region = of(&Catalog::shipped(profile).unwrap());
            let text = format!(
                r#"{{"patient_dtos":{{"fsi_encounter_dtos":{{"mdtrt_id":"M","medins_lv":"{code}","fsi_order_dtos":[]}}}}}}"#
            );
            let asked =
                rules::insurance::read(&text, rules::insurance::Service::Before, &region).unwrap();
            let facts = asked.patients.first().unwrap();
            let level = facts.encounter.present().unwrap().hospital_level;
            assert_eq!(level, expected, "{profile} {code}");
            assert_eq!(facts.data_findings, [], "{profile} {code}");
        }
    }

    #[track_caller]
    fn check(profile: &str, code: &str, expected: Option<Maternity>, is_taken_home: Option<bool>) {
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
        let read = order.behaviour_code.is_none().then_some(order.discharge);
        assert_eq!((maternity, read), (expected, is_taken_home), "{profile} {code}");
        assert_eq!(facts.data_findings, [], "{profile} {code}");
    }
}
