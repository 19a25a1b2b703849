//! Where alerts go: a mail server, a chat robot, a syslog server, each of which keeps what it was told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::Certificates;

/// The mail server's certificate.
#[derive(Clone, Debug)]
pub struct Sealed(Arc<ServerConfig>);

impl Sealed {
    /// `NAME.pem` and `NAME.key` of these.
    pub fn by(certificates: &Certificates, name: &str) -> Sealed {
        let certificate = certificates.path(&format!("{name}.pem"));
        let chain = CertificateDer::pem_file_iter(certificate).expect("signed");
        let chain = chain.collect::<Result<Vec<_>, _>>().expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(certificates.path(&format!("{name}.key")));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().expect("it has some");
        let config = config.with_no_client_auth();
        let config = config.with_single_cert(chain, key.expect("a key")).expect("they fit");
        Sealed(Arc::new(config))
    }

    fn accept(&self, stream: TcpStream) -> Option<StreamOwned<ServerConnection, TcpStream>> {
        let connection = ServerConnection::new(Arc::clone(&self.0)).ok()?;
        Some(StreamOwned::new(connection, stream))
    }
}

/// What a sink was told, in order.
pub type Told = Arc<Mutex<Vec<String>>>;

/// A sink, until the test ends.
#[derive(Debug)]
pub struct Sink {
    /// Where it listens.
    pub at: SocketAddr,
    told: Told,
    /// While set it answers that something is wrong.
    refuses: Arc<AtomicBool>,
}

impl Sink {
    /// Everything it was told until now.
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it takes nothing from now on.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// A mail server: AUTH PLAIN and LOGIN, and STARTTLS where there is a certificate; whoever is `nobody` is not known, and
    /// `moved` is somewhere else. Each mail is kept with
    /// the conversation before it.
    pub fn mail(sealed: Option<Sealed>) -> Sink {
        Sink::serve(move |stream, told, refuses| {
            let mut talk = Talk { wire: Box::new(stream.try_clone().ok()?), said: String::new() };
            talk.say("220 sink ESMTP")?;
            loop {
                let line = talk.line()?;
                let word = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
                match word.as_str() {
                    "EHLO" if sealed.is_some() && !talk.said.contains("STARTTLS") => {
                        talk.say("250-sink\r\n250 STARTTLS")?;
                    }
                    "EHLO" => talk.say("250-sink\r\n250-8BITMIME\r\n250 AUTH LOGIN PLAIN")?,
                    "STARTTLS" => {
                        talk.say("220 go on")?;
                        talk.wire = Box::new(sealed.as_ref()?.accept(stream.try_clone().ok()?)?);
                    }
                    "RCPT" if line.contains("moved@") => talk.say("251 will forward")?,
                    "RCPT" if line.contains("nobody@") => talk.say("550 no such user")?,
                    "MAIL" if refuses.load(Ordering::SeqCst) => talk.say("451 later")?,
                    "AUTH" => talk.say("235 come in")?,
                    "DATA" => {
                        talk.say("354 go on")?;
                        while talk.line()? != "." {}
                        keep(told, std::mem::take(&mut talk.said));
                        talk.say("250 taken")?;
                    }
                    "QUIT" => return talk.say("221 bye"),
                    _ => talk.say("250 ok")?,
                }
            }
        })
    }

    /// A robot of a chat program: keeps path and body, and answers 200 whatever it thinks.
    pub fn robot() -> Sink {
        Sink::serve(|stream, told, refuses| {
            let mut reader = BufReader::new(stream.try_clone().ok()?);
            loop {
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).ok()? == 0 {
                        return None;
                    }
                    if let Some(value) = line.strip_prefix("Content-Length: ") {
                        length = value.trim().parse().ok()?;
                    }
                    if line == "\r\n" {
                        break;
                    }
                    head.push_str(&line);
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).ok()?;
                let path = head.split(' ').nth(1)?.to_owned();
                let is_refused = refuses.load(Ordering::SeqCst);
                if !is_refused {
                    keep(told, format!("{path}\n{}", String::from_utf8(body).ok()?));
                }
                let answer = if is_refused {
                    "{\"errcode\": 310000, \"errmsg\": \"sign not match\"}"
                } else {
                    "{\"errcode\": 0, \"errmsg\": \"ok\"}"
                };
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
                (&mut &*stream).write_all((head + answer).as_bytes()).ok()?;
            }
        })
    }

    /// A syslog server over TCP: frames that say how long they are.
    pub fn syslog_tcp() -> Sink {
        Sink::serve(|stream, told, _| {
            let mut reader = BufReader::new(stream.try_clone().ok()?);
            loop {
                let mut length = Vec::new();
                reader.read_until(b' ', &mut length).ok()?;
                let length = str::from_utf8(&length).ok()?.trim().parse().ok()?;
                let mut frame = vec![0; length];
                reader.read_exact(&mut frame).ok()?;
                keep(told, String::from_utf8(frame).ok()?);
            }
        })
    }

    /// A syslog server over UDP.
    pub fn syslog_udp() -> Sink {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of ours");
        let at = socket.local_addr().expect("bound");
        let sink = Sink { at, told: Told::default(), refuses: Arc::default() };
        let told = Arc::clone(&sink.told);
        thread::spawn(move || {
            let mut datagram = [0; 8192];
            while let Ok(length) = socket.recv(&mut datagram) {
                let text: Vec<u8> = datagram.iter().take(length).copied().collect();
                keep(&told, String::from_utf8(text).expect("UTF-8"));
            }
        });
        sink
    }

    fn serve(
        talk: impl Fn(&TcpStream, &Told, &AtomicBool) -> Option<()> + Send + Sync + 'static,
    ) -> Sink {
        let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of ours");
        let at = door.local_addr().expect("bound");
        let sink = Sink { at, told: Told::default(), refuses: Arc::default() };
        let (told, refuses) = (Arc::clone(&sink.told), Arc::clone(&sink.refuses));
        let talk = Arc::new(talk);
        thread::spawn(move || {
            for stream in door.incoming().map_while(Result::ok) {
                drop(stream.set_read_timeout(Some(Duration::from_secs(30))));
                let (talk, told, refuses) =
                    (Arc::clone(&talk), Arc::clone(&told), Arc::clone(&refuses));
                thread::spawn(move || talk(&stream, &told, &refuses));
            }
        });
        sink
    }
}

fn keep(told: &Told, text: String) {
    told.lock().unwrap_or_else(PoisonError::into_inner).push(text);
}

trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

/// A conversation by lines.
struct Talk {
    wire: Box<dyn Wire>,
    said: String,
}

impl Talk {
    fn say(&mut self, line: &str) -> Option<()> {
        self.wire.write_all(format!("{line}\r\n").as_bytes()).ok()?;
        self.wire.flush().ok()
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.wire.read_exact(&mut byte).ok()?;
            line.extend(byte);
        }
        let line = String::from_utf8(line).ok()?;
        self.said.push_str(&line);
        Some(line.trim_end().to_owned())
    }
}
