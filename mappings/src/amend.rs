//! New lines for code maps, as an implementer gives them, and the code map with them.

use crate::rows::{Complaints, Rows};

/// A local code and what it means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewCode {
    /// The code map's file, as it lies in the mappings' tree.
    pub map: String,
    /// What the HIS sends.
    pub local: String,
    /// A code of the map's value domain.
    pub standard: String,
}

/// Reads a table of new codes: `map,local,standard`, or `local,standard` when the map is given.
/// Further columns are notes. A row whose standard code is not filled in yet is left out.
pub fn read_new_codes(text: &str, map: Option<&str>) -> Result<Vec<NewCode>, Vec<(u32, String)>> {
    let wide = Rows::read(text, &["map", "local", "standard"]);
    let (rows, first) = match (wide, map) {
        (Ok(rows), _) => (rows, 1),
        (Err(_), Some(_)) => (Rows::read(text, &["local", "standard"])?, 0),
        (Err(problems), None) => return Err(problems),
    };
    let mut codes = Vec::new();
    let mut problems = Complaints::new();
    for row in &rows.rows {
        let Some(standard) = row.cell(first + 1) else { continue };
        let named = if first == 1 { row.cell(0) } else { None };
        match (named.or(map), row.cell(first)) {
            (Some(map), Some(local)) => codes.push(NewCode {
                map: map.to_owned(),
                local: local.to_owned(),
                standard: standard.to_owned(),
            }),
            _ => problems.push((row.line, "the line needs a map and a local code".to_owned())),
        }
    }
    if problems.is_empty() { Ok(codes) } else { Err(problems) }
}

/// The text of a code map with new lines at its end; what is there stays as it is.
#[must_use]
pub fn amended<'a>(text: &str, codes: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = text.to_owned();
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    if !out.is_empty() && !out.ends_with('\n') {
        out.push_str(line_end);
    }
    for (local, standard) in codes {
        out.push_str(&cell(local));
        out.push(',');
        out.push_str(&cell(standard));
        out.push_str(line_end);
    }
    out
}

/// A text as a cell of a line: quoted where it would be read as something else.
pub fn cell(text: &str) -> String {
    let plain =
        !text.contains([',', '"', '\r', '\n']) && !text.starts_with('#') && text.trim() == text;
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code_map::{CodeMap, Unknown};

    #[test]
    fn a_table_of_new_codes_is_read() {
        let with_map =
            "map,local,standard,messages\nf.csv,qd,QD,12\nf.csv,bid,,3\ng.csv,\"a,b\",1\n";
        check_read(with_map, None, "f.csv qd=QD; g.csv a,b=1");
        check_read(with_map, Some("h.csv"), "f.csv qd=QD; g.csv a,b=1");
        check_read("\u{feff}local,standard\nqd,QD\n", Some("f.csv"), "f.csv qd=QD");
        check_read(
            "local,standard\nqd,QD\n",
            None,
            "1: the first line must be `map,local,standard`",
        );
        check_read(
            "map,local,standard\n,qd,QD\n",
            None,
            "2: the line needs a map and a local code",
        );
        check_read("map,local,standard\n,qd,QD\n", Some("f.csv"), "f.csv qd=QD");
    }

    #[test]
    fn what_is_added_is_read_again_as_it_was() {
        for local in ["qd", "a,b", "say \"qd\"", "#1", "每日一次", "\"", ",", "=\"1\""] {
            for text in
                ["local,standard\nx,X", "local,standard\nx,X\n", "local,standard,note\r\nx,X,n\r\n"]
            {
                check_amended(text, local);
            }
        }
    }

    #[track_caller]
    fn check_read(text: &str, map: Option<&str>, expected: &str) {
        let told: Vec<String> = match read_new_codes(text, map) {
            Ok(codes) => {
                codes.iter().map(|it| format!("{} {}={}", it.map, it.local, it.standard)).collect()
            }
            Err(problems) => problems.iter().map(|(line, it)| format!("{line}: {it}")).collect(),
        };
        assert_eq!(told.join("; "), expected);
    }

    #[track_caller]
    fn check_amended(text: &str, local: &str) {
        let new = amended(text, [(local, "Q")].into_iter());
        assert!(new.starts_with(text));
        let map = CodeMap::parse("f.csv", &new, None, Unknown::Refuse);
        let map = map.unwrap_or_else(|problems| panic!("{new:?}: {problems:?}"));
        let day = jiff::civil::date(2026, 1, 2);
        assert_eq!((map.translate(local, day), map.translate("x", day)), (Some("Q"), Some("X")));
    }
}
