//! The outbox alone: how fast it stores, sealed and synced, what 64 callers wait for.
//!
//! The limit is the least that any store would have to do: one thread takes what waits, appends the
//! same bytes to a file in one go, syncs, and answers all. The outbox besides numbers each record, knows
//! it again, seals it and can find it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use agent::clock;
use agent::envelope::{Draft, Original, Submission};
use agent::outbox::{Options, Outbox};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::alternate::{alternate, compare};
use crate::site::Site;
use crate::table::{Row, Target};

pub(crate) fn run(site: &Site) -> Vec<Row> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    let (outbox, writer) = Outbox::open(&site.new_folder().join("outbox"), &Options::default())
        .expect("an empty folder becomes an outbox");
    let file = RawFile::start(&site.new_folder().join("raw"));
    let number = Arc::new(AtomicU64::new(0));

    let rounds = alternate(
        ROUNDS,
        [&mut || turn(&runtime, &number, &file, RawFile::append), &mut || {
            let a_second = turn(&runtime, &number, &outbox, append);
            settle_all(&outbox);
            a_second
        }],
    );
    drop(writer);
    let rate = compare(&rounds, |[limit, agent]| (*limit, *agent));
    vec![Row::ratio(
        "2 KB records stored a second by 64 callers, limit: a raw file",
        rate,
        Some(Target::AtLeast(0.6)),
    )]
}

/// Appends a second, by so many callers that each wait for the disk.
fn turn<S, F>(
    runtime: &Runtime,
    number: &Arc<AtomicU64>,
    store: &S,
    append: impl Fn(S, u64) -> F + Copy + Send + 'static,
) -> f64
where
    S: Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send,
{
    let start = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (store, number) = (store.clone(), Arc::clone(number));
            runtime.spawn(async move {
                let mut stored = 0u32;
                while start.elapsed() < TURN {
                    append(store.clone(), number.fetch_add(1, Ordering::Relaxed)).await;
                    stored += 1;
                }
                stored
            })
        })
        .collect();
    let stored = callers.into_iter().map(|it| runtime.block_on(it).expect("a caller ends"));
    f64::from(stored.sum::<u32>()) / start.elapsed().as_secs_f64()
}

async fn append(outbox: Outbox, number: u64) {
    let mut digest = [0; 32];
    for (place, byte) in digest.iter_mut().zip(number.to_be_bytes()) {
        *place = byte;
    }
    let (lane, key) = (format!("L{}", number % 1_000), format!("K{number}"));
    let draft = Draft::new("fee_detail".to_owned(), lane, key, digest, body(number));
    let submission = Submission {
        channel: "bench".into(),
        message_id: clock::new_id(),
        received_at: "20261122101530".to_owned(),
        org: "H1".into(),
        schema: "2024.1".into(),
        drafts: vec![draft],
        original: Original::default(),
    };
    outbox.append(submission).await.expect("there is room on the disk");
}

/// 2 KB that no two records have in common.
fn body(number: u64) -> String {
    let mut body = String::with_capacity(BODY_BYTES + 32);
    let mut state = number | 1;
    while body.len() < BODY_BYTES {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let _ = write!(body, "{state:016x}");
    }
    body
}

fn settle_all(outbox: &Outbox) {
    let waiting = outbox.status();
    let seqs: Vec<u64> = (waiting.cursor..waiting.next_seq).collect();
    outbox.settle(&seqs).expect("the outbox is open");
}

/// A file and the thread that owns it.
#[derive(Clone)]
struct RawFile(SyncSender<(String, oneshot::Sender<()>)>);

impl RawFile {
    fn start(path: &Path) -> RawFile {
        let file = File::create(path).expect("the folder is new");
        let (commands, receiver) = sync_channel(4_096);
        thread::spawn(move || write_groups(file, &receiver));
        RawFile(commands)
    }

    async fn append(self, number: u64) {
        let (answer, answered) = oneshot::channel();
        self.0.try_send((body(number), answer)).expect("fewer wait than there is room for");
        answered.await.expect("the file's thread answers");
    }
}

fn write_groups(mut file: File, receiver: &Receiver<(String, oneshot::Sender<()>)>) {
    while let Ok(first) = receiver.recv() {
        let group: Vec<_> = [first].into_iter().chain(receiver.try_iter()).collect();
        let bytes: String = group.iter().map(|(body, _)| body.as_str()).collect();
        file.write_all(bytes.as_bytes()).expect("there is room on the disk");
        file.sync_data().expect("the disk is whole");
        for (_, answer) in group {
            answer.send(()).expect("the caller waits");
        }
    }
}

const CALLERS: usize = 64;
const BODY_BYTES: usize = 2_048;
const ROUNDS: usize = 7;
const TURN: Duration = Duration::from_millis(1_000);
