//! Reads a document in one pass.
//!
//! RFC 8259, no more and no less. The place of a fault is told by line and column, the content never.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Json, Member};
use crate::hash;

/// Deeper than any message of the interface; keeps hostile input from exhausting the stack.
const DEPTH_MAX: usize = 24;

/// Objects of the interface have up to thirty members. Beyond this a guarded table looks for repeats,
/// so that nobody can make the search among many long.
const COMPARED_MAX: usize = 64;

/// How many bytes stand before the first that has a meaning of its own; eight at a time, since most of
/// a message is texts.
fn length_of_plain(bytes: &[u8]) -> usize {
    let mut words = bytes.chunks_exact(8);
    let mut length = 0;
    for word in &mut words {
        let special = special_in(word.try_into().map_or(0, u64::from_le_bytes));
        if special != 0 {
            return length + special.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
    let rest = words.remainder();
    length + rest.iter().position(special).unwrap_or(rest.len())
}

/// The high bit of the first of eight bytes that is a quote, a backslash or below a blank; bits behind it
/// may be set in error.
fn special_in(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero_in = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let below_blank = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    zero_in(word ^ (ONES * u64::from(b'"')))
        | zero_in(word ^ (ONES * u64::from(b'\\')))
        | below_blank
}

/// Reads the one value that a text holds.
pub(super) fn document(text: &str) -> Result<Json<'_>, String> {
    let mut reader = Reader { text, at: 0 };
    reader
        .value(0)
        .and_then(|value| {
            reader.skip_blanks();
            if reader.at == text.len() { Ok(value) } else { Err(Fault::Form) }
        })
        .map_err(|fault| reader.sentence(&fault))
}

enum Fault {
    Form,
    Depth,
    Repeated,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

type Read<T> = Result<T, Fault>;

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Read<Json<'a>> {
        if depth > DEPTH_MAX {
            return Err(Fault::Depth);
        }
        self.skip_blanks();
        match self.peek() {
            Some(b'"') => self.text().map(Json::Text),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'n') => self.word("null", Json::Null),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Read<Json<'a>> {
        let mut members: Vec<Member<'a>> = Vec::new();
        let mut names = Names::default();
        self.each(b'}', |reader| {
            reader.skip_blanks();
            let name = reader.text()?;
            if names.has(&name, &members) {
                return Err(Fault::Repeated);
            }
            reader.skip_blanks();
            reader.expect(b':')?;
            let value = reader.value(depth + 1)?;
            if members.is_empty() {
                members.reserve(MEMBERS_USUAL);
            }
            members.push((name, value));
            Ok(())
        })?;
        Ok(Json::Object(members))
    }

    fn list(&mut self, depth: usize) -> Read<Json<'a>> {
        let mut items = Vec::new();
        self.each(b']', |reader| {
            items.push(reader.value(depth + 1)?);
            Ok(())
        })?;
        Ok(Json::List(items))
    }

    /// What stands between an opening and its closing bracket, with commas between.
    fn each(&mut self, close: u8, mut read: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.at += 1;
        self.skip_blanks();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            read(self)?;
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => break,
                _ => return Err(Fault::Form),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// A text; its own place in the message unless it holds an escape.
    fn text(&mut self) -> Read<Cow<'a, str>> {
        self.expect(b'"')?;
        let plain = self.plain();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut unescaped = plain.to_owned();
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => unescaped.push(self.escape()?),
                _ => return Err(Fault::Form),
            }
            unescaped.push_str(self.plain());
        }
        self.at += 1;
        Ok(Cow::Owned(unescaped))
    }

    /// As far as nothing has a meaning of its own. Those bytes are never part of a longer character.
    fn plain(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = length_of_plain(rest.as_bytes());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn escape(&mut self) -> Read<char> {
        self.at += 1;
        let letter = self.peek().ok_or(Fault::Form)?;
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => {
                self.at -= 1;
                return Err(Fault::Form);
            }
        })
    }

    /// `\u4e2d`, or two halves of one character beyond the first 65,536.
    fn unicode(&mut self) -> Read<char> {
        let first = self.four_digits()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).ok_or(Fault::Form);
        }
        self.expect(b'\\')?;
        self.expect(b'u')?;
        let second = self.four_digits()?;
        let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400).ok_or(Fault::Form)?;
        char::from_u32(0x1_0000 + ((first - 0xD800) << 10 | low)).ok_or(Fault::Form)
    }

    fn four_digits(&mut self) -> Read<u32> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Fault::Form)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Fault::Form);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| Fault::Form)
    }

    /// The digits as they were sent.
    fn number(&mut self) -> Read<Json<'a>> {
        let begins = self.at;
        self.skip(|byte| byte == b'-', 1);
        let leads_with_zero = self.peek() == Some(b'0');
        if self.digits()? > 1 && leads_with_zero {
            return Err(Fault::Form);
        }
        if self.skip(|byte| byte == b'.', 1) == 1 {
            self.digits()?;
        }
        if self.skip(|byte| matches!(byte, b'e' | b'E'), 1) == 1 {
            self.skip(|byte| matches!(byte, b'+' | b'-'), 1);
            self.digits()?;
        }
        let digits = self.text.get(begins..self.at).unwrap_or_default();
        Ok(Json::Number(Cow::Borrowed(digits)))
    }

    fn digits(&mut self) -> Read<usize> {
        match self.skip(|byte| byte.is_ascii_digit(), usize::MAX) {
            0 => Err(Fault::Form),
            many => Ok(many),
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Read<Json<'a>> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(Fault::Form);
        }
        self.at += word.len();
        Ok(value)
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.peek() != Some(byte) {
            return Err(Fault::Form);
        }
        self.at += 1;
        Ok(())
    }

    fn skip_blanks(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r'), usize::MAX);
    }

    /// Passes bytes of a kind, and says how many.
    fn skip(&mut self, is_kind: impl Fn(u8) -> bool, max: usize) -> usize {
        let begins = self.at;
        while self.at - begins < max && self.peek().is_some_and(&is_kind) {
            self.at += 1;
        }
        self.at - begins
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn sentence(&self, fault: &Fault) -> String {
        match fault {
            Fault::Depth => format!("嵌套超过{DEPTH_MAX}层"),
            Fault::Repeated => "同一个对象里有两个同名元素，无法判断以哪个为准".to_owned(),
            Fault::Form => {
                let before = self.text.get(..self.at).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                format!("第{line}行第{column}列不是JSON")
            }
        }
    }
}

/// Where there is one member there are as many as this, as a rule.
const MEMBERS_USUAL: usize = 16;

/// The names of an object so far. A bit that nobody has set before is a name that nobody had before.
#[derive(Default)]
struct Names {
    bits: u64,
    many: HashSet<String>,
}

impl Names {
    /// Whether a name was there before; from now on it was.
    fn has(&mut self, name: &str, members: &[Member<'_>]) -> bool {
        if members.len() >= COMPARED_MAX {
            if self.many.is_empty() {
                self.many = members.iter().map(|(name, _)| name.clone().into_owned()).collect();
            }
            return !self.many.insert(name.to_owned());
        }
        let bit = hash::bit(name);
        let may_be_there = self.bits & bit != 0;
        self.bits |= bit;
        may_be_there && members.iter().any(|(member, _)| member == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        check("0.1", r#"Number("0.1")"#);
        check("1790000000000000123", r#"Number("1790000000000000123")"#);
        check("[1.50, \"1.50\"]", r#"List([Number("1.50"), Text("1.50")])"#);
        check("-0.50e+10", r#"Number("-0.50e+10")"#);
    }

    #[test]
    fn texts_with_and_without_escapes() {
        check(r#""剂量""#, r#"Text("剂量")"#);
        check(r#""a\"\\\/\n剂\u91cf\ud83d\ude00z""#, r#"Text("a\"\\/\n剂量😀z")"#);
        check(r#"{"剂\u91cf":null}"#, r#"Object([("剂量", Null)])"#);
        check(" { } ", "Object([])");
    }

    /// Every byte in every place of a word and behind it, beside letters of two and three bytes.
    #[test]
    fn eight_bytes_at_a_time_are_as_one_by_one() {
        let special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                let mut bytes = "é药x!éé药药aé".as_bytes().to_vec();
                bytes.insert(at, byte);
                let expected = bytes.iter().position(special).unwrap_or(bytes.len());
                assert_eq!(length_of_plain(&bytes), expected, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn what_cannot_be_trusted_is_refused() {
        let repeated = "同一个对象里有两个同名元素，无法判断以哪个为准";
        check(r#"{"a":1,"a":2}"#, repeated);
        check(r#"{"a":1,"\u0061":2}"#, repeated);
        let many: Vec<_> = (0..200).map(|at| format!("\"{at}\":1")).collect();
        check(&format!("{{{},\"7\":1}}", many.join(",")), repeated);
        check(&format!("{{{},\"199\":1}}", many.join(",")), repeated);
        assert!(document(&format!("{{{}}}", many.join(","))).is_ok());
        check(&"[".repeat(100_000), "嵌套超过24层");
        let deep = format!("{}{}", "[".repeat(60), "]".repeat(60));
        check(&deep, "嵌套超过24层");
    }

    #[test]
    fn faults_are_told_by_line_and_column() {
        for (text, place) in [
            ("", "第1行第1列"),
            ("{\"a\":NaN}", "第1行第6列"),
            ("{\"剂量\":\n x}", "第2行第2列"),
            ("{\"a\":1,}", "第1行第8列"),
            ("[1 2]", "第1行第4列"),
            ("01", "第1行第3列"),
            ("1.", "第1行第3列"),
            ("-", "第1行第2列"),
            ("1e", "第1行第3列"),
            ("tru", "第1行第1列"),
            ("\"a", "第1行第3列"),
            ("\"a\nb\"", "第1行第3列"),
            (r#""\x""#, "第1行第3列"),
            (r#""\ud83d""#, "第1行第8列"),
            (r#""\ud83dx""#, "第1行第8列"),
            (r#""\ud83d\u0041""#, "第1行第14列"),
            (r#""\udc00""#, "第1行第8列"),
            (r#""\u00g0""#, "第1行第4列"),
            ("{} {}", "第1行第4列"),
            ("{a:1}", "第1行第2列"),
        ] {
            check(text, &format!("{place}不是JSON"));
        }
    }

    /// A reader of others and this one find the same to be JSON, names that repeat apart.
    #[test]
    fn it_reads_what_others_read() {
        let whole = r#" {"a":[1,-2.5e3,{"b":"c\n","d":[]}],"e":null,"f":true,"g":"\u4e2d文"} "#;
        let mut broken: Vec<String> = (0..whole.len())
            .filter(|at| whole.is_char_boundary(*at))
            .flat_map(|at| {
                let (before, behind) = whole.split_at(at);
                let rest: String = behind.chars().skip(1).collect();
                let inserted = ["", "\"", "{", "]", ",", "0", "\\", "-", "e", "."];
                inserted.map(|letter| format!("{before}{letter}{rest}"))
            })
            .collect();
        broken.push(whole.to_owned());
        for text in broken {
            let theirs = serde_json::from_str::<serde_json::Value>(&text).ok();
            let ours = document(&text);
            if !ours.as_ref().is_err_and(|sentence| sentence.starts_with("同一个")) {
                assert_eq!(ours.is_ok(), theirs.is_some(), "{text}");
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let actual = match document(text) {
            Ok(json) => format!("{json:?}"),
            Err(sentence) => sentence,
        };
        assert_eq!(actual, expected);
    }
}
