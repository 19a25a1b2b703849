//! Knowledge rows: the points that hang on a drug and fill a rule's template.
//!
//! A row names what it is about (`match` and `key`), its parameters, and where it was read. Rows
//! with flag C are common knowledge that no pharmacist has confirmed: they are loaded, so that
//! their form is proved, and stay out of the index.

use std::collections::{HashMap, HashSet};
use std::fmt;

use jiff::civil::Date;
use schemas::Problem;

use crate::family::Family;
use crate::icd::{self, BRANCH_MIN};
use crate::parameter::{Column, Parameter, Parameters};
use crate::scope::{Fit, Here, Scope};
use crate::table::{self, Cells, Header};
use crate::text::{Text, Texts};

/// One row of a rule's csv file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is about.
    pub key: Key,
    /// The item in words.
    pub item: Text,
    /// The family's parameters.
    pub parameters: Parameters,
    /// Where it was read.
    pub source: Text,
    /// How sure it is.
    pub flag: Confidence,
    /// In force from this day.
    pub from: Option<Date>,
    /// In force to this day, inclusive.
    pub to: Option<Date>,
    /// To what a hospital has restricted it.
    pub scope: Option<Box<Scope>>,
    /// The document, by the beginning of its name, whose rows about the same it takes the place of.
    pub supersedes: Option<Text>,
    /// Where in the document it stands, and a hash of what stands there, when it was imported.
    pub origin: Option<Origin>,
    /// Its line in the file.
    pub line: u32,
}

impl Row {
    /// Whether it may be judged by, and is in force on a day.
    #[must_use]
    pub fn applies(&self, on: Date) -> bool {
        self.flag != Confidence::Unconfirmed
            && self.from.is_none_or(|from| from <= on)
            && self.to.is_none_or(|to| on <= to)
    }

    /// Whether a check is inside what a hospital has restricted the row to.
    pub(crate) fn fits(&self, here: Here<'_>) -> Fit {
        self.scope.as_ref().map_or(Fit::Inside, |scope| scope.fits(here))
    }

    /// Replaces one cell, or says what was expected.
    pub(crate) fn set(&mut self, columns: &[Column], name: &str, text: &str) -> Result<(), String> {
        match name {
            "item" => self.item = text.into(),
            "source" => self.source = text.into(),
            "flag" => self.flag = Confidence::parse(text)?,
            "from" => self.from = Some(parse_day(text)?),
            "to" => self.to = Some(parse_day(text)?),
            _ => {
                let column = column(columns, name)?;
                self.parameters.set(column.name, column.kind.parse(text)?);
            }
        }
        Ok(())
    }

    /// Whether a cell says what a text says; `2 g` and `2000 mg` say the same.
    pub(crate) fn has(&self, columns: &[Column], name: &str, text: &str) -> bool {
        match name {
            "item" => self.item == text,
            "source" => self.source == text,
            "from" => parse_day(text).is_ok_and(|day| self.from == Some(day)),
            "to" => parse_day(text).is_ok_and(|day| self.to == Some(day)),
            _ => column(columns, name).is_ok_and(|column| {
                let value = (!text.is_empty()).then(|| column.kind.parse(text));
                value.and_then(Result::ok).as_ref() == self.parameters.get(column.name)
            }),
        }
    }

    /// Whether two rows of one key speak of the same partners, people and times of life, so that the
    /// later one takes the place of the earlier.
    pub(crate) fn is_for_the_same(&self, other: &Row) -> bool {
        let told = |row: &Row| {
            let all = row.parameters.iter();
            let tells = |it: &Parameter| matches!(it, Parameter::Keys(_) | Parameter::Age(_));
            all.filter(|(_, value)| tells(value)).map(|(n, v)| (n, v.clone())).collect::<Vec<_>>()
        };
        self.key == other.key && told(self) == told(other)
    }

    /// Ends the row the day before another takes its place; whether anything is left of it.
    pub(crate) fn end_before(&mut self, day: Option<Date>) -> bool {
        let Some(last) = day.and_then(|day| day.yesterday().ok()) else { return false };
        self.to = Some(self.to.map_or(last, |to| to.min(last)));
        self.from.is_none_or(|from| from <= last)
    }
}

fn column<'a>(columns: &'a [Column], name: &str) -> Result<&'a Column, String> {
    columns.iter().find(|column| column.name == name).ok_or_else(|| {
        let known: Vec<_> = columns.iter().map(|column| column.name).collect();
        format!(
            "unknown column `{name}`; known are item, {}, source, flag, from, to",
            known.join(", ")
        )
    })
}

/// The row of a published document that a row of a pack was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Its number, from 1.
    pub row: u32,
    /// FNV-1a over its cells.
    pub hash: u64,
}

/// What a row hangs on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// One drug of the hospital's own list.
    Hospital(Text),
    /// One entry of the national catalogue.
    Code(Text),
    /// All entries that begin so: 10 or 14 characters of a western drug, 11 of a patent drug.
    Prefix(Text),
    /// Every product that contains it.
    Ingredient(Text),
    /// A class of the national catalogue: three to five characters after the first.
    Class(Text),
    /// A branch of the anatomical classification: three, four, five or seven characters.
    Atc(Text),
    /// Every member of a named set: `sets/<name>.csv`.
    Set(Text),
    /// Diagnoses of one branch, plain: `K210`.
    Diagnosis(Text),
    /// Operations of one branch, plain.
    Surgery(Text),
}

impl fmt::Display for Key {
    /// As [`Key::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.text())
    }
}

impl Key {
    /// The word of the column `match`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Key::Hospital(_) => "hospital",
            Key::Code(_) => "code",
            Key::Prefix(_) => "prefix",
            Key::Ingredient(_) => "ingredient",
            Key::Class(_) => "class",
            Key::Atc(_) => "atc",
            Key::Set(_) => "set",
            Key::Diagnosis(_) => "diagnosis",
            Key::Surgery(_) => "surgery",
        }
    }

    /// The code, prefix or name itself.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Key::Hospital(text)
            | Key::Code(text)
            | Key::Prefix(text)
            | Key::Ingredient(text)
            | Key::Class(text)
            | Key::Atc(text)
            | Key::Set(text)
            | Key::Diagnosis(text)
            | Key::Surgery(text) => text,
        }
    }

    /// Reads `ingredient:布洛芬`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Key> {
        let (kind, key) = text.trim().split_once(':')?;
        Key::of(kind, key).ok()
    }

    /// A key by its kind, or what is wrong with it: the code and the sentence.
    pub(crate) fn of(kind: &str, key: &str) -> Result<Key, (&'static str, String)> {
        let key = key.trim();
        let bad = |message: String| Err(("R205", message));
        let text = Text::from(key);
        match kind {
            "hospital" => Ok(Key::Hospital(text)),
            "ingredient" => Ok(Key::Ingredient(text)),
            "set" => Ok(Key::Set(text)),
            "code" if is_full_code(key) => Ok(Key::Code(text)),
            "code" => bad(format!(
                "`{key}` has {} characters; a code has 23 (X), 20 (Z), 10 (T) or 15 digits",
                key.chars().count()
            )),
            "prefix" if PREFIX_LENGTHS.contains(&key.len()) => Ok(Key::Prefix(text)),
            "prefix" => {
                bad(format!("`{key}` is no prefix; write 10 or 14 characters (X) or 11 (Z)"))
            }
            "class" if CLASS_LENGTHS.contains(&key.len()) => Ok(Key::Class(text)),
            "class" => bad(format!("`{key}` is no class; write 3 to 5 characters such as A02BC")),
            "atc" if ATC_LENGTHS.contains(&key.len()) => Ok(Key::Atc(text)),
            "atc" => bad(format!("`{key}` is no ATC branch; write 3, 4, 5 or 7 characters")),
            "diagnosis" if icd::plain(key).len() >= BRANCH_MIN => {
                Ok(Key::Diagnosis(icd::plain(key).into()))
            }
            "surgery" if icd::plain(key).len() >= 2 => Ok(Key::Surgery(icd::plain(key).into())),
            "diagnosis" | "surgery" => bad(format!("`{key}` is too short to name a branch")),
            other => Err((
                "R204",
                format!(
                    "`{other}` is not one of hospital, code, prefix, ingredient, class, atc, set, diagnosis, surgery"
                ),
            )),
        }
    }
}

/// How sure a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// A: read in the regulation or the authority's own table.
    Official,
    /// B: read in a secondary public source.
    Secondary,
    /// C: common knowledge, disabled until a pharmacist confirms it.
    Unconfirmed,
}

impl Confidence {
    fn parse(text: &str) -> Result<Confidence, String> {
        match text {
            "A" => Ok(Confidence::Official),
            "B" => Ok(Confidence::Secondary),
            "C" => Ok(Confidence::Unconfirmed),
            other => Err(format!("`{other}` is not A, B or C")),
        }
    }
}

/// The lengths of prefixes that mean something in a national code.
pub(crate) const PREFIX_LENGTHS: [usize; 3] = [10, 11, 14];

/// The lengths of classes that are looked up, after the first character of a national code.
pub(crate) const CLASS_LENGTHS: [usize; 3] = [3, 4, 5];

/// The lengths of branches of the anatomical classification.
pub(crate) const ATC_LENGTHS: [usize; 4] = [3, 4, 5, 7];

/// Reads the rows of one rule; every bad row is told, and any bad row refuses the pack.
pub(crate) fn read(
    file: &str,
    text: &str,
    family: &dyn Family,
    columns: &[Column],
    problems: &mut Vec<Problem>,
) -> Vec<Row> {
    let required = |name| Header { name, required: true };
    let optional = |name| Header { name, required: false };
    let mut headers = vec![required("match"), required("key"), required("item")];
    headers.extend(columns.iter().map(|c| Header { name: c.name, required: c.required }));
    headers.extend([required("source"), required("flag"), optional("from"), optional("to")]);
    headers.extend(["supersedes", "document_row", "hash"].map(optional));

    let several = family.has_several_rows_per_key();
    let (mut rows, mut known) = (Vec::new(), Known::default());
    let mut seen = HashSet::new();
    table::read(file, text, &headers, problems, |cells, problems| {
        let Some(row) = row(cells, columns, &mut known, problems) else { return };
        if several || seen.insert((row.key.clone(), row.from)) {
            rows.push(row);
        } else {
            let message = "this key already has a row above".to_owned();
            problems.push(cells.problem("R206", "key", message));
        }
    });
    rows.shrink_to_fit();
    rows
}

/// What rows of one file have said before.
#[derive(Default)]
struct Known {
    texts: Texts,
    parameters: HashMap<String, Parameters>,
}

fn row(
    cells: &Cells<'_>,
    columns: &[Column],
    known: &mut Known,
    problems: &mut Vec<Problem>,
) -> Option<Row> {
    let before = problems.len();
    let key = key(cells, problems);
    let item = cells.required("item", problems).map(|it| known.texts.share(it));
    let source = cells.required("source", problems).map(|it| known.texts.share(it));
    let flag = flag(cells, problems);
    let parameters = parameters(cells, columns, &mut known.parameters, problems);
    let (from, to) = (day(cells, "from", problems), day(cells, "to", problems));
    let origin = origin(cells, problems);
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        problems.push(cells.problem("R208", "to", "`to` is before `from`".to_owned()));
    }
    if problems.len() > before {
        return None;
    }
    let line = cells.line;
    let (key, item, source, flag) = (key?, item?, source?, flag?);
    let supersedes = cells.get("supersedes").map(|it| known.texts.share(it));
    let scope = None;
    Some(Row { key, item, parameters, source, flag, from, to, scope, supersedes, origin, line })
}

fn key(cells: &Cells<'_>, problems: &mut Vec<Problem>) -> Option<Key> {
    let kind = cells.required("match", problems);
    let key = cells.required("key", problems)?;
    match Key::of(kind?, key) {
        Ok(key) => Some(key),
        Err((code, message)) => {
            let column = if code == "R204" { "match" } else { "key" };
            problems.push(cells.problem(code, column, message));
            None
        }
    }
}

fn is_full_code(code: &str) -> bool {
    match code.as_bytes().first() {
        Some(b'X') => code.len() == 23,
        Some(b'Z') => code.len() == 20,
        Some(b'T') => code.len() == 10,
        Some(digit) => digit.is_ascii_digit() && code.len() == 15,
        None => false,
    }
}

fn flag(cells: &Cells<'_>, problems: &mut Vec<Problem>) -> Option<Confidence> {
    let flag = Confidence::parse(cells.required("flag", problems)?);
    flag.map_err(|message| problems.push(cells.problem("R204", "flag", message))).ok()
}

fn origin(cells: &Cells<'_>, problems: &mut Vec<Problem>) -> Option<Origin> {
    let row = cells.get("document_row")?;
    let hash = cells.get("hash").and_then(|hash| u64::from_str_radix(hash, 16).ok());
    let origin = row.parse().ok().zip(hash).map(|(row, hash)| Origin { row, hash });
    if origin.is_none() {
        let message = "`document_row` is a number, with 16 digits of `hash` beside it".to_owned();
        problems.push(cells.problem("R204", "document_row", message));
    }
    origin
}

/// The parameters of a row. Most rows of a file say what another has said, so each saying is read and
/// kept once.
fn parameters(
    cells: &Cells<'_>,
    columns: &[Column],
    known: &mut HashMap<String, Parameters>,
    problems: &mut Vec<Problem>,
) -> Parameters {
    let mut said = String::new();
    for column in columns {
        said.push_str(cells.get(column.name).unwrap_or_default());
        said.push('\0');
    }
    if let Some(known) = known.get(&said) {
        return known.clone();
    }
    let before = problems.len();
    let mut values = Vec::new();
    for column in columns {
        let cell = if column.required {
            cells.required(column.name, problems)
        } else {
            cells.get(column.name)
        };
        match cell.map(|cell| column.kind.parse(cell)) {
            Some(Ok(value)) => values.push((column.name, value)),
            Some(Err(message)) => problems.push(cells.problem("R204", column.name, message)),
            None => {}
        }
    }
    let parameters: Parameters = values.into_iter().collect();
    if problems.len() == before {
        known.insert(said, parameters.clone());
    }
    parameters
}

fn day(cells: &Cells<'_>, name: &str, problems: &mut Vec<Problem>) -> Option<Date> {
    let day = parse_day(cells.get(name)?);
    day.map_err(|message| problems.push(cells.problem("R204", name, message))).ok()
}

fn parse_day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("`{text}` is not a day such as 2026-01-28"))
}
