//! What is written is what is read, and what cannot be read is told with its place.

use std::fmt::Write as _;

use super::*;
use crate::expression::{
    Axis, Comparison, Condition, Name, Operand, Path, Predicate, Relation, Segment, Start, State,
    Test,
};

#[test]
fn what_is_written_is_what_is_read() {
    check("../../prescNo", "Path(../../prescNo)");
    check(
        "/msgBody/root/patient/sex | code(\"sex\")",
        "Path(/msgBody/root/patient/sex) code(\"sex\")",
    );
    check("@处方号 | trim | decimal", "Path(@处方号) trim() decimal()");
    check(
        "item[name=\"input_in\"][1]/value//code",
        "Path(item[name =\"input_in\"][1]/value//code)",
    );
    check("\"1\"", "Literal(1)");
    check("$position", "Variable(position)");
    check("a | join(\" \", ../b | trim)", "Path(a) join(\" \",../b trim())");
    check("a | match(\"^([0-9.]+)\", 1)", "Path(a) match(\"^([0-9.]+)\",1)");
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    check("", "0: a path, a \"literal\" or a $variable was expected here");
    check("a |", "3: the name of a step, such as trim or decimal was expected here");
    check("a | code(\"sex\"", "14: `,` or `)` was expected here");
    check("a[0]", "3: positions count from 1");
    check("\"open", "5: the text in double quotes has no end");
    check("a b", "2: nothing more was expected here");
    check("a | f(b|f(b|f(b|f(b|f(b|f(b|f(b|f(b))))))))", "34: this is nested too deeply");
}

#[test]
fn paths() {
    check("a/following-sibling::b[1]/@c", "Path(a/following-sibling::b[1]/@c)");
    check("preceding-sibling::*", "Path(preceding-sibling::*)");
    check("ancestor::{urn:a/b}x", "Path(ancestor::{urn:a/b}x)");
    check("{}a/@{urn:u}*//*", "Path({}a/@{urn:u}*//*)");
    check("`金额(元)`/`a/b`[last]", "Path(金额(元)/a/b[last])");
    check("PID/3[5=\"PI\"]/1", "Path(PID/3[5 =\"PI\"]/1)");
    check("PID/3[2]", "Path(PID/3[2])");
    check("a[not b/c]", "Path(a[not b/c])");
    check("a[not]", "Path(a[not])");
    check("a[b in (\"x\", \"y\")][c is null]", "Path(a[b in x,y][c is null])");
    check("/CF[CFID = $item/CFID]/KSDM", "Path(/CF[CFID =$item/CFID]/KSDM)");
    check("$item/../x", "Path($item/../x)");
    check("$item", "Path($item)");
    check("/names/name[$position]", "Path(/names/name[$position])");
    check("/", "Path(/)");
}

#[test]
fn functions_and_numbers() {
    check("count(a/b)", "count(a/b)");
    check(
        "sum(/r/row[@no = $item/@no], @amt | decimal) | round(2)",
        "sum(/r/row[@no =$item/@no], @amt decimal()) round(2)",
    );
    check("a | f(2)", "Path(a) f(2)");
    check("a | f(-0.5)", "Path(a) f(#-0.5)");
    check("a | f(5/1)", "Path(a) f(5/1)");
    check("a | f($1)", "Path(a) f($1)");
}

#[test]
fn what_cannot_be_a_path_is_told_with_its_place() {
    check(
        "a/folowing-sibling::b",
        "2: there is no axis `folowing-sibling`; did you mean `following-sibling`?",
    );
    check("cuont(a)", "0: there is no function `cuont`; did you mean `count`?");
    check(
        "a[b is nul]",
        "7: `is` asks for absent, empty, null or present, not `nul`; did you mean `null`?",
    );
    check("a[b = c]", "6: a text in double quotes or $item/... was expected here");
    check("{urn:a", "1: `}` was expected behind this");
    check("a[b in (\"x\"]", "11: `)` was expected here");
    check("a//@b", "3: after `//` a name or `*` was expected here");
    check("sum(a)", "5: `,` was expected here");
}

#[test]
fn conditions() {
    condition("a = \"x\" and not b/c or d != \"y\"", "((a = \"x\" and not b/c) or d != \"y\")");
    condition("(a or b) and not (c is absent)", "((a or b) and not c is absent)");
    condition("a | decimal >= 1.5", "a decimal() >= #1.5");
    condition("$position = 1", "$position = #1");
    condition("count(a) < 2 and b in (\"x\", \"y\")", "(count(a) < #2 and b in x,y)");
    condition("a and", "5: a path, a \"literal\" or a $variable was expected here");
    condition("(a", "2: `)` was expected here");
    condition("a is", "4: absent, empty, null or present was expected here");
    condition(&format!("{}a{}", "(".repeat(9), ")".repeat(9)), "8: this is nested too deeply");
}

#[track_caller]
fn condition(text: &str, expected: &str) {
    let actual = match Condition::parse(text) {
        Ok(condition) => show_condition(&condition),
        Err(error) => format!("{}: {}", error.offset, error.message),
    };
    assert_eq!(actual, expected);
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let actual = match Expression::parse(text) {
        Ok(expression) => show(&expression),
        Err(error) => format!("{}: {}", error.offset, error.message),
    };
    assert_eq!(actual, expected);
}

fn show_condition(condition: &Condition) -> String {
    let joined = |parts: &[Condition], word| {
        format!("({})", parts.iter().map(show_condition).collect::<Vec<_>>().join(word))
    };
    match condition {
        Condition::Any(parts) => joined(parts, " or "),
        Condition::All(parts) => joined(parts, " and "),
        Condition::Not(part) => format!("not {}", show_condition(part)),
        Condition::Term(term) => {
            let mark = |relation: &Relation| match relation {
                Relation::Equal => "=",
                Relation::Unequal => "!=",
                Relation::Less => "<",
                Relation::AtMost => "<=",
                Relation::More => ">",
                Relation::AtLeast => ">=",
            };
            let left = bare(&term.expression);
            match &term.comparison {
                Comparison::HasValue => left,
                Comparison::Compare(it, right) => {
                    format!("{left} {} {}", mark(it), bare(right))
                }
                Comparison::In(words) => format!("{left} in {}", words.join(",")),
                Comparison::Is(state) => format!("{left} is {}", show_state(*state)),
            }
        }
    }
}

fn show(expression: &Expression) -> String {
    let source = match &expression.source {
        Source::Path(path) => format!("Path({})", show_path(path)),
        Source::Literal(text) => format!("Literal({text})"),
        Source::Number(text) => format!("Number({text})"),
        Source::Variable(name) => format!("Variable({name})"),
        Source::Count(_) | Source::Sum(..) => return bare(expression),
    };
    format!("{source}{}", show_steps(expression))
}

/// Without the words that tell one kind of source from another, where marks do.
fn bare(expression: &Expression) -> String {
    let source = match &expression.source {
        Source::Path(path) => show_path(path),
        Source::Literal(text) => format!("\"{text}\""),
        Source::Number(text) => format!("#{text}"),
        Source::Variable(name) => format!("${name}"),
        Source::Count(path) => format!("count({})", show_path(path)),
        Source::Sum(path, each) => format!("sum({}, {})", show_path(path), bare(each)),
    };
    format!("{source}{}", show_steps(expression))
}

fn show_steps(expression: &Expression) -> String {
    let mut out = String::new();
    for call in &expression.steps {
        let arguments: Vec<_> = call.arguments.iter().map(show_argument).collect();
        let _ = write!(out, " {}({})", call.name, arguments.join(","));
    }
    out
}

fn show_argument(argument: &Argument) -> String {
    match argument {
        Argument::Number(number) => number.to_string(),
        Argument::Expression(it) => bare(it),
        Argument::Condition(it) => show_condition(it),
    }
}

fn show_path(path: &Path) -> String {
    let segments: Vec<_> = path.segments.iter().map(show_segment).collect();
    let start = match path.start {
        Start::Here => "",
        Start::Root => "/",
        Start::Item if segments.is_empty() => "$item",
        Start::Item => "$item/",
    };
    format!("{start}{}", segments.join("/"))
}

fn show_segment(segment: &Segment) -> String {
    let mut out = match &segment.axis {
        Axis::Here => ".".to_owned(),
        Axis::Parent => "..".to_owned(),
        Axis::Child(name) => show_name(name),
        Axis::Attribute(name) => format!("@{}", show_name(name)),
        Axis::Descendant(name) => format!("/{}", show_name(name)),
        Axis::FollowingSibling(name) => format!("following-sibling::{}", show_name(name)),
        Axis::PrecedingSibling(name) => format!("preceding-sibling::{}", show_name(name)),
        Axis::Ancestor(name) => format!("ancestor::{}", show_name(name)),
    };
    for predicate in &segment.predicates {
        let _ = match predicate {
            Predicate::Index(index) => write!(out, "[{index}]"),
            Predicate::Last => write!(out, "[last]"),
            Predicate::Position => write!(out, "[$position]"),
            Predicate::Test { negated, path, test } => {
                let not = if *negated { "not " } else { "" };
                write!(out, "[{not}{}{}]", show_path(path), show_test(test))
            }
        };
    }
    out
}

fn show_name(name: &Name) -> String {
    let namespace = name.namespace.as_ref().map(|it| format!("{{{it}}}")).unwrap_or_default();
    format!("{namespace}{}", name.local.as_deref().unwrap_or("*"))
}

fn show_test(test: &Test) -> String {
    let operand = |operand: &Operand| match operand {
        Operand::Literal(literal) => format!("{literal:?}"),
        Operand::Item(path) => show_path(path),
    };
    match test {
        Test::Exists => String::new(),
        Test::Is(it) => format!(" ={}", operand(it)),
        Test::IsNot(it) => format!(" !={}", operand(it)),
        Test::In(words) => format!(" in {}", words.join(",")),
        Test::State(state) => format!(" is {}", show_state(*state)),
    }
}

fn show_state(state: State) -> &'static str {
    State::ALL.iter().find(|(_, it)| *it == state).map_or("", |(word, _)| word)
}
