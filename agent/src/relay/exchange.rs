//! One request to the insurer and its answer, over a plain or sealed connection that is kept for the
//! next one. Everything here blocks, and no longer than it is told to.
//!
//! A request that is only a question may be asked again when a kept connection turns out to be gone;
//! so may the answer of a doctor, which means the same however often it comes.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rules::verdict::Bureau;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::reply::{Progress, Reply, Unread};
use super::target::Target;

/// Speaks to one insurer.
#[derive(Debug)]
pub(crate) struct Client {
    tls: Option<Arc<ClientConfig>>,
    idle: Mutex<Vec<Kept>>,
}

/// What is sent.
#[derive(Debug)]
pub(crate) struct Request {
    /// `POST`, or `GET` without a body.
    pub(crate) verb: &'static str,
    pub(crate) target: Target,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: bytes::Bytes,
}

#[derive(Debug)]
struct Kept {
    host: (bool, String, u16),
    since: Instant,
    stream: Stream,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Sealed(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Why there is no answer.
enum Failure {
    /// Nothing came back: a connection that was kept may have been gone.
    Nothing(io::Error),
    Broken(io::Error),
}

impl Client {
    /// `ca_file` has the certificates that are trusted for `https`.
    pub(crate) fn new(ca_file: Option<&Path>) -> io::Result<Client> {
        let tls = ca_file.map(trusting).transpose()?.map(Arc::new);
        Ok(Client { tls, idle: Mutex::default() })
    }

    /// For a `ca_file` that cannot be used.
    pub(crate) fn without_tls() -> Client {
        Client { tls: None, idle: Mutex::default() }
    }

    /// Sends a request and reads its answer, by `until`.
    pub(crate) fn ask(&self, request: &Request, until: Instant) -> Result<Reply, Bureau> {
        if let Some(stream) = self.kept(&request.target) {
            match self.exchange(request, stream, until) {
                Err(Failure::Nothing(_)) if Instant::now() < until => {}
                ended => return ended.map_err(|it| it.told()),
            }
        }
        let stream = self.connect(&request.target, until).map_err(|it| told(&it))?;
        self.exchange(request, stream, until).map_err(|it| it.told())
    }

    fn exchange(
        &self,
        request: &Request,
        mut stream: Stream,
        until: Instant,
    ) -> Result<Reply, Failure> {
        stream.write(&request.head(), until).map_err(Failure::Nothing)?;
        stream.write(&request.body, until).map_err(Failure::Nothing)?;
        let mut unread = Unread::default();
        let mut part = vec![0; PART_BYTES];
        loop {
            let count = stream.read(&mut part, until).map_err(|error| {
                if unread.is_empty() { Failure::Nothing(error) } else { Failure::Broken(error) }
            })?;
            let progress = match part.get(..count) {
                Some([]) | None if unread.is_empty() => {
                    return Err(Failure::Nothing(io::ErrorKind::UnexpectedEof.into()));
                }
                Some([]) | None => unread.end(),
                Some(part) => unread.take(part),
            };
            match progress.map_err(Failure::Broken)? {
                Progress::More => {}
                Progress::Done(reply) => {
                    if reply.keeps_open {
                        self.keep(&request.target, stream);
                    }
                    return Ok(reply);
                }
            }
        }
    }

    fn connect(&self, target: &Target, until: Instant) -> io::Result<Stream> {
        let stream = dial(&target.host, target.port, until)?;
        stream.set_nodelay(true)?;
        self.seal(target, stream)
    }

    fn seal(&self, target: &Target, stream: TcpStream) -> io::Result<Stream> {
        if !target.tls {
            return Ok(Stream::Plain(stream));
        }
        let Some(tls) = &self.tls else { return Err(io::ErrorKind::Unsupported.into()) };
        let name = ServerName::try_from(target.host.clone()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
        Ok(Stream::Sealed(Box::new(StreamOwned::new(connection, stream))))
    }

    fn kept(&self, target: &Target) -> Option<Stream> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|it| it.since.elapsed() < IDLE_MAX && it.stream.is_quiet());
        let host = host_of(target);
        let at = idle.iter().position(|it| it.host == host)?;
        Some(idle.swap_remove(at).stream)
    }

    fn keep(&self, target: &Target, stream: Stream) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT_MAX {
            idle.push(Kept { host: host_of(target), since: Instant::now(), stream });
        }
    }
}

impl Request {
    fn head(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\n",
            self.verb,
            self.path,
            self.target.authority()
        );
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\n\r\n", self.body.len());
        head.into_bytes()
    }
}

impl Stream {
    fn write(&mut self, bytes: &[u8], until: Instant) -> io::Result<()> {
        self.socket().set_write_timeout(Some(left(until)?))?;
        // The handshake reads before the first byte is written.
        self.socket().set_read_timeout(Some(left(until)?))?;
        match self {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Sealed(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    fn read(&mut self, part: &mut [u8], until: Instant) -> io::Result<usize> {
        self.socket().set_read_timeout(Some(left(until)?))?;
        match self {
            Stream::Plain(stream) => stream.read(part),
            Stream::Sealed(stream) => match stream.read(part) {
                // Many servers end without saying so; a cut answer is noticed by its length.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
        }
    }

    /// Nothing has come since the last answer: it would be taken for the next one, of another patient.
    fn is_quiet(&self) -> bool {
        let socket = self.socket();
        let looked = socket.set_nonblocking(true).and_then(|()| socket.peek(&mut [0]));
        let is_quiet = looked.is_err_and(|it| it.kind() == io::ErrorKind::WouldBlock);
        is_quiet && socket.set_nonblocking(false).is_ok()
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(stream) => stream,
            Stream::Sealed(stream) => &stream.sock,
        }
    }
}

impl Failure {
    fn told(&self) -> Bureau {
        let (Failure::Nothing(error) | Failure::Broken(error)) = self;
        told(error)
    }
}

/// What an error means to the one who asked.
fn told(error: &io::Error) -> Bureau {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Bureau::Late,
        io::ErrorKind::InvalidData => Bureau::Garbled,
        _ => Bureau::Unreachable,
    }
}

fn host_of(target: &Target) -> (bool, String, u16) {
    (target.tls, target.host.clone(), target.port)
}

/// Connects, at the first of the host's addresses that is there.
pub(crate) fn dial(host: &str, port: u16, until: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(until)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// How much time is left; an error once it is over.
pub(crate) fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Trusts these certificates, and no others.
pub(crate) fn trusting(ca_file: &Path) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca_file).map_err(io::Error::other)? {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    if roots.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no certificate in it"));
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// Servers close what is idle, mostly after a minute.
const IDLE_MAX: Duration = Duration::from_secs(15);
const KEPT_MAX: usize = 16;
const PART_BYTES: usize = 16 << 10;
