//! A rule that does not speak in some departments until a day.
//!
//! It is a setting with an end, in the hospital's own file; on the day after, the rule speaks again
//! by itself. Without an end and a reason nothing is suppressed.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::books::{Books, By, NotChanged};
use super::import::day;
use super::rulebook::{Signed, make, read};
use crate::clock;
use crate::intake::Road;

/// Where a rule is off, and up to when.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Suppression {
    /// Departments, by code or name.
    pub(crate) departments: Vec<String>,
    /// The last day, `2026-12-31`.
    pub(crate) to: String,
}

impl Suppression {
    /// Has the rule be off there.
    pub(crate) fn make(&self, mut books: Books, rule: &str, by: &By) -> Result<Value, NotChanged> {
        let unfit = |reason: String| Err(NotChanged::Unfit(reason));
        if day(&self.to)? < clock::now().date() {
            return unfit(format!("{} 已经过了", self.to));
        }
        if self.departments.iter().all(|it| it.trim().is_empty()) {
            return unfit("写明科室 departments：编码或名称".to_owned());
        }
        let pack = books.pack_of(rule)?;
        books.append_setting(&pack, &self.setting(rule, by, &clock::now().to_string()))?;
        let Suppression { departments, to } = self;
        Ok(json!({ "rule": rule, "pack": pack, "departments": departments, "to": to }))
    }

    fn setting(&self, rule: &str, by: &By, at: &str) -> String {
        let departments: Vec<String> = self.departments.iter().map(|it| quoted(it)).collect();
        let reason = format!("{}（{}，{at}）", by.reason, by.author);
        format!(
            "\n[[setting]]\nrules = [{}]\ndepartments = [{}]\nto = \"{}\"\nenabled = false\nreason = {}\n",
            quoted(rule),
            departments.join(", "),
            self.to,
            quoted(&reason)
        )
    }
}

/// A JSON text is a TOML text as well.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// `POST /admin/v1/rules/{id}/suppress`
pub(super) async fn suppress(
    State(road): State<Arc<Road>>,
    Path(rule): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    make(road, move |books| {
        let wanted: Suppression = read(body.clone())?;
        wanted.make(books, &rule, &read::<Signed>(body)?.by()?)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_with_an_end() {
        let wanted = Suppression {
            departments: vec!["0301".to_owned(), "老年\"科".to_owned()],
            to: "2026-12-31".to_owned(),
        };
        let by = By { author: "张".to_owned(), reason: "已沟通".to_owned() };
        let expected = "\n[[setting]]\nrules = [\"drug-sex\"]\ndepartments = [\"0301\", \"老年\\\"科\"]\n\
            to = \"2026-12-31\"\nenabled = false\nreason = \"已沟通（张，2026-11-22T09:00:00）\"\n";
        assert_eq!(wanted.setting("drug-sex", &by, "2026-11-22T09:00:00"), expected);
    }
}
