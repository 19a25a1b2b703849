//! One file of a backup, sealed: blocks of a megabyte, each under its own nonce and with its place bound in,
//! the last one marked. Blocks cannot be exchanged, left out or cut off without it being found.
//!
//! The key is drawn for one backup and used for nothing else, so a file's number and a block's number make
//! a nonce that never comes twice.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use crate::aead::{Aead, NONCE_BYTES, TAG_BYTES};

/// Length and digest of something that went by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// Why a sealed file was not opened.
#[derive(Debug)]
pub(super) enum Unsealed {
    /// The disk refused.
    Failed(io::Error),
    /// It is not what was sealed.
    Damaged,
}

/// Seals what is read; gives what went in and what came out.
pub(super) fn seal(
    aead: &Aead,
    file: u32,
    from: &mut impl Read,
    to: &mut impl Write,
    mut pause: impl FnMut(),
) -> io::Result<(Passed, Passed)> {
    let (mut plain, mut sealed) = (Meter::default(), Meter::default());
    let mut block = next_block(from)?;
    for number in 0_u64.. {
        let behind = if block.len() < BLOCK_BYTES { Vec::new() } else { next_block(from)? };
        let is_last = behind.is_empty();
        plain.note(&block);
        let tag = aead.seal(nonce(file, number), &bound(is_last), &mut block);
        for part in [&block[..], &tag] {
            to.write_all(part)?;
            sealed.note(part);
        }
        if is_last {
            break;
        }
        block = behind;
        pause();
    }
    Ok((plain.done(), sealed.done()))
}

/// Opens what was sealed; gives what came in and what went out. What was written when it fails is none
/// of it to be trusted.
pub(super) fn unseal(
    aead: &Aead,
    file: u32,
    from: &mut impl Read,
    to: &mut impl Write,
) -> Result<(Passed, Passed), Unsealed> {
    let (mut sealed, mut plain) = (Meter::default(), Meter::default());
    let mut block = take(from, BLOCK_BYTES + TAG_BYTES).map_err(Unsealed::Failed)?;
    for number in 0_u64.. {
        let is_full = block.len() == BLOCK_BYTES + TAG_BYTES;
        let behind = if is_full { take(from, BLOCK_BYTES + TAG_BYTES) } else { Ok(Vec::new()) };
        let behind = behind.map_err(Unsealed::Failed)?;
        sealed.note(&block);
        let opened = aead.open(nonce(file, number), &bound(behind.is_empty()), &mut block);
        let opened = opened.ok_or(Unsealed::Damaged)?;
        plain.note(opened);
        to.write_all(opened).map_err(Unsealed::Failed)?;
        if behind.is_empty() {
            break;
        }
        block = behind;
    }
    Ok((sealed.done(), plain.done()))
}

/// What a whole reader gives, for its digest alone.
pub(super) fn measured(from: &mut impl Read) -> io::Result<Passed> {
    let mut meter = Meter::default();
    loop {
        let block = next_block(from)?;
        meter.note(&block);
        if block.len() < BLOCK_BYTES {
            return Ok(meter.done());
        }
    }
}

fn next_block(from: &mut impl Read) -> io::Result<Vec<u8>> {
    take(from, BLOCK_BYTES)
}

fn take(from: &mut impl Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut block = Vec::with_capacity(bytes);
    from.take(bytes as u64).read_to_end(&mut block)?;
    Ok(block)
}

fn nonce(file: u32, number: u64) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    let parts = file.to_be_bytes().into_iter().chain(number.to_be_bytes());
    for (place, byte) in nonce.iter_mut().zip(parts) {
        *place = byte;
    }
    nonce
}

/// The file's and the block's number are in the nonce.
fn bound(is_last: bool) -> [u8; 2] {
    [b'B', u8::from(is_last)]
}

#[derive(Default)]
struct Meter {
    bytes: u64,
    hash: Sha256,
}

impl Meter {
    fn note(&mut self, part: &[u8]) {
        self.bytes += part.len() as u64;
        self.hash.update(part);
    }

    fn done(self) -> Passed {
        let hash: [u8; 32] = self.hash.finalize().into();
        Passed { bytes: self.bytes, sha256: crate::forward::files::hex(&hash) }
    }
}

const BLOCK_BYTES: usize = 1 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_again_whatever_its_length() {
        for length in [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES] {
            let plain: Vec<u8> = (0..length).map(|it| u8::try_from(it % 251).unwrap()).collect();
            let (sealed, told) = sealed(7, &plain);
            assert_ne!(sealed.get(..length), Some(&plain[..]).filter(|it| !it.is_empty()));
            let (came, out) = opened(7, &sealed).unwrap();
            assert_eq!((out, came), (plain, told), "{length}");
        }
    }

    #[test]
    fn nothing_of_it_can_be_changed_cut_or_exchanged() {
        let plain = vec![7; 2 * BLOCK_BYTES + 9];
        let (whole, _) = sealed(1, &plain);
        let block = BLOCK_BYTES + TAG_BYTES;
        let swapped = [&whole[block..2 * block], &whole[..block], &whole[2 * block..]].concat();
        for harmed in [
            whole[..whole.len() - 1].to_vec(),
            whole[..2 * block].to_vec(),
            whole[..block].to_vec(),
            whole[block..].to_vec(),
            [&whole[..], &[0]].concat(),
            swapped,
            Vec::new(),
        ] {
            assert!(opened(1, &harmed).is_none());
        }
        let mut flipped = whole.clone();
        flipped[block + 5] ^= 1;
        assert!(opened(1, &flipped).is_none());
        assert!(opened(2, &whole).is_none(), "another file's place");
        assert!(opened(1, &whole).is_some());
    }

    fn sealed(file: u32, plain: &[u8]) -> (Vec<u8>, (Passed, Passed)) {
        let mut out = Vec::new();
        let told = seal(&Aead::new(&[3; 32]), file, &mut &plain[..], &mut out, || ()).unwrap();
        assert_eq!(measured(&mut &out[..]).unwrap(), told.1);
        (out, told)
    }

    fn opened(file: u32, sealed: &[u8]) -> Option<((Passed, Passed), Vec<u8>)> {
        let mut out = Vec::new();
        let told = unseal(&Aead::new(&[3; 32]), file, &mut &sealed[..], &mut out);
        told.ok().map(|(came, gave)| ((gave, came), out))
    }
}
