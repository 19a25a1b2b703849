//! Steps that are missing, in the wrong order, of the wrong sort, or called in a wrong way.

use crate::workshop::{Line, Workshop, joined, parts, step_name};

pub(crate) fn make(workshop: &mut Workshop<'_>) {
    for line in workshop.lines() {
        let Some(expression) = line.expression() else { continue };
        let parts = parts(expression);
        missing(workshop, &line, &parts);
        order(workshop, &line, &parts);
        wrong(workshop, &line, expression, &parts);
        calls(workshop, &line, expression);
        behind(workshop, &line, expression);
        code_of_another(workshop, &line, expression);
    }
}

fn missing(workshop: &mut Workshop<'_>, line: &Line<'_>, parts: &[&str]) {
    for at in 1..parts.len() {
        let mut other = parts.to_vec();
        let step = other.remove(at);
        let on = line.format().or(line.role()).unwrap();
        let operator = format!("step {} missing", step_name(step));
        workshop.express(&operator, on, line, &joined(&other));
    }
    if let (Some(format), true) = (line.format(), parts.len() > 2) {
        workshop.express("all steps missing", format, line, parts[0]);
    }
}

/// Two steps that stand the other way round, where that is not the same.
fn order(workshop: &mut Workshop<'_>, line: &Line<'_>, parts: &[&str]) {
    for at in 2..parts.len() {
        let names = (step_name(parts[at - 1]), step_name(parts[at]));
        if names.1 == "trim" && names.0 != "split" && names.0 != "code" {
            continue;
        }
        let mut other = parts.to_vec();
        other.swap(at - 1, at);
        let target = format!("{} and {}", names.0, names.1);
        workshop.express("steps the other way round", &target, line, &joined(&other));
    }
}

/// A step in the place of another one that sounds as if it did the same.
fn wrong(workshop: &mut Workshop<'_>, line: &Line<'_>, expression: &str, parts: &[&str]) {
    let Some(format) = line.format() else { return };
    let names: Vec<&str> = parts[1..].iter().map(|it| step_name(it)).collect();
    for (from, to) in [
        ("decimal", "percent"),
        ("decimal", "digits"),
        ("decimal", "trim"),
        ("decimal", "code(\"frequency\")"),
        ("decimal", "date(\"yyyyMMdd\")"),
        ("decimal", "number"),
        ("date(", "datetime("),
        ("date(", "time("),
        ("date(", "replace("),
        ("datetime(", "date("),
        ("datetime(", "time("),
        ("datetime(", "timestamp("),
        ("code(", "date("),
        ("code(", "name_of("),
        ("code(", "default("),
        ("code(", "prefix("),
        ("code(", "map("),
        ("split(", "before("),
        ("split(", "join("),
        ("match(", "replace("),
        ("match(", "substring("),
        ("trim", "strip"),
        ("trim", "decimal"),
        ("trim", "boolean(\"1\", \"0\")"),
        ("trim", "split(\",\")"),
        ("trim", "date(\"yyyy-MM-dd\")"),
    ] {
        let name = step_name(from);
        if names.contains(&name) {
            let changed = expression.replacen(&format!(" | {from}"), &format!(" | {to}"), 1);
            let operator = format!("step {name} is {}", step_name(to));
            workshop.express(&operator, format, line, &changed);
        }
    }
}

/// The right step, called in a wrong way.
fn calls(workshop: &mut Workshop<'_>, line: &Line<'_>, expression: &str) {
    let call = |from: &str, to: &str| {
        let at = expression.find(&format!(" | {from}"))?;
        Some(format!("{} | {to}{}", &expression[..at], &expression[at + 3 + from.len()..]))
    };
    for (operator, from, to) in [
        ("decimal with an argument", "decimal", "decimal(2)"),
        ("trim with an argument", "trim", "trim(\" \")"),
        ("match with its group in quotes", ", 1)", ", \"1\")"),
        ("item 0", "item(1", "item(0"),
        ("item 0", "item(2", "item(0"),
        ("item in quotes", "item(1", "item(\"1\""),
        ("item in quotes", "item(2", "item(\"2\""),
        ("item without a number", "item(1)", "item"),
        ("item of the wrong number", "item(1)", "item(2)"),
        ("item of the wrong number", "item(2)", "item(1)"),
        ("item of a minus", "item(1)", "item(-1)"),
        ("replace with one argument", "replace(\"-\", \"\")", "replace(\"-\")"),
        ("only without quotes", "only(\"1\")", "only(1)"),
        ("only of a word that is never there", "only(\"1\")", "only(\"一\")"),
        ("default outside of the domain", "default(\"0\")", "default(\"否\")"),
        ("default empty", "default(\"0\")", "default"),
        ("absent without words", "absent(\"0\", \"-1\")", "absent"),
        ("absent of other words", "absent(\"0\", \"-1\")", "absent(\"null\")"),
        ("or of a text", "or(EVN/2)", "or(\"EVN/2\")"),
        ("or of a condition", "or(EVN/2)", "or(EVN/2 = \"1\")"),
        ("or of a misspelt path", "or(EVN/2)", "or(EVN/22"),
    ] {
        if let Some(changed) = call(from, to) {
            workshop.express(operator, "", line, &changed);
        }
    }
    for (operator, from, to) in [
        ("match with a group that is not there", "$\", 1)", "$\", 4)"),
        ("match with a group that is not there", "$\", 2)", "$\", 4)"),
        ("match with the other group", "(.*)$\", 1)", "(.*)$\", 2)"),
        ("match with the other group", "(.*)$\", 2)", "(.*)$\", 1)"),
        ("match with an open bracket", "match(\"^(", "match(\"^(("),
        ("match with an open set", "+)", "+"),
        ("match that forgets the point", "[0-9.]", "[0-9]"),
        ("match that wants letters", "[0-9.]", "[a-z]"),
        ("match without its pattern", "match(\"^([0-9.]+)(.*)$\", ", "match("),
        ("separator that is not there: split", "split(\"", "split(\";"),
        ("separator missing: split", "split(\"|\")", "split"),
        ("separator missing: split", "split(\"^\")", "split"),
        ("separator missing: split", "split(\"#\")", "split(\"\")"),
        ("separator that is another: join", "join(\" \"", "join(\"T\""),
        ("separator missing: join", "join(\" \", ", "join("),
        ("date pattern without quotes", "(\"yyyy-MM-dd\"", "(yyyy-MM-dd"),
        ("date pattern without quotes", "(\"yyyyMMdd\"", "(yyyyMMdd"),
        ("code map without quotes", "code(\"frequency\")", "code(frequency)"),
        ("code map without quotes", "code(\"sex\")", "code(sex)"),
        ("code map in single quotes", "code(\"sex\")", "code('sex')"),
        ("code map without brackets", "code(\"sex\")", "code \"sex\""),
        ("code map with two arguments", "code(\"route\")", "code(\"route\", \"口服\")"),
    ] {
        if expression.contains(from) {
            workshop.express(operator, "", line, &expression.replacen(from, to, 1));
        }
    }
}

/// Steps behind one that has already made something else of the text.
fn behind(workshop: &mut Workshop<'_>, line: &Line<'_>, expression: &str) {
    let Some(format @ ("number" | "date" | "date and time")) = line.format() else { return };
    if !expression.contains(" | ") {
        return;
    }
    for step in [
        "upper",
        "replace(\"-\", \"\")",
        "substring(1, 8)",
        "match(\"^(.*)$\", 1)",
        "prefix(\"0\")",
        "split(\",\")",
        "code(\"frequency\")",
        "write(\"yyyy\")",
        "decimal",
        "date(\"yyyyMMdd\")",
        "date_of",
    ] {
        let name = step_name(step);
        let fine = matches!((format, name), ("date and time", "date_of") | ("number", "decimal"));
        if !fine {
            let operator = format!("step {name} behind the value");
            workshop.express(&operator, format, line, &format!("{expression} | {step}"));
        }
    }
    if format == "number" {
        let more = format!("{expression} | round(9)");
        workshop.express("round to more places than there are", format, line, &more);
        workshop.express("round to whole tens", format, line, &format!("{expression} | round(-1)"));
        workshop.express("round without places", format, line, &format!("{expression} | round"));
        workshop.express("times in a text", format, line, &format!("{expression} | times(\"x\")"));
        workshop.express("number negated", format, line, &format!("{expression} | negate"));
    }
}

/// The map of another element.
fn code_of_another(workshop: &mut Workshop<'_>, line: &Line<'_>, expression: &str) {
    let Some(format) = line.format() else { return };
    for from in ["sex", "route", "frequency", "visit", "yes-no", "main"] {
        let was = format!("code(\"{from}\")");
        let other = if from == "route" { "frequency" } else { "route" };
        if expression.contains(&was) && !line.file.contains("adt") && !line.file.contains("fee") {
            let changed = expression.replacen(&was, &format!("code(\"{other}\")"), 1);
            workshop.express("map of another element", from, line, &changed);
            let twice = format!("{expression} | code(\"{from}\")");
            workshop.express("map applied twice", format, line, &twice);
        }
    }
}
