//! I13 重复开药（医保）, one half: several items of one class of the national drug catalogue.
//!
//! What: a row names a class, how many items of it are too many, and which pairs are meant. Lines of
//! this session, active ones, and what earlier prescriptions still cover count together; the same
//! drug twice is the other half's business ([`super::early_refill`]).
//! Why: two drugs of one class do one drug's work and are paid twice.
//! Basis: GZ10000301006000 重复开药; 医疗保障基金使用监督管理条例 art. 15.
//! Example: 奥美拉唑 + 伏诺拉生 → hit. Let through: named pairs (aspirin with clopidogrel, short- with
//! long-acting insulin), what acts on skin or eye, a switch from injection to mouth, drugs that share no day.

use crate::drug::Form;
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::{Line, LineKind};

use super::usage::is_same_drug;

/// The family `catalogue_class`.
pub struct CatalogueClass;

const ROWS: [Column; 4] = [
    Column::required("class_name", "类别名称", ColumnKind::Text),
    Column::required("count_min", "几种起为重复", ColumnKind::Whole),
    Column::optional(
        "exempt_pairs",
        "豁免的组合，成分或目录分类，如「阿司匹林+氯吡格雷」「A10AB+A10AE」",
        ColumnKind::List,
    ),
    Column::optional("topical_too", "外用药也计入", ColumnKind::Flag),
];

impl Family for CatalogueClass {
    fn id(&self) -> &'static str {
        "catalogue_class"
    }

    fn zh_name(&self) -> &'static str {
        "重复开药（同一目录分类）"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "GZ10000301006000 重复开药；医疗保障基金使用监督管理条例第十五条（重复开药）",
            window: "同时在用",
            text: "【{药品}】与{其他药品}同属{类别}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.drug_ingd",
            "orders.drord_begn_date",
            "orders.drord_stop_date",
            "orders.medc_days",
            "orders.drug_used_way_code",
            "history.orders",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let is_pair = |pair: &&String| pair.split('+').count() == 2;
        let bad = row.list("exempt_pairs").iter().find(|pair| !is_pair(pair));
        let few = (row.whole("count_min") < 2).then(|| "`count_min` begins with 2".to_owned());
        bad.map(|pair| format!("`{pair}` is not a pair such as 甲+乙")).or(few)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for (at, found) in case.matches.iter().enumerate() {
            let is_first = case.matches.get(..at).is_none_or(|before| {
                before.iter().all(|earlier| !std::ptr::eq(earlier.row, found.row))
            });
            if is_first {
                outcomes.push(judge_class(case, found));
            }
        }
        outcomes
    }
}

fn judge_class(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    let row = &found.row.parameters;
    let topical_too = row.flag("topical_too");
    let of_class = case.about(&found.row.key).filter(|line| line.kind == LineKind::Order);
    let items = of_class.chain(case.past(&found.row.key));
    let items: Vec<&Line<'_>> = items
        .filter(|line| (topical_too || line.is_systemic()) && !line.is_refund())
        .filter(|line| !line.is_cancelled())
        .filter(|line| !(case.rule.exempt_self_pay && line.is_self_paid()))
        .collect();
    let new: Vec<&Line<'_>> = items.iter().copied().filter(|line| is_new(line)).collect();
    let is_many = |others: &[&Line<'_>]| {
        u32::try_from(others.len()).unwrap_or(u32::MAX) + 1 >= row.whole("count_min")
    };
    let mut unknown = None;
    for line in &new {
        // Each drug counts once: as the sure one, where there is one.
        let mut items = items.clone();
        items.sort_by_key(|other| may_follow(line, other));
        let together = together_with(line, &items, row);
        let is_open = |other: &&Line<'_>| may_follow(line, other);
        let (open, sure): (Vec<_>, Vec<_>) = together.iter().copied().partition(is_open);
        if is_many(&sure) {
            return Outcome::Hit(hit(found, line, &sure));
        }
        // What one code leaves open hides no sure pair behind it.
        if unknown.is_none() && is_many(&together) {
            let lacks = if line.is_taken_home().is_none() { Some(line) } else { open.first() };
            unknown = lacks.map(|it| Outcome::unknown(it.path("drord_bhvr")));
        }
    }
    unknown.unwrap_or(Outcome::Pass)
}

/// Whether one of two may be taken home after the other was given in the ward.
fn may_follow(line: &Line<'_>, other: &Line<'_>) -> bool {
    other.kind == LineKind::Order && line.differs_in_being_taken_home(other).is_none()
}

fn is_new(line: &Line<'_>) -> bool {
    line.kind == LineKind::Order && line.order.current
}

/// The other drugs of the class that are taken on some day on which the line is, each once.
fn together_with<'a>(
    line: &Line<'_>,
    items: &[&'a Line<'a>],
    row: &Parameters,
) -> Vec<&'a Line<'a>> {
    let mut together: Vec<&Line<'_>> = Vec::new();
    for other in items {
        let is_known = together.iter().any(|known| is_same_drug(known, other));
        let is_over =
            other.kind == LineKind::Past && other.ends().unwrap_or(other.begins) < line.begins;
        if !is_same_drug(line, other)
            && !is_known
            && !is_over
            && line.overlaps(other)
            && !is_let_through(line, other, row)
        {
            together.push(other);
        }
    }
    together
}

fn is_let_through(line: &Line<'_>, other: &Line<'_>, row: &Parameters) -> bool {
    let is_switch = matches!(
        (line.form(), other.form()),
        (Some(Form::Injection), Some(Form::Oral)) | (Some(Form::Oral), Some(Form::Injection))
    );
    let is_pair = |pair: &String| {
        pair.split_once('+').is_some_and(|(one, two)| {
            (is_named(line, one) && is_named(other, two))
                || (is_named(line, two) && is_named(other, one))
        })
    };
    is_switch
        || other.kind == LineKind::Order && line.differs_in_being_taken_home(other) == Some(true)
        || row.list("exempt_pairs").iter().any(is_pair)
}

/// Whether one half of a pair names the line: by an ingredient, or by the catalogue's class.
fn is_named(line: &Line<'_>, half: &str) -> bool {
    let half = half.trim();
    let class = line.national_code().and_then(|code| code.get(1..));
    line.contains(half) || class.is_some_and(|class| class.starts_with(half))
}

fn hit(found: &Match<'_>, line: &Line<'_>, together: &[&Line<'_>]) -> Hit {
    let class = found.row.parameters.text("class_name");
    let others: Vec<_> = together.iter().map(|other| format!("【{}】", other.name())).collect();
    let of_session = together.iter().filter(|other| other.kind == LineKind::Order);
    Hit {
        violating: vec![line.position],
        involved: of_session.map(|other| other.position).collect(),
        text: format!("【{}】与{}同属{class}", line.name(), others.concat()),
        evidence: others,
        source: Some(found.row.source.clone()),
        ..Hit::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::{Bench, unreadable};

    const BENCH: Bench = Bench {
        family: "catalogue_class",
        parameters: "",
        rows: "match,key,item,class_name,count_min,exempt_pairs,source,flag\n\
               class,A02BC,质子泵抑制剂,质子泵抑制剂,2,,2025,A\n\
               class,B01AC,抗血小板药,抗血小板药,2,阿司匹林+氯吡格雷,2025,A\n\
               class,A10A,胰岛素,胰岛素,2,A10AB+A10AE,2025,A\n\
               class,S01E,青光眼用药,青光眼用药,2,,2025,A\n",
        drugs: "hospital,OME,奥美拉唑肠溶胶囊,XA02BCA000E001010100000,奥美拉唑,20 mg,粒,14,口服,\n\
                hospital,OMI,注射用奥美拉唑,XA02BCA000B001010100000,奥美拉唑,40 mg,支,1,注射,\n\
                hospital,VON,富马酸伏诺拉生片,XA02BCF721A001010100239,伏诺拉生,20 mg,片,7,口服,\n\
                hospital,ESO,艾司奥美拉唑片,XA02BCE000A001010100000,艾司奥美拉唑,20 mg,片,7,口服,\n\
                hospital,PAI,注射用泮托拉唑,XA02BCP000B001010100000,泮托拉唑,40 mg,支,1,注射,\n\
                hospital,ASP,阿司匹林肠溶片,XB01ACA000A001010100000,阿司匹林,100 mg,片,30,口服,\n\
                hospital,CLO,氯吡格雷片,XB01ACL000A001010100000,氯吡格雷,75 mg,片,7,口服,\n\
                hospital,TIC,替格瑞洛片,XB01ACT000A001010100000,替格瑞洛,90 mg,片,14,口服,\n\
                hospital,INR,门冬胰岛素,XA10ABM000B002010100000,门冬胰岛素,300 IU,支,1,注射,\n\
                hospital,ING,甘精胰岛素,XA10AEG000B002010100000,甘精胰岛素,300 IU,支,1,注射,\n\
                hospital,IND,地特胰岛素,XA10AED000B002010100000,地特胰岛素,300 IU,支,1,注射,\n\
                hospital,TIM,噻吗洛尔滴眼液,XS01EDT000G010010100000,噻吗洛尔,?,支,1,外用,\n\
                hospital,TRA,曲伏前列素滴眼液,XS01EEQ092G010010101322,曲伏前列素,?,支,1,外用,\n",
    };

    const HIT: &str = "hit 1: 【奥美拉唑肠溶胶囊】与【富马酸伏诺拉生片】同属质子泵抑制剂";

    #[test]
    fn two_items_of_one_class() {
        check(&["OME", "VON"], HIT);
        check(&["OME", "ASP"], "pass");
        check(&["OME", "OME"], "pass");
        let active = r#"{"rx_id":"9","hosplist_code":"VON","curr_drord_flag":"0"},{"rx_id":"1","hosplist_code":"OME"}"#;
        BENCH.check(&format!(r#"{{"orders":[{active}]}}"#), HIT);
        let changed = |hour: &str| {
            let times = format!(r#""curr_drord_flag":"0","drord_stop_date":"20260515{hour}0000""#);
            let old = active.replace(r#""curr_drord_flag":"0""#, &times);
            old.replace(r#""OME""#, r#""OME","drord_begn_date":"20260515080000""#)
        };
        // What takes the place of another is not taken beside it.
        BENCH.check(&format!(r#"{{"orders":[{}]}}"#, changed("08")), "pass");
        BENCH.check(&format!(r#"{{"orders":[{}]}}"#, changed("20")), HIT);
        let both_old = active
            .replace(r#""hosplist_code":"OME""#, r#""hosplist_code":"OME","curr_drord_flag":"0""#);
        BENCH.check(&format!(r#"{{"orders":[{both_old}]}}"#), "pass");
    }

    #[test]
    fn what_earlier_prescriptions_still_cover() {
        past("20260501", "30", HIT);
        past("20260401", "30", "pass");
        past("20260501", "", "pass");
    }

    #[test]
    fn an_unreadable_code_hides_no_sure_pair() {
        let stay = |drugs: &[&str], open: &str| {
            let lines: Vec<_> = (1..)
                .zip(drugs)
                .map(|(at, drug)| format!(r#"{{"rx_id":"{at}","hosplist_code":"{drug}"}}"#))
                .collect();
            let request = format!(
                r#"{{"encounter":{{"med_mdtrt_type":"2"}},"orders":[{}]}}"#,
                lines.join(",")
            );
            BENCH.told_after(&request, |facts| unreadable(facts, open))
        };
        assert_eq!(stay(&["OME", "VON"], "1"), "unknown orders[1].drord_bhvr");
        assert_eq!(stay(&["OME", "VON"], "2"), "unknown orders[2].drord_bhvr");
        let sure = "hit 2: 【富马酸伏诺拉生片】与【艾司奥美拉唑片】同属质子泵抑制剂";
        assert_eq!(stay(&["OME", "VON", "ESO"], "1"), sure);
        assert_eq!(
            stay(&["OME", "VON", "ESO"], "2"),
            HIT.replace("富马酸伏诺拉生片", "艾司奥美拉唑片")
        );
        // Nor one of the same drug that can be read.
        let active = r#"VON","curr_drord_flag":"0"#;
        assert_eq!(stay(&["OME", active, active], "2"), HIT);
    }

    #[test]
    fn pairs_that_are_meant() {
        check(&["ASP", "CLO"], "pass");
        check(&["ASP", "TIC"], "hit 1: 【阿司匹林肠溶片】与【替格瑞洛片】同属抗血小板药");
        check(&["INR", "ING"], "pass");
        check(&["ING", "IND"], "hit 1: 【甘精胰岛素】与【地特胰岛素】同属胰岛素");
        check(&["TIM", "TRA"], "pass");
        check(&["PAI", "OME"], "pass");
    }

    #[test]
    fn an_item_without_a_national_code_is_unknown() {
        check(&["OME", "XYZ"], "unknown orders[2].hilist_code");
    }

    #[track_caller]
    fn check(drugs: &[&str], expected: &str) {
        let lines: Vec<_> = (1..)
            .zip(drugs)
            .map(|(at, drug)| format!(r#"{{"rx_id":"{at}","hosplist_code":"{drug}"}}"#))
            .collect();
        BENCH.check(&format!(r#"{{"orders":[{}]}}"#, lines.join(",")), expected);
    }

    #[track_caller]
    fn past(day: &str, days: &str, expected: &str) {
        let past = format!(
            r#"{{"rx_id":"h","hosplist_code":"VON","fee_ocur_time":"{day}","medc_days":"{days}"}}"#
        );
        BENCH.check(
            &format!(
                r#"{{"history":{{"orders":[{past}]}},"orders":[{{"rx_id":"1","hosplist_code":"OME"}}]}}"#
            ),
            expected,
        );
    }
}
