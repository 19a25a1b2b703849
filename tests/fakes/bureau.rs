//! The insurer's own review: answers as it is told to, soon or late, or not at all, and remembers
//! what it was asked.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::ports;

/// How it answers.
#[derive(Clone, Debug)]
pub enum Manner {
    /// With this body, after a while.
    Says(String, Duration),
    /// It takes the request and ends the connection.
    HangsUp,
    /// With bytes that are no HTTP.
    Babbles,
    /// With this body, twice: nobody has asked for the second one.
    SaysTwice(String),
    /// With this body, a byte at a time, each after a while.
    Drips(String, Duration),
    /// With bytes that do not end.
    Floods,
    /// In these manners by turns; `{mdtrt_id}` in what it says is that of the request.
    ByTurns(Vec<Manner>),
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Of the request line.
    pub path: String,
    /// The whole head.
    pub head: String,
    /// The body.
    pub body: Value,
}

/// A review that listens, and ends with the test.
#[derive(Debug)]
pub struct Bureau {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    manner: Manner,
    asked: Vec<Asked>,
}

impl Bureau {
    /// Listens on a port of its own.
    pub fn start(manner: Manner) -> Bureau {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()));
        let listener = TcpListener::bind(address).expect("the port is free");
        let state = Arc::new(Mutex::new(State { manner, asked: Vec::new() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Bureau { address, state }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it answers so.
    pub fn becomes(&self, manner: Manner) {
        self.lock().manner = manner;
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection, request after request.
fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    while let Some(asked) = read(&mut stream) {
        let manner = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.asked.push(asked);
            state.manner.of(&state.asked)
        };
        if answer(&mut stream, manner).is_err() {
            return;
        }
    }
}

fn answer(stream: &mut TcpStream, manner: Manner) -> io::Result<()> {
    match manner {
        Manner::Says(body, after) => {
            thread::sleep(after);
            stream.write_all(whole(&body).as_bytes())
        }
        Manner::SaysTwice(body) => stream.write_all(whole(&body).repeat(2).as_bytes()),
        Manner::Drips(body, each) => whole(&body).as_bytes().chunks(1).try_for_each(|it| {
            thread::sleep(each);
            stream.write_all(it)
        }),
        Manner::Floods => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")?;
            let much = vec![b' '; 1 << 20];
            (0..1_000).try_for_each(|_| stream.write_all(&much))
        }
        Manner::Babbles => stream.write_all(b"<html>502 Bad Gateway</html>\r\n\r\n"),
        Manner::HangsUp | Manner::ByTurns(_) => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

/// With its head.
fn whole(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

impl Manner {
    /// How a request is answered, of all that there were so far.
    fn of(&self, asked: &[Asked]) -> Manner {
        let Manner::ByTurns(turns) = self else { return self.clone() };
        let manner = turns.get(asked.len() % turns.len().max(1)).unwrap_or(&Manner::HangsUp);
        let place = "/input/data/patient_dtos/0/curr_mdtrt_id";
        let encounter = asked.last().and_then(|it| it.body.pointer(place)?.as_str());
        let encounter = encounter.unwrap_or_default();
        let filled = |body: &String| body.replace("{mdtrt_id}", encounter);
        match manner {
            Manner::Says(body, after) => Manner::Says(filled(body), *after),
            Manner::SaysTwice(body) => Manner::SaysTwice(filled(body)),
            Manner::Drips(body, each) => Manner::Drips(filled(body), *each),
            other => other.clone(),
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n");
        if let Some(end) = end {
            let head = str::from_utf8(bytes.get(..end)?).ok()?.to_owned();
            let length = head.lines().find_map(|it| it.strip_prefix("Content-Length: "));
            let length: usize = length?.trim().parse().ok()?;
            if let Some(body) = bytes.get(end + 4..end + 4 + length) {
                let path = head.split(' ').nth(1)?.to_owned();
                return Some(Asked { path, head, body: serde_json::from_slice(body).ok()? });
            }
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(part.get(..count)?),
        }
    }
}
