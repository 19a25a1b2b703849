//! The key under which a patient is known in stores that outlive a visit: a hash that nobody can
//! turn back, or make for a guessed number, without the key's file.
//!
//! The file lies beside the outbox, 32 bytes, readable by the daemon's user only. It is made once;
//! without it, what was stored about a patient is no longer found, so a backup needs it too.

use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::aead::random;
use crate::secret_file;

/// The key of one installation.
#[derive(Clone)]
pub struct PatientKey {
    // Both hashes of HMAC once they have taken in the key: half of the work on a short text.
    inner: Sha256,
    outer: Sha256,
}

impl PatientKey {
    /// Reads the key's file, making it when it is not there.
    pub fn open(path: &Path) -> io::Result<PatientKey> {
        match fs::read(path) {
            Ok(bytes) => bytes.try_into().map(PatientKey::new).map_err(|_: Vec<u8>| {
                io::Error::new(io::ErrorKind::InvalidData, "a key has 32 bytes; restore the file")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
            Err(error) => Err(error),
        }
    }

    /// A patient's pseudonym: 32 hexadecimal digits, the same for the same number for ever.
    #[must_use]
    pub fn pseudonym(&self, org: &str, patn_id: &str) -> String {
        // With its length, or "ab" + "c" would be "a" + "bc".
        let length = (org.len() as u64).to_be_bytes();
        let tag = self.hmac(&[&length, org.as_bytes(), patn_id.as_bytes()]);
        hex(tag.get(..16).unwrap_or(&tag))
    }

    /// 32 bytes for one purpose, made of these parts: the same for ever, and of no use for another.
    #[must_use]
    pub(crate) fn derive(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        // With their lengths, as above. A length is 8 bytes that begin with zeros, and no purpose does.
        let lengths: Vec<[u8; 8]> =
            parts.iter().map(|it| (it.len() as u64).to_be_bytes()).collect();
        let parts = lengths.iter().zip(parts).flat_map(|(length, part)| [&length[..], part]);
        let all: Vec<&[u8]> = [purpose.as_bytes()].into_iter().chain(parts).collect();
        self.hmac(&all)
    }

    /// What stands in the key of a store for numbers of encounters and lines: keys are not sealed, and nobody
    /// is to find there which numbers came.
    #[must_use]
    pub(crate) fn name_in_keys(&self, parts: &[&str]) -> [u8; 16] {
        let parts: Vec<&[u8]> = parts.iter().map(|it| it.as_bytes()).collect();
        self.derive("name in keys", &parts).first_chunk().copied().unwrap_or_default()
    }

    fn new(key: [u8; BYTES]) -> PatientKey {
        let pad = |byte: u8| {
            let mut block = [byte; BLOCK];
            for (place, key) in block.iter_mut().zip(key) {
                *place ^= key;
            }
            Sha256::new_with_prefix(block)
        };
        PatientKey { inner: pad(0x36), outer: pad(0x5c) }
    }

    /// The same in every test.
    #[cfg(test)]
    pub(crate) fn of_tests() -> PatientKey {
        PatientKey::new([7; BYTES])
    }

    /// HMAC-SHA256 (RFC 2104).
    fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut inner = self.inner.clone();
        for part in parts {
            inner.update(part);
        }
        self.outer.clone().chain_update(inner.finalize()).finalize().into()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn make(path: &Path) -> io::Result<PatientKey> {
    let key = random().ok_or_else(|| io::Error::other("the system gives no random numbers"))?;
    secret_file::write(path, &key)?;
    Ok(PatientKey::new(key))
}

/// A secret does not print.
impl fmt::Debug for PatientKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PatientKey([REDACTED])")
    }
}

const BYTES: usize = 32;
/// Of SHA-256.
const BLOCK: usize = 64;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// RFC 4231, case 1, its key of 20 bytes filled up with zeros as HMAC itself does.
    #[test]
    fn it_is_hmac() {
        let mut key = [0; BYTES];
        key.iter_mut().take(20).for_each(|byte| *byte = 0x0b);
        let tag = PatientKey::new(key).hmac(&[b"Hi ", b"There"]);
        assert_eq!(hex(&tag), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }

    #[test]
    fn the_file_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("var/patient.key");
        let first = PatientKey::open(&path).unwrap();
        let again = PatientKey::open(&path).unwrap();
        assert_eq!(first.pseudonym("H1", "P1"), again.pseudonym("H1", "P1"));
        assert_ne!(first.pseudonym("H1", "P1"), first.pseudonym("H", "1P1"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(format!("{first:?}"), "PatientKey([REDACTED])");
        let other = PatientKey::open(&folder.path().join("other.key")).unwrap();
        assert_ne!(first.pseudonym("H1", "P1"), other.pseudonym("H1", "P1"));
        fs::write(&path, "short").unwrap();
        assert_eq!(PatientKey::open(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
