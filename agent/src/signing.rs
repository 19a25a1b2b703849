//! Ed25519: signs what the agent states, and checks what was stated. The only file that names the
//! library of it.
//!
//! The key is made once and lies in a file of its own, readable by the daemon's user only.

use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::aead::random;
use crate::secret_file;

/// The agent's own key.
pub(crate) struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads the key's file, making it when it is not there.
    pub(crate) fn open(path: &Path) -> io::Result<SigningKey> {
        let seed = match fs::read(path) {
            Ok(seed) => seed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
            Err(error) => return Err(error),
        };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a key has 32 bytes");
        Ed25519KeyPair::from_seed_unchecked(&seed).map(SigningKey).map_err(|_| damaged())
    }

    /// The signature.
    pub(crate) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.0.sign(text).as_ref().to_vec()
    }

    /// What others check it with.
    pub(crate) fn public(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }
}

/// Whether this key signed this text.
pub(crate) fn is_signed(text: &[u8], signature: &[u8], public_key: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key).verify(text, signature).is_ok()
}

fn make(path: &Path) -> io::Result<Vec<u8>> {
    let seed: [u8; 32] =
        random().ok_or_else(|| io::Error::other("the system gives no random numbers"))?;
    secret_file::write(path, &seed)?;
    Ok(seed.to_vec())
}

/// A secret does not print.
impl std::fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SigningKey([REDACTED])")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_text_is_signed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        let signature = SigningKey::open(&path).unwrap().sign(b"balanced");
        let key = SigningKey::open(&path).unwrap();
        assert!(is_signed(b"balanced", &signature, &key.public()));
        assert!(!is_signed(b"Balanced", &signature, &key.public()));
        let other = SigningKey::open(&folder.path().join("other.key")).unwrap();
        assert!(!is_signed(b"balanced", &signature, &other.public()));
        fs::write(&path, "short").unwrap();
        assert_eq!(SigningKey::open(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
