//! Which mappings are worth asking: not all thousand of them.
//!
//! Most `when`s begin by demanding one value at one path: `msgHeader/root/serverName = "..."`. The
//! value is read once, and only mappings that demand it, or that demand nothing of the kind, are
//! asked whether they apply. Nothing else changes: they are asked in the order of the files, and
//! the first that applies is taken.
//!
//! Asking has one effect, that fields are opened. So only neighbours that open the same fields
//! in the same way before they are asked share their questions: a *run*.

use std::collections::HashMap;
use std::ops::Range;

use crate::compiled::{Compiled, From, Variable};
use crate::condition::CompiledCondition;
use crate::datum::Kind;
use crate::expression::{Axis, Path, Relation};
use crate::mapping::Mapping;
use crate::seal::Verify;

/// The runs, in the order of the files.
#[derive(Debug, Default)]
pub(crate) struct Dispatch {
    pub(crate) runs: Vec<Run>,
}

/// Neighbours that open the same fields before they are asked.
#[derive(Debug)]
pub(crate) struct Run {
    /// Which mappings these are.
    pub(crate) members: Range<usize>,
    questions: Vec<Question>,
    /// Members that demand no value: they are always asked.
    always: Vec<usize>,
}

/// A value that some members of a run demand.
#[derive(Debug)]
struct Question {
    /// A mapping that demands it, whose expression reads it for all.
    asker: usize,
    asked: Asked,
    members_by_answer: HashMap<String, Vec<usize>>,
}

/// Where the value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    At(Path),
    Variable(Variable),
}

impl Dispatch {
    pub(crate) fn new<'m>(mappings: impl Iterator<Item = &'m Mapping>) -> Dispatch {
        let mut runs: Vec<Run> = Vec::new();
        let mut before: Option<&Mapping> = None;
        for (number, mapping) in mappings.enumerate() {
            if !before.is_some_and(|it| opens_the_same(it, mapping)) {
                let members = number..number;
                runs.push(Run { members, questions: Vec::new(), always: Vec::new() });
            }
            if let Some(run) = runs.last_mut() {
                run.take_in(number, mapping);
            }
            before = Some(mapping);
        }
        Dispatch { runs }
    }
}

impl Run {
    fn take_in(&mut self, number: usize, mapping: &Mapping) {
        self.members.end = number + 1;
        let demand = mapping.when.as_ref().and_then(demand);
        let asked = demand.as_ref().and_then(|(expression, _)| Asked::of(expression));
        let Some((asked, (_, answers))) = asked.zip(demand) else {
            self.always.push(number);
            return;
        };
        let known = self.questions.iter().position(|it| it.asked == asked);
        let place = known.unwrap_or_else(|| {
            let members_by_answer = HashMap::new();
            self.questions.push(Question { asker: number, asked, members_by_answer });
            self.questions.len() - 1
        });
        let Some(question) = self.questions.get_mut(place) else { return };
        for answer in answers.texts() {
            let members = question.members_by_answer.entry(answer.to_owned()).or_default();
            if members.last() != Some(&number) {
                members.push(number);
            }
        }
    }

    /// The members that may apply, in their order. `read` tells what a member reads where it
    /// demands a value.
    pub(crate) fn worth_asking(&self, mut read: impl FnMut(usize) -> Option<String>) -> Vec<usize> {
        if self.members.len() == 1 {
            return vec![self.members.start];
        }
        let mut worth = self.always.clone();
        for question in &self.questions {
            let answer = read(question.asker);
            let members = answer.and_then(|it| question.members_by_answer.get(&it));
            worth.extend(members.into_iter().flatten());
        }
        worth.sort_unstable();
        worth
    }
}

/// Where a mapping reads the value that it demands before anything else, if it does.
pub(crate) fn demanded(mapping: &Mapping) -> Option<&Compiled> {
    mapping.when.as_ref().and_then(demand).map(|(expression, _)| expression)
}

/// The values without one of which a condition cannot hold, and where it looks for them before it
/// looks at anything else.
fn demand(condition: &CompiledCondition) -> Option<(&Compiled, Answers<'_>)> {
    match condition {
        CompiledCondition::All(parts) => parts.first().and_then(demand),
        CompiledCondition::In(it, words) => Some((it, Answers::Any(words))),
        CompiledCondition::Compare { left, relation: Relation::Equal, right } => {
            let From::Literal(text) = &right.source else { return None };
            right.steps.is_empty().then_some((left, Answers::One(text)))
        }
        _ => None,
    }
}

enum Answers<'m> {
    One(&'m str),
    Any(&'m [String]),
}

impl<'m> Answers<'m> {
    fn texts(&self) -> Vec<&'m str> {
        match self {
            Answers::One(text) => vec![text],
            Answers::Any(texts) => texts.iter().map(String::as_str).collect(),
        }
    }
}

impl Asked {
    /// Only what is read without steps and at little cost.
    fn of(expression: &Compiled) -> Option<Asked> {
        let is_bare = expression.steps.is_empty() && expression.kind == Kind::Text;
        match &expression.source {
            From::Relative(path) | From::Absolute(_, path) if is_bare && is_plain(path) => {
                Some(Asked::At(path.clone()))
            }
            From::Variable(variable) if is_bare => Some(Asked::Variable(*variable)),
            _ => None,
        }
    }
}

fn is_plain(path: &Path) -> bool {
    path.segments.iter().all(|it| {
        let is_step = matches!(it.axis, Axis::Here | Axis::Child(_) | Axis::Attribute(_));
        is_step && it.predicates.is_empty()
    })
}

fn opens_the_same(one: &Mapping, other: &Mapping) -> bool {
    one.null_words == other.null_words
        && one.opens.get(..one.gates) == other.opens.get(..other.gates)
        && one.verifies_before(one.gates).eq(other.verifies_before(other.gates))
        && !opens_more_each_time(one)
}

impl Mapping {
    /// The signatures that are judged on the way to the first `count` of the opened fields.
    fn verifies_before(&self, count: usize) -> impl Iterator<Item = &Verify> {
        self.verifies.iter().filter(move |it| it.opens_above < count)
    }
}

/// A field that lies in another which is opened only behind it: whoever is asked second sees more.
fn opens_more_each_time(mapping: &Mapping) -> bool {
    let gates = || mapping.opens.iter().take(mapping.gates).map(|it| &it.path).enumerate();
    gates().any(|(place, inner)| {
        let mut behind = gates().skip(place + 1);
        behind
            .any(|(_, outer)| inner.segments.len() > outer.segments.len() && inner.may_pass(outer))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fmt::Write as _;

    use adapters::{Input, Limits, WireFormat};
    use jiff::civil::datetime;
    use schemas::Files;

    use crate::catalogs::Catalogs;
    use crate::scene::Context;
    use crate::set::MappingSet;

    const OPENS: &[&str] = &[
        "",
        "[[open]]\nat = \"m/h\"\nas = \"xml\"\n",
        "[[open]]\nat = \"m/h\"\nas = \"json\"\n",
        "[[open]]\nat = \"m/h/n/i\"\nas = \"xml\"\n[[open]]\nat = \"m/h\"\nas = \"xml\"\n",
    ];

    const WHENS: &[&str] = &[
        "m/a = \"1\"",
        "m/a = \"2\"",
        "m/a | decimal = 1",
        "m/a = \"1\" and m/b = \"2\"",
        "m/b = \"2\" and m/a",
        "m/a in (\"2\", \"3\")",
        "m/h/n/x = \"1\"",
        "m/h/n/x = \"2\"",
        "m/h/n/i/y = \"1\"",
        "m/h/x = \"2\"",
        "m/a | trim = \"1\"",
        "m/a = \"1\" or m/b = \"3\"",
        "not m/a = \"1\"",
        "m/*[. = \"3\"] = \"3\"",
        "$operation = \"o\"",
        "$operation = \"p\" and m/b = \"1\"",
        "m/a != \"1\" and m/b",
    ];

    const HEADS: &[&str] = &[
        "",
        "<h><![CDATA[<n><x>1</x><i>&lt;y>1&lt;/y></i></n>]]></h>",
        "<h><![CDATA[<n><x>2</x></n>]]></h>",
        "<h>{\"x\":\"2\"}</h>",
        "<h>neither</h>",
    ];

    /// Whatever the mappings and the message, the same one is chosen as by asking all in turn.
    #[test]
    fn the_first_that_applies_is_taken() {
        let files = Files::from_shipped(schemas::SHIPPED);
        let catalogs = Catalogs::load(&files, "national").unwrap();
        let mut random = Random(7);
        let (mut taken, mut passed_over) = (0, 0);
        for _ in 0..400 {
            let set = random.set(&catalogs);
            for _ in 0..20 {
                let text = random.message();
                let expected = chosen(&set, &text, true);
                assert_eq!(chosen(&set, &text, false), expected, "{text}");
                let first = expected == set.names().next().unwrap().1;
                taken += usize::from(!expected.starts_with('M'));
                passed_over += usize::from(!expected.starts_with('M') && !first);
            }
        }
        assert!(taken > 1_000 && passed_over > 500, "{taken}, {passed_over}");
    }

    /// The name of the mapping, or the code of the error and what it says.
    fn chosen(set: &MappingSet, text: &str, in_turn: bool) -> String {
        let input = Input::new(text.as_bytes(), WireFormat::Xml, None);
        let limits = Limits::default();
        let mut document = adapters::decode(&input, &limits).unwrap().document;
        let context = Context {
            channel: "c",
            org: "o",
            message_id: "m",
            received_at: datetime(2026, 1, 2, 3, 4, 5, 0),
            operation: text.contains("<o/>").then_some("o"),
        };
        match set.choose_name(&mut document, &context, &limits, in_turn) {
            Ok(name) => name,
            Err(error) => format!("{} {error}", error.code()),
        }
    }

    /// Numbers that look random and are the same every time.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(self.0 >> 33).unwrap() % bound
        }

        fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
            texts.get(self.below(texts.len())).unwrap()
        }

        fn message(&mut self) -> String {
            let mut text = String::from("<m>");
            for name in ["a", "b"] {
                let value = self.below(5);
                if value > 0 {
                    write!(text, "<{name}>{value}</{name}>").unwrap();
                }
            }
            text.push_str(self.one_of(HEADS));
            text.push_str(self.one_of(&["", "", "<o/>"]));
            text + "</m>"
        }

        /// Neighbours often open the same, as the mappings of one vendor do.
        fn set(&mut self, catalogs: &Catalogs) -> MappingSet {
            let mut files = Files::new();
            let mut open = "";
            for number in 0..=self.below(12) {
                if self.below(3) == 0 {
                    open = self.one_of(OPENS);
                }
                let when = self.one_of(WHENS);
                let text = format!(
                    "[mapping]\nname = \"n{number:02}\"\nversion = \"1\"\nabout = \"a\"\nprofile = \"clinical\"\nwhen = '{when}'\nlane = 'm/a'\n\
                     {open}[[record]]\nentity = \"outpatient_diagnosis\"\nkey = ['m/a']\n[record.elements]\n\
                     mdtrt_sn = 'm/a'\ndiag_srt_no = 'm/a | decimal'\ndiag_code = 'm/a'\ndiag_name = 'm/a'\n\
                     maindiag_flag = '\"1\"'\nvali_flag = '\"1\"'\n"
                );
                files.insert(format!("v/n{number:02}.toml"), text);
            }
            match MappingSet::load(&files, catalogs, &[]) {
                Ok((set, _)) => set,
                Err(problems) => panic!("{problems:#?}"),
            }
        }
    }
}
