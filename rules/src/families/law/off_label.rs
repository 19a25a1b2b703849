//! L13 超说明书用药: a use outside the label needs the committee's entry and the patient's consent.
//!
//! What: a row says of a drug which use is off the label: by diagnoses, by words in the route or the
//! body site. For such a use the entry must exist, in the row or on the line, and consent be ticked.
//! A row by code with `on_label` takes one maker's product out, whose label has the use.
//! Why: off-label is allowed with evidence, not in silence.
//! Basis: 医师法 art. 29.
//! Example: 贝伐珠单抗 into the eye, entry and consent ticked → pass; no entry → hit.

use crate::families::lines::identity;
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::icd::Diagnosed;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `off_label`.
pub struct OffLabel;

const ROWS: [Column; 5] = [
    Column::required("use", "用途", ColumnKind::Text),
    Column::optional("diagnoses", "该用途的诊断编码", ColumnKind::List),
    Column::optional("words", "该用途的途径或部位字样", ColumnKind::List),
    Column::optional("registered", "已在本院备案", ColumnKind::Flag),
    Column::optional("on_label", "该产品说明书已有此用途", ColumnKind::Flag),
];

impl Family for OffLabel {
    fn id(&self) -> &'static str {
        "off_label"
    }

    fn zh_name(&self) -> &'static str {
        "超说明书用药管理"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "医师法第二十九条",
            window: "本次就诊",
            text: "【{药品}】用于{用途}属超说明书用药，{要求}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "diagnoses.dise_codg",
            "orders.hosplist_code",
            "orders.hilist_code",
            "orders.drug_used_way_name",
            "orders.body_site",
            "orders.regd_use_flag",
            "orders.consent_flag",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let says = !row.list("diagnoses").is_empty() || !row.list("words").is_empty();
        (!says).then(|| "a use is told by `diagnoses` or by `words`".to_owned())
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().map(|found| judge_match(case, found)).collect()
    }
}

fn judge_match(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    let row = &found.row.parameters;
    let of_use = row.text("use");
    let is_labelled = case.current().any(|other| {
        other.line.position == found.line.position
            && other.row.parameters.flag("on_label")
            && other.row.parameters.text("use") == of_use
    });
    if is_labelled {
        return Outcome::NotApplicable;
    }
    match is_used_so(case, row, found.line) {
        Ok(false) => return Outcome::Pass,
        Ok(true) => {}
        Err(missing) => return Outcome::Unknown { missing },
    }
    let order = found.line.order;
    let has_entry = row.flag("registered") || order.registered_use == Some(true);
    let text = match (has_entry, order.consent == Some(true)) {
        (true, true) => return Outcome::Pass,
        (false, _) => "未见超说明书用药备案，请确认已知情同意备案",
        (true, false) => "已备案，请确认已取得患者知情同意",
    };
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!("【{}】用于{of_use}属超说明书用药，{text}", found.line.name()),
        evidence: vec![identity(found.line).to_owned(), of_use.to_owned(), text.to_owned()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })
}

/// Either sign tells the use; only a diagnosis that nobody sent leaves it open.
fn is_used_so(case: &Case<'_>, row: &Parameters, line: &Line<'_>) -> Result<bool, Vec<String>> {
    let words = row.list("words");
    let written = [&line.order.route_text, &line.order.body_site];
    let says = |text: &str| words.iter().any(|word| text.contains(word.as_str()));
    if written.into_iter().flatten().any(|text| says(text)) {
        return Ok(true);
    }
    let diagnoses = row.list("diagnoses");
    if diagnoses.is_empty() {
        let is_written = line.order.route_text.is_some() || line.order.body_site.is_some();
        return if is_written { Ok(false) } else { Err(vec![line.path("drug_used_way_name")]) };
    }
    match case.facts.diagnosed(diagnoses) {
        Diagnosed::As(_) => Ok(true),
        Diagnosed::No => Ok(false),
        Diagnosed::Unknown(missing) => Err(missing),
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "off_label",
        parameters: "",
        rows: "match,key,item,use,diagnoses,words,registered,on_label,source,flag\n\
               ingredient,贝伐珠单抗,贝伐珠单抗,眼内注射,,玻璃体|眼内,,,s,B\n\
               ingredient,甲氨蝶呤,甲氨蝶呤,异位妊娠,O00,,y,,s,B\n\
               ingredient,二甲双胍,二甲双胍,多囊卵巢综合征,E28.2,,,,s,B\n\
               hospital,MEX,某厂二甲双胍,多囊卵巢综合征,E28.2,,,y,s,B\n",
        drugs: "hospital,BEV,贝伐珠单抗注射液,,贝伐珠单抗,100 mg,支,1,注射,\n\
                hospital,MTX,注射用甲氨蝶呤,,甲氨蝶呤,5 mg,支,1,注射,\n\
                hospital,MET,盐酸二甲双胍片,,二甲双胍,0.5 g,片,20,口服,\n\
                hospital,MEX,某厂盐酸二甲双胍片,,二甲双胍,0.5 g,片,20,口服,\n",
    };

    const EYE: &str = r#"BEV","drug_used_way_name":"玻璃体腔注射"#;

    #[test]
    fn into_the_eye() {
        let hit = "hit 1: 【贝伐珠单抗注射液】用于眼内注射属超说明书用药，未见超说明书用药备案，请确认已知情同意备案";
        check("", EYE, hit);
        check("", &format!(r#"{EYE}","regd_use_flag":"1","consent_flag":"1"#), "pass");
        check(
            "",
            &format!(r#"{EYE}","regd_use_flag":"1"#),
            "hit 1: 【贝伐珠单抗注射液】用于眼内注射属超说明书用药，已备案，请确认已取得患者知情同意",
        );
        check("", &format!(r#"{EYE}","consent_flag":"1"#), hit);
        check("", r#"BEV","drug_used_way_name":"静脉滴注"#, "pass");
        check("", r#"BEV","body_site":"左眼，眼内"#, hit);
        check("", "BEV", "unknown orders[1].drug_used_way_name");
    }

    #[test]
    fn by_diagnosis() {
        let ectopic = r#""diagnoses":[{"dise_codg":"O00.1"}],"#;
        check(
            ectopic,
            "MTX",
            "hit 1: 【注射用甲氨蝶呤】用于异位妊娠属超说明书用药，已备案，请确认已取得患者知情同意",
        );
        check(ectopic, r#"MTX","consent_flag":"1"#, "pass");
        check(r#""diagnoses":[{"dise_codg":"M06.9"}],"#, "MTX", "pass");
        check("", "MTX", "unknown diagnoses");
    }

    #[test]
    fn another_makers_label() {
        let ovary = r#""diagnoses":[{"dise_codg":"E28.2"}],"#;
        check(
            ovary,
            "MET",
            "hit 1: 【盐酸二甲双胍片】用于多囊卵巢综合征属超说明书用药，未见超说明书用药备案，请确认已知情同意备案",
        );
        check(ovary, "MEX", "nothing");
    }

    #[track_caller]
    fn check(facts: &str, drug: &str, expected: &str) {
        BENCH.check(
            &format!(r#"{{{facts}"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#),
            expected,
        );
    }
}
