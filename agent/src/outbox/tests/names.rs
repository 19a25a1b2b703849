//! What was taken in is known again under its hidden name, under the plain one of earlier releases, and while
//! one becomes the other; and with names hidden, the folder does not tell who guesses a business key whether it came.

use super::super::names::{Form, Step};
use super::*;

const TAKEN: &str = "append m1 a=1 b=1; append m2 a=2";
const AGAIN: &str = "append m1 a=1 b=1; append m2 a=2";

/// A new store hides from its first record on; one of before is known again at each stage, and on the way back.
#[test]
fn a_resend_is_known_and_a_correction_counts_on_in_every_form() {
    for way in [
        "hide 9",
        "reopen; hide 9; reopen; hide 9",
        "back",
        "back; hide 1; reopen; hide 1",
        "back; hide 2; reopen",
        "back; hide 2; kill; hide 1",
        "back; hide 9; reopen",
        "back; hide 9; back",
    ] {
        check(
            &format!("{TAKEN}; {way}; {AGAIN}; append m3 a=3; {way}; append m3 a=3; append m4 b=2"),
            "m1: 1 a rev 1 accepted id A, 2 b rev 1 accepted id B
             m2: 3 a rev 2 accepted id C
             m1: 1 a rev 1 duplicate id A, 2 b rev 1 duplicate id B
             m2: 3 a rev 2 duplicate id C
             m3: 4 a rev 3 accepted id D
             m3: 4 a rev 3 duplicate id D
             m4: 5 b rev 2 accepted id E",
        );
    }
}

/// While one stands hidden and others do not.
#[test]
fn a_correction_in_the_middle_takes_the_plain_name_along() {
    let mut house = House::new();
    house.obey("append m1 a=1 b=1");
    house.obey("back");
    house.hide(1);
    assert_eq!(house.outbox().shared.names.form(), Form::Both);
    house.obey("append m2 a=2");
    assert_eq!(plain_names(&house), 1, "b");
    house.hide(1);
    assert_eq!(plain_names(&house), 0);
    house.close();
    assert_eq!(rows(&house.folder).len(), 2);
}

/// A resend that comes in the moment its name is hidden.
#[test]
fn what_is_hidden_between_two_looks_is_known_once() {
    let mut house = House::new();
    house.obey("append m1 a=1");
    house.obey("back");
    house.hide(1);
    let (outbox, identity) =
        (house.outbox(), seen::identities(&submission("m", &["a=1"])).remove(0));
    let (store, names) = (outbox.shared.store().unwrap(), &outbox.shared.names);
    let hidden = || assert_eq!((step(&outbox), plain_names(&house)), (Step::Done, 0));
    let (_, known) = names.look_up_twice(&store, &[identity], hidden).unwrap();
    assert_eq!(known[0].takes.len(), 1);
}

#[test]
fn a_store_of_before_stays_as_it_is_for_a_week() {
    let mut house = House::new();
    house.obey("append m1 a=1");
    house.obey("back");
    let at = |house: &House, when: &str| house.outbox().hide_some(when.parse().unwrap()).unwrap();
    assert_eq!(at(&house, "2026-11-23T02:00:00"), Step::Waits);
    house.reopen();
    assert_eq!(at(&house, "2026-11-30T01:59:59"), Step::Waits);
    house.obey("append m2 b=1");
    assert_eq!((format_of(&house), plain_names(&house)), (2, 2), "the release before opens it");
    assert_eq!(at(&house, "2026-11-30T02:00:00"), Step::Begun);
    assert_eq!(format_of(&house), 3, "the release before refuses it");
    while at(&house, "2026-11-30T02:00:00") != Step::Done {}
    assert_eq!(plain_names(&house), 0);
    assert_eq!(house.outbox().shared.names.form(), Form::Hidden);
}

/// Neither the key nor the digest beside it, in no table.
#[test]
fn what_anybody_can_make_is_in_no_table() {
    let mut house = House::new();
    house.obey("append m1 a=1");
    house.obey("back");
    house.outbox().shared.store().unwrap().flush_and_compact();
    assert_eq!(found(&house, "a=1"), [true, true]);
    house.hide(9);
    assert_eq!(found(&house, "a=1"), [false, false]);
    house.obey("append m2 b=1");
    house.outbox().shared.store().unwrap().flush_and_compact();
    assert_eq!(found(&house, "b=1"), [false, false]);
}

/// Whether the identity of a record, and the digest of its content, stand in a table.
fn found(house: &House, record: &str) -> [bool; 2] {
    let guessed = submission("m", &[record]);
    let identity = seen::identities(&guessed).remove(0);
    let digest = guessed.drafts[0].digest;
    let files = fs::read_dir(&house.folder).unwrap().map(|it| it.unwrap().path());
    let tables = files.filter(|it| it.extension().is_some_and(|it| it == "sst"));
    let bytes: Vec<Vec<u8>> = tables.map(|it| fs::read(it).unwrap()).collect();
    [&identity[..], &digest[..16]]
        .map(|it| bytes.iter().any(|bytes| bytes.windows(it.len()).any(|window| window == it)))
}

/// This release has the store open for the first time.
pub(super) fn see(outbox: &Outbox) {
    if outbox.shared.names.form() == Form::Plain {
        assert_eq!(outbox.hide_some("2026-11-23T02:00:00".parse().unwrap()).unwrap(), Step::Waits);
    }
}

/// A step, a week later.
pub(super) fn step(outbox: &Outbox) -> Step {
    outbox.hide_some("2026-11-30T02:00:00".parse().unwrap()).unwrap()
}

fn plain_names(house: &House) -> usize {
    let store = house.outbox().shared.store().unwrap();
    let mut count = 0;
    let walked = store.walk_keys(Family::Seen, &[], &[0xff; 17], |_, value| {
        count += usize::from(!format::open_named_takes(value).unwrap().1);
        std::ops::ControlFlow::Continue(())
    });
    walked.unwrap();
    count
}

fn format_of(house: &House) -> u64 {
    let store = house.outbox().shared.store().unwrap();
    let [format] = opening::row(&store, FORMAT).unwrap().unwrap();
    format
}

/// To the newest format and back: the same is told, and nothing of `seen` is another than before.
#[track_caller]
pub(super) fn check_both_ways(folder: &Path, is_same: impl Fn() -> bool) {
    let options = Options::default();
    to_earlier_format(folder, &options).unwrap();
    let before = rows(folder);
    let (outbox, handle) = Outbox::open(folder, &options).unwrap();
    see(&outbox);
    while step(&outbox) != Step::Done {}
    drop((outbox, handle));
    assert!(is_same(), "hidden");
    let hidden = rows(folder);
    assert_eq!(hidden.len(), before.len());
    assert!(hidden.iter().all(|(name, _)| before.iter().all(|(plain, _)| plain != name)));
    assert_eq!(to_earlier_format(folder, &options).unwrap(), before.len() as u64);
    assert!(is_same(), "as before");
    assert_eq!(rows(folder), before);
}

/// All of `seen`, as it stands on the disk.
fn rows(folder: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let store = Store::open(folder, &Options::default());
    let (store, mut rows) = (store.unwrap(), Vec::new());
    let walked = store.walk_keys(Family::Seen, &[], &[0xff; 17], |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        std::ops::ControlFlow::Continue(())
    });
    walked.unwrap();
    rows
}
