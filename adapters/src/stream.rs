//! One XML document that is too long to be held, as many short ones.
//!
//! A fee list of a hundred megabytes is a head and a hundred thousand equal elements. For each of
//! those [`XmlStream`] gives a [`Document`] of its own: the element with everything in it, inside its
//! ancestors, behind everything that came before it. What is left out is the other repeated elements,
//! and what stood in ancestors that have ended: the lines of one patient do not see the patient
//! before. So a mapping reads an item as it would read it in the whole.
//!
//! What comes behind an item is not seen from it. What stands beside the items stays in memory and is
//! bounded; so is one item.
//!
//! Nothing is laxer than for a whole document: the encoding is settled over all bytes beforehand by
//! the same rules, every item and all around the items goes through the same reader, and whoever takes
//! the items to their end knows that the whole was well formed.

mod path;
mod scanner;
mod skeleton;
mod window;

use std::io::{self, Read, Seek, SeekFrom};

use crate::charset::{self, CharsetDecision};
use crate::codes::{NO_ROOT, OUTSIDE_ROOT, UNFINISHED_MARKUP, UNOPENED_END};
use crate::content_type::ContentType;
use crate::document::Document;
use crate::error::DecodeError;
use crate::limits::Limits;

pub use path::{BadStreamPath, StreamPath};
use scanner::TokenKind;
use skeleton::Skeleton;
use window::Window;

/// Why a stream ended early.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// What was sent cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The source could not be read.
    #[error("the source cannot be read: {0}")]
    Source(#[from] io::Error),
}

/// One repeated element.
#[derive(Debug)]
pub struct StreamItem {
    /// The element, inside its ancestors. Its path tells its number in the whole.
    pub document: Document,
    /// Its number in the whole, from 1.
    pub position: usize,
}

/// A document being taken apart. It must be read to its end to be known as well formed.
#[derive(Debug)]
pub struct XmlStream<R> {
    window: Window<R>,
    path: StreamPath,
    limits: Limits,
    skeleton: Skeleton,
    charset: CharsetDecision,
    items: usize,
    is_ended: bool,
    excerpt: Excerpt,
}

/// The source's own text of the items since the last excerpt.
#[derive(Default)]
struct Excerpt {
    text: String,
    is_wanted: bool,
}

impl std::fmt::Debug for Excerpt {
    /// Without the text, which is a patient's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Excerpt").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

impl<R: Read + Seek> XmlStream<R> {
    /// Settles the encoding, for which the whole source is read once.
    pub fn open(
        mut source: R,
        content_type: Option<&str>,
        path: StreamPath,
        limits: &Limits,
    ) -> Result<XmlStream<R>, StreamError> {
        let content_type = ContentType::parse(content_type);
        content_type.expect_message()?;
        let piece_max = limits.body_bytes();
        let charset = charset::settle_source(&mut source, content_type.charset(), piece_max)?;
        source.seek(SeekFrom::Start(u64::try_from(charset.mark_bytes).unwrap_or(0)))?;
        Ok(XmlStream {
            window: Window::new(source, &charset, piece_max),
            path,
            limits: *limits,
            skeleton: Skeleton::default(),
            charset,
            items: 0,
            is_ended: false,
            excerpt: Excerpt::default(),
        })
    }
}

impl<R: Read> XmlStream<R> {
    /// The encoding, and how it was settled.
    pub const fn charset(&self) -> &CharsetDecision {
        &self.charset
    }

    /// Keeps the text of the items from now on, for [`XmlStream::take_excerpt`].
    pub const fn keep_excerpts(&mut self) {
        self.excerpt.is_wanted = true;
    }

    /// How long the excerpt is by now.
    pub const fn excerpt_bytes(&self) -> usize {
        self.excerpt.text.len()
    }

    /// A document of its own, in UTF-8, with the items since the last excerpt and everything that they
    /// see: read as a whole, it gives what they gave.
    pub fn take_excerpt(&mut self) -> String {
        let mut text = std::mem::take(&mut self.excerpt.text);
        if !text.is_empty() {
            self.skeleton.close(&mut text);
        }
        text
    }

    /// The next item; none when the document is complete. A document without items gives itself once,
    /// so that somebody can say what is missing in it.
    pub fn next_item(&mut self) -> Result<Option<StreamItem>, StreamError> {
        while let Some(token) = self.window.token()? {
            let at = self.window.at();
            let found = match token.kind {
                TokenKind::Begin | TokenKind::Whole if self.begins_item(token.len) => {
                    let end = if token.kind == TokenKind::Begin {
                        self.end_of_item()?
                    } else {
                        at + token.len
                    };
                    return self.item(at, end).map(Some);
                }
                kind => self.beside(kind, token.len),
            };
            let whole = found.map_err(|error| self.window.locate(error))?;
            if !self.excerpt.text.is_empty() {
                self.excerpt.text.push_str(self.window.piece(at, token.len));
            }
            self.window.move_to(at + token.len);
            self.window.forget(self.window.at());
            if whole.is_some() {
                return Ok(whole);
            }
        }
        let at = self.window.at();
        if self.is_ended {
            return Ok(None);
        }
        let fault = self.skeleton.unfinished(at).unwrap_or(DecodeError::at(&NO_ROOT, at));
        Err(self.window.locate(fault).into())
    }

    fn begins_item(&self, len: usize) -> bool {
        let name = scanner::name(self.window.piece(self.window.at(), len));
        self.skeleton.is_parent(&self.path)
            && self.path.goes_through(self.path.depth(), name)
            && !self.is_ended
    }

    /// Where the item that begins here ends. Only the depth is followed: names are compared when the
    /// item is read.
    fn end_of_item(&mut self) -> Result<usize, StreamError> {
        let start = self.window.at();
        let (mut at, mut depth) = (start, 0_usize);
        loop {
            let Some(token) = self.window.token_at(at)? else {
                let error = DecodeError::at(&UNFINISHED_MARKUP, at).with_related(start);
                return Err(self.window.locate(error).into());
            };
            at += token.len;
            match token.kind {
                TokenKind::Begin => depth += 1,
                TokenKind::End => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.window.expect_short(start, at)?;
            if depth == 0 {
                return Ok(at);
            }
        }
    }

    fn item(&mut self, start: usize, end: usize) -> Result<StreamItem, StreamError> {
        let text = self.window.piece(start, end - start);
        let read = self.skeleton.item(text, start, self.items + 1, &self.limits);
        let document = read.map_err(|error| self.window.locate(error))?;
        if self.excerpt.is_wanted {
            if self.excerpt.text.is_empty() {
                self.excerpt.text.push_str(self.skeleton.text());
            }
            self.excerpt.text.push_str(text);
        }
        self.window.move_to(end);
        self.window.forget(end);
        self.items += 1;
        self.is_ended = self.skeleton.depth() == 0;
        Ok(StreamItem { document, position: self.items })
    }

    /// What is no item. Gives the document itself when it ends without any.
    fn beside(&mut self, kind: TokenKind, len: usize) -> Result<Option<StreamItem>, DecodeError> {
        let at = self.window.at();
        let piece = self.window.piece(at, len);
        let is_blank = kind == TokenKind::Text && piece.trim_ascii().is_empty();
        if is_blank || kind == TokenKind::Aside {
            return skeleton::expect_allowed(piece, at).map(|()| None);
        }
        if self.is_ended {
            return Err(DecodeError::at(&OUTSIDE_ROOT, at));
        }
        match kind {
            TokenKind::Begin => self.skeleton.begin(piece, at, &self.path, &self.limits)?,
            TokenKind::End => {
                self.skeleton.expect_end(piece, at)?;
                let is_last = self.skeleton.depth() == 1;
                let whole = (is_last && self.items == 0)
                    .then(|| self.skeleton.whole(at, &self.limits))
                    .transpose()?;
                self.skeleton.end(piece, at, &self.limits)?;
                self.is_ended = is_last;
                return Ok(whole.map(|document| StreamItem { document, position: 0 }));
            }
            _ if self.skeleton.depth() == 0 && kind == TokenKind::Whole => {
                self.skeleton.only(piece, at)?;
                self.is_ended = true;
                let document = self.skeleton.whole(at, &self.limits)?;
                return Ok(Some(StreamItem { document, position: 0 }));
            }
            _ if self.skeleton.depth() == 0 => return Err(DecodeError::at(&NO_ROOT, at)),
            _ => self.skeleton.add(piece, at)?,
        }
        Ok(None)
    }
}

/// An end tag where nothing is open.
const fn unopened(at: usize) -> DecodeError {
    DecodeError::at(&UNOPENED_END, at)
}
