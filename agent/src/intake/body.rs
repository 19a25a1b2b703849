//! Reads a body whole, within its bounds: its own bytes, the bytes of all that are coming, seconds.

use std::error::Error;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

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
    let mut held = Held { room, permits: Vec::new(), kib: 0 };
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
        let length = bytes.len() + part.len();
        if length > most {
            return Err(Fault::too_large(most));
        }
        held.grow(length)?;
        // Put together as it comes: a part of one byte would hold a whole buffer of the connection.
        bytes.extend_from_slice(&part);
    }
    Ok(bytes.freeze())
}

/// The permits of one body that is coming.
struct Held<'a> {
    room: &'a Semaphore,
    permits: Vec<SemaphorePermit<'a>>,
    kib: usize,
}

impl Held<'_> {
    /// Holds a permit for each full KiB of so many bytes in all, however small the parts were.
    fn grow(&mut self, length: usize) -> Result<(), Fault> {
        let more = (length / 1024).saturating_sub(self.kib);
        if more == 0 {
            return Ok(());
        }
        let wanted = u32::try_from(more).unwrap_or(u32::MAX);
        self.permits.push(self.room.try_acquire_many(wanted).map_err(|_| Fault::busy())?);
        self.kib += more;
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_small_the_parts_the_whole_takes_its_room() {
        let room = Semaphore::new(3);
        let mut held = Held { room: &room, permits: Vec::new(), kib: 0 };
        for length in 1..=2_048 {
            assert!(held.grow(length).is_ok(), "{length}");
        }
        assert_eq!(room.available_permits(), 1);
        assert!(held.grow(5_000).is_err());
        assert!(held.grow(3_100).is_ok());
        drop(held);
        assert_eq!(room.available_permits(), 3);
    }
}
