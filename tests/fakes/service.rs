//! Another system's service as others write it, in PHP or in Node: it takes records and keeps what it took
//! in a file, one JSON text a line.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Guard, wait_until};

/// A service that runs; it is gone once the value is dropped.
#[derive(Debug)]
pub struct Service {
    process: Child,
    scheme: &'static str,
    port: u16,
    desk: TempDir,
    _guard: Guard,
}

impl Service {
    /// A script of PHP, run by PHP's own server.
    pub fn php(script: &Path) -> Service {
        let port = crate::free_port();
        let mut command = Command::new("php");
        command.args(["-S", &format!("127.0.0.1:{port}")]).arg(script);
        Service::start(command, "http", port)
    }

    /// A script of Node that serves under TLS, with this certificate and its key.
    pub fn sealed(script: &Path, certificate: &Path, key: &Path) -> Service {
        let port = crate::free_port();
        let mut command = Command::new("node");
        command.arg(script).arg(port.to_string()).args([certificate, key]);
        Service::start(command, "https", port)
    }

    fn start(mut command: Command, scheme: &'static str, port: u16) -> Service {
        let desk = TempDir::with_prefix("service-").expect("the temp folder takes a folder");
        let process = command
            .env("SAVED", saved(&desk))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it is there: `make setup-tests`");
        let guard = Guard::over(process.id());
        let listens = wait_until(PATIENCE, || TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert!(listens, "{command:?} does not listen");
        Service { process, scheme, port, desk, _guard: guard }
    }

    /// Where it is, by name.
    pub fn address(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.port)
    }

    /// The same, by number: a certificate for the name does not fit.
    pub fn numbered(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// What it took, in order.
    pub fn taken(&self) -> Vec<Value> {
        let text = fs::read_to_string(saved(&self.desk)).unwrap_or_default();
        // What is still being written is not taken yet.
        let whole = text.split_inclusive('\n').filter(|it| it.ends_with('\n'));
        whole.map(|it| serde_json::from_str(it).expect("a line of JSON")).collect()
    }

    /// Has trouble of its own, or no more.
    pub fn breaks(&self, is_broken: bool) {
        let mark = saved(&self.desk).with_extension("broken");
        if is_broken {
            fs::write(mark, "").expect("our own folder");
        } else {
            fs::remove_file(mark).expect("our own file");
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn saved(desk: &TempDir) -> PathBuf {
    desk.path().join("saved")
}

const PATIENCE: Duration = Duration::from_secs(30);
