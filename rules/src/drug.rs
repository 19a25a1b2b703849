//! The drug table of a site: what a code stands for.
//!
//! A national code says nothing about ingredients, and one substance can have several codes. So a
//! table names each product's ingredients with their strength per piece, how it is taken, and the
//! tier of an antimicrobial. A line whose drug is in no table leaves such rules unknown.

use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;
use schemas::Problem;

use crate::atc::AtcTable;
use crate::concentration::of_percent;
use crate::drug_kind::DrugKind;
use crate::facts::{Order, Title};
use crate::hash::Table;
use crate::knowledge::PREFIX_LENGTHS;
use crate::number::decimal;
use crate::table::{self, Cells, Header};
use crate::text::Text;
use crate::unit::{Dimension, Dose, Unit};

/// One product of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The name for answers.
    pub name: String,
    /// The national code, where the hospital has mapped it.
    pub national_code: Option<String>,
    /// What it contains, per piece.
    pub ingredients: Vec<Ingredient>,
    /// 片, 粒, 支: the piece that the strengths are for.
    pub piece: Option<Unit>,
    /// Pieces in one package.
    pub pieces_per_package: Option<Decimal>,
    /// How it is taken.
    pub form: Form,
    /// The tier of an antimicrobial; `None` for other drugs.
    pub tier: Option<Tier>,
    /// Its code in the anatomical classification.
    pub atc: Option<String>,
    /// Its legal and clinical kinds.
    pub kinds: Vec<DrugKind>,
    /// What equals what in this product: `1 mL=100 mg`, `10%`, `1 g=13.4 mmol`.
    pub equivalents: Vec<(Dose, Dose)>,
}

impl Product {
    /// A dose in another dimension, by what the table says of this product, in one step or two.
    #[must_use]
    pub fn converted(&self, dose: Dose, to: Dimension) -> Option<Dose> {
        if dose.dimension == to {
            return Some(dose);
        }
        let steps = || self.steps(dose);
        let one = steps().find(|found| found.dimension == to);
        one.or_else(|| {
            steps().flat_map(|step| self.steps(step)).find(|found| found.dimension == to)
        })
    }

    fn steps(&self, dose: Dose) -> impl Iterator<Item = Dose> {
        let both =
            self.equivalents.iter().flat_map(|(one, other)| [(*one, *other), (*other, *one)]);
        both.filter_map(move |(from, into)| in_proportion(dose, from, into))
    }
}

/// A dose in another dimension, by two amounts that are the same of it.
pub(crate) fn converted((one, other): (Dose, Dose), dose: Dose, to: Dimension) -> Option<Dose> {
    let found = in_proportion(dose, one, other).or_else(|| in_proportion(dose, other, one));
    found.filter(|found| found.dimension == to)
}

fn in_proportion(dose: Dose, from: Dose, into: Dose) -> Option<Dose> {
    let amount = dose.amount.checked_mul(into.amount)?.checked_div(from.amount)?;
    (from.dimension == dose.dimension).then_some(Dose { amount, ..into })
}

/// One ingredient of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingredient {
    /// The base name, without salt.
    pub name: String,
    /// How much of it one piece holds.
    pub strength: Option<Dose>,
}

/// How a product is taken, as far as duplicates and sums tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// 口服.
    Oral,
    /// 注射.
    Injection,
    /// 外用.
    Topical,
    /// 吸入.
    Inhaled,
    /// 其他.
    Other,
}

/// 抗菌药物分级.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// 非限制使用级.
    Unrestricted,
    /// 限制使用级.
    Restricted,
    /// 特殊使用级.
    Special,
}

impl Tier {
    /// The word for an answer.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Tier::Unrestricted => "非限制使用级",
            Tier::Restricted => "限制使用级",
            Tier::Special => "特殊使用级",
        }
    }

    /// The lowest title that may prescribe it.
    #[must_use]
    pub fn title_min(self) -> Title {
        match self {
            Tier::Unrestricted => Title::Untitled,
            Tier::Restricted => Title::Intermediate,
            Tier::Special => Title::AssociateSenior,
        }
    }
}

/// Products by hospital code, national code, prefix or name.
#[derive(Debug, Default)]
pub struct DrugTable {
    products: Vec<Product>,
    hospital: Table<Text, usize>,
    code: Table<Text, usize>,
    prefix: Table<Text, usize>,
    name: Table<Text, usize>,
    /// Every ingredient of every product.
    ingredients: HashSet<String>,
    /// Where ingredients stand in the anatomical classification.
    pub(crate) atc: AtcTable,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum DrugKey {
    Hospital(Text),
    Code(Text),
    Prefix(Text),
    Name(Text),
}

impl DrugTable {
    /// The product of an order line: by hospital code, else national code, its prefixes, or name.
    #[must_use]
    pub fn find(&self, order: &Order) -> Option<&Product> {
        let code = order.national_code.as_deref();
        let by = |table: &Table<Text, usize>, key: Option<&str>| {
            key.filter(|_| !table.is_empty()).and_then(|key| table.get(key).copied())
        };
        let by_prefix = || {
            let mut lengths = PREFIX_LENGTHS.iter().rev();
            lengths.find_map(|length| by(&self.prefix, code?.get(..*length)))
        };
        let at = by(&self.hospital, order.hospital_code.as_deref())
            .or_else(|| by(&self.code, code))
            .or_else(by_prefix)
            .or_else(|| by(&self.name, order.name.as_deref()));
        self.products.get(at?)
    }

    fn has(&self, key: &DrugKey) -> bool {
        match key {
            DrugKey::Hospital(key) => self.hospital.contains_key(key),
            DrugKey::Code(key) => self.code.contains_key(key),
            DrugKey::Prefix(key) => self.prefix.contains_key(key),
            DrugKey::Name(key) => self.name.contains_key(key),
        }
    }

    fn table(&mut self, key: &DrugKey) -> (&mut Table<Text, usize>, Text) {
        match key {
            DrugKey::Hospital(key) => (&mut self.hospital, key.clone()),
            DrugKey::Code(key) => (&mut self.code, key.clone()),
            DrugKey::Prefix(key) => (&mut self.prefix, key.clone()),
            DrugKey::Name(key) => (&mut self.name, key.clone()),
        }
    }

    /// How many products there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.products.len()
    }

    /// Whether the table is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
    }

    /// Whether some product contains it.
    #[must_use]
    pub fn has_ingredient(&self, name: &str) -> bool {
        self.ingredients.contains(name)
    }

    /// The ingredients that a text speaks of; slow, for the few texts that nobody has coded.
    pub fn ingredients_in<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        self.ingredients.iter().map(String::as_str).filter(move |name| text.contains(name))
    }

    /// Adds a `drugs.csv`. Only an overlay may give a key again; its product then replaces the other.
    pub(crate) fn read(
        &mut self,
        file: &str,
        text: &str,
        is_overlay: bool,
        problems: &mut Vec<Problem>,
    ) {
        let mut seen = HashMap::new();
        table::read(file, text, &HEADERS, problems, |cells, problems| {
            let before = problems.len();
            let key = key(cells, problems);
            let product = product(cells, problems);
            let (Some(key), Some(product)) = (key, product) else { return };
            if let Some(line) = seen.insert(key.clone(), cells.line) {
                problems.push(cells.problem("R206", "key", format!("already in line {line}")));
            } else if !is_overlay && self.has(&key) {
                let message = "another pack has this drug; only an overlay may replace it";
                problems.push(cells.problem("R206", "key", message.to_owned()));
            }
            if problems.len() == before {
                let at = self.products.len();
                let (table, key) = self.table(&key);
                table.insert(key, at);
                self.ingredients.extend(product.ingredients.iter().map(|i| i.name.clone()));
                self.products.push(product);
            }
        });
    }
}

const fn header(name: &'static str, required: bool) -> Header<'static> {
    Header { name, required }
}

const HEADERS: [Header<'static>; 14] = [
    header("match", true),
    header("key", true),
    header("name", true),
    header("national_code", false),
    header("ingredients", true),
    header("strengths", true),
    header("piece", true),
    header("pieces_per_package", false),
    header("form", true),
    header("tier", false),
    header("atc", false),
    header("kinds", false),
    header("equivalents", false),
    header("source", false),
];

fn key(cells: &Cells<'_>, problems: &mut Vec<Problem>) -> Option<DrugKey> {
    let kind = cells.required("match", problems);
    let key = Text::from(cells.required("key", problems)?);
    match kind? {
        "hospital" => Some(DrugKey::Hospital(key)),
        "code" => Some(DrugKey::Code(key)),
        "prefix" if PREFIX_LENGTHS.contains(&key.len()) => Some(DrugKey::Prefix(key)),
        "name" => Some(DrugKey::Name(key)),
        "prefix" => {
            let message = format!("`{key}` is no prefix; write 10 or 14 characters (X) or 11 (Z)");
            problems.push(cells.problem("R205", "key", message));
            None
        }
        other => {
            let message = format!("`{other}` is not one of hospital, code, prefix, name");
            problems.push(cells.problem("R204", "match", message));
            None
        }
    }
}

fn product(cells: &Cells<'_>, problems: &mut Vec<Problem>) -> Option<Product> {
    let name = cells.required("name", problems).map(str::to_owned);
    let ingredients = ingredients(cells, problems);
    let form = word(cells, "form", &FORMS, problems);
    let tier = cells.get("tier").and_then(|_| word(cells, "tier", &TIERS, problems));
    let piece = parsed(cells, "piece", "a piece such as 片", problems, Unit::parse);
    let pieces_per_package =
        parsed(cells, "pieces_per_package", "a number above 0", problems, |text| {
            decimal(text).filter(|count| *count > Decimal::ZERO)
        });
    Some(Product {
        name: name?,
        national_code: cells.get("national_code").map(str::to_owned),
        ingredients: ingredients?,
        piece,
        pieces_per_package,
        form: form?,
        tier,
        atc: cells.get("atc").map(str::to_owned),
        kinds: kinds(cells, problems),
        equivalents: equivalents(cells, form, problems),
    })
}

/// `1 mL=100 mg|1 g=13.4 mmol`; of a liquid also `10%`.
fn equivalents(
    cells: &Cells<'_>,
    form: Option<Form>,
    problems: &mut Vec<Problem>,
) -> Vec<(Dose, Dose)> {
    let parts = cells.get("equivalents").unwrap_or_default().split('|').map(str::trim);
    let mut found = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        let positive = |text: &str| Dose::parse(text).filter(|dose| dose.amount > Decimal::ZERO);
        let pair = part.split_once('=').map(|(one, other)| (positive(one), positive(other)));
        let percent = form.and_then(|form| of_percent(part, form));
        if let Some((Some(one), Some(other))) = pair {
            found.push((one, other));
        } else if let Some(percent) = percent {
            found.push(percent);
        } else {
            let message = format!(
                "`{part}` is not an equation such as 1 mL=100 mg, nor per cent of a liquid such as 10%"
            );
            problems.push(cells.problem("R204", "equivalents", message));
        }
    }
    found
}

/// `麻醉|缓控释`.
fn kinds(cells: &Cells<'_>, problems: &mut Vec<Problem>) -> Vec<DrugKind> {
    let words = cells.get("kinds").unwrap_or_default().split('|').map(str::trim);
    let mut kinds = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        if let Some(kind) = DrugKind::parse(word) {
            kinds.push(kind);
            continue;
        }
        let known: Vec<_> = DrugKind::NAMES.iter().map(|(word, _)| *word).collect();
        let message = format!("`{word}` is not one of {}", known.join(", "));
        problems.push(cells.problem("R204", "kinds", message));
    }
    kinds
}

pub(crate) const FORMS: [(&str, Form); 5] = [
    ("口服", Form::Oral),
    ("注射", Form::Injection),
    ("外用", Form::Topical),
    ("吸入", Form::Inhaled),
    ("其他", Form::Other),
];
const TIERS: [(&str, Tier); 3] =
    [("非限制", Tier::Unrestricted), ("限制", Tier::Restricted), ("特殊", Tier::Special)];

/// `对乙酰氨基酚+马来酸氯苯那敏` with `325 mg+2 mg`; `?` stands for a strength nobody knows.
fn ingredients(cells: &Cells<'_>, problems: &mut Vec<Problem>) -> Option<Vec<Ingredient>> {
    let names = split(cells.required("ingredients", problems)?);
    let strengths = split(cells.required("strengths", problems)?);
    if names.len() != strengths.len() {
        let message = format!(
            "{} strengths for {} ingredients; write ? for an unknown one",
            strengths.len(),
            names.len()
        );
        problems.push(cells.problem("R204", "strengths", message));
        return None;
    }
    let mut ingredients = Vec::new();
    for (name, strength) in names.into_iter().zip(strengths) {
        let dose = Dose::parse(strength).filter(|dose| dose.amount > Decimal::ZERO);
        if dose.is_none() && strength != "?" {
            let message =
                format!("`{strength}` is not a dose with its unit, such as 325 mg, nor ?");
            problems.push(cells.problem("R204", "strengths", message));
        }
        ingredients.push(Ingredient { name: name.to_owned(), strength: dose });
    }
    Some(ingredients)
}

fn split(text: &str) -> Vec<&str> {
    text.split('+').map(str::trim).collect()
}

pub(crate) fn word<T: Copy>(
    cells: &Cells<'_>,
    name: &str,
    known: &[(&str, T)],
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let text = cells.required(name, problems)?;
    let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        let message = format!("`{text}` is not one of {}", words.join(", "));
        problems.push(cells.problem("R204", name, message));
    }
    found
}

fn parsed<T>(
    cells: &Cells<'_>,
    name: &str,
    expected: &str,
    problems: &mut Vec<Problem>,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let text = cells.get(name)?;
    let value = parse(text);
    if value.is_none() {
        problems.push(cells.problem("R204", name, format!("`{text}` is not {expected}")));
    }
    value
}
