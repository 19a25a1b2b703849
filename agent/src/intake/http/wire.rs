//! One connection's bytes, with a bound on every wait: for a head, between two requests, for an answer
//! to be taken. What hyper refuses by a bare status is said in words, with a code.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Bounds;
use super::pulse::Phase;
use super::told;
use crate::callers::Seat;

/// A connection under hyper.
#[derive(Debug)]
pub(super) struct Wire<S> {
    inner: S,
    seat: Arc<Seat>,
    bounds: Bounds,
    timer: Pin<Box<Sleep>>,
    /// How the caller takes an answer that the kernel has no room for.
    behind: Option<Behind>,
    /// What is said in place of a bare status.
    own_words: Vec<u8>,
    /// How much is taken in vain, once everything is said.
    draining: Option<usize>,
}

/// A caller that takes its answer more slowly than it is made.
#[derive(Clone, Copy, Debug)]
struct Behind {
    since: Instant,
    /// When it last took something.
    took_at: Instant,
    took: u64,
}

impl Behind {
    fn begin() -> Behind {
        let now = Instant::now();
        Behind { since: now, took_at: now, took: 0 }
    }

    /// Nothing for so long is too long, and so is a little now and then.
    fn until(self, patience: Duration) -> Instant {
        let earned = Duration::from_secs(self.took / LEAST_BYTES_PER_SECOND);
        (self.took_at + patience).min(self.since + patience + earned)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(inner: S, seat: Arc<Seat>, bounds: Bounds) -> Wire<S> {
        let timer = Box::pin(tokio::time::sleep(bounds.head));
        let own_words = Vec::new();
        Wire { inner, seat, bounds, timer, behind: None, own_words, draining: None }
    }

    /// When the caller's time is over, if it is on at all.
    fn deadline(&self) -> Option<Instant> {
        let (phase, since) = self.seat.pulse.look();
        let reading = match phase {
            Phase::New | Phase::First | Phase::Head => Some(since + self.bounds.head),
            Phase::Idle => Some(since + self.bounds.idle),
            Phase::Body | Phase::Answering | Phase::Beyond | Phase::Leaving => None,
        };
        let writing = self.behind.map(|it| it.until(self.bounds.answer));
        [reading, writing].into_iter().flatten().min()
    }

    /// Whether the time is over; else the task is woken when it is. The timer is moved only when it
    /// would ring too late: requests come faster than it rings.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.deadline() else { return false };
        if deadline < self.timer.deadline() {
            self.timer.as_mut().reset(deadline);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return true;
            }
            self.timer.as_mut().reset(deadline);
        }
        false
    }

    /// Nothing more is read. Who has begun to ask is told why.
    fn give_up(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.behind.is_some() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if matches!(self.seat.pulse.phase(), Phase::First | Phase::Head) {
            let words = told::slow_head(self.bounds.head);
            // It fits into a buffer that nothing was written to; who is gone hears nothing anyway.
            drop(Pin::new(&mut self.inner).poll_write(cx, &words));
        }
        Poll::Ready(Ok(()))
    }

    fn noting(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match (&written, &mut self.behind) {
            (Poll::Ready(Ok(bytes)), Some(behind)) => {
                behind.took_at = Instant::now();
                behind.took += *bytes as u64;
                written
            }
            (Poll::Ready(_), _) => written,
            (Poll::Pending, _) => self.waiting(cx),
        }
    }

    /// The kernel has no room for the rest of the answer.
    fn waiting<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.behind.get_or_insert_with(Behind::begin);
        self.seat.pulse.falls_behind();
        if self.is_late(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }

    /// Takes what still comes, for a while: closing on unread bytes would reset the connection, and
    /// the answer would be lost with it.
    fn poll_drain(&mut self, cx: &mut Context<'_>, so_far: usize) -> Poll<io::Result<()>> {
        let mut drained = so_far;
        let mut chunk = [0; 4096];
        while drained < DRAINED_BYTES_MAX {
            let mut part = ReadBuf::new(&mut chunk);
            match Pin::new(&mut self.inner).poll_read(cx, &mut part) {
                Poll::Ready(Ok(())) if !part.filled().is_empty() => drained += part.filled().len(),
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    self.draining = Some(drained);
                    return self.timer.as_mut().poll(cx).map(Ok);
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buffer) {
            Poll::Pending if this.is_late(cx) => this.give_up(cx),
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                this.seat.pulse.heard();
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.own_words.is_empty() {
            let Some(words) = told::in_place_of(bytes) else {
                let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
                return this.noting(cx, written);
            };
            this.seat.pulse.leave_unread();
            this.own_words = words;
        }
        while !this.own_words.is_empty() {
            let written = Pin::new(&mut this.inner).poll_write(cx, &this.own_words);
            let written = ready!(this.noting(cx, written))?;
            this.own_words.drain(..written);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = parts.first().map_or(&[][..], |it| it);
        if !self.own_words.is_empty() || told::in_place_of(first).is_some() {
            return self.poll_write(cx, first);
        }
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, parts);
        this.noting(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.inner).poll_flush(cx);
        if flushed.is_pending() {
            return this.waiting(cx);
        }
        this.behind = None;
        this.seat.pulse.catches_up();
        this.seat.pulse.flushed();
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(so_far) = this.draining {
            return this.poll_drain(cx, so_far);
        }
        ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
        if !this.seat.pulse.has_unread() {
            return Poll::Ready(Ok(()));
        }
        this.timer.as_mut().reset(Instant::now() + DRAINED_FOR);
        this.poll_drain(cx, 0)
    }
}

/// Slower than the slowest line to a branch of a hospital.
const LEAST_BYTES_PER_SECOND: u64 = 4 << 10;

/// How long, and how much, is taken in vain once everything is said.
const DRAINED_FOR: Duration = Duration::from_secs(2);
const DRAINED_BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// How many bytes the caller takes at a time, every 900 ms, and whether it gets all.
    #[test]
    fn who_takes_a_little_now_and_then_is_cut_off_in_time() {
        check(64, Err(io::ErrorKind::TimedOut));
        check(2_000, Err(io::ErrorKind::TimedOut));
        check(8_000, Ok(()));
        check(0, Err(io::ErrorKind::TimedOut));
    }

    #[track_caller]
    fn check(at_a_time: usize, expected: Result<(), io::ErrorKind>) {
        let mut clock = tokio::runtime::Builder::new_current_thread();
        let clock = clock.enable_time().start_paused(true).build().unwrap();
        clock.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(8_000);
            let second = Duration::from_secs(1);
            let bounds = Bounds { head: second, head_bytes: 9, idle: second, answer: second };
            let seat = Arc::new(Seat::new(None));
            seat.pulse.enter(Phase::Leaving);
            let mut wire = Wire::new(ours, Arc::clone(&seat), bounds);
            let reader = tokio::spawn(async move {
                let mut piece = vec![0; at_a_time];
                while at_a_time == 0 || theirs.read_exact(&mut piece).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(900)).await;
                }
            });
            let began = Instant::now();
            let written = wire.write_all(&vec![b'x'; 80_000]).await;
            assert_eq!(written.map_err(|it| it.kind()), expected, "{at_a_time}");
            assert!(began.elapsed() < 15 * second, "{at_a_time}: {:?}", began.elapsed());
            let is_behind = seat.pulse.behind_since().is_some();
            assert!(is_behind, "it could not take all at once");
            if expected.is_ok() {
                wire.flush().await.unwrap();
                assert_eq!(seat.pulse.behind_since(), None);
            }
            reader.abort();
        });
    }
}
