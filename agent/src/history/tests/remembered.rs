//! A past that was asked for a moment ago is not read again, and never one that is not true any more.
//! That it is the same as what the rows say is asked by every other test of the past, too.

use std::sync::Arc;

use super::super::remembered::{Asked, Past, Remembered};
use super::*;
use crate::outbox::Change;

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

/// Who reads while somebody is forgotten comes too late to keep what it read.
#[test]
fn a_past_of_before_a_change_is_not_kept_after_it() {
    for (key, is_kept) in [(b"R", false), (b"L", false), (b"T", false), (b"E", true)] {
        let memory = Remembered::default();
        let (past, history) = past_in(&memory, rules::facts::History::default(), vec![]);
        let key = [&key[..], &[7; 16]].concat();
        memory.changed(&[Change::RemoveRange(key.clone(), key)]);
        memory.forget();
        memory.keep(asked_from("MZ1"), past);
        assert_eq!(history.upgrade().is_some(), is_kept);
    }
}

#[test]
fn everything_in_a_past_counts_against_the_bound() {
    use rules::facts::{Allergy, History, Stay, Surgery};
    fn many<T: Clone + Default>() -> Vec<T> {
        vec![T::default(); 5_000]
    }
    let told = |notes| vec![Noted { identity: 1, encounter: String::new(), notes }];
    let none = History::default;
    is_kept(none(), vec![], "MZ1", true);
    is_kept(History { allergies: many::<Allergy>(), ..none() }, vec![], "MZ1", false);
    is_kept(History { stays: many::<Stay>(), ..none() }, vec![], "MZ1", false);
    is_kept(History { surgeries: many::<Surgery>(), ..none() }, vec![], "MZ1", false);
    is_kept(none(), told(vec![past::Note::Allergies(many())]), "MZ1", false);
    is_kept(none(), told(vec![past::Note::Void; 5_000]), "MZ1", false);
    is_kept(none(), vec![], &"M".repeat(1_022), true);
    is_kept(none(), vec![], &"M".repeat(1_023), false);
}

#[track_caller]
fn is_kept(history: rules::facts::History, told: Vec<Noted>, encounter: &str, expected: bool) {
    let memory = Remembered::default();
    let (past, history) = past_in(&memory, history, told);
    memory.keep(asked_from(encounter), past);
    assert_eq!(history.upgrade().is_some(), expected);
}

fn asked_from(encounter: &str) -> Asked {
    Asked { patn_id: "P1".to_owned(), encounter: Some(encounter.to_owned()) }
}

/// The past of the patient whose pseudonym is all sevens, and an eye on whether it is still there.
fn past_in(
    memory: &Remembered,
    history: rules::facts::History,
    told: Vec<Noted>,
) -> (Past, std::sync::Weak<rules::facts::History>) {
    let history = Arc::new(history);
    let eye = Arc::downgrade(&history);
    let past = Past {
        today: day(),
        history: Some(history),
        told: Arc::new(told),
        looked_at: Arc::new([[7; 16]]),
        told_under: Arc::new([[7; 16]]),
        records_at: memory.moment(),
        told_at: memory.moment(),
    };
    (past, eye)
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
