//! Settings: how strict a rule is in one scene, campus, department, doctor group, region or time.
//!
//! ```toml
//! # packs/<pack>/settings.toml or overlay/<pack>/settings.toml
//! [[setting]]
//! rules = ["prescription-days"]
//! departments = ["0301", "老年病科"]
//! to = "2026-12-31"
//! reason = "医务处2026-11-02同意"
//! action = "hint"
//! parameters = { outpatient_days_max = 14 }
//! ```
//!
//! A setting changes only what it names. Where several hold, the narrower wins: a doctor before a
//! department, that before a campus, a region, a stretch of time, and a scene. Of equally narrow
//! ones the later in the file wins, and the hospital's overlay stands behind the pack. What is not
//! known to be inside a scope is left as it is for everybody; where the rule as it is set there would
//! find more, it is unknown besides.

use std::sync::Arc;

use schemas::{Files, Problem};
use toml::de::DeValue;

use crate::overlay::own::Resting;
use crate::pack::Pack;
use crate::rule::{Action, Rule, scalar};
use crate::scope::{Fit, Here, Scope};
use crate::sets::CodeSets;
use crate::tree::{Source, Table};

/// One setting of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Where and when it holds.
    pub scope: Scope,
    /// Switches the rule on or off.
    pub enabled: Option<bool>,
    /// What else it changes, each proved when it was loaded.
    pub changes: Vec<(String, String)>,
    /// Why, as the hospital wrote it.
    pub reason: Option<String>,
}

const OWN_KEYS: [&str; 6] = ["rules", "enabled", "severity", "action", "reason", "parameters"];

/// Reads the settings of all packs, then those of the overlays, and gives them to their rules.
pub(crate) fn read(
    files: &Files,
    packs: &[Pack],
    (rules, sets, resting): (&mut [Rule], &CodeSets, &[Resting]),
    problems: &mut Vec<Problem>,
) {
    for folder in ["packs", "overlay"] {
        for pack in packs {
            let file = format!("{folder}/{}/settings.toml", pack.folder);
            if let Some(text) = files.get(&file) {
                let source = Source { file: &file, text };
                read_file(source, (&mut *rules, sets, resting), problems);
            }
        }
    }
    for rule in rules {
        // Stable: equally narrow ones stay in the order of the files.
        rule.settings.sort_by_key(|setting| setting.scope.rank());
    }
}

fn read_file(
    source: Source<'_>,
    (rules, sets, resting): (&mut [Rule], &CodeSets, &[Resting]),
    problems: &mut Vec<Problem>,
) {
    let tree = source.parse(problems);
    let root = Table { source, members: tree.get_ref(), at: tree.span() };
    root.only(&["setting"], problems);
    for table in root.tables("setting", problems) {
        let known: Vec<&str> = OWN_KEYS.into_iter().chain(Scope::NAMES).collect();
        table.only(&known, problems);
        let scope = scope(&table, (sets, resting), problems);
        let names = table.texts("rules", problems);
        if names.is_empty() {
            let message = "`rules` must name at least one rule".to_owned();
            problems.push(source.error("R103", &table.at, message));
        }
        for (id, at) in names {
            match rules.iter_mut().find(|rule| rule.id == id) {
                Some(rule) => rule.settings.extend(setting(&table, &scope, rule, problems)),
                None if resting.iter().any(|it| it.rule == id) => {}
                None => problems.push(source.error("R111", &at, format!("no rule `{id}`"))),
            }
        }
    }
}

fn scope(
    table: &Table<'_>,
    (sets, resting): (&CodeSets, &[Resting]),
    problems: &mut Vec<Problem>,
) -> Scope {
    let mut scope = Scope::default();
    for name in Scope::NAMES {
        let Some((value, at)) = table.get(name) else { continue };
        let cell = match value.as_array() {
            Some(items) => {
                let texts = items.iter().map(|item| item.get_ref().as_str());
                texts.collect::<Option<Vec<_>>>().map(|texts| texts.join("|"))
            }
            None => value.as_str().map(str::to_owned),
        };
        let set = cell.map_or_else(
            || Err(format!("`{name}` must be a text or a list of texts")),
            |cell| scope.set(name, &cell),
        );
        if let Err(message) = set {
            problems.push(table.source.error("R104", &at, message));
        }
    }
    if let Some(message) = scope.fault(sets, resting) {
        problems.push(table.source.error("R110", &table.at, message));
    }
    scope
}

/// The setting of one rule; every change is tried on the rule, so that it cannot fail later.
fn setting(
    table: &Table<'_>,
    scope: &Scope,
    rule: &Rule,
    problems: &mut Vec<Problem>,
) -> Option<Setting> {
    let mut trial = rule.without_rows();
    let mut changes = Vec::new();
    let parameters = table.table("parameters", problems);
    let own = ["severity", "action"].into_iter().filter_map(|name| Some((name, table.get(name)?)));
    let given = parameters.iter().flat_map(|parameters| {
        let names = parameters.members.keys().map(|name| name.get_ref().as_ref());
        names.filter_map(|name| Some((name, parameters.get(name)?)))
    });
    let before = problems.len();
    for (name, (value, at)) in own.chain(given) {
        let text = text_of(value);
        let tried = text.as_deref().ok_or_else(|| format!("`{name}` must be a single value"));
        match tried.and_then(|text| trial.set(name, text)) {
            Ok(()) => changes.push((name.to_owned(), text.unwrap_or_default())),
            Err(message) => problems.push(table.source.error("R104", &at, message)),
        }
    }
    let setting = Setting {
        scope: scope.clone(),
        enabled: table.get("enabled").map(|_| table.flag("enabled", true, problems)),
        reason: table.maybe_text("reason", problems).map(str::to_owned),
        changes,
    };
    (problems.len() == before).then_some(setting)
}

/// A list is written as in a cell.
fn text_of(value: &DeValue<'_>) -> Option<String> {
    let Some(items) = value.as_array() else { return scalar(value) };
    let texts: Option<Vec<_>> = items.iter().map(|item| item.get_ref().as_str()).collect();
    texts.map(|texts| texts.join("|"))
}

impl Setting {
    fn holds(&self, here: Here<'_>) -> bool {
        self.scope.fits(here) == Fit::Inside
    }
}

impl Rule {
    /// The rule as it is set for this check; `None` when nothing is set differently here.
    pub(crate) fn as_set_for(&self, here: Here<'_>) -> Option<Rule> {
        let mut holding = self.settings.iter().filter(|it| it.holds(here)).peekable();
        holding.peek()?;
        Some(self.set_by(holding))
    }

    /// The rule as it may be set for this check, with the element that would tell: once for each setting
    /// of which nobody can say whether it holds.
    pub(crate) fn may_be_set_for<'r>(
        &'r self,
        here: Here<'r>,
    ) -> impl Iterator<Item = (Rule, &'static str)> + use<'r> {
        self.settings.iter().filter(|it| it.enabled != Some(false)).filter_map(move |open| {
            let Fit::Unknown(element) = open.scope.fits(here) else { return None };
            let with = self.settings.iter().filter(|it| it.holds(here) || std::ptr::eq(*it, open));
            Some((self.set_by(with), element))
        })
    }

    fn set_by<'r>(&self, holding: impl Iterator<Item = &'r Setting>) -> Rule {
        let mut rule = Rule { rows: Arc::clone(&self.rows), ..self.without_rows() };
        for setting in holding {
            rule.enabled = setting.enabled.unwrap_or(rule.enabled);
            for (name, value) in &setting.changes {
                // Proved when it was loaded.
                let _ = rule.set(name, value);
            }
        }
        if self.on_trial {
            rule.action = Action::Silent;
        }
        rule
    }

    /// Whether some setting may switch it on.
    pub(crate) fn may_run(&self) -> bool {
        self.enabled || self.settings.iter().any(|setting| setting.enabled == Some(true))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::evaluate::evaluate;
    use crate::pack::RuleSet;
    use crate::request;

    const RULE: &str = r#"[[rule]]
id = "days"
family = "prescription_days"
name = "处方用量"
basis = "处方管理办法"
severity = 2
action = "reason"
parameters = { outpatient_days_max = 7, emergency_days_max = 3, long_days_max = 84 }
"#;

    /// A check of ten days in a campus, a department, by a doctor, of a region, in a scene.
    const REQUEST: &str = r#"{"encounter":{"med_mdtrt_type":"1","hosp_area_codg":"东院",
        "adm_dept_codg":"0301","insuplc_admdvs":"420106"},"prescriber":{"drord_dr_codg":"1023"},
        "orders":[{"rx_id":"1","hosplist_code":"Y","medc_days":"10"}]}"#;

    /// Broad before narrow, as rules-domain orders them.
    const LADDER: [&str; 7] = [
        "",
        "scenes = [\"outpatient\"]",
        "to = \"2026-12-31\"",
        "regions = [\"42\"]",
        "campuses = [\"东院\"]",
        "departments = [\"0301\"]",
        "doctors = [\"1023\"]",
    ];

    #[test]
    fn the_narrower_wins_in_every_pair_whatever_comes_first() {
        for (broad, narrow) in (0..LADDER.len()).flat_map(|n| (0..n).map(move |b| (b, n))) {
            let setting = |at: usize, action: &str| {
                let scope = LADDER.get(at).unwrap();
                format!("[[setting]]\nrules = [\"days\"]\n{scope}\naction = \"{action}\"\n")
            };
            let (wide, tight) = (setting(broad, "block"), setting(narrow, "hint"));
            assert_eq!(shown(&format!("{wide}{tight}"), ""), "2 hint", "{broad} {narrow}");
            assert_eq!(shown(&format!("{tight}{wide}"), ""), "2 hint", "{narrow} {broad}");
        }
    }

    #[test]
    fn a_setting_changes_what_it_names_and_only_where_it_holds() {
        let ward = "[[setting]]\nrules = [\"days\"]\ndepartments = [\"0301\"]\n";
        assert_eq!(shown("", ""), "2 reason");
        assert_eq!(shown(&format!("{ward}parameters = {{ outpatient_days_max = 14 }}"), ""), "");
        assert_eq!(shown(&format!("{ward}severity = 3"), ""), "3 reason");
        assert_eq!(shown(&format!("{ward}enabled = false"), ""), "");
        assert_eq!(
            shown("[[setting]]\nrules=[\"days\"]\ncampuses=[\"西院\"]\nenabled=false", ""),
            "2 reason"
        );
        assert_eq!(
            shown("[[setting]]\nrules=[\"days\"]\nto=\"2026-05-14\"\nenabled=false", ""),
            "2 reason"
        );
    }

    #[test]
    fn the_hospital_stands_behind_the_pack() {
        let pack = "[[setting]]\nrules=[\"days\"]\naction=\"block\"\n";
        let own = "[[setting]]\nrules=[\"days\"]\naction=\"confirm\"\n";
        assert_eq!(shown(pack, own), "2 confirm");
    }

    #[test]
    fn a_named_set_of_departments() {
        let set_to =
            |scope: &str| format!("[[setting]]\nrules=[\"days\"]\n{scope}\naction=\"hint\"\n");
        let loaded = |scope: &str| {
            let mut files = files(RULE, &set_to(scope), "");
            files.insert("packs/t/sets/wards.csv", "match,key\ndepartment,03*\natc,J01\n");
            RuleSet::load(&files)
        };
        let shown = |scope: &str| judged(&loaded(scope).unwrap());
        assert_eq!(shown("departments = [\"set:wards\"]"), "2 hint");
        assert_eq!(shown("departments = [\"02*\"]"), "2 reason");
        let fault = |scope: &str| loaded(scope).unwrap_err().first().unwrap().to_string();
        let none = "packs/t/settings.toml:1:1: error[R110]: set `wards` holds no doctor: a member such as doctor:1023";
        assert_eq!(fault("doctors = [\"set:wards\"]"), none);
        assert!(
            fault("doctors = [\"set:none\"]").contains("error[R110]: no pack has a set `none`")
        );
    }

    #[test]
    fn a_rule_that_is_off_may_be_on_somewhere() {
        let off = RULE.replace("severity", "enabled = false\nseverity");
        let on = "[[setting]]\nrules = [\"days\"]\ndoctors = [\"1023\"]\nenabled = true\n";
        assert_eq!(judged(&load(&off, "", "").unwrap()), "");
        assert_eq!(judged(&load(&off, on, "").unwrap()), "2 reason");
    }

    /// An audit closes what a rule finds no more, and nothing that nobody looked for.
    #[test]
    fn a_rule_that_was_suppressed_here_is_not_judged() {
        let facts = request::read(REQUEST).unwrap();
        let is_judged = |rule: &str, setting: &str, id: &str| {
            let rules = load(rule, setting, "").unwrap();
            crate::is_judged(&rules, &facts, "2026-05-15T09:20:00".parse().unwrap(), id)
        };
        let at = |department: &str| {
            format!(
                "[[setting]]\nrules = [\"days\"]\ndepartments = [\"{department}\"]\nenabled = false\n"
            )
        };
        assert!(is_judged(RULE, "", "days"));
        assert!(!is_judged(RULE, "", "other"));
        assert!(!is_judged(RULE, &at("0301"), "days"));
        assert!(is_judged(RULE, &at("0401"), "days"));
        assert!(!is_judged(&RULE.replace("severity", "enabled = false\nseverity"), "", "days"));
        let elsewhere = RULE.replace("severity", "scenes = [\"daily_batch\"]\nseverity");
        assert!(!is_judged(&elsewhere, "", "days"));
    }

    /// Nobody sent the department: what is set for one is not silently left out.
    #[test]
    fn where_nobody_knows_the_place_what_is_set_there_is_unknown() {
        let told = |rule: &str, setting: &str, days: &str| {
            let request = REQUEST.replace(r#""adm_dept_codg":"0301","#, "");
            let request =
                request.replace(r#""medc_days":"10""#, &format!(r#""medc_days":"{days}""#));
            let facts = request::read(&request).unwrap();
            let rules = load(rule, setting, "").unwrap();
            let verdict = evaluate(&rules, &facts, "2026-05-15T09:20:00".parse().unwrap());
            let hits = verdict.findings.iter().map(|it| it.action.name().to_owned());
            let open = verdict.unknown.iter().map(|it| format!("unknown {}", it.missing.join(",")));
            let passed = verdict.passed.iter().map(|_| "pass".to_owned());
            hits.chain(open).chain(passed).collect::<Vec<_>>().join("; ")
        };
        let eyes = "[[setting]]\nrules = [\"days\"]\ndepartments = [\"0401\"]\n";
        let open = "unknown encounter.adm_dept_codg";
        let off = RULE.replace("severity", "enabled = false\nseverity");
        let on = format!("{eyes}enabled = true\n");
        assert_eq!(told(&off, &on, "10"), open);
        assert_eq!(told(&off, &on, "5"), "", "it is in order there too");
        let block = format!("{eyes}action = \"block\"\n");
        assert_eq!(told(RULE, &block, "10"), format!("reason; {open}"));
        assert_eq!(told(RULE, &block, "5"), "pass");
        let three = format!("{eyes}parameters = {{ outpatient_days_max = 3 }}\n");
        assert_eq!(told(RULE, &three, "5"), open);
        assert_eq!(told(RULE, &three, "2"), "pass");
        // Of two the first alone would change something.
        assert_eq!(told(RULE, &format!("{three}{block}"), "5"), open);
        assert_eq!(told(RULE, &format!("{eyes}enabled = false\n"), "10"), "reason");
        let lax = format!("{eyes}action = \"hint\"\nparameters = {{ outpatient_days_max = 14 }}\n");
        assert_eq!(told(RULE, &lax, "10"), "reason");
    }

    /// Who tries a rule out wants to see what it would say, and nobody else to.
    #[test]
    fn on_trial_no_setting_makes_a_rule_speak() {
        let narrow = "[[setting]]\nrules = [\"days\"]\ndoctors = [\"1023\"]\naction = \"block\"\n";
        let with = |changes: &str| {
            let mut files = files(RULE, narrow, "");
            let log = crate::overlay::Log::header() + changes;
            files.insert("overlay/t/changes.csv", log);
            judged(&RuleSet::load(&files).unwrap())
        };
        let trial = "1,2026-05-01T09:00:00,a,r,edit,days,,,,action=silent\n";
        assert_eq!(with(""), "2 block");
        assert_eq!(with(trial), "2 silent");
        let promoted = format!("{trial}2,2026-05-02T09:00:00,a,r,rollback,,,,,no=1\n");
        assert_eq!(with(&promoted), "2 block");
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let faults = |text: &str| {
            let problems = load(RULE, text, "").unwrap_err();
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        let text = "[[setting]]\nrules = [\"days\", \"dais\"]\nscenes = [\"ward\"]\naction = \"shout\"\ncolour = 1\nparameters = { outpatient_days_max = \"many\" }\n";
        let told = faults(text);
        for part in [
            "settings.toml:5:1: error[R102]: unknown key `colour`",
            "settings.toml:3:10: error[R104]: no scene `ward`",
            "settings.toml:4:10: error[R104]: `action` must be one of",
            "settings.toml:6:38: error[R104]: `many` is not a whole number up to 100000",
            "settings.toml:2:18: error[R111]: no rule `dais`",
        ] {
            assert!(told.contains(part), "{part} in\n{told}");
        }
        assert!(faults("[[setting]]\naction = \"hint\"\n").contains("R103"));
    }

    fn shown(pack: &str, own: &str) -> String {
        judged(&load(RULE, pack, own).unwrap())
    }

    fn judged(rules: &RuleSet) -> String {
        let facts = request::read(REQUEST).unwrap();
        let verdict = evaluate(rules, &facts, "2026-05-15T09:20:00".parse().unwrap());
        let findings = verdict.findings.iter();
        let shown = findings.map(|f| format!("{} {}", f.severity.code(), f.action.name()));
        shown.collect::<Vec<_>>().join(", ")
    }

    fn load(rule: &str, pack: &str, own: &str) -> Result<RuleSet, Vec<Problem>> {
        RuleSet::load(&files(rule, pack, own))
    }

    fn files(rule: &str, pack: &str, own: &str) -> Files {
        let mut files = Files::default();
        files.insert(
            "packs/t/pack.toml",
            "name = \"t\"\nversion = \"1\"\nsource = \"s\"\neffective = \"2020-01-01\"\n",
        );
        files.insert("packs/t/rules.toml", rule);
        files.insert("packs/t/settings.toml", pack);
        files.insert("overlay/t/settings.toml", own);
        files
    }
}
