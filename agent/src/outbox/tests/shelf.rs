//! The shelf beside the queue: what was put there is there after a restart, whole batches only, and
//! a store from before it is opened as it is.

use std::ops::ControlFlow;

use super::*;

#[test]
fn what_is_put_is_there_after_a_restart_and_removed_ranges_are_not() {
    let folder = tempfile::tempdir().unwrap();
    with(folder.path(), |outbox| {
        put(outbox, &["a1", "a2", "b1"]);
        outbox.shelve(&[Change::Remove(b"a2".to_vec())]).unwrap();
        assert_eq!(keys(outbox), "a1 b1");
    });
    with(folder.path(), |outbox| {
        assert_eq!(outbox.shelved(b"a1").unwrap(), Some(b"<a1>".to_vec()));
        assert_eq!(outbox.shelved(b"a2").unwrap(), None);
        outbox.shelve(&[Change::RemoveRange(b"a".to_vec(), b"b".to_vec())]).unwrap();
        assert_eq!(keys(outbox), "b1");
    });
}

#[test]
fn a_disk_that_refuses_closes_the_whole_outbox() {
    let folder = tempfile::tempdir().unwrap();
    with(folder.path(), |outbox| {
        outbox.shared.store().unwrap().faults.fail_next_write.store(true, Ordering::SeqCst);
        let failed = outbox.shelve(&[Change::Put(b"k".to_vec(), Vec::new())]).unwrap_err();
        assert_eq!(failed.code(), "O103");
        assert_eq!(outbox.refusal().unwrap().code(), "O103");
        assert_eq!(outbox.shelve(&[]).unwrap_err().code(), "O103");
    });
}

fn put(outbox: &Outbox, keys: &[&str]) {
    let change = |it: &&str| Change::Put(it.as_bytes().to_vec(), format!("<{it}>").into_bytes());
    outbox.shelve(&keys.iter().map(change).collect::<Vec<_>>()).unwrap();
}

fn keys(outbox: &Outbox) -> String {
    let mut keys = Vec::new();
    let walked = outbox.walk_shelf(b"", &[0xff], |key, bytes| {
        assert_eq!(bytes, format!("<{}>", str::from_utf8(key).unwrap()).as_bytes());
        keys.push(String::from_utf8(key.to_vec()).unwrap());
        ControlFlow::Continue(())
    });
    walked.unwrap();
    keys.join(" ")
}

/// Opens, uses and closes a store.
fn with(folder: &Path, work: impl FnOnce(&Outbox)) {
    let (outbox, writer) = Outbox::open(&folder.join("outbox"), &Options::default()).unwrap();
    work(&outbox);
    drop(writer);
}
