//! What a rule family is: a template that rules and knowledge rows fill with parameters.
//!
//! One family is one file in [`crate::families`]. It declares its parameters and the elements it
//! reads, and judges one rule for one session. Judgement is three-valued; what could not be decided
//! names the elements that are missing.

use std::fmt;

use jiff::civil::DateTime;
use rust_decimal::Decimal;

use crate::facts::{Diagnosis, Facts, Scene, Surgery, VisitKind};
use crate::hash;
use crate::knowledge::{Key, Row};
use crate::parameter::{Column, Parameters};
use crate::rule::{Action, Rule, Severity};
use crate::scope::Here;
use crate::session::{Line, Session};
use crate::sets::CodeSets;
use crate::text::Text;

/// A kind of rule.
pub trait Family: Sync {
    /// The name used in `rules.toml`.
    fn id(&self) -> &'static str;

    /// The name for people.
    fn zh_name(&self) -> &'static str;

    /// What its rules are unless they say otherwise; `None` where a rule has to say all itself.
    fn usual(&self) -> Option<Usual>;

    /// The elements it reads.
    fn reads(&self) -> &'static [&'static str];

    /// The parameters of a rule.
    fn parameters(&self) -> &'static [Column] {
        &[]
    }

    /// The knowledge rows of a rule.
    fn rows(&self) -> Rows {
        Rows::None
    }

    /// Which lines it judges.
    fn looks_at(&self) -> LooksAt {
        LooksAt::Orders
    }

    /// Whether a key may have several rows: pairs, bands of age or weight.
    fn has_several_rows_per_key(&self) -> bool {
        false
    }

    /// The columns of keys whose lines find a row just as its own key does: of a pair, either may be
    /// the one that is in this session.
    fn partners(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether no rule of it may stop an order: what looks like a fault may be a rare patient, or one
    /// whom somebody registered wrongly. Whatever a rule or a setting says, the doctor confirms.
    fn never_blocks(&self) -> bool {
        false
    }

    /// What is wrong with parameters of a rule that are each good.
    fn check_rule(&self, _parameters: &Parameters) -> Option<String> {
        None
    }

    /// What is wrong with a row whose cells are each good.
    fn check_row(&self, _row: &Parameters) -> Option<String> {
        None
    }

    /// Judges one rule. A rule with rows is called only when some row is about some line.
    fn judge(&self, case: &Case<'_>) -> Vec<Outcome>;
}

/// What is usual of the rules of a family: a rule may leave out what is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usual {
    /// For the auditor.
    pub severity: Severity,
    /// For the doctor.
    pub action: Action,
    /// Document and article.
    pub basis: &'static str,
    /// Over which time it looks, in words.
    pub window: &'static str,
    /// What a hit says, with what is filled in between braces.
    pub text: &'static str,
}

impl fmt::Debug for dyn Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())
    }
}

/// Whether the rules of a family have knowledge rows, and their columns.
#[derive(Debug, Clone, Copy)]
pub enum Rows {
    /// Parameters of the rule say it all.
    None,
    /// A rule may have rows, and means something else then.
    Optional(&'static [Column]),
    /// A rule is nothing without its rows.
    Required(&'static [Column]),
    /// A rule judges without rows too; a row adds what is known of one item.
    Beside(&'static [Column]),
}

impl Rows {
    /// The columns of a row; `None` when there are no rows.
    #[must_use]
    pub fn columns(self) -> Option<&'static [Column]> {
        match self {
            Rows::None => None,
            Rows::Optional(columns) | Rows::Required(columns) | Rows::Beside(columns) => {
                Some(columns)
            }
        }
    }
}

/// Which lines a family judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LooksAt {
    /// What is ordered.
    Orders,
    /// What is charged; before anything is charged, what is ordered and will be.
    Charges,
    /// Both: an order may meet a charge.
    Both,
    /// No lines: the patient, the diagnoses, the stay.
    Nothing,
}

/// One rule to judge, and what it may look at.
pub struct Case<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// The rows in force that are about a line, ordered by row, then line.
    pub matches: &'a [Match<'a>],
    /// The rows in force that are about a diagnosis that was made.
    pub diagnosis_matches: &'a [(&'a Row, &'a Diagnosis)],
    /// The rows in force that are about an operation.
    pub surgery_matches: &'a [(&'a Row, &'a Surgery)],
    /// The lines, as prepared for all rules.
    pub session: &'a Session<'a>,
    /// The whole input.
    pub facts: &'a Facts,
    /// The time of the check.
    pub now: DateTime,
}

impl<'a> Case<'a> {
    /// What scopes ask about.
    pub(crate) fn here(&self) -> Here<'a> {
        Here { facts: self.facts, sets: self.session.sets, on: self.now.date() }
    }

    /// Whether it is about a stay, by the kind of the visit or, where that was not sent, by the scene.
    pub(crate) fn is_in_ward(&self) -> bool {
        let visit = self.facts.encounter.present().and_then(|it| it.visit);
        visit.map_or_else(
            || matches!(self.facts.scene(), Some(Scene::Inpatient | Scene::Discharge)),
            |visit| visit == VisitKind::Inpatient,
        )
    }

    /// The matches about lines of this session; lines written earlier were judged then.
    pub fn current(&self) -> impl Iterator<Item = &'a Match<'a>> {
        self.matches.iter().filter(|found| found.line.order.current)
    }

    /// The lines of this session that some row is about, each once.
    #[must_use]
    pub fn current_lines(&self) -> Vec<&'a Line<'a>> {
        let mut lines: Vec<&Line<'_>> = Vec::new();
        for found in self.current() {
            if !lines.iter().any(|line| line.position == found.line.position) {
                lines.push(found.line);
            }
        }
        lines
    }

    /// The lines that this family judges.
    pub fn lines(&self) -> impl Iterator<Item = &'a Line<'a>> {
        let looks_at = self.rule.family.looks_at();
        let session = self.session;
        session.lines.iter().filter(move |line| session.is_looked_at(line, looks_at))
    }

    /// Lines of this session or charges that a key is about, whatever the family looks at.
    pub fn about<'k>(&self, key: &'k Key) -> impl Iterator<Item = &'a Line<'a>> + use<'a, 'k> {
        about(&self.session.lines, key, self.session.sets)
    }

    /// Lines of the past that a key is about.
    pub fn past<'k>(&self, key: &'k Key) -> impl Iterator<Item = &'a Line<'a>> + use<'a, 'k> {
        about(&self.session.past, key, self.session.sets)
    }
}

fn about<'a, 'k>(
    lines: &'a [Line<'a>],
    key: &'k Key,
    sets: &'a CodeSets,
) -> impl Iterator<Item = &'a Line<'a>> + use<'a, 'k> {
    let bit = match key {
        Key::Ingredient(name) => Some(hash::bit(name)),
        _ => None,
    };
    let may_be = move |line: &&Line<'_>| bit.is_none_or(|bit| line.ingredient_bits() & bit != 0);
    lines.iter().filter(may_be).filter(move |line| line.is_about(key, sets))
}

/// A row and a line that it is about.
#[derive(Debug, Clone, Copy)]
pub struct Match<'a> {
    /// The row.
    pub row: &'a Row,
    /// The line.
    pub line: &'a Line<'a>,
}

/// What a judgement came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// 命中.
    Hit(Hit),
    /// 通过.
    Pass,
    /// 通过, and somebody owes something: papers within so many hours.
    Task {
        /// The lines it is about.
        lines: Vec<usize>,
        /// What is owed.
        text: String,
        /// Within how many hours.
        due_hours: u32,
    },
    /// 无法判断: which elements are missing.
    Unknown {
        /// Paths such as `orders[RX1].drug_used_frqu`.
        missing: Vec<String>,
    },
    /// The drug is in no table, and only the table could say whether the rule concerns it. Kept for
    /// the log: a rule about narcotics does not speak up at every drug that nobody has mapped.
    Unlisted {
        /// The path of the line's code.
        missing: Text,
    },
    /// 无法判断 whether the rule is about a line at all: nothing a doctor could answer, so it is
    /// never asked and never shown as a danger.
    Unidentified {
        /// Paths such as `orders[RX1].hilist_code`.
        missing: Vec<Text>,
    },
    /// 不适用; not reported.
    NotApplicable,
}

impl Outcome {
    /// Unknown for want of one element.
    #[must_use]
    pub fn unknown(element: impl Into<String>) -> Outcome {
        Outcome::Unknown { missing: vec![element.into()] }
    }
}

/// A hit: which lines, what to tell, and what it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hit {
    /// Positions of the lines that violate.
    pub violating: Vec<usize>,
    /// Positions of the lines that take part.
    pub involved: Vec<usize>,
    /// 违规内容, with the numbers filled in.
    pub text: String,
    /// The values the judgement depends on. A finding keeps its id while they stay the same, so
    /// that the doctor is not shown again what was acknowledged.
    pub evidence: Vec<String>,
    /// Where the knowledge row was read.
    pub source: Option<Text>,
    /// When the rule's own severity does not fit this hit.
    pub severity: Option<Severity>,
    /// When the rule's own action does not fit this hit: 慎用 is a hint where 禁用 asks for a reason.
    pub action: Option<Action>,
    /// What the violation is worth, when that is not the whole amount of its lines.
    pub amount: Option<Decimal>,
}
