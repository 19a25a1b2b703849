//! A sender over MLLP: frames by hand over a socket of the standard library, sharing no code with the
//! agent. It can also misbehave: send half a frame, several at once, or bytes that belong to none.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One connection to a channel's MLLP door.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    // Bytes that came behind the last answer.
    unread: Vec<u8>,
}

/// An acknowledgement, its frame taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement(pub Vec<u8>);

impl Line {
    /// Connects.
    pub fn connect(door: SocketAddr) -> io::Result<Line> {
        Line::over(TcpStream::connect_timeout(&door, PATIENCE)?)
    }

    /// The same over a connection that is there.
    pub fn over(stream: TcpStream) -> io::Result<Line> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Line { stream, unread: Vec::new() })
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends one message and waits for its acknowledgement.
    pub fn send(&mut self, message: &[u8]) -> io::Result<Acknowledgement> {
        self.write(&framed(message))?;
        self.answer()
    }

    /// The next acknowledgement.
    pub fn answer(&mut self) -> io::Result<Acknowledgement> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|it| it == b"\x1C\r") {
                let rest = self.unread.split_off(end + 2);
                let frame = std::mem::replace(&mut self.unread, rest);
                let inside = frame.strip_prefix(b"\x0B").and_then(|it| it.strip_suffix(b"\x1C\r"));
                let inside = inside.ok_or(ErrorKind::InvalidData)?;
                return Ok(Acknowledgement(inside.to_vec()));
            }
            let mut piece = [0; 4096];
            let read = self.stream.read(&mut piece)?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.unread.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
    }

    /// Whether the agent closes the connection without another word.
    pub fn is_closed(&mut self) -> bool {
        self.answer().is_err_and(|it| it.kind() != ErrorKind::WouldBlock)
    }

    /// A second handle, to read while the first one writes.
    pub fn second(&self) -> io::Result<Line> {
        Ok(Line { stream: self.stream.try_clone()?, unread: Vec::new() })
    }
}

impl Acknowledgement {
    /// `MSA-1` and `MSA-2`: what became of which message.
    #[track_caller]
    pub fn said(&self) -> (String, String) {
        let text = self.text();
        let line = text.split('\r').find(|it| it.starts_with("MSA|"));
        let mut fields = line.unwrap_or_else(|| panic!("no MSA in {text}")).split('|').skip(1);
        let mut field = || fields.next().unwrap_or_default().to_owned();
        (field(), field())
    }

    /// As text, as far as it is UTF-8.
    pub fn text(&self) -> String {
        match std::str::from_utf8(&self.0) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                self.0.iter().map(|&it| if it.is_ascii() { char::from(it) } else { '?' }).collect()
            }
        }
    }
}

/// A message in its frame; one that lies in a file with a frame around it keeps that.
pub fn framed(message: &[u8]) -> Vec<u8> {
    if message.starts_with(b"\x0B") {
        return message.to_vec();
    }
    [b"\x0B", message, b"\x1C\r"].concat()
}

const PATIENCE: Duration = Duration::from_secs(60);
