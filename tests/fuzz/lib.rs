//! What the fuzz targets have in common. Each function takes anything and must come back, soon, without
//! a panic, with the promises of its room kept; an `assert!` says which.

use std::sync::{Arc, LazyLock};

use adapters::{
    Decryption, Delimited, Document, Inner, Input, Iv, Limits, Names, Opening, Padding, Secret,
    Transfer, WireFormat,
};
use mappings::{Catalogs, Context, MappingSet};
use schemas::Files;

/// Reads a body as `format`.
pub fn decode(format: WireFormat, bytes: &[u8]) {
    let _ = read(format, bytes);
}

/// Reads a body, and holds the reader to its promises.
fn read(format: WireFormat, bytes: &[u8]) -> Option<Document> {
    let input = Input::new(bytes, format, None);
    match adapters::decode(&input, &LIMITS) {
        Ok(decoded) => {
            assert!(decoded.document.len() <= LIMITS.nodes_max + 1, "more nodes than allowed");
            sent_or_absent(bytes, &decoded.document);
            Some(decoded.document)
        }
        Err(error) => {
            assert!(error.offset().is_none_or(|it| it <= bytes.len()), "a place outside the body");
            None
        }
    }
}

/// U+FFFD stands in a document only where it was sent: in UTF-8, UTF-16 or GB18030, or as a reference
/// or an escape.
fn sent_or_absent(bytes: &[u8], document: &Document) {
    // In UTF-16 a reference has a zero beside each of its letters.
    let plain: Vec<u8> = bytes.iter().copied().filter(|it| *it != 0).collect();
    let sent = |it: &&[u8]| {
        let is_it = |window: &[u8]| window.eq_ignore_ascii_case(it);
        bytes.windows(it.len()).any(is_it) || plain.windows(it.len()).any(is_it)
    };
    // A form and HL7 spell bytes, so that it is sent in other words.
    let spells = |two: &[u8]| match two {
        [b'%', _] => true,
        [mark, b'X'] => mark.is_ascii_punctuation(),
        _ => false,
    };
    if SENT.iter().any(sent) || plain.windows(2).any(spells) {
        return;
    }
    let mut open = vec![document.root()];
    while let Some(node) = open.pop() {
        let damaged = document.value(node).is_some_and(|it| it.contains('\u{FFFD}'));
        assert!(!damaged, "a replacement character that nobody sent");
        open.extend(document.children(node));
    }
}

const SENT: &[&[u8]] = &[
    b"\xEF\xBF\xBD",
    b"\xFF\xFD",
    b"\xFD\xFF",
    b"\x84\x31\xA4\x37",
    b"65533",
    b"fffd",
    b"%EF%BF%BD",
];

/// Opens a field in the way its first byte says.
pub fn open(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let mut document = Document::with_capacity(text.len());
    let root = document.root();
    let field = document.add(root, adapters::Kind::Element, "field", 0);
    document.set_content(field, adapters::Content::Value(text));
    let before = document.len();
    let Some(opening) = OPENINGS.get(usize::from(*how) % OPENINGS.len()) else { return };
    if adapters::open(&mut document, field, opening, &LIMITS).is_err() {
        assert_eq!(
            document.len(),
            before,
            "a field that could not be opened left something behind"
        );
    }
}

/// Compiles any text as a mapping file.
pub fn mapping(text: &str) {
    let mut files = Files::new();
    files.insert("v/m.toml".to_owned(), text.to_owned());
    if let Err(problems) = MappingSet::load(&files, &CATALOGS, &[]) {
        assert!(!problems.is_empty(), "refused without a reason");
    }
}

/// Compiles any text as an expression and as a condition, and runs both over one message.
pub fn expression(text: &str) {
    let quoted = toml_text(text);
    let file = format!(
        "[mapping]\nname = \"m\"\nlane = '/r/no'\n[[record]]\nentity = \"department\"\neach = 'r/p'\nwhere = {quoted}\nkey = [{quoted}]\n[record.elements]\nhosp_dept_name = {quoted}\n"
    );
    let mut files = Files::new();
    files.insert("v/m.toml".to_owned(), file);
    if let Ok((set, _)) = MappingSet::load(&files, &CATALOGS, &[]) {
        run(&set, MESSAGE.as_bytes());
    }
}

/// Any body through every shipped mapping.
pub fn translate(bytes: &[u8]) {
    run(&SHIPPED, bytes);
}

fn run(set: &MappingSet, bytes: &[u8]) {
    let Some(mut document) = read(WireFormat::Auto, bytes) else { return };
    let context = Context {
        channel: "fuzz",
        org: "H99999900001",
        message_id: "1",
        received_at: jiff::civil::datetime(2026, 1, 2, 3, 4, 5, 0),
        operation: None,
    };
    let Ok(mapped) = set.map(&mut document, &context, &LIMITS) else { return };
    for record in &mapped.records {
        let findings = mapped.findings(record, &document);
        let mut json = String::new();
        schemas::write_record_elements(record.entity, &record.elements, &mut json);
        assert!(json.starts_with('{') && json.ends_with('}'), "{} findings", findings.len());
    }
}

/// A text as a TOML string: only what TOML itself would refuse is written as an escape.
fn toml_text(text: &str) -> String {
    let escaped = text.chars().map(|it| match it {
        '"' | '\\' => format!("\\{it}"),
        it if it.is_control() => format!("\\U{:08X}", u32::from(it)),
        it => it.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// Small enough for thousands of runs a second, large enough for every limit to be met.
static LIMITS: LazyLock<Limits> =
    LazyLock::new(|| Limits { nodes_max: 20_000, depth_max: 40, ..Limits::default() });

static CATALOGS: LazyLock<Catalogs> = LazyLock::new(|| {
    Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "clinical")
        .expect("the shipped dictionary loads")
});

static SHIPPED: LazyLock<MappingSet> = LazyLock::new(|| {
    let files = Files::from_shipped(mappings::SHIPPED);
    MappingSet::load(&files, &CATALOGS, &[]).expect("the shipped mappings load").0
});

const MESSAGE: &str = r#"<r xmlns:x="urn:x"><no>1</no><p k="a"><v>1,234.50</v><w/><x:t>2026-01-02</x:t></p><p k="b"><v>3岁2月</v><v>I10^原发|E11^糖尿</v></p></r>"#;

static OPENINGS: LazyLock<Vec<Opening>> = LazyLock::new(|| {
    let rows = |names| Delimited {
        rows: Some("#".to_owned()),
        columns: "^".to_owned(),
        quote: None,
        names,
    };
    let inner = [
        Inner::Xml,
        Inner::Json,
        Inner::Hl7,
        Inner::Form,
        Inner::Csv(Delimited::csv()),
        Inner::Delimited(rows(Names::Numbers)),
        Inner::Delimited(rows(Names::FirstRow)),
    ];
    let transfers = [vec![], vec![Transfer::Base64], vec![Transfer::Base64, Transfer::Gzip]];
    let sealed = |word: &str, padding, iv| {
        let key = Secret::parse("0123456789abcdef").expect("it is a key");
        let cipher = word.parse().expect("it is a cipher");
        let decryption = Decryption::new(cipher, padding, key, iv).expect("they fit");
        Transfer::Cipher(Arc::new(decryption))
    };
    let further = [
        vec![Transfer::Url],
        vec![Transfer::Hex],
        vec![Transfer::Url, Transfer::Base64, sealed("aes-128-ecb", Padding::Pkcs7, None)],
        vec![Transfer::Hex, sealed("sm4-cbc", Padding::Zero, Some(Iv::Front))],
        vec![Transfer::Hex, sealed("3des-cbc", Padding::Pkcs7, Some(Iv::Key)), Transfer::Gzip],
    ];
    let skips = [None, Some("<".to_owned())];
    let mut openings = Vec::new();
    for inner in &inner {
        for transfers in &transfers {
            for skip_to in &skips {
                openings.push(Opening {
                    skip_to: skip_to.clone(),
                    transfers: transfers.clone(),
                    inner: inner.clone(),
                });
            }
        }
    }
    // Behind all others, whose numbers the seeds in the corpus begin with.
    for transfers in further {
        openings.push(Opening { skip_to: None, transfers, inner: Inner::Xml });
    }
    openings
});
