//! Has the kernel look out for a peer that has gone without a word: a cable that is pulled, a screen that is
//! switched off, a firewall that forgets. While we only send nothing else shows it for many minutes.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Ends the connection when sent bytes stay unacknowledged for too long. While nothing is sent the kernel
/// asks from time to time.
pub(crate) fn look_out(socket: BorrowedFd<'_>) {
    let limit_ms =
        libc::c_int::try_from(UNACKNOWLEDGED_MAX.as_millis()).unwrap_or(libc::c_int::MAX);
    advise(socket, (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT), limit_ms);
    advise(socket, (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE), KEEPALIVE_IDLE_S);
    advise(socket, (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL), KEEPALIVE_IDLE_S);
    advise(socket, (libc::SOL_SOCKET, libc::SO_KEEPALIVE), 1);
}

#[allow(unsafe_code)]
fn advise(socket: BorrowedFd<'_>, (level, name): (libc::c_int, libc::c_int), value: libc::c_int) {
    // SAFETY: the descriptor is open while it is borrowed, and the kernel reads the four bytes
    // of `value` before the call returns. The call is advice: when it fails, the protocol's own
    // heartbeats and time-outs still find a dead peer.
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
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    use super::*;

    /// As the kernel tells it.
    #[test]
    fn the_kernel_gives_up_a_peer_that_acknowledges_nothing() {
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(door.local_addr().unwrap()).unwrap();
        look_out(ours.as_fd());
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
}
