//! How much one check may tell. Rules compare what they judge with one another, and what a check told is
//! kept and read again for the next one: what exceeds these bounds is no session of one doctor, and
//! is refused by name. What was told of the past may be as much as a long stay leaves behind.

use crate::facts::{Facts, Group, InputFinding};

/// A list of a check.
pub(crate) struct Bound {
    max: usize,
    /// What it lists.
    zh: &'static str,
}

pub(crate) const ORDERS: Bound = Bound { max: 2_000, zh: "明细" };
pub(crate) const DIAGNOSES: Bound = Bound { max: 500, zh: "诊断" };
pub(crate) const SURGERIES: Bound = Bound { max: 200, zh: "手术" };
pub(crate) const PAST_ORDERS: Bound = Bound { max: 20_000, zh: "既往明细" };
pub(crate) const PAST_STAYS: Bound = Bound { max: 2_000, zh: "既往就诊" };
pub(crate) const PAST_DIAGNOSES: Bound = Bound { max: 2_000, zh: "既往诊断" };
const ALLERGIES: Bound = Bound { max: 200, zh: "过敏" };
const LABS: Bound = Bound { max: 2_000, zh: "检验结果" };
/// A settlement names every charge of the stay.
const FEES: Bound = Bound { max: 20_000, zh: "费用" };
const PAST_ALLERGIES: Bound = Bound { max: 200, zh: "既往过敏" };
const PAST_LABS: Bound = Bound { max: 2_000, zh: "既往检验结果" };

impl Bound {
    /// Why so many are refused, if they are.
    pub(crate) fn refuse(&self, count: usize, path: &str) -> Option<InputFinding> {
        let Bound { max, zh } = self;
        self.is_exceeded_by(count).then(|| InputFinding {
            code: "C105",
            path: path.to_owned(),
            found: format!("{count}条"),
            expected: format!("一次审查最多{max}条{zh}"),
        })
    }

    pub(crate) fn is_exceeded_by(&self, count: usize) -> bool {
        count > self.max
    }
}

/// Every list of a check that is too long, by the names of the canonical request.
#[must_use]
pub fn too_many(facts: &Facts) -> Vec<InputFinding> {
    let now = [
        ORDERS.refuse(count(&facts.orders), "orders"),
        DIAGNOSES.refuse(count(&facts.diagnoses), "diagnoses"),
        ALLERGIES.refuse(count(&facts.allergies), "allergies"),
        LABS.refuse(count(&facts.labs), "labs"),
        FEES.refuse(count(&facts.fees), "fees"),
        SURGERIES.refuse(count(&facts.surgeries), "surgeries"),
    ];
    let past = facts.history.present().map(|it| {
        [
            PAST_ORDERS.refuse(it.orders.len(), "history.orders"),
            PAST_STAYS.refuse(it.stays.len(), "history.stays"),
            PAST_DIAGNOSES.refuse(it.diagnoses.len(), "history.diagnoses"),
            PAST_ALLERGIES.refuse(it.allergies.len(), "history.allergies"),
            PAST_LABS.refuse(it.labs.len(), "history.labs"),
        ]
    });
    now.into_iter().chain(past.into_iter().flatten()).flatten().collect()
}

pub(crate) fn count<T>(list: &Group<Vec<T>>) -> usize {
    list.present().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use crate::request;

    #[test]
    fn lists_that_are_too_long_are_refused_by_name() {
        check("allergies", r#"{"algs":"青霉素"}"#, 200, "200条过敏");
        check("diagnoses", r#"{"dise_codg":"I10"}"#, 500, "500条诊断");
        check("labs", r#"{"exam_item_detl_code":"CR"}"#, 2_000, "2000条检验结果");
        check("surgeries", r#"{"oprn_oprt_code":"01"}"#, 200, "200条手术");
        check("fees", r#"{"rx_id":"1","hosplist_code":"Y"}"#, 20_000, "20000条费用");
        check("history.orders", r#"{"rx_id":"1"}"#, 20_000, "20000条既往明细");
        check("history.stays", "{}", 2_000, "2000条既往就诊");
        check("history.diagnoses", "{}", 2_000, "2000条既往诊断");
        check("history.allergies", "{}", 200, "200条既往过敏");
        check("history.labs", "{}", 2_000, "2000条既往检验结果");
    }

    #[track_caller]
    fn check(list: &str, item: &str, most: usize, expected: &str) {
        let sent = |count: usize| {
            let items = vec![item; count].join(",");
            let told = match list.strip_prefix("history.") {
                Some(list) => format!(r#"{{"history":{{"{list}":[{items}]}}}}"#),
                None => format!(r#"{{"{list}":[{items}]}}"#),
            };
            request::read(&told).err().unwrap_or_default()
        };
        assert_eq!(sent(most), []);
        let refused: Vec<String> = sent(most + 1)
            .into_iter()
            .map(|it| format!("{} {} {} {}", it.code, it.path, it.found, it.expected))
            .collect();
        assert_eq!(refused, [format!("C105 {list} {}条 一次审查最多{expected}", most + 1)]);
    }
}
