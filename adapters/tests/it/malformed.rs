//! Bad inputs, most of them seen in hospitals, and what is said about each.

use adapters::{Inner::Json, Inner::Xml, Input, Limits, WireFormat, decode, open};

use super::{check, gbk, picture};

const SOAP11: &str = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">";

#[test]
fn cut_and_mixed_bytes() {
    // m01
    let cut = [gbk("<?xml version=\"1.0\" encoding=\"GBK\"?><a>李建").as_slice(), b"\xB9"].concat();
    check(&cut, "", &[], "D202 at 43");
    // m10
    check(b"<a>\xE6\x9D</a><b>\xFF</b>", "text/xml; charset=utf-8", &[], "D201 at 3");
    check(b"<a>\xE6\x9D\x8E\xE5\xBB\xBA\xC0\xAF</a>", "", &[], "D203 at 9 and 3");
    check(b"<a>\xE6\x9D\x8E\xE5\xBB\xBA\xED\xA0\x80</a>", "", &[], "D203 at 9 and 3");
    // m18
    let mixed = ["<a>阿司匹林</a><b>".as_bytes(), &gbk("李建国"), b"</b>"].concat();
    check(&mixed, "text/xml; charset=utf-8", &[], "D203 at 22 and 3");
}

#[test]
fn documents_that_attack_their_reader() {
    // m02, m03, m04, m06
    check(
        b"<!DOCTYPE p [<!ENTITY a0 \"x\"><!ENTITY a1 \"&a0;&a0;\">]><p>&a1;</p>",
        "",
        &[],
        "D301 at 0",
    );
    check(
        b"<!DOCTYPE p [<!ENTITY x SYSTEM \"file:///etc/hostname\">]><p>&x;</p>",
        "",
        &[],
        "D301 at 0",
    );
    check(b"<!DOCTYPE p SYSTEM \"http://127.0.0.1/x.dtd\" [%x;]><p/>", "", &[], "D301 at 0");
    // m05
    check(
        b"<a>&lt;!DOCTYPE p [&lt;!ENTITY x SYSTEM 'file:///etc/hostname'>]>&lt;p>&amp;x;&lt;/p></a>",
        "",
        &[("a", Xml)],
        "a: D301 at 0",
    );
    // m07, m08
    check("<a>".repeat(100_000).as_bytes(), "", &[], "D107 at 300");
    check("[".repeat(100_000).as_bytes(), "", &[], "D107 at 100");
    check("{\"a\":".repeat(100_000).as_bytes(), "", &[], "D107 at 500");
}

#[test]
fn json_that_is_none() {
    // m09
    check(b"{\"recipeNo\":\"CF1\",\"recipeNo\":\"CF2\"}", "", &[], "D403 at 18 and 1");
    // m11
    check(b"{\"name\":\"\\ud83d\"}", "", &[], "D405 at 9");
    // m15
    check(b"{\"id\":\"CF1\\u0000\"}", "", &[], "D406 at 10");
    // m32
    check(b"{'id':1}", "", &[], "D411 at 1");
    check(b"{\"n\":01}", "", &[], "D408 at 5");
    check(b"{\"n\":NaN}", "", &[], "D413 at 5");
    check(b"{\"n\":\"a\nb\"}", "", &[], "D407 at 7");
    check(b"{\"n\":[1,]}", "", &[], "D412 at 7");
    check(b"{\"n\":1};", "", &[], "D409 at 7");
    // The place is that of the bytes that were sent: four bytes of GBK before it.
    check(&gbk("{\"a\":\"李建\",b:1}"), "", &[], "D413 at 12");
    check(b"{\"a\":\"{'b':1}\"}", "", &[("a", Json)], "a: D411 at 1");
}

#[test]
fn numbers_without_bounds() {
    // m13
    let (digits, decimals) = ("9".repeat(400), "1".repeat(5000));
    check(
        format!("{{\"a\":1e400,\"b\":{digits},\"c\":0.{decimals},\"d\":-0,\"e\":1E-400}}")
            .as_bytes(),
        "",
        &[],
        &format!("json utf-8\na = 1e400\nb = {digits}\nc = 0.{decimals}\nd = -0\ne = 1E-400"),
    );
}

#[test]
fn characters_that_text_must_not_hold() {
    // m12
    check(b"<a>&#xD800;</a>", "", &[], "D303 at 3");
    check(b"<a>&#xFFFE;</a>", "", &[], "D303 at 3");
    check(b"<a>&#0;</a>", "", &[], "D303 at 3");
    // m14
    check(b"<a>CF1\0</a>\0\0", "", &[], "D111 at 6");
    check(b"<a>CF1</a>\0\0", "", &[], "xml utf-8 D906\na = CF1");
    check(b"{\"a\":1}\r\n\0", "", &[], "json utf-8 D906\na = 1");
    check(b"a=1\0", "", &[], "form utf-8 D906\na = 1");
    // m30
    check("<a>阿\u{1}司</a>".as_bytes(), "", &[], "D111 at 6");
    check("<a>阿\u{B}</a>".as_bytes(), "", &[], "D111 at 6");
    check(&gbk("<?xml version='1.0' encoding='gbk'?><a>阿\u{1}</a>"), "", &[], "D111 at 41");
}

#[test]
fn declarations_that_are_wrong() {
    // m16
    check(
        "<?xml version=\"1.0\" encoding=\"gb2312\"?><a>李建</a>".as_bytes(),
        "",
        &[],
        "xml utf-8 D901\na = 李建",
    );
    // m17
    let wide: Vec<u8> = "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\"?><a>李</a>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    check(&wide, "text/xml; charset=utf-8", &[], "xml utf-16le\na = 李");
    // m19
    check(
        "<a>æ\u{9d}\u{8e}å»ºå\u{9b}½</a>".as_bytes(),
        "",
        &[],
        "xml utf-8 D903\na = æ\\u{9d}\\u{8e}å»ºå\\u{9b}½",
    );
    // m20
    check(
        &gbk("<?xml version='1.0' encoding='chs'?><a>李</a>"),
        "",
        &[],
        "xml gb18030 D902\na = 李",
    );
}

#[test]
fn envelopes() {
    let soap = |rest: &str| format!("{SOAP11}{rest}</s:Envelope>");
    // m21
    check(
        soap("<t:Body xmlns:t=\"http://www.w3.org/2003/05/soap-envelope\"><Call/></t:Body>")
            .as_bytes(),
        "",
        &[],
        "D602 at 64",
    );
    // m22
    check(soap("<s:Body><x:Call/></s:Body>").as_bytes(), "", &[], "D310 at 72");
    // m23
    let header = |attributes: &str| {
        soap(&format!(
            "<s:Header><x:N xmlns:x=\"urn:x\" {attributes}/></s:Header><s:Body><C/></s:Body>"
        ))
    };
    check(header("s:mustUnderstand=\"1\"").as_bytes(), "", &[], "D603 at 74");
    check(header("s:mustUnderstand=\"0\"").as_bytes(), "", &[], "soap utf-8 1.1 {}C");
    check(header("mustUnderstand=\"1\"").as_bytes(), "", &[], "soap utf-8 1.1 {}C");
    check(
        header("s:mustUnderstand=\"1\" s:actor=\"urn:proxy\"").as_bytes(),
        "",
        &[],
        "soap utf-8 1.1 {}C",
    );
    check(
        header("s:mustUnderstand=\"1\" s:actor=\"http://schemas.xmlsoap.org/soap/actor/next\"")
            .as_bytes(),
        "",
        &[],
        "D603 at 74",
    );
    // m26
    check(soap("<s:Header/><s:Body/>").as_bytes(), "", &[], "D604 at 75");
    check(soap("").as_bytes(), "", &[], "D604 at 0");
    check(soap("<s:Body>text</s:Body>").as_bytes(), "", &[], "D604 at 64");
    // Beside them: no envelope where there should be one, and one of no known version.
    assert_eq!(picture(b"<a/>", WireFormat::Soap, "", &[]), "D601 at 0");
    let unknown = b"<Envelope xmlns=\"urn:x\"><Body/></Envelope>";
    assert_eq!(picture(unknown, WireFormat::Soap, "", &[]), "D602 at 0");
    check(unknown, "", &[], "xml utf-8\nEnvelope\n  Body");
}

#[test]
fn empty_bodies() {
    // m24, m25
    for empty in
        [&b""[..], b" \r\n\t", b"\xEF\xBB\xBF", b"\xEF\xBB\xBF \n", b"\xFF\xFE \0", b"\0\0"]
    {
        check(empty, "text/xml", &[], "D101");
    }
}

#[test]
fn xml_built_from_strings() {
    // m27
    check(b"<a>1</a><b>2</b>", "", &[], "D309 at 8");
    // m28
    check(b"<a>A & B</a>", "", &[], "D304 at 5");
    check(b"\xEF\xBB\xBF<a>A & B</a>", "", &[], "D304 at 8");
    check("<a>血钾<3.5</a>".as_bytes(), "", &[], "D305 at 9");
    // m29
    check(b"<l><item><v>7.1</v><item><v>3</v></item></l>", "", &[], "D306 at 40 and 3");
    check(b"<l><item><v>7.1</v>", "", &[], "D307 at 19 and 3");
    // m31
    check(b"<a><![CDATA[<n><![CDATA[x]]></n>]]></a>", "", &[], "D314 at 25 and 3");
}

#[test]
fn content_types() {
    // m37, m38
    let literal = "Content-Type";
    check(b"<a/>", literal, &[], "xml utf-8\na");
    for fine in ["text/plain", "text/html", "application/as-xml", "application/octet-stream", ";;"]
    {
        check(b"<a/>", fine, &[], "xml utf-8\na");
    }
    check(b"--x\r\n\r\n<a/>", "multipart/related; boundary=x", &[], "D103");
    check(b"<a/>", "image/png", &[], "D103");
    check(b"PK\x03\x04\xFF\xFF", "application/octet-stream", &[], "D103");
    check(b"%PDF-1.4", "", &[], "D105 at 0");
}

#[test]
fn formats_that_do_not_fit_the_channel() {
    assert_eq!(picture(b"{\"a\":1}", WireFormat::Xml, "", &[]), "D104 at 0");
    assert_eq!(picture(b"<a/>", WireFormat::Json, "", &[]), "D104 at 0");
    assert_eq!(picture(b"<a/>", WireFormat::Form, "", &[]), "D104 at 0");
    assert_eq!(picture(b"12", WireFormat::Json, "", &[]), "D410 at 0");
    let envelope = format!("{SOAP11}<s:Body><C/></s:Body></s:Envelope>");
    let as_xml = picture(envelope.as_bytes(), WireFormat::Xml, "", &[]);
    assert_eq!(as_xml, "xml utf-8\nEnvelope\n  Body\n    C\n");
}

#[test]
fn bodies_over_the_limit() {
    let limits = Limits { body_bytes_max: 10, ..Limits::default() };
    let input = Input::new(b"<a>12345</a>", WireFormat::Auto, None);
    let error = decode(&input, &limits).map(|_| ()).map_err(|error| error.message());
    assert_eq!(
        error,
        Err("报文超过大小上限（上限 10）。请分批发送，或请管理员调大该通道的报文大小上限。"
            .to_owned())
    );
}

/// Readers that know their format themselves get the text alone, under the same rules.
#[test]
fn text_alone() {
    let limits = Limits { body_bytes_max: 20, ..Limits::default() };
    let text = |bytes: &[u8], content_type: &str| {
        adapters::text(bytes, Some(content_type), &limits).map_err(|error| error.code())
    };
    assert_eq!(
        text(&gbk("{\"a\":\"李建\"}"), "application/json"),
        Ok("{\"a\":\"李建\"}".to_owned())
    );
    assert_eq!(text(b"{\"a\":\"\xFF\"}", "application/json"), Err("D201"));
    assert_eq!(text(b" ", ""), Err("D101"));
    assert_eq!(text(&[b'x'; 21], ""), Err("D102"));
    assert_eq!(text(b"x", "image/png"), Err("D103"));
}

#[test]
fn a_field_that_cannot_be_opened_leaves_the_document_as_it_was() {
    let body = "<a><b>&lt;x>&lt;y>1&lt;/y>&lt;/z></b><c>2</c><d> </d><e/></a>";
    let input = Input::new(body.as_bytes(), WireFormat::Auto, None);
    let mut decoded = decode(&input, &Limits::default()).unwrap();
    let before = super::dump(&decoded.document);
    let root = decoded.document.children(decoded.document.root()).next().unwrap();
    let fields: Vec<_> = decoded.document.children(root).collect();
    let mut said = Vec::new();
    for field in fields {
        let opened = open(&mut decoded.document, field, &Xml.into(), &Limits::default());
        said.push(opened.map_or_else(|error| error.to_string(), |()| "nothing to open".to_owned()));
    }
    assert_eq!(
        said,
        [
            "D306: an end tag that does not close the element that is open, at byte 11 (line 1, \
             column 12), see also byte 0, inside the field at byte 3",
            "D316: there is no root element, at byte 0 (line 1, column 1), inside the field at \
             byte 37",
            "nothing to open",
            "nothing to open",
        ]
    );
    assert_eq!(super::dump(&decoded.document), before);
}

/// Whatever a message holds, what is said about it holds none of it.
#[test]
fn no_fault_repeats_the_message() {
    let canary = "李建国13800000000";
    let bodies = [
        format!("<a><{canary}></a>"),
        format!("<a>&{canary};</a>"),
        format!("<a {canary}></a>"),
        format!("<{canary}:a/>"),
        format!("<?xml version='1.0' encoding='{canary}'?><a>\u{1}</a>"),
        format!("{{\"{canary}\":1,\"{canary}\":2}}"),
        format!("{{\"a\":{canary}}}"),
        format!("[\"{canary}"),
        format!("={canary}"),
        canary.to_owned(),
    ];
    for body in bodies {
        let input = Input::new(body.as_bytes(), WireFormat::Auto, None);
        let error = decode(&input, &Limits::default()).unwrap_err();
        let said = format!("{error} {} {error:?}", error.message());
        assert!(!said.contains("李") && !said.contains("13800"), "{body}: {said}");
    }
}
