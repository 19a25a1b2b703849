//! The connection that a request came by.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

use crate::control::rights::Person;
use crate::intake::http::Pulse;

/// The connection that a request came by.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Nothing for the unix socket.
    pub(crate) peer: Option<SocketAddr>,
    /// Ends the connection at once, whatever it waits for.
    pub(crate) cut: CancellationToken,
    /// What it is at.
    pub(crate) pulse: Pulse,
    /// The names in the caller's certificate, once it was shown and proved.
    names: OnceLock<Vec<String>>,
    /// Whoever made the connection, as the system says on the control socket.
    person: Option<Person>,
    /// Bytes of the body of the request in hand, as far as they have come.
    came: AtomicU64,
}

impl Seat {
    pub(crate) fn new(peer: Option<SocketAddr>) -> Seat {
        Seat {
            peer,
            cut: CancellationToken::new(),
            pulse: Pulse::new(),
            names: OnceLock::new(),
            person: None,
            came: AtomicU64::new(0),
        }
    }

    /// On the control socket.
    pub(crate) fn of(person: Person) -> Seat {
        Seat { person: Some(person), ..Seat::new(None) }
    }

    pub(crate) fn person(&self) -> Option<&Person> {
        self.person.as_ref()
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.peer.map(|it| it.ip().to_canonical())
    }

    /// Whether the caller sits at this machine.
    pub(crate) fn is_near(&self) -> bool {
        self.address().is_some_and(|it| it.is_loopback())
    }

    /// Notes what the caller's certificate calls it, if it has shown one. The first word stays.
    pub(crate) fn show(&self, names: Option<Vec<String>>) {
        if let Some(names) = names {
            let _ = self.names.set(names);
        }
    }

    /// Whether it has shown a certificate, whatever that calls it: one may have no name that is read here.
    pub(crate) fn has_certificate(&self) -> bool {
        self.names.get().is_some()
    }

    /// What its certificate calls the caller.
    pub(crate) fn names(&self) -> &[String] {
        self.names.get().map_or(&[], Vec::as_slice)
    }

    /// A request begins.
    pub(crate) fn begin(&self) {
        self.came.store(0, Ordering::Relaxed);
    }

    /// A part of its body has come.
    pub(crate) fn take(&self, bytes: usize) {
        self.came.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes of its body so far.
    pub(crate) fn came(&self) -> u64 {
        self.came.load(Ordering::Relaxed)
    }
}
