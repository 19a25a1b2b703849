//! Steps from the words of one source to codes and back: code maps, tables, value domains, and two
//! words for yes and no.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::ValueDomain;

use super::{Outcome, Step};
use crate::code_map::{CodeMap, Unknown};
use crate::compiled::Scene;
use crate::datum::{Datum, Fault, Kind};
use crate::lookup::Lookup;
use crate::step_list::{Arguments, Compilation, Scope};
use crate::suggestion;

/// A step that translates words.
#[derive(Debug)]
pub(crate) enum CodeStep {
    Code {
        map: Arc<CodeMap>,
    },
    Lookup {
        table: Arc<Lookup>,
        column: usize,
    },
    /// Between codes and Chinese names of a value domain, one way or the other.
    Named {
        domain: String,
        words: BTreeMap<String, String>,
    },
    Boolean {
        yes: String,
        no: String,
    },
}

impl CodeStep {
    /// `$position | code("main")`: a number is as good a code as any.
    pub(super) fn run<'a>(&'a self, datum: Datum<'a>, scene: &Scene<'a>) -> Outcome<'a> {
        let Some(text) = datum.to_text() else { return Ok(datum) };
        // Fixed-width columns pad their codes, and no table has a key with blanks around it.
        let word = text.trim();
        if word.is_empty() && !text.is_empty() {
            return Ok(Datum::Absent);
        }
        match self {
            CodeStep::Code { map } => translated(map, word, scene),
            CodeStep::Lookup { table, column } => looked_up(table, word, *column),
            CodeStep::Named { domain, words } => named(words, domain, word),
            CodeStep::Boolean { yes, no } => yes_or_no(word, yes.trim(), no.trim()),
        }
    }
}

pub(crate) fn code(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    let [name] = it.texts()?;
    scope.note_use(&name);
    let Some(map) = scope.code_map(&name) else {
        let names = scope.code_map_names();
        let hint = suggestion(&name, names.iter().map(String::as_str));
        return Err(format!("there is no code map `{name}`; add [codes.{name}]{hint}"));
    };
    Ok((Step::Code(CodeStep::Code { map }), Kind::Text))
}

pub(crate) fn lookup(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    let [name, column] = it.texts()?;
    let table = scope.table(&name)?;
    let Some(place) = table.column(&column) else {
        let hint = suggestion(&column, table.columns());
        return Err(format!("{} has no column `{column}`{hint}", table.file()));
    };
    Ok((Step::Code(CodeStep::Lookup { table, column: place }), Kind::Text))
}

pub(crate) fn code_of(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    named_by(it, scope, |code, name| (name.to_owned(), code.to_owned()))
}

pub(crate) fn name_of(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    named_by(it, scope, |code, name| (code.to_owned(), name.to_owned()))
}

pub(crate) fn boolean(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [yes, no] = it.texts()?;
    if yes.trim() == no.trim() {
        return Err("the word for yes must not be the word for no".to_owned());
    }
    Ok((Step::Code(CodeStep::Boolean { yes, no }), Kind::Boolean))
}

fn named_by(
    it: &Arguments<'_>,
    scope: &mut dyn Scope,
    pair: fn(&str, &str) -> (String, String),
) -> Compilation {
    let [name] = it.texts()?;
    let domain = scope.domain(&name)?;
    let words = pairs(domain, pair);
    if words.is_empty() {
        return Err(format!("the value domain `{name}` has no names"));
    }
    Ok((Step::Code(CodeStep::Named { domain: name, words }), Kind::Text))
}

/// The pairs of a value domain; a word that would stand for two is left out, since nobody knows
/// which is meant.
fn pairs(
    domain: &ValueDomain,
    pair: fn(&str, &str) -> (String, String),
) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    let mut twice = Vec::new();
    for (code, name) in domain.codes().filter(|(_, name)| !name.is_empty()) {
        let (from, to) = pair(code.as_str(), name);
        if words.insert(from.clone(), to).is_some() {
            twice.push(from);
        }
    }
    words.retain(|it, _| !twice.contains(it));
    words
}

fn translated<'a>(map: &'a CodeMap, local: &str, scene: &Scene<'a>) -> Outcome<'a> {
    if let Some(standard) = map.translate(local, scene.context.received_at.date()) {
        return Ok(Datum::Text(standard.into()));
    }
    let fault = Fault::new("M203", local, advice(map, local));
    match map.unknown() {
        Unknown::Refuse => Err(fault),
        Unknown::Park => Err(fault.waiting_for(map.file())),
        Unknown::Pass => {
            scene.found.note(fault.with_code("M210"));
            Ok(Datum::Text(local.to_owned().into()))
        }
    }
}

fn advice(map: &CodeMap, local: &str) -> String {
    if map.knows_for_other_days(local) {
        return format!("代码的对照今天不生效：请在码表 {} 中核对它的起止日期", map.file());
    }
    format!("代码未对照：请在码表 {} 中为它补一行，或改送已有代码：{}", map.file(), map.examples())
}

fn looked_up<'a>(table: &'a Lookup, key: &str, column: usize) -> Outcome<'a> {
    match table.cell(key, column) {
        Some(cell) => Ok(cell.map_or(Datum::Absent, |it| Datum::Text(it.into()))),
        None if table.absent_if_unknown => Ok(Datum::Absent),
        None => {
            let expected = format!("表中没有这一项：请在 {} 中为它补一行", table.file());
            Err(Fault::new("M211", key, expected))
        }
    }
}

fn named<'a>(words: &'a BTreeMap<String, String>, domain: &str, word: &str) -> Outcome<'a> {
    words.get(word).map(|it| Datum::Text(it.as_str().into())).ok_or_else(|| {
        let some: Vec<_> = words.keys().take(6).map(String::as_str).collect();
        let expected = format!("应为值域 {domain} 中的写法，例如 {}", some.join("、"));
        Fault::new("M203", word, expected)
    })
}

fn yes_or_no<'a>(text: &str, yes: &str, no: &str) -> Outcome<'a> {
    match text {
        it if it == yes => Ok(Datum::Boolean(true)),
        it if it == no => Ok(Datum::Boolean(false)),
        _ => Err(Fault::new("M204", text, format!("应为 {yes} 或 {no}"))),
    }
}
