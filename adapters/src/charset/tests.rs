//! Which encoding is chosen, and why; what is refused, and where.

use super::*;

#[test]
fn what_was_declared_is_believed_when_every_byte_agrees() {
    check(
        &utf8("<a>李建国</a>"),
        "utf-8",
        "<a>李建国</a> utf-8 (declared by HTTP; declared utf-8)",
    );
    check(&gbk("<a>李建国</a>"), "GBK", "<a>李建国</a> gb18030 (declared by HTTP; declared gbk)");
    check(&gbk("<a>镕</a>"), "gb2312", "<a>镕</a> gb18030 (declared by HTTP; declared gb2312)");
    check(&gbk("<a>㎎𠀀</a>"), "hz", "<a>㎎𠀀</a> gb18030 (declared by HTTP; declared hz)");
    check(b"<a>CF1</a>", "gbk", "<a>CF1</a> gb18030 (declared by HTTP; declared gbk)");
    check(
        &gbk("<?xml version='1.0' encoding = 'GB2312' standalong=\"yes\"?><a>药</a>"),
        "",
        "<?xml version='1.0' encoding = 'GB2312' standalong=\"yes\"?><a>药</a> \
         gb18030 (declared by XML; declared gb2312)",
    );
    check(b"<a>\xC2\xE5\xB0\x7C</a>", "big5", "<a>醫院</a> Big5 (declared by HTTP; declared big5)");
}

/// MSH-18, by the names that HL7 has for encodings.
#[test]
fn hl7_declares_in_its_header() {
    let message = |charset: &str| format!("MSH|^~\\&|李|||||||||||||||{charset}|zh");
    let declared = |charset: &str, decision: &str| format!("{} {decision}", message(charset));
    check(
        &gbk(&message("GB 18030-2000")),
        "",
        &declared("GB 18030-2000", "gb18030 (declared by HL7; declared gb 18030-2000)"),
    );
    check(
        &utf8(&message("UNICODE UTF-8")),
        "",
        &declared("UNICODE UTF-8", "utf-8 (declared by HL7; declared unicode utf-8)"),
    );
    check(
        &utf8(&message("~UNICODE")),
        "",
        &declared("~UNICODE", "utf-8 (not valid as declared; declared unicode) D901"),
    );
}

#[test]
fn undeclared_text_shows_its_encoding() {
    check(&utf8("{\"a\":\"药\"}"), "", "{\"a\":\"药\"} utf-8 (valid, nothing declared)");
    check(
        &gbk("[\"盐酸二甲双胍片\"]"),
        "",
        "[\"盐酸二甲双胍片\"] gb18030 (valid, nothing declared)",
    );
    check(b"<a/>", "", "<a/> utf-8 (valid, nothing declared)");
    // D2 A9 is 药 in GBK and a Cyrillic letter in UTF-8.
    check(&gbk("<a>药</a>"), "", "<a>药</a> gb18030 (reads as Chinese only so)");
    check(&utf8("<a>5℃</a>"), "", "<a>5℃</a> utf-8 (valid, nothing declared)");
    check(&utf8("<a>5μg</a>"), "", "<a>5μg</a> utf-8 (valid, nothing declared)");
    // Not Chinese, but not GB2312 either.
    check(&utf8("<a>À</a>"), "", "<a>À</a> utf-8 (valid, nothing declared)");
}

#[test]
fn a_wrong_declaration_is_noted_and_does_no_harm() {
    check(
        &utf8("<?xml version=\"1.0\" encoding=\"gb2312\"?><a>李建国</a>"),
        "",
        "<?xml version=\"1.0\" encoding=\"gb2312\"?><a>李建国</a> \
         utf-8 (reads as Chinese only so; declared gb2312) D901",
    );
    // Twelve bytes, so every two of them are a character in GBK too.
    check(
        &utf8("<a>阿司匹林</a>"),
        "gbk",
        "<a>阿司匹林</a> utf-8 (reads as Chinese only so; declared gbk) D901",
    );
    check(
        &gbk("<a>李建国</a>"),
        "utf-8",
        "<a>李建国</a> gb18030 (not valid as declared; declared utf-8) D901",
    );
    check(
        &gbk("<?xml version='1.0' encoding='gbk'?><a>国</a>"),
        "utf-8",
        "<?xml version='1.0' encoding='gbk'?><a>国</a> \
         gb18030 (declared by XML; declared utf-8) D901",
    );
    check(
        &utf8("<?xml version='1.0' encoding='utf-16'?><a>国</a>"),
        "",
        "<?xml version='1.0' encoding='utf-16'?><a>国</a> \
         utf-8 (not valid as declared; declared utf-16) D901",
    );
    check(b"<a/>", "iso-8859-1", "<a/> utf-8 (valid, nothing declared; declared iso-8859-1)");
    check(
        &gbk("<a>李建国</a>"),
        "ISO-8859-1",
        "<a>李建国</a> gb18030 (not valid as declared; declared iso-8859-1) D901",
    );
    check(
        b"<a>caf\xE9</a>",
        "ISO-8859-1",
        "<a>café</a> windows-1252 (declared by HTTP; declared iso-8859-1)",
    );
    check(
        &gbk("<a>李建国</a>"),
        "chinese-simplified",
        "<a>李建国</a> gb18030 (valid, nothing declared; declared chinese-simplified) D902",
    );
    check(
        &utf8("<a>李</a>"),
        "李 建 国",
        "<a>李</a> utf-8 (valid, nothing declared; declared (not a label)) D902",
    );
}

#[test]
fn the_byte_order_mark_wins() {
    let utf16 = |text: &str, mark: [u8; 2], turn: fn(u16) -> [u8; 2]| {
        mark.into_iter().chain(text.encode_utf16().flat_map(turn)).collect::<Vec<u8>>()
    };
    let text = "<?xml version='1.0' encoding='utf-8'?><a>李</a>";
    let little = utf16(text, [0xFF, 0xFE], u16::to_le_bytes);
    let big = utf16(text, [0xFE, 0xFF], u16::to_be_bytes);
    check(&little, "utf-8", &format!("{text} utf-16le (byte order mark; declared utf-8)"));
    check(&big, "", &format!("{text} utf-16be (byte order mark)"));
    check(
        little.get(2..).unwrap_or_default(),
        "",
        &format!("{text} utf-16le (NUL beside the first character)"),
    );
    check(
        big.get(2..).unwrap_or_default(),
        "",
        &format!("{text} utf-16be (NUL beside the first character)"),
    );
    check(
        b"\xEF\xBB\xBF<a>\xE6\x9D\x8E</a>",
        "gbk",
        "<a>李</a> utf-8 (byte order mark; declared gbk)",
    );
    check(b"\xEF\xBB\xBF<a>\xC0\xEE</a>", "gbk", "D201 at 6");
    check(b"\xFF\xFE<\0a", "", "D202 at 4");
}

#[test]
fn what_nothing_can_read_is_refused_with_its_place() {
    // Cut off inside 国.
    check(b"<?xml version='1.0' encoding='GBK'?><a>\xC0\xEE\xBD\xA8\xB9", "", "D202 at 43");
    check(b"<a>\xE6\x9D\x8E\xE5\xBB", "utf-8", "D202 at 6");
    check(b"<a>\xFF</a>", "utf-8", "D201 at 3");
    check(b"<a>\xE6\x9D\x8E\xE5\xBB\xBA\xED\xA0\x80</a>", "utf-8", "D203 at 9 and 3");
    check(b"<a>\xE6\x9D\x8E\xE5\xBB\xBA\xC0\xAF</a>", "", "D203 at 9 and 3");
}

#[test]
fn two_encodings_in_one_body_are_refused() {
    let mixed = |first: &[u8], second: &[u8]| [b"<a>", first, b"</a><b>", second, b"</b>"].concat();
    let (aspirin, name) = ("阿司匹林", "李建国");
    check(&mixed(&utf8(aspirin), &gbk(name)), "utf-8", "D203 at 22 and 3");
    check(&mixed(&gbk(name), &utf8(aspirin)), "gbk", "D203 at 16 and 3");
    check(&mixed(&gbk(name), &utf8(aspirin)), "", "D203 at 16 and 3");
    // Rare hanzi of GBK among ordinary ones are no second encoding.
    check(
        &mixed(&gbk("镕喆堃"), &gbk(name)),
        "gbk",
        "<a>镕喆堃</a><b>李建国</b> gb18030 (declared by HTTP; declared gbk)",
    );
}

#[test]
fn damage_done_before_is_told() {
    check(
        &utf8("<a>æ\u{9d}\u{8e}å»ºå\u{9b}½</a>"),
        "utf-8",
        "<a>æ\u{9d}\u{8e}å»ºå\u{9b}½</a> utf-8 (declared by HTTP; declared utf-8) D903",
    );
    check(
        &utf8("<a>李\u{FFFD}</a>"),
        "utf-8",
        "<a>李\u{FFFD}</a> utf-8 (declared by HTTP; declared utf-8) D904",
    );
    // One accented letter, and one beside Chinese, are not suspicious.
    check(
        &utf8("<a>Müller</a>"),
        "utf-8",
        "<a>Müller</a> utf-8 (declared by HTTP; declared utf-8)",
    );
    check(&utf8("<a>李°±</a>"), "utf-8", "<a>李°±</a> utf-8 (declared by HTTP; declared utf-8)");
}

#[test]
fn places_are_those_of_the_bytes_that_were_sent() {
    let body = gbk("<a>李建国</a>");
    let (text, decision) = decode(&body, Declared::default(), &mut Vec::new())
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(text.find("</a>"), Some(12));
    assert_eq!(decision.offset_in_body("<a>李建国"), 9);
}

fn utf8(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// Every text of these tests is in GB18030, so nothing is replaced.
#[allow(clippy::disallowed_methods)]
fn gbk(text: &str) -> Vec<u8> {
    GB18030.encode(text).0.into_owned()
}

#[track_caller]
fn check(bytes: &[u8], http: &str, expected: &str) {
    let declared = Declared { http: (!http.is_empty()).then_some(http), form: None };
    let mut notes = Vec::new();
    let actual = match decode(bytes, declared, &mut notes) {
        Ok((text, decision)) => {
            let codes: Vec<_> = notes.iter().map(|note| format!(" {}", note.code())).collect();
            format!("{text} {decision}{}", codes.concat())
        }
        Err(error) => {
            let related = error.related().map(|at| format!(" and {at}")).unwrap_or_default();
            format!("{} at {}{related}", error.code(), error.offset().unwrap_or_default())
        }
    };
    assert_eq!(actual, expected);
}
