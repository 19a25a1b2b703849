//! C11 过敏: what the patient reacted to before.
//!
//! What: a recorded allergy is compared with the ingredients of each drug, and by rows with classes:
//! the same class, a class that may cross, an excipient. A severe reaction blocks, others ask for a
//! reason, a possible cross-reaction is a hint. A text that names nothing known is shown as it is.
//! Why: the allergy stands in one system, the prescription in another.
//! Basis: drug labels; β内酰胺类抗菌药物皮肤试验指导原则 (2021); 医院处方点评管理规范 2-2.
//! Example: "青霉素 皮疹" → 阿莫西林 hit, 头孢唑林 hint. Taken before in this hospital: one step milder.
//! Asked, and none → pass; not asked, or 不详 → unknown.

use crate::drug_kind::DrugKind;
use crate::facts::{Allergy as Recorded, AllergySeverity};
use crate::families::clinical::allergy_text::{Said, read};
use crate::families::clinical::contact::is_now;
use crate::family::{Case, Family, Hit, LooksAt, Outcome, Rows, Usual};
use crate::knowledge::{Key, Row};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;
use crate::text::Text;

/// The family `allergy`.
pub struct Allergy;

const PARAMETERS: [Column; 1] =
    [Column::optional("not_drugs", "与药品无关、无须提示的过敏原", ColumnKind::List)];

const ROWS: [Column; 2] = [
    Column::required("allergens", "过敏史中的词", ColumnKind::List),
    Column::required("relation", "关系", ColumnKind::Choice(&["同类", "交叉", "辅料"])),
];

impl Family for Allergy {
    fn id(&self) -> &'static str {
        "allergy"
    }

    fn zh_name(&self) -> &'static str {
        "过敏"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Block,
            basis: "药品说明书；GZ10000301008000 禁忌症；β内酰胺类抗菌药物皮肤试验指导原则（2021）；医院处方点评管理规范（试行）2-2",
            window: "患者全部过敏史",
            text: "患者有「{过敏史}」过敏史，【{药品}】{关系}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "allergies.algs",
            "allergies.aise_code",
            "allergies.algs_sev",
            "history.allergies",
            "history.orders",
            "orders.drug_ingd",
            "orders.hosplist_code",
            "orders.hilist_code",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Beside(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Orders
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let drugs = case.lines().filter(|line| is_now(line) && line.may_be_drug());
        let lines: Vec<_> =
            drugs.filter(|line| line.is_kind(DrugKind::Solvent) != Some(true)).collect();
        if lines.is_empty() {
            return Vec::new();
        }
        let (recorded, nobody_knows) = recorded(case);
        if recorded.is_empty() && case.facts.allergies.is_absent() {
            return vec![Outcome::unknown("allergies")];
        }
        let mut outcomes: Vec<Outcome> =
            recorded.iter().flat_map(|piece| judge_allergy(case, piece, &lines)).collect();
        if outcomes.is_empty() && nobody_knows {
            outcomes.push(Outcome::unknown("allergies"));
        } else if outcomes.is_empty() {
            outcomes.push(Outcome::Pass);
        }
        outcomes
    }
}

/// One piece of a recorded text; empty where only a code was recorded.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    record: &'a Recorded,
    text: &'a str,
}

/// What was recorded now or earlier, each piece once; of the same the worse reaction. And whether
/// somebody wrote that nobody knows.
fn recorded<'a>(case: &Case<'a>) -> (Vec<Piece<'a>>, bool) {
    let now = case.facts.allergies.present().into_iter().flatten();
    let past = case.facts.history.present().into_iter().flat_map(|history| &history.allergies);
    let (mut found, mut nobody_knows): (Vec<Piece<'_>>, bool) = (Vec::new(), false);
    for record in now.chain(past) {
        let said = read(record.text.as_deref().unwrap_or_default(), &|text| is_drug(case, text));
        nobody_knows |= said.contains(&Said::NobodyKnows);
        let mut pieces: Vec<Piece<'_>> = said
            .iter()
            .filter_map(|said| match said {
                Said::Allergy(text) => Some(Piece { record, text }),
                Said::NobodyKnows => None,
            })
            .collect();
        if pieces.is_empty() && record.code.is_some() {
            pieces.push(Piece { record, text: "" });
        }
        for piece in pieces {
            keep_the_worse(&mut found, piece);
        }
    }
    (found, nobody_knows)
}

fn keep_the_worse<'a>(found: &mut Vec<Piece<'a>>, piece: Piece<'a>) {
    let is_same = |k: &&mut Piece<'_>| k.text == piece.text && k.record.code == piece.record.code;
    match found.iter_mut().find(is_same) {
        Some(known) if known.record.severity < piece.record.severity => *known = piece,
        Some(_) => {}
        None => found.push(piece),
    }
}

/// Whether a text names a drug that the rule or the drug table knows.
fn is_drug(case: &Case<'_>, text: &str) -> bool {
    case.rule.rows.iter().any(|row| names(row, text))
        || case.session.drugs.ingredients_in(text).next().is_some()
}

/// How a drug is related to an allergy, closest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    Itself,
    SameClass,
    Excipient,
    Crossing,
}

fn judge_allergy(case: &Case<'_>, piece: &Piece<'_>, lines: &[&Line<'_>]) -> Vec<Outcome> {
    let text = piece.text;
    let (mut hits, mut missing): (Vec<Outcome>, Vec<Text>) = Default::default();
    for line in lines {
        let by_row = case
            .matches
            .iter()
            .filter(|found| found.line.position == line.position && names(found.row, text));
        let by_row = by_row.map(|found| (relation(found.row), Some(found.row)));
        let itself = is_itself(piece.record, text, line).then_some((Relation::Itself, None));
        let closest = by_row.chain(itself).min_by_key(|(relation, _)| *relation);
        if let Some((relation, row)) = closest {
            hits.push(Outcome::Hit(hit(case, piece, line, relation, row)));
        } else {
            missing.extend(unidentified(case, text, line));
        }
    }
    if hits.is_empty() && !is_placed(case, text) {
        hits.extend(not_placed(text, lines));
    } else if !missing.is_empty() {
        hits.push(Outcome::Unidentified { missing });
    }
    hits
}

/// What a drug is not known by that could be the one reacted to, or one of its class.
fn unidentified(case: &Case<'_>, text: &str, line: &Line<'_>) -> Option<Text> {
    let not_drugs = case.rule.parameters.list("not_drugs");
    if text.is_empty() || not_drugs.iter().any(|word| text.contains(word.as_str())) {
        return None;
    }
    if !line.has_known_ingredients() {
        return Some(line.shared_path("drug_ingd"));
    }
    let by_class = |row: &Row| matches!(row.key, Key::Atc(_)) && names(row, text);
    let mut in_force = case.rule.rows.iter().filter(|row| row.applies(case.now.date()));
    let is_open = !line.is_herbal() && line.lacks_atc() && in_force.any(by_class);
    is_open.then(|| line.shared_path("hosplist_code"))
}

fn names(row: &Row, text: &str) -> bool {
    row.parameters.list("allergens").iter().any(|word| text.contains(word.as_str()))
}

fn relation(row: &Row) -> Relation {
    match row.parameters.text("relation") {
        "交叉" => Relation::Crossing,
        "辅料" => Relation::Excipient,
        _ => Relation::SameClass,
    }
}

fn is_itself(allergy: &Recorded, text: &str, line: &Line<'_>) -> bool {
    let is_named = line.ingredients().unwrap_or_default().iter().any(|name| text.contains(name));
    let is_coded = allergy.code.is_some()
        && (allergy.code == line.order.hospital_code
            || allergy.code.as_deref() == line.national_code());
    is_named || is_coded
}

/// Whether the text speaks of something that the rules or the drug table know, or of no drug.
fn is_placed(case: &Case<'_>, text: &str) -> bool {
    let not_drugs = case.rule.parameters.list("not_drugs");
    text.is_empty()
        || not_drugs.iter().any(|word| text.contains(word.as_str()))
        || is_drug(case, text)
}

fn not_placed(text: &str, lines: &[&Line<'_>]) -> Option<Outcome> {
    let first = lines.first()?;
    Some(Outcome::Hit(Hit {
        involved: vec![first.position],
        text: format!("过敏史「{text}」未能与药品对应，请人工核对"),
        evidence: vec![text.to_owned()],
        severity: Some(Severity::Slight),
        action: Some(Action::Hint),
        ..Hit::default()
    }))
}

fn hit(
    case: &Case<'_>,
    piece: &Piece<'_>,
    line: &Line<'_>,
    relation: Relation,
    row: Option<&Row>,
) -> Hit {
    let was_taken = was_taken(case, line);
    let said = match relation {
        Relation::Itself => "含该成分",
        Relation::SameClass => "属同类",
        Relation::Excipient => "含相关辅料",
        Relation::Crossing => "可能交叉过敏",
    };
    let taken = if was_taken { "（本院范围内曾使用）" } else { "" };
    let code = piece.record.code.as_deref().filter(|_| piece.text.is_empty());
    let text = code.unwrap_or(piece.text);
    let (severity, action) = weight(relation, piece.record.severity, was_taken);
    Hit {
        violating: vec![line.position],
        text: format!("患者有「{text}」过敏史，【{}】{said}{taken}", line.name()),
        evidence: vec![text.to_owned(), said.to_owned()],
        source: row.map(|row| row.source.clone()),
        severity,
        action,
        ..Hit::default()
    }
}

/// `None` is the rule's own weight, which is for a severe reaction to the same.
fn weight(
    relation: Relation,
    reaction: Option<AllergySeverity>,
    was_taken: bool,
) -> (Option<Severity>, Option<Action>) {
    let is_severe = reaction == Some(AllergySeverity::Severe);
    match (relation, is_severe) {
        // Nobody knows whether it was taken before or after the reaction.
        (Relation::Crossing, true) => (Some(Severity::High), Some(Action::Reason)),
        (Relation::Crossing, false) => (Some(Severity::Slight), Some(Action::Hint)),
        (_, true) => (None, None),
        (_, false) if was_taken => (Some(Severity::High), Some(Action::Confirm)),
        (_, false) => (None, Some(Action::Reason)),
    }
}

fn was_taken(case: &Case<'_>, line: &Line<'_>) -> bool {
    let mut past = case.session.past.iter().filter(|past| !past.is_cancelled());
    past.any(|past| past.ingredient_names().any(|name| line.contains(name)))
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "allergy",
        parameters: "not_drugs = [\"海鲜\"]",
        rows: "match,key,item,allergens,relation,source,flag\n\
               atc,J01C,青霉素类,青霉素,同类,guideline,B\n\
               atc,J01D,头孢菌素类,青霉素,交叉,guideline,B\n\
               ingredient,紫杉醇,紫杉醇,聚氧乙烯蓖麻油,辅料,label,B\n",
        drugs: "match,key,name,ingredients,strengths,piece,form,atc,kinds\n\
                hospital,AMO,阿莫西林胶囊,阿莫西林,0.25 g,粒,口服,J01CA04,\n\
                hospital,CEZ,注射用头孢唑林,头孢唑林,0.5 g,支,注射,J01DB04,\n\
                hospital,IBU,布洛芬片,布洛芬,0.2 g,片,口服,M01AE01,\n\
                hospital,PTX,紫杉醇注射液,紫杉醇,30 mg,支,注射,L01CD01,\n\
                hospital,NS,氯化钠注射液,氯化钠,250 mL,袋,注射,B05XA03,溶媒\n",
    };

    #[test]
    fn the_same_class_and_one_that_may_cross() {
        let allergy = r#"[{"algs":"青霉素 皮疹"}]"#;
        check("AMO", allergy, "", "hit 1: 患者有「青霉素 皮疹」过敏史，【阿莫西林胶囊】属同类");
        check(
            "CEZ",
            allergy,
            "",
            "hit 1: 患者有「青霉素 皮疹」过敏史，【注射用头孢唑林】可能交叉过敏",
        );
        check("IBU", allergy, "", "pass");
        weight("AMO", allergy, "", "2 reason");
        weight("CEZ", allergy, "", "3 hint");
    }

    #[test]
    fn a_drug_that_nobody_knows_is_not_passed() {
        let penicillin = r#"[{"algs":"青霉素 皮疹"}]"#;
        check("NEW", penicillin, "", "unknown orders[1].drug_ingd");
        check("NEW", r#"[{"algs":"海鲜"}]"#, "", "pass");
        let by_ingredient = |name: &str, expected: &str| {
            let request = request("NEW", penicillin, "")
                .replace("\"NEW\"", &format!("\"NEW\",\"drug_ingd\":\"{name}\""));
            BENCH.check(&request, expected);
        };
        // The class of an ingredient that is in no table is not known; its name is.
        by_ingredient("哌拉西林", "unknown orders[1].hosplist_code");
        by_ingredient("青霉素", "hit 1: 患者有「青霉素 皮疹」过敏史，【NEW】含该成分");
    }

    #[test]
    fn the_drug_itself_and_an_excipient() {
        check(
            "IBU",
            r#"[{"algs":"布洛芬缓释胶囊"}]"#,
            "",
            "hit 1: 患者有「布洛芬缓释胶囊」过敏史，【布洛芬片】含该成分",
        );
        check(
            "IBU",
            r#"[{"aise_code":"IBU"}]"#,
            "",
            "hit 1: 患者有「IBU」过敏史，【布洛芬片】含该成分",
        );
        check(
            "PTX",
            r#"[{"algs":"聚氧乙烯蓖麻油"}]"#,
            "",
            "hit 1: 患者有「聚氧乙烯蓖麻油」过敏史，【紫杉醇注射液】含相关辅料",
        );
        check("NS", r#"[{"algs":"青霉素"}]"#, "", "nothing");
    }

    #[test]
    fn taken_before_is_one_step_milder() {
        let taken = r#","history":{"orders":[{"rx_id":"H","hosplist_code":"AMO","drord_begn_date":"20260101"}]}"#;
        let allergy = r#"[{"algs":"青霉素","algs_sev":"1"}]"#;
        check(
            "AMO",
            allergy,
            taken,
            "hit 1: 患者有「青霉素」过敏史，【阿莫西林胶囊】属同类（本院范围内曾使用）",
        );
        weight("AMO", allergy, taken, "2 confirm");
        weight("AMO", r#"[{"algs":"青霉素","algs_sev":"3"}]"#, taken, "2 reason");
    }

    #[test]
    fn a_text_that_names_nothing_known_is_shown() {
        check(
            "IBU",
            r#"[{"algs":"某种消炎药"}]"#,
            "",
            "hit : 过敏史「某种消炎药」未能与药品对应，请人工核对",
        );
        weight("IBU", r#"[{"algs":"某种消炎药"}]"#, "", "3 hint");
        check("IBU", r#"[{"algs":"海鲜"}]"#, "", "pass");
        check(
            "IBU",
            r#"[{"algs":"海鲜、某消炎药"}]"#,
            "",
            "hit : 过敏史「某消炎药」未能与药品对应，请人工核对",
        );
        check(
            "IBU",
            r#"[{"algs":"无环鸟苷"}]"#,
            "",
            "hit : 过敏史「无环鸟苷」未能与药品对应，请人工核对",
        );
        check("IBU", r#"[{"algs":"阿莫西林"}]"#, "", "pass");
    }

    #[test]
    fn none_and_not_asked_differ() {
        check("AMO", "[]", "", "pass");
        check("AMO", r#"[{"algs":"否认药物过敏史"}]"#, "", "pass");
        check("AMO", r#"[{"algs":"否认青霉素、头孢过敏史"}]"#, "", "pass");
        let hit = "hit 1: 患者有「青霉素过敏」过敏史，【阿莫西林胶囊】属同类";
        check("AMO", r#"[{"algs":"否认食物过敏，青霉素过敏"}]"#, "", hit);
        check("AMO", r#"[{"algs":"无食物过敏，青霉素过敏"}]"#, "", hit);
        check("AMO", r#"[{"algs":"不详"}]"#, "", "unknown allergies");
        check("AMO", r#"[{"algs":"不详"},{"algs":"青霉素过敏"}]"#, "", hit);
        BENCH.check(r#"{"orders":[{"rx_id":"1","hosplist_code":"AMO"}]}"#, "unknown allergies");
        let past = r#","history":{"allergies":[{"algs":"青霉素"}]}"#;
        check("AMO", "[]", past, "hit 1: 患者有「青霉素」过敏史，【阿莫西林胶囊】属同类");
    }

    fn request(drug: &str, allergies: &str, more: &str) -> String {
        format!(
            r#"{{"allergies":{allergies},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]{more}}}"#
        )
    }

    #[track_caller]
    fn check(drug: &str, allergies: &str, more: &str, expected: &str) {
        BENCH.check(&request(drug, allergies, more), expected);
    }

    #[track_caller]
    fn weight(drug: &str, allergies: &str, more: &str, expected: &str) {
        BENCH.check_weight(&request(drug, allergies, more), expected);
    }
}
