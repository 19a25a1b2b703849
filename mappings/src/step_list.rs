//! The list of steps: the one place that knows which steps there are, what each takes and gives,
//! and an example of each that is run as a test and printed in the manual.

use std::sync::Arc;

use crate::code_map::CodeMap;
use crate::compiled::Compiled;
use crate::condition::CompiledCondition;
use crate::datum::Kind;
use crate::expression::{Call, Condition, Expression};
use crate::nearest::suggestion;
use crate::step::{Step, choice, code, date, list, number, text};

mod arguments;

pub(crate) use arguments::{Arguments, literal};

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

/// What the compiler knows of a step besides.
struct Builder {
    /// The kinds it may be given.
    takes: &'static [Kind],
    /// Reads its arguments.
    build: fn(&Arguments<'_>, Kind, &mut dyn Scope) -> Compilation,
}

/// What a step's arguments may refer to while they are compiled.
pub(crate) trait Scope {
    fn code_map(&self, name: &str) -> Option<Arc<CodeMap>>;
    /// A map that nothing uses is worth a warning.
    fn note_use(&mut self, name: &str);
    fn code_map_names(&self) -> Vec<String>;
    fn expression(&mut self, expression: &Expression) -> Option<Compiled>;
    #[allow(dead_code)] // steps that ask are on their way
    fn condition(&mut self, condition: &Condition) -> Option<CompiledCondition>;
}

/// A step and the kind it yields, or what is wrong with how it was written.
pub(crate) type Compilation = Result<(Step, Kind), String>;

/// Compiles one step that will be given `input`, or says what is wrong with it.
pub(crate) fn compile(call: &Call, input: Kind, scope: &mut dyn Scope) -> Compilation {
    let mut known = STEPS.iter().zip(BUILDERS);
    let (_, builder) =
        known.find(|(it, _)| it.name == call.name).ok_or_else(|| unknown(&call.name))?;
    if !builder.takes.contains(&input) {
        return Err(format!("`{}` cannot be given {}", call.name, input.word()));
    }
    (builder.build)(&Arguments { call }, input, scope)
}

fn unknown(name: &str) -> String {
    format!("there is no step `{name}`{}", suggestion(name, STEPS.iter().map(|it| it.name)))
}

const TEXT: &[Kind] = &[Kind::Text];
const WORD: &[Kind] = &[Kind::Text, Kind::Number];
const NUMBER: &[Kind] = &[Kind::Number];
const LIST: &[Kind] = &[Kind::List];
const ANY: &[Kind] =
    &[Kind::Text, Kind::Number, Kind::Date, Kind::Time, Kind::DateTime, Kind::Boolean, Kind::List];

macro_rules! steps {
    ($($name:literal $usage:literal $zh:literal $en:literal
        ($expression:literal, $input:literal, $output:literal) $takes:ident => $build:path;)*) => {
        /// Every step of the language, in the order of the manual.
        pub const STEPS: &[StepEntry] = &[$(StepEntry {
            name: $name, usage: $usage, zh: $zh, en: $en, example: ($expression, $input, $output),
        }),*];

        /// In the order of `STEPS`.
        const BUILDERS: &[Builder] = &[$(Builder { takes: $takes, build: $build }),*];
    };
}

steps! {
    "trim" "trim" "去掉首尾空白（含全角空格）；只剩空白则视为没有" "cuts blanks at both ends; nothing but blanks is absent"
        ("v | trim", " 李建国　", "李建国") TEXT => text::trimmed;
    "upper" "upper" "转为大写字母" "upper case" ("v | upper", "bid", "BID") TEXT => text::upper;
    "lower" "lower" "转为小写字母" "lower case" ("v | lower", "QD", "qd") TEXT => text::lower;
    "narrow" "narrow" "全角字符转半角" "full-width characters to half-width" ("v | narrow", "５ｍｇ", "5mg") TEXT => text::narrow;
    "replace" "replace(\"from\", \"to\")" "替换文字" "replaces a text wherever it stands"
        ("v | replace(\"-\", \"\")", "2024-05-15", "20240515") TEXT => text::replace;
    "match" "match(\"pattern\", group)" "按正则表达式取一组；不符合则报问题" "takes a group of a regular expression; no match is a finding"
        ("v | match(\"^([0-9.]+)(.*)$\", 2)", "5mg", "mg") TEXT => text::matching;
    "absent" "absent(\"word\", ...)" "这些写法视为没有值" "takes these words for no value at all"
        ("v | absent(\"null\", \"-\") | default(\"没有\")", "null", "没有") WORD => choice::absent;
    "only" "only(\"word\", ...)" "只要这些写法，其余视为没有值" "keeps these words, takes any other for no value"
        ("v | only(\"M\", \"F\") | default(\"未知\")", "X", "未知") WORD => choice::only;
    "default" "default(\"text\")" "没有值时用它" "the text to use when there is no value"
        ("v/nothing | default(\"1\")", "x", "1") TEXT => choice::default;
    "or" "or(expression)" "没有值时改取另一处" "another place to look when there is no value"
        ("v/nothing | or(v)", "x", "x") ANY => choice::or;
    "join" "join(\"separator\", expression, ...)" "与其他值相连；没有的部分不留分隔符" "joins with other values; what is absent leaves no separator"
        ("v | join(\" \", \"09:12:33\")", "2024-05-15", "2024-05-15 09:12:33") ANY => list::join;
    "split" "split(\"separator\")" "拆成列表" "splits into a list" ("v | split(\"^\") | item(2)", "I10.x00^原发性高血压", "原发性高血压") TEXT => list::split;
    "item" "item(number)" "取列表的第几项，从 1 起" "the n-th of a list, from 1" ("v | split(\"|\") | item($position)", "I10|E11", "I10") LIST => list::item;
    "decimal" "decimal" "十进制数：去掉 ￥、元、千分位逗号，绝不用浮点" "an exact decimal: ￥, 元 and thousands commas are cut, floats never used"
        ("v | decimal", "￥1,234.50", "1234.50") TEXT => number::decimal;
    "round" "round(places)" "四舍五入到几位小数" "rounds half away from zero" ("v | decimal | round(2)", "7475.7658", "7475.77") NUMBER => number::round;
    "code" "code(\"map\")" "按本来源的码表对照" "translates by a code map of this source" ("v | code(\"sex\")", "男", "1") WORD => code::code;
    "boolean" "boolean(\"yes\", \"no\")" "两个词对应是与否" "two words for yes and no" ("v | boolean(\"是\", \"否\")", "是", "y") TEXT => code::boolean;
    "date" "date(\"pattern\", ...)" "按格式依次尝试，得日期" "a date by the first pattern that fits"
        ("v | date(\"yyyy-MM-dd\", \"yyyyMMdd\")", "19680315", "19680315") TEXT => date::date;
    "time" "time(\"pattern\", ...)" "按格式依次尝试，得时间" "a time of day by the first pattern that fits"
        ("v | time(\"HH:mm:ss\")", "09:12:33", "091233") TEXT => date::time;
    "datetime" "datetime(\"pattern\", ...)" "按格式依次尝试，得日期时间（东八区）" "a date and time by the first pattern that fits, in China time"
        ("v | datetime(\"epoch_ms\")", "1715736005000", "20240515092005") TEXT => date::datetime;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use adapters::{Input, Limits, WireFormat};

    use super::*;
    use crate::code_map::Unknown;
    use crate::compiled::{From, Variable};
    use crate::expression::Source;
    use crate::scene::{Budget, Context, Found, Item, Reading, Scene};

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

        fn condition(&mut self, _: &Condition) -> Option<CompiledCondition> {
            None
        }
    }

    fn compiled(expression: &Expression) -> Result<Compiled, String> {
        let (source, mut kind) = match &expression.source {
            Source::Literal(text) => (From::Literal(text.clone()), Kind::Text),
            Source::Path(path) => (From::Relative(path.clone()), Kind::Text),
            Source::Variable(_) => (From::Variable(Variable::Position), Kind::Number),
            _ => return Err("not on this desk".to_owned()),
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
        let reading = Reading { budget: Budget::of(&document), ..Reading::default() };
        let scene = Scene::new(&document, &context, &item, &found, &reading);
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
