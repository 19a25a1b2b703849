//! I05 限儿童/新生儿 and C14 儿童禁用: the age must lie in a range.
//!
//! What: a row gives a drug an age from which (inclusive) and an age below which (exclusive) it may
//! be used. "2-11岁" is from 2岁, below 12岁; "5至12岁以下" excludes twelve. A row with neither bound
//! means "children", and the rule says how old a child is. Way, disease and company of another drug may
//! narrow a row (oral forms, a virus, calcium beside ceftriaxone); 慎用 is a hint where 禁用 is a ban.
//! Why: outside the range the fund does not pay (I05), or the drug harms (C14).
//! Basis: I05: GZ10000101006000, GZ10000101007000, GZ10000301002000, public batch 1 and its revision;
//! C14: GZ10000301003000, drug labels, notices of the drug administration.
//! A ban goes by the age of the body: until two, a child born before week 37 (patient.geso_val, then the
//! weeks at its birth) counts from when it was due. A limit of the fund goes by the register.
//! Example: 复方聚乙二醇电解质散 (2-11岁), 11 years 11 months → pass; 12 years 0 days → hit. Only
//! "34岁" sent: decided where the whole year lies on one side, unknown where it does not.

use crate::age::{Age as Limit, BirthRange};
use crate::families::clinical::population::{
    self, INDICATIONS, LEVEL, NOT_INDICATIONS, WAYS, WITH,
};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};

/// The family `age`.
pub struct Age;

const PARAMETERS: [Column; 2] = [
    Column::required("wording", "措辞：限用或禁用", ColumnKind::Choice(&["limit", "forbid"])),
    Column::optional("child_below", "儿童的年龄上限（不含）", ColumnKind::Age),
];

const ROWS: [Column; 8] = [
    Column::optional("age_from", "年龄下限（含）", ColumnKind::Age),
    Column::optional("age_below", "年龄上限（不含）", ColumnKind::Age),
    Column::optional("limit", "限定内容的原文", ColumnKind::Text),
    LEVEL,
    WAYS,
    INDICATIONS,
    NOT_INDICATIONS,
    WITH,
];

impl Family for Age {
    fn id(&self) -> &'static str {
        "age"
    }

    fn zh_name(&self) -> &'static str {
        "药品限年龄使用"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::SelfPay,
            basis: "GZ10000301002000 儿童专用、GZ10000101007000 限儿童使用",
            window: "本次",
            text: "【{药品}】仅{年龄}可用，患者{患者年龄}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "patient.brdy",
            "patient.geso_val",
            "patient.age",
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.drord_begn_date",
            "orders.drug_used_way_code",
            "diagnoses.dise_codg",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        population::fault(row)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        // What the fund limits goes by the register, what harms by the body.
        let forbids = case.rule.parameters.text("wording") == "forbid";
        let session = case.session;
        let birth = if forbids { session.term_birth } else { session.birth };
        let Some(birth) = birth else { return vec![Outcome::unknown("patient.brdy")] };
        case.current().map(|found| judge_line(case, found, birth)).collect()
    }
}

/// An age range of which either end may be open.
pub(crate) struct Range {
    from: Option<Limit>,
    below: Option<Limit>,
}

impl Range {
    pub(crate) fn of(row: &Parameters) -> Range {
        Range { from: row.maybe_age("age_from"), below: row.maybe_age("age_below") }
    }

    /// Three-valued: one end that is surely missed decides, whatever the other is.
    pub(crate) fn contains(&self, birth: BirthRange, on: jiff::civil::Date) -> Option<bool> {
        let old_enough = self.from.map_or(Some(true), |from| birth.reached(from, on));
        let young_enough = match self.below {
            None => Some(true),
            Some(below) => birth.reached(below, on).map(|reached| !reached),
        };
        match (old_enough, young_enough) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }

    fn describe(&self) -> String {
        match (self.from, self.below) {
            (Some(from), Some(below)) => format!("{from}至{below}以下"),
            (Some(from), None) => format!("{from}及以上"),
            (None, Some(below)) => format!("{below}以下"),
            (None, None) => "各年龄".to_owned(),
        }
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>, birth: BirthRange) -> Outcome {
    let mut range = Range::of(&found.row.parameters);
    if range.from.is_none() && range.below.is_none() {
        range.below = case.rule.parameters.maybe_age("child_below");
    }
    let on = found.line.begins;
    match range.contains(birth, on) {
        None => Outcome::unknown("patient.brdy"),
        Some(true) => Outcome::Pass,
        Some(false) => {
            let fits = population::fits_beside_age(case, found.row, found.line);
            if let Some(outcome) = fits.left_out() {
                return outcome;
            }
            let limit = found
                .row
                .parameters
                .maybe_text("limit")
                .map_or_else(|| range.describe(), str::to_owned);
            let (severity, action) = population::softened(found.row);
            let wording = case.rule.parameters.text("wording");
            let corrected = case.session.describe_age(on).filter(|_| wording == "forbid");
            let age = corrected.unwrap_or_else(|| birth.describe(on));
            let text = text(wording, found, &limit, &age);
            Outcome::Hit(Hit {
                violating: vec![found.line.position],
                text,
                // The age in the text grows; what was acknowledged stays acknowledged.
                evidence: vec![limit],
                source: Some(found.row.source.clone()),
                severity,
                action,
                ..Hit::default()
            })
        }
    }
}

fn text(wording: &str, found: &Match<'_>, limit: &str, age: &str) -> String {
    let name = found.line.name();
    if found.row.parameters.maybe_text("level") == Some("慎用") {
        format!("【{name}】{limit}外慎用，患者{age}")
    } else if wording == "forbid" {
        format!("【{name}】仅{limit}可用，患者{age}")
    } else {
        format!("【{name}】限{limit}使用，患者{age}")
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const LIMIT: Bench = Bench {
        family: "age",
        parameters: "wording = \"limit\", child_below = \"18岁\"",
        rows: "match,key,item,age_from,age_below,limit,source,flag\n\
               code,XA06ADF336P001010100233,复方聚乙二醇电解质散,2岁,12岁,2-11岁儿童,batch 1,A\n\
               hospital,YP5,玛巴洛沙韦,5岁,12岁,5至12岁以下,rev.,A\n\
               hospital,YP18,小儿氨酚黄那敏颗粒,,,,batch 1,A\n\
               hospital,YP28,新生儿用药,,29天,,rev.,A\n",
        drugs: "",
    };

    const FORBID: Bench = Bench {
        family: "age",
        parameters: "wording = \"forbid\"",
        rows: "match,key,item,age_from,age_below,level,ways,indications,with,source,flag\n\
               hospital,YP18,复方磷酸可待因口服溶液,18岁,,,,,,2018年第63号,B\n\
               ingredient,尼美舒利,尼美舒利口服制剂,12岁,,,口服,,,notice,B\n\
               ingredient,头孢曲松,头孢曲松与静脉钙剂,29天,,,,,ingredient:葡萄糖酸钙,label,B\n\
               ingredient,阿司匹林,阿司匹林,16岁,,,,B00|J10,,label,B\n\
               ingredient,左氧氟沙星,左氧氟沙星,18岁,,慎用,,,,guideline,B\n",
        drugs: "hospital,NIM,尼美舒利片,,尼美舒利,100 mg,片,10,口服,\n\
                hospital,NIMG,尼美舒利凝胶,,尼美舒利,?,支,1,外用,\n\
                hospital,CRO,注射用头孢曲松,,头孢曲松,1 g,支,1,注射,\n\
                hospital,CAL,葡萄糖酸钙注射液,,葡萄糖酸钙,1 g,支,5,注射,\n\
                hospital,ASA,阿司匹林片,,阿司匹林,0.1 g,片,30,口服,\n\
                hospital,LEV,左氧氟沙星片,,左氧氟沙星,0.5 g,片,4,口服,\n\
                hospital,YP18,复方磷酸可待因口服溶液,,可待因,?,瓶,1,口服,\n",
    };

    #[test]
    fn from_two_to_eleven() {
        let drug = r#""hilist_code":"XA06ADF336P001010100233","hosplist_code":"X""#;
        check(&LIMIT, "20140616", drug, "pass");
        check(&LIMIT, "20140515", drug, "hit 1: 【X】限2-11岁儿童使用，患者12岁");
        check(&LIMIT, "20240516", drug, "hit 1: 【X】限2-11岁儿童使用，患者1岁11月");
        check(&LIMIT, "20240515", drug, "pass");
        check(&LIMIT, "19920101", drug, "hit 1: 【X】限2-11岁儿童使用，患者34岁");
    }

    #[test]
    fn below_twelve_excludes_twelve() {
        check(
            &LIMIT,
            "20140515",
            r#""hosplist_code":"YP5","hilist_code":"X""#,
            "hit 1: 【YP5】限5至12岁以下使用，患者12岁",
        );
        check(&LIMIT, "20140516", r#""hosplist_code":"YP5","hilist_code":"X""#, "pass");
    }

    #[test]
    fn children_are_as_old_as_the_rule_says() {
        let drug = r#""hosplist_code":"YP18","hilist_code":"X""#;
        check(&LIMIT, "20080516", drug, "pass");
        check(&LIMIT, "20080515", drug, "hit 1: 【YP18】限18岁以下使用，患者18岁");
    }

    #[test]
    fn newborns_in_days() {
        let drug = r#""hosplist_code":"YP28","hilist_code":"X""#;
        check(&LIMIT, "20260417", drug, "pass");
        check(&LIMIT, "20260416", drug, "hit 1: 【YP28】限29天以下使用，患者29天");
    }

    #[test]
    fn whole_years_at_the_boundary() {
        check_age("11岁", "pass");
        check_age("12岁", "hit 1: 【YP5】限5至12岁以下使用，患者12岁");
        check_age("4", "hit 1: 【YP5】限5至12岁以下使用，患者4岁");
        check_age("59月", "hit 1: 【YP5】限5至12岁以下使用，患者4岁");
        let young = r#"{"patient":{"age":"0岁"},"orders":[{"rx_id":"1","hosplist_code":"YP28","hilist_code":"X"}]}"#;
        // Eleven months are "0岁" too.
        LIMIT.check(young, "unknown patient.brdy");
        LIMIT.check(&young.replace("0岁", "0天"), "pass");
        let one_month = young.replace("0岁", "1月");
        LIMIT.check(&one_month, "hit 1: 【YP28】限29天以下使用，患者1月");
    }

    #[test]
    fn forbidden_below_eighteen() {
        let drug = r#""hosplist_code":"YP18""#;
        check(
            &FORBID,
            "20080516",
            drug,
            "hit 1: 【复方磷酸可待因口服溶液】仅18岁及以上可用，患者17岁",
        );
        check(&FORBID, "20080515", drug, "pass");
    }

    #[test]
    fn a_ban_may_hang_on_way_disease_and_company() {
        let child = "20200101";
        check(
            &FORBID,
            child,
            r#""hosplist_code":"NIM""#,
            "hit 1: 【尼美舒利片】仅12岁及以上可用，患者6岁",
        );
        check(&FORBID, child, r#""hosplist_code":"NIMG""#, "nothing");
        let born = "20260501";
        check(&FORBID, born, r#""hosplist_code":"CRO""#, "nothing");
        let with = r#""hosplist_code":"CRO"},{"rx_id":"2","hosplist_code":"CAL""#;
        check(&FORBID, born, with, "hit 1: 【注射用头孢曲松】仅29天及以上可用，患者14天");
        check(&FORBID, child, with, "pass");
        check(&FORBID, child, r#""hosplist_code":"ASA""#, "unknown diagnoses");
        let virus = r#""hosplist_code":"ASA"}],"diagnoses":[{"dise_codg":"J10.1""#;
        check(&FORBID, child, virus, "hit 1: 【阿司匹林片】仅16岁及以上可用，患者6岁");
    }

    /// Born on 1 April; the day of the check is 15 May.
    #[test]
    fn a_child_born_too_early_is_younger_than_its_register() {
        let with = r#""hosplist_code":"CRO"},{"rx_id":"2","hosplist_code":"CAL""#;
        let born = |weeks: &str| format!(r#"20260401","geso_val":"{weeks}"#);
        let hit = "hit 1: 【注射用头孢曲松】仅29天及以上可用，患者";
        check(&FORBID, "20260401", with, "pass");
        check(&FORBID, &born("37"), with, "pass");
        check(&FORBID, &born("36"), with, &format!("{hit}矫正16天（实足1月）"));
        check(&FORBID, &born("32"), with, &format!("{hit}矫正0天（实足1月）"));
        check(&FORBID, &born("12"), with, "data C302; pass");
        let newborn = r#""hosplist_code":"YP28","hilist_code":"X""#;
        let limit = "hit 1: 【YP28】限29天以下使用，患者1月";
        check(&LIMIT, &born("32"), newborn, limit);
    }

    #[test]
    fn unwise_is_a_hint() {
        let request =
            r#"{"patient":{"brdy":"20100101"},"orders":[{"rx_id":"1","hosplist_code":"LEV"}]}"#;
        FORBID.check(request, "hit 1: 【左氧氟沙星片】18岁及以上外慎用，患者16岁");
        FORBID.check_weight(request, "3 hint");
    }

    #[test]
    fn the_age_counts_on_the_day_of_the_order() {
        let drug = r#""hosplist_code":"YP18","drord_begn_date":"20260516""#;
        check(&FORBID, "20080516", drug, "pass");
    }

    #[test]
    fn no_age_and_impossible_births() {
        let drug = r#""hosplist_code":"YP18""#;
        check(&FORBID, "", drug, "unknown patient.brdy");
        check(&FORBID, "20270101", drug, "unknown patient.brdy; data C304");
        check(&FORBID, "18900101", drug, "unknown patient.brdy; data C305");
        check(&FORBID, "20080230", drug, "unknown patient.brdy; data C303");
    }

    #[track_caller]
    fn check(bench: &Bench, birth: &str, drug: &str, expected: &str) {
        let request =
            format!(r#"{{"patient":{{"brdy":"{birth}"}},"orders":[{{"rx_id":"1",{drug}}}]}}"#);
        bench.check(&request, expected);
    }

    #[track_caller]
    fn check_age(age: &str, expected: &str) {
        let request = format!(
            r#"{{"patient":{{"age":"{age}"}},"orders":[{{"rx_id":"1","hosplist_code":"YP5","hilist_code":"X"}}]}}"#
        );
        LIMIT.check(&request, expected);
    }
}
