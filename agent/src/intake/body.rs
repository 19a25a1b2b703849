//! Reads a body whole, within its bounds: its own bytes, the bytes of all that are coming, seconds.

use std::error::Error;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;

use super::Road;
use super::answer::{Answer, Fault};
use super::http::CannotUnpack;

/// The body, or what its sender is told.
pub(super) async fn read_body(road: &Road, body: Body) -> Result<Bytes, Answer> {
    let listen = &road.config.listen;
    let most = listen.limits.body_bytes_max;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    // Who announces too much is told so before it is sent.
    if announced > most {
        return Err(Answer::fault(&Fault::too_large(most)));
    }
    let came = tokio::time::timeout(listen.body_timeout, whole(body, most, &road.bodies)).await;
    let came = came.unwrap_or_else(|_| Err(Fault::slow_body(listen.body_timeout)));
    came.map_err(|fault| Answer::fault(&fault))
}

/// `room` has a permit for each KiB of all the bodies that are coming.
async fn whole(mut body: Body, most: usize, room: &Semaphore) -> Result<Bytes, Fault> {
    let mut held = Vec::new();
    let mut parts: Vec<Bytes> = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
        length += part.len();
        if length > most {
            return Err(Fault::too_large(most));
        }
        let kib = u32::try_from(part.len() / 1024).unwrap_or(u32::MAX);
        held.push(room.try_acquire_many(kib).map_err(|_| Fault::busy())?);
        parts.push(part);
    }
    if parts.len() < 2 {
        return Ok(parts.pop().unwrap_or_default());
    }
    let mut bytes = BytesMut::with_capacity(length);
    for part in parts {
        bytes.extend_from_slice(&part);
    }
    Ok(bytes.freeze())
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
