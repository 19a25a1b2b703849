//! Numbers and stretches as the engine writes them: low byte first, or 7 bits a byte.

/// What of some bytes is not read yet.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A number that counts bytes.
    pub(super) fn length(&mut self) -> Option<usize> {
        self.number().and_then(|it| usize::try_from(it).ok())
    }

    /// A stretch with its length in front.
    pub(super) fn sized(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }
}

/// Four bytes at a place; 0 behind the end.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(|it| it.first_chunk());
    found.map_or(0, |it| u32::from_le_bytes(*it))
}

/// Eight bytes at a place; 0 behind the end.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..).and_then(|it| it.first_chunk());
    found.map_or(0, |it| u64::from_le_bytes(*it))
}
