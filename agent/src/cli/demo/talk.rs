//! The smallest HTTP caller that will do: one request, one answer, one connection.

use std::net::SocketAddr;

use adapters::{Charset, decode_strictly};
use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What came back.
pub(in crate::cli) struct Reply {
    pub(in crate::cli) status: u16,
    pub(in crate::cli) body: String,
}

/// Sends a body and waits for the answer.
pub(in crate::cli) async fn post(
    to: SocketAddr,
    path: &str,
    content_type: &str,
    body: &[u8],
) -> anyhow::Result<Reply> {
    let mut stream = TcpStream::connect(to).await.with_context(|| format!("connect to {to}"))?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {to}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = decoded(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no head")?;
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).context("no status")?;
    Ok(Reply { status, body: body.to_owned() })
}

/// A caller is answered in the encoding it writes: UTF-8, else GBK. What is neither is shown escaped, since
/// somebody wants to see it all the same.
fn decoded(answer: &[u8]) -> String {
    let read =
        [Charset::Utf8, Charset::Gb18030].into_iter().find_map(|it| decode_strictly(answer, it));
    read.unwrap_or_else(|| answer.escape_ascii().to_string().replace("\\r\\n", "\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_can_be_shown() {
        let check = |bytes: &[u8], text| assert_eq!(decoded(bytes), text);
        check("成功".as_bytes(), "成功");
        check(b"HTTP/1.1 200 OK\r\n\r\n\xb3\xc9\xb9\xa6", "HTTP/1.1 200 OK\r\n\r\n成功");
        check(b"a\r\n\r\n\xff\xff", "a\r\n\r\n\\xff\\xff");
    }
}
