//! The bytes of what is sealed, in every version ever released: an old fixture stays as it is.

use super::*;
use crate::outbox::format;

const MASTER: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const RING: &str = "01b676f5bdddc64b5f0832d9bf3c85bb8b01030e3230323631313232313031353330010101010101010101010101\
     75c1e7376a876a64d656651a1a6550dac96c8dd9938114def1d905ee9f0bfc33117335435d38b149cb88b425ac26\
     4808";
const SHELVED: &str = "0200000003050505050505050500000102b14ccdefbaf1a7b48441d0e01caaa28c263883";

/// Both were computed by another program from the description in `format`. A keyring with data key 3, and a value of the shelf under the key `k` that it opens.
#[test]
fn version_2() {
    let vault = Vault::unlock(a_ring(), &master()).unwrap();
    assert_eq!(hex(&a_ring().value()), RING);
    assert_eq!(Keyring::read(&unhex(RING)), Ok(a_ring()));
    set_nonces(&vault, [5; 8], 258);
    let value = vault.seal(Family::Shelf, b"k", format::kept(b"{}\xff"));
    assert_eq!(hex(&value), SHELVED);
    assert_eq!(open(&vault, Family::Shelf, b"k", &value), Ok(b"{}\xff".to_vec()));
}

#[test]
fn a_value_opens_at_its_place_only_and_unchanged() {
    let vault = Vault::unlock(a_ring(), &master()).unwrap();
    let value = vault.seal(Family::Dead, b"k", format::kept(b"content"));
    assert_eq!(open(&vault, Family::Dead, b"k", &value), Ok(b"content".to_vec()));
    assert_eq!(open(&vault, Family::Dead, b"l", &value), Err(Damage::Check));
    assert_eq!(open(&vault, Family::Parked, b"k", &value), Err(Damage::Check));
    for place in 0..value.len() {
        for bit in 0..8 {
            let mut changed = value.clone();
            changed[place] ^= 1 << bit;
            assert!(open(&vault, Family::Dead, b"k", &changed).is_err(), "{place}, bit {bit}");
        }
        assert!(open(&vault, Family::Dead, b"k", &value[..place]).is_err(), "cut at {place}");
    }
}

#[test]
fn a_key_that_is_not_in_the_ring_is_named() {
    let vault = Vault::unlock(a_ring(), &master()).unwrap();
    let mut value = vault.seal(Family::Dead, b"k", format::kept(b""));
    value[4] = 9;
    assert_eq!(open(&vault, Family::Dead, b"k", &value), Err(Damage::Key(9)));
}

#[test]
fn another_master_key_unlocks_nothing() {
    let other: MasterKey = MASTER.replace("1f", "1e").parse().unwrap();
    let error = Vault::unlock(a_ring(), &other).err().unwrap();
    assert_eq!(error.code(), "O121", "{error}");
    let mut forged = a_ring();
    forged.keys[0].id = 4;
    assert_eq!(Vault::unlock(forged, &master()).err().unwrap().code(), "O104");
}

#[test]
fn no_nonce_comes_twice() {
    let mut nonces = Nonces(Some(([7; 8], u32::MAX - 1)));
    let drawn: Vec<_> = (0..4).map(|_| nonces.next()).collect();
    assert_eq!(drawn[0], [7, 7, 7, 7, 7, 7, 7, 7, 0xff, 0xff, 0xff, 0xfe]);
    assert_eq!(drawn[1], [7, 7, 7, 7, 7, 7, 7, 7, 0xff, 0xff, 0xff, 0xff]);
    assert_ne!(drawn[2][..8], [7; 8], "after 2^32 values the random part is drawn anew");
    assert_eq!((&drawn[2][8..], &drawn[3][8..]), (&[0, 0, 0, 0][..], &[0, 0, 0, 1][..]));
    let [one, other] = [(); 2].map(|()| Nonces(None).next());
    assert_ne!(one, other, "two starts do not meet");
}

fn master() -> MasterKey {
    MASTER.parse().unwrap()
}

fn a_ring() -> Keyring {
    let made_at = "20261122101530".to_owned();
    let key = master().wrap(3, [1; 12], [2; 32]);
    let wrapped = Wrapped { id: 3, made_at, nonce: [1; 12], key };
    Keyring { master: master().fingerprint(), keys: vec![wrapped] }
}

fn set_nonces(vault: &Vault, prefix: [u8; 8], count: u32) {
    vault.0.read().unwrap().newest.nonces.lock().unwrap().0 = Some((prefix, count));
}

fn open(vault: &Vault, family: Family, key: &[u8], value: &[u8]) -> Result<Vec<u8>, Damage> {
    let mut scratch = Vec::new();
    vault.open(family, key, value, &mut scratch).map(|it| format::read_kept(&it).to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}
