//! Bytes to text for what is too long to be held: the same rules, a chunk at a time.
//!
//! A chunk ends behind a `>` or a line feed, which are no part of a longer character in UTF-8,
//! GB18030 and the other encodings that are taken here, so every chunk can be decoded by itself.
//! What the whole shows is what all chunks show together.

use std::borrow::Cow;
use std::io::{self, Read, Seek, SeekFrom};

use super::declared::{self, Candidate, Label};
use super::{Charset, CharsetDecision, Declared, Fault, Why, decode_as, evidence, utf16_or_mark};
use crate::codes::{EMPTY_BODY, MIXED_ENCODINGS, TEXT_TOO_LONG, UNDECODABLE};
use crate::error::DecodeError;
use crate::stream::StreamError;

/// Settles the encoding of a whole source, each candidate tried strictly over all of it.
pub(crate) fn settle<R: Read + Seek>(
    source: &mut R,
    http: Option<&str>,
    chunk_bytes_max: usize,
) -> Result<CharsetDecision, StreamError> {
    source.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    source.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    if head.is_empty() {
        return Err(DecodeError::new(&EMPTY_BODY).into());
    }
    let labels = declared::labels(&head, Declared { http, form: None });
    let declared = labels.first().map(|it| it.name.clone());
    let decision =
        |(chosen, why), mark_bytes| CharsetDecision { chosen, why, declared, mark_bytes };
    if let Some((charset, why, mark_bytes)) = utf16_or_mark(&head) {
        return Ok(decision((charset, why), mark_bytes));
    }
    let mut trial = Trial { source, chunk_bytes_max };
    let as_utf8 = trial.as_utf8()?;
    for label in &labels {
        if let Some(chosen) = trial.under(label, &as_utf8)? {
            return Ok(decision(chosen, 0));
        }
    }
    let chosen = trial.by_evidence(&labels, &as_utf8)?;
    Ok(decision(chosen, 0))
}

/// What a source is when it is read as UTF-8.
#[derive(Default)]
struct AsUtf8 {
    fault: Option<DecodeError>,
    is_ascii: bool,
    han: bool,
    foreign: bool,
}

struct Trial<'a, R> {
    source: &'a mut R,
    chunk_bytes_max: usize,
}

type Chosen = (Charset, Why);

impl<R: Read + Seek> Trial<'_, R> {
    fn under(&mut self, label: &Label, utf8: &AsUtf8) -> Result<Option<Chosen>, StreamError> {
        Ok(match label.candidate {
            Candidate::Utf8 if utf8.fault.is_none() => Some((Charset::Utf8, label.source)),
            Candidate::Trusted(charset) if utf8.fault.is_none() && utf8.is_ascii => {
                Some((charset, label.source))
            }
            Candidate::Trusted(_) if utf8.fault.is_none() && utf8.han && !utf8.foreign => {
                Some((Charset::Utf8, Why::ReadsAsChinese))
            }
            Candidate::Trusted(charset) if !is_stateful(charset) => {
                let fault = self.fault_in(charset)?;
                if fault.is_none() {
                    self.expect_unmixed(charset, utf8)?;
                }
                fault.is_none().then_some((charset, label.source))
            }
            _ => None,
        })
    }

    fn by_evidence(&mut self, labels: &[Label], utf8: &AsUtf8) -> Result<Chosen, StreamError> {
        let named = labels.iter().any(|label| label.candidate != Candidate::Unknown);
        let why = if named && !utf8.is_ascii { Why::NotAsDeclared } else { Why::Valid };
        if utf8.fault.is_none() {
            let misread = !named && utf8.foreign && self.is_gb2312_hanzi_only()?;
            if misread && self.fault_in(Charset::Gb18030)?.is_none() {
                return Ok((Charset::Gb18030, Why::ReadsAsChinese));
            }
            return Ok((Charset::Utf8, why));
        }
        let fault = self.fault_in(Charset::Gb18030)?;
        self.expect_unmixed(Charset::Gb18030, utf8)?;
        let Some(fault) = fault else { return Ok((Charset::Gb18030, why)) };
        let last = labels.iter().find_map(|label| match label.candidate {
            Candidate::ProvesNothing(Some(charset)) => Some((charset, label.source)),
            _ => None,
        });
        if let Some((charset, source)) = last
            && self.fault_in(charset)?.is_none()
        {
            return Ok((charset, source));
        }
        Err(told(labels, utf8, fault).into())
    }

    fn as_utf8(&mut self) -> Result<AsUtf8, StreamError> {
        let mut seen = AsUtf8 { is_ascii: true, ..AsUtf8::default() };
        self.each_chunk(|chunk, at| {
            if seen.is_ascii && chunk.is_ascii() {
                return true;
            }
            seen.is_ascii = false;
            match decode_as(Charset::Utf8, chunk) {
                Ok(text) => {
                    let survey = evidence::survey(&text);
                    seen.han |= survey.han;
                    seen.foreign |= survey.foreign;
                }
                Err(fault) => seen.fault = Some(fault.shifted(at).into()),
            }
            seen.fault.is_none()
        })?;
        Ok(seen)
    }

    fn fault_in(&mut self, charset: Charset) -> Result<Option<DecodeError>, StreamError> {
        let mut found = None;
        self.each_chunk(|chunk, at| {
            found = decode_as(charset, chunk).err().map(|it: Fault| it.shifted(at).into());
            found.is_none()
        })?;
        Ok(found)
    }

    fn is_gb2312_hanzi_only(&mut self) -> Result<bool, StreamError> {
        let mut only = true;
        self.each_chunk(|chunk, _| {
            only = evidence::is_gb2312_hanzi_only(chunk);
            only
        })?;
        Ok(only)
    }

    /// No part may be UTF-8 only and another anything but.
    fn expect_unmixed(&mut self, charset: Charset, utf8: &AsUtf8) -> Result<(), StreamError> {
        if charset != Charset::Gb18030 || utf8.fault.is_none() {
            return Ok(());
        }
        let (mut is_utf8_at, mut is_not_utf8_at) = (None, None);
        self.each_chunk(|chunk, at| {
            let (is_utf8, is_not_utf8) = evidence::sides(chunk);
            is_utf8_at = is_utf8_at.or(is_utf8.map(|it| it + at));
            is_not_utf8_at = is_not_utf8_at.or(is_not_utf8.map(|it| it + at));
            is_utf8_at.is_none() || is_not_utf8_at.is_none()
        })?;
        match (is_utf8_at, is_not_utf8_at) {
            (Some(one), Some(other)) => {
                let error = DecodeError::at(&MIXED_ENCODINGS, one.max(other));
                Err(error.with_related(one.min(other)).into())
            }
            _ => Ok(()),
        }
    }

    /// Shows every chunk and where it begins, until told that it is enough.
    fn each_chunk(&mut self, mut see: impl FnMut(&[u8], usize) -> bool) -> Result<(), StreamError> {
        self.source.seek(SeekFrom::Start(0))?;
        let mut chunks = Chunks::new(&mut *self.source, Charset::Utf8, self.chunk_bytes_max);
        let mut at = 0;
        while let Some(chunk) = chunks.next()? {
            if !see(chunk, at) {
                break;
            }
            at += chunk.len();
        }
        Ok(())
    }
}

/// The fault in what was declared, or else in the reading that gets further.
fn told(labels: &[Label], utf8: &AsUtf8, gb18030: DecodeError) -> DecodeError {
    let utf8 = utf8.fault.clone();
    let declared = labels.iter().find_map(|label| match label.candidate {
        Candidate::Utf8 => utf8.clone(),
        Candidate::Trusted(Charset::Gb18030) => Some(gb18030.clone()),
        _ => None,
    });
    let both = utf8.into_iter().chain([gb18030]);
    declared
        .or_else(|| both.max_by_key(DecodeError::offset))
        .unwrap_or(DecodeError::new(&UNDECODABLE))
}

/// Encodings in which a `>` may be half of a character.
fn is_stateful(charset: Charset) -> bool {
    matches!(charset, Charset::Other(name) if name.starts_with("ISO-2022"))
}

/// A source in chunks that each end where a character does.
struct Chunks<R> {
    source: R,
    charset: Charset,
    chunk_bytes_max: usize,
    buffer: Vec<u8>,
    /// How much of the buffer was given out.
    given: usize,
    is_all: bool,
}

impl<R: Read> Chunks<R> {
    fn new(source: R, charset: Charset, chunk_bytes_max: usize) -> Chunks<R> {
        Chunks { source, charset, chunk_bytes_max, buffer: Vec::new(), given: 0, is_all: false }
    }

    fn next(&mut self) -> Result<Option<&[u8]>, StreamError> {
        self.buffer.drain(..self.given);
        self.given = 0;
        let mut wanted = CHUNK_BYTES;
        while !self.is_all {
            self.read(wanted)?;
            self.given = self.safe_end();
            if self.given > 0 || self.is_all {
                break;
            }
            if self.buffer.len() > self.chunk_bytes_max {
                let max = self.chunk_bytes_max;
                return Err(DecodeError::new(&TEXT_TOO_LONG).with_limit(max).into());
            }
            wanted = self.buffer.len() * 2;
        }
        if self.is_all {
            self.given = self.buffer.len();
        }
        Ok(self.buffer.get(..self.given).filter(|chunk| !chunk.is_empty()))
    }

    fn read(&mut self, bytes_wanted: usize) -> io::Result<()> {
        let wanted = bytes_wanted.saturating_sub(self.buffer.len());
        let room = u64::try_from(wanted).unwrap_or(u64::MAX);
        let read = self.source.by_ref().take(room).read_to_end(&mut self.buffer)?;
        self.is_all = read < wanted;
        Ok(())
    }

    fn safe_end(&self) -> usize {
        let is_end = |unit: u16| unit == u16::from(b'>') || unit == u16::from(b'\n');
        let unit: fn([u8; 2]) -> u16 = match self.charset {
            Charset::Utf16Le => u16::from_le_bytes,
            Charset::Utf16Be => u16::from_be_bytes,
            _ => {
                let end = self.buffer.iter().rposition(|byte| is_end(u16::from(*byte)));
                return end.map_or(0, |at| at + 1);
            }
        };
        let pairs = self.buffer.chunks_exact(2);
        let units = pairs.map(|pair| match pair {
            [first, second] => unit([*first, *second]),
            _ => 0,
        });
        let mut units: Vec<u16> = units.collect();
        while units.last().is_some_and(|it| !is_end(*it)) {
            units.pop();
        }
        units.len() * 2
    }
}

/// A source as text, chunk by chunk.
pub(crate) struct Texts<R> {
    chunks: Chunks<R>,
    /// Where the next chunk begins, in bytes of the source.
    at: usize,
}

impl<R: Read> Texts<R> {
    /// `source` stands behind the byte order mark, if there is one.
    pub(crate) fn new(source: R, decision: &CharsetDecision, chunk_bytes_max: usize) -> Texts<R> {
        let chunks = Chunks::new(source, decision.chosen, chunk_bytes_max);
        Texts { chunks, at: decision.mark_bytes }
    }

    /// The next piece of text, and how many bytes of the source it took.
    pub(crate) fn next(&mut self) -> Result<Option<(Cow<'_, str>, usize)>, StreamError> {
        let charset = self.chunks.charset;
        let Some(chunk) = self.chunks.next()? else { return Ok(None) };
        let at = self.at;
        self.at += chunk.len();
        let text = decode_as(charset, chunk).map_err(|it| DecodeError::from(it.shifted(at)))?;
        Ok(Some((text, chunk.len())))
    }
}

const HEAD_BYTES: u64 = 4096;
const CHUNK_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// What is decided chunk by chunk is what is decided at once.
    #[test]
    fn the_rules_are_those_for_a_whole_body() {
        let gbk = |text: &str| {
            let mut bytes = Vec::new();
            super::super::gb18030::encode(text, &mut bytes);
            bytes
        };
        let text = |declared: &str, value: &str| {
            let line = format!("<a>{value}</a>\n").repeat(20_000);
            format!("<?xml version='1.0'{declared}?><r>{line}</r>")
        };
        let mixed = [gbk(&text("", "李建国")), text("", "阿司匹林").into_bytes()].concat();
        let utf16: Vec<u8> = text("", "李").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut cut = gbk(&text("", "李"));
        cut.push(0xB9);
        for body in [
            text("", "李建国").into_bytes(),
            text(" encoding='gbk'", "李建国").into_bytes(),
            text(" encoding='utf-8'", "ab").into_bytes(),
            gbk(&text("", "李建国")),
            gbk(&text(" encoding='utf-8'", "李建国")),
            gbk(&text(" encoding='gb2312'", "镕㎎𠀀")),
            gbk(&text("", "药")),
            text(" encoding='big5'", "ab").into_bytes(),
            [b"\xEF\xBB\xBF".as_slice(), text("", "李").as_bytes()].concat(),
            utf16,
            mixed,
            [text("", "阿司匹林").into_bytes(), gbk(&text("", "李建国"))].concat(),
            cut,
            text("", "李").replace('国', "\u{FFFD}").into_bytes(),
            [text("", "a").as_bytes(), b"\xFF"].concat(),
        ] {
            for http in [None, Some("utf-8"), Some("gbk"), Some("iso-8859-1"), Some("nonsense")] {
                check(&body, http);
            }
        }
    }

    #[track_caller]
    fn check(body: &[u8], http: Option<&str>) {
        let declared = Declared { http, form: None };
        let whole = match super::super::decode(body, declared, &mut Vec::new()) {
            Ok((text, decision)) => Ok((decision.to_string(), text.into_owned())),
            Err(error) => Err(error),
        };
        let mut source = Cursor::new(body);
        let decision = settle(&mut source, http, 1 << 20);
        let chunked = decision.map_err(fault).and_then(|decision| {
            let at = u64::try_from(decision.mark_bytes).expect("a mark is short");
            source.seek(SeekFrom::Start(at)).expect("memory can be sought in");
            let mut texts = Texts::new(&mut source, &decision, 1 << 20);
            let mut text = String::new();
            while let Some((piece, _)) = texts.next().map_err(fault)? {
                text.push_str(&piece);
            }
            Ok((decision.to_string(), text))
        });
        assert!(whole == chunked, "{http:?}: {:?} or {:?}", told(&whole), told(&chunked));
    }

    fn fault(error: StreamError) -> DecodeError {
        match error {
            StreamError::Decode(error) => error,
            StreamError::Source(error) => panic!("{error}"),
        }
    }

    fn told(outcome: &Result<(String, String), DecodeError>) -> Result<(String, usize), String> {
        match outcome {
            Ok((decision, text)) => Ok((decision.clone(), text.len())),
            Err(error) => Err(error.to_string()),
        }
    }
}
