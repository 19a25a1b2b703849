//! Another system that has records pushed to it: an HTTP server that takes, refuses, says nothing or is
//! away, and keeps what it took.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

/// The other system.
#[derive(Debug)]
pub struct Subscriber {
    at: SocketAddr,
    inside: Arc<Inside>,
    door: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Inside {
    /// What it answers.
    status: AtomicU16,
    is_away: AtomicBool,
    taken: Mutex<Vec<Pushed>>,
}

/// A record that it took.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The `Idempotency-Key`.
    pub id: String,
    /// The body.
    pub record: Value,
}

impl Default for Subscriber {
    fn default() -> Subscriber {
        Subscriber::new()
    }
}

impl Subscriber {
    /// Has an address, and nobody is there.
    pub fn new() -> Subscriber {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, crate::free_port()));
        let inside = Inside { status: AtomicU16::new(200), ..Inside::default() };
        Subscriber { at, inside: Arc::new(inside), door: None }
    }

    /// Where it is.
    pub fn at(&self) -> SocketAddr {
        self.at
    }

    /// The lines of `[[subscription]]` that lead to it.
    pub fn table(&self, name: &str, more: &str) -> String {
        format!("[[subscription]]\nname = \"{name}\"\nurl = \"http://{}/in\"\n{more}\n", self.at)
    }

    /// Comes, and takes.
    pub fn come(&mut self) {
        self.go();
        self.inside.is_away.store(false, Ordering::SeqCst);
        let door = TcpListener::bind(self.at).expect("nobody else has this port");
        let inside = Arc::clone(&self.inside);
        self.door = Some(thread::spawn(move || {
            for stream in door.incoming() {
                if inside.is_away.load(Ordering::SeqCst) {
                    return;
                }
                let (inside, stream) = (Arc::clone(&inside), stream.expect("a connection"));
                thread::spawn(move || inside.serve(&stream));
            }
        }));
    }

    /// Goes: nobody listens at its address.
    pub fn go(&mut self) {
        if let Some(door) = self.door.take() {
            self.inside.is_away.store(true, Ordering::SeqCst);
            drop(TcpStream::connect(self.at));
            door.join().expect("it serves to its end");
        }
    }

    /// Answers so from now on; 0 is no answer at all.
    pub fn answer(&self, status: u16) {
        self.inside.status.store(status, Ordering::SeqCst);
    }

    /// What it took, in order.
    pub fn taken(&self) -> Vec<Pushed> {
        self.inside.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.go();
    }
}

impl Inside {
    /// Requests of one connection, until one of both goes.
    fn serve(&self, stream: &TcpStream) {
        drop(stream.set_read_timeout(Some(Duration::from_secs(30))));
        let mut reader = BufReader::new(stream);
        while let Some(pushed) = read(&mut reader) {
            if self.is_away.load(Ordering::SeqCst) {
                return;
            }
            let status = self.status.load(Ordering::SeqCst);
            if status == 0 {
                continue;
            }
            if status == 200 {
                // Kept before it is answered, as the agent does.
                self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(pushed);
            }
            let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 2\r\n\r\nok");
            if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Pushed> {
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line == "\r\n" {
                break;
            }
            continue;
        };
        match name {
            "Content-Length" => length = value.parse().ok()?,
            "Idempotency-Key" => value.clone_into(&mut id),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Pushed { id, record: serde_json::from_slice(&body).ok()? })
}
