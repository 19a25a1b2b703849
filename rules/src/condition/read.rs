//! From TOML to a proved condition: every fault is found when the pack is loaded.

use std::fmt;
use std::ops::Range;

use schemas::nearest::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::age::Age;
use crate::knowledge::Key;
use crate::number::decimal;
use crate::overlay::set::PREFIX;
use crate::rule::scalar;
use crate::text::Text;
use crate::unit::Dose;
use crate::window::Window;

use super::element::{ELEMENTS, Element, Kind};
use super::judge::is_usable;
use super::{Condition, Operand, Operator};

/// More is a mistake, or an attempt to make every check slow.
const DEPTH_MAX: usize = 8;
const PARTS_MAX: usize = 200;

impl Condition {
    /// Reads the value of `when`, or says what is wrong with it.
    pub(crate) fn read(value: &DeValue<'_>) -> Result<Condition, Fault> {
        let mut left = PARTS_MAX;
        condition(value, DEPTH_MAX, &mut left)
    }

    /// Reads a condition written as one TOML value.
    pub(crate) fn parse(text: &str) -> Result<Condition, String> {
        let document = format!("when = {text}");
        let table = DeTable::parse(&document).map_err(|error| error.message().to_owned())?;
        let when = table.get_ref().iter().next().map(|(_, value)| value.get_ref());
        let when = when.ok_or_else(|| "empty condition".to_owned())?;
        Condition::read(when).map_err(|fault| fault.to_string())
    }
}

/// What is wrong with a part, and which: in a tree of two hundred parts nobody finds it otherwise.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The way to it: `all[1].not`; empty for the whole.
    path: String,
    /// Where it stands, for all parts but the whole.
    pub(crate) at: Option<Range<usize>>,
    message: String,
}

impl From<String> for Fault {
    fn from(message: String) -> Fault {
        Fault { path: String::new(), at: None, message }
    }
}

impl Fault {
    /// The same, seen from the part around it.
    fn inside(self, step: &str, at: Range<usize>) -> Fault {
        let dot = if self.path.is_empty() { "" } else { "." };
        let path = format!("{step}{dot}{}", self.path);
        Fault { path, at: self.at.or(Some(at)), message: self.message }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "`when.{path}`: {}", self.message),
        }
    }
}

fn condition(value: &DeValue<'_>, depth: usize, left: &mut usize) -> Result<Condition, Fault> {
    *left = left.checked_sub(1).ok_or_else(|| format!("more than {PARTS_MAX} parts"))?;
    let depth = depth.checked_sub(1).ok_or_else(|| format!("nested deeper than {DEPTH_MAX}"))?;
    let table = value.as_table().ok_or_else(|| "a condition is a table".to_owned())?;
    let part = Part { table };
    match part.kind()? {
        "all" => Ok(Condition::All(parts("all", part.value("all")?, depth, left)?)),
        "any" => Ok(Condition::Any(parts("any", part.value("any")?, depth, left)?)),
        "not" => {
            let inner = part.spanned("not")?;
            let inner = condition(inner.get_ref(), depth, left)
                .map_err(|fault| fault.inside("not", inner.span()))?;
            Ok(Condition::Not(Box::new(inner)))
        }
        "element" => Ok(part.comparison()?),
        "item" => Ok(Condition::Item(part.keys("item")?)),
        "diagnosis" => Ok(part.diagnosis("diagnosis", false)?),
        "diagnosis_ever" => Ok(part.diagnosis("diagnosis_ever", true)?),
        "past" => Ok(Condition::Past { items: part.keys("past")?, within: part.within()? }),
        "count" => Ok(Condition::Count {
            items: part.keys("count")?,
            operator: part.operator()?,
            number: part.number()?,
        }),
        _ => Ok(Condition::Lab {
            test: part.text("lab")?,
            within: part.within()?,
            operator: part.operator()?,
            number: part.number()?,
        }),
    }
}

fn parts(
    kind: &str,
    value: &DeValue<'_>,
    depth: usize,
    left: &mut usize,
) -> Result<Vec<Condition>, Fault> {
    let items = value.as_array().filter(|items| !items.is_empty());
    let items = items.ok_or_else(|| "`all` and `any` are lists of conditions".to_owned())?;
    let each = items.iter().enumerate().map(|(at, item)| {
        condition(item.get_ref(), depth, left)
            .map_err(|fault| fault.inside(&format!("{kind}[{at}]"), item.span()))
    });
    each.collect()
}

/// The kinds of part, each with the other keys it has.
const KINDS: [(&str, &[&str]); 10] = [
    ("all", &[]),
    ("any", &[]),
    ("not", &[]),
    ("element", &["is", "value", "values"]),
    ("item", &[]),
    ("diagnosis", &[]),
    ("diagnosis_ever", &[]),
    ("past", &["within"]),
    ("count", &["is", "value"]),
    ("lab", &["within", "is", "value"]),
];

struct Part<'a> {
    table: &'a DeTable<'a>,
}

impl<'a> Part<'a> {
    fn get(&self, key: &str) -> Option<&'a DeValue<'a>> {
        self.spanned(key).ok().map(Spanned::get_ref)
    }

    fn spanned(&self, key: &str) -> Result<&'a Spanned<DeValue<'a>>, String> {
        let found = self.table.iter().find(|(name, _)| name.get_ref() == key);
        found.map(|(_, value)| value).ok_or_else(|| format!("`{key}` is missing"))
    }

    fn value(&self, key: &str) -> Result<&'a DeValue<'a>, String> {
        self.get(key).ok_or_else(|| format!("`{key}` is missing"))
    }

    /// Which kind of part it is; keys of another kind are mistakes.
    fn kind(&self) -> Result<&'static str, String> {
        let found: Vec<_> = KINDS.iter().filter(|(kind, _)| self.get(kind).is_some()).collect();
        let [(kind, others)] = found.as_slice() else {
            let known: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
            return Err(format!("a condition has exactly one of {}", known.join(", ")));
        };
        for (name, _) in self.table {
            let name = name.get_ref().as_ref();
            if name != *kind && !others.contains(&name) {
                return Err(format!("`{kind}` does not go with `{name}`"));
            }
        }
        Ok(kind)
    }

    fn text(&self, key: &str) -> Result<String, String> {
        let text = scalar(self.value(key)?).filter(|text| !text.is_empty());
        text.ok_or_else(|| format!("`{key}` must be a text"))
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, String> {
        let value = self.value(key)?;
        let texts: Option<Vec<String>> = match value.as_array() {
            Some(items) => items.iter().map(|item| scalar(item.get_ref())).collect(),
            None => scalar(value).map(|text| vec![text]),
        };
        let texts = texts.filter(|texts| !texts.is_empty() && !texts.iter().any(String::is_empty));
        texts.ok_or_else(|| format!("`{key}` must be a text or a list of texts"))
    }

    fn keys(&self, key: &str) -> Result<Vec<Key>, String> {
        self.texts(key)?
            .iter()
            .map(|text| {
                Key::parse(text).ok_or_else(|| {
                    format!("`{text}` is not a key such as atc:J01, ingredient:布洛芬 or set:NAME")
                })
            })
            .collect()
    }

    /// Branches, and sets of branches.
    fn diagnosis(&self, key: &str, ever: bool) -> Result<Condition, String> {
        let (mut branches, mut sets) = (Vec::new(), Vec::new());
        for text in self.texts(key)? {
            match text.strip_prefix("set:") {
                Some(name) => sets.push(Key::Set(name.trim().into())),
                None => branches.push(text),
            }
        }
        Ok(Condition::Diagnosis { branches, sets, ever })
    }

    fn within(&self) -> Result<Window, String> {
        let text = self.text("within")?;
        Window::parse(&text)
            .filter(|window| is_usable(*window))
            .ok_or_else(|| format!("`{text}` is not a window such as 30天, 6小时, 自然月 or 累计"))
    }

    fn operator(&self) -> Result<Operator, String> {
        let sign = self.text("is")?;
        Operator::parse(&sign).ok_or_else(|| {
            let known: Vec<_> = Operator::SIGNS.iter().map(|(sign, _)| *sign).collect();
            format!("`{sign}` is not one of {}", known.join(" "))
        })
    }

    fn number(&self) -> Result<rust_decimal::Decimal, String> {
        let text = self.text("value")?;
        decimal(&text).ok_or_else(|| format!("`{text}` is not a number"))
    }

    fn comparison(&self) -> Result<Condition, String> {
        let name = self.text("element")?;
        let element = Element::of(&name).ok_or_else(|| no_element(&name))?;
        let operator = self.operator()?;
        if self.get("value").is_some() && self.get("values").is_some() {
            return Err("write `value` or `values`, one of them".to_owned());
        }
        fits(element, operator)?;
        let operand = match element.kind {
            Kind::Party(kind) if operator == Operator::In => Operand::Sets(kind, self.sets()?),
            Kind::Text | Kind::Party(_) | Kind::Word(_) => {
                Operand::Texts(self.words(element.kind)?)
            }
            Kind::Number => Operand::Number(self.number()?),
            Kind::Dose => Operand::Dose(self.of("value", "a dose such as 100 mg", Dose::parse)?),
            Kind::Age => Operand::Age(self.of("value", "an age such as 14岁", Age::parse)?),
            Kind::Flag => Operand::Flag(self.of("value", "true or false", |text| match text {
                "true" | "y" => Some(true),
                "false" | "n" => Some(false),
                _ => None,
            })?),
        };
        Ok(Condition::Compare { element, operator, operand })
    }

    fn of<T>(
        &self,
        key: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, String> {
        let text = self.text(key)?;
        parse(&text).ok_or_else(|| format!("`{text}` is not {expected}"))
    }

    fn sets(&self) -> Result<Vec<Text>, String> {
        let names = self.values()?;
        let names = names.iter().map(|text| {
            let name = text.strip_prefix(PREFIX).map(|name| Text::from(name.trim()));
            name.ok_or_else(|| format!("`{text}` is not a set; after `in` write set:NAME"))
        });
        names.collect()
    }

    fn values(&self) -> Result<Vec<String>, String> {
        self.texts(if self.get("values").is_some() { "values" } else { "value" })
    }

    fn words(&self, kind: Kind) -> Result<Vec<String>, String> {
        let words = self.values()?;
        if let Kind::Word(known) = kind
            && let Some(word) = words.iter().find(|word| !known.contains(&word.as_str()))
        {
            return Err(format!("`{word}` is not one of {}", known.join(", ")));
        }
        Ok(words)
    }
}

/// The operators that say anything about values of a kind.
pub(crate) fn operators_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Text => &["=", "!=", "starts", "contains"],
        Kind::Party(_) => &["=", "!=", "starts", "contains", "in"],
        Kind::Word(_) | Kind::Flag => &["=", "!="],
        Kind::Number | Kind::Dose => &["=", "!=", "<", "<=", ">", ">="],
        // An age is a day of birth: it can be reached or not, and nothing else.
        Kind::Age => &["<", ">="],
    }
}

fn fits(element: &Element, operator: Operator) -> Result<(), String> {
    let (sign, fit) = (operator.sign(), operators_of(element.kind));
    if fit.contains(&sign) {
        return Ok(());
    }
    Err(format!("`{sign}` does not fit `{}`; write one of {}", element.name, fit.join(" ")))
}

/// Says that there is no such element, with the nearest name.
pub(super) fn no_element(name: &str) -> String {
    let known = ELEMENTS.iter().map(|element| element.name);
    match nearest(name, known) {
        Some(near) => format!("no element `{name}`; did you mean `{near}`?"),
        None => format!("no element `{name}`; the manual lists them"),
    }
}
