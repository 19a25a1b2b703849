//! The MLLP door: HL7 v2 over bare TCP or TLS, an address of its own for a channel.
//!
//! On one connection messages are taken one after another, and answered in that order: the next is
//! looked at when the answer to the last was handed to the kernel. A sender that does not wait for
//! answers is slowed down by TCP itself, so nothing piles up in memory. A message in hand is finished
//! when the agent stops; one that has only begun has until the frame's time is up.
//!
//! | file | what is in it |
//! |---|---|
//! | `lines` | who has a line, and which one goes when the door is full |
//! | `entrance` | how whoever comes gets a place |
//! | `full` | what is told of full doors |
//! | `link` | a line's bytes, bare or under TLS |

mod entrance;
mod full;
mod lines;
mod link;

use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::{MllpFrame, MllpFrames};
use axum::response::Response;
use http::header;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::acknowledge::FRAMES;
use super::answer::{Answer, code_of};
use super::room::Held;
use super::{Road, messages};
use crate::callers::{Caller, Refused, Seat, Shown, Verb, guard};
use crate::calls::{Call, Mark};
use crate::config::{ChannelConfig, MllpConfig};
use crate::dead_peer;
use crate::tls::TlsStream;
use entrance::Entrance;
pub use full::FullDoors;
use full::Outcome;
use lines::{Doing, Line};
use link::Link;

/// A bound address of a channel that does not serve yet.
#[derive(Debug)]
pub struct MllpDoor {
    listener: TcpListener,
    channel: Arc<str>,
    config: MllpConfig,
}

impl MllpDoor {
    /// Takes the address of a channel; nothing if it has no such door.
    pub async fn bind(channel: &ChannelConfig) -> std::io::Result<Option<MllpDoor>> {
        let Some(config) = &channel.mllp else { return Ok(None) };
        let listener = TcpListener::bind(config.listen).await?;
        let channel = Arc::from(channel.name.as_str());
        Ok(Some(MllpDoor { listener, channel, config: config.clone() }))
    }

    /// Serves until told to stop, then until every message in hand is answered.
    pub async fn serve(self, road: Arc<Road>, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let entrance = Entrance::new(self.config.connections_max);
        tracing::info!(channel = %self.channel, address = %self.config.listen, tls = self.config.certificate.is_some(), "serving MLLP");
        for outcome in [Outcome::SentAway, Outcome::Refused] {
            outcome.count(&self.channel, 0);
        }
        while let Some((stream, peer)) = self.next(&stop).await {
            let connection = self.connection(&road, peer, &stop);
            // Whoever finds a place at once has it before the next one is looked at.
            let place = entrance.admit(&connection);
            let entrance = Arc::clone(&entrance);
            tasks.spawn(async move {
                let place = match place {
                    Some(place) => Some(place),
                    None => entrance.wait(&connection).await,
                };
                if place.is_some() {
                    connection.serve(stream).await;
                }
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
                Ok((stream, peer)) => {
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

    fn connection(
        &self,
        road: &Arc<Road>,
        peer: SocketAddr,
        stop: &CancellationToken,
    ) -> Connection {
        let seat = Seat::new(Some(peer));
        Connection {
            road: Arc::clone(road),
            channel: Arc::clone(&self.channel),
            config: self.config.clone(),
            held: road.bodies.enter(seat.address(), 0),
            line: Line::new(seat.address()),
            seat,
            caller: None,
            frames: MllpFrames::new(road.config.listen.limits.body_bytes_max),
            is_crowded: false,
            stray: 0,
            stop: stop.clone(),
        }
    }
}

/// One sender's line.
struct Connection {
    road: Arc<Road>,
    channel: Arc<str>,
    config: MllpConfig,
    seat: Seat,
    /// Who it is, where that can be known.
    caller: Option<Arc<Caller>>,
    frames: MllpFrames,
    /// The room that the frame takes which is coming.
    held: Held,
    /// Whether there was no room for it.
    is_crowded: bool,
    /// What it is at, for whoever comes to a full door.
    line: Arc<Line>,
    /// Bytes of this connection that belonged to no frame.
    stray: usize,
    stop: CancellationToken,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The sender closed it.
    Closed,
    /// It closed it inside a frame, or the network broke.
    Broken,
    /// Nothing came for too long between two frames.
    Idle,
    /// A frame did not come to its end in time, or an answer was not taken.
    Slow,
    /// What comes is no MLLP.
    Foreign,
    /// Nobody may use the channel from there.
    Stranger(Refused),
    /// It has made room for another one.
    Gone,
    /// The agent stops.
    Stopping,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream) {
        // An answer is one small packet: waiting to fill it would add 40 ms to every message.
        drop(stream.set_nodelay(true));
        metrics::gauge!("his_agent_mllp_connections", "channel" => self.channel.to_string())
            .increment(1);
        let line = Arc::clone(&self.line);
        let end = tokio::select! {
            end = self.run(stream) => end,
            // Never while a message is in hand.
            () = line.cut.cancelled() => End::Gone,
        };
        metrics::gauge!("his_agent_mllp_connections", "channel" => self.channel.to_string())
            .decrement(1);
        if let End::Stranger(refused) = end {
            self.note_refused(refused);
        }
        match end {
            End::Slow | End::Foreign | End::Broken | End::Stranger(_) => tracing::warn!(
                channel = %self.channel, peer = ?self.seat.address(), code = end.code(), ?end, stray = self.stray,
                "MLLP connection ended"
            ),
            _ => tracing::debug!(channel = %self.channel, ?end, "MLLP connection ended"),
        }
    }

    async fn run(&mut self, stream: TcpStream) -> End {
        let mut link = match self.link(stream).await {
            Ok(link) => link,
            Err(end) => return end,
        };
        match self.admit() {
            Ok(()) => self.messages(&mut link).await,
            Err(end) => end,
        }
    }

    async fn link(&self, stream: TcpStream) -> Result<Link, End> {
        let Some(certificate) = &self.config.certificate else { return Ok(Link::Plain(stream)) };
        let shaking = TlsStream::accept(stream, certificate);
        tokio::select! {
            shaken = timeout(self.config.frame_timeout, shaking) => match shaken {
                Ok(Ok(stream)) => {
                    self.seat.show(stream.names());
                    Ok(Link::Secure(stream))
                }
                Ok(Err(error)) => {
                    let peer = self.seat.address();
                    tracing::warn!(channel = %self.channel, ?peer, %error, "MLLP: no TLS");
                    Err(End::Foreign)
                }
                Err(_) => Err(End::Slow),
            },
            () = self.stop.cancelled() => Err(End::Stopping),
        }
    }

    /// Finds out who it is. A sender can show no token here: on another machine it is known by its
    /// certificate or its address, or the channel is bound to addresses.
    fn admit(&mut self) -> Result<(), End> {
        let (road, channel) = (&self.road, &*self.channel);
        if !guard::is_taken_from(road, channel, &self.seat) {
            return Err(End::Stranger(Refused::Elsewhere));
        }
        let may = |it: &Caller| it.may(Verb::Message, Some(channel));
        match road.callers.find(&self.seat, &Shown::default(), may) {
            Ok(caller) => self.caller = Some(caller),
            Err(Refused::Unknown) if self.may_be_unnamed() => {}
            Err(refused) => return Err(End::Stranger(refused)),
        }
        Ok(())
    }

    fn may_be_unnamed(&self) -> bool {
        let own = self.road.config.channels.iter().find(|it| it.name == *self.channel);
        let is_bound = own.is_some_and(|it| !it.addresses.is_empty());
        is_bound || self.seat.has_certificate() || guard::may_be_unnamed(&self.road, &self.seat)
    }

    /// Takes and answers messages, one after another.
    async fn messages(&mut self, link: &mut Link) -> End {
        loop {
            let frame = match self.next(link).await {
                Ok(frame) => frame,
                Err(end) => return end,
            };
            if !self.line.turns_to(Doing::Answering) {
                return End::Gone;
            }
            self.wait_for_its_turn().await;
            let answer = self.take(frame).await;
            self.line.begins(Doing::Moving);
            match timeout(self.config.frame_timeout, link.write_all(&answer)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return End::Broken,
                Err(_) => return End::Slow,
            }
            if self.stop.is_cancelled() {
                link.close().await;
                return End::Stopping;
            }
        }
    }

    /// Who comes too often waits here, and TCP slows it down. When the agent stops nobody waits any more.
    async fn wait_for_its_turn(&self) {
        let Some(caller) = &self.caller else { return };
        while let Err(Refused::TooOften(wait)) = self.road.callers.pace(caller) {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// The next frame; it must end in time once it has begun, and begin in time.
    async fn next(&mut self, link: &mut Link) -> Result<MllpFrame, End> {
        let mut begun = None;
        loop {
            let frame = self.frames.next_frame();
            self.count_stray()?;
            if let Some(frame) = frame {
                self.held.let_go();
                return Ok(frame);
            }
            if self.held.grow(self.frames.waiting()).is_err() {
                self.give_up();
            }
            let inside = self.frames.is_inside();
            let goes_on = match begun {
                _ if !inside => self.line.turns_to(Doing::Silent),
                None => self.line.begins(Doing::Moving),
                Some(_) => true,
            };
            if !goes_on {
                return Err(End::Gone);
            }
            begun = inside.then(|| begun.unwrap_or_else(tokio::time::Instant::now));
            let until = match begun {
                Some(begun) => begun + self.config.frame_timeout,
                None => tokio::time::Instant::now() + self.config.idle_timeout,
            };
            self.read(link, until, inside).await?;
        }
    }

    /// There is no room for the frame that is coming: the rest is passed over, and its sender is told.
    fn give_up(&mut self) {
        self.frames.give_up();
        self.held.let_go();
        self.is_crowded = true;
    }

    async fn read(
        &mut self,
        link: &mut Link,
        until: tokio::time::Instant,
        inside: bool,
    ) -> Result<(), End> {
        let mut piece = [0; PIECE_BYTES];
        let read = tokio::select! {
            read = tokio::time::timeout_at(until, link.read(&mut piece)) => read,
            () = self.held.lost() => {
                self.give_up();
                return Ok(());
            }
            // A frame in hand is read to its end.
            () = self.stop.cancelled(), if !inside => {
                link.close().await;
                return Err(End::Stopping);
            }
        };
        match read {
            Ok(Ok(0)) if inside => Err(End::Broken),
            Ok(Ok(0)) => Err(End::Closed),
            Ok(Ok(bytes)) => {
                self.frames.push(piece.get(..bytes).unwrap_or_default());
                Ok(())
            }
            Ok(Err(_)) => Err(if inside { End::Broken } else { End::Closed }),
            Err(_) => Err(if inside { End::Slow } else { End::Idle }),
        }
    }

    fn count_stray(&mut self) -> Result<(), End> {
        let stray = self.frames.take_stray();
        if stray == 0 {
            return Ok(());
        }
        self.stray += stray;
        metrics::counter!("his_agent_mllp_stray_bytes_total", "channel" => self.channel.to_string())
            .increment(stray as u64);
        if self.stray > STRAY_BYTES_MAX { Err(End::Foreign) } else { Ok(()) }
    }

    /// What to write back for a frame.
    async fn take(&mut self, frame: MllpFrame) -> Vec<u8> {
        let (began, bytes) = (Instant::now(), length(&frame));
        let is_crowded = std::mem::take(&mut self.is_crowded);
        let response = match frame {
            MllpFrame::Message(bytes) => {
                messages::receive_framed(&self.road, &self.channel, bytes.into()).await
            }
            MllpFrame::TooLong(beginning) if is_crowded => {
                messages::busy_framed(&self.channel, &beginning)
            }
            MllpFrame::TooLong(beginning) => {
                messages::refuse_framed(&self.road, &self.channel, &beginning).await
            }
        };
        self.note(&response, bytes, began);
        framed(response).await
    }
}

impl Connection {
    /// A connection that was sent away is a call like those that are refused elsewhere.
    fn note_refused(&self, refused: Refused) {
        guard::count_refused(refused.code());
        self.road.calls.note(&Call {
            caller: None,
            address: self.seat.address(),
            verb: Verb::Message,
            channel: Some(&self.channel),
            status: Answer::fault(&refused.fault()).status().as_u16(),
            code: Some(refused.code()),
            bytes: 0,
            took: Duration::ZERO,
            id: None,
        });
    }

    fn note_full(&self, outcome: Outcome) {
        self.road.lines.note(&self.channel, self.config.connections_max, outcome);
    }

    fn note(&self, response: &Response, bytes: usize, began: Instant) {
        let mark = response.extensions().get::<Mark>();
        self.road.calls.note(&Call {
            caller: self.caller.as_ref().map(|it| it.name.as_str()),
            address: self.seat.address(),
            verb: Verb::Message,
            channel: Some(&self.channel),
            status: response.status().as_u16(),
            code: code_of(response),
            bytes: bytes as u64,
            took: began.elapsed(),
            id: mark.and_then(|it| it.id.as_deref()),
        });
    }
}

fn length(frame: &MllpFrame) -> usize {
    match frame {
        MllpFrame::Message(bytes) | MllpFrame::TooLong(bytes) => bytes.len(),
    }
}

impl End {
    const fn code(self) -> &'static str {
        match self {
            End::Foreign => "I151",
            End::Slow => "I152",
            End::Stranger(refused) => refused.code(),
            End::Gone => "I154",
            _ => "I153",
        }
    }
}

/// Acknowledgements are in frames already; what other formats are answered with is put into one.
async fn framed(response: Response) -> Vec<u8> {
    let is_framed = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|it| it.as_bytes() == FRAMES.as_bytes());
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    let body = body.expect("an answer is in memory");
    if is_framed { body.into() } else { adapters::mllp_frame(&body) }
}

const PIECE_BYTES: usize = 4 * 1024;
/// A line that speaks something else for so long is closed.
const STRAY_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
