//! The bytes of every version ever released. If one of these fails, old stores cannot be read:
//! bring in a new version beside the old one, and leave the old fixture as it is.
//!
//! Values in the clear, with a check, are written no more except to `seen`; here they still are, so
//! that it shows which bytes they had. What is sealed has its fixtures beside the vault.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::envelope::{ContentId, Original, ParkedMessage, ParkedRecord, UnknownCode};

#[test]
fn queue_version_1() {
    let bytes = unhex(
        "01ad909a3c36d36ff3000000000000012c026d310e32303236313132323130313533300272780248\
         3106323032342e310211111111111111111111111111111111022222222222222222222222222222\
         22222222222222222222222222222222222203666565014c036b7c31052261223a31111111111111\
         11111111111111111111ac0222222222222222222222222222222222222222222222222222222222\
         2222222203666565014c036b7c3100",
    );
    let found = Entry::read(Content::checked(&bytes).unwrap());
    assert_eq!(found, Ok(an_entry(None)), "a record of that time has no sum");
}

/// The content only: what seals it is beside the vault.
#[test]
fn queue_version_2() {
    let entry = an_entry(Some(Sum(0x0102_0304)));
    let plain = entry.plain().into_buffer();
    assert_eq!(
        hex(&plain[Plain::ROOM..]),
        "000000000000012c026d310e323032363131323231303135333002727802483106323032342e3102\
         11111111111111111111111111111111022222222222222222222222222222222222222222222222\
         22222222222222222203666565014c036b7c31052261223a31010102030411111111111111111111\
         111111111111ac022222222222222222222222222222222222222222222222222222222222222222\
         03666565014c036b7c31000101020304"
    );
    let found = Entry::read(Content::opened(&plain[Plain::ROOM..]));
    assert_eq!(found, Ok(entry));
}

fn an_entry(sum: Option<Sum>) -> Entry<'static> {
    let record = Stored {
        record_id: Uuid::from_bytes([0x11; 16]),
        revision: 2,
        digest: [0x22; 32],
        entity: "fee",
        lane: "L",
        key: "k|1",
        tail: "\"a\":1",
        sum,
    };
    Entry {
        bytes_before: 300,
        message_id: "m1",
        received_at: "20261122101530",
        channel: "rx",
        org: "H1",
        schema: "2024.1",
        records: vec![record.clone(), Stored { revision: 300, tail: "", ..record }],
    }
}

#[test]
fn seen_version_1() {
    let take = Take {
        digest: [0x33; 16],
        record_id: Uuid::from_bytes([0x11; 16]),
        seq: 1042,
        revision: 1,
        message_id: "m1".to_owned(),
        received_at: "20261122101530".to_owned(),
    };
    let takes = vec![take.clone(), Take { seq: u64::MAX, revision: u32::MAX, ..take }];
    let bytes = seal_takes(&takes, false);
    assert_eq!(
        hex(&bytes),
        "016c20909503a58bc302333333333333333333333333333333331111111111111111111111111111\
         1111920801026d310e32303236313132323130313533303333333333333333333333333333333311\
         111111111111111111111111111111ffffffffffffffffff01ffffffff0f026d310e323032363131\
         3232313031353330"
    );
    assert_eq!(last_seq(&bytes), Some(u64::MAX));
    assert_eq!(open_named_takes(&bytes), Ok((takes.clone(), false)));

    let hidden = seal_takes(&takes[..1], true);
    assert_eq!(
        hex(&hidden),
        "0110c9f9924c77491a013333333333333333333333333333333311111111111111111111111111111111\
         920801026d310e323032363131323231303135333001"
    );
    assert_eq!(last_seq(&hidden), Some(1042));
    assert_eq!(open_named_takes(&hidden), Ok((takes[..1].to_vec(), true)));
}

#[test]
fn dead_version_1() {
    let kept = DeadLetter {
        message_id: "m1".to_owned(),
        channel: "rx".to_owned(),
        received_at: "20261122101530".to_owned(),
        stage: Stage::Map,
        code: "M203".to_owned(),
        reason: "no".to_owned(),
        detail: "[]".to_owned(),
        raw: vec![0xff, 0],
        content_type: Some("text/xml".to_owned()),
    };
    let bytes = letter(&kept).checked();
    assert_eq!(
        hex(&bytes),
        "01e6314f9af456852f02026d310272780e3230323631313232313031353330044d323033026e6f02\
         5b5d0108746578742f786d6c02ff00"
    );
    assert_eq!(open_letter(&bytes).as_ref(), Ok(&kept));
    let bare = DeadLetter { content_type: None, raw: Vec::new(), ..kept };
    assert_eq!(open_letter(&letter(&bare).checked()), Ok(bare));
}

#[test]
fn shelf_version_1() {
    let bytes = kept(b"{}\xff").checked();
    assert_eq!(hex(&bytes), "01afa848867222f85c7b7dff");
    assert_eq!(open_kept(&bytes), Ok(&b"{}\xff"[..]));
    assert_eq!(open_kept(&kept(b"").checked()), Ok(&b""[..]));
    let mut flipped = bytes;
    flipped[9] ^= 1;
    assert_eq!(open_kept(&flipped), Err(Damage::Check));
}

#[test]
fn parked_version_1() {
    let record = ParkedRecord {
        record_id: Uuid::from_bytes([0x11; 16]),
        entity: "fee".to_owned(),
        key: "L|1".to_owned(),
        lane: "L".to_owned(),
        content: None,
        given_to: None,
    };
    let message = ParkedMessage {
        message_id: "m1".to_owned(),
        channel: "rx".to_owned(),
        received_at: "20261122101530".to_owned(),
        original: Original {
            raw: vec![0xff, 0].into(),
            content_type: Some("text/xml".to_owned()),
            reading: String::new(),
        },
        records: vec![record.clone(), record],
        unknown: vec![UnknownCode {
            map: "rx/codes/f.csv".to_owned(),
            code: "qd".to_owned(),
            element: "frqu".to_owned(),
        }],
    };
    let bytes = parked(&message).checked();
    assert_eq!(
        hex(&bytes),
        "0103ae94e0a2ac093b026d310272780e32303236313132323130313533300108746578742f786d6c\
         021111111111111111111111111111111103666565034c7c31014c11111111111111111111111111\
         11111103666565034c7c31014c010e72782f636f6465732f662e637376027164046672717502ff00"
    );
    assert_eq!(open_parked(&bytes).as_ref(), Ok(&message));
    let original = Original::default();
    let bare =
        ParkedMessage { original, records: Vec::new(), unknown: Vec::new(), ..message.clone() };
    assert_eq!(open_parked(&parked(&bare).checked()), Ok(bare));

    // What each record is comes behind everything that earlier releases look for.
    let mut known = message;
    known.records[1].content = Some(ContentId { identity: [0x22; 16], digest: [0x33; 16] });
    let with_contents = parked(&known).checked();
    let (content, added) = with_contents[9..].split_at(bytes.len() - 9);
    assert_eq!(
        (content, hex(added)),
        (&bytes[9..], format!("0001{}{}", "22".repeat(16), "33".repeat(16)))
    );
    assert_eq!(open_parked(&with_contents).as_ref(), Ok(&known));

    // And to which content its id was given behind that.
    known.records[0].given_to = Some(ContentId { identity: [0x44; 16], digest: [0x55; 16] });
    let with_given = parked(&known).checked();
    let (content, added) = with_given[9..].split_at(with_contents.len() - 9);
    assert_eq!(
        (content, hex(added)),
        (&with_contents[9..], format!("01{}{}00", "44".repeat(16), "55".repeat(16)))
    );
    assert_eq!(open_parked(&with_given).as_ref(), Ok(&known));
}

#[test]
fn stages_keep_their_numbers() {
    let numbers = crate::envelope::STAGES.map(stage_number);
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(stage_of(6), Err(Damage::Content));
}

#[test]
fn rows_of_numbers() {
    assert_eq!(hex(&numbers([1, 258])), "00000000000000010000000000000102");
    assert_eq!(read_numbers(&numbers([7, u64::MAX])), Some([7, u64::MAX]));
    assert_eq!(read_numbers::<1>(&[0; 7]), None);
    assert_eq!(read_numbers::<1>(&[0; 16]), None);
}

#[test]
fn any_change_is_noticed() {
    let bytes = letter(&DeadLetter {
        message_id: "m1".to_owned(),
        channel: String::new(),
        received_at: String::new(),
        stage: Stage::Store,
        code: String::new(),
        reason: String::new(),
        detail: String::new(),
        raw: vec![0; 20],
        content_type: None,
    })
    .checked();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            assert!(open_letter(&changed).is_err(), "byte {place}, bit {bit}");
        }
        assert!(open_letter(&bytes[..place]).is_err(), "cut at {place}");
    }
}

#[test]
fn numbers_of_any_size_and_no_larger() {
    for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
        let mut out = Plain::with_capacity(10);
        out.number(number);
        let bytes = out.checked();
        assert_eq!(Content::checked(&bytes).unwrap().number(), Ok(number));
    }
    for bytes in [&[0x80; 10][..], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]] {
        assert!(Content::opened(bytes).number().is_err(), "{bytes:?}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn open_letter(value: &[u8]) -> Result<DeadLetter, Damage> {
    Content::checked(value).and_then(read_letter)
}

fn open_parked(value: &[u8]) -> Result<ParkedMessage, Damage> {
    Content::checked(value).and_then(read_parked)
}

fn open_kept(value: &[u8]) -> Result<&[u8], Damage> {
    Content::checked(value).map(|it| read_kept(&it))
}
