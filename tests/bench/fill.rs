//! A queue as a long outage leaves it: millions of small records, stored by the outbox itself and in its own format.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agent::clock;
use agent::envelope::{Draft, Original, Submission};
use agent::outbox::{Options, Outbox};
use tokio::runtime::Builder;

/// Where routing keys end.
pub(crate) const ENTITY: &str = "fee_detail_outpatient";

/// Records that one submission has, and of them those of one encounter.
const A_SUBMISSION: u64 = 100;
const AN_ENCOUNTER: u64 = 20;
const WRITERS: usize = 64;

/// How many records a long queue has: a million, unless `HIS_AGENT_BENCH_QUEUE` says another number.
pub(crate) fn long() -> u64 {
    let said = std::env::var("HIS_AGENT_BENCH_QUEUE").ok();
    said.map_or(1_000_000, |it| it.parse().expect("HIS_AGENT_BENCH_QUEUE is a number"))
}

/// Makes an outbox in a folder and stores so many records in it, a whole number of submissions.
pub(crate) fn fill(folder: &Path, records: u64) {
    let (outbox, writer) =
        Outbox::open(folder, &Options::default()).expect("an empty folder becomes an outbox");
    let runtime = Builder::new_multi_thread().worker_threads(2).build().expect("a runtime starts");
    let next = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (outbox, next) = (outbox.clone(), Arc::clone(&next));
            runtime.spawn(async move {
                loop {
                    let first = next.fetch_add(A_SUBMISSION, Ordering::Relaxed);
                    if first >= records {
                        return;
                    }
                    outbox.append(submission(first)).await.expect("there is room on the disk");
                }
            })
        })
        .collect();
    for writer in writers {
        runtime.block_on(writer).expect("a writer ends");
    }
    runtime.block_on(writer.close()).expect("the disk is whole");
}

fn submission(first: u64) -> Submission {
    Submission {
        channel: "platform".into(),
        message_id: clock::new_id(),
        received_at: "20261122101530".to_owned(),
        org: "H99999900001".into(),
        schema: "2024.1".into(),
        drafts: (first..first + A_SUBMISSION).map(draft).collect(),
        original: Original::default(),
    }
}

/// One line of a bill, 150 bytes of data elements.
fn draft(number: u64) -> Draft {
    let encounter = number / AN_ENCOUNTER;
    let (lane, key) = (format!("LQ{encounter:09}"), format!("LQ{encounter:09}|F{number:09}"));
    let mut tail = String::with_capacity(320);
    let _ = write!(
        tail,
        "\"entity\":\"{ENTITY}\",\"schema\":\"2024.1\",\"channel\":\"platform\",\"lane\":\"{lane}\",\
         \"elements\":{{\"feedetl_sn\":\"F{number:09}\",\"mdtrt_id\":\"{lane}\",\
         \"psn_no\":\"P{encounter:09}\",\"fee_ocur_time\":\"20261122101530\",\"medins_list_codg\":\
         \"YP{:06}\",\"cnt\":1.0000,\"pric\":12.500000}},\"findings\":[]",
        number % 3_000
    );
    let mut digest = [0; 32];
    digest.iter_mut().zip(number.to_be_bytes()).for_each(|(place, byte)| *place = byte);
    Draft::new(ENTITY.to_owned(), lane, key, digest, tail)
}
