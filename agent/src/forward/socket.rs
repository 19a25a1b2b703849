//! Ends a connection without asking the library that owns its socket.
//!
//! The library's thread lives as long as its socket does. A peer that accepts and then says
//! nothing, or that is frozen, would keep thread and socket for ever; shutting the socket from
//! here ends both at once.

use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, mem};

/// The end of a socket that somebody else owns: dropping it shuts the socket, or forbids to use it
/// at all if it is not open yet.
#[derive(Default)]
pub(crate) struct SocketEnd(Slot);

/// Where the owner of the socket leaves it.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<Mutex<SocketState>>);

#[derive(Default)]
enum SocketState {
    #[default]
    NotYet,
    Open(TcpStream),
    Ended,
}

impl SocketEnd {
    /// For the owner.
    pub(crate) fn slot(&self) -> Slot {
        self.0.clone()
    }
}

impl Drop for SocketEnd {
    fn drop(&mut self) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let SocketState::Open(socket) = mem::replace(&mut *state, SocketState::Ended) {
            // Fails when the peer has ended it already, which is as good.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Slot {
    /// Keeps a second handle to a fresh socket, unless nobody wants the connection any more.
    pub(crate) fn hold(&self, stream: &tokio::net::TcpStream) -> io::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, SocketState::Ended) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        give_up_after(stream.as_fd(), UNACKNOWLEDGED_MAX);
        *state = SocketState::Open(stream.as_fd().try_clone_to_owned()?.into());
        Ok(())
    }
}

/// Tells the kernel to end the connection when sent bytes stay unacknowledged this long: a cable
/// that is pulled or a firewall that forgets shows in no other way while we only send. While nothing
/// is sent the kernel asks from time to time, should the library's heartbeats ever stand still.
fn give_up_after(socket: BorrowedFd<'_>, limit: Duration) {
    let limit_ms = libc::c_int::try_from(limit.as_millis()).unwrap_or(libc::c_int::MAX);
    advise(socket, (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT), limit_ms);
    advise(socket, (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE), KEEPALIVE_IDLE_S);
    advise(socket, (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL), KEEPALIVE_IDLE_S);
    advise(socket, (libc::SOL_SOCKET, libc::SO_KEEPALIVE), 1);
}

#[allow(unsafe_code)]
fn advise(socket: BorrowedFd<'_>, (level, name): (libc::c_int, libc::c_int), value: libc::c_int) {
    // SAFETY: the descriptor is open while it is borrowed, and the kernel reads the four bytes
    // of `value` before the call returns. The call is advice: when it fails, heartbeats and
    // confirm time-outs still find a dead peer.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            libc::socklen_t::try_from(size_of_val(&value)).unwrap_or_default(),
        );
    }
}

/// How long the kernel may wait for the peer's acknowledgement of sent bytes.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);
/// Seconds without a byte after which the kernel asks whether the peer is there, and asks again.
const KEEPALIVE_IDLE_S: libc::c_int = 30;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn dropping_the_end_shuts_a_socket_that_somebody_else_holds() {
        let (mut ours, _theirs) = pair().await;
        let end = SocketEnd::default();
        end.slot().hold(&ours).unwrap();
        drop(end);
        assert_eq!(ours.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_socket_that_opens_too_late_is_refused() {
        let (ours, _theirs) = pair().await;
        let end = SocketEnd::default();
        let slot = end.slot();
        drop(end);
        assert_eq!(slot.hold(&ours).unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    /// As the kernel tells it, of the broker's socket.
    #[tokio::test]
    async fn the_kernel_gives_up_a_peer_that_acknowledges_nothing() {
        let (ours, _theirs) = pair().await;
        let end = SocketEnd::default();
        end.slot().hold(&ours).unwrap();
        let told = [
            (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT),
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE),
            (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE),
            (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL),
        ];
        assert_eq!(told.map(|option| asked(&ours, option)), [30_000, 1, 30, 30]);
    }

    #[allow(unsafe_code)]
    fn asked(socket: &TcpStream, (level, name): (libc::c_int, libc::c_int)) -> libc::c_int {
        let (mut value, mut length) = (0, libc::socklen_t::try_from(4).unwrap());
        // SAFETY: the descriptor is open; the kernel writes four bytes at most.
        let told = unsafe {
            let value = (&raw mut value).cast();
            libc::getsockopt(socket.as_raw_fd(), level, name, value, &raw mut length)
        };
        assert_eq!(told, 0);
        value
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(door.local_addr().unwrap()).await.unwrap();
        (ours, door.accept().await.unwrap().0)
    }
}
