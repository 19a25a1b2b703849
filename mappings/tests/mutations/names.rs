//! Names that are not there: elements, entities, steps, maps, variables, domains, the file's own words.

use schemas::{DataElement, Entity};

use crate::workshop::{Line, Workshop, format_word, joined, misspelt, parts, step_name};

pub(crate) fn make(workshop: &mut Workshop<'_>) {
    for line in workshop.lines() {
        elements(workshop, &line);
        steps(workshop, &line);
        arguments(workshop, &line);
        variables(workshop, &line);
        words_of_the_file(workshop, &line);
        values_of_the_file(workshop, &line);
    }
}

fn elements(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let (Some(format), Some(name), Some(value)) = (line.format(), line.key(), line.value()) else {
        return;
    };
    for (operator, other) in [
        ("element misspelt", misspelt(name)),
        ("element in capitals", name.to_uppercase()),
        ("element without underlines", name.replace('_', "")),
        ("element named in Chinese", line.element().unwrap().zh_name().to_owned()),
    ] {
        if other != name {
            workshop.write(operator, format, line, &format!("{other} = {value}"));
        }
    }
    let strange = |it: &&DataElement| {
        format_word(it) == format && line.entity.unwrap().position(it.name()).is_none()
    };
    let others = line.catalog.entities().flat_map(Entity::elements);
    if let Some(other) = others.filter(strange).last() {
        let text = format!("{} = {value}", other.name());
        workshop.write("element of another entity", format, line, &text);
    }
}

fn steps(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let Some(expression) = line.expression() else { return };
    let parts = parts(expression);
    for at in 1..parts.len() {
        let name = step_name(parts[at]);
        let changed = |to: &str| {
            let step = parts[at].replacen(name, to, 1);
            let mut other = parts.clone();
            other[at] = &step;
            joined(&other)
        };
        workshop.express("step misspelt", name, line, &changed(&misspelt(name)));
        workshop.express("step in capitals", name, line, &changed(&name.to_uppercase()));
    }
}

fn arguments(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let (Some(expression), Some(target)) = (line.expression(), line.format()) else { return };
    let Some((before, rest)) = expression.split_once("code(\"") else { return };
    let (map, after) = rest.split_once('"').unwrap();
    let to = |other: &str| format!("{before}code(\"{other}\"{after}");
    workshop.express("code map misspelt", target, line, &to(&misspelt(map)));
    workshop.express("code map that is not declared", target, line, &to("diagnosis"));
    workshop.express("code map by its file", target, line, &to(&format!("codes/{map}.csv")));
    let step = format!("{before}{map}{}", after.trim_start_matches(')'));
    workshop.express("code map in the place of its step", target, line, &step);
    let lookup = expression.replacen("code(", "lookup(", 1);
    workshop.express("code map asked as a table", target, line, &lookup);
}

fn variables(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let Some(expression) = line.expression() else { return };
    for name in ["$position", "$slot", "$number", "$operation", "$item", "$1", "$2"] {
        if !expression.contains(name) {
            continue;
        }
        let to = |other: &str| expression.replacen(name, other, 1);
        let slip = if name.len() == 2 { "$7".to_owned() } else { misspelt(name) };
        workshop.express("variable misspelt", name, line, &to(&slip));
        workshop.express("variable without its sign", name, line, &to(&name[1..]));
        workshop.express("variable in braces", name, line, &to(&format!("${{{}}}", &name[1..])));
    }
}

/// The keys and the headers that the language itself knows.
fn words_of_the_file(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    if line.text.starts_with('[') {
        let inside = line.text.trim_matches(['[', ']']);
        let word = inside.split('.').next().unwrap();
        let target = if inside.starts_with("codes") { "[codes]" } else { line.section };
        let slip = line.text.replacen(word, &misspelt(word), 1);
        workshop.write("table misspelt", target, line, &slip);
        if line.text.starts_with("[[") {
            workshop.write("list of tables with one bracket", target, line, &format!("[{inside}]"));
        } else {
            workshop.write("table with two brackets", target, line, &format!("[[{inside}]]"));
        }
        workshop.drop("header of a table missing", target, line);
    } else if let (None, Some(key), Some(value)) = (line.format(), line.key(), line.value()) {
        let section = if line.section.starts_with("[codes") { "[codes]" } else { line.section };
        let target = format!("{section} {key}");
        workshop.write("key misspelt", &target, line, &format!("{} = {value}", misspelt(key)));
        workshop.write("key twice", &target, line, &format!("{}\n{}", line.text, line.text));
    }
}

/// Names of the dictionary outside of elements.
fn values_of_the_file(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let (Some(key), Some(value)) = (line.key(), line.value()) else { return };
    let word = value.trim_matches('"');
    if ["entity", "domain", "profile"].contains(&key) && line.format().is_none() {
        let to = |other: &str| format!("{key} = \"{other}\"");
        workshop.write("misspelt", key, line, &to(&misspelt(word)));
        workshop.write("in capitals", key, line, &to(&word.to_uppercase()));
        workshop.write("in Chinese", key, line, &to("门诊处方"));
        workshop.write("empty", key, line, &to(""));
        workshop.write("without quotes", key, line, &format!("{key} = {word}"));
        let list = format!("{key} = [\"{word}\"]");
        workshop.write("as a list", key, line, &list);
    }
    if line.text.starts_with("domain") && line.section.starts_with("[codes.") {
        for other in ["gend", "drug_medc_way_code", "med_mdtrt_type", "vali_flag", "drord_type"] {
            let text = format!("domain = \"{other}\"");
            if other != word {
                workshop.write("another domain", word, line, &text);
            }
        }
    }
}
