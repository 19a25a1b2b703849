//! Ports on loopback that nobody listens on.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::{Mutex, PoisonError};

/// A port that was free a moment ago, and that no other test is given, of this process or of another.
///
/// It lies below the range from which the kernel serves outgoing connections. Inside it, a client
/// that tries again and again while its server is down would one day be given the very port it
/// calls, connect to itself, and keep the server from coming back.
pub fn free() -> u16 {
    static OURS: Mutex<Ours> = Mutex::new(Ours { left: 0..0, claims: Vec::new() });
    let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let port = ours.next();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// The ports of this process: it takes a block at a time, and has it to its end.
struct Ours {
    left: Range<u16>,
    claims: Vec<UnixListener>,
}

impl Ours {
    fn next(&mut self) -> u16 {
        self.left.next().unwrap_or_else(|| {
            let random = (0..10_000).map(|attempt| RandomState::new().hash_one(attempt));
            let blocks = random.map(|it| u16::try_from(it % BLOCKS).expect("a small number"));
            let (block, claim) =
                blocks.into_iter().find_map(|it| Some((it, claim(it)?))).expect("most are free");
            self.claims.push(claim);
            let first = FIRST + block * IN_A_BLOCK;
            self.left = first + 1..first + IN_A_BLOCK;
            first
        })
    }
}

/// A name that the kernel gives to one process at a time, among all that share its ports. It is no file.
fn claim(block: u16) -> Option<UnixListener> {
    let name = SocketAddr::from_abstract_name(format!("his-agent-tests-ports-{block}"));
    UnixListener::bind_addr(&name.expect("a short name")).ok()
}

const FIRST: u16 = 11_000;
const IN_A_BLOCK: u16 = 100;
const BLOCKS: u64 = 210;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_given_once_and_a_port_too() {
        // None that this process has.
        let held: Vec<(u16, UnixListener)> =
            (0..210).filter_map(|it| Some((it, claim(it)?))).take(3).collect();
        assert_eq!(held.len(), 3);
        assert!(held.iter().all(|(block, _)| claim(*block).is_none()));
        let mut given: Vec<u16> = (0..250).map(|_| free()).collect();
        let is_held = |port: &u16| held.iter().any(|(it, _)| (port - FIRST) / IN_A_BLOCK == *it);
        assert!(!given.iter().any(is_held));
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), 250);
    }
}
