//! Long documents item by item: each is what it would be in the whole.

use std::fmt::Write;
use std::io::Cursor;

use adapters::{Input, Limits, StreamError, WireFormat, XmlStream, decode};

use super::{dump, fault, gbk};

/// Ancestors with their attributes, what came before, and one item at a time.
#[test]
fn items_stand_in_their_ancestors() {
    check(
        b"<?xml version='1.0'?>\n<list org='H1'><head><no>7</no></head>\n<fees kind='a'>\n\
          <fee no='1'><sum>1.5</sum></fee><!-- x -->\n<fee no='2'/>\n</fees><total>9</total></list>\n",
        "list/fees/fee",
        "\
1:
list
  @org = H1
  head
    no = 7
  fees
    @kind = a
    fee
      @no = 1
      sum = 1.5
2:
list
  @org = H1
  head
    no = 7
  fees
    @kind = a
    fee
      @no = 2
end",
    );
}

/// The lines of one patient do not see the patient before, but they see what stands beside patients.
#[test]
fn what_an_ancestor_held_goes_with_it() {
    check(
        "<r><p><n>甲</n><i>1</i></p><x>y</x><p><n>乙</n><i>2</i><late/><i>3</i></p></r>".as_bytes(),
        "r/p/i",
        "\
1:
r
  p
    n = 甲
    i = 1
2:
r
  x = y
  p
    n = 乙
    i = 2
3:
r
  x = y
  p
    n = 乙
    late
    i = 3
end",
    );
}

/// Prefixes declared far outside, references, CDATA with tags in it, and `>` in attributes.
#[test]
fn items_are_read_like_any_xml() {
    check(
        b"<a:r xmlns:a='urn:a' xmlns='urn:d'><i a:k='x>y'>&lt;&#x674E;<![CDATA[</i><i>]]></i><a:i/></a:r>",
        "r/i",
        "1:\nr\n  i = <李</i><i>\n    @k = x>y\n2:\nr\n  i\nend",
    );
    let body = b"<a:r xmlns:a='urn:a' xmlns='urn:d'><i a:k='1'/></a:r>";
    let document = first(body, "r/i");
    let item = super::at_path(&document, "r/i")[0];
    assert_eq!(document.namespace(item), Some("urn:d"));
    let key = document.children(item).next().expect("it has an attribute");
    assert_eq!(document.namespace(key), Some("urn:a"));
}

#[test]
fn a_path_tells_the_number_and_a_place_the_line() {
    let body = b"<r>\n<i><n>1</n></i>\n<i><n>2</n></i></r>";
    let mut stream = open(body, "r/i");
    stream.next_item().expect("it is sound");
    let document = stream.next_item().expect("it is sound").expect("there are two").document;
    let text = std::str::from_utf8(body).expect("it is ASCII");
    let node = super::at_path(&document, "r/i/n")[0];
    assert_eq!(document.path(node), "r/i[2]/n");
    assert_eq!(document.place(node, text).to_string(), "3:4");
    assert_eq!(document.place(super::at_path(&document, "r")[0], text).to_string(), "1:1");
}

/// Items in pieces of two: each piece is a document that gives the same items.
#[test]
fn an_excerpt_is_a_document_of_its_own() {
    let body = "<r a='1'><h>头</h><p><n>甲</n><i>1</i> <i>2</i><i>3</i></p><x/><p><n>乙</n><i>4</i></p><p><i>5</i></p></r>";
    let mut stream = open(body.as_bytes(), "r/p/i");
    stream.keep_excerpts();
    let mut excerpts = Vec::new();
    while let Some(item) = stream.next_item().expect("it is sound") {
        if item.position % 2 == 0 {
            excerpts.push(stream.take_excerpt());
        }
    }
    excerpts.push(stream.take_excerpt());
    assert_eq!(
        excerpts,
        [
            "<r a='1'><h>头</h><p><n>甲</n><i>1</i> <i>2</i></p></r>",
            "<r a='1'><h>头</h><p><n>甲</n><i>3</i></p><x/><p><n>乙</n><i>4</i></p></r>",
            "<r a='1'><h>头</h><x/><p><i>5</i></p></r>",
        ]
    );
    assert_eq!(stream.take_excerpt(), "");
}

#[test]
fn a_document_without_items_gives_itself() {
    check(b"<r><h>1</h></r>", "r/i", "0:\nr\n  h = 1\nend");
    check(b"<x/>", "r/i", "0:\nx\nend");
    check(b"<i a='1'>x</i>", "i", "1:\ni = x\n  @a = 1\nend");
    // An element of the name elsewhere is no item.
    check(b"<r><x><i>1</i></x></r>", "r/i", "0:\nr\n  x\n    i = 1\nend");
}

/// Whatever is wrong is found by whoever goes to the end, with the place in the bytes that were sent.
#[test]
fn unsound_documents_are_refused_where_they_are() {
    let places = [
        (&b"<r><i>1</i><i></r>"[..], "1 D306 at 14 and 11"),
        (b"<r><i>1</i></x>", "1 D306 at 11 and 0"),
        (b"<r><i>1</i>", "1 D307 at 11 and 0"),
        (b"<r><i>1</i></r><x/>", "1 D309 at 15"),
        (b"<r><i>1</i></r>x", "1 D309 at 15"),
        (b"<r><i><a></b></i><i/></r>", "D306 at 9 and 6"),
        (b"<r><h><a></h><i/></r>", "D306 at 9 and 6"),
        (b"<r><i/><h>&x;</h></r>", "1 D302 at 10"),
        (b"<!DOCTYPE r><r><i/></r>", "D301 at 0"),
        (b"<r><i/><!-- \x01 --></r>", "1 D111 at 12"),
        (b"<r><p:i/></r>", "D310 at 3"),
        (b"x<r/>", "D316 at 0"),
        (b"", "D101"),
        (b"  ", "D316 at 2"),
        (b"<r><i>\xFF</i></r>", "D201 at 6"),
        (b"<r><i>&amp</i></r>", "D304 at 6"),
    ];
    for (body, expected) in places {
        assert_eq!(outcome(body, "r/i", "", &Limits::default()), expected, "{body:?}");
    }
    // Behind a long first part, in GBK, on its line.
    let line = "<i>李建国</i>\n";
    let body = gbk(&format!("<r>\n{}<i>药</j></r>", line.repeat(30_000)));
    let mut stream = open(&body, "r/i");
    let error = loop {
        match stream.next_item() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it is unsound"),
            Err(error) => break error,
        }
    };
    let at = 4 + 30_000 * gbk(line).len();
    let told = format!(
        "D306: an end tag that does not close the element that is open, at byte {} (line 30002, \
         column 5), see also byte {at}",
        at + 5
    );
    assert_eq!(error.to_string(), told);
}

#[test]
fn parts_are_bounded() {
    let small = Limits { body_bytes_max: 2000, ..Limits::default() };
    let long = "x".repeat(3000);
    assert_eq!(outcome(format!("<r><i>{long}</i></r>").as_bytes(), "r/i", "", &small), "D113 at 3");
    let many = format!("<r><i>{}</i></r>", "<a>x</a>".repeat(300));
    assert_eq!(outcome(many.as_bytes(), "r/i", "", &small), "D113 at 3");
    let beside = format!("<r>{}<i/></r>", "<h>xxxxxxxx</h>".repeat(20_000));
    assert!(outcome(beside.as_bytes(), "r/i", "", &Limits::default()).starts_with("D113"));
    let deep = "<a>".repeat(200);
    assert_eq!(outcome(deep.as_bytes(), "r/i", "", &Limits::default()), "D107 at 300");
    // Blanks and comments between items are not kept.
    let airy = format!("<r>{}</r>", "<i/>          <!-- comment -->\n".repeat(20_000));
    assert_eq!(outcome(airy.as_bytes(), "r/i", "", &Limits::default()), "20000 end");
    // A head that every item would have to copy, and groups that make it be read again.
    let head = "h".repeat(100_000);
    let bomb = format!("<r><h>{head}</h>{}</r>", "<g><i/></g>".repeat(20_000));
    assert!(outcome(bomb.as_bytes(), "r/g/i", "", &Limits::default()).contains("D113"));
}

/// Any sound document gives the same values in the stream as in the whole, cut anywhere or changed.
#[test]
fn the_stream_judges_as_the_whole_does() {
    let seed = "<r a='1'><h>头</h><g><i n='1'>一<x/></i> <i n='2'><![CDATA[<i>]]></i></g><g><i>&lt;</i></g>z</r>";
    for body in [seed.as_bytes().to_vec(), gbk(seed)] {
        for at in 0..body.len() {
            for change in [&b""[..], b"<", b">", b"</i>", b"&", b"\x01", b"'"] {
                let mut changed = body.clone();
                changed.splice(at..(at + 1).min(body.len()), change.iter().copied());
                let limits = Limits::default();
                let whole = decode(&Input::new(&changed, WireFormat::Xml, None), &limits);
                let streamed = outcome(&changed, "r/g/i", "", &limits);
                assert_eq!(
                    whole.is_ok(),
                    streamed.ends_with("end"),
                    "{}: {streamed} or {:?}",
                    changed.escape_ascii(),
                    whole.map(|_| ()).map_err(|it| it.to_string())
                );
            }
        }
    }
}

fn open<'a>(body: &'a [u8], path: &str) -> XmlStream<Cursor<&'a [u8]>> {
    let path = path.parse().expect("it is a path");
    XmlStream::open(Cursor::new(body), None, path, &Limits::default()).expect("it can be decoded")
}

fn first(body: &[u8], path: &str) -> adapters::Document {
    open(body, path).next_item().expect("it is sound").expect("there is one").document
}

#[track_caller]
fn check(body: &[u8], path: &str, expected: &str) {
    for mark in [&b""[..], b"\xEF\xBB\xBF"] {
        let mut out = String::new();
        let marked = [mark, body].concat();
        let mut stream = open(&marked, path);
        while let Some(item) = stream.next_item().expect("it is sound") {
            let _ = write!(out, "{}:\n{}", item.position, dump(&item.document));
        }
        out.push_str("end");
        assert_eq!(out, expected, "\n{out}");
    }
}

/// `3 end`, or how many items there were before which fault.
fn outcome(body: &[u8], path: &str, content_type: &str, limits: &Limits) -> String {
    let content_type = (!content_type.is_empty()).then_some(content_type);
    let path = path.parse().expect("it is a path");
    let mut items = 0;
    let read = XmlStream::open(Cursor::new(body), content_type, path, limits).and_then(|mut it| {
        while it.next_item()?.is_some() {
            items += 1;
        }
        Ok(())
    });
    let before = if items > 0 { format!("{items} ") } else { String::new() };
    match read {
        Ok(()) => format!("{before}end"),
        Err(StreamError::Decode(error)) => format!("{before}{}", fault(&error)),
        Err(StreamError::Source(error)) => panic!("{error}"),
    }
}
