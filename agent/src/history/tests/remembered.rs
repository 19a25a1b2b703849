//! A past that was asked for a moment ago is not read again, and never one that is not true any more.
//! That it is the same as what the rows say is asked by every other test of the past, too.

use std::sync::Arc;

use super::*;

#[test]
fn it_is_read_once_and_again_when_a_record_came() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.accept("MZ1", &[order("1", "YP1")]);
    let first = house.past("P1", "MZ2");
    assert_eq!(first.orders.len(), 1);
    assert!(Arc::ptr_eq(&first, &house.past("P1", "MZ2")), "it was read again");
    // From another encounter it looks otherwise; of another patient nothing changes it.
    assert!(!Arc::ptr_eq(&first, &house.past("P1", "MZ1")));
    house.accept("MZ9", &[order_of("P9", "9", "YP9")]);
    assert!(Arc::ptr_eq(&first, &house.past("P1", "MZ2")), "somebody else's record");
    house.accept("MZ1", &[order("2", "YP2")]);
    assert_eq!(house.past("P1", "MZ2").orders.len(), 2);
}

#[test]
fn what_a_check_proposed_leaves_it_as_it_is_and_what_it_told_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.accept("MZ1", &[order("1", "YP1")]);
    house.ask("P1", "MZ2");
    let first = house.past("P1", "MZ3");
    assert_eq!((first.orders.len(), first.diagnoses.len()), (1, 1));
    house.propose("P1", "MZ2", "R2");
    assert!(Arc::ptr_eq(&first, &house.past("P1", "MZ3")), "a proposal counts for nothing");
    house.propose("P1", "MZ1", "R1");
    house.answer("P1", true);
    assert_eq!(house.past("P1", "MZ3").orders.len(), 2, "it goes on");
}

#[test]
fn who_is_forgotten_is_not_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.accept("MZ1", &[order("1", "YP1")]);
    house.ask("P1", "MZ1");
    let before = Arc::downgrade(&house.past("P1", "MZ2"));
    house.ledger.forget(&past::named_by("P1")).unwrap();
    assert!(before.upgrade().is_none(), "it is still in memory");
    assert_eq!(*house.past("P1", "MZ2"), rules::facts::History::default());
}

#[test]
fn the_memory_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.accept("MZ1", &[order("1", "YP1")]);
    let all: Vec<_> =
        (0..3_000).map(|it| Arc::downgrade(&house.past("P1", &format!("MZ{it}")))).collect();
    let kept = all.iter().filter(|it| it.upgrade().is_some()).count();
    assert!((1..=1_024).contains(&kept), "{kept}");
    assert!(all.last().unwrap().upgrade().is_some(), "the last went first");
}

impl House {
    fn past(&self, patient: &str, encounter: &str) -> Arc<rules::facts::History> {
        let named = past::named_by(patient);
        let past = self.ledger.past(&named, Some(encounter), Reach::Disk, day()).unwrap();
        past.unwrap_or_default()
    }

    /// A check of one line that nobody has answered for.
    fn propose(&self, patient: &str, encounter: &str, line: &str) {
        let text = format!(
            r#"{{"patient":{{"patn_id":"{patient}"}},"encounter":{{"mdtrt_id":"{encounter}"}},
            "orders":[{{"rx_id":"{line}","hosplist_code":"YP7"}}]}}"#
        );
        let facts = rules::request::read(&text).unwrap();
        let seen = past::seen(facts, day().at(9, 0, 0, 0)).unwrap();
        assert_eq!(self.ledger.see(vec![seen], day()).unwrap(), 1);
    }
}

fn order_of<'a>(patient: &str, number: &str, item: &str) -> (&'a str, &'a str, Value) {
    let (entity, key, mut elements) = order(number, item);
    elements["patn_id"] = json!(patient);
    (entity, key, elements)
}
