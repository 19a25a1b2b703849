//! Ends a connection without asking the library that owns its socket.
//!
//! The library's thread lives as long as its socket does. A peer that accepts and then says
//! nothing, or that is frozen, would keep thread and socket for ever; shutting the socket from
//! here ends both at once.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, mem};

use crate::dead_peer;

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
        dead_peer::look_out(stream.as_fd());
        *state = SocketState::Open(stream.as_fd().try_clone_to_owned()?.into());
        Ok(())
    }
}

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

    async fn pair() -> (TcpStream, TcpStream) {
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(door.local_addr().unwrap()).await.unwrap();
        (ours, door.accept().await.unwrap().0)
    }
}
