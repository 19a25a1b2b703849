//! Just enough of PostgreSQL's protocol (version 3) to run statements: no TLS, so the server is on this
//! machine or behind a tunnel. Everything blocks, and no longer than its bound.

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::scram::Scram;

/// Where the database is: `postgres://USER[:PASSWORD]@HOST[:PORT]/NAME`, or with `?host=/folder` the
/// folder of its unix socket.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    user: String,
    password: String,
    host: String,
    port: u16,
    name: String,
}

/// A connection. After an error it is of no more use.
pub(super) struct Connection {
    stream: BufReader<Stream>,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Address {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Address, &'static str> {
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        let rest = rest.ok_or("it begins with postgres://")?;
        let (who, place) =
            rest.rsplit_once('@').ok_or("the user is missing: postgres://USER@...")?;
        let (user, password) = who.split_once(':').unwrap_or((who, ""));
        let (place, asked) = place.split_once('?').unwrap_or((place, ""));
        let (host, name) = place.split_once('/').ok_or("the database is missing: .../NAME")?;
        let (host, port) = host.rsplit_once(':').unwrap_or((host, "5432"));
        let host = asked.strip_prefix("host=").unwrap_or(host);
        let port = port.parse().map_err(|_| "the port is no number")?;
        if user.is_empty() || host.is_empty() || name.is_empty() {
            return Err("user, host and database must be given");
        }
        Ok(Address {
            user: unescaped(user)?,
            password: unescaped(password)?,
            host: unescaped(host)?,
            port,
            name: unescaped(name)?,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.host, self.port, self.name)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `%40` and the like.
fn unescaped(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|it| str::from_utf8(it).ok());
        if let Some(byte) =
            hex.filter(|_| first == b'%').and_then(|it| u8::from_str_radix(it, 16).ok())
        {
            bytes.push(byte);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            bytes.push(first);
            rest = behind;
        }
    }
    String::from_utf8(bytes).map_err(|_| "what is escaped with % is not UTF-8")
}

impl Connection {
    pub(super) fn open(to: &Address) -> io::Result<Connection> {
        let mut connection = Connection { stream: BufReader::new(Stream::open(to)?) };
        let mut hello = Vec::from(PROTOCOL);
        let words = ["user", &to.user, "database", &to.name, "client_encoding", "UTF8"];
        for word in words.into_iter().chain(["application_name", "his-agent receive"]) {
            put_text(&mut hello, word);
        }
        hello.push(0);
        connection.send(None, &hello)?;
        connection.log_in(to)?;
        Ok(connection)
    }

    fn log_in(&mut self, to: &Address) -> io::Result<()> {
        let mut scram = None;
        loop {
            let (kind, body) = self.receive()?;
            let (asked, rest) = match body.split_first_chunk::<4>() {
                Some((asked, rest)) if kind == b'R' => (u32::from_be_bytes(*asked), rest),
                _ if kind == b'Z' => return Ok(()),
                _ => continue, // settings of the server, and its notices
            };
            match asked {
                0 => {}
                3 => {
                    let mut password = Vec::new();
                    put_text(&mut password, &to.password);
                    self.send(Some(b'p'), &password)?;
                }
                10 if rest.split(|it| *it == 0).any(|it| it == b"SCRAM-SHA-256") => {
                    let begun = Scram::begin(&to.password)?;
                    let first = begun.first();
                    let mut answer = Vec::new();
                    put_text(&mut answer, "SCRAM-SHA-256");
                    answer.extend(u32::try_from(first.len()).unwrap_or(0).to_be_bytes());
                    answer.extend(first.as_bytes());
                    self.send(Some(b'p'), &answer)?;
                    scram = Some(begun);
                }
                11 => {
                    let scram =
                        scram.as_mut().ok_or_else(|| garbled("SASL without a beginning"))?;
                    let proof = scram.answer(rest)?;
                    self.send(Some(b'p'), proof.as_bytes())?;
                }
                12 => {
                    let scram =
                        scram.as_ref().ok_or_else(|| garbled("SASL without a beginning"))?;
                    scram.prove(rest)?;
                }
                _ => {
                    return Err(garbled(
                        "the server asks for a way to log in that is not known here",
                    ));
                }
            }
        }
    }

    /// Runs statements without parameters.
    pub(super) fn run(&mut self, statements: &str) -> io::Result<()> {
        let mut body = Vec::new();
        put_text(&mut body, statements);
        self.send(Some(b'Q'), &body)?;
        self.ended()
    }

    /// Runs one statement with one parameter, as text. It is committed when this returns.
    pub(super) fn run_with(&mut self, statement: &str, parameter: &str) -> io::Result<()> {
        let mut parse = vec![0];
        put_text(&mut parse, statement);
        parse.extend(0_u16.to_be_bytes());
        // No names, one parameter as text, no results wanted.
        let mut bind = vec![0, 0];
        bind.extend([0, 0, 0, 1]);
        let length = u32::try_from(parameter.len()).map_err(io::Error::other)?;
        bind.extend(length.to_be_bytes());
        bind.extend(parameter.as_bytes());
        bind.extend(0_u16.to_be_bytes());
        for (kind, body) in [(b'P', &parse[..]), (b'B', &bind), (b'E', &[0; 5]), (b'S', &[])] {
            self.send(Some(kind), body)?;
        }
        self.ended()
    }

    /// Waits until the server is ready for more; an error of a statement is one of ours.
    fn ended(&mut self) -> io::Result<()> {
        let mut failed = None;
        loop {
            match self.receive_any()? {
                (b'Z', _) => return failed.map_or(Ok(()), Err),
                (b'E', body) => failed = failed.or(Some(refusal(&body))),
                _ => {}
            }
        }
    }

    fn receive(&mut self) -> io::Result<(u8, Vec<u8>)> {
        match self.receive_any()? {
            (b'E', body) => Err(refusal(&body)),
            other => Ok(other),
        }
    }

    fn receive_any(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let (mut kind, mut length) = ([0], [0; 4]);
        self.stream.read_exact(&mut kind)?;
        self.stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length).saturating_sub(4) as usize;
        if length > MESSAGE_BYTES_MAX {
            return Err(garbled("an answer is too long"));
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((kind[0], body))
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len() + 4).map_err(io::Error::other)?;
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend(length.to_be_bytes());
        message.extend(body);
        self.stream.get_mut().write_all(&message)
    }
}

impl Stream {
    fn open(to: &Address) -> io::Result<Stream> {
        if to.host.starts_with('/') {
            let path = format!("{}/.s.PGSQL.{}", to.host, to.port);
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(WAIT_MAX))?;
            stream.set_write_timeout(Some(WAIT_MAX))?;
            return Ok(Stream::Unix(stream));
        }
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in (to.host.as_str(), to.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_MAX) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(WAIT_MAX))?;
                    stream.set_write_timeout(Some(WAIT_MAX))?;
                    return Ok(Stream::Tcp(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(into),
            Stream::Unix(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|it| *it != 0));
    out.push(0);
}

/// What the server says is wrong: code and message, and no detail, which may quote a row.
fn refusal(body: &[u8]) -> io::Error {
    let fields = body.split(|it| *it == 0);
    let of = |wanted: u8| {
        let found = fields.clone().find_map(|it| it.split_first().filter(|it| *it.0 == wanted));
        found.and_then(|(_, text)| str::from_utf8(text).ok()).unwrap_or("?")
    };
    io::Error::other(format!("PostgreSQL: {} {}", of(b'C'), of(b'M')))
}

pub(super) fn garbled(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("PostgreSQL: {what}"))
}

const PROTOCOL: [u8; 4] = [0, 3, 0, 0];
const CONNECT_MAX: Duration = Duration::from_secs(10);
const WAIT_MAX: Duration = Duration::from_mins(1);
const MESSAGE_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        check("postgres://his@db/records", "his||db|5432|records");
        check("postgresql://his:a%40b@10.0.0.8:5433/records", "his|a@b|10.0.0.8|5433|records");
        check("postgres://his@/records?host=/run/postgresql", "his||/run/postgresql|5432|records");
        check("postgres://db/records", "the user is missing: postgres://USER@...");
        check("postgres://his@db", "the database is missing: .../NAME");
        check("mysql://his@db/records", "it begins with postgres://");
        let shown = format!("{:?}", Address::parse("postgres://his:secret@db/records"));
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told = match Address::parse(text) {
            Ok(Address { user, password, host, port, name }) => {
                format!("{user}|{password}|{host}|{port}|{name}")
            }
            Err(why) => why.to_owned(),
        };
        assert_eq!(told, expected);
    }
}
