//! What several families ask of the lines of a session: which of them are of a legal kind, which
//! stand on one prescription, and how far back the past behind them is known.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::dose::{Computed, days_supply};
use crate::drug_kind::DrugKind;
use crate::family::{Case, Outcome};
use crate::session::{ItemKind, Line, LineKind};

/// Judges the lines of this session that are of one of several kinds. A drug in no table may be of
/// any kind: it is kept for the log.
pub(crate) fn of_kinds<'a>(
    case: &Case<'a>,
    kinds: &[DrugKind],
    mut judge: impl FnMut(&'a Line<'a>) -> Outcome,
) -> Vec<Outcome> {
    let current = case.lines().filter(|line| line.order.current && line.may_be_drug());
    current
        .map(|line| match line.product {
            None => Outcome::Unlisted { missing: line.shared_path("hosplist_code") },
            Some(product) if kinds.iter().any(|kind| product.kinds.contains(kind)) => judge(line),
            Some(_) => Outcome::NotApplicable,
        })
        .collect()
}

/// Lines by prescription; lines without a number are one prescription.
pub(crate) fn by_prescription<'a>(
    lines: impl Iterator<Item = &'a Line<'a>>,
) -> Vec<Vec<&'a Line<'a>>> {
    let mut prescriptions: Vec<Vec<&Line<'_>>> = Vec::new();
    for line in lines {
        let same = |lines: &&mut Vec<&Line<'_>>| {
            lines.first().is_some_and(|first| first.order.rxno == line.order.rxno)
        };
        match prescriptions.iter_mut().find(same) {
            Some(lines) => lines.push(line),
            None => prescriptions.push(vec![line]),
        }
    }
    prescriptions
}

/// The days that a line covers: the longer of those written and those that the quantity lasts.
pub(crate) fn days_covered(line: &Line<'_>) -> Computed<Decimal> {
    match (line.order.days, days_supply(line)) {
        (Some(written), Ok(computed)) => Ok(written.max(computed)),
        (Some(written), Err(_)) => Ok(written),
        (None, computed) => computed.map_err(<[String]>::to_vec),
    }
}

/// What is missing where days were written and the quantity may last longer than they say: a quantity
/// beside a frequency that cannot be.
pub(crate) fn may_last_longer(line: &Line<'_>) -> Option<Vec<String>> {
    (!line.frequency_is_believable).then(|| vec![line.path("drug_used_frqu")])
}

/// Whether a line is a herbal slice, by its national code or by the drug table.
pub(crate) fn is_slice(line: &Line<'_>) -> bool {
    line.item_kind() == Some(ItemKind::Slice) || line.is_kind(DrugKind::HerbalSlice) == Some(true)
}

/// Whether a line only dissolves or carries the others of its group.
pub(crate) fn is_solvent(line: &Line<'_>) -> bool {
    line.order.solvent == Some(true) || line.is_kind(DrugKind::Solvent) == Some(true)
}

/// What tells two drugs apart: the code, else the name.
pub(crate) fn identity<'a>(line: &'a Line<'_>) -> &'a str {
    let code = line.order.hospital_code.as_deref().or(line.order.national_code.as_deref());
    code.unwrap_or(line.name())
}

/// Whether what is known of the past begins on a day or before it; what is missing when not. A past
/// that was sent empty does not say since when it is.
pub(crate) fn past_since(case: &Case<'_>, day: Option<Date>) -> Result<(), String> {
    if case.facts.history.is_absent() {
        return Err("history".to_owned());
    }
    let since = case.facts.history.present().and_then(|history| history.since);
    match (day, since) {
        (None, _) => Ok(()),
        (Some(day), Some(since)) if since <= day => Ok(()),
        _ => Err("history.since".to_owned()),
    }
}

/// What a line of a stay comes to when nobody can say whether it is taken home: judged as if it were,
/// only what is in order is certain.
pub(crate) fn unless_of_the_ward(line: &Line<'_>, taken_home: Outcome) -> Outcome {
    match taken_home {
        Outcome::Pass | Outcome::NotApplicable => taken_home,
        _ => Outcome::unknown(line.path("drord_bhvr")),
    }
}

/// `5月15日`, for an answer.
pub(crate) fn day_zh(day: Date) -> String {
    format!("{}月{}日", day.month(), day.day())
}

/// The positions of lines, for a hit; those of the past are another list's.
pub(crate) fn positions(lines: &[&Line<'_>]) -> Vec<usize> {
    let of_session = lines.iter().filter(|line| line.kind != LineKind::Past);
    of_session.map(|line| line.position).collect()
}

/// The names of the lines among these that are of the past: a hit depends on them.
pub(crate) fn names_of_past(lines: &[&Line<'_>]) -> Vec<String> {
    let of_past = lines.iter().filter(|line| line.kind == LineKind::Past);
    of_past.map(|line| line.name().to_owned()).collect()
}
