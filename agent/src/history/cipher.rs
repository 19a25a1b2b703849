//! What is kept of a patient can be read with the installation's key only: AES-256-GCM, a key for
//! each patient that is made of the installation's and of the patient's pseudonym.
//!
//! The row's own key is bound in, so that no row can stand in for another.

use crate::aead::{Aead, NONCE_BYTES, random};
use crate::patient_key::PatientKey;

/// Seals and opens what is kept of one patient.
pub(super) struct Cipher(Aead);

impl Cipher {
    pub(super) fn of(key: &PatientKey, patient: &[u8; 16]) -> Cipher {
        Cipher(Aead::new(&key.derive("history of", &[patient])))
    }

    /// Appends the sealed content to what stands in front of it. `None` when the system has no
    /// random numbers.
    pub(super) fn seal(&self, row: &[u8], mut content: Vec<u8>, out: &mut Vec<u8>) -> Option<()> {
        let nonce: [u8; NONCE_BYTES] = random()?;
        let tag = self.0.seal(nonce, row, &mut content);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&content);
        out.extend_from_slice(&tag);
        Some(())
    }

    /// The content, in place; `None` for what was sealed with another key, for another row, or
    /// is damaged.
    pub(super) fn open<'a>(&self, row: &[u8], sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let (nonce, content) = sealed.split_first_chunk_mut::<NONCE_BYTES>()?;
        let content = self.0.open(*nonce, row, content)?;
        Some(content)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_patient_and_row_open_it() {
        let folder = tempfile::tempdir().unwrap();
        let key = |name: &str| PatientKey::open(&folder.path().join(name)).unwrap();
        let (one, other) = (key("one"), key("other"));
        let mut sealed = Vec::new();
        Cipher::of(&one, &[1; 16]).seal(b"row", b"content".to_vec(), &mut sealed).unwrap();
        let open = |key, patient, row: &[u8], sealed: &[u8]| {
            let mut sealed = sealed.to_vec();
            Cipher::of(key, &[patient; 16]).open(row, &mut sealed).map(<[u8]>::to_vec)
        };
        assert_eq!(open(&one, 1, b"row", &sealed), Some(b"content".to_vec()));
        assert_eq!(open(&other, 1, b"row", &sealed), None);
        assert_eq!(open(&one, 2, b"row", &sealed), None);
        assert_eq!(open(&one, 1, b"wor", &sealed), None);
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert_eq!(open(&one, 1, b"row", &damaged), None, "{place}");
            assert_eq!(open(&one, 1, b"row", &sealed[..place]), None, "{place}");
        }
    }
}
