//! Reads an HTTP answer from its bytes as they come: a length, chunks, or whatever comes until the
//! end. What is larger than any answer is refused.

use std::io;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
    /// The connection may be used again.
    pub(crate) keeps_open: bool,
}

/// How far the reading is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Done(Reply),
}

/// Bytes that came and are no whole answer yet.
#[derive(Debug, Default)]
pub(super) struct Unread {
    bytes: Vec<u8>,
    head: Option<Head>,
    /// Whether `100 Continue` or the like has come.
    has_interim: bool,
}

#[derive(Clone, Debug)]
struct Head {
    status: u16,
    content_type: Option<String>,
    length: Length,
    closes: bool,
    /// Where the body begins.
    body_at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Bytes(usize),
    Chunks,
    UntilTheEnd,
}

impl Unread {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.has_interim
    }

    /// Takes in what came.
    pub(super) fn take(&mut self, part: &[u8]) -> io::Result<Progress> {
        self.bytes.extend_from_slice(part);
        if self.bytes.len() > ANSWER_BYTES_MAX {
            return Err(invalid("an answer that does not end"));
        }
        if self.head.is_none() {
            self.read_head()?;
        }
        let Some(head) = &self.head else {
            let is_endless = self.bytes.len() > HEAD_BYTES_MAX;
            return if is_endless {
                Err(invalid("a head that does not end"))
            } else {
                Ok(Progress::More)
            };
        };
        let body = self.bytes.get(head.body_at..).unwrap_or_default();
        let answer = match head.length {
            Length::Bytes(length) => body.get(..length).map(|it| (it.to_vec(), length)),
            Length::Chunks => joined(body)?,
            Length::UntilTheEnd => None,
        };
        let Some((answer, length)) = answer else { return Ok(Progress::More) };
        let mut reply = head.reply(answer);
        // What comes behind an answer belongs to no question: the next one must not get it.
        reply.keeps_open &= body.len() == length;
        Ok(Progress::Done(reply))
    }

    /// `100 Continue` and its like are no answer: that comes behind them.
    fn read_head(&mut self) -> io::Result<()> {
        self.head = Head::read(&self.bytes)?;
        while let Some(interim) = self.head.take_if(|it| (100..200).contains(&it.status)) {
            self.bytes.drain(..interim.body_at);
            self.has_interim = true;
            self.head = Head::read(&self.bytes)?;
        }
        Ok(())
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self) -> io::Result<Progress> {
        match &self.head {
            Some(head) if head.length == Length::UntilTheEnd => {
                let body = self.bytes.get(head.body_at..).unwrap_or_default().to_vec();
                Ok(Progress::Done(head.reply(body)))
            }
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Head {
    fn read(bytes: &[u8]) -> io::Result<Option<Head>> {
        let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
            return Ok(None);
        };
        // Only names and numbers are read of it: whatever else stands there may be in any encoding.
        let text: String =
            bytes.get(..end).unwrap_or_default().iter().map(|it| char::from(*it)).collect();
        let mut lines = text.split("\r\n");
        let status = lines.next().filter(|it| it.starts_with("HTTP/1."));
        let status = status.and_then(|it| it.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or_else(|| invalid("no HTTP"))?;
        let mut head = Head {
            status,
            content_type: None,
            length: Length::UntilTheEnd,
            closes: false,
            body_at: end + 4,
        };
        for (name, value) in lines.filter_map(|it| it.split_once(':')) {
            head.take(&name.trim().to_ascii_lowercase(), value.trim())?;
        }
        // These never have a body, whatever their head says: nothing is waited for.
        if matches!(head.status, 204 | 205 | 304) {
            head.length = Length::Bytes(0);
        }
        Ok(Some(head))
    }

    fn take(&mut self, name: &str, value: &str) -> io::Result<()> {
        match name {
            "content-type" => self.content_type = Some(value.to_owned()),
            "connection" => self.closes = value.eq_ignore_ascii_case("close"),
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => {
                self.length = Length::Chunks;
            }
            "content-length" if self.length != Length::Chunks => {
                let length = value.parse().map_err(|_| invalid("no length"))?;
                self.length = Length::Bytes(length);
            }
            _ => {}
        }
        Ok(())
    }

    fn reply(&self, body: Vec<u8>) -> Reply {
        Reply {
            status: self.status,
            content_type: self.content_type.clone(),
            body,
            keeps_open: !self.closes && self.length != Length::UntilTheEnd,
        }
    }
}

/// The body of a chunked answer, once its last chunk is there, and how many bytes it came in.
fn joined(all: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>> {
    let (mut rest, mut body) = (all, Vec::new());
    loop {
        let Some(end) = rest.windows(2).position(|it| it == b"\r\n") else { return Ok(None) };
        let size = str::from_utf8(rest.get(..end).unwrap_or_default()).unwrap_or_default();
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| invalid("no chunk"))?;
        if size > ANSWER_BYTES_MAX {
            return Err(invalid("a chunk that does not end"));
        }
        rest = rest.get(end + 2..).unwrap_or_default();
        if size == 0 {
            // Trailers are nobody's business; the empty line ends them.
            let trailers = rest.windows(4).position(|it| it == b"\r\n\r\n").map(|it| it + 4);
            let end = if rest.starts_with(b"\r\n") { Some(2) } else { trailers };
            return Ok(end.map(|it| (body, all.len() - rest.len() + it)));
        }
        let (Some(chunk), Some(behind)) = (rest.get(..size), rest.get(size + 2..)) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        rest = behind;
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

const HEAD_BYTES_MAX: usize = 64 << 10;
const ANSWER_BYTES_MAX: usize = 8 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_end() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "200 abc again");
        check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", "200 abc");
        check("HTTP/1.1 204 No Content\r\n\r\n", "204  again");
        check("HTTP/1.1 205 x\r\nConnection: close\r\n\r\n", "205 ");
        check("HTTP/1.1 304 x\r\nContent-Length: 3\r\n\r\n", "304  again");
        check("HTTP/1.1 502 x\r\n\r\nabc", "200 abc".replace("200", "502").as_str());
        let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n";
        check(chunks, "200 abc again");
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\nHTTP/1.1 422 x\r\nContent-Length: 2\r\n\r\nno",
            "422 no again",
        );
        check("HTTP/1.1 100 Continue\r\n\r\n", "broken");
        check("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", "broken");
        check("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", "broken");
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "broken");
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na", "broken");
        check("hello\r\n\r\n", "broken");
        check("HTTP/1.1 200 OK", "broken");
    }

    #[test]
    fn what_comes_behind_an_answer_ends_the_connection() {
        for bytes in [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nH",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\nH",
        ] {
            let told = Unread::default().take(bytes.as_bytes()).unwrap();
            let Progress::Done(reply) = told else { panic!("{bytes}") };
            assert_eq!((reply.body.as_slice(), reply.keeps_open), (&b"abc"[..], false), "{bytes}");
        }
    }

    /// Byte by byte and at once.
    #[track_caller]
    fn check(bytes: &str, expected: &str) {
        for size in [1, 7, 4096] {
            let mut unread = Unread::default();
            let parts = bytes.as_bytes().chunks(size);
            let mut told = None;
            for part in parts {
                match unread.take(part) {
                    Ok(Progress::More) => {}
                    ended => {
                        told = Some(ended);
                        break;
                    }
                }
            }
            let told = match told.unwrap_or_else(|| unread.end()) {
                Ok(Progress::Done(it)) => {
                    let again = if it.keeps_open { " again" } else { "" };
                    format!("{} {}{again}", it.status, String::from_utf8(it.body).unwrap())
                }
                Ok(Progress::More) => "more".to_owned(),
                Err(_) => "broken".to_owned(),
            };
            assert_eq!(told, expected, "{bytes} by {size}");
        }
    }
}
