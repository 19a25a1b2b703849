//! A sender's connection, bare or under TLS.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::tls::TlsStream;

/// The connection.
#[derive(Debug)]
pub(super) enum Link {
    Plain(TcpStream),
    Secure(TlsStream),
}

/// What both are to whoever reads and writes.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl Stream for TcpStream {}
impl Stream for TlsStream {}

impl Link {
    fn stream(&mut self) -> &mut dyn Stream {
        match self {
            Link::Plain(stream) => stream,
            Link::Secure(stream) => stream,
        }
    }

    /// Reads what there is, at least a byte; 0 when the sender has closed. Nothing is lost when the
    /// wait is given up.
    pub(super) async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream().read(into).await
    }

    /// Hands all of it to the kernel.
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream().write_all(bytes).await?;
        self.stream().flush().await
    }

    /// Says that nothing more will come.
    pub(super) async fn close(&mut self) {
        drop(self.stream().shutdown().await);
    }
}
