//! Date patterns as they are written from memory, and as other systems write them.

use crate::workshop::{Line, Workshop};

pub(crate) fn make(workshop: &mut Workshop<'_>) {
    for line in workshop.lines() {
        let (Some(expression), Some(format @ ("date" | "date and time"))) =
            (line.expression(), line.format())
        else {
            continue;
        };
        letters(workshop, &line, expression, format);
        shapes(workshop, &line, expression, format);
    }
}

/// Every pattern of the step gets the same slip: whoever errs, errs throughout.
fn letters(workshop: &mut Workshop<'_>, line: &Line<'_>, expression: &str, format: &str) {
    for (operator, from, to) in [
        ("month in small letters", "MM", "mm"),
        ("minutes in capitals", "mm", "MM"),
        ("hour of the 12-hour clock", "HH", "hh"),
        ("year in capitals", "yyyy", "YYYY"),
        ("day in capitals", "dd", "DD"),
        ("seconds in capitals", "ss", "SS"),
        ("minutes as in SQL", "mm", "mi"),
        ("minutes as n", "mm", "nn"),
        ("hour as in SQL", "HH", "HH24"),
        ("year of two digits", "yyyy", "yy"),
        ("year of three letters", "yyyy", "yyy"),
        ("month of four letters", "MM", "MMMM"),
        ("month missing", "MM", ""),
        ("day missing", "dd", ""),
        ("year missing", "yyyy", ""),
        ("hour missing", "HH", ""),
        ("minutes missing", "mm", ""),
        ("seconds missing", "ss", ""),
        ("year twice", "yyyy", "yyyyyyyy"),
        ("day and month exchanged", "MM-dd", "dd-MM"),
        ("zone as Z", "X", "Z"),
        ("zone missing", "X", ""),
        ("fraction missing", ".S", ""),
        ("T missing", "T", " "),
        ("pattern of C", "yyyy", "%Y"),
    ] {
        let Some(at) = expression.find("date(").or_else(|| expression.find("datetime(")) else {
            return;
        };
        let (before, call) = expression.split_at(at);
        if call.contains(from) {
            workshop.express(
                operator,
                format,
                line,
                &format!("{before}{}", call.replace(from, to)),
            );
        }
    }
}

fn shapes(workshop: &mut Workshop<'_>, line: &Line<'_>, expression: &str, format: &str) {
    let Some(at) = expression.find("(\"yyyy").or_else(|| expression.find("(\"epoch")) else {
        return;
    };
    let (before, _) = expression.split_at(at);
    let usual = if format == "date" { "yyyyMMdd" } else { "yyyyMMddHHmmss" };
    let dotted = if format == "date" { "yyyy.MM.dd" } else { "yyyy.MM.dd HH.mm.ss" };
    for (operator, argument) in [
        ("pattern empty", "(\"\")"),
        ("pattern missing", ""),
        ("brackets empty", "()"),
        ("pattern that is a date", "(\"2024-05-15\")"),
        ("pattern in Chinese", "(\"年-月-日\")"),
        ("pattern with an open bracket", "(\"yyyy-MM-dd[ HH:mm:ss\")"),
        ("pattern with an open quote", "(\"yyyy年MM月'日\")"),
        ("patterns in a list", "([\"yyyy-MM-dd\"])"),
        ("patterns with a bar between", "(\"yyyy-MM-dd\" | \"yyyyMMdd\")"),
        ("pattern of a time only", "(\"HH:mm:ss\")"),
        ("pattern named", "(\"iso8601\")"),
        ("pattern of the platform", &format!("(\"{usual}\")")),
        ("pattern with other separators", &format!("(\"{dotted}\")")),
        ("pattern of seconds since 1970", "(\"epoch_s\")"),
    ] {
        let accepted = expression.contains(argument.trim_end_matches(')')) && !argument.is_empty();
        // The platform's own format may be one of several that the step already tries.
        if !accepted && !expression.contains(&format!("\"{usual}\"")) {
            workshop.express(operator, format, line, &format!("{before}{argument}"));
        }
    }
}
