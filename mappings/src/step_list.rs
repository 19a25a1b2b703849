//! The list of steps: the one place that knows which steps there are, what each takes and gives,
//! and an example of each that is run as a test and printed in the manual.

use std::sync::Arc;

use schemas::ValueDomain;

use crate::code_map::CodeMap;
use crate::compiled::Compiled;
use crate::condition::CompiledCondition;
use crate::datum::Kind;
use crate::expression::{Call, Condition, Expression};
use crate::lookup::Lookup;
use crate::step::{Step, choice, code, cut, date, list, number, pattern, text};
use crate::suggestion;
use crate::units::Units;

mod arguments;

pub(crate) use arguments::{Arguments, literal, number_of, text_of, written};

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
    /// The source of the expression at hand, as it was written.
    fn written(&self) -> String;
    fn code_map(&self, name: &str) -> Option<Arc<CodeMap>>;
    /// A map that nothing uses is worth a warning.
    fn note_use(&mut self, name: &str);
    fn code_map_names(&self) -> Vec<String>;
    fn table(&mut self, name: &str) -> Result<Arc<Lookup>, String>;
    fn units(&mut self, name: &str) -> Result<Arc<Units>, String>;
    fn domain(&self, name: &str) -> Result<&ValueDomain, String>;
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
const DATETIME: &[Kind] = &[Kind::DateTime];
const MOMENT: &[Kind] = &[Kind::Date, Kind::DateTime];
const TIMES: &[Kind] = &[Kind::Date, Kind::Time, Kind::DateTime];
const SINGLE: &[Kind] =
    &[Kind::Text, Kind::Number, Kind::Date, Kind::Time, Kind::DateTime, Kind::Boolean];
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
    "strip" "strip(\"chars\")" "去掉首尾的这些字符" "cuts these characters at both ends"
        ("v | strip(\"'*\")", "'001*", "001") TEXT => text::strip;
    "upper" "upper" "转为大写字母" "upper case" ("v | upper", "bid", "BID") TEXT => text::upper;
    "lower" "lower" "转为小写字母" "lower case" ("v | lower", "QD", "qd") TEXT => text::lower;
    "narrow" "narrow" "全角字符转半角" "full-width characters to half-width" ("v | narrow", "５ｍｇ", "5mg") TEXT => text::narrow;
    "digits" "digits" "只留数字" "keeps the digits" ("v | digits", "(0571) 8888-0000", "057188880000") TEXT => text::digits;
    "unescape" "unescape" "还原多转义了一层的 XML 字符" "undoes one more layer of XML escapes" ("v | unescape", "a&amp;lt;b", "a<b") TEXT => text::unescape;
    "pad" "pad(\"char\", width)" "左边补足到几个字符" "fills up on the left to so many characters" ("v | pad(\"0\", 4)", "12", "0012") TEXT => text::pad;
    "prefix" "prefix(\"text\")" "前面加上文字" "puts a text before" ("v | prefix(\"MZ\")", "0017", "MZ0017") TEXT => text::prefix;
    "suffix" "suffix(\"text\")" "后面加上文字" "puts a text behind" ("v | suffix(\"岁\")", "56", "56岁") TEXT => text::suffix;
    "replace" "replace(\"from\", \"to\")" "替换文字" "replaces a text wherever it stands"
        ("v | replace(\"-\", \"\")", "2024-05-15", "20240515") TEXT => text::replace;
    "replace_pattern" "replace_pattern(\"pattern\", \"to\")" "按正则表达式替换；$1 到 $9 是捕获的组，$$ 是美元符" "replaces every match; $1 to $9 are its groups, $$ is a dollar"
        ("v | replace_pattern(\"([0-9]+)/([0-9]+)\", \"$2每$1\")", "1/2", "2每1") TEXT => pattern::replace;
    "match" "match(\"pattern\", group)" "按正则表达式取一组；不符合则报问题" "takes a group of a regular expression; no match is a finding"
        ("v | match(\"^([0-9.]+)(.*)$\", 2)", "5mg", "mg") TEXT => pattern::matching;
    "substring" "substring(from, length)" "从第几个字符起取几个，从 1 起；不写长度则取到末尾" "so many characters from a place, counted from 1; all without a length"
        ("v | substring(7, 8)", "330102196803150011", "19680315") TEXT => cut::substring;
    "before" "before(\"text\")" "第一个分隔符之前；没有分隔符则为全部" "what stands before the first; all where there is none"
        ("v | before(\"^\")", "I10.x00^原发性高血压", "I10.x00") TEXT => cut::before;
    "after" "after(\"text\")" "第一个分隔符之后；没有分隔符则视为没有" "what stands behind the first; absent where there is none"
        ("v | after(\"^\")", "a^b^c", "b^c") TEXT => cut::after;
    "before_last" "before_last(\"text\")" "最后一个分隔符之前" "what stands before the last" ("v | before_last(\"^\")", "a^b^c", "a^b") TEXT => cut::before_last;
    "after_last" "after_last(\"text\")" "最后一个分隔符之后" "what stands behind the last" ("v | after_last(\"^\")", "a^b^c", "c") TEXT => cut::after_last;
    "absent" "absent(\"word\", ...)" "这些写法视为没有值" "takes these words for no value at all"
        ("v | absent(\"null\", \"-\") | default(\"没有\")", "null", "没有") WORD => choice::absent;
    "only" "only(\"word\", ...)" "只要这些写法，其余视为没有值" "keeps these words, takes any other for no value"
        ("v | only(\"M\", \"F\") | default(\"未知\")", "X", "未知") WORD => choice::only;
    "default" "default(\"text\")" "没有值时用它；数字和日期之后写同类的常量" "what to use when there is no value, of the kind that flows here"
        ("v/nothing | decimal | default(\"0\")", "x", "0") SINGLE => choice::default;
    "or" "or(expression)" "没有值时改取另一处" "another place to look when there is no value"
        ("v/nothing | or(v)", "x", "x") ANY => choice::or;
    "required" "required" "没有值则报问题（M209）" "no value is a finding" ("v | required", "x", "x") ANY => choice::required;
    "agrees" "agrees(expression)" "与另一处的值矛盾则报问题（M213）；写 agrees(expression, \"warn\") 则只提示" "contradicting another place is a finding; with \"warn\" only a word of warning"
        ("v | agrees(v | trim)", "男", "男") SINGLE => choice::agrees;
    "when" "when(condition)" "条件成立才有值" "keeps the value where a condition holds" ("v | when(v = \"x\")", "x", "x") ANY => choice::when;
    "join" "join(\"separator\", expression, ...)" "与其他值相连；没有的部分不留分隔符" "joins with other values; what is absent leaves no separator"
        ("v | join(\" \", \"09:12:33\")", "2024-05-15", "2024-05-15 09:12:33") ANY => list::join;
    "split" "split(\"separator\")" "拆成列表" "splits into a list" ("v | split(\"^\") | item(2)", "I10.x00^原发性高血压", "原发性高血压") TEXT => list::split;
    "item" "item(number)" "取列表的第几项，从 1 起" "the n-th of a list, from 1" ("v | split(\"|\") | item($position)", "I10|E11", "I10") LIST => list::item;
    "last" "last" "取列表的最后一项" "the last of a list" ("v | split(\"-\") | last", "2024-05-15", "15") LIST => list::last;
    "decimal" "decimal" "十进制数：去掉 ￥、元、千分位逗号，绝不用浮点" "an exact decimal: ￥, 元 and thousands commas are cut, floats never used"
        ("v | decimal", "￥1,234.50", "1234.50") TEXT => number::decimal;
    "percent" "percent" "百分数化为小数" "a percentage as a fraction" ("v | percent", "12.5%", "0.125") TEXT => number::percentage;
    "round" "round(places)" "四舍五入到几位小数" "rounds half away from zero" ("v | decimal | round(2)", "7475.7658", "7475.77") NUMBER => number::round;
    "abs" "abs" "去掉负号" "without its sign" ("v | decimal | abs", "-32.50", "32.50") NUMBER => number::abs;
    "negate" "negate" "正负互换" "with the other sign" ("v | decimal | negate", "32.50", "-32.50") NUMBER => number::negate;
    "plus" "plus(number)" "加；另一个数没有值则没有结果" "adds; without the other number there is no result" ("v | decimal | plus(\"0.20\" | decimal)", "0.1", "0.30") NUMBER => number::plus;
    "minus" "minus(number)" "减" "subtracts" ("v | decimal | minus(1)", "0.5", "-0.5") NUMBER => number::minus;
    "times" "times(number)" "乘" "multiplies" ("v | decimal | times(24)", "2", "48") NUMBER => number::times;
    "over" "over(number, places)" "除，保留几位小数（四舍五入）" "divides, to so many places" ("v | decimal | over(3, 4)", "10", "3.3333") NUMBER => number::over;
    "unit" "unit(\"table\", from, to)" "按单位表换算；from、to 是单位，写文字或表达式" "converts by a table of units" ("v | decimal | unit(\"dose\", \"g\", \"mg\")", "0.5", "500") NUMBER => number::unit;
    "age" "age(\"years\")" "读年龄，得整年、整月或整天（years、months、days）；不能确定则报问题，不推算出生日期" "reads an age in completed years, months or days; never a guess, never a birth date"
        ("v | age(\"months\")", "3岁2月", "38") TEXT => number::age;
    "code" "code(\"map\")" "按本来源的码表对照；首尾的空白不算，只有空白视为没有值" "translates by a code map of this source" ("v | code(\"sex\")", "男", "1") WORD => code::code;
    "lookup" "lookup(\"table\", \"column\")" "按第一列查表，取一列；首尾的空白不算" "a cell of a table of this source, by its first column" ("v | lookup(\"drugs\", \"pack\")", "YP01", "24") WORD => code::lookup;
    "code_of" "code_of(\"domain\")" "值域中的名称化为代码" "the code of a name in a value domain" ("v | code_of(\"gend\")", "男", "1") TEXT => code::code_of;
    "name_of" "name_of(\"domain\")" "值域中的代码化为名称" "the name of a code in a value domain" ("v | name_of(\"gend\")", "1", "男") WORD => code::name_of;
    "boolean" "boolean(\"yes\", \"no\")" "两个词对应是与否" "two words for yes and no" ("v | boolean(\"是\", \"否\")", "是", "y") TEXT => code::boolean;
    "date" "date(\"pattern\", ...)" "按格式依次尝试，得日期" "a date by the first pattern that fits"
        ("v | date(\"yyyy-MM-dd\", \"yyyyMMdd\")", "19680315", "19680315") TEXT => date::date;
    "time" "time(\"pattern\", ...)" "按格式依次尝试，得时间" "a time of day by the first pattern that fits"
        ("v | time(\"HH:mm:ss\")", "09:12:33", "091233") TEXT => date::time;
    "datetime" "datetime(\"pattern\", ...)" "按格式依次尝试，得日期时间（东八区）" "a date and time by the first pattern that fits, in China time"
        ("v | datetime(\"epoch_ms\")", "1715736005000", "20240515092005") TEXT => date::datetime;
    "at" "at(time)" "日期加时间，得日期时间" "a date and a time of day together" ("v | date(\"yyyyMMdd\") | at(\"0912\" | time(\"HHmm\"))", "20240515", "20240515091200") MOMENT => date::at;
    "date_of" "date_of" "日期时间的日期" "the date of a date and time" ("$received_at | date_of", "", "20260102") DATETIME => date::date_of;
    "time_of" "time_of" "日期时间的时间" "the time of a date and time" ("$received_at | time_of", "", "030405") DATETIME => date::time_of;
    "in_zone" "in_zone(\"zone\")" "原值是这个时区的，换算成东八区" "takes the value to be of this zone, gives China time" ("v | datetime(\"yyyyMMddHHmm\") | in_zone(\"+00:00\")", "202405150112", "20240515091200") DATETIME => date::in_zone;
    "sentinel" "sentinel(\"1900-01-01\", ...)" "这些日子视为没有值；不写则为 0001、1753、1900 年元旦、1899-12-30、2999-12-31、3000 年元旦、9999-12-31" "takes these days for no value; without arguments those that programs write for none"
        ("v | date(\"yyyy-MM-dd\") | sentinel | or($received_at | date_of)", "1900-01-01", "20260102") MOMENT => date::sentinel;
    "years_until" "years_until(date)" "到另一个日期满几年" "completed years to another date" ("v | date(\"yyyyMMdd\") | years_until($received_at)", "19680315", "57") MOMENT => date::years_until;
    "days_until" "days_until(date)" "到另一个日期有几天" "days to another date" ("v | date(\"yyyyMMdd\") | days_until($received_at)", "20251231", "2") MOMENT => date::days_until;
    "write" "write(\"pattern\")" "按格式写成文字" "writes a date or time as text" ("$received_at | write(\"yyyy-MM-dd HH:mm\")", "", "2026-01-02 03:04") TIMES => date::write;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::LazyLock;

    use adapters::{Input, Limits, WireFormat};
    use schemas::{Catalog, Files};

    use super::*;
    use crate::code_map::Unknown;
    use crate::compiled::{From, Variable};
    use crate::expression::{Comparison, Source};
    use crate::scene::{Budget, Context, Found, Item, Reading, Scene};

    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
        Catalog::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap()
    });

    /// Compiles expressions without a file around them.
    struct Desk;

    impl Scope for Desk {
        fn written(&self) -> String {
            "v".to_owned()
        }

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

        fn table(&mut self, name: &str) -> Result<Arc<Lookup>, String> {
            assert_eq!(name, "drugs");
            Ok(Arc::new(Lookup::parse("tables/drugs.csv", "code,pack\nYP01,24").unwrap()))
        }

        fn units(&mut self, name: &str) -> Result<Arc<Units>, String> {
            assert_eq!(name, "dose");
            Ok(Arc::new(Units::parse("units/dose.csv", "from,to,factor\ng,mg,1000").unwrap()))
        }

        fn domain(&self, name: &str) -> Result<&ValueDomain, String> {
            CATALOG.domain(name).ok_or_else(|| "there is no such value domain".to_owned())
        }

        fn expression(&mut self, expression: &Expression) -> Option<Compiled> {
            compiled(expression).ok()
        }

        fn condition(&mut self, condition: &Condition) -> Option<CompiledCondition> {
            let Condition::Term(term) = condition else { return None };
            let Comparison::Compare(relation, right) = &term.comparison else { return None };
            let (left, right) = (compiled(&term.expression).ok()?, compiled(right).ok()?);
            Some(CompiledCondition::Compare { left, relation: *relation, right })
        }
    }

    fn compiled(expression: &Expression) -> Result<Compiled, String> {
        let (source, mut kind) = match &expression.source {
            Source::Literal(text) => (From::Literal(text.clone()), Kind::Text),
            Source::Path(path) => (From::Relative(path.clone()), Kind::Text),
            Source::Variable(name) => {
                let (_, it) = Variable::ALL.iter().find(|(it, _)| it == name).unwrap();
                (From::Variable(*it), it.kind())
            }
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
            Err(fault) => fault.told().code.to_owned(),
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
        check("v | age(\"months\")", "56岁", "M208");
        check("v/nothing | required", "x", "M209");
        check("v | lookup(\"drugs\", \"pack\")", "YP99", "M211");
        check("v | decimal | unit(\"dose\", v/nothing, \"mg\")", "1", "M212");
        check("v | decimal | unit(\"dose\", \"mg\", v)", "1", "M212");
        check("v | agrees(\"女\")", "男", "M213");
        check("v | decimal | over(0, 2)", "1", "M214");
        check("v | date(\"yyyyMMdd\") | days_until($received_at)", "20260103", "M215");
        check("v | name_of(\"gend\")", "7", "M203");
    }

    #[test]
    fn absent_passes_through() {
        check("v/nothing | decimal", "1", "absent");
        check("v/nothing | trim | code(\"sex\")", "1", "absent");
        check("v | trim", "　 ", "absent");
        check("v | split(\"^\") | item(3)", "a^b", "absent");
        check("v/nothing | join(\" \", v)", "x", "x");
        check("v/nothing | agrees(v)", "x", "absent");
        check("v | agrees(v/nothing)", "x", "x");
        check("v | decimal | plus(v/nothing | decimal)", "1", "absent");
        check("v | when(v = \"y\")", "x", "absent");
        check("v | after(\"^\")", "a", "absent");
        check("v | strip(\"'\")", "''", "absent");
        check("v | digits", "无", "absent");
        check("v | split(\"^\") | join(\",\")", "a^^b", "a,b");
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
