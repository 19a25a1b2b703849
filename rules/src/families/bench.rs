//! The bench on which families are tested: a rule and a request in, one line of text out.

use schemas::{Files, Problem};

use crate::evaluate::evaluate;
use crate::facts::{Facts, Group};
use crate::pack::RuleSet;
use crate::request;
use crate::verdict::Verdict;

pub(crate) const NOW: &str = "2026-05-15T09:20:00";

/// A pack with one rule `r` of a family, its parameters, its rows, and the drugs it needs.
pub(crate) struct Bench {
    pub(crate) family: &'static str,
    pub(crate) parameters: &'static str,
    pub(crate) rows: &'static str,
    pub(crate) drugs: &'static str,
}

const PACK: &str =
    "name = \"bench\"\nversion = \"1\"\nsource = \"test\"\neffective = \"2020-01-01\"\n";
const DRUGS: &str =
    "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier\n";

/// Gives an order a code of its behaviour that nobody can read.
pub(crate) fn unreadable(facts: &mut Facts, rx_id: &str) {
    if let Group::Present(orders) = &mut facts.orders {
        let named = orders.iter_mut().filter(|it| it.rx_id == rx_id);
        named.for_each(|it| it.behaviour_code = Some("9".to_owned()));
    }
}

/// The starter pack alone: tests of the road do not change when a room gets more rules.
pub(crate) fn starter() -> RuleSet {
    let of_starter = crate::SHIPPED.iter().filter(|(path, _)| path.starts_with("packs/starter/"));
    let of_starter: Vec<_> = of_starter.copied().collect();
    RuleSet::load(&Files::from_shipped(&of_starter)).expect("the starter pack stands alone")
}

impl Bench {
    pub(crate) fn rules(&self) -> RuleSet {
        match RuleSet::load(&self.files()) {
            Ok(rules) => rules,
            Err(problems) => panic!("{}", told(&problems)),
        }
    }

    /// What the loader says of a rule that it refuses.
    pub(crate) fn problems(&self) -> String {
        RuleSet::load(&self.files())
            .map_or_else(|problems| told(&problems), |_| "no problem".into())
    }

    fn files(&self) -> Files {
        let rule = format!(
            "[[rule]]\nid = \"r\"\nfamily = \"{}\"\nname = \"n\"\nbasis = \"b\"\nseverity = 2\naction = \"reason\"\nparameters = {{ {} }}\n",
            self.family, self.parameters
        );
        let mut files = Files::default();
        files.insert("packs/bench/pack.toml", PACK);
        files.insert("packs/bench/rules.toml", rule);
        // A family that needs more columns writes its own header.
        let has_header = self.drugs.starts_with("match,");
        let header = if has_header { "" } else { DRUGS };
        files.insert("packs/bench/drugs.csv", format!("{header}{}", self.drugs));
        if !self.rows.is_empty() {
            files.insert("packs/bench/r.csv", self.rows);
        }
        files
    }

    /// The severity and the action of each finding: `1 block, 3 hint`.
    #[track_caller]
    pub(crate) fn check_weight(&self, request: &str, expected: &str) {
        let facts = request::read(request).expect("the request is well formed");
        let now = NOW.parse().expect("the bench has a good clock");
        let verdict = evaluate(&self.rules(), &facts, now);
        let shown: Vec<_> = verdict
            .findings
            .iter()
            .map(|finding| format!("{} {}", finding.severity.code(), finding.action.name()))
            .collect();
        assert_eq!(shown.join(", "), expected, "{request}");
    }

    /// `hit TEXT`, `unknown PATHS`, `task TEXT`, `data CODES`, `broken RULE`, `pass`, `nothing`, joined by `; `.
    #[track_caller]
    pub(crate) fn check(&self, request: &str, expected: &str) {
        assert_eq!(self.told(request), expected, "{request}");
    }

    /// What comes of it, in the same words.
    #[track_caller]
    pub(crate) fn told(&self, request: &str) -> String {
        self.told_after(request, |_| ())
    }

    /// The same where something is known that no request of this kind says.
    #[track_caller]
    pub(crate) fn told_after(&self, request: &str, change: impl FnOnce(&mut Facts)) -> String {
        let mut facts = match request::read(request) {
            Ok(facts) => facts,
            Err(faults) => panic!("{faults:?}"),
        };
        change(&mut facts);
        let now = NOW.parse().expect("the bench has a good clock");
        shown(&evaluate(&self.rules(), &facts, now))
    }
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn shown(verdict: &Verdict) -> String {
    let mut parts = Vec::new();
    for finding in &verdict.findings {
        let lines: Vec<_> = finding.violating().map(|line| line.rx_id.as_str()).collect();
        parts.push(format!("hit {}: {}", lines.join(","), finding.text));
    }
    for unknown in &verdict.unknown {
        parts.push(format!("unknown {}", unknown.missing.join(",")));
    }
    for task in &verdict.tasks {
        parts.push(format!("task {}", task.text));
    }
    for finding in &verdict.data_findings {
        parts.push(format!("data {}", finding.code));
    }
    for rule in &verdict.broken {
        parts.push(format!("broken {rule}"));
    }
    if !verdict.passed.is_empty() {
        parts.push("pass".to_owned());
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") }
}
