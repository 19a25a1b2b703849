//! Segments, read back by the receiver that the platform would use.

use std::sync::Mutex;

use bytes::Bytes;

use super::*;
use crate::envelope::Record;
use crate::receive;

#[tokio::test(start_paused = true)]
async fn everything_arrives_in_order_and_is_settled_after() {
    let folder = tempfile::tempdir().unwrap();
    let told = check(&folder, 1..=25, |options| options.segment_records_max = 10).await;
    assert_eq!(told, "25 settled, segments 1-10 11-20 21-25, 25 distinct of 25");
}

#[tokio::test(start_paused = true)]
async fn a_segment_is_bounded_by_bytes_and_age() {
    let folder = tempfile::tempdir().unwrap();
    let told = check(&folder, 1..=9, |options| options.segment_bytes_max = 300).await;
    assert_eq!(told, "9 settled, segments 1-4 5-8 9-9, 9 distinct of 9");
}

#[tokio::test(start_paused = true)]
async fn a_start_goes_on_behind_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    check(&folder, 1..=25, |options| options.segment_records_max = 10).await;
    // The outbox had not heard of the last settlement: it offers 21 to 25 again.
    let told = check(&folder, 21..=30, |options| options.segment_records_max = 10).await;
    assert_eq!(told, "10 settled, segments 1-10 11-20 21-25 26-30, 30 distinct of 30");
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_the_position_makes_doubles_that_tell_themselves() {
    let folder = tempfile::tempdir().unwrap();
    check(&folder, 1..=20, |options| options.segment_records_max = 10).await;
    fs::remove_file(folder.path().join(POSITION)).unwrap();
    fs::write(folder.path().join("x.ndjson.tmp"), "half a li").unwrap();
    let told = check(&folder, 11..=30, |options| options.segment_records_max = 15).await;
    assert_eq!(told, "20 settled, segments 1-10 11-25 26-30, 30 distinct of 30");
    assert!(!folder.path().join("x.ndjson.tmp").exists());
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_fails_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("records"), "a file where the folder should be").unwrap();
    let options = FilesOptions::new(folder.path().join("records"));
    let (source, state, stop) =
        (List::new(1..=3), ForwardState::default(), CancellationToken::new());
    let work = run(&source, "e1", &options, &stop, &state);
    let repair = async {
        sleep(Duration::from_mins(1)).await;
        let trouble = state.status().last_error.unwrap();
        assert_eq!((trouble.code, state.status().connected), ("F301", false));
        fs::remove_file(folder.path().join("records")).unwrap();
        sleep(Duration::from_mins(1)).await;
        assert!(state.status().connected);
        stop.cancel();
    };
    let (done, ()) = tokio::join!(work, repair);
    done.unwrap();
    assert_eq!(source.settled(), 3);
}

/// Writes these records into segments, and tells what was settled and what a receiver finds.
async fn check(
    folder: &tempfile::TempDir,
    seqs: std::ops::RangeInclusive<u64>,

    change: impl Fn(&mut FilesOptions),
) -> String {
    let mut options = FilesOptions::new(folder.path().to_owned());
    change(&mut options);
    let (source, state, stop) =
        (List::new(seqs), ForwardState::default(), CancellationToken::new());
    let work = run(&source, "e1", &options, &stop, &state);
    let wait = async {
        sleep(Duration::from_mins(1)).await;
        stop.cancel();
    };
    let (done, ()) = tokio::join!(work, wait);
    done.unwrap();

    let out = tempfile::tempdir().unwrap();
    let (from, out) = (folder.path().to_owned(), out.path().to_owned());
    let received = receive::FilesOptions { from, out, table: None };
    let nobody = CancellationToken::new();
    let summary = receive::run_files(&received, &receive::accept_all, &nobody).unwrap();
    assert_eq!((summary.damaged_segments.len(), summary.gaps.len()), (0, 0));
    let (settled, segments) = (source.settled(), segments(folder.path()));
    format!(
        "{settled} settled, segments {segments}, {} distinct of {}",
        summary.distinct, summary.received
    )
}

fn segments(folder: &Path) -> String {
    let mut found: Vec<(u64, u64)> = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().ends_with(MANIFEST_END) {
            let manifest: Manifest = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            found.push((manifest.first_seq, manifest.last_seq));
        }
    }
    found.sort_unstable();
    let found: Vec<String> = found.iter().map(|(from, to)| format!("{from}-{to}")).collect();
    found.join(" ")
}

/// An outbox in memory.
struct List(Mutex<Vec<(Envelope, bool)>>);

impl List {
    fn new(seqs: std::ops::RangeInclusive<u64>) -> List {
        List(Mutex::new(seqs.map(|seq| (envelope(seq), false)).collect()))
    }

    fn settled(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|(_, settled)| *settled).count()
    }
}

impl Source for List {
    fn oldest(
        &self,
        after: u64,
        records: usize,
        bytes: usize,
    ) -> Result<Vec<Envelope>, StoreError> {
        let mut size = 0;
        let all = self.0.lock().unwrap();
        let open = all.iter().filter(|(it, settled)| !settled && it.seq > after).map(|(it, _)| it);
        let fits = open.take(records).take_while(|it| {
            let begun = size > 0;
            size += it.body.len();
            !begun || size <= bytes
        });
        Ok(fits.cloned().collect())
    }

    fn last_seq(&self) -> u64 {
        self.0.lock().unwrap().last().map_or(0, |(it, _)| it.seq)
    }

    fn may_pass(&self, _: &Envelope, _: &dyn Fn(u64) -> bool) -> Option<bool> {
        panic!("in a folder nobody goes past anybody")
    }

    fn settle(&self, seqs: &[u64]) -> Result<(), StoreError> {
        for (envelope, settled) in self.0.lock().unwrap().iter_mut() {
            *settled |= seqs.contains(&envelope.seq);
        }
        Ok(())
    }

    async fn refuse(&self, _: u64, _: crate::envelope::DeadLetter) -> Result<(), StoreError> {
        panic!("a folder refuses no record")
    }

    async fn appended(&self) {
        std::future::pending::<()>().await;
    }
}

fn envelope(seq: u64) -> Envelope {
    let body = format!(
        "{{\"record_id\":\"r{seq}\",\"seq\":{seq},\"revision\":1,\"entity\":\"rx\",\"elements\":{{}}}}"
    );
    let record = Record {
        seq,
        record_id: format!("r{seq}"),
        revision: 1,
        entity: "rx".to_owned(),
        org: "H1".to_owned(),
        channel: "test".to_owned(),
        lane: String::new(),
        key: String::new(),
        schema: "2024.1".to_owned(),
        digest: String::new(),
        message_id: "m".to_owned(),
        received_at: "20261122101530".to_owned(),
        body: Bytes::from(body),
    };
    record.into()
}
