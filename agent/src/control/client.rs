//! The other end of the control socket, for commands: blocking, one question a connection.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// It took the question and said nothing. Whether it was done nobody knows.
    #[error("{path}: 前置机在运行，{seconds} 秒没有答复，不知道做了没有：多半卡住了，看 journalctl -u his-agent", path = .path.display())]
    Silent {
        /// The socket.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
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
    #[error(
        "看不懂守护进程的回答（{0}）：命令和守护进程多半不是同一个版本，重启守护进程再试 | the daemon's answer is not understood"
    )]
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
    let path = || socket.to_owned();
    let patience = patience(address);
    let answer =
        talk(socket, method, address, body, patience).map_err(|cause| match cause.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                ControlError::Silent { path: path(), seconds: patience.as_secs() }
            }
            _ => ControlError::Unreachable { path: path(), cause },
        })?;
    let garbled = || ControlError::Garbled(answer.chars().take(80).collect());
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(garbled)?;
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).ok_or_else(garbled)?;
    let said: Said = serde_json::from_str(body).map_err(|_| garbled())?;
    if status == 200 { Ok(said.data) } else { Err(refused(status, said)) }
}

/// How long to wait for an answer: a daemon that is stuck must not hold whoever asks why.
fn patience(address: &str) -> Duration {
    let place = address.split('?').next().unwrap_or_default();
    match place {
        DOCTOR => DOCTOR_MAX,
        _ if LONG.contains(&place) => LONG_MAX,
        _ => ANSWER_MAX,
    }
}

/// Bounds itself.
const DOCTOR: &str = "/admin/v1/doctor";
const DOCTOR_MAX: Duration = Duration::from_secs(40);
/// These answer when the work is done, which may be a whole day's of records.
const LONG: [&str; 9] = [
    "/admin/v1/alerts/test",
    "/admin/v1/audit/runs",
    "/admin/v1/audit/stock",
    "/admin/v1/codes/release",
    "/admin/v1/history/reset",
    "/admin/v1/keys/master",
    "/admin/v1/reconcile",
    "/admin/v1/reconcile/his",
    "/admin/v1/rules/backtest",
];
const LONG_MAX: Duration = Duration::from_secs(3_600);
const ANSWER_MAX: Duration = Duration::from_secs(75);
const WRITE_MAX: Duration = Duration::from_secs(10);

/// HTTP/1.0 has no keep-alive and no chunks: the answer is everything until the end.
fn talk(
    socket: &Path,
    method: &str,
    address: &str,
    body: &str,
    patience: Duration,
) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(WRITE_MAX.min(patience)))?;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_daemon_that_says_nothing_holds_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let _stuck = UnixListener::bind(&socket).unwrap();
        let told = talk(&socket, "GET", "/", "", Duration::from_millis(50)).unwrap_err();
        assert_eq!(told.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn what_takes_long_is_waited_for() {
        let check =
            |address, seconds| assert_eq!(patience(address).as_secs(), seconds, "{address}");
        check("/admin/v1/status", 75);
        check("/admin/v1/doctor", 40);
        check("/admin/v1/reconcile", 3_600);
        check("/admin/v1/doctor/history?last=3", 75);
    }
}
