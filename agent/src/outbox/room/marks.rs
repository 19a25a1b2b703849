//! Low and high water: how much of the disk has to stay free, and what that comes to on a disk.

use std::str::FromStr;

use super::volume::Volume;

/// How much of a disk has to stay free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// What suits the disk: a gigabyte or two, on a small disk a part of it.
    #[default]
    Auto,
    /// So many bytes.
    Bytes(u64),
    /// So many hundredths of the disk.
    Percent(u8),
}

/// `auto`, `5%`, `2GiB`, `512MiB` or a number of bytes.
impl FromStr for Mark {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Mark, &'static str> {
        if text == "auto" {
            return Ok(Mark::Auto);
        }
        if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.trim().parse().ok().filter(|it| (1..=50).contains(it));
            return percent.map(Mark::Percent).ok_or("not a percentage from 1% to 50%");
        }
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
        let unit = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
        let (number, shift) = unit.unwrap_or((text, 0));
        let number: Option<u64> = number.trim().parse().ok();
        let bytes = number.and_then(|it| it.checked_mul(1 << shift)).filter(|it| *it > 0);
        bytes.map(Mark::Bytes).ok_or("not a number of bytes")
    }
}

/// Both marks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waters {
    pub(super) low: Mark,
    pub(super) high: Mark,
}

impl Waters {
    /// Low and high water of a disk, in bytes. High is never below low.
    pub(super) fn bytes(&self, volume: &Volume) -> (u64, u64) {
        let total = volume.total_bytes;
        let of = |mark, auto: u64, percent: u64| match mark {
            Mark::Auto => auto.min(total / 100 * percent),
            Mark::Bytes(bytes) => bytes,
            Mark::Percent(percent) => total / 100 * u64::from(percent),
        };
        let low = of(self.low, 1 << 30, 10);
        (low, of(self.high, 2 << 30, 15).max(low))
    }

    /// Whether there is too little. Who is short stays so until high water is reached.
    pub(super) fn is_short(&self, volume: &Volume, was_short: bool) -> bool {
        let (low, high) = self.bytes(volume);
        let (bytes, names) = if was_short { (high, NAMES_HIGH) } else { (low, NAMES_LOW) };
        volume.free_bytes < bytes || volume.names_free.is_some_and(|it| it < names)
    }
}

/// New files that a disk must still have names for: the store makes one a minute at worst.
const NAMES_LOW: u64 = 100;
const NAMES_HIGH: u64 = 200;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_bytes_or_a_part() {
        check_mark("auto", Ok(Mark::Auto));
        check_mark("5%", Ok(Mark::Percent(5)));
        check_mark("512MiB", Ok(Mark::Bytes(512 << 20)));
        check_mark("2 GiB", Ok(Mark::Bytes(2 << 30)));
        check_mark("4096", Ok(Mark::Bytes(4096)));
        check_mark("99%", Err("not a percentage from 1% to 50%"));
        for wrong in ["", "0", "-1", "2GB", "GiB", "99999999999TiB"] {
            check_mark(wrong, Err("not a number of bytes"));
        }
    }

    #[track_caller]
    fn check_mark(text: &str, expected: Result<Mark, &str>) {
        assert_eq!(text.parse::<Mark>(), expected, "{text}");
    }

    #[test]
    fn doors_close_below_low_water_and_open_at_high_water() {
        let (large, small) = (1_000 << 30, 5 << 30);
        check(
            "auto auto",
            large,
            [(1 << 30) - 1, 1 << 30, (2 << 30) - 1, 2 << 30],
            "short open short open",
        );
        // A tenth of a small disk, 15 hundredths.
        check(
            "auto auto",
            small,
            [536_870_909, 536_870_910, 805_306_364, 805_306_365],
            "short open short open",
        );
        check("10% 20%", 1_000, [99, 100, 199, 200], "short open short open");
        // High water is never below low water.
        check("10% 5%", 1_000, [99, 100, 99, 100], "short open short open");
    }

    /// What free bytes mean: the first two to open doors, the last two to closed ones.
    #[track_caller]
    fn check(marks: &str, total_bytes: u64, free: [u64; 4], expected: &str) {
        let (low, high) = marks.split_once(' ').unwrap();
        let waters = Waters { low: low.parse().unwrap(), high: high.parse().unwrap() };
        let told = free.iter().zip([false, false, true, true]).map(|(free_bytes, was_short)| {
            let volume = Volume { free_bytes: *free_bytes, total_bytes, names_free: None };
            if waters.is_short(&volume, was_short) { "short" } else { "open" }
        });
        assert_eq!(told.collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn a_disk_without_names_is_as_full_as_one_without_bytes() {
        let waters = Waters { low: Mark::Auto, high: Mark::Auto };
        let names = |it| Volume { free_bytes: 1 << 40, total_bytes: 1 << 41, names_free: it };
        assert!(waters.is_short(&names(Some(99)), false));
        assert!(!waters.is_short(&names(Some(100)), false));
        assert!(waters.is_short(&names(Some(199)), true));
        assert!(!waters.is_short(&names(None), true));
    }
}
