//! Mail: as much of SMTP as handing one message to the hospital's mail server takes.
//!
//! EHLO, STARTTLS, AUTH PLAIN or LOGIN, one message in UTF-8. Everything here blocks, and no longer than
//! it is told to. A password goes over TLS only, or stays on this machine (the configuration sees to it).

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::Severity;
use super::notice::Sender;
use super::target::Notice;
use crate::clock;
use crate::config::{MailConfig, MailSecurity};
use crate::relay::exchange::{dial, left, trusting};

/// Hands the notice over. `Some` tells who of several was not taken.
pub(super) fn send(
    config: &MailConfig,
    sender: &Sender,
    notice: &Notice,
    until: Instant,
) -> Result<Option<String>, String> {
    let mut session = Session::open(config, sender, until)?;
    session.authenticate(config)?;
    session.ask(&format!("MAIL FROM:<{}>", config.from), 250)?;
    let mut refused = Vec::new();
    for to in &config.to {
        // 251: taken, and sent on to where the person is now.
        if let Err(why) = session.ask_any(&format!("RCPT TO:<{to}>"), &[250, 251]) {
            refused.push(format!("{to}: {why}"));
        }
    }
    if refused.len() == config.to.len() {
        return Err(refused.join("; "));
    }
    session.ask("DATA", 354)?;
    session.say(&message(config, sender, notice))?;
    session.ask(".", 250)?;
    // It is taken; how the conversation ends changes nothing.
    drop(session.ask("QUIT", 221));
    Ok((!refused.is_empty()).then(|| refused.join("; ")))
}

/// A conversation with the server.
struct Session {
    wire: Box<dyn Wire>,
    /// The same socket, for its time-outs.
    socket: TcpStream,
    until: Instant,
    unread: Vec<u8>,
    /// What the server has said it can.
    can: Vec<String>,
}

trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

impl Session {
    fn open(config: &MailConfig, sender: &Sender, until: Instant) -> Result<Session, String> {
        let (host, port) = &config.server;
        let socket = dial(host, *port, until).map_err(|it| told(&it))?;
        let wire = Box::new(socket.try_clone().map_err(|it| told(&it))?);
        let (unread, can) = (Vec::new(), Vec::new());
        let mut session = Session { wire, socket, until, unread, can };
        if config.security == MailSecurity::Tls {
            session.seal(config)?;
        }
        session.hear(&[220])?;
        session.greet(sender)?;
        if config.security == MailSecurity::StartTls {
            if !session.can("STARTTLS") {
                return Err("the server has no STARTTLS".to_owned());
            }
            session.ask("STARTTLS", 220)?;
            // What was slipped in before the handshake would count as said under it.
            if !session.unread.is_empty() {
                return Err("the server speaks before the handshake".to_owned());
            }
            session.seal(config)?;
            session.greet(sender)?;
        }
        Ok(session)
    }

    fn greet(&mut self, sender: &Sender) -> Result<(), String> {
        // Strict servers turn away a name that cannot be looked up, and take an address.
        let host = match self.socket.local_addr().map(|it| it.ip().to_canonical()) {
            Ok(IpAddr::V4(at)) if !sender.host.contains('.') => format!("[{at}]"),
            Ok(IpAddr::V6(at)) if !sender.host.contains('.') => format!("[IPv6:{at}]"),
            _ => sender.host.clone(),
        };
        let said = self.ask(&format!("EHLO {host}"), 250)?;
        self.can = said.lines().skip(1).map(str::to_ascii_uppercase).collect();
        Ok(())
    }

    fn seal(&mut self, config: &MailConfig) -> Result<(), String> {
        let ca_file = config.ca_file.as_deref().unwrap_or(Path::new(""));
        let tls = trusting(ca_file).map_err(|it| format!("ca_file: {it}"))?;
        let host = config.server.0.clone();
        let name = ServerName::try_from(host).map_err(|it| it.to_string())?;
        let connection = ClientConnection::new(Arc::new(tls), name).map_err(|it| it.to_string())?;
        let socket = self.socket.try_clone().map_err(|it| told(&it))?;
        self.wire = Box::new(StreamOwned::new(connection, socket));
        Ok(())
    }

    fn authenticate(&mut self, config: &MailConfig) -> Result<(), String> {
        let Some((user, password)) = &config.login else { return Ok(()) };
        let methods: Vec<&String> = self.can.iter().filter(|it| it.starts_with("AUTH")).collect();
        let has =
            |method: &str| methods.iter().any(|it| it.split([' ', '=']).any(|it| it == method));
        if has("PLAIN") || !has("LOGIN") {
            let proof = STANDARD.encode(format!("\0{user}\0{password}"));
            return self.ask(&format!("AUTH PLAIN {proof}"), 235).map(drop);
        }
        self.ask("AUTH LOGIN", 334)?;
        self.ask(&STANDARD.encode(user), 334)?;
        self.ask(&STANDARD.encode(password), 235).map(drop)
    }

    fn can(&self, what: &str) -> bool {
        self.can.iter().any(|it| it == what)
    }

    /// Says a line and hears the answer, which must have this code.
    fn ask(&mut self, line: &str, code: u16) -> Result<String, String> {
        self.ask_any(line, &[code])
    }

    /// The same where more than one answer is a yes.
    fn ask_any(&mut self, line: &str, codes: &[u16]) -> Result<String, String> {
        self.say(&format!("{line}\r\n"))?;
        self.hear(codes)
    }

    fn say(&mut self, text: &str) -> Result<(), String> {
        self.wait_no_longer()?;
        self.wire
            .write_all(text.as_bytes())
            .and_then(|()| self.wire.flush())
            .map_err(|it| told(&it))
    }

    /// All lines of an answer. What is said is the server's word, bounded.
    fn hear(&mut self, codes: &[u16]) -> Result<String, String> {
        let mut said = String::new();
        loop {
            let line = self.line()?;
            let is_last = line.as_bytes().get(3) != Some(&b'-');
            said.push_str(line.get(4..).unwrap_or_default());
            said.push('\n');
            let code = line.get(..3).and_then(|it| it.parse().ok());
            if is_last && code.is_some_and(|it| codes.contains(&it)) {
                return Ok(said);
            }
            if is_last {
                return Err(format!("the server answers `{}`", line.trim_end()));
            }
            if said.len() > SAID_MAX {
                return Err("the server does not come to an end".to_owned());
            }
        }
    }

    fn line(&mut self) -> Result<String, String> {
        loop {
            if let Some(end) = self.unread.iter().position(|it| *it == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                // In whatever encoding: of the rest only its bytes are told.
                let line = line.trim_ascii_end();
                return Ok(str::from_utf8(line)
                    .map_or_else(|_| line.escape_ascii().to_string(), str::to_owned));
            }
            if self.unread.len() > SAID_MAX {
                return Err("the server's line does not end".to_owned());
            }
            self.wait_no_longer()?;
            let mut part = [0; 1024];
            let count = self.wire.read(&mut part).map_err(|it| told(&it))?;
            if count == 0 {
                return Err("the server has hung up".to_owned());
            }
            self.unread.extend(part.iter().take(count));
        }
    }

    fn wait_no_longer(&self) -> Result<(), String> {
        let left = left(self.until).map_err(|it| told(&it))?;
        let set = self.socket.set_read_timeout(Some(left));
        set.and_then(|()| self.socket.set_write_timeout(Some(left))).map_err(|it| told(&it))
    }
}

/// A message whose every line is short and plain, whatever is in it.
fn message(config: &MailConfig, sender: &Sender, notice: &Notice) -> String {
    let mut out = String::new();
    let date = clock::now().strftime("%a, %d %b %Y %H:%M:%S +0800");
    let _ = write!(out, "From: <{}>\r\nTo: <{}>\r\n", config.from, config.to.join(">, <"));
    let _ = write!(out, "Subject: {}\r\nDate: {date}\r\n", encoded_words(&notice.title(sender)));
    let _ = write!(out, "Message-ID: <{}@{}>\r\n", clock::new_id(), sender.host);
    out.push_str("Auto-Submitted: auto-generated\r\n");
    if notice.severity() == Severity::Critical {
        out.push_str("X-Priority: 1\r\n");
    }
    out.push_str("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n");
    out.push_str("Content-Transfer-Encoding: base64\r\n\r\n");
    let body = STANDARD.encode(notice.text(sender).replace('\n', "\r\n"));
    for line in body.as_bytes().chunks(76) {
        out.push_str(str::from_utf8(line).unwrap_or_default()); // base64 is plain
        out.push_str("\r\n");
    }
    out
}

/// A header's text in UTF-8, in pieces that mail servers take, none of which cuts a character.
fn encoded_words(text: &str) -> String {
    let mut words = vec![String::new()];
    for letter in text.chars() {
        if words.last().is_some_and(|it| it.len() + letter.len_utf8() > WORD_BYTES) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(letter);
        }
    }
    let words: Vec<String> =
        words.iter().map(|it| format!("=?UTF-8?B?{}?=", STANDARD.encode(it))).collect();
    words.join("\r\n ")
}

/// What an error of the network means to an operator.
pub(super) fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "时限内没有应答".to_owned(),
        io::ErrorKind::NotFound => "找不到这个地址".to_owned(),
        io::ErrorKind::ConnectionRefused => "连不上：对方拒绝了连接".to_owned(),
        _ => error.to_string(),
    }
}

const SAID_MAX: usize = 16 << 10;
/// Of UTF-8, so that an encoded word stays below 75 letters.
const WORD_BYTES: usize = 45;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_cut_between_characters() {
        check("test", "test");
        check("[前置机 示例市人民医院] 严重 F101 O107 I191 V203 等", "");
        check("a\r\nBcc: x@y", "");
    }

    #[track_caller]
    fn check(subject: &str, expected: &str) {
        let words = encoded_words(subject);
        assert!(words.lines().all(|it| it.trim().len() <= 75), "{words}");
        let plain: Vec<u8> = words
            .lines()
            .flat_map(|it| {
                let word =
                    it.trim().strip_prefix("=?UTF-8?B?").and_then(|it| it.strip_suffix("?="));
                let bytes = STANDARD.decode(word.unwrap_or_default()).unwrap_or_default();
                assert!(str::from_utf8(&bytes).is_ok(), "{it}");
                bytes
            })
            .collect();
        let expected = if expected.is_empty() { subject } else { expected };
        assert_eq!(plain, expected.as_bytes());
    }
}
