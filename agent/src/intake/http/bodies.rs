//! The two ways of a request's body: a request as it comes, whose end the connection's pulse is told,
//! and an answer as it goes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use hyper::body::{Frame, Incoming, SizeHint};

use super::pulse::Phase;
use super::unpack;
use crate::callers::Seat;

/// A request as its door gets it.
pub(super) fn request(
    mut request: http::Request<Incoming>,
    seat: &Arc<Seat>,
) -> http::Request<Body> {
    let phase = if request.body().is_end_stream() { Phase::Answering } else { Phase::Body };
    seat.pulse.enter(phase);
    seat.begin();
    request.extensions_mut().insert(Arc::clone(seat));
    let packed = unpack::packed(request.headers_mut());
    request.map(|body| {
        let coming = Coming { body, seat: Arc::clone(seat) };
        match packed {
            None => Body::new(coming),
            Some(packed) => Body::new(unpack::Unpacked::new(coming, packed)),
        }
    })
}

/// An answer as hyper gets it.
pub(super) fn response(response: Response, seat: Arc<Seat>) -> http::Response<Going> {
    if seat.pulse.phase() == Phase::Body {
        seat.pulse.leave_unread();
    }
    let is_left = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    response.map(|body| Going { body, seat, is_left })
}

/// A request's body.
#[derive(Debug)]
pub(super) struct Coming {
    body: Incoming,
    seat: Arc<Seat>,
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            this.seat.take(frame.data_ref().map_or(0, Bytes::len));
        }
        let is_whole = match &polled {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(_))) => this.body.is_end_stream(),
            _ => false,
        };
        if is_whole {
            this.seat.pulse.enter(Phase::Answering);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body. When it is gone, it has still to be sent.
#[derive(Debug)]
pub(super) struct Going {
    body: Body,
    seat: Arc<Seat>,
    is_left: bool,
}

impl HttpBody for Going {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let phase = if self.is_left { Phase::Beyond } else { Phase::Leaving };
        self.seat.pulse.enter(phase);
    }
}
