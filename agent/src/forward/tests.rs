//! The forwarder against a broker that follows a script, in paused time.
//!
//! Records are written `1A.rx`: number, lane, entity; a lane of `-` is none. A script is a list of
//! `time command` pairs; what comes out is the order in which records arrived at the broker and
//! were settled, and the last trouble.

mod chance;
mod held;
mod joined;
mod list;
mod order;
mod outages;
mod refusals;
mod replay;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard};

use tokio::time::{Instant, sleep_until};

use self::list::{List, envelope};
use self::script::{Onlooker, Script, Scripted};
use super::*;

#[track_caller]
fn check(records: &str, script: &str, expected: &str) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    let world = World::new(records);
    let (script, expected) = (script.to_owned(), expected.to_owned());
    async move {
        world.run_script(&script, Duration::from_secs(1_000)).await;
        let actual = world.tell();
        world.stop().await;
        assert_eq!(actual, expected, "at {caller}");
    }
}

/// Those that the environment gives: `SEEDS=from-to`.
fn given_seeds() -> Option<RangeInclusive<u64>> {
    let given = std::env::var("SEEDS").ok()?;
    let (from, to) = given.split_once('-').unwrap();
    Some(from.parse().unwrap()..=to.parse().unwrap())
}

fn options() -> AmqpOptions {
    AmqpOptions::new(Vec::new())
}

/// A forwarder at work between a list of records and a scripted broker.
struct World {
    source: Arc<List>,
    broker: Arc<Mutex<Script>>,
    state: Arc<ForwardState>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), StoreError>>,
}

impl World {
    fn new(records: &str) -> World {
        World::with(records, |_| ())
    }

    fn with(records: &str, change: impl FnOnce(&mut AmqpOptions)) -> World {
        World::by_chance(records, 1, change)
    }

    fn by_chance(records: &str, seed: u64, change: impl FnOnce(&mut AmqpOptions)) -> World {
        let mut options = options();
        change(&mut options);
        let records: Vec<Envelope> = records.split(' ').map(envelope).collect();
        let source = Arc::new(List::new(records));
        let broker = Arc::new(Mutex::new(Script::default()));
        let (state, stop) = (Arc::new(ForwardState::default()), CancellationToken::new());
        let backoff = Backoff::by_chance(options.retry_first, options.retry_longest, seed);
        let onlooker: Arc<dyn Onlooker> = Arc::clone(&source) as _;
        let scripted = Scripted(Arc::clone(&broker), onlooker);
        let task = {
            let (source, state, stop) = (Arc::clone(&source), Arc::clone(&state), stop.clone());
            tokio::spawn(async move {
                deliver(&*source, scripted, backoff, &options, &stop, &state).await
            })
        };
        World { source, broker, state, stop, task }
    }

    fn broker(&self) -> MutexGuard<'_, Script> {
        self.broker.lock().unwrap()
    }

    async fn run_script(&self, script: &str, until: Duration) {
        let begin = Instant::now();
        for line in script.split(", ").filter(|it| !it.is_empty()) {
            let (time, command) = line.split_once(' ').unwrap();
            let time = match time.strip_suffix("ms") {
                Some(ms) => Duration::from_millis(ms.parse().unwrap()),
                None => Duration::from_secs(time.trim_end_matches('s').parse().unwrap()),
            };
            if !time.is_zero() {
                sleep_until(begin + time).await;
            }
            match command.split_once(' ') {
                Some(("again", seq)) => self.source.offer_again(seq.parse().unwrap()),
                Some(("more", count)) => self.source.append_later(count.parse().unwrap()),
                _ => self.broker().obey(command),
            }
        }
        sleep_until(begin + until).await;
    }

    /// Goes on until everything has gone, at most so long; and a little longer, for what should come no more.
    async fn drain(&self, longest: Duration) {
        let begin = Instant::now();
        while !self.source.is_drained() && begin.elapsed() < longest {
            sleep(Duration::from_secs(1)).await;
        }
        sleep(Duration::from_secs(30)).await;
    }

    /// What has been wrong for five minutes.
    fn lasting(&self) -> String {
        let status = self.state.status();
        let codes: BTreeSet<&str> =
            status.lasting(Duration::from_secs(300)).iter().map(|it| it.code).collect();
        codes.into_iter().collect::<Vec<_>>().join(" ")
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    fn tell(&self) -> String {
        let numbers = |seqs: &mut dyn Iterator<Item = u64>| {
            seqs.map(|it| it.to_string()).collect::<Vec<_>>().join(" ")
        };
        let status = self.state.status();
        let parts = [
            ("arrived ", numbers(&mut self.broker().arrived.iter().copied())),
            ("settled ", numbers(&mut self.source.settled().into_iter())),
            ("buried ", numbers(&mut self.source.buried.lock().unwrap().iter().copied())),
            ("waiting ", numbers(&mut self.source.waiting().into_iter())),
            ("blocked ", status.blocked.unwrap_or_default()),
            ("", status.last_error.map_or("no trouble".to_owned(), |it| it.code.to_owned())),
        ];
        let told = parts.iter().filter(|(_, text)| !text.is_empty());
        told.map(|(name, text)| format!("{name}{text}")).collect::<Vec<_>>().join("; ")
    }

    /// First copies of each lane arrived in order, and nothing was settled that did not arrive.
    fn prove_lanes(&self) {
        let broker = self.broker();
        let mut seen = BTreeSet::new();
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for seq in broker.arrived.iter().filter(|seq| seen.insert(**seq)) {
            let lane = self.source.lane(*seq);
            let before = last.insert(lane.clone(), *seq);
            assert!(before < Some(*seq), "lane {lane}: {before:?} arrived before {seq}");
        }
        let settled = self.source.settled();
        let buried = self.source.buried.lock().unwrap();
        let safe = |it| seen.contains(it) || buried.contains(it);
        assert!(settled.iter().all(safe), "settled without arriving");
    }
}
