//! What the way in costs: SOAP beside JSON, connections that say nothing, a flood of them.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use crate::alternate::{Spread, alternate, compare};
use crate::client::{Connection, Request};
use crate::daemon::{Daemon, Sink};
use crate::load::{Callers, Seen};
use crate::samples::{self, ACCEPTED, JUDGED};
use crate::site::Site;
use crate::table::{Row, Target};

pub(crate) fn run(site: &Site) -> Vec<Row> {
    vec![soap(site), idle(site), flood(site)]
}

/// The same visit, once as JSON and once as the two strings of a described SOAP service.
fn soap(site: &Site) -> Row {
    let daemon = Daemon::start(&site.new_folder(), Sink::Files);
    let number = AtomicU64::new(1);
    let [json, soap] = [samples::prescription_as_json(), samples::prescription_by_service()];
    let turn = |request: &Request| {
        let callers = Callers { server: daemon.his, request, number: &number, wanted: ACCEPTED };
        let seen = callers.as_fast_as_answered(TURN);
        daemon.await_forwarded();
        seen.a_second()
    };
    let rounds = alternate(ROUNDS, [&mut || turn(&json), &mut || turn(&soap)]);
    let rate = compare(&rounds, |[json, soap]| (*json, *soap));
    Row::ratio("receipts a second by SOAP, beside JSON", rate, Some(Target::AtLeast(0.8)))
}

/// Each has asked once, so that nothing of it is put off. What as many checks bring into memory, whoever asks
/// them, is there before.
#[tokio::main(flavor = "current_thread")]
async fn idle(site: &Site) -> Row {
    let daemon = Daemon::start(&site.new_folder(), Sink::Files);
    let request = samples::check();
    let mut busy = Connection::open(daemon.his).await;
    for _ in 0..IDLE {
        busy.call(&request).await.expect("the agent answers");
    }
    let before = daemon.resident_megabytes();
    let mut connections = Vec::new();
    for _ in 0..IDLE {
        let mut connection = Connection::open(daemon.his).await;
        connection.call(&request).await.expect("the agent answers");
        connections.push(connection);
    }
    tokio::time::sleep(SETTLE).await;
    let grown = daemon.resident_megabytes() - before;
    drop(connections);
    let spread = Spread::of(vec![grown]);
    Row::absolute("2,000 idle connections, MB", spread, Some(Target::AtMost(40.0)))
}

/// Checks from one address, while another opens connections and never ends a head.
fn flood(site: &Site) -> Row {
    let daemon = Daemon::start(&site.new_folder(), Sink::Files);
    let (request, number) = (samples::check(), AtomicU64::new(1));
    let callers =
        Callers { server: daemon.his, request: &request, number: &number, wanted: JUDGED };
    let quiet = || callers.at_rate(A_SECOND, TURN);
    let opened = AtomicU64::new(0);
    let flooded = || -> Seen {
        let ends = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| open_many(daemon.his, &ends, &opened));
            let seen = quiet();
            ends.store(true, Ordering::Relaxed);
            seen
        })
    };
    let rounds = alternate(ROUNDS, [&mut || quiet(), &mut || flooded()]);
    let opened = opened.load(Ordering::Relaxed);
    assert!(opened >= FLOOD, "only {opened} connections are no flood");
    let p99 = compare(&rounds, |[quiet, flooded]| (quiet.latency(0.99), flooded.latency(0.99)));
    Row::ratio("check, p99 in a flood beside quiet, ms", p99, Some(Target::AtMost(3.0)))
}

/// Until told to end; the newest stay open.
#[tokio::main(flavor = "current_thread")]
async fn open_many(server: SocketAddr, ends: &AtomicBool, opened: &AtomicU64) {
    let mut held = VecDeque::new();
    while !ends.load(Ordering::Relaxed) {
        let socket = TcpSocket::new_v4().expect("there are descriptors enough");
        let other = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0));
        socket.bind(other).expect("all of 127/8 is this machine");
        let Ok(mut stream) = socket.connect(server).await else { continue };
        // Who was sent away already cannot go on.
        drop(stream.write_all(b"POST / HTTP/1.1\r\n").await);
        held.push_back(stream);
        if held.len() > HELD {
            held.pop_front();
        }
        opened.fetch_add(1, Ordering::Relaxed);
    }
}

const ROUNDS: usize = 7;
const TURN: Duration = Duration::from_millis(1500);
const SETTLE: Duration = Duration::from_millis(300);
const IDLE: usize = 2_000;
const A_SECOND: u32 = 500;
const FLOOD: u64 = 10_000;
const HELD: usize = 4_000;
