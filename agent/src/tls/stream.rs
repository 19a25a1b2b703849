//! A TCP connection under TLS, as tokio reads and writes: packets are handed to the socket when the socket
//! is ready for them.

use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{Certificate, names};

/// The connection, hands shaken.
#[derive(Debug)]
pub(crate) struct TlsStream {
    tcp: TcpStream,
    tls: Box<ServerConnection>,
}

impl TlsStream {
    /// Shakes hands with whoever has connected.
    pub(crate) async fn accept(tcp: TcpStream, certificate: &Certificate) -> io::Result<TlsStream> {
        let tls = ServerConnection::new(certificate.config()).map_err(io::Error::other)?;
        let mut stream = TlsStream { tcp, tls: Box::new(tls) };
        std::future::poll_fn(|cx| stream.poll_handshake(cx)).await?;
        Ok(stream)
    }

    /// What the caller's certificate calls it; nothing when it has shown none.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        self.tls.peer_certificates()?.first().map(|it| names(it))
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.is_handshaking() {
            ready!(self.poll_out(cx))?;
            if self.tls.is_handshaking() && !ready!(self.poll_in(cx))? {
                return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
            }
        }
        self.poll_out(cx)
    }

    /// Reads packets off the socket; false when the other side has closed.
    fn poll_in(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.tls.read_tls(&mut Socket(&self.tcp)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(0) => return Poll::Ready(Ok(false)),
                Ok(_) => break,
            }
        }
        if let Err(error) = self.tls.process_new_packets() {
            // The alert tells the other side what it did wrong.
            let _ = self.poll_out(cx);
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, error)));
        }
        Poll::Ready(Ok(true))
    }

    /// Hands packets to the socket, all there are.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            ready!(self.tcp.poll_write_ready(cx))?;
            match self.tls.write_tls(&mut Socket(&self.tcp)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(_) => {}
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.tls.reader().read(into.initialize_unfilled()) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(read) => {
                    into.advance(read);
                    return Poll::Ready(Ok(()));
                }
            }
            // At the end of the other side the reader says whether it was a clean one.
            let _ = ready!(this.poll_in(cx))?;
            // What TLS itself has to say goes out when the socket takes it.
            if let Poll::Ready(Err(error)) = this.poll_out(cx) {
                return Poll::Ready(Err(error));
            }
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // One writer's worth is sealed at a time: who takes nothing makes nothing pile up.
        ready!(this.poll_out(cx))?;
        let taken = this.tls.writer().write(bytes)?;
        match this.poll_out(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(taken)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_out(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.tls.send_close_notify();
        ready!(this.poll_out(cx))?;
        Pin::new(&mut this.tcp).poll_shutdown(cx)
    }
}

/// The socket as rustls wants it: it does what it can now.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
