//! Constants that the element can never hold, and constants in the place of paths.

use crate::workshop::{Line, Workshop, joined, parts};

pub(crate) fn make(workshop: &mut Workshop<'_>) {
    for line in workshop.lines() {
        let (Some(expression), Some(format)) = (line.expression(), line.format()) else { continue };
        match expression {
            "\"1\"" => wrong_codes(workshop, &line),
            _ if expression.starts_with('"') => {}
            _ => instead(workshop, &line, expression, format),
        }
    }
}

/// Other words in the place of a code that is always the same.
fn wrong_codes(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let target = if line.key() == Some("vali_flag") { "flag" } else { "type" };
    if line.format() != Some("code") {
        return;
    }
    for (operator, to) in [
        ("constant outside of the domain", "\"X\""),
        ("constant in Chinese", "\"有效\""),
        ("constant yes", "\"Y\""),
        ("constant true", "\"true\""),
        ("constant with a zero before it", "\"01\""),
        ("constant empty", "\"\""),
        ("constant as its name", "\"1-有效\""),
        ("constant without quotes", "1"),
        ("constant without quotes, as a word", "valid"),
        ("constant of the other case", "\"0\""),
        ("constant made a boolean", "\"1\" | boolean(\"1\", \"0\")"),
        ("constant made a number and rounded", "\"1\" | decimal | plus(1) | plus(97)"),
        ("constant through a map that has no such row", "\"有效\" | code(\"frequency\")"),
    ] {
        workshop.express(operator, target, line, to);
    }
    let bare = format!("{} = 1", line.key().unwrap());
    workshop.write("constant as a number of the file", target, line, &bare);
    let once = format!("{} = \"1\"", line.key().unwrap());
    workshop.write("constant in one pair of quotes", target, line, &once);
}

fn instead(workshop: &mut Workshop<'_>, line: &Line<'_>, expression: &str, format: &str) {
    let long = format!("\"{}\"", "长".repeat(900));
    if line.element().unwrap().format().to_string() != "C..ul" {
        workshop.express("constant that is too long", format, line, &long);
    }
    let named = format!("\"{}\"", line.key().unwrap());
    workshop.express("constant in the place of a path", format, line, &named);
    let mut quoted = parts(expression);
    let source = format!("\"{}\"", quoted[0].replace('"', ""));
    quoted[0] = &source;
    workshop.express("path in quotes", format, line, &joined(&quoted));
    let fallback = format!("{expression} | default(\"不详\")");
    workshop.express("default of a word", format, line, &fallback);
    if format != "text" {
        workshop.express(
            "number in the place of a path",
            format,
            line,
            "123456789012345678901234567890.5",
        );
    }
    let words = format!("{expression} | only(\"不详\", \"未知\")");
    workshop.express("only words that the element cannot hold", format, line, &words);
    workshop.express("expression empty", format, line, "");
    let boolean = format!("{} | boolean(\"1\", \"0\")", parts(expression)[0]);
    workshop.express("boolean in the place of steps", format, line, &boolean);
    let count = format!("count({})", parts(expression)[0]);
    if !expression.starts_with('$') && format != "text" && format != "number" && format != "code" {
        workshop.express("count in the place of the value", format, line, &count);
    }
    let list = format!("{} | split(\",\")", parts(expression)[0]);
    workshop.express("list in the place of one value", format, line, &list);
}
