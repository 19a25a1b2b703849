//! `name=value; name=value`: the cells that one change carries.
//!
//! A value that holds `;` or `\` has a `\` before it, so that any published text can be carried.

/// Names and values in the order in which they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellList(Vec<(String, String)>);

impl CellList {
    /// Reads them, or says which part is none.
    pub fn parse(text: &str) -> Result<CellList, String> {
        let mut cells = CellList::default();
        for part in parts(text) {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            let Some((name, value)) = part.split_once('=') else {
                return Err(format!("`{part}` is not name=value"));
            };
            if cells.get(name.trim()).is_some() {
                return Err(format!("`{}` appears twice", name.trim()));
            }
            cells.push(name.trim(), value.trim());
        }
        Ok(cells)
    }

    /// Adds one.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As it is read again.
    #[must_use]
    pub fn text(&self) -> String {
        let escape = |value: &str| value.replace('\\', "\\\\").replace(';', "\\;");
        let cells: Vec<_> =
            self.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        cells.join("; ")
    }
}

/// The parts between semicolons, with what was escaped restored.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == ';' {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.extend(if letter == '\\' { letters.next() } else { Some(letter) });
        }
    }
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        check("sex=男; flag=A", "sex=男; flag=A");
        check(" limit = 限a\\;b=c ;;", "limit=限a\\;b=c");
        check("path=a\\\\b; empty=", "path=a\\\\b; empty=");
        check("", "");
    }

    #[test]
    fn what_is_no_cell_is_told() {
        assert_eq!(CellList::parse("男"), Err("`男` is not name=value".to_owned()));
        assert_eq!(CellList::parse("a=1;a=2"), Err("`a` appears twice".to_owned()));
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let cells = CellList::parse(text).unwrap();
        assert_eq!(cells.text(), expected);
        assert_eq!(CellList::parse(&cells.text()).unwrap(), cells);
    }
}
