//! What a certificate calls its owner: the common name, and the names beside it (DNS, mail, URI). TLS has
//! proved the certificate by then; here it is only read.

use crate::forward::certificate::{any, element};

/// All its names; none when the bytes are no certificate.
pub(crate) fn names(der: &[u8]) -> Vec<String> {
    let Some((subject, extensions)) = parts(der) else { return Vec::new() };
    let mut names: Vec<String> = all(subject).filter_map(|(_, set)| common_name(set)).collect();
    let others = all(extensions).filter_map(|(_, it)| alternatives(it)).flat_map(all);
    let texts = others.filter(|(tag, _)| [MAIL, DNS, URI].contains(tag));
    names.extend(texts.filter_map(|(_, it)| str::from_utf8(it).ok().map(str::to_owned)));
    names
}

/// The subject, and the list of extensions.
fn parts(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (signed, _) = element(certificate, SEQUENCE)?;
    // The version is left out of certificates of the first version.
    let signed = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
    // Serial, algorithm, issuer, validity.
    let rest = (0..4).try_fold(signed, |rest, _| any(rest).map(|(_, _, rest)| rest))?;
    let (subject, rest) = element(rest, SEQUENCE)?;
    let extensions = all(rest).find(|(tag, _)| *tag == EXTENSIONS);
    let extensions = extensions.and_then(|(_, it)| element(it, SEQUENCE));
    Some((subject, extensions.map_or(&[], |(it, _)| it)))
}

/// The common name, if this part of a subject is one.
fn common_name(set: &[u8]) -> Option<String> {
    let (pair, _) = element(set, SEQUENCE)?;
    let (kind, value) = element(pair, OBJECT_ID)?;
    let (_, text, _) = any(value)?;
    (kind == COMMON_NAME).then(|| str::from_utf8(text).ok().map(str::to_owned))?
}

/// The list of names beside the common one, if this extension is that.
fn alternatives(extension: &[u8]) -> Option<&[u8]> {
    let (kind, rest) = element(extension, OBJECT_ID)?;
    let (_, value) = all(rest).find(|(tag, _)| *tag == OCTETS)?;
    if kind == ALTERNATIVES { element(value, SEQUENCE).map(|(it, _)| it) } else { None }
}

/// The elements of a list, each with its tag.
fn all(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, contents, rest) = any(bytes)?;
        bytes = rest;
        Some((tag, contents))
    })
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const OBJECT_ID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const EXTENSIONS: u8 = 0xA3;
const MAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.29.17
const ALTERNATIVES: &[u8] = &[0x55, 0x1D, 0x11];
