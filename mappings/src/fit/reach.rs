//! Which values an expression can yield, as far as that is known before a message comes: constants,
//! the targets of code maps, the columns of tables, followed through the steps behind them.

use std::borrow::Cow;

use crate::code_map::Unknown;
use crate::compiled::{Compiled, From};
use crate::datum::{Datum, Fault, Kind};
use crate::step::Step;
use crate::step::choice::ChoiceStep;
use crate::step::code::CodeStep;
use crate::step::list::ListStep;
use crate::step::number::NumberStep;

/// What an expression can yield besides nothing.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Values that are known now.
    pub(crate) words: Vec<Word>,
    /// Values are possible that nobody knows now: what the HIS sends.
    pub(crate) open: bool,
    /// Words that a step refuses, whatever the message holds.
    pub(crate) strays: Vec<Stray>,
    /// Every number has this many places behind the point, zeros included.
    pub(crate) places: Option<u32>,
}

/// A value that the mapping itself brings in.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) datum: Datum<'static>,
    pub(crate) origin: Origin,
}

/// Where a value was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Constant,
    CodeMap(String),
    Table(String),
}

/// A word that a step behind it cannot restate.
#[derive(Debug)]
pub(crate) struct Stray {
    pub(crate) text: String,
    pub(crate) origin: Origin,
    pub(crate) fault: &'static str,
}

/// Everything the expression can yield.
pub(crate) fn reach(expression: &Compiled) -> Reach {
    let start = match &expression.source {
        From::Literal(text) => Reach::of(Datum::Text(Cow::Owned(text.clone()))),
        From::Number(number) => Reach::of(Datum::Number(number.clone())),
        _ => Reach { open: true, ..Reach::default() },
    };
    expression.steps.iter().fold(start, Reach::through)
}

impl Reach {
    fn of(datum: Datum<'static>) -> Reach {
        Reach { words: vec![Word { datum, origin: Origin::Constant }], ..Reach::default() }
    }

    fn through(self, step: &Step) -> Reach {
        match step {
            Step::Choice(step) => self.chosen(step),
            Step::Code(step) => self.coded(step),
            Step::Text(step) => self.each(|datum| on_text(datum, |text| Ok(step.run(text)))),
            Step::Cut(step) => self.each(|datum| on_text(datum, |text| Ok(step.run(text)))),
            Step::Pattern(step) => self.each(|datum| on_text(datum, |text| step.run(&text))),
            Step::Number(step) if !step.looks_around() => {
                let places = match step {
                    NumberStep::Round(places) => Some(*places),
                    NumberStep::Absolute | NumberStep::Negate => self.places,
                    _ => None,
                };
                Reach { places, ..self.each(|datum| step.alone(datum)) }
            }
            Step::Date(step) if !step.looks_around() => self.each(|datum| step.alone(datum)),
            Step::List(ListStep::Join { separator, others }) if others.is_empty() => {
                let separator = separator.clone();
                self.each(move |datum| Ok(joined(datum, &separator)))
            }
            // What other values make of it is not followed.
            Step::Number(NumberStep::Over { places, .. }) => self.unknown(Some(*places)),
            Step::Number(_) | Step::Date(_) | Step::List(_) => self.unknown(None),
        }
    }

    fn unknown(self, places: Option<u32>) -> Reach {
        Reach { words: Vec::new(), open: true, places, strays: self.strays }
    }

    fn chosen(mut self, step: &ChoiceStep) -> Reach {
        match step {
            ChoiceStep::Default(constant) => {
                self.words.push(Word { datum: constant.clone(), origin: Origin::Constant });
            }
            ChoiceStep::Or(other) => {
                let other = reach(other);
                self.open |= other.open;
                self.words.extend(other.words);
                self.strays.extend(other.strays);
                self.places = self.places.filter(|it| other.places == Some(*it));
            }
            ChoiceStep::Absent(words) => self.words.retain(|it| !it.is_one_of(words)),
            ChoiceStep::Only(words) => self.keep(words),
            ChoiceStep::Required { .. } | ChoiceStep::Agrees { .. } | ChoiceStep::When(_) => {}
        }
        self
    }

    /// Only these words are left, wherever they came from.
    fn keep(&mut self, words: &[String]) {
        self.words.retain(|it| it.is_one_of(words));
        if std::mem::take(&mut self.open) {
            for word in words.iter().filter(|word| !self.has(word)).collect::<Vec<_>>() {
                let datum = Datum::Text(Cow::Owned(word.clone()));
                self.words.push(Word { datum, origin: Origin::Constant });
            }
        }
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.words.iter().any(|it| it.datum.to_text().as_deref() == Some(text))
    }

    fn coded(mut self, step: &CodeStep) -> Reach {
        let given = std::mem::take(&mut self.words);
        let was_open = std::mem::take(&mut self.open);
        for word in given {
            let text = word.text();
            let results = results(step, &text);
            if results.is_empty() && !is_silent(step) {
                self.strays.push(Stray { text, origin: word.origin, fault: "is unknown there" });
            }
            self.words.extend(results);
        }
        if was_open {
            self.open = matches!(step, CodeStep::Code { map } if map.unknown() == Unknown::Pass);
            self.words.extend(all_results(step));
        }
        self
    }

    /// Takes every known word through a step that looks at nothing else.
    fn each(mut self, step: impl Fn(Datum<'static>) -> Result<Datum<'static>, Fault>) -> Reach {
        for word in std::mem::take(&mut self.words) {
            let text = word.text();
            match step(word.datum) {
                Ok(Datum::Absent) => {}
                Ok(datum) => self.words.push(Word { datum, origin: word.origin }),
                Err(fault) => {
                    let fault = refusal(fault.told().code);
                    self.strays.push(Stray { text, origin: word.origin, fault });
                }
            }
        }
        self.places = None;
        self
    }
}

impl Word {
    pub(crate) fn text(&self) -> String {
        self.datum.to_text().map(Cow::into_owned).unwrap_or_default()
    }

    fn is_one_of(&self, words: &[String]) -> bool {
        self.datum.to_text().is_some_and(|text| words.iter().any(|it| **it == *text))
    }
}

fn on_text(
    datum: Datum<'static>,
    step: impl Fn(Cow<'static, str>) -> Result<Datum<'static>, Fault>,
) -> Result<Datum<'static>, Fault> {
    match datum {
        Datum::Text(text) => step(text),
        datum => Ok(datum),
    }
}

fn joined(datum: Datum<'static>, separator: &str) -> Datum<'static> {
    match datum {
        Datum::List(items) => Datum::Text(items.join(separator).into()),
        datum => datum,
    }
}

/// What the step can make of one known word.
fn results(step: &CodeStep, text: &str) -> Vec<Word> {
    let text = text.trim(); // as the step does when it runs
    match step {
        CodeStep::Code { map } => {
            let mapped: Vec<_> = map.targets_of(text).map(|it| mapped(map.file(), it)).collect();
            if mapped.is_empty() && map.unknown() == Unknown::Pass {
                return vec![mapped_as_it_is(text)];
            }
            mapped
        }
        CodeStep::Lookup { table, column } => {
            let cell = table.cell(text, *column).flatten();
            cell.map(|it| looked_up(table.file(), it)).into_iter().collect()
        }
        CodeStep::Named { words, .. } => {
            words.get(text).map(|it| mapped_as_it_is(it)).into_iter().collect()
        }
        CodeStep::Boolean { yes, no } => [(yes, true), (no, false)]
            .into_iter()
            .filter(|(word, _)| *word == text)
            .map(|(_, it)| Word { datum: Datum::Boolean(it), origin: Origin::Constant })
            .collect(),
    }
}

/// What the step can make of anything at all.
fn all_results(step: &CodeStep) -> Vec<Word> {
    match step {
        CodeStep::Code { map } => map.targets().map(|it| mapped(map.file(), it)).collect(),
        CodeStep::Lookup { table, column } => {
            table.values(*column).map(|it| looked_up(table.file(), it)).collect()
        }
        CodeStep::Named { words, .. } => words.values().map(|it| mapped_as_it_is(it)).collect(),
        CodeStep::Boolean { .. } => [true, false]
            .into_iter()
            .map(|it| Word { datum: Datum::Boolean(it), origin: Origin::Constant })
            .collect(),
    }
}

/// Whether an unknown word is no finding.
fn is_silent(step: &CodeStep) -> bool {
    matches!(step, CodeStep::Lookup { .. })
}

fn mapped(file: &str, text: &str) -> Word {
    Word {
        datum: Datum::Text(Cow::Owned(text.to_owned())),
        origin: Origin::CodeMap(file.to_owned()),
    }
}

fn looked_up(file: &str, text: &str) -> Word {
    Word { datum: Datum::Text(Cow::Owned(text.to_owned())), origin: Origin::Table(file.to_owned()) }
}

fn mapped_as_it_is(text: &str) -> Word {
    Word { datum: Datum::Text(Cow::Owned(text.to_owned())), origin: Origin::Constant }
}

/// What a fault of the road means at the desk.
fn refusal(code: &str) -> &'static str {
    match code {
        "M201" => "is no decimal",
        "M202" => "is no date or time of these patterns",
        "M205" => "does not have the pattern",
        "M208" => "is no age",
        _ => "cannot be restated",
    }
}

/// Whether the kind has words that can be compared with texts.
pub(crate) fn is_wordy(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Number | Kind::Boolean)
}
