//! SCRAM-SHA-256 (RFC 5802, RFC 7677), as PostgreSQL asks for passwords. The server proves that it knows
//! the password, too.

use std::io;
use std::num::NonZeroU32;

use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::wire::garbled;
use crate::aead;

pub(super) struct Scram {
    password: String,
    nonce: String,
    /// What the server must prove itself with.
    expected: Option<Vec<u8>>,
}

impl Scram {
    pub(super) fn begin(password: &str) -> io::Result<Scram> {
        let random = aead::random::<18>().ok_or_else(|| io::Error::other("no random numbers"))?;
        Ok(Scram { password: password.to_owned(), nonce: STANDARD.encode(random), expected: None })
    }

    /// The first message: who we are is known already.
    pub(super) fn first(&self) -> String {
        format!("n,,n=,r={}", self.nonce)
    }

    /// The answer to the server's first message.
    pub(super) fn answer(&mut self, first: &[u8]) -> io::Result<String> {
        let first = str::from_utf8(first).map_err(|_| garbled("SASL is no text"))?;
        let of = |name: &str| first.split(',').find_map(|it| it.strip_prefix(name));
        let (Some(nonce), Some(salt), Some(rounds)) = (of("r="), of("s="), of("i=")) else {
            return Err(garbled("SASL lacks a part"));
        };
        if !nonce.starts_with(&self.nonce) {
            return Err(garbled("SASL answers somebody else"));
        }
        let salt = STANDARD.decode(salt).map_err(|_| garbled("the salt is not base64"))?;
        let rounds: Option<NonZeroU32> = rounds.parse().ok();
        let rounds = rounds.filter(|it| it.get() <= ROUNDS_MAX).ok_or_else(|| garbled("rounds"))?;
        let mut salted = [0; 32];
        let password = self.password.as_bytes();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password, &mut salted);
        let (client, server) = (mac(&salted, b"Client Key"), mac(&salted, b"Server Key"));
        let last = format!("c=biws,r={nonce}");
        let all = format!("n=,r={},{first},{last}", self.nonce);
        let signature = mac(&Sha256::digest(&client), all.as_bytes());
        let proof: Vec<u8> = client.iter().zip(&signature).map(|(one, two)| one ^ two).collect();
        self.expected = Some(mac(&server, all.as_bytes()));
        Ok(format!("{last},p={}", STANDARD.encode(proof)))
    }

    /// Whether the server knows the password.
    pub(super) fn prove(&self, last: &[u8]) -> io::Result<()> {
        let told = last.strip_prefix(b"v=").and_then(|it| STANDARD.decode(it).ok());
        match told {
            Some(told) if Some(&told) == self.expected.as_ref() => Ok(()),
            _ => Err(garbled("the server does not know the password")),
        }
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

/// A server that asks for more wants to keep us busy.
const ROUNDS_MAX: u32 = 1_000_000;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Worked out by hand from the RFC with an empty name, as PostgreSQL wants it: the proof is checked
    /// by a real server in the end-to-end tests.
    #[test]
    fn the_server_must_answer_us_and_know_the_password() {
        let begun = || Scram {
            password: "pencil".to_owned(),
            nonce: "rOprNGfwEbeRWgbNEkqO".to_owned(),
            expected: None,
        };
        let first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let mut scram = begun();
        let proof = scram.answer(first).unwrap();
        assert!(proof.starts_with("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2,p="), "{proof}");
        let good = format!("v={}", STANDARD.encode(scram.expected.clone().unwrap()));
        assert!(scram.prove(good.as_bytes()).is_ok());
        assert!(scram.prove(b"v=AAAA").is_err() && begun().prove(good.as_bytes()).is_err());
        assert!(begun().answer(b"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096").is_err());
        assert!(begun().answer(b"r=rOprNGfwEbeRWgbNEkqO1,s=,i=2000000000").is_err());
    }
}
