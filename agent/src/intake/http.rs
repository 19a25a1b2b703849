//! The HTTP doors: hyper's own connection builder, since only it lets every wait have its bound.
//!
//! A connection is taken when there is room for one more or somebody can make it, must send the head of
//! each request in time and take its answer, and is closed in order when the agent stops: requests that
//! were taken are answered.

mod bodies;
mod crowd;
mod pulse;
mod told;
mod unpack;
mod wire;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::answer::{Answer, Dialect, Fault};
use super::{Road, checks, feedback, insurance, messages, operators, soap, totals};
use crate::callers::{Seat, guard};
use crate::tls::{Certificate, TlsStream};
use crate::{clock, control, dead_peer, events, openapi, query};
use crowd::Crowd;
pub(crate) use pulse::Pulse;
pub(super) use unpack::CannotUnpack;
use wire::Wire;

/// A bound address that does not serve yet: ports are taken before anything runs.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    crowd: Arc<Crowd>,
    /// Room for those who are told that there is none.
    turned_away: Arc<Semaphore>,
    bounds: Bounds,
    /// What is shown to callers, if the door speaks TLS.
    certificate: Option<Certificate>,
}

/// What a connection may take of time and of the head's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From the first moment of a connection, or the first byte of a request, to the end of its head.
    pub head: Duration,
    /// Request line and headers together.
    pub head_bytes: usize,
    /// Between two requests.
    pub idle: Duration,
    /// Without a byte of the answer being taken.
    pub answer: Duration,
}

impl Door {
    /// Takes the address.
    pub async fn bind(
        address: SocketAddr,
        connections_max: usize,
        bounds: Bounds,
        certificate: Option<Certificate>,
    ) -> std::io::Result<Door> {
        let listener = TcpListener::bind(address).await?;
        let crowd = Arc::new(Crowd::new(connections_max));
        let turned_away = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
        Ok(Door { listener, crowd, turned_away, bounds, certificate })
    }

    /// Where callers find it: the port may have been chosen by the system.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until told to stop, then until every request that was taken is answered.
    pub async fn serve(self, router: Router, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        while let Some((stream, peer)) = self.next(&stop).await {
            let seat = Arc::new(Seat::new(Some(peer)));
            let Some(place) = self.crowd.admit(&seat) else {
                self.turn_away(stream, &tasks);
                continue;
            };
            let certificate = self.certificate.clone();
            let connection =
                welcome((stream, seat), certificate, router.clone(), self.bounds, stop.clone());
            tasks.spawn(async move {
                connection.await;
                drop(place);
            });
        }
        drop(self.listener);
        tasks.close();
        tasks.wait().await;
    }

    /// The next connection; none when told to stop.
    async fn next(&self, stop: &CancellationToken) -> Option<(TcpStream, SocketAddr)> {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => return None,
            };
            match accepted {
                // A receipt is one small packet: waiting to fill it would add 40 ms to every
                // answer. Who has gone already is found out by the connection.
                Ok((stream, peer)) => {
                    drop(stream.set_nodelay(true));
                    dead_peer::look_out(stream.as_fd());
                    return Some((stream, peer));
                }
                Err(error) => {
                    // Out of descriptors, most likely: waiting lets others close theirs.
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Says that there is no room. In a flood not even that is said to everybody.
    fn turn_away(&self, mut stream: TcpStream, tasks: &TaskTracker) {
        metrics::counter!("his_agent_connections_total", "outcome" => "refused").increment(1);
        // Under TLS nothing can be said before hands are shaken.
        if self.certificate.is_some() {
            return;
        }
        let Ok(turn) = Arc::clone(&self.turned_away).try_acquire_owned() else { return };
        tracing::warn!(code = "I144", "a connection was refused: all others are being answered");
        tasks.spawn(async move {
            let saying = async {
                stream.write_all(&told::full()).await?;
                stream.shutdown().await?;
                // Closing on an unread request would reset the connection before this is heard.
                tokio::io::copy(&mut stream.take(TURNED_AWAY_BYTES), &mut tokio::io::sink()).await
            };
            drop(tokio::time::timeout(TURNED_AWAY_FOR, saying).await);
            drop(turn);
        });
    }
}

/// Serves one connection to its end, after shaking hands where the door speaks TLS.
async fn welcome(
    (stream, seat): (TcpStream, Arc<Seat>),
    certificate: Option<Certificate>,
    router: Router,
    bounds: Bounds,
    stop: CancellationToken,
) {
    let Some(certificate) = certificate else {
        return connection((stream, seat), router, bounds, stop).await;
    };
    let shaking = tokio::time::timeout(bounds.head, secure(stream, &certificate));
    let shaken = tokio::select! {
        shaken = shaking => shaken.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())),
        () = seat.cut.cancelled() => return,
        () = stop.cancelled() => return,
    };
    match shaken {
        Ok(stream) => {
            seat.show(stream.names());
            connection((stream, seat), router, bounds, stop).await;
        }
        Err(error) => {
            metrics::counter!("his_agent_connections_total", "outcome" => "no_tls").increment(1);
            tracing::info!(peer = ?seat.address(), %error, code = "I234", "a connection without TLS");
        }
    }
}

/// Shakes hands. Who speaks HTTP in clear is told what to write, in words that it reads.
async fn secure(mut stream: TcpStream, certificate: &Certificate) -> std::io::Result<TlsStream> {
    let mut first = [0];
    let count = stream.peek(&mut first).await?;
    if count > 0 && first != TLS_HANDSHAKE {
        stream.write_all(&told::only_tls()).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(TURNED_AWAY_BYTES), &mut tokio::io::sink()).await?;
        return Err(std::io::Error::new(ErrorKind::InvalidData, "it is no TLS"));
    }
    TlsStream::accept(stream, certificate).await
}

/// With what every TLS connection begins.
const TLS_HANDSHAKE: [u8; 1] = [0x16];

/// Serves one connection to its end, whatever it runs over.
pub(crate) async fn connection(
    (stream, seat): (impl AsyncRead + AsyncWrite + Unpin + Send + 'static, Arc<Seat>),
    router: Router,
    bounds: Bounds,
    stop: CancellationToken,
) {
    let cut = seat.cut.clone();
    let wire = Wire::new(stream, Arc::clone(&seat), bounds);
    let answered = Arc::clone(&seat);
    let service = router
        .map_request(move |it: http::Request<Incoming>| bodies::request(it, &seat))
        .map_response(move |it: Response| bodies::response(it, Arc::clone(&answered)));
    let serving = http1::Builder::new()
        .header_read_timeout(None) // the wire keeps the time, and says so
        .max_buf_size(bounds.head_bytes)
        .half_close(true) // who has said all may close his side and still wait for the answer
        .serve_connection(TokioIo::new(wire), TowerToHyperService::new(service))
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

/// Connections that are told at one time that there is no room, and what each may take.
const TURNED_AWAY_MAX: usize = 64;
const TURNED_AWAY_FOR: Duration = Duration::from_secs(1);
const TURNED_AWAY_BYTES: u64 = 64 << 10;

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
        .layer(middleware::from_fn_with_state(Arc::clone(road), guard::stand))
        .with_state(Arc::clone(road))
}

/// What operators can reach.
pub fn operator_routes(road: &Arc<Road>) -> Router {
    operators::routes()
        .merge(openapi::routes(openapi::Door::Operators))
        .with_state(Arc::clone(road))
        .merge(control::beside(road))
        .fallback(unknown_address)
        .method_not_allowed_fallback(wrong_method)
}

async fn unknown_address() -> Response {
    Answer::fault(&Fault::unknown_address()).about(&clock::new_id()).say(&Dialect::Json)
}

async fn wrong_method() -> Response {
    Answer::fault(&Fault::wrong_method()).about(&clock::new_id()).say(&Dialect::Json)
}
