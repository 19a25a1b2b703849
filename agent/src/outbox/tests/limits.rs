//! Full, failing, closing, and what reading costs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::*;
use crate::outbox::store::skipped_by;

#[test]
fn who_is_told_stored_was_synced_and_nobody_else_pays_for_a_sync() {
    check_writes("append m1 a=1 b=1", [1, 0]);
    check_writes("append m1 a=1; append m2 a=1", [1, 0]);
    check_writes("append m1 a=1; append m2 a=2", [2, 0]);
    check_writes("bury x; discard 1; discard 1", [3, 0]);
    check_writes("refuse 1 a x; refuse 2 a x; refuse 3 a x", [1, 2]);
    check_writes("park m1 qd a=1; park m2 qd a=1; append m3 b=1", [2, 0]);
    check_writes("park m1 qd a=1; release 1 accept a=1; release 1 accept a=1", [2, 0]);
    check_writes("park m1 qd a=1; release 1 refuse; append m2 b=1", [3, 0]);
    check_writes("append m1 a=1 b=1; settle 2; append m2 a=1", [1, 0]);
    check_writes("append m1 a=1; settle 1; append m2 a=1", [1, 1]);
}

/// Writes that a script makes: synced, and not. A last request makes sure that all were made.
#[track_caller]
fn check_writes(script: &str, expected: [u64; 2]) {
    let mut house = House::new();
    let store = house.outbox().shared.store().unwrap();
    let count =
        || [&store.faults.synced, &store.faults.buffered].map(|it| it.load(Ordering::SeqCst));
    let [synced, buffered] = count();
    for command in script.split("; ") {
        house.obey(command);
    }
    let now = count();
    assert_eq!([now[0] - synced, now[1] - buffered], expected, "{script}");
}

#[test]
fn no_receipt_while_the_disk_is_at_it_and_then_one_sync_for_all() {
    let house = House::new();
    let outbox = house.outbox();
    let store = outbox.shared.store().unwrap();
    let disk = store.faults.hold_writes.lock().unwrap();
    let before = store.faults.synced.load(Ordering::SeqCst);

    let appends: Vec<_> =
        (0..100).map(|i| outbox.append(submission("m", &[&format!("k{i}=1")]))).collect();
    let mut all = std::pin::pin!(join_all(appends));
    house.runtime.block_on(async {
        let early = timeout(Duration::from_millis(50), &mut all).await;
        assert!(early.is_err(), "a receipt before the write has returned");
    });
    assert_eq!((outbox.depth(), outbox.oldest(0, 9, 9).unwrap().len()), (0, 0));
    drop(disk);
    assert!(house.runtime.block_on(all).iter().all(Result::is_ok));
    // The first may have gone alone.
    let syncs = store.faults.synced.load(Ordering::SeqCst) - before;
    assert!((1..=2).contains(&syncs), "{syncs} syncs");
}

#[test]
fn a_full_channel_is_busy_and_nothing_accepted_is_lost() {
    check_busy(Options { waiting_max: 2, ..Options::default() });
}

#[test]
fn too_many_bytes_are_busy_too() {
    check_busy(Options { waiting_bytes_max: 600, ..Options::default() });
}

/// Sixteen messages meet a disk that hangs, with room for two to wait.
#[track_caller]
fn check_busy(options: Options) {
    let mut house = House::with(options);
    let outbox = house.outbox();
    let store = outbox.shared.store().unwrap();
    let disk = store.faults.hold_writes.lock().unwrap();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();

    let append = |i| {
        let outbox = outbox.clone();
        async move { outbox.append(submission(&format!("m{i}"), &[&format!("k{i}=1")])).await }
    };
    let tasks: Vec<_> = (0..16).map(|i| runtime.spawn(append(i))).collect();
    // Two wait, and at most as many again were taken by the writer before the disk held it.
    while tasks.iter().filter(|task| task.is_finished()).count() < 10 {
        thread::sleep(Duration::from_millis(1));
    }
    drop(disk);

    let ended: Vec<_> = runtime.block_on(join_all(tasks)).into_iter().map(Result::unwrap).collect();
    let stored = ended.iter().filter(|it| it.is_ok()).count();
    assert!((2..=6).contains(&stored), "{ended:?}");
    assert!(ended.iter().all(|it| it.is_ok() || *it == Err(StoreError::Busy)), "{ended:?}");
    assert_eq!(outbox.depth(), stored as u64);
    assert!(house.append("after", &["z=1"]).is_ok());
    assert_eq!(outbox.shared.queued_bytes.load(Ordering::SeqCst), 0);
}

#[test]
fn after_a_failing_write_nothing_is_accepted_and_what_was_stays() {
    let mut house = House::new();
    house.append("m1", &["a=1"]).unwrap();
    let outbox = house.outbox();
    let store = outbox.shared.store().unwrap();
    store.faults.fail_next_write.store(true, Ordering::SeqCst);
    drop(store);

    let messages = ["m2", "m3", "m4"].map(|name| outbox.append(submission(name, &["b=1"])));
    for result in house.runtime.block_on(join_all(messages)) {
        assert_eq!(result.unwrap_err().code(), "O103");
    }
    assert_eq!(house.append("m5", &["c=1"]).unwrap_err().code(), "O103");
    assert_eq!(outbox.settle(&[1]).unwrap_err().code(), "O103");
    let told =
        house.runtime.block_on(async { timeout(Duration::from_secs(5), outbox.failed()).await });
    assert!(told.is_ok() && outbox.status().failed);

    let (_, handle) = house.open.take().unwrap();
    assert_eq!(house.runtime.block_on(handle.close()).unwrap_err().code(), "O103");
    house.start();
    assert_eq!(house.obey("oldest 0").unwrap(), "1 a=1 rev 1 id A");
}

#[test]
fn a_closed_outbox_says_so_and_has_stored_what_it_took() {
    let mut house = House::new();
    let outbox = house.outbox();
    let (_, handle) = house.open.take().unwrap();
    let appends: Vec<_> =
        (0..50).map(|i| outbox.append(submission("m", &[&format!("k{i}=1")]))).collect();
    let (stored, closed) = house
        .runtime
        .block_on(async { futures_util::future::join(join_all(appends), handle.close()).await });
    closed.unwrap();
    assert!(
        stored.iter().all(Result::is_ok),
        "they were in the channel before the end: {stored:?}"
    );

    let late = outbox.append(submission("late", &["z=1"]));
    assert_eq!(house.runtime.block_on(late), Err(StoreError::Stopped));
    assert_eq!(outbox.oldest(0, 1, 1), Err(StoreError::Stopped));
    assert!(!outbox.status().failed);
    house.start();
    assert_eq!(house.outbox().depth(), 50);
}

#[test]
fn one_folder_has_one_outbox() {
    let house = House::new();
    let error = Outbox::open(&house.folder, &Options::default()).unwrap_err();
    assert_eq!(error.code(), "O106", "{error}");
}

#[test]
fn a_newer_store_is_refused() {
    let mut house = House::new();
    house.close();
    let store = Store::open(&house.folder, &house.options).unwrap();
    let mut batch = store.batch();
    batch.put(Family::Meta, FORMAT, &format::numbers([format::FORMAT + 1]));
    batch.write(Durability::Synced).unwrap();
    drop(store);
    let error = Outbox::open(&house.folder, &house.options).unwrap_err();
    assert_eq!(error, StoreError::TooNew { found: 4, known: 3 });
}

#[test]
fn whoever_waits_for_more_is_woken() {
    let house = House::new();
    let outbox = house.outbox();
    house.runtime.block_on(async {
        let none = timeout(Duration::from_millis(20), outbox.appended()).await;
        assert!(none.is_err(), "nothing was appended");
        outbox.append(submission("m1", &["a=1"])).await.unwrap();
        timeout(Duration::from_secs(5), outbox.appended()).await.unwrap();
    });
}

#[test]
fn reading_is_bounded_by_records_and_by_bytes() {
    let mut house = House::new();
    house.append("m1", &["a=1", "b=1", "c=1", "d=1"]).unwrap();
    let count = |records, bytes| house.outbox().oldest(0, records, bytes).unwrap().len();
    assert_eq!([count(0, 9999), count(1, 9999), count(3, 9999), count(9, 9999)], [0, 1, 3, 4]);
    let body = house.outbox().oldest(0, 1, 1).unwrap()[0].body.len();
    assert_eq!([count(9, 0), count(9, body), count(9, body + 1)], [1, 1, 2]);
}

/// The number that makes or breaks a queue on an LSM tree: what is removed must cost reading
/// nothing, whether it lies in memory, in files, or waits for its sweep.
#[test]
fn the_oldest_costs_the_same_after_100_000_delivered() {
    let house = House::new();
    check_cost(&house, 0);
    let delivered = deliver(&house, 100_000);
    check_cost(&house, delivered);
    // Not a multiple of the sweep: some settled entries are still there.
    let delivered = deliver(&house, 5_000);
    check_cost(&house, delivered);
    house.outbox().shared.store().unwrap().flush_and_compact();
    check_cost(&house, delivered);
}

/// Reading the ten oldest records steps over next to nothing.
#[track_caller]
pub(super) fn check_cost(house: &House, delivered: u64) {
    let outbox = house.outbox();
    let appended = append_many(house, "probe", outbox.status().next_seq, 10);
    let mut found = Vec::new();
    let skipped = skipped_by(|| found = outbox.oldest(0, 10, usize::MAX).unwrap());
    assert_eq!(found.iter().map(|it| it.seq).collect::<Vec<_>>(), appended);
    // RocksDB counts each step from one live entry to the next, too, and there are two.
    assert!(skipped <= 2, "{skipped} keys stepped over after {delivered} delivered");
    outbox.settle(&appended).unwrap();
}

/// Appends and settles; gives the number of records the outbox has seen by then.
pub(super) fn deliver(house: &House, records: u64) -> u64 {
    let outbox = house.outbox();
    let from = outbox.status().next_seq;
    let seqs = append_many(house, "load", from, records);
    for window in seqs.chunks(256) {
        outbox.settle(window).unwrap();
    }
    // The writer has taken note when a later request of ours is answered.
    outbox.settle(&append_many(house, "note", from, 1)).unwrap();
    assert_eq!(outbox.depth(), 0);
    from
}

pub(super) fn append_many(house: &House, name: &str, salt: u64, records: u64) -> Vec<u64> {
    let outbox = house.outbox();
    let keys: Vec<String> = (0..records).map(|i| format!("{name}{salt}.{i}=1")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut seqs = Vec::new();
    for group in keys.chunks(5_000) {
        let appends = group.chunks(5).map(|keys| outbox.append(submission(name, keys)));
        for receipt in house.runtime.block_on(join_all(appends)) {
            seqs.extend(receipt.unwrap().records.iter().map(|it| it.seq));
        }
    }
    seqs
}

#[test]
fn what_nobody_asks_for_any_more_is_forgotten_by_number() {
    let mut house = House::with(Options { remember_records: 100, ..Options::default() });
    house.append("m1", &["a=1"]).unwrap();
    append_many(&house, "many", 0, 200);
    let store: Arc<Store> = house.outbox().shared.store().unwrap();
    store.flush_and_compact();
    drop(store);
    let again = house.append("m2", &["a=1", "many0.199=1"]).unwrap();
    assert_eq!((again.records[0].seq, again.records[1].seq), (202, 201));
}
