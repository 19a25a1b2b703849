//! What fields hold and bodies need: delimited text, base64 and gzip, repairs, and the places of all
//! of it.

use std::io::Write;
use std::sync::Arc;

use adapters::{
    Decryption, Delimited, Inner, Input, Limits, Names, Opening, Padding, Prepare, Secret,
    Transfer, WireFormat, decode, open, source_text,
};
use base64::Engine;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{at_path, check, dump, fault, gbk, heading, picture};

/// A view's export: GBK, CRLF, Chinese names, commas and quotes inside quotes.
#[test]
fn csv_bodies() {
    let csv = |body: &[u8]| picture(body, WireFormat::Csv, "text/csv", &[]);
    assert_eq!(
        csv(&gbk("姓名,规格,备注\r\n李建国,\"5mg,7\"\"片\"\"\",\r\n\r\n王,\"a\r\nb\"\r\n,,,\r\n")),
        "csv gb18030\n\
         row\n  姓名 = 李建国\n  规格 = 5mg,7\\\"片\\\"\n  备注\n\
         row\n  姓名 = 王\n  规格 = a\\r\\nb\n\
         row\n  姓名\n  规格\n  备注\n"
    );
    // A mark in front belongs to no name; columns without a name are numbered; one name may stand twice.
    assert_eq!(
        csv("\u{FEFF}药, ,药\n1,2,3".as_bytes()),
        "csv utf-8\nrow\n  药 = 1\n  2 = 2\n  药 = 3\n"
    );
    assert_eq!(csv(b"a,b\r\n"), "csv utf-8\n");
    check(b"a,b\n1,x=y\n", "text/csv", &[], "csv utf-8\nrow\n  a = 1\n  b = x=y");
    check(b"<a/>", "text/csv", &[], "xml utf-8\na");
    assert_eq!(csv(b"a,b\n1,2,3\n"), "D703 at 8");
    assert_eq!(csv(b"a,b\n1,\"2\n3\n"), "D701 at 6");
    assert_eq!(csv(b"a,b\n\"1\"x,2\n"), "D702 at 7");
    assert_eq!(csv(b"a,b\n1,\x012\n"), "D111 at 6");
}

#[test]
fn delimited_fields() {
    let delimited = |rows: Option<&str>, columns: &str, names: Names| {
        Inner::Delimited(Delimited {
            rows: rows.map(str::to_owned),
            columns: columns.to_owned(),
            quote: None,
            names,
        })
    };
    let given = |names: &[&str]| Names::Given(names.iter().map(ToString::to_string).collect());
    check(
        b"<a>1^^x</a>",
        "",
        &[("a", delimited(None, "^", Names::Numbers))],
        "xml utf-8\na\n  1 = 1\n  2\n  3 = x",
    );
    check(
        "<a>demo^ys01$$王^ys02$$</a>".as_bytes(),
        "",
        &[("a", delimited(Some("$$"), "^", given(&["name", "code"])))],
        "xml utf-8\na\n  row\n    name = demo\n    code = ys01\n  row\n    name = 王\n    code = ys02",
    );
    check(
        b"<a>1^2^</a>",
        "",
        &[("a", delimited(None, "^", given(&["x", "y"])))],
        "xml utf-8\na\n  x = 1\n  y = 2",
    );
    check(b"<a>1^2^3</a>", "", &[("a", delimited(None, "^", given(&["x", "y"])))], "a: D703 at 4");
    // A separator of nothing cuts nothing.
    check(
        b"<a>1^2</a>",
        "",
        &[("a", delimited(Some(""), "", Names::Numbers))],
        "xml utf-8\na\n  row\n    1 = 1^2",
    );
    check(b"<a>x=%C0%EE&amp;y=1</a>", "", &[("a", Inner::Form)], "xml utf-8\na\n  x = 李\n  y = 1");
}

#[test]
fn wrapped_documents() {
    let packed = |text: &[u8]| base64::engine::general_purpose::STANDARD.encode(text);
    let wrapped = |transfers: &[Transfer]| Opening {
        transfers: transfers.to_vec(),
        ..Opening::from(Inner::Xml)
    };
    let read = |value: &str, transfers: &[Transfer]| {
        let body = format!("{{\"a\":\"{value}\"}}");
        let opened = [("a", wrapped(transfers))];
        picture(body.as_bytes(), WireFormat::Auto, "", &opened).replace("json utf-8\n", "")
    };
    let only = [Transfer::Base64];
    let both = [Transfer::Base64, Transfer::Gzip];
    // The bytes are in an encoding of their own, which is settled as for a body.
    let xml = gbk("<?xml version='1.0' encoding='GBK'?><b>李建国</b>");
    assert_eq!(read(&packed(&xml), &only), "a\n  b = 李建国\n");
    assert_eq!(read(&packed(&gzip(&xml)), &both), "a\n  b = 李建国\n");
    // Line breaks, no padding, and the alphabet for addresses.
    assert_eq!(read("PGI+5p2O\\r\\n PC9iPg", &only), "a\n  b = 李\n");
    assert_eq!(read("PGI-5p2OPC9iPg", &only), "a\n  b = 李\n");
    assert_eq!(read("PGI+!", &only), "a: D704 at 4");
    assert_eq!(read(&packed(b"<b>\xFF\xFF</b>"), &only), "a: D201 at 3");
    assert_eq!(read(&packed(&xml), &both), "a: D705");
    let mut broken = gzip(&xml);
    broken.truncate(broken.len() - 5);
    assert_eq!(read(&packed(&broken), &both), "a: D705");
    // A bomb: a few kilobytes that would become twenty megabytes.
    let bomb = gzip(&vec![b' '; 20 << 20]);
    assert_eq!(read(&packed(&bomb), &both), "a: D706");
    // Five are within the limit, but no text is so dense.
    let bomb = gzip(&vec![b' '; 5 << 20]);
    assert_eq!(read(&packed(&bomb), &both), "a: D706");
    assert_eq!(read("<b/>", &[Transfer::Gzip]), "a: D705");
}

/// `<b>李建国</b>`, encrypted by openssl.
const SEALED: &str = "ky3ZY9SbxRkQS9NPh0SVDTdyIuBhqSTFkc2cJ+oWPtQ=";

#[test]
fn what_was_encrypted_is_read_with_its_key() {
    let cipher = || {
        let key = Secret::parse("0123456789abcdef").expect("it is a key");
        let cipher = "aes-128-ecb".parse().expect("it is a word");
        let sealed = Decryption::new(cipher, Padding::Pkcs7, key, None);
        Transfer::Cipher(Arc::new(sealed.expect("they fit")))
    };
    let read = |value: &str, transfers: &[Transfer]| {
        let opened =
            [("a", Opening { transfers: transfers.to_vec(), ..Opening::from(Inner::Xml) })];
        let body = format!("{{\"a\":\"{value}\"}}");
        picture(body.as_bytes(), WireFormat::Auto, "", &opened).replace("json utf-8\n", "")
    };
    let sealed = [Transfer::Base64, cipher()];
    assert_eq!(read(SEALED, &sealed), "a\n  b = 李建国\n");
    let url = SEALED.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D");
    assert_eq!(read(&url, &[Transfer::Url, Transfer::Base64, cipher()]), "a\n  b = 李建国\n");
    assert_eq!(read("3C622F3e", &[Transfer::Hex]), "a\n  b\n");
    assert_eq!(read("3C6 2F3e", &[Transfer::Hex]), "a: D707 at 8");
    assert_eq!(read("3C6x", &[Transfer::Hex]), "a: D707 at 3");
    assert_eq!(read("<b>%41+</b>", &[Transfer::Url]), "a\n  b = A+\n");
    assert_eq!(read("<b>%4</b>", &[Transfer::Url]), "a: D708 at 3");
    assert_eq!(read("<b/>%4", &[Transfer::Url]), "a: D708 at 4");
    assert_eq!(read("PGI+5p2O", &sealed), "a: D709");
    // The whole body likewise.
    let prepare = Prepare { unwrap: sealed.to_vec(), ..Prepare::default() };
    assert_eq!(repaired(SEALED.as_bytes(), &prepare), "xml utf-8\nb = 李建国\n");
    assert_eq!(repaired(b"<b/>", &prepare), "D704 at 0");
    let only = Prepare { unwrap: vec![Transfer::Url], ..Prepare::default() };
    assert_eq!(repaired(b"%20%0a", &only), "D101");
}

/// A client that sends a whole HTTP request in a parameter, and one that does it in the body.
#[test]
fn what_stands_in_front_is_skipped_where_told() {
    let opening = Opening { skip_to: Some("<".to_owned()), ..Opening::from(Inner::Xml) };
    let body = b"{\"a\":\"POST /x HTTP/1.1\\r\\n\\r\\n<b><c></b>\"}";
    let opened = [("a", opening.clone())];
    assert_eq!(picture(body, WireFormat::Auto, "", &opened), "a: D306 at 26 and 23");
    let good = b"{\"a\":\"POST /x HTTP/1.1\\r\\n\\r\\n<b>1</b>\"}";
    assert_eq!(picture(good, WireFormat::Auto, "", &opened), "json utf-8\na\n  b = 1\n");

    let skip = Prepare { skip_to: Some("<".to_owned()), ..Prepare::default() };
    let request = "POST /姓 HTTP/1.1\r\n\r\n<a>李</a>";
    assert_eq!(repaired(&gbk(request), &skip), "xml gb18030 D907\na = 李\n");
    assert_eq!(repaired(&gbk(&request.replace("</a>", "")), &skip), "D307 at 26 and 21");
    assert_eq!(repaired(request.as_bytes(), &Prepare::default()), "D105 at 0");
}

#[test]
fn characters_that_are_no_text_go_where_told() {
    let controls = Prepare { strip_controls: true, ..Prepare::default() };
    let nuls = Prepare { strip_nuls: true, ..Prepare::default() };
    let body = gbk("<a>李\u{1}建\u{B}国</a>");
    assert_eq!(repaired(&body, &Prepare::default()), "D111 at 5");
    assert_eq!(repaired(&body, &controls), "xml gb18030 D908\na = 李建国\n");
    assert_eq!(repaired(b"<a>1\x002</a>\0\0", &nuls), "xml utf-8 D909\na = 12\n");
    assert_eq!(repaired(b"<a>1\x002</a>", &controls), "D111 at 4");
    assert_eq!(
        repaired(b"\x0BMSH|^~\\&|\x01\r\x1C", &controls).lines().next(),
        Some("hl7 utf-8 D908")
    );
    // The two that make a frame are not taken out of it: a cut one is still seen to be cut.
    assert_eq!(repaired(b"\x0BMSH|^~\\&|\x01\r", &controls), "D806 at 12");
    assert_eq!(repaired(b"a=%01x&b=2", &controls), "form utf-8 D908\na = x\nb = 2\n");
    // The place is that of the bytes that were sent.
    assert_eq!(repaired(&gbk("<a>李\u{1}\u{2}建</b>"), &controls), "D306 at 9 and 0");
}

/// From the message through every opened field to the value.
#[test]
fn places_lead_through_opened_fields() {
    let body =
        "<a>\n<b>x</b><c>POST\n\n&lt;d>\n{\"e\":\n &quot;李&quot;,&quot;f&quot;:1}&lt;/d></c></a>";
    let skip = Prepare { strip_controls: true, ..Prepare::default() };
    let input = Input { prepare: &skip, ..Input::new(body.as_bytes(), WireFormat::Auto, None) };
    let limits = Limits::default();
    let mut document = decode(&input, &limits).expect("it is well formed").document;
    let field = at_path(&document, "a/c")[0];
    let opening = Opening { skip_to: Some("<".to_owned()), ..Opening::from(Inner::Xml) };
    open(&mut document, field, &opening, &limits).expect("the field holds XML");
    let inner = at_path(&document, "a/c/d")[0];
    open(&mut document, inner, &Inner::Json.into(), &limits).expect("and that JSON");
    let text = source_text(&input, &limits).expect("it was decoded before");
    let place = |path: &str| document.place(at_path(&document, path)[0], &text).to_string();
    assert_eq!(place("a/b"), "2:1");
    assert_eq!(place("a/c"), "2:9");
    assert_eq!(place("a/c/d"), "2:9 > 3:1");
    assert_eq!(place("a/c/d/e"), "2:9 > 3:1 > 3:2");
    assert_eq!(document.opened_field(inner), Some(field));
    assert_eq!(document.opened_field(field), None);
    // A group stands where its first member stands, in the same text.
    document.group(inner, "e", &[], "g");
    let place = |path: &str| document.place(at_path(&document, path)[0], &text).to_string();
    assert_eq!(place("a/c/d/g"), "2:9 > 3:1 > 3:2");
    assert_eq!(place("a/c/d/g/f"), "2:9 > 3:1 > 3:10");
}

/// What was wrapped is the text that the places count in.
#[test]
fn places_in_what_was_wrapped() {
    let body = b"{\"a\":\"PGI+CjxjLz48L2I+\"}";
    let input = Input::new(body, WireFormat::Auto, None);
    let limits = Limits::default();
    let mut document = decode(&input, &limits).expect("it is well formed").document;
    let field = at_path(&document, "a")[0];
    let opening = Opening { transfers: vec![Transfer::Base64], ..Opening::from(Inner::Xml) };
    open(&mut document, field, &opening, &limits).expect("the field holds XML in base64");
    assert_eq!(document.value(field), Some("<b>\n<c/></b>"));
    let text = source_text(&input, &limits).expect("it was decoded before");
    let node = at_path(&document, "a/b/c")[0];
    assert_eq!(document.place(node, &text).to_string(), "1:6 > 2:1");
}

fn repaired(body: &[u8], prepare: &Prepare) -> String {
    let input = Input { prepare, ..Input::new(body, WireFormat::Auto, None) };
    match decode(&input, &Limits::default()) {
        Ok(decoded) => heading(&decoded) + &dump(&decoded.document),
        Err(error) => fault(&error),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}
