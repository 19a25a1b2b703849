//! Sets of bytes that are looked for in every text.

/// Some bytes, and whether a text has any of them.
///
/// Most texts are a few bytes long and have none: then looking each byte up is quicker than comparing
/// it, and going on to the end is quicker than asking after each whether to stop.
pub(crate) struct ByteSet([bool; 256]);

impl ByteSet {
    /// The bytes below a blank, and some others.
    pub(crate) const fn controls_and(others: &[u8]) -> ByteSet {
        let mut set = [false; 256];
        let mut byte: u8 = 0;
        let mut rest: &mut [bool] = &mut set;
        while let Some((first, behind)) = rest.split_first_mut() {
            *first = byte < 0x20 || contains(others, byte);
            byte = byte.wrapping_add(1);
            rest = behind;
        }
        ByteSet(set)
    }

    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).is_some_and(|it| *it)
    }

    pub(crate) fn meets(&self, text: &str) -> bool {
        text.bytes().fold(false, |found, byte| found | self.has(byte))
    }
}

const fn contains(mut bytes: &[u8], wanted: u8) -> bool {
    while let Some((first, rest)) = bytes.split_first() {
        if *first == wanted {
            return true;
        }
        bytes = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte() {
        let set = ByteSet::controls_and(&[b'"', 0xFF]);
        let has: Vec<u8> = (0x1E..=0xFF).filter(|byte| set.has(*byte)).collect();
        assert_eq!(has, [0x1E, 0x1F, b'"', 0xFF]);
        assert!(set.has(0));
        assert!(set.meets("药\"") && !set.meets("药 ") && !set.meets(""));
    }
}
