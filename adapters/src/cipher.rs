//! Undoes what a sender encrypted with a key that both sides hold.
//!
//! These are the methods that hospital interfaces use, old and weak ones among them: the sender
//! chose, and cannot be changed. A cipher hides; it does not prove who sent, and a text that was
//! tampered with may come out as another text. Proof is the work of a signature.

use std::fmt;
use std::str::FromStr;

use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockCipher, BlockDecryptMut, KeyInit, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use des::{Des, TdesEde2, TdesEde3};
use sm4::Sm4;

use crate::codes::CANNOT_DECRYPT;
use crate::error::DecodeError;
use crate::format::UnknownName;
use crate::secret::Secret;

/// A cipher and how it takes one block after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cipher {
    block: Block,
    mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Aes128,
    Aes192,
    Aes256,
    Des,
    TripleDes,
    Sm4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Each block alone.
    Ecb,
    /// Each block with the one before; the first with an initialisation vector.
    Cbc,
}

/// What fills the last block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// Bytes that say how many they are; PKCS5 is another name for it.
    #[default]
    Pkcs7,
    /// NULs, or nothing where the text fits by itself.
    Zero,
}

/// What stands before the first block in CBC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Iv {
    /// The first block of what was sent.
    Front,
    /// All zero.
    Zero,
    /// The beginning of the key.
    Key,
    /// A secret of its own.
    Given(Secret),
}

/// A cipher with its key: proved to fit each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decryption {
    cipher: Cipher,
    padding: Padding,
    key: Secret,
    // Invariant: there with CBC and only there; a given one has the length of a block.
    iv: Option<Iv>,
}

/// Why a key does not fit a cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The key's length.
    Key {
        /// How many bytes it has.
        has: usize,
    },
    /// The length of the initialisation vector.
    Iv {
        /// How many bytes it has.
        has: usize,
    },
    /// CBC without an initialisation vector, or ECB with one.
    Mode,
}

impl Cipher {
    /// Every word that `parse` knows.
    pub const WORDS: [&str; 12] = [
        "aes-128-ecb",
        "aes-128-cbc",
        "aes-192-ecb",
        "aes-192-cbc",
        "aes-256-ecb",
        "aes-256-cbc",
        "des-ecb",
        "des-cbc",
        "3des-ecb",
        "3des-cbc",
        "sm4-ecb",
        "sm4-cbc",
    ];

    /// Whether it needs an initialisation vector.
    #[must_use]
    pub fn needs_iv(self) -> bool {
        self.mode == Mode::Cbc
    }

    /// The lengths a key may have, in bytes.
    #[must_use]
    pub const fn key_bytes(self) -> &'static [usize] {
        match self.block {
            Block::Aes128 | Block::Sm4 => &[16],
            Block::Aes192 => &[24],
            Block::Aes256 => &[32],
            Block::Des => &[8],
            Block::TripleDes => &[16, 24],
        }
    }

    /// The length of a block, and so of an initialisation vector, in bytes.
    #[must_use]
    pub const fn block_bytes(self) -> usize {
        match self.block {
            Block::Des | Block::TripleDes => 8,
            _ => 16,
        }
    }
}

impl FromStr for Cipher {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Cipher, UnknownName> {
        let (block, mode) = name.rsplit_once('-').ok_or(UnknownName)?;
        let block = match block {
            "aes-128" => Block::Aes128,
            "aes-192" => Block::Aes192,
            "aes-256" => Block::Aes256,
            "des" => Block::Des,
            "3des" => Block::TripleDes,
            "sm4" => Block::Sm4,
            _ => return Err(UnknownName),
        };
        let mode = match mode {
            "ecb" => Mode::Ecb,
            "cbc" => Mode::Cbc,
            _ => return Err(UnknownName),
        };
        Ok(Cipher { block, mode })
    }
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let block = match self.block {
            Block::Aes128 => "aes-128",
            Block::Aes192 => "aes-192",
            Block::Aes256 => "aes-256",
            Block::Des => "des",
            Block::TripleDes => "3des",
            Block::Sm4 => "sm4",
        };
        let mode = if self.needs_iv() { "cbc" } else { "ecb" };
        write!(f, "{block}-{mode}")
    }
}

impl Padding {
    /// Every word that `parse` knows.
    pub const WORDS: [&str; 2] = ["pkcs7", "zero"];
}

impl FromStr for Padding {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Padding, UnknownName> {
        match name {
            "pkcs7" => Ok(Padding::Pkcs7),
            "zero" => Ok(Padding::Zero),
            _ => Err(UnknownName),
        }
    }
}

impl Decryption {
    /// Proves that key and vector fit the cipher.
    pub fn new(
        cipher: Cipher,
        padding: Padding,
        key: Secret,
        iv: Option<Iv>,
    ) -> Result<Decryption, Misfit> {
        if !cipher.key_bytes().contains(&key.len()) {
            return Err(Misfit::Key { has: key.len() });
        }
        match &iv {
            Some(Iv::Given(it)) if it.len() != cipher.block_bytes() => {
                Err(Misfit::Iv { has: it.len() })
            }
            iv if iv.is_some() != cipher.needs_iv() => Err(Misfit::Mode),
            _ => Ok(Decryption { cipher, padding, key, iv }),
        }
    }

    /// The cipher.
    #[must_use]
    pub const fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// What was encrypted. One fault for whatever is wrong: to say more would help whoever tries keys.
    pub(crate) fn decrypted(&self, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let plain = match self.cipher.block {
            Block::Aes128 => self.with::<Aes128>(bytes),
            Block::Aes192 => self.with::<Aes192>(bytes),
            Block::Aes256 => self.with::<Aes256>(bytes),
            Block::Des => self.with::<Des>(bytes),
            Block::TripleDes if self.key.len() == 16 => self.with::<TdesEde2>(bytes),
            Block::TripleDes => self.with::<TdesEde3>(bytes),
            Block::Sm4 => self.with::<Sm4>(bytes),
        };
        plain.ok_or_else(|| DecodeError::new(&CANNOT_DECRYPT))
    }

    fn with<C: BlockCipher + BlockDecryptMut + KeyInit>(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let key = self.key.bytes();
        let block_bytes = self.cipher.block_bytes();
        let zero = [0; 16];
        let (iv, bytes) = match &self.iv {
            None => return self.padded(C::new_from_slice(key).ok()?, bytes),
            Some(Iv::Front) => bytes.split_at_checked(block_bytes)?,
            Some(Iv::Zero) => (zero.get(..block_bytes)?, bytes),
            Some(Iv::Key) => (key.get(..block_bytes)?, bytes),
            Some(Iv::Given(iv)) => (iv.bytes(), bytes),
        };
        self.padded(cbc::Decryptor::<C>::new_from_slices(key, iv).ok()?, bytes)
    }

    fn padded<D: BlockDecryptMut>(&self, cipher: D, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.padding == Padding::Pkcs7 {
            return cipher.decrypt_padded_vec_mut::<Pkcs7>(bytes).ok();
        }
        let mut plain = cipher.decrypt_padded_vec_mut::<NoPadding>(bytes).ok()?;
        while plain.last() == Some(&0) {
            plain.pop();
        }
        Some(plain)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::transfer;

    /// What `openssl enc -CIPHER -K ... -iv ... -base64` makes of `<a>李</a>`; under `zero`, of a text
    /// that was filled up with NULs.
    #[test]
    fn what_openssl_encrypted_comes_out_again() {
        let given = |it: &str| Some(Iv::Given(Secret::parse(it).unwrap()));
        check("aes-128-ecb", "pkcs7", K16, None, "nLEa0DpVRCWDqqUdOliMzA==", "<a>李</a>");
        check(
            "aes-128-cbc",
            "pkcs7",
            K16,
            given("0000000000000000"),
            "P20o6VNn5PDEdBqkA6cUwg==",
            "<a>李</a>",
        );
        check("aes-192-ecb", "pkcs7", K24, None, "/K7882VwQmXycItAGYgLYA==", "<a>李</a>");
        check(
            "aes-192-cbc",
            "pkcs7",
            K24,
            given("0000000000000000"),
            "MlCFVQp1emRUlmyLCbEtTg==",
            "<a>李</a>",
        );
        check("aes-256-ecb", "pkcs7", K32, None, "D7tBX3ORdZSIvfk6Hq+LEA==", "<a>李</a>");
        check(
            "aes-256-cbc",
            "pkcs7",
            K32,
            given("0000000000000000"),
            "UyKC2GtuVHGeurGRTEeUjA==",
            "<a>李</a>",
        );
        check("sm4-ecb", "pkcs7", K16, None, "y9m5P79+eLstGDdwtoXHnw==", "<a>李</a>");
        check(
            "sm4-cbc",
            "pkcs7",
            K16,
            given("0000000000000000"),
            "mS1yt1J0wcUTueSa7iYBJw==",
            "<a>李</a>",
        );
        check("des-ecb", "pkcs7", K8, None, "vf2GEd1PA6o1m8c/z/bEng==", "<a>李</a>");
        check("des-cbc", "pkcs7", K8, given("00000000"), "Pu86tlOqUoZSeQ93clY4RA==", "<a>李</a>");
        check("3des-ecb", "pkcs7", K24, None, "TQ2W2bLw2DZPgLTedkTVTw==", "<a>李</a>");
        check("3des-cbc", "pkcs7", K16, given("00000000"), "kXvjywhUZr7ty8XUcWn1fQ==", "<a>李</a>");
        check("aes-128-cbc", "pkcs7", K16, Some(Iv::Zero), "nLEa0DpVRCWDqqUdOliMzA==", "<a>李</a>");
        check("aes-128-cbc", "pkcs7", K16, Some(Iv::Key), "IVQcmPXzL2TeC2ZDxjuolw==", "<a>李</a>");
        check(
            "aes-128-cbc",
            "pkcs7",
            K16,
            Some(Iv::Front),
            "MDAwMDAwMDAwMDAwMDAwMD9tKOlTZ+TwxHQapAOnFMI=",
            "<a>李</a>",
        );
        check("aes-128-ecb", "zero", K16, None, "RBekg0bPkmwJf4BY6BXpoA==", "<a>李</a>");
        check("aes-128-ecb", "pkcs7", K16, None, "yvf+KFpjRNvbl3Kgns+ifg==", "D709");
        check("aes-128-ecb", "pkcs7", K16, None, "AAAA", "D709");
        check("aes-128-ecb", "pkcs7", K16, None, "", "D709");
        check("aes-128-cbc", "pkcs7", K16, Some(Iv::Front), "AAAA", "D709");
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_length() {
        let misfit = |word: &str, key: &str, iv: Option<Iv>| {
            let key = Secret::parse(key).unwrap();
            format!("{:?}", Decryption::new(word.parse().unwrap(), Padding::Pkcs7, key, iv).err())
        };
        let given = |it: &str| Some(Iv::Given(Secret::parse(it).unwrap()));
        assert_eq!(misfit("aes-128-ecb", "short", None), "Some(Key { has: 5 })");
        assert_eq!(misfit("aes-128-cbc", K16, given("short")), "Some(Iv { has: 5 })");
        assert_eq!(misfit("aes-128-cbc", K16, None), "Some(Mode)");
        assert_eq!(misfit("aes-128-ecb", K16, Some(Iv::Zero)), "Some(Mode)");
        assert_eq!(misfit("3des-cbc", K16, given("12345678")), "None");
    }

    #[test]
    fn words() {
        for word in Cipher::WORDS {
            assert_eq!(word.parse::<Cipher>().map(|it| it.to_string()), Ok(word.to_owned()));
        }
        assert_eq!("aes-128-gcm".parse::<Cipher>(), Err(UnknownName));
        assert_eq!("aes".parse::<Cipher>(), Err(UnknownName));
        for word in Padding::WORDS {
            assert!(word.parse::<Padding>().is_ok());
        }
    }

    const K8: &str = "01234567";
    const K16: &str = "0123456789abcdef";
    const K24: &str = "0123456789abcdef01234567";
    const K32: &str = "0123456789abcdef0123456789ABCDEF";

    #[track_caller]
    fn check(word: &str, padding: &str, key: &str, iv: Option<Iv>, sent: &str, expected: &str) {
        let (cipher, padding) = (word.parse().unwrap(), padding.parse().unwrap());
        let key = Secret::parse(key).unwrap();
        let decryption = Decryption::new(cipher, padding, key, iv).unwrap();
        let bytes = transfer::from_base64(sent.as_bytes()).unwrap();
        let actual = match decryption.decrypted(&bytes) {
            Ok(plain) => String::from_utf8(plain).unwrap(),
            Err(error) => error.code().to_owned(),
        };
        assert_eq!(actual, expected);
    }
}
