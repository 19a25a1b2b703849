//! Records: elements dropped, doubled and exchanged, entities, keys, encounters, what is iterated.

use crate::workshop::{Line, Workshop, misspelt};
use schemas::{Entity, Required};

pub(crate) fn make(workshop: &mut Workshop<'_>) {
    let lines = workshop.lines();
    for line in &lines {
        if line.element().is_some() {
            dropped(workshop, line);
            exchanged(workshop, line, &lines);
        }
        match line.key() {
            Some("entity") if line.section == "[[record]]" => entity(workshop, line),
            Some("key") => key(workshop, line),
            Some("lane") => lane(workshop, line),
            Some("each") => each(workshop, line),
            Some("distinct") => distinct(workshop, line),
            Some("where") => chosen(workshop, line),
            Some("slots") => slots(workshop, line),
            _ => {}
        }
    }
}

fn dropped(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let format = line.format().unwrap();
    let needed = line.element().unwrap().required() == Required::Yes;
    let operator = if needed { "required element dropped" } else { "element dropped" };
    workshop.drop(operator, format, line);
    if needed {
        workshop.write("required element made a remark", format, line, &format!("# {}", line.text));
    }
    let twice = format!("{}\n{}", line.text, line.text);
    workshop.write("element twice", format, line, &twice);
    let bare = format!("{} =", line.key().unwrap());
    workshop.write("element without an expression", format, line, &bare);
    let list = format!("{} = [{}]", line.key().unwrap(), line.value().unwrap());
    workshop.write("element given a list", format, line, &list);
}

/// The expression of the next element of another sort, as when a line is copied and not changed.
fn exchanged(workshop: &mut Workshop<'_>, line: &Line<'_>, lines: &[Line<'_>]) {
    let of_record = |it: &&Line<'_>| {
        it.file == line.file && it.entity.map(Entity::name) == line.entity.map(Entity::name)
    };
    let format = line.format().unwrap();
    for other in ["text", "code", "number", "date", "date and time"] {
        let same = |it: &&Line<'_>| {
            it.format() == Some(other) && it.at > line.at && it.value() != line.value()
        };
        let Some(found) = lines.iter().filter(of_record).find(same) else { continue };
        if other == "code" && found.value().unwrap().starts_with("'\"") {
            continue;
        }
        let target = format!("{other} for {format}");
        let text = format!("{} = {}", line.key().unwrap(), found.value().unwrap());
        workshop.write("expression of another element", &target, line, &text);
    }
}

fn entity(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let own = line.value().unwrap().trim_matches('"');
    for other in [
        "outpatient_registration",
        "outpatient_prescription",
        "outpatient_diagnosis",
        "inpatient_order",
    ] {
        if other != own {
            let text = format!("entity = \"{other}\"");
            workshop.write("another entity", own, line, &text);
        }
    }
    workshop.drop("entity missing", own, line);
}

fn key(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let value = line.value().unwrap();
    let parts: Vec<&str> =
        value.trim_matches(['[', ']']).split("', '").map(|it| it.trim_matches('\'')).collect();
    let list = |parts: &[&str]| {
        let quoted: Vec<String> = parts.iter().map(|it| format!("'{it}'")).collect();
        format!("key = [{}]", quoted.join(", "))
    };
    workshop.drop("key dropped", "", line);
    workshop.write("key empty", "", line, "key = []");
    workshop.write("key of constants", "", line, "key = ['\"1\"', '\"2\"']");
    workshop.write("key as one text", "", line, &format!("key = '{}'", parts[0]));
    workshop.write(
        "key as one text with bars",
        "",
        line,
        &format!("key = \"{}\"", parts.join("|")),
    );
    workshop.write("key without its visit", "", line, &list(&parts[1..]));
    workshop.write("key without its item", "", line, &list(&parts[..1]));
    workshop.write("key the other way round", "", line, &list(&[parts[1], parts[0]]));
    workshop.write("key with a misspelt path", "", line, &list(&[parts[0], &misspelt(parts[1])]));
    workshop.write(
        "key with a list in it",
        "",
        line,
        &list(&[parts[0], &format!("{} | split(\"-\")", parts[1])]),
    );
    workshop.write(
        "key with a misspelt step",
        "",
        line,
        &list(&[parts[0], &format!("{} | trimm", parts[1])]),
    );
    workshop.write(
        "key with a path too high",
        "",
        line,
        &list(&["../../../../../../../../../..", parts[1]]),
    );
    workshop.write("key of names of elements", "", line, "key = [mdtrt_sn, diag_code]");
    workshop.write("key with a variable that is none", "", line, &list(&[parts[0], "$index"]));
    workshop.write(
        "key with a part in it that is always the same",
        "",
        line,
        &list(&[parts[0], "\"1\""]),
    );
    workshop.write("key as a table", "", line, &format!("key = {{ visit = '{}' }}", parts[0]));
}

fn lane(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let expression = line.expression().unwrap();
    let at = if line.section == "[mapping]" { "of the mapping" } else { "of a record" };
    workshop.drop("lane dropped", at, line);
    for (operator, to) in [
        ("lane constant", "\"1\"".to_owned()),
        ("lane a list", format!("{expression} | split(\"-\")")),
        ("lane cut", format!("{expression} | substring(1, 4)")),
        ("lane empty", String::new()),
        ("lane of the hospital", "$org".to_owned()),
        ("lane of the channel", "$channel".to_owned()),
        ("lane of the message", "$message_id".to_owned()),
        ("lane with a misspelt step", format!("{expression} | trimm")),
        ("lane with a variable that is none", "$visit".to_owned()),
        ("lane by the name of an element", "mdtrt_sn".to_owned()),
    ] {
        workshop.express(operator, at, line, &to);
    }
    workshop.write("lane as a list of texts", at, line, &format!("lane = ['{expression}']"));
}

fn each(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let expression = line.expression().unwrap();
    let lists = expression.contains("split(");
    for (operator, to) in [
        ("each with a step that makes no list", format!("{expression} | upper")),
        ("each a constant", "\"row\"".to_owned()),
        ("each a variable", "$item".to_owned()),
        ("each a count", format!("count({expression})")),
        ("each with a condition", format!("{expression} = \"1\"")),
        ("each above the document", "../..".to_owned()),
        ("each empty", String::new()),
        ("each a number", "1 | decimal".to_owned()),
        ("each with `in`", format!("item in {expression}")),
    ] {
        workshop.express(operator, if lists { "a list in a field" } else { "" }, line, &to);
    }
    workshop.write("each as a list", "", line, &format!("each = ['{expression}']"));
    workshop.drop("each dropped", if lists { "a list in a field" } else { "" }, line);
}

fn distinct(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let expression = line.expression().unwrap();
    workshop.drop("distinct dropped", "", line);
    for (operator, to) in [
        ("distinct constant", "\"1\"".to_owned()),
        ("distinct true", "true".to_owned()),
        ("distinct a list", "GHXH | split(\"|\")".to_owned()),
        ("distinct by the channel", "$channel".to_owned()),
        ("distinct with a condition", format!("{expression} = \"1\"")),
        ("distinct of two paths", "GHXH, ICD1".to_owned()),
        ("distinct by the number of the row", "$position".to_owned()),
    ] {
        workshop.express(operator, "", line, &to);
    }
    workshop.write("distinct as a switch", "", line, "distinct = true");
    let differ = format!("{}\ndiffer = \"warning\"", line.text);
    workshop.write("differ misspelt", "", line, &differ);
}

/// Conditions that no row fulfils, in the place of the one there is.
fn chosen(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    workshop.drop("where dropped", "", line);
    for (operator, to) in [
        ("where two texts at once", "@zddm = \"I10\" and @zddm = \"E11\""),
        ("where a code the map never gives", "@sex | code(\"sex\") = \"男\""),
        ("where one of codes the map never gives", "@sex | code(\"sex\") in (\"M\", \"F\")"),
        ("where a text has an order", "@sl > 5"),
        ("where a number is a word", "@sl | decimal = \"many\""),
        ("where a date is a number", "@cfrq | datetime(\"yyyyMMddHH:mm:ss\") > 5"),
        ("where with steps before `is`", "@zddm | trim is absent"),
        ("where `is` a state that is none", "@zddm is missing"),
        ("where negated", "not @zddm"),
        ("where of a misspelt field", "@zddmm"),
        ("where with a sign of negation", "!@zddm"),
        ("where `is not null`", "@zddm is not null"),
        ("where with signs of inequality", "@zddm <> \"\""),
        ("where `in` without brackets", "@zddm in \"I10\""),
        ("where a bracket is open", "(@zddm or @zdmc"),
        ("where `or` has no right side", "@zddm or "),
    ] {
        workshop.express(operator, "", line, to);
    }
}

fn slots(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    for (operator, to) in [
        ("slots with the pairs turned", line.text.replace("['ICD1', 'ZD1']", "['ZD1', 'ICD1']")),
        (
            "slots in another order",
            line.text
                .replace("['ICD1', 'ZD1'], ['ICD2', 'ZD2']", "['ICD2', 'ZD2'], ['ICD1', 'ZD1']"),
        ),
        ("slots with a pair that is not whole", line.text.replace("['ICD2', 'ZD2']", "['ICD2']")),
        ("slots with a misspelt field", line.text.replace("ICD1", "ICDI")),
        ("slots with the pair of another", line.text.replace("'ZD2'", "'ZD1'")),
        ("slots with a misspelt step", line.text.replace("'ZD2'", "'ZD2 | trimm'")),
        ("slots with two kinds in a column", line.text.replace("'ZD2'", "'ZD2 | decimal'")),
        ("slots without rows", "slots = []".to_owned()),
        ("slots in one flat list", "slots = ['ICD1', 'ICD2', 'ICD3']".to_owned()),
        ("slots as a text", "slots = 'ICD1, ZD1'".to_owned()),
        ("slots without the first pair", line.text.replace("['ICD1', 'ZD1'], ", "")),
    ] {
        workshop.write(operator, "", line, &to);
    }
    workshop.drop("slots dropped", "", line);
}
