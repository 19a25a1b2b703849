//! The answer of a check, and its canonical JSON.
//!
//! A finding carries what the national result carries, plus the action for the doctor. What could
//! not be decided stands in a list of its own: it never blocks and never looks like a pass.

use rust_decimal::Decimal;

use crate::facts::InputFinding;
use crate::received::Received;
use crate::rule::{Action, Behaviour, Severity};
use crate::text::Text;
use crate::vocabulary;
use crate::write::Writer;

/// The code under which a rule is logged that ended in a fault of the program.
pub const RULE_BROKE: &str = "R601";

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// The patient, as sent.
    pub patn_id: Option<String>,
    /// The encounter, as sent.
    pub mdtrt_id: Option<String>,
    /// Which parts of the input came.
    pub received: Received,
    /// Whether everything could be judged.
    pub outcome: Completeness,
    /// Hits, worst first.
    pub findings: Vec<Finding>,
    /// Rules that could not decide.
    pub unknown: Vec<Unknown>,
    /// What the doctor is asked, once per encounter.
    pub questions: Vec<Question>,
    /// What somebody owes though the rule passed.
    pub tasks: Vec<Task>,
    /// Values that were not believed.
    pub data_findings: Vec<InputFinding>,
    /// Rules that judged and found nothing; for the log.
    pub passed: Vec<String>,
    /// Rules that the deadline cut off, or that ended in a fault of the program.
    pub not_run: Vec<String>,
    /// What came of asking the insurer's own review, where it was asked.
    pub bureau: Option<Bureau>,
    /// What the request lacked that the insurer demands, in words; it was not asked then.
    pub bureau_missing: Vec<String>,
    /// Those of them that ended in a fault: for the log, with [`RULE_BROKE`].
    pub broken: Vec<String>,
    /// The packs in force.
    pub rules_version: String,
}

/// How much of the check was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Completeness {
    /// Every rule decided, also those that would not have told the doctor what they lack.
    #[default]
    Complete,
    /// Some rule lacked data.
    Partial,
    /// Rules were not run: the deadline cut them off, or they ended in a fault.
    Degraded,
}

impl Completeness {
    /// The word in the answer.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Completeness::Complete => "complete",
            Completeness::Partial => "partial",
            Completeness::Degraded => "degraded",
        }
    }
}

/// One hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable over (encounter, rule, lines, parameters): `jr_id`.
    pub id: String,
    /// The rule.
    pub rule_id: String,
    /// The authority's code of it.
    pub official_code: Option<String>,
    /// Its name.
    pub rule_name: String,
    /// For the auditor.
    pub severity: Severity,
    /// For the doctor.
    pub action: Action,
    /// `vola_bhvr_type`.
    pub behaviour: Behaviour,
    /// 违规内容.
    pub text: String,
    /// 违规依据.
    pub basis: String,
    /// 违规金额; `None` when a line came without its amount.
    pub amount: Option<Decimal>,
    /// The lines it is about.
    pub lines: Vec<FindingLine>,
    /// Who found it.
    pub origin: Origin,
}

/// Who found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// The rules here.
    #[default]
    Local,
    /// The insurer's own review.
    Bureau,
}

impl Origin {
    /// The word in answers and in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Origin::Local => "local",
            Origin::Bureau => "bureau",
        }
    }
}

/// What came of asking the insurer's own review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bureau {
    /// It answered in time.
    Answered,
    /// It did not, by the deadline of the check.
    Late,
    /// It cannot be reached, or broke off.
    Unreachable,
    /// What it answered is no answer.
    Garbled,
    /// It answered that it would not.
    Refused,
    /// It was not asked: it has failed several times, or too many wait for it.
    Spared,
    /// It was not asked: the request lacks what it demands.
    Lacking,
}

impl Bureau {
    /// The word in answers, in the log and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Bureau::Answered => "answered",
            Bureau::Late => "late",
            Bureau::Unreachable => "unreachable",
            Bureau::Garbled => "garbled",
            Bureau::Refused => "refused",
            Bureau::Spared => "spared",
            Bureau::Lacking => "lacking",
        }
    }

    /// What the doctor reads, when something is not checked.
    #[must_use]
    pub fn text(self) -> Option<&'static str> {
        match self {
            Bureau::Answered => None,
            Bureau::Late => Some("医保端审查未完成：超时"),
            Bureau::Unreachable => Some("医保端审查未完成：连接不上"),
            Bureau::Garbled => Some("医保端审查未完成：答复读不出"),
            Bureau::Refused => Some("医保端审查未完成：医保端拒绝"),
            Bureau::Spared => Some("医保端审查未完成：连续失败，暂停转发"),
            Bureau::Lacking => Some("医保端未审查：缺少"),
        }
    }
}

impl Finding {
    /// The lines that violate.
    pub fn violating(&self) -> impl Iterator<Item = &FindingLine> {
        self.lines.iter().filter(|line| line.role == Role::Violating)
    }
}

/// One line of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingLine {
    /// The line's id, as sent.
    pub rx_id: String,
    /// Its part in the finding.
    pub role: Role,
    /// Its amount, when sent.
    pub amount: Option<Decimal>,
}

/// National `vola_item_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// 1 违规项.
    Violating,
    /// 2 涉及项.
    Involved,
}

impl Role {
    /// The national code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Role::Violating => "1",
            Role::Involved => "2",
        }
    }
}

/// A rule that could not decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The rule.
    pub rule_id: String,
    /// Its name.
    pub rule_name: String,
    /// Paths of the missing elements.
    pub missing: Vec<Text>,
    /// Who is told.
    pub told_to: Audience,
}

/// Who is told that a rule could not decide. Whoever is not, it was not checked all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The doctor, in a sentence.
    Doctor,
    /// Programs, briefly: the doctor is asked instead, or could do nothing about it.
    Program,
    /// Nobody but the log: the rule is on trial, and no answer depends on it.
    Log,
}

impl Unknown {
    /// What the doctor reads: each missing element once, by its Chinese name.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}未审查：缺少{}", self.rule_name, self.elements_zh())
    }

    /// The missing elements for people, each once.
    #[must_use]
    pub fn elements_zh(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for path in &self.missing {
            let name = vocabulary::element_zh(path).unwrap_or(path.as_str());
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join("、")
    }

    /// The missing elements without their lines, each once: `matn_stas`, `rights`.
    #[must_use]
    pub fn elements(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for path in &self.missing {
            let name = path.rsplit_once('.').map_or(path.as_str(), |(_, element)| element);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// What the doctor is asked, because a rule cannot decide without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Stable over (encounter, rule, elements): whoever shows it shows it once.
    pub id: String,
    /// The rule.
    pub rule_id: String,
    /// Its name.
    pub rule_name: String,
    /// The question.
    pub text: String,
    /// Paths of the elements that would answer it.
    pub missing: Vec<Text>,
}

/// Something owed after a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The rule.
    pub rule_id: String,
    /// The lines.
    pub lines: Vec<String>,
    /// What is owed.
    pub text: String,
    /// Within how many hours.
    pub due_hours: u32,
}

impl Verdict {
    /// The canonical answer. What rules on trial found or could not decide is for the log only.
    #[must_use]
    pub fn to_json(&self, check_id: &str, elapsed_us: u64) -> String {
        Writer::object(|writer| {
            writer.text("check_id", check_id);
            writer.text("outcome", self.outcome.name());
            self.received.write(writer);
            writer.objects("findings", self.shown(), |writer, finding| {
                self.write_finding(writer, finding);
                writer.maybe_text("official_code", finding.official_code.as_deref());
                writer.text("action", finding.action.name());
                writer.text("origin", finding.origin.name());
            });
            self.write_unknown(writer);
            writer.objects("not_checked", self.not_checked(), |writer, (rules, missing)| {
                writer.texts("rule_ids", &rules);
                writer.texts("missing", missing);
            });
            self.write_questions(writer);
            self.write_tasks(writer);
            self.write_data_findings(writer);
            writer.texts("not_run", &self.not_run);
            writer.maybe_text("bureau", self.bureau.map(Bureau::name));
            writer.maybe_text("bureau_text", self.bureau_text().as_deref());
            writer.text("rules_version", &self.rules_version);
            writer.raw("elapsed_us", elapsed_us);
        })
    }

    /// Why the insurer's own review has not said anything, where it was to be asked.
    #[must_use]
    pub fn bureau_text(&self) -> Option<String> {
        let text = self.bureau?.text()?;
        if self.bureau_missing.is_empty() {
            return Some(text.to_owned());
        }
        Some(format!("{text}{}", self.bureau_missing.join("、")))
    }

    /// The findings that the doctor sees.
    pub fn shown(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.action != Action::Silent)
    }

    /// The rules that could not decide, as far as the doctor is told.
    pub(crate) fn shown_unknown(&self) -> impl Iterator<Item = &Unknown> {
        self.unknown.iter().filter(|unknown| unknown.told_to == Audience::Doctor)
    }

    /// The other rules that could not decide, in short: those that lack the same in one entry.
    fn not_checked(&self) -> Vec<(Vec<&str>, &[Text])> {
        let mut entries: Vec<(Vec<&str>, &[Text])> = Vec::new();
        for unknown in self.unknown.iter().filter(|unknown| unknown.told_to == Audience::Program) {
            let same = entries.iter_mut().find(|(_, missing)| *missing == unknown.missing);
            match same {
                Some((rules, _)) => rules.push(&unknown.rule_id),
                None => entries.push((vec![&unknown.rule_id], &unknown.missing)),
            }
        }
        entries
    }

    pub(crate) fn write_unknown(&self, writer: &mut Writer) {
        writer.objects("unknown", self.shown_unknown(), |writer, unknown| {
            writer.text("rule_id", &unknown.rule_id);
            writer.text("rule_name", &unknown.rule_name);
            writer.text("text", &unknown.text());
            writer.texts("missing", &unknown.missing);
        });
    }

    pub(crate) fn write_questions(&self, writer: &mut Writer) {
        writer.objects("questions", &self.questions, |writer, question| {
            writer.text("question_id", &question.id);
            writer.text("rule_id", &question.rule_id);
            writer.text("rule_name", &question.rule_name);
            writer.text("text", &question.text);
            writer.texts("missing", &question.missing);
        });
    }

    pub(crate) fn write_tasks(&self, writer: &mut Writer) {
        writer.objects("tasks", &self.tasks, |writer, task| {
            writer.text("rule_id", &task.rule_id);
            writer.texts("lines", &task.lines);
            writer.text("text", &task.text);
            writer.raw("due_hours", task.due_hours);
        });
    }

    pub(crate) fn write_data_findings(&self, writer: &mut Writer) {
        writer.objects("data_findings", &self.data_findings, write_input_finding);
    }

    /// The members that the national result has; amounts nobody sent are 0 with status 异常.
    pub(crate) fn write_finding(&self, writer: &mut Writer, finding: &Finding) {
        writer.text("jr_id", &finding.id);
        writer.text("rule_id", &finding.rule_id);
        writer.text("rule_name", clip(&finding.rule_name, 200));
        writer.text("vola_cont", clip(&finding.text, 500));
        writer.text("patn_id", self.patn_id.as_deref().unwrap_or_default());
        writer.text("mdtrt_id", self.mdtrt_id.as_deref().unwrap_or_default());
        let lines = finding.lines.iter().enumerate();
        writer.objects("judge_result_detail_dtos", lines, |writer, (at, line)| {
            writer.text("jrd_id", &format!("{}-{}", finding.id, at + 1));
            writer.text("patn_id", self.patn_id.as_deref().unwrap_or_default());
            writer.text("mdtrt_id", self.mdtrt_id.as_deref().unwrap_or_default());
            writer.text("rx_id", &line.rx_id);
            writer.text("vola_item_type", line.role.code());
            writer.amount("vola_amt", line.amount.unwrap_or_default());
        });
        writer.amount("vola_amt", finding.amount.unwrap_or_default());
        writer.text("vola_amt_stas", if finding.amount.is_some() { "1" } else { "0" });
        writer.text("sev_deg", finding.severity.code());
        writer.text("vola_evid", clip(&finding.basis, 500));
        writer.text("vola_bhvr_type", finding.behaviour.code());
    }
}

/// Request problems as a JSON list, for the `detail` of an error answer.
#[must_use]
pub fn input_findings_to_json(findings: &[InputFinding]) -> String {
    let items: Vec<_> =
        findings.iter().map(|f| Writer::object(|writer| write_input_finding(writer, f))).collect();
    format!("[{}]", items.join(","))
}

fn write_input_finding(writer: &mut Writer, finding: &InputFinding) {
    writer.text("code", finding.code);
    writer.text("path", &finding.path);
    writer.text("found", &finding.found);
    writer.text("expected", &finding.expected);
}

/// The declared lengths count characters.
pub(crate) fn clip(text: &str, characters_max: usize) -> &str {
    let end = text.char_indices().nth(characters_max).map(|(at, _)| at);
    end.and_then(|it| text.get(..it)).unwrap_or(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::families::bench::{NOW, starter};
    use crate::{evaluate, request};

    #[test]
    fn the_canonical_answer() {
        let request = r#"{"patient":{"patn_id":"P\"1","gend":"2","brdy":"19680315"},
            "encounter":{"mdtrt_id":"M1","med_mdtrt_type":"1"},"orders":[{"rx_id":"1","hosplist_code":"YP000502",
            "hosplist_name":"度他雄胺软胶囊","medc_days":"7","sumamt":"58.8","drug_used_frqu":"饭前"}]}"#;
        let facts = request::read(request).unwrap();
        let verdict = evaluate(&starter(), &facts, NOW.parse().unwrap());
        let id = verdict.findings.first().unwrap().id.clone();
        let expected = r#"{"check_id":"C1","outcome":"complete","received":{"patient":"present","encounter":"present","diagnoses":"absent","orders":"present","fees":"absent","surgeries":"absent","history":"absent","prescriber":"absent","allergies":"absent","labs":"absent"},"findings":[{"jr_id":"ID","rule_id":"drug-sex","rule_name":"药品区分性别使用","vola_cont":"【度他雄胺软胶囊】限男性使用，患者性别为女","patn_id":"P\"1","mdtrt_id":"M1","judge_result_detail_dtos":[{"jrd_id":"ID-1","patn_id":"P\"1","mdtrt_id":"M1","rx_id":"1","vola_item_type":"1","vola_amt":58.80}],"vola_amt":58.80,"vola_amt_stas":"1","sev_deg":"1","vola_evid":"GZ10000301004000 药品区分性别使用；知识点第1批（2025-05-23）","vola_bhvr_type":"2","official_code":"GZ10000301004000","action":"confirm","origin":"local"}],"unknown":[],"not_checked":[],"questions":[],"tasks":[],"data_findings":[{"code":"C307","path":"orders[1].drug_used_frqu","found":"饭前","expected":"发送QD、BID、TID、Q8H、QOD、PRN等频次"}],"not_run":[],"rules_version":"starter 2026.1","elapsed_us":17}"#;
        assert_eq!(verdict.to_json("C1", 17).replace(&id, "ID"), expected);
    }
}
