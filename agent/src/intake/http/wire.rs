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
    /// Since when the caller takes nothing of its answer.
    stalled: Option<Instant>,
    /// What is said in place of a bare status.
    own_words: Vec<u8>,
    /// How much is taken in vain, once everything is said.
    draining: Option<usize>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(inner: S, seat: Arc<Seat>, bounds: Bounds) -> Wire<S> {
        let timer = Box::pin(tokio::time::sleep(bounds.head));
        let own_words = Vec::new();
        Wire { inner, seat, bounds, timer, stalled: None, own_words, draining: None }
    }

    /// When the caller's time is over, if it is on at all.
    fn deadline(&self) -> Option<Instant> {
        let (phase, since) = self.seat.pulse.look();
        let reading = match phase {
            Phase::New | Phase::First | Phase::Head => Some(since + self.bounds.head),
            Phase::Idle => Some(since + self.bounds.idle),
            Phase::Body | Phase::Answering | Phase::Beyond | Phase::Leaving => None,
        };
        let writing = self.stalled.map(|it| it + self.bounds.answer);
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
        if self.stalled.is_some() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if matches!(self.seat.pulse.phase(), Phase::First | Phase::Head) {
            let words = told::slow_head(self.bounds.head);
            // It fits into a buffer that nothing was written to; who is gone hears nothing anyway.
            drop(Pin::new(&mut self.inner).poll_write(cx, &words));
        }
        Poll::Ready(Ok(()))
    }

    fn noting<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        self.stalled.get_or_insert_with(Instant::now);
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
        if flushed.is_ready() {
            this.seat.pulse.flushed();
        }
        this.noting(cx, flushed)
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

/// How long, and how much, is taken in vain once everything is said.
const DRAINED_FOR: Duration = Duration::from_secs(2);
const DRAINED_BYTES_MAX: usize = 16 << 20;
