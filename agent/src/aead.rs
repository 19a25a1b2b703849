//! AES-256-GCM, the one cipher of what is kept on disk, and AES-256 itself for what only has to be looked
//! up. The only file that names the library of it.
//!
//! SM4-GCM would fit the same four functions; the library that is linked has no SM4.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_256, DecryptingKey, DecryptionContext, EncryptingKey, UnboundCipherKey,
};

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;
/// Bytes of a number that is used once.
pub(crate) const NONCE_BYTES: usize = NONCE_LEN;
/// Bytes by which a change of the sealed content shows.
pub(crate) const TAG_BYTES: usize = 16;

/// Seals and opens under one key.
pub(crate) struct Aead(LessSafeKey);

impl Aead {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Aead {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("32 bytes are a key of AES-256");
        Aead(LessSafeKey::new(key))
    }

    /// Seals the content where it stands and gives its tag. Never twice with the same nonce.
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        bound: &[u8],
        content: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(bound), content);
        let tag = tag.expect("a value is shorter than 64 GB");
        tag.as_ref().try_into().expect("a tag has 16 bytes")
    }

    /// The content, in place, of what stands before its tag; `None` for what was sealed with another
    /// key, for another place, or is damaged.
    pub(crate) fn open<'a>(
        &self,
        nonce: [u8; NONCE_BYTES],
        bound: &[u8],
        sealed: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place(nonce, Aad::from(bound), sealed).ok()
    }
}

/// Gives each block another one, the same for ever, and back. Only for blocks that are hashes: two equal
/// ones show as equal.
pub(crate) struct Blocks {
    hides: EncryptingKey,
    shows: DecryptingKey,
}

/// What [`Blocks`] works on.
pub(crate) type Block = [u8; 16];

impl Blocks {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Blocks {
        let key = || UnboundCipherKey::new(&AES_256, key).expect("32 bytes are a key of AES-256");
        let hides = EncryptingKey::ecb(key()).expect("AES takes single blocks");
        Blocks { hides, shows: DecryptingKey::ecb(key()).expect("AES takes single blocks") }
    }

    /// The block that stands for this one.
    pub(crate) fn hide(&self, mut block: Block) -> Block {
        self.hides.encrypt(&mut block).expect("16 bytes are a block of AES");
        block
    }

    /// The block that [`Blocks::hide`] was given.
    pub(crate) fn show(&self, mut block: Block) -> Block {
        self.shows
            .decrypt(&mut block, DecryptionContext::None)
            .expect("16 bytes are a block of AES");
        block
    }
}

/// Bytes that nobody can guess, from the kernel; `None` when it has none. The cipher's library would measure
/// the processor's jitter first, a third of the time of a start.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}
