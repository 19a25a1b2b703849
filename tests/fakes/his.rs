//! A HIS: HTTP/1.1 by hand over a socket of the standard library, sharing no code with the agent.
//!
//! It can also misbehave: send half a request, contradict itself, or say nothing more.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::cases::Message;

mod said;

pub use said::{Receipt, RecordReceipt, Said};

/// One connection to the agent.
#[derive(Debug)]
pub struct Caller {
    stream: Box<dyn Stream>,
    socket: TcpStream,
    // Bytes that came behind the last answer.
    unread: Vec<u8>,
}

/// What an HTTP client reads and writes: bare, or under TLS.
trait Stream: Read + Write + std::fmt::Debug + Send + Sync {}
impl<T: Read + Write + std::fmt::Debug + Send + Sync> Stream for T {}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body, as it came.
    pub body: Vec<u8>,
}

/// Posts a message on a connection of its own.
pub fn send(his: SocketAddr, message: &Message) -> io::Result<Answer> {
    Caller::connect(his)?.send(message)
}

/// Posts JSON on a connection of its own, with further headers.
pub fn post_json(
    his: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Answer> {
    let mut all = vec![("Content-Type", "application/json")];
    all.extend_from_slice(headers);
    Caller::connect(his)?.call("POST", path, &all, body.as_bytes())
}

/// Gets a page on a connection of its own.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    Caller::connect(address)?.call("GET", path, &[], b"")
}

impl Caller {
    /// Connects; no later call waits longer than half a minute.
    pub fn connect(address: SocketAddr) -> io::Result<Caller> {
        Caller::over(TcpStream::connect_timeout(&address, PATIENCE)?)
    }

    /// The same over a connection that is there.
    pub fn over(stream: TcpStream) -> io::Result<Caller> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let socket = stream.try_clone()?;
        Ok(Caller { stream: Box::new(stream), socket, unread: Vec::new() })
    }

    /// Connects under TLS, to whoever proves to have this name.
    pub fn connect_sealed(
        address: SocketAddr,
        config: Arc<ClientConfig>,
        name: &'static str,
    ) -> io::Result<Caller> {
        let bare = Caller::connect(address)?;
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut socket = bare.socket.try_clone()?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        let stream = Box::new(StreamOwned::new(tls, socket));
        Ok(Caller { stream, ..bare })
    }

    /// Says that nothing more comes, and goes on listening, as Java's `shutdownOutput` does.
    pub fn close_writing(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// Posts a message and waits for the answer; the connection stays open.
    pub fn send(&mut self, message: &Message) -> io::Result<Answer> {
        let content_type = message.content_type.as_deref();
        let headers: Vec<_> = content_type.iter().map(|it| ("Content-Type", *it)).collect();
        self.call("POST", &message.path(), &headers, &message.bytes)
    }

    /// One request with the right length, and its answer.
    pub fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let length = body.len().to_string();
        let mut all = vec![("Content-Length", length.as_str())];
        all.extend_from_slice(headers);
        let mut request = head(method, path, &all);
        request.extend_from_slice(body);
        self.write(&request)?;
        self.answer()
    }

    /// Bytes as they are, right or wrong.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// The next answer.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let head_end = loop {
            let found = self.unread.windows(4).position(|it| it == b"\r\n\r\n");
            match found {
                Some(at) => break at + 4,
                None => self.read_more()?,
            }
        };
        let head: Vec<u8> = self.unread.drain(..head_end).collect();
        let mut answer = parse_head(&head)?;
        let length = answer.header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        while self.unread.len() < length {
            self.read_more()?;
        }
        answer.body = self.unread.drain(..length).collect();
        Ok(answer)
    }

    /// Everything until the agent closes the connection.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.read_more() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.unread));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        let length = self.stream.read(&mut chunk)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.unread.extend(chunk.iter().take(length));
        Ok(())
    }
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// The body, which must be UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("every answer is UTF-8")
    }

    /// The body, which must be JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// What the envelope says, in whichever words: JSON, XML, or XML in a SOAP result.
    pub fn said(&self) -> Said {
        said::read(self.text())
    }
}

/// A request's head with these headers and no others but the host.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut lines = vec![format!("{method} {path} HTTP/1.1"), "Host: his-agent".to_owned()];
    lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}

fn parse_head(head: &[u8]) -> io::Result<Answer> {
    let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let text = std::str::from_utf8(head).map_err(|_| broken("a head that is not UTF-8"))?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(':'));
    Ok(Answer {
        status: status.ok_or_else(|| broken("no status line"))?,
        headers: headers.map(|(k, v)| (k.to_lowercase(), v.trim().to_owned())).collect(),
        body: Vec::new(),
    })
}

/// Longer than any answer may take, shorter than a test may hang.
const PATIENCE: Duration = Duration::from_secs(30);
