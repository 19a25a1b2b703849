//! Ports on loopback that nobody listens on.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// A port that was free a moment ago.
///
/// It lies below the range from which the kernel serves outgoing connections. Inside it, a client
/// that tries again and again while its server is down would one day be given the very port it
/// calls, connect to itself, and keep the server from coming back.
pub fn free() -> u16 {
    (0..1000)
        .map(|attempt| RandomState::new().hash_one(attempt))
        .map(|random| 11_000 + u16::try_from(random % 21_000).expect("below 65,536"))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("most ports are free")
}
