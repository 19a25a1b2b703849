//! Connections that come from an address of their own, as if from another machine: all of 127.0.0.0/8 is
//! this one's.

use std::io;
use std::net::{SocketAddr, TcpStream};

use tokio::net::TcpSocket;
use tokio::runtime::Builder;

/// Connects from there.
pub fn connect(from: [u8; 4], to: SocketAddr) -> io::Result<TcpStream> {
    dial(from, to, |_| Ok(()))
}

/// The same for one that takes a few kilobytes and no more before it is read from.
pub fn connect_narrow(from: [u8; 4], to: SocketAddr) -> io::Result<TcpStream> {
    dial(from, to, |it| it.set_recv_buffer_size(4 << 10))
}

fn dial(
    from: [u8; 4],
    to: SocketAddr,
    set: impl Fn(&TcpSocket) -> io::Result<()>,
) -> io::Result<TcpStream> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        set(&socket)?;
        socket.bind((from, 0).into())?;
        socket.connect(to).await?.into_std()
    })?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}
