//! The caller's side of HTTP, as cheap as can be: it shares the cores with what is measured.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request, ready to be written, with places for a number.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    numbers: Vec<Range<usize>>,
}

/// An answer, in the connection's own buffer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) is_ok: bool,
    pub(crate) body: &'a [u8],
}

/// A connection that stays open.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Request {
    /// `numbered` are words of the body whose digits make room for a number.
    pub(crate) fn post(path: &str, content_type: &str, body: &str, numbered: &[&str]) -> Request {
        let length = body.len();
        let text = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let digits = |word: &&str| {
            let start = text.find(word).expect("the body has the word");
            let letters = word.trim_end_matches(|it: char| it.is_ascii_digit()).len();
            start + letters..start + word.len()
        };
        Request { numbers: numbered.iter().map(digits).collect(), bytes: text.into_bytes() }
    }

    /// Writes the number into its places, with zeros before it, so that the length stays.
    pub(crate) fn set_number(&mut self, number: u64) {
        for place in &self.numbers {
            let digits = self.bytes.get_mut(place.clone()).expect("it was found there");
            let mut rest = number;
            for digit in digits.iter_mut().rev() {
                *digit = b"0123456789".get((rest % 10) as usize).copied().unwrap_or(b'0');
                rest /= 10;
            }
        }
    }
}

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> Connection {
        let stream = TcpStream::connect(server).await.expect("the server listens");
        stream.set_nodelay(true).expect("a fresh socket takes options");
        Connection { stream, buffer: Vec::with_capacity(64 << 10) }
    }

    /// Sends the request and waits for the whole answer.
    pub(crate) async fn call(&mut self, request: &Request) -> io::Result<Answer<'_>> {
        self.stream.write_all(&request.bytes).await?;
        self.buffer.clear();
        let (body_at, end) = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if let Some(extent) = extent(&self.buffer)
                && self.buffer.len() >= extent.1
            {
                break extent;
            }
        };
        let body = self.buffer.get(body_at..end).unwrap_or_default();
        Ok(Answer { is_ok: self.buffer.starts_with(b"HTTP/1.1 200"), body })
    }
}

/// Where the body begins and where it ends, once the head is whole.
fn extent(answer: &[u8]) -> Option<(usize, usize)> {
    let head_end = answer.windows(4).position(|it| it == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..head_end)?).ok()?;
    let length = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let body_at = head_end + 4;
    Some((body_at, body_at + length.expect("both servers know the length beforehand")))
}

/// One call by itself, where speed does not matter.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn call(server: SocketAddr, request: &Request) -> io::Result<()> {
    let mut connection = Connection::open(server).await;
    let answer = connection.call(request).await?;
    let refused = || io::Error::other(format!("{:?}", std::str::from_utf8(answer.body)));
    if answer.is_ok { Ok(()) } else { Err(refused()) }
}

/// The body of a page, for the operators' side where speed does not matter.
pub(crate) fn get(server: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = std::net::TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(io::Error::other(answer)),
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
