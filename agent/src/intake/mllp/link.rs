//! A TCP connection, bare or under TLS.
//!
//! The door reads and writes in turn, never both at once, so that this is all there is to TLS over
//! tokio: hand its packets to the socket when the socket is ready.

use std::io::{self, ErrorKind, Read, Write};

use rustls::ServerConnection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::tls::Certificate;

/// The connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    tls: Option<Box<ServerConnection>>,
}

impl Link {
    pub(super) const fn plain(stream: TcpStream) -> Link {
        Link { stream, tls: None }
    }

    /// Shakes hands first.
    pub(super) async fn secure(stream: TcpStream, certificate: &Certificate) -> io::Result<Link> {
        let mut tls = certificate.accept()?;
        while tls.is_handshaking() {
            flush(&mut tls, &stream).await?;
            if tls.is_handshaking() && fill(&mut tls, &stream).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        flush(&mut tls, &stream).await?;
        Ok(Link { stream, tls: Some(Box::new(tls)) })
    }

    /// Reads what there is, at least a byte; 0 when the sender has closed. Nothing is lost when the
    /// wait is given up.
    pub(super) async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.read(into).await };
        loop {
            match tls.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            if fill(tls, &self.stream).await? == 0 {
                return Ok(0);
            }
            flush(tls, &self.stream).await?;
        }
    }

    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return self.stream.write_all(bytes).await };
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = tls.writer().write(rest)?;
            rest = rest.get(taken..).unwrap_or_default();
            flush(tls, &self.stream).await?;
        }
        Ok(())
    }

    /// Says that nothing more will come.
    pub(super) async fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            drop(flush(tls, &self.stream).await);
        }
        drop(self.stream.shutdown().await);
    }
}

/// Reads packets off the socket; 0 when the other side has closed.
async fn fill(tls: &mut ServerConnection, stream: &TcpStream) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match tls.read_tls(&mut Socket(stream)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
            Ok(read) => {
                if let Err(error) = tls.process_new_packets() {
                    // The alert tells the other side what it did wrong.
                    drop(flush(tls, stream).await);
                    return Err(io::Error::other(error));
                }
                return Ok(read);
            }
        }
    }
}

async fn flush(tls: &mut ServerConnection, stream: &TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        stream.writable().await?;
        match tls.write_tls(&mut Socket(stream)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Ok(())
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
