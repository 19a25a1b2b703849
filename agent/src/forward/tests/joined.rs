//! Outbox and forwarder in one: a real store feeds the real forwarder over a scripted broker, and both end
//! and begin anew together, at any moment of a write, by a kill or by a power cut.
//!
//! Compared with plain lists (`joined/ledger.rs`) after every step: what the HIS was told is there and arrives at
//! least once, under one id, unchanged; in a lane nothing arrives before its elder; nothing arrives that nobody
//! sent; revisions rise; nothing is settled that was not confirmed.
//!
//! One step is over before the next begins, so that a seed makes the same run again: it is printed, and
//! `SEEDS=from-to cargo test -p agent --lib forward::tests::joined` runs any.

mod ledger;
mod stage;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use self::ledger::Ledger;
use self::stage::{Stage, wait};
use super::*;
use crate::envelope::{Draft, Submission};
use crate::forward::options::Poison;
use crate::outbox::tests::model::{Random, fresh_seed, println_in_tests};
use crate::outbox::tests::power::{End, Moment};
use crate::outbox::tests::{House, submission};
use crate::outbox::{Holds, Options};

#[test]
fn what_was_acknowledged_arrives_whatever_ends_and_begins_anew() {
    for seed in seeds() {
        println_in_tests(&format!("SEEDS={seed}-{seed}"));
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.finish();
    }
}

/// Those that are given, or the first ones and one that nobody has seen.
fn seeds() -> Vec<u64> {
    let is_long = std::env::var("HIS_AGENT_PROVE").is_ok_and(|it| it == "long");
    let first = if is_long { 2_000 } else { SEEDS };
    let given = given_seeds().map(Iterator::collect);
    given.unwrap_or_else(|| (1..=first).chain([fresh_seed()]).collect())
}

/// A hospital: its HIS, one agent after the other, and the platform.
struct World {
    random: Random,
    house: House,
    options: AmqpOptions,
    ledger: Arc<Mutex<Ledger>>,
    broker: Arc<Mutex<Script>>,
    runtime: Runtime,
    stop: CancellationToken,
    forwarder: Option<JoinHandle<Result<(), StoreError>>>,
    messages: Vec<(String, Vec<String>)>,
    // The last one was not answered.
    is_unanswered: bool,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut options = options();
        options.held_max = [4, 20, 1_000][random.up_to(2)];
        options.window_messages_max = [1, 2, 256][random.up_to(2)];
        options.poison = [Poison::Park, Poison::Block][random.up_to(1)];
        let holds = Holds { delivered: true, ..Holds::default() };
        let house = House::with(Options { holds, ..Options::default() });
        house.mind_power();
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let mut world = World {
            random,
            house,
            options,
            ledger: Arc::default(),
            broker: Arc::default(),
            runtime: runtime.unwrap(),
            stop: CancellationToken::new(),
            forwarder: None,
            messages: Vec::new(),
            is_unanswered: false,
        };
        world.start();
        world
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..30 => self.send(),
            30..36 => self.send_again(),
            36..62 => self.forward(),
            62..76 => self.disturb(),
            76..82 => self.replay(),
            82..84 => self.house.make_room(),
            84..88 => self.house.learn_lanes(),
            88..91 => self.restart(),
            91..95 => self.end(None),
            _ => self.end_soon(),
        }
        if self.house.has_ended() {
            let end = self.kind_of_end();
            self.end(Some(end));
        }
        self.ledger().compare(&self.house.outbox());
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// Some records of a few encounters: new ones, corrections, and what was said before.
    fn send(&mut self) {
        let records = (0..=self.random.below(6)).map(|_| self.record()).collect();
        self.messages.push((format!("m{}", self.messages.len()), records));
        self.hand_in(self.messages.len() - 1);
    }

    /// A HIS that has waited in vain sends the same once more; one that is confused, anything it ever sent.
    fn send_again(&mut self) {
        let Some(last) = self.messages.len().checked_sub(1) else { return };
        let which = if self.is_unanswered { last } else { self.random.up_to(last) };
        self.hand_in(which);
    }

    fn hand_in(&mut self, which: usize) {
        let (message, records) = self.messages[which].clone();
        println_in_tests(&format!("{message} {}", records.join(" ")));
        let receipt = wait(self.house.outbox().append(said(&message, &records))).unwrap();
        self.is_unanswered = self.house.has_ended();
        if self.is_unanswered {
            // It is the last one now, and may come again.
            self.messages.push((message, records));
        } else {
            self.ledger().accept(&message, &records, &receipt);
        }
    }

    fn record(&mut self) -> String {
        let (lane, key) = (self.random.below(6), self.random.below(8));
        format!("{lane}.{key}={}", self.random.below(5))
    }

    fn forward(&mut self) {
        let ms = [10, 40, 200, 2_000, 40_000][self.random.up_to(4)];
        println_in_tests(&format!("forward {ms} ms"));
        self.pass(Duration::from_millis(ms));
    }

    /// Time passes, for the forwarder only.
    fn pass(&mut self, time: Duration) {
        self.runtime.block_on(async {
            sleep(time).await;
        });
        let Some(forwarder) = self.forwarder.take_if(|it| it.is_finished()) else { return };
        let ended = self.runtime.block_on(forwarder);
        assert_eq!(told(ended), Err(StoreError::Stopped));
        assert!(self.house.has_ended(), "the forwarder gives up");
    }

    fn disturb(&mut self) {
        let entity = ENTITIES[self.random.up_to(2)];
        let wrong = ["down", "freeze", "block", "cut", "close 404", "close 406"];
        let of_one = ["unroute", "nack", "poison", "mute"];
        let command = match self.random.below(12) {
            0..3 => wrong[self.random.up_to(wrong.len() - 1)].to_owned(),
            3..6 => format!("{} {entity}", of_one[self.random.up_to(of_one.len() - 1)]),
            6 => format!("slow {}", self.ledger().next_seq().saturating_sub(8)),
            7..9 => format!("route {entity}"),
            _ => return self.heal(),
        };
        println_in_tests(&command);
        self.broker.lock().unwrap().obey(&command);
    }

    fn heal(&self) {
        println_in_tests("heal");
        let mut broker = self.broker.lock().unwrap();
        for command in ["up", "thaw", "unblock", "open", "fast"] {
            broker.obey(command);
        }
        for entity in ENTITIES {
            broker.obey(&format!("route {entity}"));
        }
    }

    /// Delivered records go once more, as far as they are kept.
    fn replay(&mut self) {
        let delivered = self.ledger().delivered();
        let outbox = self.house.outbox();
        for _ in 0..4.min(delivered.len()) {
            let seq = delivered[self.random.up_to(delivered.len() - 1)];
            match outbox.record(seq).unwrap() {
                Some(envelope) => {
                    println_in_tests(&format!("again {seq}"));
                    self.ledger().offer_again(seq);
                    outbox.offer_again(vec![envelope]);
                }
                None => assert!(seq < outbox.lowest_seq(), "{seq} was not kept"),
            }
        }
    }

    fn start(&mut self) {
        let source = Stage { outbox: self.house.outbox(), ledger: Arc::clone(&self.ledger) };
        let onlooker: Arc<dyn Onlooker> = Arc::clone(&self.ledger) as _;
        let scripted = Scripted(Arc::clone(&self.broker), onlooker);
        let (options, stop) = (self.options.clone(), CancellationToken::new());
        let seed = self.random.below(u64::MAX);
        let backoff = Backoff::by_chance(options.retry_first, options.retry_longest, seed);
        self.stop = stop.clone();
        self.forwarder = Some(self.runtime.spawn(async move {
            let state = ForwardState::default();
            deliver(&source, scripted, backoff, &options, &stop, &state).await
        }));
    }

    /// Stopped in peace, and started.
    fn restart(&mut self) {
        println_in_tests("restart");
        self.stop.cancel();
        let Some(forwarder) = self.forwarder.take() else { return };
        let ended = self.runtime.block_on(forwarder);
        if !self.house.has_ended() {
            assert_eq!(told(ended), Ok(()));
            self.house.restart();
            self.ledger().closed();
            self.start();
        }
    }

    /// The end comes with one of the next writes, at any moment of it.
    fn end_soon(&mut self) {
        let moment = [Moment::Before, Moment::Between, Moment::After][self.random.up_to(2)];
        let writes = 1 + self.random.below(4);
        println_in_tests(&format!("the end comes with write {writes}, {moment:?}"));
        self.house.end_at(writes, moment);
    }

    fn kind_of_end(&mut self) -> End {
        [End::Kill, End::PowerCut][self.random.up_to(1)]
    }

    /// It has ended so, or ends now; and another agent begins.
    fn end(&mut self, how: Option<End>) {
        let end = how.unwrap_or_else(|| self.kind_of_end());
        println_in_tests(&format!("the end: {end:?}"));
        if let Some(forwarder) = self.forwarder.take() {
            forwarder.abort();
            drop(self.runtime.block_on(forwarder));
        }
        self.house.go_on(end, &mut self.random);
        let unanswered = self.messages.last().filter(|_| self.is_unanswered);
        let unanswered = unanswered.map(|(message, records)| (message.as_str(), &records[..]));
        let in_peace = how.is_none().then_some(end);
        self.ledger().ended(&self.house.outbox(), unanswered, in_peace);
        self.start();
    }

    /// Once everything is well again, everything arrives.
    fn finish(&mut self) {
        self.end(None);
        self.heal();
        for _ in 0..40 {
            self.pass(Duration::from_secs(20));
            let ledger = self.ledger();
            if ledger.waiting().next().is_none() && ledger.again.is_empty() {
                break;
            }
        }
        self.ledger().compare(&self.house.outbox());
        self.ledger().prove_end();
        self.restart();
    }
}

/// A panic in the forwarder is one of the test.
fn told(ended: Result<Result<(), StoreError>, tokio::task::JoinError>) -> Result<(), StoreError> {
    ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// A message of records `lane.key=value`.
fn said(message: &str, records: &[String]) -> Submission {
    let texts: Vec<String> = records.iter().map(|it| format!("{it}@{}", lane(it))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut submission = submission(message, &texts);
    for draft in &mut submission.drafts {
        let (entity, key, value) = (entity(&draft.key).to_owned(), draft.key.clone(), &draft.tail);
        let (_, value) = value.split_once(r#""value":"#).unwrap();
        let tail = format!(r#""key":"{key}","entity":"{entity}","value":{value}"#);
        *draft = Draft::new(entity, draft.lane.clone(), key, draft.digest, tail);
    }
    submission
}

fn parts(record: &str) -> (&str, &str) {
    record.split_once('=').unwrap()
}

fn lane(key: &str) -> &str {
    key.split_once('.').unwrap().0
}

fn entity(key: &str) -> &'static str {
    let number: usize = key.split_once('.').unwrap().1.parse().unwrap();
    ENTITIES[number % ENTITIES.len()]
}

const ENTITIES: [&str; 3] = ["outpatient_prescription", "fee", "check_result"];
const STEPS: u32 = 150;
const SEEDS: u64 = 10;
