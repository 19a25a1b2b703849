//! The HTTP doors: hyper's own connection builder, since only it lets every wait have its bound.
//!
//! A connection is taken when there is room for one more, must send the head of each request in
//! time, and is closed in order when the agent stops: requests that were taken are answered.

use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::answer::{Answer, Dialect, Fault};
use super::{Road, checks, feedback, insurance, messages, operators, soap, totals};
use crate::callers::Seat;
use crate::{clock, dead_peer, events, openapi, query};

/// A bound address that does not serve yet: ports are taken before anything runs.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    connections: Arc<Semaphore>,
    head_timeout: Duration,
}

impl Door {
    /// Takes the address.
    pub async fn bind(
        address: SocketAddr,
        connections_max: usize,
        head_timeout: Duration,
    ) -> std::io::Result<Door> {
        let listener = TcpListener::bind(address).await?;
        Ok(Door { listener, connections: Arc::new(Semaphore::new(connections_max)), head_timeout })
    }

    /// Where callers find it: the port may have been chosen by the system.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until told to stop, then until every request that was taken is answered.
    pub async fn serve(self, router: Router, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        loop {
            let Some(room) = self.room(&stop).await else { break };
            let (stream, seat) = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    // A receipt is one small packet: waiting to fill it would add 40 ms to every
                    // answer. Who has gone already is found out by the connection.
                    Ok((stream, peer)) => {
                        drop(stream.set_nodelay(true));
                        dead_peer::look_out(stream.as_fd());
                        (stream, Seat::new(Some(peer)))
                    }
                    Err(error) => {
                        // Out of descriptors, most likely: waiting lets others close theirs.
                        tracing::warn!(%error, "connection not accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
                () = stop.cancelled() => break,
            };
            let connection =
                connection((stream, seat), router.clone(), self.head_timeout, stop.clone());
            tasks.spawn(async move {
                connection.await;
                drop::<OwnedSemaphorePermit>(room);
            });
        }
        drop(self.listener);
        tasks.close();
        tasks.wait().await;
    }

    async fn room(&self, stop: &CancellationToken) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            room = Arc::clone(&self.connections).acquire_owned() => room.ok(),
            () = stop.cancelled() => None,
        }
    }
}

/// Serves one connection to its end, whatever it runs over.
pub(crate) async fn connection(
    (stream, seat): (impl AsyncRead + AsyncWrite + Unpin + Send + 'static, Seat),
    router: Router,
    head_timeout: Duration,
    stop: CancellationToken,
) {
    let seat = Arc::new(seat);
    let cut = seat.cut.clone();
    let service = TowerToHyperService::new(router.map_request(
        move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(Arc::clone(&seat));
            request.map(axum::body::Body::new)
        },
    ));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                served = serving => served,
                () = cut.cancelled() => return,
            }
        }
        () = cut.cancelled() => return,
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}

/// Request line and headers together; hyper answers 431 above it.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What HIS callers can reach.
pub fn his_routes(road: &Arc<Road>) -> Router {
    Router::new()
        .route("/v1/channels/{channel}/messages", post(messages::receive))
        .route("/v1/channels/{channel}/totals", post(totals::receive))
        .route("/v1/checks", post(checks::check))
        .route("/v1/feedback", post(feedback::feedback))
        .route("/v1/channels/{channel}/checks", post(checks::check_message))
        .route("/v1/events", get(events::door::listen))
        .route("/v1/records", get(query::door::records))
        .route("/insurance", post(insurance::call))
        // Some clients end every address with a slash.
        .route("/insurance/", post(insurance::call))
        .route("/insurance/{infno}", post(insurance::call))
        .route("/insurance/{infno}/", post(insurance::call))
        .route("/fsi/api/riskConService/beforeAnalyze", post(insurance::before))
        .route("/fsi/api/riskConService/beforeAnalyze/", post(insurance::before))
        .route("/fsi/api/riskConService/courseAnalyze", post(insurance::course))
        .route("/fsi/api/riskConService/courseAnalyze/", post(insurance::course))
        .merge(openapi::routes(openapi::Door::His))
        // `/soap/NAME` and the addresses that services had before.
        .fallback(soap::serve)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::clone(road))
}

/// What operators can reach.
pub fn operator_routes(road: &Arc<Road>) -> Router {
    operators::routes()
        .merge(openapi::routes(openapi::Door::Operators))
        .fallback(unknown_address)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::clone(road))
}

async fn unknown_address() -> Response {
    Answer::fault(&Fault::unknown_address()).about(&clock::new_id()).say(&Dialect::Json)
}

async fn wrong_method() -> Response {
    Answer::fault(&Fault::wrong_method()).about(&clock::new_id()).say(&Dialect::Json)
}
