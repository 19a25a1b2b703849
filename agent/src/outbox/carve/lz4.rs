//! Blocks that the engine has compressed. An LZ4 block does not say how long it is, but how long it
//! gets: it ends where that length is reached.

/// The bytes that were compressed, and how many bytes they took. `None` if these are none such.
pub(super) fn inflate(input: &[u8], length: usize) -> Option<(Vec<u8>, usize)> {
    let mut out = Vec::with_capacity(length.min(BLOCK_BYTES_MAX));
    let mut at = 0;
    loop {
        let token = *input.get(at)?;
        at += 1;
        let literals = counted(input, &mut at, token >> 4)?;
        out.extend_from_slice(input.get(at..at.checked_add(literals)?)?);
        at += literals;
        if out.len() >= length {
            return (out.len() == length).then_some((out, at));
        }
        let back = usize::from(u16::from_le_bytes(*input.get(at..)?.first_chunk()?));
        at += 2;
        let copied = counted(input, &mut at, token & 15)?.checked_add(4)?;
        if back == 0 || back > out.len() || out.len() + copied > length {
            return None;
        }
        for _ in 0..copied {
            out.push(*out.get(out.len() - back)?);
        }
    }
}

fn counted(input: &[u8], at: &mut usize, nibble: u8) -> Option<usize> {
    let mut count = usize::from(nibble);
    if nibble < 15 {
        return Some(count);
    }
    loop {
        let byte = *input.get(*at)?;
        *at += 1;
        count += usize::from(byte);
        if byte < 255 {
            return Some(count);
        }
    }
}

/// What is allocated before a byte is read; a longer block grows.
const BLOCK_BYTES_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks() {
        check(b"\x50hello", 5, Some(("hello", 6)));
        check(b"\x1fa\x01\x00\x00\x50bcdef....", 25, Some(("aaaaaaaaaaaaaaaaaaaabcdef", 11)));
        check(b"\x1fa\x02\x00\x00\x50bcdef", 25, None);
        check(b"\x50hell", 5, None);
        check(b"\x50hello", 4, None);
    }

    #[track_caller]
    fn check(input: &[u8], length: usize, expected: Option<(&str, usize)>) {
        let expected = expected.map(|(text, taken)| (text.as_bytes().to_vec(), taken));
        assert_eq!(inflate(input, length), expected);
    }
}
