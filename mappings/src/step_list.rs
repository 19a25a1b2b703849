//! The list of steps: the one place that knows which steps there are, what each takes and gives,
//! and an example of each that is run as a test and printed in the manual.

use std::sync::Arc;

use regex::Regex;
use schemas::Number;

use crate::code_map::CodeMap;
use crate::compiled::{Compiled, From};
use crate::date_pattern::DatePattern;
use crate::datum::Kind;
use crate::expression::{Argument, Call, Expression, Source};
use crate::nearest::suggestion;
use crate::step::{Patterns, Step};

/// One step as the manual shows it.
#[derive(Clone, Copy, Debug)]
pub struct StepEntry {
    /// What is written behind the `|`.
    pub name: &'static str,
    /// Its arguments, as a pattern.
    pub usage: &'static str,
    /// What it does, in Chinese, for the implementer.
    pub zh: &'static str,
    /// The same in English.
    pub en: &'static str,
    /// An expression over the value of `v`, that value, and what comes out.
    pub example: (&'static str, &'static str, &'static str),
}

macro_rules! steps {
    ($($name:literal $usage:literal $zh:literal $en:literal ($expression:literal, $input:literal, $output:literal))*) => {
        /// Every step of the language, in the order of the manual.
        pub const STEPS: &[StepEntry] = &[$(StepEntry {
            name: $name, usage: $usage, zh: $zh, en: $en, example: ($expression, $input, $output),
        }),*];
    };
}

steps! {
    "trim" "trim" "去掉首尾空白（含全角空格）；只剩空白则视为没有" "cuts blanks at both ends; nothing but blanks is absent"
        ("v | trim", " 李建国　", "李建国")
    "upper" "upper" "转为大写字母" "upper case" ("v | upper", "bid", "BID")
    "lower" "lower" "转为小写字母" "lower case" ("v | lower", "QD", "qd")
    "narrow" "narrow" "全角字符转半角" "full-width characters to half-width" ("v | narrow", "５ｍｇ", "5mg")
    "replace" "replace(\"from\", \"to\")" "替换文字" "replaces a text wherever it stands"
        ("v | replace(\"-\", \"\")", "2024-05-15", "20240515")
    "match" "match(\"pattern\", group)" "按正则表达式取一组；不符合则报问题" "takes a group of a regular expression; no match is a finding"
        ("v | match(\"^([0-9.]+)(.*)$\", 2)", "5mg", "mg")
    "absent" "absent(\"word\", ...)" "这些写法视为没有值" "takes these words for no value at all"
        ("v | absent(\"null\", \"-\") | default(\"没有\")", "null", "没有")
    "only" "only(\"word\", ...)" "只要这些写法，其余视为没有值" "keeps these words, takes any other for no value"
        ("v | only(\"M\", \"F\") | default(\"未知\")", "X", "未知")
    "default" "default(\"text\")" "没有值时用它" "the text to use when there is no value"
        ("v/nothing | default(\"1\")", "x", "1")
    "or" "or(expression)" "没有值时改取另一处" "another place to look when there is no value"
        ("v/nothing | or(v)", "x", "x")
    "join" "join(\"separator\", expression, ...)" "与其他值相连；没有的部分不留分隔符" "joins with other values; what is absent leaves no separator"
        ("v | join(\" \", \"09:12:33\")", "2024-05-15", "2024-05-15 09:12:33")
    "split" "split(\"separator\")" "拆成列表" "splits into a list" ("v | split(\"^\") | item(2)", "I10.x00^原发性高血压", "原发性高血压")
    "item" "item(number)" "取列表的第几项，从 1 起" "the n-th of a list, from 1" ("v | split(\"|\") | item($position)", "I10|E11", "I10")
    "decimal" "decimal" "十进制数：去掉 ￥、元、千分位逗号，绝不用浮点" "an exact decimal: ￥, 元 and thousands commas are cut, floats never used"
        ("v | decimal", "￥1,234.50", "1234.50")
    "round" "round(places)" "四舍五入到几位小数" "rounds half away from zero" ("v | decimal | round(2)", "7475.7658", "7475.77")
    "code" "code(\"map\")" "按本来源的码表对照" "translates by a code map of this source" ("v | code(\"sex\")", "男", "1")
    "boolean" "boolean(\"yes\", \"no\")" "两个词对应是与否" "two words for yes and no" ("v | boolean(\"是\", \"否\")", "是", "y")
    "date" "date(\"pattern\", ...)" "按格式依次尝试，得日期" "a date by the first pattern that fits"
        ("v | date(\"yyyy-MM-dd\", \"yyyyMMdd\")", "19680315", "19680315")
    "time" "time(\"pattern\", ...)" "按格式依次尝试，得时间" "a time of day by the first pattern that fits"
        ("v | time(\"HH:mm:ss\")", "09:12:33", "091233")
    "datetime" "datetime(\"pattern\", ...)" "按格式依次尝试，得日期时间（东八区）" "a date and time by the first pattern that fits, in China time"
        ("v | datetime(\"epoch_ms\")", "1715736005000", "20240515092005")
}

/// What a step's arguments may refer to while they are compiled.
pub(crate) trait Scope {
    fn code_map(&self, name: &str) -> Option<Arc<CodeMap>>;
    /// A map that nothing uses is worth a warning.
    fn note_use(&mut self, name: &str);
    fn code_map_names(&self) -> Vec<String>;
    fn expression(&mut self, expression: &Expression) -> Option<Compiled>;
}

type Compilation = Result<(Step, Kind), String>;

/// Compiles one step that will be given `input`, or says what is wrong with it.
pub(crate) fn compile(call: &Call, input: Kind, scope: &mut impl Scope) -> Compilation {
    let takes = takes(&call.name).ok_or_else(|| unknown(&call.name))?;
    if !takes.contains(&input) {
        return Err(format!("`{}` cannot be given {}", call.name, input.word()));
    }
    let arguments = Arguments { call };
    match call.name.as_str() {
        "trim" => arguments.none(Step::Trim, Kind::Text),
        "upper" => arguments.none(Step::Upper, Kind::Text),
        "lower" => arguments.none(Step::Lower, Kind::Text),
        "narrow" => arguments.none(Step::Narrow, Kind::Text),
        "decimal" => arguments.none(Step::Decimal, Kind::Number),
        "replace" => {
            let [from, to] = arguments.texts()?;
            Ok((Step::Replace { from, to }, Kind::Text))
        }
        "match" => pattern(&arguments),
        "only" => Ok((Step::Only(arguments.some_texts()?), Kind::Text)),
        "absent" => Ok((Step::Absent(arguments.some_texts()?), Kind::Text)),
        "default" => {
            let [text] = arguments.texts()?;
            Ok((Step::Default(text), Kind::Text))
        }
        "or" => or(&arguments, input, scope),
        "join" => join(&arguments, scope),
        "split" => {
            let [separator] = arguments.texts()?;
            if separator.is_empty() {
                return Err("`split` needs a separator that is not empty".to_owned());
            }
            Ok((Step::Split(separator), Kind::List))
        }
        "item" => item(&arguments, scope),
        "round" => {
            let scale = arguments.number()?;
            Ok((Step::Round(u32::try_from(scale.min(18)).unwrap_or(18)), Kind::Number))
        }
        "code" => code(&arguments, scope),
        "boolean" => {
            let [yes, no] = arguments.texts()?;
            Ok((Step::Boolean { yes, no }, Kind::Boolean))
        }
        "date" => Ok((Step::Date(patterns(&arguments, true)?), Kind::Date)),
        "datetime" => Ok((Step::DateTime(patterns(&arguments, true)?), Kind::DateTime)),
        "time" => Ok((Step::Time(patterns(&arguments, false)?), Kind::Time)),
        name => Err(unknown(name)),
    }
}

/// The kinds a step may be given; `None` for a name that is no step.
fn takes(name: &str) -> Option<&'static [Kind]> {
    const ANY: &[Kind] = &[
        Kind::Text,
        Kind::Number,
        Kind::Date,
        Kind::Time,
        Kind::DateTime,
        Kind::Boolean,
        Kind::List,
    ];
    match name {
        "or" | "join" => Some(ANY),
        "item" => Some(&[Kind::List]),
        "round" => Some(&[Kind::Number]),
        // `$position | code("main")`: a number is as good a code as any.
        "code" | "only" | "absent" => Some(&[Kind::Text, Kind::Number]),
        name if STEPS.iter().any(|it| it.name == name) => Some(&[Kind::Text]),
        _ => None,
    }
}

fn unknown(name: &str) -> String {
    format!("there is no step `{name}`{}", suggestion(name, STEPS.iter().map(|it| it.name)))
}

struct Arguments<'a> {
    call: &'a Call,
}

impl Arguments<'_> {
    fn none(&self, step: Step, kind: Kind) -> Compilation {
        if self.call.arguments.is_empty() { Ok((step, kind)) } else { Err(self.usage()) }
    }

    fn texts<const N: usize>(&self) -> Result<[String; N], String> {
        <[String; N]>::try_from(self.all_texts()?).map_err(|_| self.usage())
    }

    fn some_texts(&self) -> Result<Vec<String>, String> {
        let texts = self.all_texts()?;
        if texts.is_empty() { Err(self.usage()) } else { Ok(texts) }
    }

    fn all_texts(&self) -> Result<Vec<String>, String> {
        self.call.arguments.iter().map(|it| literal(it).ok_or_else(|| self.usage())).collect()
    }

    fn number(&self) -> Result<usize, String> {
        match self.call.arguments.as_slice() {
            [Argument::Number(number)] => Ok(*number),
            _ => Err(self.usage()),
        }
    }

    fn usage(&self) -> String {
        let name = self.call.name.as_str();
        let usage = STEPS.iter().find(|it| it.name == name).map_or(name, |it| it.usage);
        format!("`{name}` is written `{usage}`")
    }
}

fn literal(argument: &Argument) -> Option<String> {
    match argument {
        Argument::Expression(Expression { source: Source::Literal(text), steps, .. })
            if steps.is_empty() =>
        {
            Some(text.clone())
        }
        Argument::Expression(_) | Argument::Number(_) => None,
    }
}

fn pattern(arguments: &Arguments<'_>) -> Compilation {
    let [Argument::Expression(_), rest @ ..] = arguments.call.arguments.as_slice() else {
        return Err(arguments.usage());
    };
    let group = match rest {
        [] => 0,
        [Argument::Number(group)] => *group,
        _ => return Err(arguments.usage()),
    };
    let source =
        arguments.call.arguments.first().and_then(literal).ok_or_else(|| arguments.usage())?;
    let pattern = Regex::new(&source).map_err(|it| format!("not a regular expression: {it}"))?;
    if group >= pattern.captures_len() {
        return Err(format!("the pattern has {} groups, not {group}", pattern.captures_len() - 1));
    }
    Ok((Step::Match { pattern, group, source }, Kind::Text))
}

fn or(arguments: &Arguments<'_>, input: Kind, scope: &mut impl Scope) -> Compilation {
    let [Argument::Expression(other)] = arguments.call.arguments.as_slice() else {
        return Err(arguments.usage());
    };
    let other = scope.expression(other).ok_or("its argument is not right")?;
    if other.kind != input {
        let (mine, theirs) = (input.word(), other.kind.word());
        return Err(format!("`or` would give {theirs} in place of {mine}; restate it before"));
    }
    Ok((Step::Or(other), input))
}

fn join(arguments: &Arguments<'_>, scope: &mut impl Scope) -> Compilation {
    let Some((first, rest)) = arguments.call.arguments.split_first() else {
        return Err(arguments.usage());
    };
    let separator = literal(first).ok_or_else(|| arguments.usage())?;
    let mut others = Vec::new();
    for argument in rest {
        let Argument::Expression(expression) = argument else { return Err(arguments.usage()) };
        others.push(scope.expression(expression).ok_or("one of its arguments is not right")?);
    }
    Ok((Step::Join { separator, others }, Kind::Text))
}

fn item(arguments: &Arguments<'_>, scope: &mut impl Scope) -> Compilation {
    let index = match arguments.call.arguments.as_slice() {
        [Argument::Number(0)] => return Err("items count from 1".to_owned()),
        [Argument::Number(number)] => constant(*number),
        [Argument::Expression(expression)] => {
            scope.expression(expression).ok_or("its argument is not right")?
        }
        _ => return Err(arguments.usage()),
    };
    if index.kind != Kind::Number {
        return Err(format!("`item` needs a number, not {}", index.kind.word()));
    }
    Ok((Step::Item(index), Kind::Text))
}

/// A number written in the mapping, as an expression that yields it.
fn constant(number: usize) -> Compiled {
    debug_assert!(Number::parse(&number.to_string()).is_some());
    Compiled {
        source: From::Literal(number.to_string()),
        steps: vec![Step::Decimal],
        kind: Kind::Number,
    }
}

fn code(arguments: &Arguments<'_>, scope: &mut impl Scope) -> Compilation {
    let [name] = arguments.texts()?;
    scope.note_use(&name);
    let Some(map) = scope.code_map(&name) else {
        let names = scope.code_map_names();
        let hint = suggestion(&name, names.iter().map(String::as_str));
        return Err(format!("there is no code map `{name}`; add [codes.{name}]{hint}"));
    };
    Ok((Step::Code { map }, Kind::Text))
}

fn patterns(arguments: &Arguments<'_>, needs_date: bool) -> Result<Patterns, String> {
    let texts = arguments.some_texts()?;
    let patterns = texts.iter().map(|it| DatePattern::parse(it)).collect::<Result<Vec<_>, _>>()?;
    if needs_date && !patterns.iter().all(DatePattern::has_date) {
        return Err("every pattern must name year, month and day".to_owned());
    }
    Ok(Patterns { patterns, written: texts.join(" 或 ") })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use adapters::{Input, Limits, WireFormat};

    use super::*;
    use crate::code_map::Unknown;
    use crate::compiled::{Context, Found, Item, Scene, Variable};

    /// Compiles expressions without a file around them.
    struct Desk;

    impl Scope for Desk {
        fn code_map(&self, name: &str) -> Option<Arc<CodeMap>> {
            let map = CodeMap::parse(
                "codes/sex.csv",
                "local,standard\n男,1\n女,2",
                None,
                Unknown::Refuse,
            );
            (name == "sex").then(|| Arc::new(map.unwrap()))
        }

        fn note_use(&mut self, _: &str) {}

        fn code_map_names(&self) -> Vec<String> {
            vec!["sex".to_owned()]
        }

        fn expression(&mut self, expression: &Expression) -> Option<Compiled> {
            compiled(expression).ok()
        }
    }

    fn compiled(expression: &Expression) -> Result<Compiled, String> {
        let (source, mut kind) = match &expression.source {
            Source::Literal(text) => (From::Literal(text.clone()), Kind::Text),
            Source::Path(path) => (From::Relative(path.clone()), Kind::Text),
            Source::Variable(_) => (From::Variable(Variable::Position), Kind::Number),
        };
        let mut steps = Vec::new();
        for call in &expression.steps {
            let (step, yields) = compile(call, kind, &mut Desk)?;
            steps.push(step);
            kind = yields;
        }
        Ok(Compiled { source, steps, kind })
    }

    /// The value of `expression` over a message `<v>input</v>`, or the fault, or the complaint.
    fn run(expression: &str, input: &str) -> String {
        let expression = match compiled(&Expression::parse(expression).unwrap()) {
            Ok(expression) => expression,
            Err(message) => return message,
        };
        let text = format!("<v>{input}</v>");
        let input = Input::new(text.as_bytes(), WireFormat::Xml, None);
        let document = adapters::decode(&input, &Limits::default()).unwrap().document;
        let context = Context {
            channel: "c",
            org: "o",
            message_id: "m",
            received_at: jiff::civil::datetime(2026, 1, 2, 3, 4, 5, 0),
            operation: None,
        };
        let item = Item { node: document.root(), text: None, position: 1 };
        let found = Found::new(0);
        let scene = Scene { document: &document, context: &context, item: &item, found: &found };
        match expression.evaluate(&scene) {
            Ok(datum) => datum.to_text().map_or("absent".to_owned(), std::borrow::Cow::into_owned),
            Err(fault) => fault.code.to_owned(),
        }
    }

    #[test]
    fn every_step_does_what_its_example_says() {
        for step in STEPS {
            let (expression, input, output) = step.example;
            assert_eq!(run(expression, input), output, "the example of `{}`", step.name);
            assert!(
                expression.contains(step.name),
                "the example of `{}` does not use it",
                step.name
            );
        }
    }

    #[test]
    fn what_cannot_be_restated_is_a_fault_with_a_code() {
        check("v | decimal", "七", "M201");
        check("v | decimal", "1,23.5", "M201");
        check("v | decimal", "2-3", "M201");
        check("v | date(\"yyyy-MM-dd\")", "2024-02-30", "M202");
        check("v | code(\"sex\")", "3", "M203");
        check("v | boolean(\"是\", \"否\")", "有", "M204");
        check("v | match(\"^([0-9]+)天$\", 1)", "一周", "M205");
    }

    #[test]
    fn absent_passes_through() {
        check("v/nothing | decimal", "1", "absent");
        check("v/nothing | trim | code(\"sex\")", "1", "absent");
        check("v | trim", "　 ", "absent");
        check("v | split(\"^\") | item(3)", "a^b", "absent");
        check("v/nothing | join(\" \", v)", "x", "x");
    }

    #[test]
    fn a_step_that_cannot_be_right_is_refused_at_load() {
        check("v | trimm", "", "there is no step `trimm`; did you mean `trim`?");
        check("v | decimal | trim", "", "`trim` cannot be given a number");
        check("v | split", "", "`split` is written `split(\"separator\")`");
        check("v | item(1)", "", "`item` cannot be given text");
        check(
            "v | code(\"sxe\")",
            "",
            "there is no code map `sxe`; add [codes.sxe]; did you mean `sex`?",
        );
        check(
            "v | match(\"(\")",
            "",
            "not a regular expression: regex parse error:\n    (\n    ^\nerror: unclosed group",
        );
        check(
            "v | decimal | or(v)",
            "",
            "`or` would give text in place of a number; restate it before",
        );
        check("v | datetime(\"HH:mm\")", "", "every pattern must name year, month and day");
    }

    #[track_caller]
    fn check(expression: &str, input: &str, expected: &str) {
        assert_eq!(run(expression, input), expected);
    }
}
