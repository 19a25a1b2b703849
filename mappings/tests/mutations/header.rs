//! The head of a mapping: when it applies, what lies in its fields, which siblings belong together.

use crate::workshop::{Line, Workshop, misspelt};

pub(crate) fn make(workshop: &mut Workshop<'_>) {
    for line in workshop.lines() {
        match (line.section, line.key()) {
            ("[mapping]", Some("when")) => when(workshop, &line),
            ("[mapping]", Some("profile")) => profile(workshop, &line),
            ("[mapping]", Some("null_words")) => null_words(workshop, &line),
            ("[[open]]", Some("at")) => open_at(workshop, &line),
            ("[[open]]", Some("as")) => open_as(workshop, &line),
            ("[[group]]", Some(key)) => group(workshop, &line, key),
            (section, Some("domain")) if section.starts_with("[codes.") => codes(workshop, &line),
            _ => {}
        }
    }
}

fn when(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let expression = line.expression().unwrap();
    if let Some((path, text)) = expression.split_once(" = ") {
        let asks_operation = if path.starts_with('$') { "variable" } else { "path" };
        let of = |to: String| to;
        for (operator, to) in [
            ("when of a misspelt path", of(format!("{} = {text}", misspelt(path)))),
            ("when asks for another text", of(format!("{path} = \"9{}", &text[1..]))),
            ("when asks for two texts at once", of(format!("{path} = \"a\" and {path} = {text}"))),
            ("when without quotes", of(format!("{path} = {}", text.replace('"', "")))),
            ("when turned round", of(format!("{path} != {text}"))),
            ("when asks for an order", of(format!("{path} > {text}"))),
            ("when asks for a number", of(format!("{path} = 1"))),
            ("when with a misspelt step", of(format!("{path} | trimm = {text}"))),
            ("when with a list", of(format!("{path} | split(\",\") = {text}"))),
            ("when without the sign", of(format!("{path} {text}"))),
        ] {
            workshop.express(operator, asks_operation, line, &to);
        }
    }
    workshop.express("when empty", "", line, "");
    workshop.express("when never", "", line, "\"a\" = \"b\"");
    workshop.write("when as a switch", "", line, "when = true");
    workshop.write("when as a list", "", line, &format!("when = ['{expression}']"));
}

fn profile(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    for other in ["national", "clinical", "review"] {
        workshop.write("another profile", other, line, &format!("profile = \"{other}\""));
    }
    workshop.drop("profile dropped", "", line);
}

fn null_words(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    workshop.drop("null words dropped", "", line);
    workshop.write("null words as one text", "", line, "null_words = \"null\"");
    workshop.write("null words with null itself", "", line, "null_words = [null]");
    workshop.write("null words with a number", "", line, "null_words = [0]");
    workshop.write("null words of another source", "", line, "null_words = [\"无\"]");
}

fn open_at(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let path = line.value().unwrap().trim_matches(['\'', '"']);
    let at = |to: &str| format!("at = '{to}'");
    for (operator, to) in [
        ("open at a misspelt field", misspelt(path)),
        ("open at a field with steps", format!("{path} | trim")),
        ("open at a constant", format!("\"{path}\"")),
        ("open at a variable", "$item/x".to_owned()),
        ("open at nothing", String::new()),
        ("open at a path with a slash behind it", format!("{path}/")),
        ("open at a level too low", format!("{path}/root")),
        ("open at a field with an open bracket", format!("{path}[1")),
    ] {
        workshop.write(operator, "", line, &at(&to));
    }
    workshop.drop("open without a place", "", line);
}

fn open_as(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    let own = line.value().unwrap().trim_matches('"');
    for (operator, to) in [
        ("open as a misspelt word", format!("\"{own}x\"")),
        (
            "open as another document",
            if own == "xml" { "\"json\"".to_owned() } else { "\"xml\"".to_owned() },
        ),
        ("open as HL7", "\"hl7\"".to_owned()),
        ("open as base64 too", format!("[\"base64\", \"{own}\"]")),
        ("open as gzip too", format!("[\"gzip\", \"{own}\"]")),
        ("open as base64 only", "\"base64\"".to_owned()),
        ("open in the wrong order", format!("[\"{own}\", \"base64\"]")),
        ("open as delimited without columns", "\"delimited\"".to_owned()),
        ("open as two documents", format!("[\"{own}\", \"csv\"]")),
        ("open as nothing", "\"\"".to_owned()),
        ("open as an empty list", "[]".to_owned()),
        ("open in capitals", format!("\"{}\"", own.to_uppercase())),
        ("open as a type of content", format!("\"text/{own}\"")),
    ] {
        workshop.write(operator, "", line, &format!("as = {to}"));
    }
    workshop.drop("open without a word", "", line);
    for more in [
        "columns = \",\"",
        "rows = \"#\"",
        "quote = \"'\"",
        "names = \"first-row\"",
        "encoding = \"gbk\"",
    ] {
        let key = more.split(' ').next().unwrap();
        workshop.write(
            "open with a key that is for others",
            key,
            line,
            &format!("{}\n{more}", line.text),
        );
    }
}

fn group(workshop: &mut Workshop<'_>, line: &Line<'_>, key: &str) {
    let value = line.value().unwrap();
    workshop.drop("group without", key, line);
    if value.starts_with('"') {
        let own = value.trim_matches('"');
        workshop.write("group misspelt", key, line, &format!("{key} = \"{}\"", misspelt(own)));
        workshop.write("group empty", key, line, &format!("{key} = \"\""));
        workshop.write("group of a list", key, line, &format!("{key} = [\"{own}\"]"));
        workshop.write("group of a switch", key, line, &format!("{key} = true"));
    } else {
        workshop.write("group ended by what begins it", key, line, "ends = [\"ORC\"]");
        workshop.write("group ended by a misspelt name", key, line, "ends = [\"ZDGG\"]");
        workshop.write("group ended by one text", key, line, "ends = \"ZDG\"");
    }
}

fn codes(workshop: &mut Workshop<'_>, line: &Line<'_>) {
    for (operator, more) in [
        ("code map with a file that is not there", "file = \"codes/none.csv\""),
        ("code map with a file of another vendor", "file = \"../codes/sex.csv\""),
        ("code map with a policy that is none", "unknown = \"ignore\""),
        ("code map with a switch for its policy", "unknown = true"),
        ("code map with a key that is none", "default = \"0\""),
        ("code map with its rows in the file", "\"男\" = \"1\""),
        ("code map with the file of another", "file = \"codes/frequency.csv\""),
    ] {
        workshop.write(operator, "", line, &format!("{}\n{more}", line.text));
    }
}
