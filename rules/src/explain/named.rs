//! Which version of a named set a finding was judged by.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::inputs::lines;
use crate::family::Case;
use crate::knowledge::Key;
use crate::rule::Rule;
use crate::scope::{Fit, Scope};
use crate::sets::SetVersion;
use crate::verdict::Finding;

/// Every set that the rule or its matching rows name, on the days of the lines that the finding is
/// about; of a finding about no line, on the day of the check. Sets of people and places in scopes
/// are always asked on the day of the check.
pub(super) fn of((case, general): (&Case<'_>, &Rule), finding: &Finding) -> Vec<String> {
    let in_rows = case
        .matches
        .iter()
        .flat_map(|it| std::iter::once(&it.row.key).chain(it.row.parameters.all_keys()));
    let names: BTreeSet<&str> = case
        .rule
        .parameters
        .all_keys()
        .chain(in_rows)
        .filter_map(|key| if let Key::Set(name) = key { Some(name.as_str()) } else { None })
        .chain(case.rule.parameters.party_sets().map(|(_, name)| name))
        .collect();
    let mut days: BTreeSet<Date> = lines(case, finding).map(|line| line.begins).collect();
    if days.is_empty() {
        days.insert(case.now.date());
    }
    let each = names.into_iter().flat_map(|name| {
        let versions =
            days.iter().map(move |day| told(name, case.session.sets.version(name, *day), *day));
        versions.collect::<BTreeSet<_>>()
    });
    let today = case.now.date();
    let of_scopes = in_scopes(case, general).into_iter();
    let of_scopes = of_scopes.map(|it| told(it, case.session.sets.version(it, today), today));
    each.chain(of_scopes).collect()
}

/// The sets by which it is told whether the rule, its rows and its settings hold here.
fn in_scopes<'a>(case: &Case<'a>, general: &'a Rule) -> BTreeSet<&'a str> {
    let of_rows = case.matches.iter().filter_map(|it| it.row.scope.as_deref());
    let of_settings = general.settings.iter().map(|it| &it.scope);
    let here = of_settings.filter(|it| it.fits(case.here()) == Fit::Inside);
    let scopes = general.scope.iter().chain(of_rows).chain(here);
    scopes.flat_map(Scope::sets).map(|(_, name)| name).collect()
}

fn told(name: &str, version: Option<&SetVersion>, day: Date) -> String {
    let Some(version) = version else { return format!("{name}：{day}没有生效的版本") };
    let SetVersion { number, source, author, from, until, .. } = version;
    // A set of a pack has the version of its pack, which the check names.
    if *number == 0 {
        return format!("{name}（规则包 {source}）");
    }
    let day = |day: &Option<Date>| day.map_or("…".to_owned(), |it| it.to_string());
    let author = author.as_deref().unwrap_or_default();
    format!("{name} 版本{number}（{}–{}，{source}，{author}）", day(from), day(until))
}
