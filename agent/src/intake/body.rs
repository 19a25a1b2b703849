//! Reads a body whole, within its bounds: its own bytes, the bytes of all that are coming, seconds.

use std::convert::Infallible;
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt as _;

use super::Road;
use super::answer::{Answer, Fault};
use super::http::CannotUnpack;
use super::room::{Full, Held};
use crate::callers::Seat;

/// A request's body, as far as it has come.
#[derive(Debug)]
pub(super) enum Upload {
    /// It comes from there.
    Coming(Body, Option<IpAddr>),
    /// It was read already, within its bounds.
    Whole(Bytes),
}

impl<S: Sync> FromRequest<S> for Upload {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Upload, Infallible> {
        let from = request.extensions().get::<Arc<Seat>>().and_then(|it| it.address());
        Ok(Upload::Coming(request.into_body(), from))
    }
}

impl Upload {
    /// The body, and from where it comes.
    pub(super) fn apart(self) -> (Body, Option<IpAddr>) {
        match self {
            Upload::Coming(body, from) => (body, from),
            Upload::Whole(bytes) => (Body::from(bytes), None),
        }
    }
}

/// The body, or what its sender is told.
pub(super) async fn read_body(road: &Road, sent: Upload) -> Result<Bytes, Answer> {
    let (body, from) = match sent {
        Upload::Coming(body, from) => (body, from),
        Upload::Whole(bytes) => return Ok(bytes),
    };
    let listen = &road.config.listen;
    let most = listen.limits.body_bytes_max;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    // Who announces too much is told so before it is sent.
    if announced > most {
        return Err(Answer::fault(&Fault::too_large(most)));
    }
    let room = road.bodies.enter(from, announced);
    let came = tokio::time::timeout(listen.body_timeout, whole(body, most, room)).await;
    let came = came.unwrap_or_else(|_| Err(Fault::slow_body(listen.body_timeout)));
    came.map_err(|fault| Answer::fault(&fault))
}

async fn whole(mut body: Body, most: usize, mut held: Held) -> Result<Bytes, Fault> {
    let mut bytes = BytesMut::new();
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = held.lost() => return Err(Fault::busy()),
        };
        let Some(frame) = frame else { return Ok(bytes.freeze()) };
        let Ok(part) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
        let length = bytes.len() + part.len();
        if length > most {
            return Err(Fault::too_large(most));
        }
        held.grow(length).map_err(|Full| Fault::busy())?;
        // Put together as it comes: a part of one byte would hold a whole buffer of the connection.
        bytes.extend_from_slice(&part);
    }
}

/// Why a body ended before it was whole.
pub(super) fn broken(error: &axum::Error) -> Fault {
    let first: Option<&(dyn Error + 'static)> = Some(error);
    let mut causes = std::iter::successors(first, |it| (*it).source());
    match causes.find_map(|it| it.downcast_ref::<CannotUnpack>()) {
        None => Fault::broken_body(),
        Some(CannotUnpack::Unknown) => {
            let message = "Content-Encoding 只收 gzip 和 deflate，也可以不压缩".to_owned();
            Fault::unacceptable(StatusCode::UNSUPPORTED_MEDIA_TYPE, "I145", message)
        }
        Some(CannotUnpack::Broken) => {
            let message =
                "报文解不开：Content-Encoding 说是压缩的，字节不是，或没有发送完整".to_owned();
            Fault::unacceptable(StatusCode::BAD_REQUEST, "I145", message)
        }
    }
}
