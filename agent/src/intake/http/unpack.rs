//! `Content-Encoding` of a request, undone as it comes and a little at a time: what a small body
//! grows to is counted by whoever reads it, and never held at once.

use std::fmt;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::HttpBody;
use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, header};
use hyper::body::Frame;

/// How a body is packed, by the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packed {
    Gzip,
    Deflate,
    /// A way that is not undone here.
    Otherwise,
}

/// Why a packed body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CannotUnpack {
    /// Not a way that is taken.
    Unknown,
    /// It is not what the header says, or breaks off.
    Broken,
}

impl fmt::Display for CannotUnpack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CannotUnpack::Unknown => "the content encoding is not taken",
            CannotUnpack::Broken => "the packed body is not whole",
        })
    }
}

impl std::error::Error for CannotUnpack {}

/// How the body is packed. The headers then say what the door gets. Some programs write a charset
/// there, or nothing: such words change no byte and are passed over.
pub(super) fn packed(headers: &mut HeaderMap) -> Option<Packed> {
    let told = headers.get(header::CONTENT_ENCODING)?;
    let told = str::from_utf8(told.as_bytes()).unwrap_or_default().trim().to_ascii_lowercase();
    let packed = match told.as_str() {
        "gzip" | "x-gzip" => Packed::Gzip,
        "deflate" => Packed::Deflate,
        other if other.split(',').any(|it| WAYS.contains(&it.trim())) => Packed::Otherwise,
        _ => return None,
    };
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    Some(packed)
}

/// What packs bytes, by the names that are registered.
const WAYS: [&str; 8] =
    ["gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb"];

/// A body that is unpacked as it is read.
pub(super) struct Unpacked<B> {
    body: B,
    unpacking: Unpacking,
    waiting: Bytes,
    has_ended: bool,
    /// Whether others get their turn before the next piece.
    gives_way: bool,
}

enum Unpacking {
    Gzip(MultiGzDecoder<Vec<u8>>),
    /// Until its first two bytes are there.
    Deflate(Vec<u8>),
    Zlib(ZlibDecoder<Vec<u8>>),
    Bare(DeflateDecoder<Vec<u8>>),
    Unknown,
}

impl<B> Unpacked<B> {
    pub(super) fn new(body: B, packed: Packed) -> Unpacked<B> {
        let unpacking = match packed {
            Packed::Gzip => Unpacking::Gzip(MultiGzDecoder::new(Vec::new())),
            Packed::Deflate => Unpacking::Deflate(Vec::new()),
            Packed::Otherwise => Unpacking::Unknown,
        };
        Unpacked { body, unpacking, waiting: Bytes::new(), has_ended: false, gives_way: false }
    }
}

impl Unpacking {
    /// What a piece of the packed body makes; an empty one is the end.
    fn take(&mut self, piece: &[u8]) -> Result<Vec<u8>, CannotUnpack> {
        if let Unpacking::Deflate(begun) = self {
            begun.extend_from_slice(piece);
            let begun = std::mem::take(begun);
            return self.begin(begun, piece.is_empty());
        }
        let ends = piece.is_empty();
        let (taken, made) = match self {
            Unpacking::Gzip(it) if ends => (it.try_finish(), it.get_mut()),
            Unpacking::Gzip(it) => (it.write_all(piece), it.get_mut()),
            Unpacking::Zlib(it) if ends => (it.try_finish(), it.get_mut()),
            Unpacking::Zlib(it) => (it.write_all(piece), it.get_mut()),
            Unpacking::Bare(it) if ends => (it.try_finish(), it.get_mut()),
            Unpacking::Bare(it) => (it.write_all(piece), it.get_mut()),
            Unpacking::Deflate(_) | Unpacking::Unknown => return Err(CannotUnpack::Unknown),
        };
        taken.map_err(|_| CannotUnpack::Broken)?;
        Ok(std::mem::take(made))
    }

    /// `deflate` means zlib; old programs of one vendor send the stream without zlib's head.
    fn begin(&mut self, begun: Vec<u8>, ends: bool) -> Result<Vec<u8>, CannotUnpack> {
        let [first, second, ..] = begun[..] else {
            *self = Unpacking::Deflate(begun);
            return if ends { Err(CannotUnpack::Broken) } else { Ok(Vec::new()) };
        };
        let is_zlib = first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31);
        *self = if is_zlib {
            Unpacking::Zlib(ZlibDecoder::new(Vec::new()))
        } else {
            Unpacking::Bare(DeflateDecoder::new(Vec::new()))
        };
        self.take(&begun)
    }
}

impl<B> Unpacked<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// The next piece of the packed body; the last is empty.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, BoxError>> {
        while self.waiting.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(frame) => {
                    self.waiting = frame.map_err(Into::into)?.into_data().unwrap_or_default();
                }
                None => return Poll::Ready(Ok(Bytes::new())),
            }
        }
        Poll::Ready(Ok(self.waiting.split_to(self.waiting.len().min(PIECE_BYTES))))
    }
}

impl<B> HttpBody for Unpacked<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.gives_way) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while !this.has_ended {
            // What is not undone is refused before the caller has sent it.
            let is_unknown = matches!(this.unpacking, Unpacking::Unknown);
            let piece = if is_unknown { Bytes::new() } else { ready!(this.poll_piece(cx))? };
            this.has_ended = piece.is_empty();
            let made = this.unpacking.take(&piece)?;
            if !made.is_empty() {
                this.gives_way = true;
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(made)))));
            }
        }
        Poll::Ready(None)
    }
}

/// The packed bytes of one piece: the densest make a thousand times as many.
const PIECE_BYTES: usize = 512;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http_body_util::{BodyExt as _, Collected, Full};

    use super::*;

    #[test]
    fn only_ways_to_pack_are_undone() {
        let named = |told: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, told.parse().unwrap());
            packed(&mut headers)
        };
        assert_eq!(named("GZIP"), Some(Packed::Gzip));
        assert_eq!(named(" x-gzip"), Some(Packed::Gzip));
        assert_eq!(named("deflate"), Some(Packed::Deflate));
        for told in ["br", "zstd", "gzip, gzip", "identity, deflate"] {
            assert_eq!(named(told), Some(Packed::Otherwise), "{told}");
        }
        for told in ["identity", "utf-8", "GBK", "", "text/xml"] {
            assert_eq!(named(told), None, "{told}");
        }
        assert_eq!(packed(&mut HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn what_is_whole_is_unpacked() {
        let long = "<报文>长</报文>".repeat(100_000);
        let text = long.as_bytes();
        let gzip = |text: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(text).unwrap();
        let zlib = zlib.finish().unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::best());
        bare.write_all(text).unwrap();
        let bare = bare.finish().unwrap();
        let whole = gzip(text);
        check(Packed::Gzip, &whole, Ok(text)).await;
        check(Packed::Gzip, &[gzip(b"a"), gzip(b"b")].concat(), Ok(b"ab")).await;
        check(Packed::Deflate, &zlib, Ok(text)).await;
        check(Packed::Deflate, &bare, Ok(text)).await;
        check(Packed::Deflate, b"x", Err(CannotUnpack::Broken)).await;
        check(Packed::Deflate, bare.get(..bare.len() - 1).unwrap(), Err(CannotUnpack::Broken))
            .await;
        check(Packed::Otherwise, &whole, Err(CannotUnpack::Unknown)).await;
        check(Packed::Gzip, text, Err(CannotUnpack::Broken)).await;
        check(Packed::Deflate, &whole, Err(CannotUnpack::Broken)).await;
        for cut in [whole.len() - 1, whole.len() - 9, 5] {
            check(Packed::Gzip, whole.get(..cut).unwrap(), Err(CannotUnpack::Broken)).await;
        }
    }

    async fn check(packed: Packed, body: &[u8], expected: Result<&[u8], CannotUnpack>) {
        let body = Full::new(Bytes::copy_from_slice(body));
        let read = Unpacked::new(body, packed).collect().await;
        let actual = read.map(Collected::to_bytes).map_err(|it| *it.downcast().unwrap());
        assert!(actual.as_deref() == expected.as_ref().map(|it| *it), "{packed:?}");
    }
}
