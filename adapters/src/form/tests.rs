//! Forms in, their fields or a code and a place out.

use super::*;

#[test]
fn fields() {
    check("a=1&b=2", "", "a=1 b=2");
    check("a=1&a=2&b=&c&&d=x=y&", "", "a=1 a=2 b c d=x=y");
    check("name=%E6%9D%8E+%e5%bb%ba&d=50%&e=%G1%4", "", "name=李 建 d=50% e=%G1%4");
    check("姓名=李", "", "姓名=李");
    check("=1", "", "D501 at 0");
    check("a=1&=2", "", "D501 at 4");
    check("a=1&b=x%00", "", "D111 at 4");
}

#[test]
fn half_encoded_json() {
    check(
        "psJSONStr={\"Name\":\"李建国\",\"UseTime\":\"2024-05-15%2009:20:05\",\"F\":\"1%2F1\"}",
        "",
        "psJSONStr={\"Name\":\"李建国\",\"UseTime\":\"2024-05-15 09:20:05\",\"F\":\"1/1\"}",
    );
}

#[test]
fn raw_xml_is_taken_as_it_is() {
    check(
        "charset=utf-8&post_type=1&xml=<root><n>A&amp;B 50%+x=1</n></root>",
        "",
        "charset=utf-8 post_type=1 xml=<root><n>A&amp;B 50%+x=1</n></root>",
    );
    check("xml=<a>&lt;b=1</a> &post_type=1", "", "xml=<a>&lt;b=1</a>  post_type=1");
    check("xml=<a><b/>&lt;c=2</a>", "", "xml=<a><b/>&lt;c=2</a>");
    check("xml=<a>A&b=1</a>&c=2", "", "xml=<a>A&b=1</a> c=2");
    // Encoded XML is decoded like anything else.
    check("xml=%3Ca%3E%26amp%3B%3C%2Fa%3E&b=1", "", "xml=<a>&amp;</a> b=1");
}

#[test]
fn the_encoding_of_all_fields_is_one() {
    let gbk = |name: &str| format!("charset={name}&n=%C0%EE%BD%A8%B9%FA");
    check(&gbk("gbk"), "", "charset=gbk n=李建国 (gb18030)");
    check(&gbk("utf-8"), "", "charset=utf-8 n=李建国 (gb18030 D901)");
    check("n=%C0%EE%BD%A8%B9%FA", "gb2312", "n=李建国 (gb18030)");
    check("n=%D2%A9", "", "n=药 (gb18030)");
    check("a=1&n=%C0%EE%BD%A8%B9", "gbk", "D201 at 4");
    check("a=1&n=%FF&b=2", "", "D201 at 4");
}

#[test]
fn limits() {
    let limits = Limits { nodes_max: 3, text_bytes_max: 5, ..Limits::default() };
    let code = |body: &[u8]| {
        read(body, None, &prepare::NOTHING, &limits, &mut Vec::new()).map_err(|it| it.code())
    };
    assert!(code(b"a=12345&b=1&c=1").is_ok());
    assert_eq!(code(b"a=123456").err(), Some("D108"));
    assert_eq!(code(b"a=1&b=1&c=1&d=1").err(), Some("D106"));
}

/// Escapes are undone as another reader undoes them.
#[test]
fn it_agrees_with_another_reader() {
    let body = "a=%E6%9D%8E+x&b=%25%3d&c=50%&d=%zz&e=1%2B1";
    let theirs: Vec<String> = form_urlencoded::parse(body.as_bytes())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    check(body, "", &theirs.join(" "));
}

#[track_caller]
fn check(body: &str, http: &str, expected: &str) {
    let mut notes = Vec::new();
    let http = (!http.is_empty()).then_some(http);
    let actual =
        match read(body.as_bytes(), http, &prepare::NOTHING, &Limits::default(), &mut notes) {
            Ok((document, decision)) => {
                let mut parts: Vec<String> = document
                    .children(document.root())
                    .map(|id| match document.value(id) {
                        Some(value) => format!("{}={value}", document.name(id)),
                        None => document.name(id).to_owned(),
                    })
                    .collect();
                if decision.chosen != Charset::Utf8 {
                    let codes = notes
                        .iter()
                        .map(|note| format!(" {}", note.code()))
                        .collect::<Vec<_>>()
                        .concat();
                    parts.push(format!("({}{codes})", decision.chosen));
                }
                parts.join(" ")
            }
            Err(error) => format!("{} at {}", error.code(), error.offset().unwrap_or_default()),
        };
    assert_eq!(actual, expected);
}
