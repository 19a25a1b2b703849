//! Ports on loopback that nobody listens on.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// A port that was free a moment ago, and that no other test of this process is given.
///
/// It lies below the range from which the kernel serves outgoing connections. Inside it, a client
/// that tries again and again while its server is down would one day be given the very port it
/// calls, connect to itself, and keep the server from coming back.
pub fn free() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    (0..1000)
        .map(|attempt| RandomState::new().hash_one(attempt))
        .map(|random| 11_000 + u16::try_from(random % 21_000).expect("below 65,536"))
        .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .find(|port| given.insert(*port))
        .expect("most ports are free")
}
