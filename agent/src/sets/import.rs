//! A published table of knowledge points: what it would change, and the change.
//!
//! The command and the control socket ask for it in the same words. Nothing is written before `apply`
//! says so; then the new and changed rows are one file and one change, taken back as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapters::{DecodeError, Limits};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::civil::Date;
use rules::RuleSet;
use rules::import::{Entry, Fault, Preview, Wanted, preview, read_csv};
use rules::overlay::{CellList, Change, What};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::books::{Books, By, NotChanged};
use super::rulebook::{Signed, broken, make, not_changed, read};
use crate::control::done;
use crate::intake::Road;

/// A table, and whose rows it holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Import {
    /// The file as it is, CSV or Excel, in base64.
    pub(crate) file: String,
    /// The sheet of a workbook; the first when absent.
    pub(crate) sheet: Option<String>,
    /// Our name of a column and the table's header of it, where that is not recognised.
    #[serde(default)]
    pub(crate) columns: BTreeMap<String, String>,
    /// The document, as rows name it.
    pub(crate) source: String,
    /// In force from this day, `2026-05-01`, where rows do not say.
    pub(crate) from: Option<String>,
    /// The source of the rows that it takes the place of.
    pub(crate) supersedes: Option<String>,
    /// The family that the rule must be of, for whoever wants to be sure.
    pub(crate) family: Option<String>,
    /// Written and in force; a preview without.
    #[serde(default)]
    pub(crate) apply: bool,
}

impl Import {
    /// Of the bytes of a file; the rest is for the caller to say.
    pub(crate) fn of(bytes: &[u8], source: String) -> Import {
        Import {
            file: BASE64_STANDARD.encode(bytes),
            sheet: None,
            columns: BTreeMap::new(),
            source,
            from: None,
            supersedes: None,
            family: None,
            apply: false,
        }
    }

    /// What it would change.
    pub(crate) fn told(&self, rules: &RuleSet, rule: &str) -> Result<Value, NotChanged> {
        Ok(in_short(&self.preview(rules, rule)?.1))
    }

    /// Makes the change, where there is anything to change, and tells its number with the preview.
    pub(crate) fn make(&self, mut books: Books, rule: &str, by: &By) -> Result<Value, NotChanged> {
        let (bytes, preview) = self.preview(&books.sets.rules, rule)?;
        let told = in_short(&preview);
        if preview.added.is_empty() && preview.changed.is_empty() && preview.ended.is_empty() {
            return Ok(told);
        }
        let pack = books.pack_of(rule)?;
        let no = books.log(&pack)?.next();
        let name = format!("import-{no}.csv");
        let cells = self.cells(&name, &bytes);
        let change = Change { no, rule: rule.to_owned(), cells, ..by.begin(What::Import) };
        books.append(&pack, &[change], &[(name, preview.rows)])?;
        Ok(with(told, &[("change", Value::from(no)), ("pack", Value::from(pack))]))
    }

    fn preview(&self, rules: &RuleSet, rule: &str) -> Result<(Vec<u8>, Preview), NotChanged> {
        let (bytes, table) = table_of(&self.file, self.sheet.as_deref())?;
        let Some(rule) = rules.rules().iter().find(|it| it.id == rule) else {
            let known: Vec<_> = rules.rules().iter().map(|it| it.id.as_str()).collect();
            return Err(NotChanged::Unfit(format!("没有规则 `{rule}`；有 {}", known.join(", "))));
        };
        let of = rule.family.id();
        if let Some(family) = self.family.as_deref().filter(|it| *it != of) {
            let reason = format!("规则 `{}` 属于规则族 {of}，不是 {family}", rule.id);
            return Err(NotChanged::Unfit(reason));
        }
        let columns: Vec<(String, String)> = self.columns.clone().into_iter().collect();
        let (source, supersedes) = (self.source.as_str(), self.supersedes.as_deref());
        let from = self.from.as_deref().map(day).transpose()?;
        let wanted = Wanted { rule, columns: &columns, source, from, supersedes };
        let preview = preview(&table, &wanted).map_err(NotChanged::Unread)?;
        Ok((bytes, preview))
    }

    fn cells(&self, name: &str, bytes: &[u8]) -> CellList {
        let mut cells = CellList::default();
        cells.push("file", name);
        cells.push("document", &self.source);
        cells.push("sha256", &hex(bytes));
        if let Some(from) = &self.from {
            cells.push("from", from);
        }
        if let Some(supersedes) = &self.supersedes {
            cells.push("supersedes", supersedes);
        }
        cells
    }
}

/// `POST /admin/v1/rules/{id}/import`: previewed by what is in force; with `apply` written.
pub(super) async fn import(
    State(road): State<Arc<Road>>,
    Path(rule): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let signed = read::<Signed>(body.clone()).and_then(Signed::by);
    let wanted: Import = match read(body) {
        Ok(wanted) => wanted,
        Err(why) => return not_changed(why),
    };
    if wanted.apply {
        return make(road, move |books| wanted.make(books, &rule, &signed?)).await;
    }
    let sets = road.sets.load_full();
    let looking = tokio::task::spawn_blocking(move || wanted.told(&sets.rules, &rule)).await;
    match looking {
        Ok(Ok(told)) => done(&told),
        Ok(Err(why)) => not_changed(why),
        Err(_) => broken(),
    }
}

/// A day as it is written in requests.
pub(super) fn day(text: &str) -> Result<Date, NotChanged> {
    let unfit = |_| NotChanged::Unfit(format!("`{text}` 不是日期，写成 2026-12-31"));
    text.parse().map_err(unfit)
}

/// The bytes and the rows of a file in base64.
pub(super) fn table_of(
    file: &str,
    sheet: Option<&str>,
) -> Result<(Vec<u8>, Vec<Vec<String>>), NotChanged> {
    let bytes = BASE64_STANDARD.decode(file);
    let bytes = bytes.map_err(|_| NotChanged::Unread("file 不是 base64".to_owned()))?;
    let table = read_table(&bytes, sheet);
    let table = table.map_err(|error| NotChanged::Unread(error.message()))?;
    Ok((bytes, table))
}

/// The rows of a spreadsheet or of a text, in whatever encoding it is.
pub(crate) fn read_table(
    bytes: &[u8],
    sheet: Option<&str>,
) -> Result<Vec<Vec<String>>, DecodeError> {
    if adapters::is_workbook(bytes) {
        adapters::read_sheet(bytes, sheet, &LIMITS)
    } else {
        adapters::text(bytes, None, &LIMITS).map(|text| read_csv(&text))
    }
}

/// The preview for people and programs: of many rows of one kind the first, and how many there are.
fn in_short(preview: &Preview) -> Value {
    let Preview { columns, added, changed, ended, refused, warnings, unchanged, .. } = preview;
    let columns: Vec<Value> = columns
        .iter()
        .filter(|(theirs, _)| !theirs.is_empty())
        .map(|(theirs, ours)| json!({ "header": theirs, "column": ours }))
        .collect();
    let was = |(entry, before): &(Entry, String)| {
        with(row(entry), &[("before", Value::from(before.as_str()))])
    };
    json!({
        "columns": columns,
        "counts": { "added": added.len(), "changed": changed.len(), "ended": ended.len(),
            "unchanged": unchanged, "refused": refused.len(), "warnings": warnings.len() },
        "added": first(added, row), "changed": first(changed, was), "ended": first(ended, row),
        "refused": first(refused, fault), "warnings": first(warnings, fault),
    })
}

fn first<T>(all: &[T], told: impl Fn(&T) -> Value) -> Vec<Value> {
    all.iter().take(ROWS_TOLD_MAX).map(told).collect()
}

fn with(mut told: Value, more: &[(&str, Value)]) -> Value {
    for (name, value) in more {
        if let Some(members) = told.as_object_mut() {
            members.insert((*name).to_owned(), value.clone());
        }
    }
    told
}

fn row(entry: &Entry) -> Value {
    let Entry { row, key, item, says } = entry;
    json!({ "row": row, "key": key, "item": item, "says": says })
}

fn fault(fault: &Fault) -> Value {
    json!({ "row": fault.row, "reason": fault.reason })
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Nobody reads more; the counts tell the rest.
const ROWS_TOLD_MAX: usize = 50;
/// A year's book of knowledge points, and then some.
const LIMITS: Limits = Limits {
    body_bytes_max: 512 << 20,
    depth_max: 100,
    nodes_max: 50_000_000,
    attributes_max: 256,
    text_bytes_max: 512 << 20,
};
