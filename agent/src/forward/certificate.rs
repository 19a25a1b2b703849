//! Until when a certificate holds.
//!
//! An open TLS connection outlives its certificate: nobody looks at it again after the handshake.
//! The agent does, so that an expired certificate is told with its reason on the day it expires and
//! not weeks later, at the platform's next restart. Only the validity is read here; TLS judges the
//! rest.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// `notAfter` of a certificate in DER; nothing when the bytes are no certificate.
pub(crate) fn holds_until(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (signed, _) = element(certificate, SEQUENCE)?;
    // The version is left out of certificates of the first version.
    let signed = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
    let (_serial, rest) = element(signed, INTEGER)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    let (_issuer, rest) = element(rest, SEQUENCE)?;
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, _not_before, not_after) = any(validity)?;
    let (tag, text, _) = any(not_after)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// Whole days that are left until then; below zero once it is over.
pub(crate) fn days_left(until: Timestamp) -> i64 {
    until.duration_since(Timestamp::now()).as_secs().div_euclid(86_400)
}

/// From so many days before its end on a certificate is told of.
pub(crate) const TOLD_BEFORE_DAYS: i64 = 30;

/// `notAfter` of the first certificate in a PEM text.
pub(super) fn pem_holds_until(pem: &str) -> Option<Timestamp> {
    holds_until(&CertificateDer::from_pem_slice(pem.as_bytes()).ok()?)
}

/// `notAfter` of every certificate in a PEM text; nothing for what is none.
pub(crate) fn pem_all_hold_until(pem: &str) -> Vec<Timestamp> {
    let all = CertificateDer::pem_slice_iter(pem.as_bytes());
    all.filter_map(|it| holds_until(&it.ok()?)).collect()
}

fn time(tag: u8, text: &str) -> Option<Timestamp> {
    // Two digits of a year below 50 are of this century, by X.509's own rule.
    let full = match tag {
        UTC_TIME if text < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The contents of an element with this tag, and what follows it.
pub(crate) fn element(bytes: &[u8], expected: u8) -> Option<(&[u8], &[u8])> {
    let (tag, contents, rest) = any(bytes)?;
    (tag == expected).then_some((contents, rest))
}

/// The first element: its tag, its contents, and what follows it.
pub(crate) fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < LONG_FORM {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first - LONG_FORM))?;
        if digits.len() > LENGTH_BYTES_MAX {
            return None;
        }
        (digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit)), rest)
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const LONG_FORM: u8 = 0x80;
const LENGTH_BYTES_MAX: usize = 3;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read() {
        assert_eq!(pem_holds_until(CERTIFICATE).unwrap().to_string(), EXPIRES);
        assert_eq!(pem_holds_until("no certificate"), None);
        assert_eq!(pem_all_hold_until(&CERTIFICATE.repeat(2)).len(), 2);
    }

    #[test]
    fn years_have_two_digits_or_four() {
        check(UTC_TIME, "491231235959Z", "2049-12-31T23:59:59Z");
        check(UTC_TIME, "500101000000Z", "1950-01-01T00:00:00Z");
        check(GENERALIZED_TIME, "20500101000000Z", "2050-01-01T00:00:00Z");
        check(INTEGER, "20500101000000Z", "none");
        check(UTC_TIME, "49123123", "none");
    }

    /// Whatever is cut off: an answer, and no panic.
    #[test]
    fn half_a_certificate_has_no_end() {
        let der = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
        for end in 0..der.len() {
            assert_eq!(holds_until(der.get(..end).unwrap()), None, "{end} bytes");
        }
    }

    #[track_caller]
    fn check(tag: u8, text: &str, expected: &str) {
        let actual = time(tag, text).map_or("none".to_owned(), |it| it.to_string());
        assert_eq!(actual, expected, "{text}");
    }

    const EXPIRES: &str = "2036-11-19T12:55:38Z";
    const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBgDCCASWgAwIBAgIUUL4igDbgm1EaKBNODsHVCmey5jUwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKbXEuZXhhbXBsZTAeFw0yNjExMjIxMjU1MzhaFw0zNjExMTkx
MjU1MzhaMBUxEzARBgNVBAMMCm1xLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQU4iHDwsmhphaIi4Vc0TP4FE46Rf2anTT4bkUR/APGD+ibvFPDxYLV
ldHq5xadlmlRF1E3a3Mt39spHYE/gsAOo1MwUTAdBgNVHQ4EFgQUcUeMKcd0hkgd
m9K6a3VZjvfCO+0wHwYDVR0jBBgwFoAUcUeMKcd0hkgdm9K6a3VZjvfCO+0wDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAqewbV459put7uib/hOgG
U8yaYG1DZiMystCG3FoMiBMCIQCmuSy7vDN6JGLabe7fxNgAnMayVBeLQusyxxmF
FJ/RPA==
-----END CERTIFICATE-----
";
}
