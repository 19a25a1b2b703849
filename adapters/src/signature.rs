//! Signatures over texts: a digest, plain or keyed, as digits or base64, and whether it is the right one.
//!
//! With a plain digest the key is one of the texts that are signed. That, MD5 and SHA-1 are what
//! hospitals have agreed on with each other; new interfaces should choose one of the `hmac` methods.

use std::fmt;
use std::str::FromStr;

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use sm3::Sm3;

use crate::format::UnknownName;
use crate::secret::Secret;
use crate::transfer;

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignMethod {
    hash: Hash,
    is_keyed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha512,
    Sm3,
}

impl SignMethod {
    /// Every word that `parse` knows.
    pub const WORDS: [&str; 10] = [
        "md5",
        "sha1",
        "sha256",
        "sha512",
        "sm3",
        "hmac-md5",
        "hmac-sha1",
        "hmac-sha256",
        "hmac-sha512",
        "hmac-sm3",
    ];

    /// Whether the key goes into the method rather than into the text.
    #[must_use]
    pub const fn is_keyed(self) -> bool {
        self.is_keyed
    }

    /// Whether `signature`, digits in any case or base64, is that of `bytes`. A keyed method without
    /// a key accepts nothing.
    #[must_use]
    pub fn verifies(self, signature: &str, bytes: &[u8], key: Option<&Secret>) -> bool {
        let Some(right) = self.signature(bytes, key) else { return false };
        let sent = signature.trim();
        let sent = if sent.len() == 2 * right.len() {
            transfer::from_hex(sent.as_bytes())
        } else {
            transfer::from_base64(sent.as_bytes())
        };
        sent.is_ok_and(|it| same(&it, &right))
    }

    fn signature(self, bytes: &[u8], key: Option<&Secret>) -> Option<Vec<u8>> {
        if !self.is_keyed {
            return Some(match self.hash {
                Hash::Md5 => Md5::digest(bytes).to_vec(),
                Hash::Sha1 => Sha1::digest(bytes).to_vec(),
                Hash::Sha256 => Sha256::digest(bytes).to_vec(),
                Hash::Sha512 => Sha512::digest(bytes).to_vec(),
                Hash::Sm3 => Sm3::digest(bytes).to_vec(),
            });
        }
        let key = key?.bytes();
        match self.hash {
            Hash::Md5 => keyed::<Hmac<Md5>>(key, bytes),
            Hash::Sha1 => keyed::<Hmac<Sha1>>(key, bytes),
            Hash::Sha256 => keyed::<Hmac<Sha256>>(key, bytes),
            Hash::Sha512 => keyed::<Hmac<Sha512>>(key, bytes),
            Hash::Sm3 => keyed::<Hmac<Sm3>>(key, bytes),
        }
    }
}

fn keyed<M: Mac + KeyInit>(key: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    mac.update(bytes);
    Some(mac.finalize().into_bytes().to_vec())
}

/// Looks at every byte, so that the time it takes says nothing of how much was right.
fn same(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && difference == 0
}

impl FromStr for SignMethod {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<SignMethod, UnknownName> {
        let (hash, is_keyed) = match name.strip_prefix("hmac-") {
            Some(hash) => (hash, true),
            None => (name, false),
        };
        let hash = match hash {
            "md5" => Hash::Md5,
            "sha1" => Hash::Sha1,
            "sha256" => Hash::Sha256,
            "sha512" => Hash::Sha512,
            "sm3" => Hash::Sm3,
            _ => return Err(UnknownName),
        };
        Ok(SignMethod { hash, is_keyed })
    }
}

impl fmt::Display for SignMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = match self.hash {
            Hash::Md5 => "md5",
            Hash::Sha1 => "sha1",
            Hash::Sha256 => "sha256",
            Hash::Sha512 => "sha512",
            Hash::Sm3 => "sm3",
        };
        write!(f, "{}{hash}", if self.is_keyed { "hmac-" } else { "" })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Signatures by `openssl dgst` of `a=1&b=李`; the key is `k`.
    #[test]
    fn what_openssl_signed_is_accepted() {
        check("md5", "24f3bdf524de7e1e678f361ee16ce388", true);
        check("hmac-md5", "a932092a4a30a2dfe538f20dc1834ed3", true);
        check("sha1", "5bd6ca808b2f2b3809eedee79688a8bac6911fb3", true);
        check("hmac-sha1", "7353e1c359be7400ec6e64357e30e33eb9c15184", true);
        check("sha256", "e6f0c3175a353003f4850eeb0cd8048405cf5ae76315d1aa5838ba387c1df950", true);
        check(
            "hmac-sha256",
            "f2e3dd0160a007ad39ff717e05addc8dc48192295d3b4f1a54e5d99c3fb64a76",
            true,
        );
        check(
            "sha512",
            "8a57816a73b8eccdeeecd14b7d3043164bd5ff0d04a996b22ab7aadd30c737440325561814fef9b3b5d6594989b65b1f998dce733bef3c60e6e29fc4929481ba",
            true,
        );
        check(
            "hmac-sha512",
            "5888528ff7e26ea6a0920a871fb32992345cde0b40881dfe6dfbbade748b95c3b55337bb448741992e803586febc5276901688dd955abe39a1fd7064a394e724",
            true,
        );
        check("sm3", "25472c0bc984c09d28ca01e0180138b6cd333eda7a55099d7db12b5e0bd9b8fd", true);
        check("hmac-sm3", "226acbfc6b0353005c3aba580f1667a3f4ed763dc31675097ed9363ed8fca8ac", true);
        check("md5", "24F3BDF524DE7E1E678F361EE16CE388", true);
        check("hmac-sha256", "8uPdAWCgB605/3F+Ba3cjcSBkildO08aVOXZnD+2SnY=", true);
        check("md5", "24f3bdf524de7e1e678f361ee16ce38g", false);
        check("md5", "24f3bdf524de7e1e678f361ee16ce3", false);
        check("md5", "", false);
    }

    #[test]
    fn words() {
        for word in SignMethod::WORDS {
            assert_eq!(word.parse::<SignMethod>().map(|it| it.to_string()), Ok(word.to_owned()));
        }
        assert_eq!("sha3".parse::<SignMethod>(), Err(UnknownName));
        assert_eq!("hmac-hmac-md5".parse::<SignMethod>(), Err(UnknownName));
    }

    #[track_caller]
    fn check(method: &str, signature: &str, expected: bool) {
        let method: SignMethod = method.parse().unwrap();
        let key = Secret::parse("k");
        assert_eq!(method.verifies(signature, "a=1&b=李".as_bytes(), key.as_ref()), expected);
        assert!(!method.verifies(signature, b"a=1&b=", key.as_ref()));
        assert!(!method.is_keyed() || !method.verifies(signature, "a=1&b=李".as_bytes(), None));
    }
}
