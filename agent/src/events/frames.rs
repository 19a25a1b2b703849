//! The words of both ways to listen. SSE: `id`, `event` and `data`; a heartbeat has the place, so that a
//! quiet ward's screen comes back at the right one. WebSocket: one JSON text a frame,
//! with `type`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http::header;
use serde_json::{Value, json};

use super::listener::{Frame, Listener};
use crate::callers::Seat;

/// An answer that ends when the listener goes.
pub(super) fn event_stream(listener: Listener, seat: &Seat) -> Response {
    listener.guard(seat.cut.clone());
    let frames = stream::unfold(listener, |mut listener| async move {
        let frame = listener.next().await?;
        let text = sse(&frame, &listener);
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), listener))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(frames)).into_response()
}

fn sse(frame: &Frame, listener: &Listener) -> String {
    let told = |name: &str, data: &Value| format!("event: {name}\ndata: {data}\n\n");
    match frame {
        Frame::Event(number, event) => {
            let place = listener.place(*number);
            let data = event.shown(&place, listener.show());
            format!("id: {place}\n{}", told(event.kind.name(), &data))
        }
        // Data too: of a frame without any, some libraries do not keep the place.
        Frame::Beat(number) => {
            let beat = told("beat", &data(frame, listener));
            format!(": 在\nid: {}\n{beat}", listener.place(*number))
        }
        Frame::Lost(..) | Frame::Reset => told("lost", &data(frame, listener)),
        Frame::Bye(_) => told("bye", &data(frame, listener)),
    }
}

/// What is not an event, as data.
fn data(frame: &Frame, listener: &Listener) -> Value {
    match frame {
        Frame::Event(number, event) => event.shown(&listener.place(*number), listener.show()),
        Frame::Beat(number) => json!({ "event": listener.place(*number) }),
        Frame::Lost(from, end) => json!({
            "events": end - from,
            "message": "离开太久，中间的事件已不保留；请从 HIS 或审查日志核对",
        }),
        Frame::Reset => json!({
            "message": "上次的位置不在本机的事件里（换过数据目录或多台）；从保留的最早一条开始",
        }),
        Frame::Bye(why) => json!({ "message": why }),
    }
}

/// Talks until one of both goes.
pub(super) async fn talk(mut socket: WebSocket, mut listener: Listener, seat: Arc<Seat>) {
    listener.guard(seat.cut.clone());
    let talking = async {
        loop {
            let frame = tokio::select! {
                frame = listener.next() => frame,
                heard = socket.recv() => match heard {
                    // What a screen says is not listened to; the library answers its pings.
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => continue,
                },
            };
            let Some(frame) = frame else {
                let reason = CloseFrame { code: GOING_AWAY, reason: "stopping".into() };
                drop(socket.send(Message::Close(Some(reason))).await);
                return;
            };
            let text = websocket(&frame, &listener).to_string();
            if socket.send(Message::Text(text.into())).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = talking => {}
        () = seat.cut.cancelled() => {}
    }
}

fn websocket(frame: &Frame, listener: &Listener) -> Value {
    let kind = match frame {
        Frame::Event(_, event) => event.kind.name(),
        Frame::Beat(_) => "beat",
        Frame::Lost(..) | Frame::Reset => "lost",
        Frame::Bye(_) => "bye",
    };
    let mut told = data(frame, listener);
    if let Some(members) = told.as_object_mut() {
        members.insert("type".to_owned(), json!(kind));
    }
    told
}

/// RFC 6455, 7.4.1.
const GOING_AWAY: u16 = 1001;
