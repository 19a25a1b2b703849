//! Slips of the pen: brackets, quotes and bars, and the full-width ones of a Chinese keyboard. What
//! the expression is for makes no difference to them: each is one kind.

use crate::workshop::{Line, Workshop};

pub(crate) fn make(workshop: &mut Workshop<'_>) {
    for line in workshop.lines() {
        if let Some(expression) = line.expression() {
            signs(workshop, &line, expression);
        }
        if line.value().is_some() {
            quotes(workshop, &line);
        }
        if line.text.starts_with('[') {
            let open = line.text.trim_end_matches(']');
            workshop.write("bracket of a table left open", "", &line, open);
            let wide = line.text.replace('[', "【").replace(']', "】");
            workshop.write("full-width bracket of a table", "", &line, &wide);
        }
    }
}

fn signs(workshop: &mut Workshop<'_>, line: &Line<'_>, expression: &str) {
    let last = |from: char, to: &str| {
        let at = expression.rfind(from)?;
        Some(format!("{}{to}{}", &expression[..at], &expression[at + from.len_utf8()..]))
    };
    for (operator, changed) in [
        ("full-width bar", expression.replacen(" | ", " ｜ ", 1)),
        ("bar missing", expression.replacen(" | ", " ", 1)),
        ("bar twice", expression.replacen(" | ", " || ", 1)),
        ("arrow in the place of a bar", expression.replacen(" | ", " > ", 1)),
        ("point in the place of a bar", expression.replacen(" | ", ".", 1)),
        ("full-width comma", expression.replacen(", ", "，", 1)),
        ("comma missing", expression.replacen("\", ", "\" ", 1)),
        ("full-width bracket", expression.replacen('(', "（", 1)),
        ("square brackets around arguments", expression.replace('(', "[").replace(')', "]")),
        ("bracket missing", last(')', "").unwrap_or_default()),
        ("bracket twice", last(')', "))").unwrap_or_default()),
        ("full-width quotes", expression.replacen('"', "“", 1)),
        ("quote missing", last('"', "").unwrap_or_default()),
        ("full-width sign of equality", expression.replacen(" = ", " ＝ ", 1)),
        ("two signs of equality", expression.replacen(" = ", " == ", 1)),
        ("sign of assignment", expression.replacen(" = ", " := ", 1)),
        ("like in the place of equality", expression.replacen(" = ", " like ", 1)),
        ("and in signs", expression.replacen(" and ", " && ", 1)),
        ("and in capitals", expression.replacen(" and ", " AND ", 1)),
        ("list in square brackets", expression.replacen("in (", "in [", 1)),
        ("full-width at", expression.replacen('@', "＠", 1)),
        ("at in the middle of a name", expression.replacen('@', "a@", 1)),
    ] {
        if !changed.is_empty() && changed != expression {
            workshop.express(operator, "", line, &changed);
        }
    }
    workshop.express("bar at the end", "", line, &format!("{expression} | "));
    workshop.express("bar at the beginning", "", line, &format!("| {expression}"));
    workshop.express("semicolon at the end", "", line, &format!("{expression};"));
    workshop.express("remark inside", "", line, &format!("{expression} # the visit"));
    workshop.express("braces of a template", "", line, &format!("{{{{ {expression} }}}}"));
    let trailing = format!("{} -- the visit", line.text);
    workshop.write("remark of SQL behind it", "", line, &trailing);
}

fn quotes(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let (key, value) = (line.key().unwrap(), line.value().unwrap());
    if !value.starts_with(['\'', '"']) {
        return;
    }
    let inside = &value[1..value.len() - 1];
    let written = |text: String| format!("{key} = {text}");
    workshop.write("no quote at the end", "", line, &written(value[..value.len() - 1].to_owned()));
    workshop.write("full-width quotes around it", "", line, &written(format!("“{inside}”")));
    workshop.write("colon in the place of equality", "", line, &format!("{key}: {value}"));
    workshop.write("no sign of equality", "", line, &format!("{key} {value}"));
    if inside.contains('"') && value.starts_with('\'') {
        workshop.write(
            "double quotes in double quotes",
            "",
            line,
            &written(format!("\"{inside}\"")),
        );
    }
}
