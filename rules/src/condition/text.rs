//! The text of a hit: words with elements in braces, `【{orders.hosplist_name}】单价{orders.pric}元`.

use super::element::{Element, Found, Value};
use super::judge::Subject;

/// A sentence, proved: every element in it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Words(String),
    Element(&'static Element),
}

impl Sentence {
    /// Reads a sentence, or says which element does not exist.
    pub fn parse(text: &str) -> Result<Sentence, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((words, behind)) = rest.split_once('{') {
            let (name, after) = behind
                .split_once('}')
                .ok_or_else(|| format!("`{{{behind}` is not closed by `}}`"))?;
            if !words.is_empty() {
                parts.push(Part::Words(words.to_owned()));
            }
            let element = Element::of(name).ok_or_else(|| super::read::no_element(name))?;
            parts.push(Part::Element(element));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Words(rest.to_owned()));
        }
        Ok(Sentence(parts))
    }

    /// The sentence for one hit; an element that was not sent is 未知.
    pub(crate) fn fill(&self, subject: &Subject<'_>) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Words(words) => words.clone(),
                Part::Element(element) => shown(&element.found(subject)),
            })
            .collect()
    }

    /// The names of the elements in it.
    pub(crate) fn reads(&self) -> Vec<&'static str> {
        let named = self.0.iter().filter_map(|part| match part {
            Part::Element(element) => Some(element.name),
            Part::Words(_) => None,
        });
        named.collect()
    }

    /// Whether it names an element of a line.
    pub(crate) fn is_about_a_line(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Element(e) if e.is_of_a_line()))
    }
}

fn shown(found: &Found) -> String {
    match found {
        Found::Missing(_) => "未知".to_owned(),
        Found::Values(values) if values.is_empty() => "无".to_owned(),
        Found::Values(values) | Found::Partly(values, _) => {
            values.iter().map(value).collect::<Vec<_>>().join("、")
        }
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.normalize().to_string(),
        Value::Dose(dose) => dose.to_string(),
        Value::Age(birth, on) => birth.describe(*on),
        Value::Flag(flag) => if *flag { "是" } else { "否" }.to_owned(),
    }
}
