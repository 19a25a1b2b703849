//! The wire between the agent and the broker, which can be cut, held or made bad.
//!
//! It forwards TCP on loopback in user space, so it needs no rights and disturbs nobody. A lost
//! packet is what TCP makes of it: nothing is missing, and everything behind it comes late.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A wire with an end of its own; it is cut when the value is dropped.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    // Bytes are accepted and go nowhere, in both directions, and nobody is told.
    silent: AtomicBool,
    latency_ms: AtomicU64,
    // Chunks in a hundred that are "lost", and come after a retransmission.
    loss_percent: AtomicU64,
    gone: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// A wire to that port of this machine.
    pub fn to(port: u16) -> Wire {
        let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = door.local_addr().expect("it is bound");
        let state = Arc::new(State::default());
        let (shared, target) = (Arc::clone(&state), SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        thread::spawn(move || serve(&door, target, &shared));
        Wire { address, state }
    }

    /// The port at our end.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on nothing passes and nobody is told: half-open connections.
    pub fn silence(&self) {
        self.state.silent.store(true, Ordering::SeqCst);
    }

    /// What is sent from now on passes again; connections that were silenced are cut, as they are
    /// when the other end has long forgotten them.
    pub fn restore(&self) {
        self.state.silent.store(false, Ordering::SeqCst);
        self.cut();
    }

    /// Each way takes so long, and so many chunks in a hundred need a second or third try.
    pub fn worsen(&self, latency: Duration, loss_percent: u64) {
        let latency_ms = u64::try_from(latency.as_millis()).expect("a latency");
        self.state.latency_ms.store(latency_ms, Ordering::SeqCst);
        self.state.loss_percent.store(loss_percent, Ordering::SeqCst);
    }

    /// Ends every connection.
    pub fn cut(&self) {
        let mut streams = self.state.streams.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.state.gone.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for the next connection.
        let _ = TcpStream::connect(self.address);
        self.cut();
    }
}

fn serve(door: &TcpListener, target: SocketAddr, state: &Arc<State>) {
    while let Ok((near, _)) = door.accept() {
        if state.gone.load(Ordering::SeqCst) {
            return;
        }
        // A broker that is down refuses, and so does the wire to it.
        let Ok(far) = TcpStream::connect(target) else { continue };
        for (from, to) in [(&near, &far), (&far, &near)] {
            let (from, to) = (copy(from), copy(to));
            state.streams.lock().unwrap_or_else(PoisonError::into_inner).push(copy(&from));
            let state = Arc::clone(state);
            thread::spawn(move || carry(from, to, &state));
        }
    }
}

fn copy(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a descriptor is left")
}

/// Reads on one side; another thread writes on the other when the time has come.
fn carry(mut from: TcpStream, to: TcpStream, state: &State) {
    let (sender, receiver) = channel();
    let writer = thread::spawn(move || deliver(to, &receiver));
    let mut chunk = vec![0; 16 << 10];
    let mut late = Lateness { dice: 0x9E37_79B9_7F4A_7C15, last: Instant::now() };
    while let Ok(length) = from.read(&mut chunk) {
        if length == 0 || !late.send(&sender, chunk.get(..length).expect("read"), state) {
            break;
        }
    }
    drop(sender);
    let _ = writer.join();
    let _ = from.shutdown(Shutdown::Both);
}

struct Lateness {
    dice: u64,
    last: Instant,
}

impl Lateness {
    fn send(&mut self, to: &Sender<(Instant, Vec<u8>)>, chunk: &[u8], state: &State) -> bool {
        if state.silent.load(Ordering::SeqCst) {
            return true;
        }
        let latency = Duration::from_millis(state.latency_ms.load(Ordering::SeqCst));
        let mut due = Instant::now() + latency;
        let mut retransmission = RETRANSMIT_FIRST;
        while self.roll() < state.loss_percent.load(Ordering::SeqCst) {
            due += retransmission;
            retransmission *= 2;
        }
        self.last = due.max(self.last);
        to.send((self.last, chunk.to_vec())).is_ok()
    }

    fn roll(&mut self) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % 100
    }
}

fn deliver(mut to: TcpStream, chunks: &Receiver<(Instant, Vec<u8>)>) {
    for (due, chunk) in chunks {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&chunk).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Linux waits at least so long before it sends a packet again.
const RETRANSMIT_FIRST: Duration = Duration::from_millis(200);
