//! The stretch of a long text that is in memory, and what every place in it is in the source.
//!
//! Places are bytes of the whole decoded text. The stretch begins where a chunk of the source began,
//! so that a place can be told in the bytes that were sent, and is at least as long as the item at
//! hand.

use std::collections::VecDeque;
use std::io::Read;

use crate::charset::{Charset, CharsetDecision, Texts};
use crate::codes::PART_TOO_LONG;
use crate::document::line_column;
use crate::error::DecodeError;

use super::StreamError;
use super::scanner::{self, Token};

pub(super) struct Window<R> {
    texts: Texts<R>,
    charset: CharsetDecision,
    part_bytes_max: usize,
    text: String,
    /// Where the stretch begins: in the text, in the source's bytes, in lines and columns.
    base: usize,
    base_in_source: usize,
    base_line: u32,
    base_column: u32,
    /// Lengths of the chunks in the stretch, in the text and in the source.
    chunks: VecDeque<(usize, usize)>,
    at: usize,
    is_all: bool,
}

impl<R> std::fmt::Debug for Window<R> {
    /// Without the text, which is a patient's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window")
            .field("base", &self.base)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Window<R> {
    pub(super) fn new(source: R, charset: &CharsetDecision, part_bytes_max: usize) -> Window<R> {
        Window {
            texts: Texts::new(source, charset, part_bytes_max),
            charset: charset.clone(),
            part_bytes_max,
            text: String::new(),
            base: 0,
            base_in_source: charset.mark_bytes,
            base_line: 1,
            base_column: 1,
            chunks: VecDeque::new(),
            at: 0,
            is_all: false,
        }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn move_to(&mut self, at: usize) {
        self.at = at;
    }

    /// The piece of markup or text here; none at the end.
    pub(super) fn token(&mut self) -> Result<Option<Token>, StreamError> {
        self.token_at(self.at)
    }

    /// The piece at a later place.
    pub(super) fn token_at(&mut self, at: usize) -> Result<Option<Token>, StreamError> {
        let mut chunks = 1_usize;
        loop {
            let rest = self.text.get(at - self.base..).unwrap_or_default();
            let found = scanner::token(rest, self.is_all)
                .map_err(|entry| self.locate(DecodeError::at(entry, at)))?;
            if found.is_some() || self.is_all {
                return Ok(found);
            }
            self.expect_short(at, self.base + self.text.len())?;
            // Looking again from the start is paid for by reading twice as much each time.
            for _ in 0..chunks {
                self.read()?;
            }
            chunks *= 2;
        }
    }

    fn read(&mut self) -> Result<(), StreamError> {
        match self.texts.next()? {
            Some((text, bytes)) => {
                self.chunks.push_back((text.len(), bytes));
                self.text.push_str(&text);
            }
            None => self.is_all = true,
        }
        Ok(())
    }

    /// A piece of the stretch.
    pub(super) fn piece(&self, at: usize, len: usize) -> &str {
        let from = at.saturating_sub(self.base);
        self.text.get(from..from + len).unwrap_or_default()
    }

    /// No item, and nothing else that must be seen whole, may be longer than an ordinary message.
    pub(super) fn expect_short(&self, start: usize, end: usize) -> Result<(), StreamError> {
        if end - start <= self.part_bytes_max {
            return Ok(());
        }
        let error = DecodeError::at(&PART_TOO_LONG, start).with_limit(self.part_bytes_max);
        Err(self.locate(error).into())
    }

    /// Lets go of every chunk that ends before a place.
    pub(super) fn forget(&mut self, before: usize) {
        let (mut text_bytes, mut source_bytes) = (0, 0);
        while let Some((text, source)) = self.chunks.front().copied()
            && self.base + text_bytes + text <= before
        {
            text_bytes += text;
            source_bytes += source;
            self.chunks.pop_front();
        }
        if text_bytes == 0 {
            return;
        }
        let gone = self.text.get(..text_bytes).unwrap_or_default();
        let (line, column) = line_column(gone, gone.len());
        self.base_column = if line == 1 { self.base_column + column - 1 } else { column };
        self.base_line += line - 1;
        self.base += text_bytes;
        self.base_in_source += source_bytes;
        self.text.drain(..text_bytes);
    }

    /// A fault at a place of the text, told in what was sent. What is no longer in memory has no line,
    /// and a byte only where the text is the bytes.
    pub(super) fn locate(&self, error: DecodeError) -> DecodeError {
        let here = |at: usize| at.checked_sub(self.base).and_then(|end| self.text.get(..end));
        let sent = |at: usize| match here(at) {
            Some(before) => {
                let bytes = self.charset.offset_in_body(before) - self.charset.mark_bytes;
                Some(self.base_in_source + bytes)
            }
            None if self.charset.chosen == Charset::Utf8 => Some(self.charset.mark_bytes + at),
            None => None,
        };
        let line_column = error.offset().and_then(here).map(|before| {
            let (line, column) = line_column(&self.text, before.len());
            let first = if line == 1 { self.base_column - 1 } else { 0 };
            (self.base_line + line - 1, first + column)
        });
        error.placed(line_column, sent)
    }
}
