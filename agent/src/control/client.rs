//! The other end of the control socket, for commands: blocking, one question a connection.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody answers there.
    #[error("{path}: 连不上运行中的前置机（{cause}）：这个命令要在它运行时、由同一个用户或 root 执行", path = .path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The daemon would not do it.
    #[error("{}", .reasons.join("\n"))]
    Refused {
        /// Its HTTP status.
        status: u16,
        /// The code of its answer.
        code: String,
        /// What it said, a sentence a reason.
        reasons: Vec<String>,
    },
    /// What came back is no answer of ours.
    #[error("the daemon's answer is not understood: {0}")]
    Garbled(String),
}

/// Asks for `address`, such as `/admin/v1/status`; gives the answer's `data`.
pub fn get(socket: &Path, address: &str) -> Result<Value, ControlError> {
    ask(socket, "GET", address, "")
}

/// Has something done; gives the answer's `data`.
pub fn post(socket: &Path, address: &str, body: &Value) -> Result<Value, ControlError> {
    ask(socket, "POST", address, &body.to_string())
}

/// Has something put under an address; gives the answer's `data`.
pub fn put(socket: &Path, address: &str, body: &Value) -> Result<Value, ControlError> {
    ask(socket, "PUT", address, &body.to_string())
}

/// Has what is under an address taken away; gives the answer's `data`.
pub fn delete(socket: &Path, address: &str, body: &Value) -> Result<Value, ControlError> {
    ask(socket, "DELETE", address, &body.to_string())
}

/// Percent signs for everything that means something in an address.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn ask(socket: &Path, method: &str, address: &str, body: &str) -> Result<Value, ControlError> {
    let unreachable = |cause| ControlError::Unreachable { path: socket.to_owned(), cause };
    let answer = talk(socket, method, address, body).map_err(unreachable)?;
    let garbled = || ControlError::Garbled(answer.chars().take(80).collect());
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(garbled)?;
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).ok_or_else(garbled)?;
    let said: Said = serde_json::from_str(body).map_err(|_| garbled())?;
    if status == 200 { Ok(said.data) } else { Err(refused(status, said)) }
}

/// HTTP/1.0 has no keep-alive and no chunks: the answer is everything until the end.
fn talk(socket: &Path, method: &str, address: &str, body: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    let length = body.len();
    write!(
        stream,
        "{method} {address} HTTP/1.0\r\nHost: control\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn refused(status: u16, said: Said) -> ControlError {
    let code = said.detail.first().map(|it| it.code.clone()).unwrap_or_default();
    let mut reasons: Vec<String> = said.detail.into_iter().map(|it| it.expected).collect();
    if reasons.is_empty() {
        reasons.push(said.message);
    }
    ControlError::Refused { status, code, reasons }
}

/// The envelope, as far as a command needs it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    message: String,
    data: Value,
    detail: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    expected: String,
}
