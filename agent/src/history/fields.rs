//! Values as bytes: a tag, a length, the content. What is absent takes no room, and a reader passes
//! over tags it does not know, so that a newer release may add some.

use jiff::civil::{Date, DateTime, Time};
use rust_decimal::Decimal;

/// Values in the making.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.0.push(tag);
        self.length(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, tag: u8, text: Option<&str>) {
        if let Some(text) = text {
            self.bytes(tag, text.as_bytes());
        }
    }

    pub(super) fn number(&mut self, tag: u8, number: Option<Decimal>) {
        let Some(number) = number else { return };
        let mantissa = number.mantissa().to_be_bytes();
        // Sign bytes in front carry nothing; nearly every number is short.
        let sign = if number.mantissa() < 0 { 0xff } else { 0 };
        let at = mantissa.iter().position(|it| *it != sign).unwrap_or(15);
        let mut bytes = vec![u8::try_from(number.scale()).unwrap_or(0), sign];
        bytes.extend_from_slice(mantissa.get(at..).unwrap_or_default());
        self.bytes(tag, &bytes);
    }

    pub(super) fn moment(&mut self, tag: u8, moment: Option<DateTime>) {
        let Some(it) = moment else { return };
        let [high, low] = it.year().to_be_bytes();
        let rest = [it.month(), it.day(), it.hour(), it.minute(), it.second()];
        let [month, day, hour, minute, second] = rest.map(i8::cast_unsigned);
        self.bytes(tag, &[high, low, month, day, hour, minute, second]);
    }

    pub(super) fn day(&mut self, tag: u8, day: Option<Date>) {
        self.moment(tag, day.map(|it| it.to_datetime(Time::midnight())));
    }

    pub(super) fn flag(&mut self, tag: u8, flag: Option<bool>) {
        if let Some(flag) = flag {
            self.bytes(tag, &[u8::from(flag)]);
        }
    }

    /// Seven bits a byte, the lowest first.
    pub(super) fn length(&mut self, mut length: usize) {
        while length > 0x7f {
            self.0.push(0x80 | length.to_le_bytes()[0]);
            length >>= 7;
        }
        self.0.push(length.to_le_bytes()[0]);
    }
}

/// Values to be read, in their order; what is cut short ends them.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        self.0 = rest;
        let length = self.length()?;
        let (content, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }
}

impl<'a> Fields<'a> {
    pub(super) fn length(&mut self) -> Option<usize> {
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            length |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(length);
            }
            shift += 7;
        }
    }

    pub(super) fn cut(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }
}

pub(super) fn text(content: &[u8]) -> Option<String> {
    str::from_utf8(content).ok().map(str::to_owned)
}

pub(super) fn number(content: &[u8]) -> Option<Decimal> {
    let [scale, sign, digits @ ..] = content else { return None };
    let mut mantissa = [*sign; 16];
    let at = 16_usize.checked_sub(digits.len())?;
    mantissa.get_mut(at..)?.copy_from_slice(digits);
    Decimal::try_from_i128_with_scale(i128::from_be_bytes(mantissa), u32::from(*scale)).ok()
}

pub(super) fn moment(content: &[u8]) -> Option<DateTime> {
    let [high, low, rest @ ..] = <[u8; 7]>::try_from(content).ok()?;
    let [month, day, hour, minute, second] = rest.map(u8::cast_signed);
    DateTime::new(i16::from_be_bytes([high, low]), month, day, hour, minute, second, 0).ok()
}

pub(super) fn day(content: &[u8]) -> Option<Date> {
    moment(content).map(DateTime::date)
}

pub(super) fn flag(content: &[u8]) -> Option<bool> {
    content.first().map(|it| *it != 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        for text in [
            "0",
            "1",
            "-1",
            "0.10",
            "-128",
            "128",
            "255.5",
            "-0.001",
            "79228162514264337593543950335",
        ] {
            let given: Decimal = text.parse().unwrap();
            let mut out = Writer::default();
            out.number(1, Some(given));
            let (_, content) = Fields(&out.0).next().unwrap();
            assert_eq!(number(content).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_cut_short_ends_without_a_panic() {
        let mut out = Writer::default();
        out.text(1, Some(&"药".repeat(100)));
        out.moment(2, Some("2026-05-01T09:08:07".parse().unwrap()));
        for end in 0..out.0.len() {
            assert!(Fields(out.0.get(..end).unwrap()).count() < 2);
        }
        let all: Vec<_> = Fields(&out.0).collect();
        assert_eq!(all.len(), 2);
        let read = all.last().and_then(|(_, content)| moment(content)).unwrap();
        assert_eq!(read.to_string(), "2026-05-01T09:08:07");
    }
}
