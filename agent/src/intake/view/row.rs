//! A row of a view as the message that it becomes: `{"row":{"处方号":"CF1","数量":"2.00"}}`.
//!
//! The row stands where the rows of an export in CSV stand, so that one mapping reads both. Every value
//! is text, as the database writes it; NULL is absent.

use serde_json::{Map, Value, json};

use crate::odbc::{Cell, Column, Lost};

/// A row as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) text: String,
    /// Columns whose value could not be read: not to be mapped.
    pub(crate) lost: Vec<String>,
}

pub(crate) fn document(columns: &[Column], cells: &[Cell]) -> Document {
    let (mut row, mut lost) = (Map::new(), Vec::new());
    for (Column { name, .. }, cell) in columns.iter().zip(cells) {
        match cell {
            Cell::Null => {}
            Cell::Text(text) => {
                row.insert(name.clone(), Value::from(text.as_str()));
            }
            Cell::Lost(Lost { base64 }) => {
                lost.push(name.clone());
                row.insert(name.clone(), json!({ "base64": base64 }));
            }
        }
    }
    Document { text: json!({ "row": row }).to_string(), lost }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odbc::Kind;

    #[test]
    fn values_stay_as_they_are() {
        let text = |it: &str| Cell::Text(it.to_owned());
        check(
            &[text("CF1"), text("0.10"), Cell::Null],
            r#"{"row":{"处方号":"CF1","数量":"0.10"}}"#,
            "",
        );
        check(
            &[text(""), text(" "), text("\"")],
            r#"{"row":{"处方号":"","数量":" ","备注":"\""}}"#,
            "",
        );
        let lost = Cell::Lost(Lost { base64: "gQ==".to_owned() });
        check(
            &[text("1"), Cell::Null, lost],
            r#"{"row":{"处方号":"1","备注":{"base64":"gQ=="}}}"#,
            "备注",
        );
    }

    #[track_caller]
    fn check(cells: &[Cell], expected: &str, lost: &str) {
        let column = |name: &str| Column { name: name.to_owned(), kind: Kind::Text, size: 1 };
        let document = document(&[column("处方号"), column("数量"), column("备注")], cells);
        assert_eq!((document.text.as_str(), document.lost.join(" ").as_str()), (expected, lost));
    }
}
