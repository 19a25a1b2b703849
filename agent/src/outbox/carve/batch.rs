//! One record of the engine's log: changes that were made together.

use super::bytes::Bytes;
use super::{Change, Kind};

/// Shows the changes; `None` if the record is none that this program knows.
pub(super) fn changes<'a>(record: &'a [u8], mut show: impl FnMut(Change<'a>)) -> Option<()> {
    let (seqno, rest) = record.split_first_chunk::<8>()?;
    let (_count, rest) = rest.split_first_chunk::<4>()?;
    let (mut seqno, mut rest) = (u64::from_le_bytes(*seqno), Bytes(rest));
    while !rest.0.is_empty() {
        let tag = rest.byte()?;
        let family = match tag {
            4 | 5 | 8 | 14 => u32::try_from(rest.number()?).ok()?,
            _ => 0,
        };
        let kind = match tag {
            1 | 5 => Kind::Put,
            0 | 4 | 7 | 8 => Kind::Delete,
            14 | 15 => Kind::DeleteRange,
            3 => {
                rest.sized()?;
                continue;
            }
            13 => continue,
            _ => return None,
        };
        let key = rest.sized()?;
        let value = if kind == Kind::Delete { &[] } else { rest.sized()? };
        show(Change { family, seqno, kind, key, value, is_sure: true });
        seqno = seqno.saturating_add(1);
    }
    Some(())
}
