//! Any bytes at all: an answer, never a panic, and no damage to the text.

use std::sync::Arc;

use adapters::{
    Decryption, Document, Input, Iv, Limits, NodeId, Opening, Padding, Prepare, Secret, Transfer,
    WireFormat, decode, open, source_text,
};

use super::{dump, gbk};

/// A good message of each shape, then with bytes changed, cut, doubled or moved.
#[test]
fn changed_messages() {
    let seeds = seeds();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..60_000 {
        let seed = random.pick(&seeds).clone();
        let body = change(seed, &seeds, &mut random);
        let content_type = *random.pick(&CONTENT_TYPES);
        let format = *random.pick(&FORMATS);
        let limits =
            Limits { nodes_max: 500, depth_max: 20, text_bytes_max: 500, ..Limits::default() };
        let prepare = prepare(&mut random);
        let input = Input { prepare: &prepare, ..Input::new(&body, format, content_type) };
        match decode(&input, &limits) {
            Ok(mut decoded) => {
                accepted += 1;
                expect_no_new_damage(&body, &dump(&decoded.document), round);
                open_everything(&mut decoded.document, &limits, &mut random);
                let text = source_text(&input, &limits).expect("it was decoded before");
                expect_places(&decoded.document, &text);
                let root = decoded.document.root();
                decoded.document.group(root, "row", &["PID".to_owned()], "group");
                expect_places(&decoded.document, &text);
            }
            Err(error) => {
                refused += 1;
                let place = error.offset().unwrap_or_default();
                assert!(place <= body.len(), "round {round}: {error} in {} bytes", body.len());
                assert!(error.message().ends_with('。'));
            }
        }
    }
    assert!(accepted > 1000 && refused > 1000, "{accepted} accepted, {refused} refused");
}

/// Bytes from nowhere.
#[test]
fn noise() {
    let mut random = Random(42);
    for _ in 0..20_000 {
        let len = random.below(60);
        let body: Vec<u8> = (0..len).map(|_| random.byte()).collect();
        let format = *random.pick(&FORMATS);
        let _ = decode(&Input::new(&body, format, None), &Limits::default());
    }
}

/// U+FFFD may only appear where its own bytes, a reference or an escape were sent.
fn expect_no_new_damage(body: &[u8], shown: &str, round: usize) {
    let sent = body.windows(3).any(|three| three == b"\xEF\xBF\xBD")
        || body
            .windows(4)
            .any(|four| four == b"\x84\x31\xA4\x37" || four.eq_ignore_ascii_case(b"fffd"))
        || body.windows(2).any(|two| two == b"\xFF\xFD" || two == b"\xFD\xFF")
        || body.windows(5).any(|five| five == b"65533");
    assert!(sent || !shown.contains('\u{FFFD}'), "round {round}: {shown}");
}

/// Opens fields in every way there is, nested ones too; what is refused leaves nothing behind.
fn open_everything(document: &mut Document, limits: &Limits, random: &mut Random) {
    let mut next: Vec<NodeId> = vec![document.root()];
    let mut opened = 0;
    while let Some(id) = next.pop() {
        if document.value(id).is_some() && opened < 10 {
            opened += 1;
            let before = dump(document);
            let text = document.value(id).unwrap_or_default();
            let opening = opening(text, random);
            if open(document, id, &opening, limits).is_err() {
                assert_eq!(dump(document), before);
            }
        }
        next.extend(document.children(id));
    }
}

/// The likeliest opening of a text, or any other.
fn opening(text: &str, random: &mut Random) -> Opening {
    let likely = match text.as_bytes() {
        [b'<', ..] => "xml",
        [b'{' | b'[', ..] => "json",
        [b'M', b'S', b'H', ..] => "hl7",
        _ => "delimited",
    };
    let word = if random.below(4) == 0 {
        *random.pick(&["xml", "json", "hl7", "form", "csv", "delimited"])
    } else {
        likely
    };
    let mut opening = Opening::from(word.parse::<adapters::Inner>().expect("it is a word"));
    let is_packed = text.starts_with("H4sI") || text.starts_with("PGI");
    if is_packed || random.below(20) == 0 {
        opening.transfers.push(Transfer::Base64);
        opening.transfers.extend(text.starts_with("H4sI").then_some(Transfer::Gzip));
        opening.inner = adapters::Inner::Xml;
    }
    opening.skip_to = (random.below(8) == 0).then(|| "<".to_owned());
    opening
}

fn prepare(random: &mut Random) -> Prepare {
    let cipher = || {
        let key = Secret::parse("0123456789abcdef").expect("it is a key");
        let cipher = "aes-128-cbc".parse().expect("it is a word");
        Decryption::new(cipher, Padding::Pkcs7, key, Some(Iv::Front)).expect("they fit")
    };
    let unwrap = match random.below(40) {
        0 => vec![Transfer::Url],
        1 => vec![Transfer::Hex],
        2 => vec![Transfer::Cipher(Arc::new(cipher()))],
        _ => Vec::new(),
    };
    Prepare {
        unwrap,
        skip_to: (random.below(8) == 0).then(|| "<".to_owned()),
        strip_controls: random.below(4) == 0,
        strip_nuls: random.below(4) == 0,
    }
}

/// Every node stands somewhere in the text.
fn expect_places(document: &Document, text: &str) {
    let lines = u32::try_from(text.matches(['\r', '\n']).count()).unwrap_or(u32::MAX) + 1;
    let mut next = vec![document.root()];
    while let Some(id) = next.pop() {
        let place = document.place(id, text);
        let spot = place.spots.first().expect("every place has a spot in the message");
        assert!(spot.line <= lines, "{place} of {lines} lines");
        next.extend(document.children(id));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let soap = "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope \
        xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><Call xmlns=\"http://tempuri.org/\">\
        <msgHeader><![CDATA[<root><name>李建国</name></root>]]></msgHeader><msgBody>&lt;a b='1'&gt;5&amp;lt;6\
        &lt;/a&gt;</msgBody></Call></s:Body></s:Envelope>";
    let xml = "<?xml version=\"1.0\" encoding=\"GBK\" standalong=\"yes\"?>\r\n<根 xmlns:x='urn:x' \
        xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><x:药品 名称=\"阿司匹林\">1盒 &#x674E;</x:药品>\
        <a i:nil=\"true\"/><!-- 注 --><?pi x?><b>{\"a\":[1,2]}</b></根>";
    let json = "{\"a\":[{\"b\":\"\\u674e\\ud83d\\ude00\",\"c\":-1.5e3},null,[true,[]]],\"药\":\"[{\\\"k\\\":1}]\"}";
    let form = "charset=gbk&n=%C0%EE%BD%A8&xml=<a>1&lt;2</a>&j={\"a\":\"x%20y\"}";
    let hl7 = "\u{B}MSH|^~\\&|HIS||||||||||||||||GB2312\rPID|1||P1^^^HIS^PI~C9^\"\"||李建国&x^LI\r\
        NTE|饭后\\T\\多\\.br\\\\X0D\\|\r\u{1C}\r";
    let csv = "row,药名\r\n1,\"a,\"\"b\"\"\"\r\n2,李\r\n";
    let packed = "{\"a\":\"PGI+5p2OPC9iPg==\",\"g\":\"H4sIAAAAAAACA7NJsns2t89GP8kOAKQoj6MKAAAA\",\
        \"h\":\"MSH|^~\\\\&|A\\rPID|1\",\"d\":\"1|2||3\"}";
    let wide: Vec<u8> =
        "\u{FEFF}<a>李\u{1F600}</a>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    vec![
        soap.as_bytes().to_vec(),
        xml.as_bytes().to_vec(),
        gbk(xml),
        json.as_bytes().to_vec(),
        gbk(json),
        form.as_bytes().to_vec(),
        gbk(hl7),
        csv.as_bytes().to_vec(),
        gbk(csv),
        packed.as_bytes().to_vec(),
        wide,
    ]
}

fn change(mut body: Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    for _ in 0..random.below(4) {
        let at = random.below(body.len() + 1);
        match random.below(6) {
            0 => body.truncate(at),
            1 => body.insert(at, random.byte()),
            2 => {
                let token = *random.pick(&TOKENS);
                body.splice(at..at, token.iter().copied());
            }
            3 => {
                if let Some(byte) = body.get_mut(at) {
                    *byte = random.byte();
                }
            }
            4 => {
                let end = (at + random.below(20)).min(body.len());
                body.drain(at..end);
            }
            _ => {
                let other = random.pick(seeds).clone();
                let from = random.below(other.len());
                body.splice(at..at, other.into_iter().skip(from).take(30));
            }
        }
    }
    body
}

const TOKENS: [&[u8]; 24] = [
    b"<",
    b">",
    b"&",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"<!DOCTYPE a>",
    b"</a>",
    b"<a ",
    b"\"",
    b"\\u",
    b"{\"a\":",
    b"[",
    b"\0",
    b"\xEF\xBB\xBF",
    b"\x81",
    b"xmlns:p='u' ",
    b"%",
    b"|",
    b"^&~",
    b"\\.br\\",
    b"\rMSH|",
    b"\x1C",
    b"\",\n",
];

const FORMATS: [WireFormat; 9] = [
    WireFormat::Auto,
    WireFormat::Auto,
    WireFormat::Auto,
    WireFormat::Xml,
    WireFormat::Soap,
    WireFormat::Json,
    WireFormat::Form,
    WireFormat::Hl7,
    WireFormat::Csv,
];

const CONTENT_TYPES: [Option<&str>; 6] = [
    None,
    None,
    Some("text/xml; charset=utf-8"),
    Some("text/xml; charset=GBK"),
    Some("application/x-www-form-urlencoded"),
    Some("application/json; charset=iso-8859-1"),
];

/// Marsaglia's xorshift: the same numbers on every machine, so a failure can be seen again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let at = self.below(from.len());
        from.get(at).expect("there is something to pick from")
    }
}
