//! What a document was wrapped in to travel: base64, hexadecimal digits or percent signs, a cipher, gzip.
//!
//! What comes out is text again, in an encoding that is settled by the rules for a whole body. A
//! short text can unfold into a long one, so what comes out is bounded twice: by the length that one
//! value may have, and by how much denser than text gzip can honestly be.

use std::io::Read;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::bufread::MultiGzDecoder;

use crate::charset::{self, Declared};
use crate::codes::{NOT_BASE64, NOT_GZIP, NOT_HEX, NOT_PERCENT, UNFOLDS_TOO_FAR};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::opening::Transfer;

/// The text that another text carries.
pub(crate) fn undo(
    text: &str,
    transfers: &[Transfer],
    limits: &Limits,
) -> Result<String, DecodeError> {
    let bytes = unwrapped(text.as_bytes(), transfers, limits)?;
    let (text, _) = charset::decode(&bytes, Declared::default(), &mut Vec::new())?;
    if text.len() > limits.text_bytes_max {
        return Err(DecodeError::new(&UNFOLDS_TOO_FAR).with_limit(limits.text_bytes_max));
    }
    Ok(text.into_owned())
}

/// The bytes that others carry.
pub(crate) fn unwrapped(
    bytes: &[u8],
    transfers: &[Transfer],
    limits: &Limits,
) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = bytes.to_vec();
    for transfer in transfers {
        bytes = match transfer {
            Transfer::Url => from_percent(&bytes)?,
            Transfer::Hex => from_hex(&bytes)?,
            Transfer::Base64 => from_base64(&bytes)?,
            Transfer::Gzip => from_gzip(&bytes, limits)?,
            Transfer::Cipher(decryption) => decryption.decrypted(&bytes)?,
        };
    }
    Ok(bytes)
}

/// Only `%` and two digits: a plus is a plus, since base64 is what is mostly inside.
fn from_percent(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2).unwrap_or((rest, &[]));
        let at = text.len() - rest.len() - 1;
        let byte = match digits {
            [high, low] => digit(*high).zip(digit(*low)),
            _ => None,
        };
        let (high, low) = byte.ok_or_else(|| DecodeError::at(&NOT_PERCENT, at))?;
        bytes.push(high << 4 | low);
        rest = behind;
    }
    Ok(bytes)
}

/// Two digits a byte, in any case; line breaks and blanks are no part of it.
pub(crate) fn from_hex(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (at, letter) in text.iter().enumerate().filter(|(_, it)| !is_blank(**it)) {
        let digit = digit(*letter).ok_or_else(|| DecodeError::at(&NOT_HEX, at))?;
        high = match high {
            None => Some(digit),
            Some(high) => {
                bytes.push(high << 4 | digit);
                None
            }
        };
    }
    if high.is_some() { Err(DecodeError::at(&NOT_HEX, text.len())) } else { Ok(bytes) }
}

fn digit(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).and_then(|it| u8::try_from(it).ok())
}

fn is_blank(it: u8) -> bool {
    matches!(it, b' ' | b'\t' | b'\r' | b'\n' | 0)
}

/// Line breaks and blanks are no part of it; padding may be there or not.
pub(crate) fn from_base64(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let packed: Vec<u8> = text.iter().copied().filter(|it| !is_blank(*it)).collect();
    let is_url_safe = packed.iter().any(|it| matches!(it, b'-' | b'_'));
    let engine = if is_url_safe { &URL_SAFE } else { &STANDARD };
    engine.decode(&packed).map_err(|error| {
        let solid = match error {
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => {
                packed.len()
            }
        };
        let mut places = text.iter().enumerate().filter(|(_, it)| !is_blank(**it));
        DecodeError::at(&NOT_BASE64, places.nth(solid).map_or(text.len(), |(at, _)| at))
    })
}

fn from_gzip(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    let dense = bytes.len().saturating_mul(RATIO_MAX).saturating_add(RATIO_SLACK_BYTES);
    let max = limits.text_bytes_max.min(dense);
    let mut unfolded = Vec::new();
    let reader = MultiGzDecoder::new(bytes);
    let mut bounded = reader.take(u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1));
    bounded.read_to_end(&mut unfolded).map_err(|_| DecodeError::new(&NOT_GZIP))?;
    if unfolded.len() > max {
        return Err(DecodeError::new(&UNFOLDS_TOO_FAR).with_limit(max));
    }
    Ok(unfolded)
}

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// A long fee list of equal lines comes to about a hundred.
const RATIO_MAX: usize = 256;
const RATIO_SLACK_BYTES: usize = 64 << 10;
