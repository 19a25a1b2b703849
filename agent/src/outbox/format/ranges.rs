//! Ranges of numbers as they are stored: how far each begins behind the last one's end, and how long
//! it is. A hundred thousand of them are a few hundred kilobytes.

use super::bytes::{Content, Damage, Plain};
use crate::ranges::Ranges;

impl Ranges {
    /// The value to store.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Plain::with_capacity(0);
        out.number(self.pieces());
        let mut behind = 0;
        for (from, end) in self.iter() {
            out.number(from - behind);
            out.number(end - from);
            behind = end;
        }
        out.checked()
    }

    /// Reads what [`Ranges::to_bytes`] wrote.
    pub(crate) fn from_bytes(value: &[u8]) -> Result<Ranges, Damage> {
        let mut content = Content::checked(value)?;
        let (mut ranges, mut behind) = (Ranges::default(), 0_u64);
        for _ in 0..content.number()? {
            let from = behind.checked_add(content.number()?).ok_or(Damage::Content)?;
            behind = from.checked_add(content.number()?).ok_or(Damage::Content)?;
            ranges.insert(from, behind);
        }
        Ok(ranges)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_as_they_were_written() {
        check(&[]);
        check(&[(0, 1)]);
        check(&[(3, 9), (10, 11), (1_000_000, 2_000_000), (u64::MAX - 1, u64::MAX)]);
        let mut cut = [(3, 9)].into_iter().collect::<Ranges>().to_bytes();
        cut.pop();
        assert!(Ranges::from_bytes(&cut).is_err());
    }

    #[track_caller]
    fn check(pieces: &[(u64, u64)]) {
        let ranges: Ranges = pieces.iter().copied().collect();
        assert_eq!(Ranges::from_bytes(&ranges.to_bytes()).unwrap(), ranges);
    }
}
