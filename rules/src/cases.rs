//! Cases that lie beside a pack: an input, the time, and the verdict it must get.
//!
//! ```toml
//! [[case]]
//! name = "度他雄胺, woman"
//! now = "2026-05-15T09:20:00"
//! input = '{"patient": {"gend": "2"}, "orders": [{"rx_id": "1", "hosplist_code": "YP000502"}]}'
//! findings = ["drug-sex 1"]          # rule and violating lines, worst first
//! unknown = ["prescription-days"]    # rules that cannot decide
//! questions = ["pregnancy"]          # optional: rules that ask the doctor
//! passed = ["child-only"]            # optional: rules that must have judged and found nothing
//! data = ["C302"]                    # optional: codes of values that are not believed
//! errors = ["C201"]                  # instead of all of these: the request is refused
//! text = ["限男性使用"]               # optional: words that the findings must say
//! weights = ["1 confirm"]            # optional: severity and action of each finding, in their order
//! tasks = ["drug-sex 1 24"]          # optional: what is owed: rule, lines, within how many hours
//! ```
//!
//! A case speaks of the rules of its own pack, and of what an overlay made of them: what other
//! packs say of the same input is theirs to prove.

use std::collections::BTreeSet;

use schemas::{Files, Problem};

use crate::evaluate::evaluate;
use crate::pack::RuleSet;
use crate::request;
use crate::tree::{Source, Table};
use crate::verdict::Verdict;

/// What one case came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// The case file.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// The case's name.
    pub name: String,
    /// What differs from what is expected; empty when it passed.
    pub differences: Vec<String>,
}

impl CaseResult {
    /// Whether the verdict was as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Runs the cases of every pack under `packs/`; a fault in a case file is a case that fails.
#[must_use]
pub fn run_cases(files: &Files, rules: &RuleSet) -> Vec<CaseResult> {
    let mut results = Vec::new();
    for (file, text) in files.iter() {
        if file.starts_with("packs/") && file.ends_with("/cases.toml") {
            run_file(Source { file, text }, rules, &mut results);
        }
    }
    results
}

fn run_file(source: Source<'_>, rules: &RuleSet, results: &mut Vec<CaseResult>) {
    let mut problems = Vec::new();
    let tree = source.parse(&mut problems);
    let root = Table { source, members: tree.get_ref(), at: tree.span() };
    root.only(&["case"], &mut problems);
    for table in root.tables("case", &mut problems) {
        results.extend(run_case(&table, rules, &mut problems));
    }
    results.extend(problems.into_iter().map(|problem| fault(source, &problem)));
}

fn fault(source: Source<'_>, problem: &Problem) -> CaseResult {
    CaseResult {
        file: source.file.to_owned(),
        line: problem.line,
        name: "case file".to_owned(),
        differences: vec![problem.to_string()],
    }
}

const KEYS: [&str; 12] = [
    "name",
    "now",
    "input",
    "findings",
    "unknown",
    "questions",
    "passed",
    "data",
    "errors",
    "text",
    "weights",
    "tasks",
];

fn run_case(table: &Table<'_>, rules: &RuleSet, problems: &mut Vec<Problem>) -> Option<CaseResult> {
    table.only(&KEYS, problems);
    let name = table.text("name", problems);
    let now = table.text("now", problems).and_then(|text| {
        let now = text.parse().ok();
        if now.is_none() {
            let message = "write a time such as 2026-05-15T09:20:00".to_owned();
            problems.push(table.source.error("R401", &table.place_of("now"), message));
        }
        now
    });
    let input = table.text("input", problems);
    let mut expect = |key: &str| -> Vec<String> {
        table.texts(key, problems).into_iter().map(|(text, _)| text.to_owned()).collect()
    };
    let expected = Expected {
        findings: expect("findings"),
        unknown: expect("unknown"),
        questions: expect("questions"),
        passed: expect("passed"),
        data: expect("data"),
        errors: expect("errors"),
        text: expect("text"),
        weights: table.get("weights").map(|_| expect("weights")),
        tasks: table.get("tasks").map(|_| expect("tasks")),
    };
    let (name, now, input) = (name?, now?, input?);
    let differences = match request::read(input) {
        Ok(facts) => {
            let verdict = evaluate(rules, &facts, now);
            expected.compare(&of_pack(verdict, rules, table.source.file))
        }
        Err(faults) => {
            let codes: Vec<_> = faults.iter().map(|fault| fault.code.to_owned()).collect();
            differ("errors", &expected.errors, &codes).into_iter().collect()
        }
    };
    let (line, _) = table.source.place(table.at.start);
    Some(CaseResult {
        file: table.source.file.to_owned(),
        line,
        name: name.to_owned(),
        differences,
    })
}

/// The part of a verdict that the rules of one pack gave.
fn of_pack(mut verdict: Verdict, rules: &RuleSet, file: &str) -> Verdict {
    let folder = file.trim_start_matches("packs/").trim_end_matches("/cases.toml");
    let is_own = |pack: &str| {
        let overlays = rules.packs().iter().find(|known| known.folder == pack);
        pack == folder || overlays.and_then(|pack| pack.overlays.as_deref()) == Some(folder)
    };
    let own: BTreeSet<&str> = rules
        .rules()
        .iter()
        .filter(|rule| is_own(&rule.pack))
        .map(|rule| rule.id.as_str())
        .collect();
    verdict.findings.retain(|finding| own.contains(finding.rule_id.as_str()));
    verdict.unknown.retain(|unknown| own.contains(unknown.rule_id.as_str()));
    verdict.questions.retain(|question| own.contains(question.rule_id.as_str()));
    verdict.passed.retain(|rule| own.contains(rule.as_str()));
    verdict.tasks.retain(|task| own.contains(task.rule_id.as_str()));
    verdict.broken.retain(|rule| own.contains(rule.as_str()));
    verdict
}

struct Expected {
    findings: Vec<String>,
    unknown: Vec<String>,
    questions: Vec<String>,
    passed: Vec<String>,
    data: Vec<String>,
    errors: Vec<String>,
    text: Vec<String>,
    weights: Option<Vec<String>>,
    tasks: Option<Vec<String>>,
}

impl Expected {
    fn compare(&self, verdict: &Verdict) -> Vec<String> {
        let findings: Vec<String> = verdict
            .findings
            .iter()
            .map(|finding| {
                let lines: Vec<_> = finding.violating().map(|line| line.rx_id.as_str()).collect();
                format!("{} {}", finding.rule_id, lines.join(","))
            })
            .collect();
        let unknown: Vec<_> = verdict.unknown.iter().map(|u| u.rule_id.clone()).collect();
        let data: Vec<_> = verdict.data_findings.iter().map(|f| f.code.to_owned()).collect();
        let mut differences: Vec<String> = [
            differ("findings", &self.findings, &findings),
            differ("unknown", &self.unknown, &unknown),
            differ("data", &self.data, &data),
            differ("errors", &self.errors, &[]),
        ]
        .into_iter()
        .flatten()
        .collect();
        differences.extend(self.compare_weights_and_tasks(verdict));
        for rule in &self.questions {
            if !verdict.questions.iter().any(|question| question.rule_id == *rule) {
                differences.push(format!("questions: `{rule}` asks nothing"));
            }
        }
        for rule in self.passed.iter().filter(|rule| !verdict.passed.contains(rule)) {
            differences.push(format!(
                "passed: `{rule}` did not pass, passed are {}",
                verdict.passed.join(", ")
            ));
        }
        for rule in &verdict.broken {
            differences.push(format!("`{rule}` ended in a fault of the program"));
        }
        for words in &self.text {
            if !verdict.findings.iter().any(|finding| finding.text.contains(words)) {
                differences.push(format!("text: no finding says `{words}`"));
            }
        }
        differences
    }
}

impl Expected {
    /// What a case says nothing of may be anything.
    fn compare_weights_and_tasks(&self, verdict: &Verdict) -> Vec<String> {
        let weights: Vec<_> = verdict
            .findings
            .iter()
            .map(|it| format!("{} {}", it.severity.code(), it.action.name()))
            .collect();
        let tasks: Vec<_> = verdict
            .tasks
            .iter()
            .map(|it| format!("{} {} {}", it.rule_id, it.lines.join(","), it.due_hours))
            .collect();
        let all = [("weights", &self.weights, weights), ("tasks", &self.tasks, tasks)];
        let told = all
            .iter()
            .filter_map(|(what, expected, actual)| differ(what, expected.as_deref()?, actual));
        told.collect()
    }
}

fn differ(what: &str, expected: &[String], actual: &[String]) -> Option<String> {
    let shown = |list: &[String]| list.join(", ");
    (expected != actual)
        .then(|| format!("{what}: expected [{}], got [{}]", shown(expected), shown(actual)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::rule::Rule;

    #[test]
    fn every_shipped_case_holds() {
        let files = Files::from_shipped(crate::SHIPPED);
        let results = run_cases(&files, &RuleSet::shipped().unwrap());
        let failed: Vec<_> = results
            .iter()
            .filter(|result| !result.passed())
            .map(|result| {
                format!(
                    "{}:{} {}: {}",
                    result.file,
                    result.line,
                    result.name,
                    result.differences.join("; ")
                )
            })
            .collect();
        assert_eq!(failed.join("\n"), "");
        assert!(results.len() >= 40, "only {} cases", results.len());
    }

    #[test]
    fn every_rule_that_is_on_hits_in_some_case() {
        let files = Files::from_shipped(crate::SHIPPED);
        let rules = RuleSet::shipped().unwrap();
        let hits = |rule: &Rule| {
            let file = format!("packs/{}/cases.toml", rule.pack);
            let lines = files.get(&file).unwrap_or_default().lines();
            let hit = format!("\"{} ", rule.id);
            lines.filter(|line| line.starts_with("findings = ")).any(|line| line.contains(&hit))
        };
        let silent: Vec<_> = rules
            .rules()
            .iter()
            .filter(|rule| rule.enabled && !hits(rule))
            .map(|rule| rule.id.as_str())
            .collect();
        assert_eq!(silent, [""; 0]);
    }

    /// What a family says that it says is what somebody reads; what it is based on, some rule is.
    #[test]
    fn what_is_usual_of_a_family_is_so() {
        let files = Files::from_shipped(crate::SHIPPED);
        let rules = RuleSet::shipped().unwrap();
        let mut said: Vec<(&str, String)> = Vec::new();
        for (file, text) in files.iter().filter(|(file, _)| file.ends_with("/cases.toml")) {
            let source = Source { file, text };
            let tree = source.parse(&mut Vec::new());
            let root = Table { source, members: tree.get_ref(), at: tree.span() };
            for table in root.tables("case", &mut Vec::new()) {
                let text = |key| table.text(key, &mut Vec::new()).unwrap();
                let Ok(facts) = request::read(text("input")) else { continue };
                let verdict = evaluate(&rules, &facts, text("now").parse().unwrap());
                said.extend(verdict.findings.into_iter().map(|it| {
                    let rule = rules.rules().iter().find(|rule| rule.id == it.rule_id).unwrap();
                    (rule.family.id(), it.text)
                }));
            }
        }
        let mut otherwise = Vec::new();
        for rule in rules.rules() {
            let (id, usual) = (rule.family.id(), rule.family.usual().unwrap());
            let of_family = || rules.rules().iter().filter(|it| it.family.id() == id);
            assert!(of_family().any(|it| it.basis == usual.basis), "{id}");
            let is_hit = said.iter().any(|(family, _)| *family == id);
            let is_said = said.iter().any(|(family, text)| *family == id && fits(usual.text, text));
            if is_hit && !is_said {
                let told = said.iter().filter(|(family, _)| *family == id).map(|(_, text)| text);
                otherwise.push(format!(
                    "{id} {} {:?}",
                    usual.text,
                    told.take(4).collect::<Vec<_>>()
                ));
            }
        }
        otherwise.sort_unstable();
        otherwise.dedup();
        assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
    }

    /// Whether a text is what a template says, whatever stands between its braces.
    fn fits(template: &str, text: &str) -> bool {
        let mut rest = text;
        for part in template.split('{').map(|it| it.rsplit_once('}').map_or(it, |(_, said)| said)) {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        true
    }

    #[test]
    fn what_is_right_by_one_pack_is_right_by_all() {
        let files = Files::from_shipped(crate::SHIPPED);
        let rules = RuleSet::shipped().unwrap();
        let mut found = Vec::new();
        for (file, text) in files.iter().filter(|(file, _)| file.ends_with("/cases.toml")) {
            let source = Source { file, text };
            let tree = source.parse(&mut Vec::new());
            let root = Table { source, members: tree.get_ref(), at: tree.span() };
            for table in root.tables("case", &mut Vec::new()) {
                found.extend(elsewhere(&table, &rules));
            }
        }
        let reviewed = include_str!("cases/elsewhere.txt").lines();
        let reviewed: Vec<_> = reviewed.filter(|line| !line.starts_with('#')).collect();
        let new: Vec<_> = found.iter().filter(|it| !reviewed.contains(&it.as_str())).collect();
        assert_eq!(new, [""; 0], "say why in cases/elsewhere.txt, or mend a rule");
        let mut gone = reviewed;
        gone.retain(|it| !found.iter().any(|found| found == it));
        assert_eq!(gone, [""; 0], "is said no longer: take it off cases/elsewhere.txt");
    }

    /// What other packs find in a case that its own pack finds nothing in.
    fn elsewhere(table: &Table<'_>, rules: &RuleSet) -> Option<String> {
        let mut ignored = Vec::new();
        let expects = |key| table.get(key).is_some();
        let nothing = table.texts("findings", &mut Vec::new()).is_empty() && !expects("errors");
        let (input, now) = (table.text("input", &mut ignored)?, table.text("now", &mut ignored)?);
        let facts = request::read(input).ok().filter(|_| nothing)?;
        let verdict = evaluate(rules, &facts, now.parse().ok()?);
        let found: Vec<_> = verdict
            .shown()
            .map(|it| {
                let lines: Vec<_> = it.violating().map(|line| line.rx_id.as_str()).collect();
                format!("{} {}", it.rule_id, lines.join(",")).trim_end().to_owned()
            })
            .collect();
        let name = table.text("name", &mut ignored)?;
        (!found.is_empty()).then(|| format!("{name}: {}", found.join("; ")))
    }

    #[test]
    fn differences_are_told() {
        check(
            "[[case]]\nname = \"a\"\nnow = \"2026-05-15T09:20:00\"\ninput = '{\"orders\":[]}'\nfindings = [\"drug-sex 1\"]\ntext = [\"x\"]\n",
            "1 a: findings: expected [drug-sex 1], got []; text: no finding says `x`",
        );
        check(
            "[[case]]\nname = \"a\"\nnow = \"yesterday\"\ninput = '{}'\ncolour = 1\n",
            "5 case file: packs/t/cases.toml:5:1: error[R102]: unknown key `colour`; known are name, now, input, findings, unknown, questions, passed, data, errors, text, weights, tasks\n\
             3 case file: packs/t/cases.toml:3:7: error[R401]: write a time such as 2026-05-15T09:20:00",
        );
        check(
            "[[case]]\nname = \"a\"\nnow = \"2026-05-15T09:20:00\"\ninput = '{'\n",
            "1 a: errors: expected [], got [C101]",
        );
    }

    #[test]
    fn weights_and_tasks_are_held_where_a_case_names_them() {
        let case = |more: &str, flag: &str| {
            format!(
                "[[case]]\nname = \"a\"\nnow = \"2026-05-15T09:20:00\"\ninput = '{{\"encounter\":{{\"med_mdtrt_type\":\"2\"}},\"prescriber\":{{\"drord_dr_profttl\":\"233\"}},\"orders\":[{{\"rx_id\":\"1\",\"hosplist_code\":\"YP000601\"{flag}}}]}}'\n{more}"
            )
        };
        let urgent = ",\"urgt_flag\":\"1\"";
        let told = |text: String| {
            let mut files = Files::default();
            files.insert("packs/starter/cases.toml", text);
            let results = run_cases(&files, &RuleSet::shipped().unwrap());
            let all = results.iter().flat_map(|it| &it.differences);
            let own = all.filter(|it| it.starts_with("weights") || it.starts_with("tasks"));
            own.cloned().collect::<Vec<_>>().join("; ")
        };
        assert_eq!(told(case("weights = [\"1 block\"]\n", "")), "");
        assert_eq!(
            told(case("weights = [\"1 hint\"]\n", "")),
            "weights: expected [1 hint], got [1 block]"
        );
        assert_eq!(told(case("", urgent)), "");
        assert_eq!(
            told(case("tasks = []\n", urgent)),
            "tasks: expected [], got [antimicrobial-tier 1 24]"
        );
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut files = Files::default();
        files.insert("packs/t/cases.toml", text);
        let results = run_cases(&files, &RuleSet::shipped().unwrap());
        let shown: Vec<_> = results
            .iter()
            .map(|result| {
                format!("{} {}: {}", result.line, result.name, result.differences.join("; "))
            })
            .collect();
        assert_eq!(shown.join("\n"), expected);
    }
}
