//! Load on a server: as fast as it answers, or at a rate that it cannot slow down.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hdrhistogram::Histogram;

use crate::client::{Connection, Request};

/// Callers of one server that all send the same request, each time under a new number.
#[derive(Debug)]
pub(crate) struct Callers<'a> {
    pub(crate) server: SocketAddr,
    pub(crate) request: &'a Request,
    /// The next number. It outlives a load, so that the next one goes on with new numbers.
    pub(crate) number: &'a AtomicU64,
    /// What an answer must hold to count; any other one ends the measuring.
    pub(crate) wanted: &'a [u8],
}

/// What the callers saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) answers: u32,
    pub(crate) elapsed: Duration,
    /// In microseconds.
    pub(crate) latencies: Histogram<u64>,
}

/// When the `nth` request of a load is due; `None` when there is none any more.
type Schedule<'a> = &'a dyn Fn(u64) -> Option<Instant>;

impl Callers<'_> {
    /// Each caller sends its next request when it has the answer to the last one.
    pub(crate) fn as_fast_as_answered(&self, time: Duration) -> Seen {
        let end = Instant::now() + time;
        self.load(&|_| Some(Instant::now()).filter(|now| *now < end))
    }

    /// The same, until so many are sent.
    pub(crate) fn so_many(&self, count: u64) -> Seen {
        self.load(&|nth| (nth < count).then(Instant::now))
    }

    /// A request is due every so often, whatever became of those before it: a server that stalls is
    /// charged for every request it kept waiting.
    pub(crate) fn at_rate(&self, a_second: u32, time: Duration) -> Seen {
        let start = Instant::now() + Duration::from_millis(20);
        let interval = Duration::from_secs(1) / a_second;
        self.load(&|nth| {
            let after = interval * u32::try_from(nth).expect("a load is short");
            (after < time).then(|| start + after)
        })
    }

    /// One thread for all callers leaves the other core to the server.
    #[tokio::main(flavor = "current_thread")]
    async fn load(&self, schedule: Schedule<'_>) -> Seen {
        let connections = join_all((0..CALLERS).map(|_| Connection::open(self.server))).await;
        let next = AtomicU64::new(0);
        let started = Instant::now();
        let calls = connections.into_iter().map(|it| self.call(it, &next, schedule));
        let mut latencies = histogram();
        for seen in join_all(calls).await {
            latencies.add(seen).expect("all have the same bounds");
        }
        let answers = u32::try_from(latencies.len()).expect("a load is short");
        Seen { answers, elapsed: started.elapsed(), latencies }
    }

    async fn call(
        &self,
        mut connection: Connection,
        next: &AtomicU64,
        schedule: Schedule<'_>,
    ) -> Histogram<u64> {
        let mut request = self.request.clone();
        let mut latencies = histogram();
        while let Some(due) = schedule(next.fetch_add(1, Ordering::Relaxed)) {
            tokio::time::sleep_until(due.into()).await;
            request.set_number(self.number.fetch_add(1, Ordering::Relaxed));
            let sent = Instant::now();
            // Up to two milliseconds late is our own timer; later, all connections were busy.
            let from = if sent - due > TIMER_GRAIN { due } else { sent };
            let answer = connection.call(&request).await.expect("the server answers");
            let is_good = answer.is_ok && holds(answer.body, self.wanted);
            assert!(is_good, "{:?} is no good answer", std::str::from_utf8(answer.body));
            let micros = u64::try_from(from.elapsed().as_micros()).expect("it took no age");
            latencies.saturating_record(micros.max(1));
        }
        latencies
    }
}

impl Seen {
    pub(crate) fn a_second(&self) -> f64 {
        f64::from(self.answers) / self.elapsed.as_secs_f64()
    }

    /// In milliseconds: so much of the answers took no longer.
    pub(crate) fn latency(&self, part: f64) -> f64 {
        let micros = self.latencies.value_at_quantile(part);
        Duration::from_micros(micros).as_secs_f64() * 1e3
    }
}

fn holds(body: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || body.windows(wanted.len()).any(|it| it == wanted)
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are sound")
}

const CALLERS: usize = 64;
const TIMER_GRAIN: Duration = Duration::from_millis(2);
