//! HL7 v2 as hospitals send it: what becomes of it, and what is refused.

use adapters::{Inner, WireFormat};

use super::{check, gbk, picture};

/// Framed, GBK, repetitions, components, and codes in Chinese.
#[test]
fn a_patient_in_a_frame() {
    check(
        &gbk(
            "\u{B}MSH|^~\\&|HIS|||||||||||||||GB2312\rPID|1||P1^^^HIS^PI~C9||李建国^LIJIANGUO\r\u{1C}\r",
        ),
        "",
        &[],
        "\
hl7 gb18030
MSH
  1
    1 = |
  2
    1 = ^~\\\\&
  3
    1 = HIS
  4
  5
  6
  7
  8
  9
  10
  11
  12
  13
  14
  15
  16
  17
  18
    1 = GB2312
PID
  1
    1 = 1
  2
  3
    1 = P1
    2
    3
    4 = HIS
    5 = PI
  3
    1 = C9
  4
  5
    1 = 李建国
    2 = LIJIANGUO",
    );
}

/// A field and its first component and sub-component read the same; an empty one says nothing, and
/// two quotes take back what was known.
#[test]
fn values_stand_at_every_level() {
    let body = b"MSH|^~\\&\nORC|5&mg^QD|\"\"|^x|&y\n";
    let decoded = adapters::decode(
        &adapters::Input::new(body, WireFormat::Auto, None),
        &adapters::Limits::default(),
    )
    .expect("it is well formed");
    let document = &decoded.document;
    let said = |path: &str| match super::at_path(document, path).first() {
        None => "absent".to_owned(),
        Some(node) => format!("{:?}", document.content(*node)),
    };
    for (path, expected) in [
        ("ORC/1", "Value(\"5\")"),
        ("ORC/1/1", "Value(\"5\")"),
        ("ORC/1/1/1", "Value(\"5\")"),
        ("ORC/1/1/2", "Value(\"mg\")"),
        ("ORC/1/2", "Value(\"QD\")"),
        ("ORC/1/2/1", "absent"),
        ("ORC/2", "Null"),
        ("ORC/2/1", "Null"),
        ("ORC/3", "Empty"),
        ("ORC/3/1", "Empty"),
        ("ORC/3/2", "Value(\"x\")"),
        ("ORC/4/1", "Empty"),
        ("ORC/4/1/2", "Value(\"y\")"),
        ("ORC/5", "absent"),
        ("MSH/1", "Value(\"|\")"),
    ] {
        assert_eq!(said(path), expected, "{path}");
    }
}

/// Segments end in any way, delimiters are those of the header, NULs may trail, and what is escaped
/// comes back as text.
#[test]
fn punctuation_is_the_senders_own() {
    let tree = "hl7 utf-8\nMSH\n  1\n    1 = |\n  2\n    1 = ^~\\\\&\nNTE\n  1\n    1 = a|b\\nc";
    for end in ["\r", "\n", "\r\n", "\r\r\n"] {
        let body = format!("MSH|^~\\&{end}NTE|a\\F\\b\\.br\\c{end}");
        check(body.as_bytes(), "", &[], tree);
    }
    check(
        b"MSH#*@!%#a*b@c\rZ01#!T!%#d\0\0",
        "",
        &[],
        "hl7 utf-8 D906\nMSH\n  1\n    1 = #\n  2\n    1 = *@!%\n  3\n    1 = a\n    2 = b\n  3\n    1 = c\n\
         Z01\n  1\n    1\n      1 = %\n      2\n  2\n    1 = d",
    );
}

/// In a parameter of a SOAP call, where the parser has made line feeds of the ends.
#[test]
fn hl7_in_a_field() {
    check(
        b"<a>MSH|^~\\&amp;|HIS&#xD;PID|1\n</a>",
        "",
        &[("a", Inner::Hl7)],
        "\
xml utf-8
a
  MSH
    1
      1 = |
    2
      1 = ^~\\\\&
    3
      1 = HIS
  PID
    1
      1 = 1",
    );
    check(b"<a>PID|1</a>", "", &[("a", Inner::Hl7)], "a: D801 at 0");
}

/// The segments stand beside the parameters: the paths of a mapping are those of MLLP.
#[test]
fn a_parameter_of_a_call_that_is_a_message() {
    let call = |parameters: &str| {
        format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
             <Send xmlns=\"urn:his\">{parameters}</Send></s:Body></s:Envelope>"
        )
    };
    let body = call("<b t=\"s\"><![CDATA[\nMSH|^~\\&|HIS\nPID|1\n]]></b><a>MSH</a>");
    check(
        body.as_bytes(),
        "",
        &[],
        "\
soap utf-8 1.1 {urn:his}Send
b = \\nMSH|^~\\\\&|HIS\\nPID|1\\n
  @t = s
a = MSH
MSH
  1
    1 = |
  2
    1 = ^~\\\\&
  3
    1 = HIS
PID
  1
    1 = 1",
    );
    let broken = call("<a>x</a><b>MSH|^~\\&amp;|HIS&#xD;pid|1</b>");
    check(broken.as_bytes(), "", &[], "D803 at 13");
    let two = call("<a>MSH|^~\\&amp;|HIS</a><b>MSH|^~\\&amp;|HIS</b>");
    check(two.as_bytes(), "", &[], "D804");
    // Without a call there is no parameter: a mapping says which field it opens.
    check(b"<a>MSH|^~\\&amp;|HIS</a>", "", &[], "xml utf-8\na = MSH|^~\\\\&|HIS");
}

/// A group of segments stands where its first segment does, in the text of the parameter.
#[test]
fn a_segment_of_a_parameter_has_its_place() {
    let body = b"<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body>\n<Send><a>MSH|^~\\&amp;|HIS\n\
        PID|1\nORC|NW</a></Send></s:Body></s:Envelope>";
    let input = adapters::Input::new(body, WireFormat::Auto, None);
    let limits = adapters::Limits::default();
    let mut document = adapters::decode(&input, &limits).expect("it is whole").document;
    document.group(document.root(), "ORC", &[], "order");
    let order = document.children(document.root()).last().expect("the order");
    let text = adapters::source_text(&input, &limits).expect("it is whole");
    assert_eq!(document.path(order), "order");
    assert_eq!(document.place(order, &text).to_string(), "2:7 > 3:1");
}

/// What a hospital wrote before, for the same parameter, reads what it read.
#[test]
fn a_mapping_may_still_open_the_parameter_itself() {
    let body = b"<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><Send><a>MSH|^~\\&amp;|HIS</a>\
        </Send></s:Body></s:Envelope>";
    let inside = picture(body, WireFormat::Auto, "", &[("a", Inner::Hl7.into())]);
    assert!(inside.contains("\na\n  MSH\n") && inside.contains("\nMSH\n"), "{inside}");
}

#[test]
fn what_is_no_message_is_refused_with_its_place() {
    // A header cut short and a second one with other delimiters, the frame ending in 0x1C only.
    check(b"\x0BMSH|^~\\&|HIS\rPID|1||P1\rMSH|~^\\&|HIS\rPV1|\r\x1C", "", &[], "D804 at 24");
    check(b"\x0BMSH|^~\\&|HIS\r\x1C\r\x0BMSH|^~\\&|HIS\r\x1C\r", "", &[], "D804 at 16");
    check(b"\x0BMSH|^~\\&|HIS\r", "", &[], "D806 at 14");
    check(b"\x0BMSH|^~\\&|HIS\r\x1C\rx", "", &[], "D806 at 16");
    check(b"FHS|^~\\&|HIS\rBHS|^~\\&\rMSH|^~\\&|HIS\r", "", &[], "D805 at 0");
    check(b"MSH|^^\\&|HIS\r", "", &[], "D802 at 3");
    check(b"MSH|HIS|A\r", "", &[], "D802 at 3");
    check(b"MSH|\r", "", &[], "D802 at 3");
    check(b"MSH|^~\\&|HIS\rNTE|1|first\nsecond line\r", "", &[], "D803 at 25");
    check(b"MSH|^~\\&|HIS\rpid|1\r", "", &[], "D803 at 13");
    check(b"MSH|^~\\&|HIS\rPID|\x01\r", "", &[], "D111 at 17");
    check(b"MSH|^~\\&|HIS\rPV1|||||\xC0\r", "", &[], "D201 at 21");
    let hl7 = |body: &[u8]| picture(body, WireFormat::Hl7, "", &[]);
    assert_eq!(hl7(b"PID|1\r"), "D801 at 0");
    assert_eq!(hl7(b"\x0B\x1C\r"), "D801 at 1");
    assert_eq!(hl7(b"<a/>"), "D104 at 0");
}

/// Line and segment are the same thing to whoever looks it up.
#[test]
fn a_fault_names_its_segment() {
    let body = gbk("\u{B}MSH|^~\\&|HIS\rPID|李\r坏\r\u{1C}\r");
    let input = adapters::Input::new(&body, WireFormat::Auto, Some("text/plain; charset=gbk"));
    let error = adapters::decode(&input, &adapters::Limits::default()).map(|_| ());
    let error = error.expect_err("there is no segment of that name");
    assert_eq!(
        error.to_string(),
        "D803: a line that begins with no segment name, at byte 21 (line 3, column 1)"
    );
}
