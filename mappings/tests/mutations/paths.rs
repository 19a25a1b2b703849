//! Paths: what no dictionary can know, and what the grammar of paths can.

use crate::workshop::{Line, Workshop, joined, misspelt, parts};

pub(crate) fn make(workshop: &mut Workshop<'_>) {
    for line in workshop.lines() {
        let (Some(expression), Some(role)) = (line.expression(), line.role()) else { continue };
        let parts = parts(expression);
        let source = parts[0];
        if source.starts_with(['"', '$']) || source.contains(" = ") && role == "when" {
            continue;
        }
        let mut put = |operator: &str, role: &str, to: &str| {
            let mut other = parts.clone();
            other[0] = to;
            workshop.express(operator, role, &line, &joined(&other));
        };
        // What is no path at all is one kind, whatever it was to be for.
        dialects(&mut |operator: &str, to: &str| put(operator, "", to), source);
        let mut put = |operator: &str, to: &str| put(operator, role, to);
        segments(&mut put, source);
        levels(&mut put, &line, source);
        predicates(&mut put, source);
    }
}

/// Segments, without the slashes that stand in predicates.
fn split(path: &str) -> Vec<&str> {
    let mut depth = 0;
    let cut = |letter: char| {
        depth += match letter {
            '[' => 1,
            ']' => -1,
            _ => 0,
        };
        letter == '/' && depth == 0
    };
    path.split(cut).collect()
}

fn segments(put: &mut impl FnMut(&str, &str), source: &str) {
    let segments = split(source);
    let named: Vec<usize> =
        (0..segments.len()).filter(|it| !["", ".", ".."].contains(&segments[*it])).collect();
    let (Some(last), Some(first)) = (named.last(), named.first()) else { return };
    let slip = |at: usize| {
        let name = segments[at].split('[').next().unwrap();
        let slip = segments[at].replacen(name, &misspelt(name), 1);
        let mut other = segments.clone();
        other[at] = &slip;
        other.join("/")
    };
    put("last segment misspelt", &slip(*last));
    if first != last {
        put("first segment misspelt", &slip(*first));
        let mut other = segments.clone();
        other.remove(*first);
        put("level left out", &other.join("/"));
    }
    let mut other = segments.clone();
    let turned = match segments[*last].strip_prefix('@') {
        Some(name) => name.to_owned(),
        None => format!("@{}", segments[*last]),
    };
    other[*last] = &turned;
    put("attribute and element exchanged", &other.join("/"));
}

fn levels(put: &mut impl FnMut(&str, &str), line: &Line<'_>, source: &str) {
    put(
        "many levels up",
        &format!("../../../../../../../../../../../{}", source.trim_start_matches('/')),
    );
    if let Some(rest) = source.strip_prefix("../") {
        put("one level too low", rest);
        put("one level too high", &format!("../{source}"));
    }
    // Without `each`, the whole message is the item, and a path begins at the same place both ways.
    if !line.has_each && line.key() != Some("lane") || line.key() == Some("each") {
        return;
    }
    match source.strip_prefix('/') {
        Some(rest) if !rest.starts_with('/') => put("from the item, not from the top", rest),
        None if !source.starts_with('.') => {
            put("from the top, not from the item", &format!("/{source}"));
        }
        _ => {}
    }
}

/// What other path languages would say.
fn dialects(put: &mut impl FnMut(&str, &str), source: &str) {
    if source == "." {
        return;
    }
    put("text() of XPath", &format!("{source}/text()"));
    put("string() of XPath", &format!("string({source})"));
    put("slash at the end", &format!("{source}/"));
    put("$ of JSONPath", &format!("$.{}", source.replace('/', ".")));
    put("blank in the place of a slash", &source.replacen('/', " ", 1));
    put("three slashes", &source.replacen('/', "///", 1));
    put("backslash", &source.replacen('/', "\\", 1));
    put("bracket left open", &format!("{source}[1"));
    put("bracket nobody opened", &format!("{source}]"));
    put("index 0", &format!("{source}[0]"));
    put("index in words", &format!("{source}[last()]"));
    put("bracket empty", &format!("{source}[]"));
    put("comma for a second path", &format!("{source}, {source}"));
    put("plus between two paths", &format!("{source} + {source}"));
    put("name with a bracket", &format!("{source}(元)"));
}

fn predicates(put: &mut impl FnMut(&str, &str), source: &str) {
    let (Some(from), Some(to)) = (source.find('['), source.find(']')) else { return };
    let (before, inside, after) = (&source[..from], &source[from + 1..to], &source[to + 1..]);
    let with = |other: &str| format!("{before}[{other}]{after}");
    put("predicate dropped", &format!("{before}{after}"));
    put("predicate with two signs of equality", &with(&inside.replace('=', "==")));
    put("predicate in round brackets", &format!("{before}({inside}){after}"));
    put("predicate with a sign of order", &with(&inside.replace('=', ">")));
    if inside.contains('"') {
        put("predicate asks for another text", &with(&inside.replacen('"', "\"9", 1)));
        put("predicate without quotes", &with(&inside.replace('"', "")));
    } else if inside.contains("$item") {
        put("predicate without $item", &with(&inside.replace("$item/", "")));
        put("predicate from the wrong side", &with(&inside.replace("$item/CFID", "$item/XH")));
        put("predicate with a variable that is none", &with(&inside.replace("$item", "$row")));
    }
}
