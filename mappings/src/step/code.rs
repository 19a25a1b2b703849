//! Steps from the words of one source to codes: code maps, and two words for yes and no.

use std::sync::Arc;

use super::{Outcome, Step};
use crate::code_map::{CodeMap, Unknown};
use crate::compiled::Scene;
use crate::datum::{Datum, Fault, Kind};
use crate::nearest::suggestion;
use crate::step_list::{Arguments, Compilation, Scope};

/// A step that translates words.
#[derive(Debug)]
pub(crate) enum CodeStep {
    Code { map: Arc<CodeMap> },
    Boolean { yes: String, no: String },
}

impl CodeStep {
    /// `$position | code("main")`: a number is as good a code as any.
    pub(super) fn run<'a>(&self, datum: Datum<'a>, scene: &Scene<'a>) -> Outcome<'a> {
        let Some(text) = datum.to_text() else { return Ok(datum) };
        match self {
            CodeStep::Code { map } => translated(map, &text, scene),
            CodeStep::Boolean { yes, no } => yes_or_no(&text, yes, no),
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

pub(crate) fn boolean(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [yes, no] = it.texts()?;
    Ok((Step::Code(CodeStep::Boolean { yes, no }), Kind::Boolean))
}

fn translated<'a>(map: &CodeMap, local: &str, scene: &Scene<'a>) -> Outcome<'a> {
    if let Some(standard) = map.translate(local, scene.context.received_at.date()) {
        return Ok(Datum::Text(standard.to_owned().into()));
    }
    let fault = Fault::new("M203", local, advice(map, local));
    match map.unknown() {
        Unknown::Refuse => Err(fault),
        Unknown::Park => Err(Fault { waits_for: Some(map.file().to_owned()), ..fault }),
        Unknown::Pass => {
            scene.found.note(Fault { code: "M210", ..fault });
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

fn yes_or_no<'a>(text: &str, yes: &str, no: &str) -> Outcome<'a> {
    match text {
        it if it == yes => Ok(Datum::Boolean(true)),
        it if it == no => Ok(Datum::Boolean(false)),
        _ => Err(Fault::new("M204", text, format!("应为 {yes} 或 {no}"))),
    }
}
