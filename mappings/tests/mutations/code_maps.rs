//! Code maps: rows that are wrong, rows that are missing, files that are not what they should be.

use crate::workshop::{Workshop, written};

pub(crate) fn make(workshop: &mut Workshop<'_>) {
    for (path, text) in workshop.code_maps() {
        let rows: Vec<&str> = text.lines().collect();
        let at = rows.iter().skip(1).position(|it| !it.starts_with('#')).unwrap() + 1;
        let of = sort(path);
        let mut put = |operator: &str, row: usize, to: Option<&str>| {
            let lines = rows.iter().enumerate();
            let lines = lines.filter_map(|(it, line)| if it == row { to } else { Some(*line) });
            let whole = written(lines);
            workshop.file(operator, of, path, row, to.unwrap_or("no row"), whole);
        };
        let (local, rest) = rows[at].split_once(',').unwrap();
        let standard = rest.split(',').next().unwrap();
        wrong_rows(&mut put, at, rows[at], local, standard);
        wrong_headers(&mut put, rows[0]);
        for (row, line) in rows.iter().enumerate().skip(at) {
            put_away(&mut put, row, line);
        }
        exchanged(workshop, path, &rows, at);
    }
}

/// Whether the map has a domain and the message's own codes, or is a plain list of words.
fn sort(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap();
    match name {
        "frequency.csv" | "age-unit.csv" => "plain words",
        "yes-no.csv" | "refund.csv" => "codes, no domain named",
        _ => "codes of a domain",
    }
}

fn wrong_rows(
    put: &mut impl FnMut(&str, usize, Option<&str>),
    at: usize,
    row: &str,
    local: &str,
    standard: &str,
) {
    for (operator, to) in [
        (
            "row outside of the domain",
            format!("{local},standard of another list that is much too long"),
        ),
        ("row with the name, not the code", format!("{local},这是标准名称")),
        ("row without a comma", format!("{local}{standard}")),
        ("row with a full-width comma", format!("{local}，{standard}")),
        ("row with a semicolon", format!("{local};{standard}")),
        ("row with a tab", format!("{local}\t{standard}")),
        ("row with an arrow", format!("{local} = {standard}")),
        ("row twice", format!("{row}\n{row}")),
        ("row mapped to two codes", format!("{row}\n{local},0{standard}")),
        ("row without a local code", format!(",{standard}")),
        ("row without a standard code", format!("{local},")),
        ("row with an open quote", format!("\"{local},{standard}")),
        ("row with a blank after the comma", format!("{local}, {standard} x")),
    ] {
        put(operator, at, Some(&to));
    }
}

fn wrong_headers(put: &mut impl FnMut(&str, usize, Option<&str>), header: &str) {
    put("header missing", 0, None);
    put("header misspelt", 0, Some("locl,standard"));
    put("header the other way round", 0, Some("standard,local"));
    put("header in Chinese", 0, Some("院内代码,标准代码"));
    put("header with a column nobody knows", 0, Some(&format!("{header},remark")));
    put("header that names a day wrongly", 0, Some(&format!("{header},form")));
}

/// The row the case asks for is among these; the others are there for other messages.
fn put_away(put: &mut impl FnMut(&str, usize, Option<&str>), row: usize, line: &str) {
    // Asked for by the case beside it.
    if ["男,1", "M,1", "口服,1", "QD,QD", "长期,2,long-term"].contains(&line) {
        put("row missing that is asked for", row, None);
        put("row made a remark", row, Some(&format!("# {line}")));
        put("local code with a slip", row, Some(&format!("x{line}")));
    }
}

fn exchanged(workshop: &mut Workshop<'_>, path: &str, rows: &[&str], at: usize) {
    let of = sort(path);
    if of == "plain words" {
        return;
    }
    let sides = |row: &str| {
        let mut cells: Vec<&str> = row.split(',').collect();
        cells.swap(0, 1);
        cells.join(",")
    };
    let turned = rows.iter().enumerate();
    let turned = turned.map(|(it, row)| if it >= at { sides(row) } else { (*row).to_owned() });
    let turned = written(turned);
    if rows[at..].iter().any(|row| row.split(',').next() != row.split(',').nth(1)) {
        workshop.file("both sides exchanged", of, path, at, "all rows", turned);
    }
}
