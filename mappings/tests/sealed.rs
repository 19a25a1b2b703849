//! Messages that are encrypted and signed, and keys that are there, missing or wrong.
//!
//! The message is SOAP; its one parameter is base64 of encrypted JSON, of which one member is HL7. What
//! was encrypted and signed here, openssl did.
#![allow(clippy::unwrap_used)]

use adapters::{Input, Limits, NodeId, WireFormat};
use mappings::{Catalogs, Context, MappingSet, case_keys};
use schemas::Files;

const MAPPING: &str = r#"[mapping]
name = "sealed"
profile = "clinical"
lane = '/body/hl7/PV1/19'
VERIFY
[[open]]
at = "body"
as = ["url", "base64", "aes-128-ecb", "json"]
key = "body"
[[open]]
at = "body/hl7"
as = "hl7"
BELOW
[[record]]
entity = "outpatient_prescription"
each = "body/hl7/ORC"
[record.elements]
mdtrt_sn = '/body/hl7/PV1/19'
rxno = '4'
rx_srt_no = '2 | decimal'
rx_detl_id = '/body/hl7/RXO/1'
rx_detl_name = '/body/hl7/RXO/1/2'
pric = '/body/hl7/ZRX/2 | decimal'
vali_flag = '"1"'
"#;

const KEYS: &str = "body = \"0123456789abcdef\"\nsign = \"test-only\"";

/// Encrypted in ECB, and in CBC behind its vector.
const BODY: &str = "1kqbT0aZcSbrE64LQ1TPYjxzqoFQ7gbGr2pr/+6Pl3ULQPyn/HOKAzP69MvBbT2BAXeZFNleocmC5Rmb01i6grzJlFBZXLsBGqWY6t969nix68GsJIBrNoeLEBCil714Vbi7HZdQut0s+IbVj9jH4whQ0tPCcLUrjYpD6U1Z6tOz5oJmmbG/67u6flkGKORuUJgYShxHAoJkwwHN1iKhsg==";
const BODY_CBC: &str = "QUFBQUFBQUFBQUFBQUFBQRGcV+UwZ4mh1f7nIqItVjA0QJNCqsTZxcGucO6YvJrlqbsWuXZNHkpTu1gFpqeGlMLeje8/34pDfYJqkdpaVk/hr+4/lQ8ljhdLJXeOZFQ7vfMpgBO9rlDvCipLCVFJXa+bR+UMyrpRGgf4uAncHT8NPgZOStkLO6iliL4hX8VhtTjcHh8yJk/W+lg7hUtnj9yIm4wFpAUqnx6JWNdSjh0=";

/// HMAC-SHA256 over `time` and BODY.
const SIGN: &str = "7b60a80ff8c43233c104f2bda69ab2e3c07effd9ac01cf89fd9131bb85a47d9d";
/// MD5 over what is inside, and the key.
const SIGN_INSIDE: &str = "5a8d1c0c6e723b586fe9bf8780d6112b";

const ABOVE: &str =
    "[[verify]]\nsign = 'sign'\nmethod = \"hmac-sha256\"\nover = ['time', 'body']\nkey = \"sign\"";
const BELOW: &str =
    "[[verify]]\nsign = 'sign'\nmethod = \"md5\"\nover = ['body', '$key']\nkey = \"sign\"";

#[test]
fn what_is_encrypted_is_read_to_the_bottom() {
    check(&mapping("", ""), KEYS, &message(BODY, ""), "YP1");
    let url = BODY.replace('+', "%2B").replace('/', "%2F").replace('=', "%3d");
    check(&mapping("", ""), KEYS, &message(&url, ""), "YP1");
    let cbc = mapping("", "").replace("aes-128-ecb", "aes-128-cbc");
    let cbc = cbc.replace("key = \"body\"", "key = \"body\"\niv = \"front\"");
    check(&cbc, KEYS, &message(BODY_CBC, ""), "YP1");
}

#[test]
fn a_text_that_cannot_be_decrypted_is_refused() {
    let wrong = KEYS.replace("0123456789abcdef", "0123456789abcdeF");
    check(&mapping("", ""), &wrong, &message(BODY, ""), "M102");
    check(&mapping("", ""), KEYS, &message(&BODY[4..], ""), "M102");
    check(&mapping("", ""), KEYS, &message("plain text", ""), "M102");
}

#[test]
fn a_signature_is_judged_where_it_is_written() {
    let above = mapping(ABOVE, "");
    check(&above, KEYS, &message(BODY, SIGN), "YP1");
    check(&above, KEYS, &message(BODY, &SIGN.to_uppercase()), "YP1");
    check(&above, KEYS, &message(BODY, SIGN_INSIDE), "M106");
    check(&above, KEYS, &message(BODY, &SIGN[2..]), "M106");
    check(&above, KEYS, &message(BODY, " "), "M105");
    check(&above, KEYS, &message(BODY, SIGN).replace("sign>", "other>"), "M105");
    check(&above, KEYS, &message(BODY, SIGN).replace("20260102", "20260103"), "M106");
    check(&above, &KEYS.replace("test-only", "test-onlY"), &message(BODY, SIGN), "M106");
    let below = mapping("", BELOW);
    check(&below, KEYS, &message(BODY, SIGN_INSIDE), "YP1");
    check(&below, KEYS, &message(BODY, SIGN), "M106");
    // Below nothing that is opened, the field is what was sent.
    check(&mapping(BELOW, ""), KEYS, &message(BODY, SIGN_INSIDE), "M106");
}

/// Two mappings of one envelope: what the first opened to be asked, the second does not open again, and
/// the signature over what was sent holds for both.
#[test]
fn mappings_share_an_envelope() {
    let when = |word: &str| format!("when = 'body/hl7/MSH/9 = \"{word}\"'\nprofile");
    let (adt, omp) = (when("ADT"), when("OMP"));
    let one = mapping(ABOVE, "").replace("profile", &adt);
    let two = mapping(ABOVE, "").replace("profile", &omp).replace("sealed", "second");
    let set = set(&[&one, &two]).keyed(&case_keys(KEYS).unwrap()).unwrap();
    assert!(outcome(&set, &message(BODY, SIGN)).contains("YP1"));
    assert!(outcome(&set, &message(BODY, SIGN_INSIDE)).contains("M106"));
}

/// Mappings that are asked one after the other about one envelope, each with its own idea of what is
/// signed: what one of them did to the message is nothing to the next.
#[test]
fn each_mapping_judges_what_it_would_have_seen_alone() {
    let asks = |it: String, word: &str| {
        it.replace("profile", &format!("when = 'body/hl7/MSH/9 = \"{word}\"'\nprofile"))
    };
    let other = ABOVE.replace("hmac-sha256", "hmac-md5");
    for first in [mapping("", ""), mapping("", BELOW), mapping(&other, ""), mapping(ABOVE, "")] {
        for (second, sign) in [(mapping(ABOVE, ""), SIGN), (mapping("", BELOW), SIGN_INSIDE)] {
            let (first, asking) = (asks(first.clone(), "ADT"), asks(second.clone(), "OMP"));
            for second in [second, asking] {
                let set = set(&[&first, &second]).keyed(&case_keys(KEYS).unwrap()).unwrap();
                let outcome = outcome(&set, &message(BODY, sign));
                assert!(outcome.contains("YP1"), "{first}\n{second}\n{outcome}");
            }
        }
    }
}

/// Whoever traces is told what was done, and that the condition and the signature read their fields.
#[test]
fn a_trace_says_what_was_opened_and_verified() {
    let mapping =
        mapping(ABOVE, "").replace("profile", "when = 'body/hl7/MSH/9 = \"OMP\"'\nprofile");
    let set = set(&[&mapping]).keyed(&case_keys(KEYS).unwrap()).unwrap();
    let message = message(BODY, SIGN);
    let limits = Limits::default();
    let input = Input::new(message.as_bytes(), WireFormat::Auto, None);
    let mut document = adapters::decode(&input, &limits).unwrap().document;
    let read = std::cell::RefCell::new(Vec::new());
    let reader = |node: NodeId| read.borrow_mut().push(node);
    let context = Context {
        channel: "c",
        org: "o",
        message_id: "m",
        received_at: jiff::civil::datetime(2026, 1, 2, 3, 4, 5, 0),
        operation: None,
    };
    let mapped = set.map_told(&mut document, &context, &limits, Some(&reader)).unwrap();
    assert_eq!(
        mapped.prepared,
        [
            "hmac-sha256 signature is right",
            "body opened by url > base64 > aes-128-ecb > json",
            "body/hl7 opened by hl7"
        ]
    );
    let paths: Vec<String> = read.borrow().iter().map(|it| document.path(*it)).collect();
    for path in ["time", "sign", "body/hl7/MSH/9"] {
        assert!(paths.iter().any(|it| it == path), "{path} is not among {paths:?}");
    }
}

/// A signature is not asked of messages that are another mapping's.
#[test]
fn only_the_mapping_that_applies_asks_for_its_signature() {
    let one = mapping(ABOVE, "").replace("profile", "when = 'time = \"1\"'\nprofile");
    let set = set(&[&one, &mapping("", "")]).keyed(&case_keys(KEYS).unwrap()).unwrap();
    assert!(outcome(&set, &message(BODY, "")).contains("YP1"));
}

/// Signed in GBK, over values in the order of their names.
#[test]
fn sorted_fields_and_charsets() {
    let verify = "[[verify]]\nsign = 'x/sign'\nmethod = \"md5\"\nsorted = 'x/*'\nequals = \"\"\n\
                  between = \"\"\nover = ['$sorted', '$key']\nkey = \"sign\"\ncharset = \"gbk\"";
    let fields = |sign: &str| {
        let x = format!("<x><name>李</name><sign>{sign}</sign><empty/><count>1</count></x>");
        message(BODY, "").replace("<time>", &format!("{x}<time>"))
    };
    check(&mapping(verify, ""), KEYS, &fields("a4621d54ae0aecdf960cae9a935e001b"), "YP1");
    check(
        &mapping(&verify.replace("gbk", "utf-8"), ""),
        KEYS,
        &fields("a4621d54ae0aecdf960cae9a935e001b"),
        "M106",
    );
}

#[test]
fn keys_are_proved_when_a_channel_is_loaded() {
    let told = |mapping: &str, keys: &str| match set(&[mapping]).keyed(&case_keys(keys).unwrap()) {
        Ok(_) => "fits".to_owned(),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    };
    let signed = mapping(ABOVE, "");
    assert_eq!(told(&signed, KEYS), "fits");
    assert_eq!(
        told(&signed, "bodi = \"0123456789abcdef\""),
        "v/m0.toml:13:7: error[M019]: there is no key `body` among the keys given; did you mean `bodi`?; \
         v/m0.toml:9:7: error[M019]: there is no key `sign` among the keys given"
    );
    assert_eq!(
        told(&signed, &KEYS.replace("abcdef", "abcde")),
        "v/m0.toml:13:7: error[M019]: the key `body` has 15 bytes, and aes-128-ecb takes 16"
    );
    let cbc = signed.replace("aes-128-ecb", "3des-cbc");
    let cbc = cbc.replace("key = \"body\"", "key = \"body\"\niv = \"sign\"");
    assert_eq!(
        told(&cbc, KEYS),
        "v/m0.toml:14:6: error[M019]: the vector `sign` has 9 bytes, and 3des-cbc takes 8"
    );
    assert_eq!(
        told(&mapping("", BELOW), &KEYS.replace("test-only", "hex:ff")),
        "v/m0.toml:17:7: error[M019]: the key `sign` is bytes, and $key is a text"
    );
    // Without keys nothing is read and nothing believed.
    assert!(outcome(&set(&[&mapping("", "")]), &message(BODY, "")).contains("M107"));
    assert!(outcome(&set(&[&signed]), &message(BODY, SIGN)).contains("M106"));
    assert!(case_keys("a = \"hex:0\"").unwrap_err().contains("`a`"));
}

fn mapping(above: &str, below: &str) -> String {
    MAPPING.replace("VERIFY", above).replace("BELOW", below)
}

fn message(body: &str, sign: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
         <Push xmlns=\"urn:h\"><time>20260102090000</time><body>{body}</body><sign>{sign}</sign></Push>\
         </s:Body></s:Envelope>"
    )
}

fn set(mappings: &[&str]) -> MappingSet {
    let mut files = Files::new();
    for (number, mapping) in mappings.iter().enumerate() {
        files.insert(format!("v/m{number}.toml"), *mapping);
    }
    let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap();
    match MappingSet::load(&files, &catalogs, &[]) {
        Ok((set, _)) => set,
        Err(problems) => panic!("{problems:#?}"),
    }
}

fn outcome(set: &MappingSet, message: &str) -> String {
    mappings::case_outcome(set, message.as_bytes(), None)
}

#[track_caller]
fn check(mapping: &str, keys: &str, message: &str, expected: &str) {
    let set = set(&[mapping]).keyed(&case_keys(keys).unwrap()).unwrap();
    let outcome = outcome(&set, message);
    assert!(outcome.contains(expected), "{outcome}");
    assert_eq!(expected.starts_with('M'), outcome.contains("refused"), "{outcome}");
}
