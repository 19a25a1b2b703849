//! The account kept up beside a store on disk: each confirmed record once, over kills, however few are
//! confirmed at a time; and a platform that has exactly the same gives the same totals.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::ask::Platform;
use super::book::Book;
use super::compare::Named;
use super::follow::day_of;
use super::page::Group;
use super::question::{Answer, Ask};
use super::whose::Given;
use super::*;
use crate::envelope::{Draft, Envelope, Original, Submission};
use crate::intake::Road;
use crate::outbox::{Holds, Options, WriterHandle};

#[tokio::test]
async fn each_confirmed_record_is_entered_once_over_kills() {
    let folder = tempfile::tempdir().unwrap();
    let mut total = 0;
    for round in 0..6_u64 {
        let (opened, writer) = open(folder.path());
        for message in 0..100 {
            let day = if round % 2 == 0 { "20261121" } else { "20261122" };
            opened.outbox.append(submission(round * 1_000 + message, day)).await.unwrap();
        }
        // Some of them wait on, in the middle of a range.
        let waiting = opened.outbox.oldest(0, usize::MAX, usize::MAX).unwrap();
        let some: Vec<u64> = waiting.iter().map(|it| it.seq).take(150).collect();
        opened.outbox.settle(&some).unwrap();
        total += some.len() as u64;
        opened.catch_up().unwrap();
        opened.catch_up().unwrap();
        assert_eq!(count(&opened, 20_261_121) + count(&opened, 20_261_122), total);
        // What was not entered is not removed.
        assert_eq!(opened.reached().unwrap().next, total + 1);
        writer.close().await.unwrap();
    }
    let (opened, _writer) = open(folder.path());
    let snapshot = opened.snapshot(20_261_122).unwrap();
    let waiting: u64 = snapshot.waiting.values().map(|(count, _)| count).sum();
    assert_eq!((total, waiting), (900, 200));
    assert_eq!(same_as_the_platform(&opened), "20.2");
    opened.forget_before(20_261_122).unwrap();
    opened.forget_before(20_261_101).unwrap();
    assert_eq!(opened.forgotten().unwrap(), 20_261_122, "what is gone stays gone");
    assert_eq!((count(&opened, 20_261_121), count(&opened, 20_261_122)), (0, 400));
}

#[tokio::test]
async fn a_damaged_row_marks_its_day_and_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, _writer) = open(folder.path());
    opened.outbox.append(submission(1, "20261122")).await.unwrap();
    opened.outbox.settle(&[1, 2]).unwrap();
    opened.catch_up().unwrap();
    let group = Group { entity: "fee".to_owned(), channel: "his".to_owned() };
    assert!(opened.pages(20_261_122).unwrap().contains_key(&group));
    // Bytes of another place: they are sealed, and do not open here.
    opened.outbox.misplace_account_rows();
    assert!(opened.pages(20_261_122).is_err());
    opened.outbox.append(submission(2, "20261122")).await.unwrap();
    opened.outbox.settle(&[3, 4]).unwrap();
    opened.catch_up().unwrap();
    assert_eq!(opened.reached().unwrap().next, 5);
    let error = opened.pages(20_261_122).unwrap_err();
    assert!(error.to_string().contains("20261122"), "{error}");
}

/// One waits, for a day perhaps: those behind it are accounted for, each once, over kills too.
#[tokio::test]
async fn what_is_confirmed_behind_one_that_waits_is_entered() {
    let folder = tempfile::tempdir().unwrap();
    for (round, end) in [(0, 1_500), (1, 3_000)] {
        let (opened, writer) = open(folder.path());
        for message in 0..750 {
            let number = round * 750 + message;
            opened.outbox.append(submission(number, "20261122")).await.unwrap();
        }
        let some: Vec<u64> = (2..=end).filter(|it| *it != 700).collect();
        opened.outbox.settle(&some).unwrap();
        opened.catch_up().unwrap();
        let reached = opened.reached().unwrap();
        assert_eq!((reached.next, reached.has(700), reached.has(701)), (1, false, true));
        let snapshot = opened.snapshot(20_261_122).unwrap();
        let waiting: u64 = snapshot.waiting.values().map(|(count, _)| count).sum();
        assert_eq!((count(&opened, 20_261_122), waiting), (end - 2, 2));
        writer.close().await.unwrap();
    }
    let (opened, _writer) = open(folder.path());
    opened.outbox.settle(&[1, 700]).unwrap();
    opened.catch_up().unwrap();
    let reached = opened.reached().unwrap();
    assert_eq!((reached.next, reached.beyond.is_empty()), (3_001, true));
    let totals = same_as_the_platform(&opened);
    assert_eq!(totals, "151.5", "each counts once");
}

/// The platform has no part in what was refused or lost; it is neither missed nor waited for.
#[tokio::test]
async fn what_was_set_aside_is_no_part_of_the_account() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, _writer) = open(folder.path());
    opened.outbox.append(submission(1, "20261122")).await.unwrap();
    opened.outbox.refuse(1, crate::envelope::DeadLetter::of_refused("m1")).await.unwrap();
    opened.outbox.settle(&[2]).unwrap();
    let snapshot = opened.snapshot(20_261_122).unwrap();
    assert_eq!((count(&opened, 20_261_122), snapshot.waiting.len()), (1, 0));
    assert_eq!(opened.reached().unwrap().next, 3);
}

/// The row that says how far it went is gone, or the store was made anew of a damaged one: what is kept
/// is entered once, and of what is not kept nothing is said.
#[tokio::test]
async fn an_account_that_lost_its_place_begins_anew() {
    for harm in ["place", "page", "range", "place and range"] {
        let folder = tempfile::tempdir().unwrap();
        let (opened, writer) = open(folder.path());
        for number in 0..300 {
            opened.outbox.append(submission(number, "20261122")).await.unwrap();
        }
        opened.outbox.settle(&(1..=600).collect::<Vec<_>>()).unwrap();
        opened.catch_up().unwrap();
        opened.lose(harm);
        let lost_its_place = harm.starts_with("place");
        // What is missing is seen at once, and told of instead of compared.
        assert_eq!(
            opened.pages(20_261_122).is_err(),
            harm.ends_with("page") || harm.ends_with("range")
        );
        writer.close().await.unwrap();
        let (opened, _writer) = open(folder.path());
        opened.catch_up().unwrap();
        match opened.pages(20_261_122) {
            Ok(_) => assert_eq!(same_as_the_platform(&opened), "30.3", "{harm}"),
            Err(error) => assert!(!lost_its_place, "{harm}: {error}"),
        }
    }
}

/// What the platform has and our account misses, though it is ours, is entered and not withdrawn.
#[tokio::test]
async fn what_is_ours_is_entered_and_what_is_not_stays_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, _writer) = open(folder.path());
    opened.outbox.append(submission(1, "20261122")).await.unwrap();
    opened.outbox.settle(&[1, 2]).unwrap();
    let ours = named(&opened);
    let altered = under(&ours[0], 1, b"{}");
    let strange = Named { leaf: other(2), ..ours[1].clone() };
    let never = Named { leaf: other(3), ..ours[1].clone() };
    let unknown = [ours.clone(), vec![altered.clone(), strange.clone(), never.clone()]].concat();
    for _ in 0..2 {
        let sorted = opened.enter_ours(20_261_122, unknown.clone(), &Given::new()).unwrap();
        assert_eq!(sorted.strange, [strange.clone(), never.clone()]);
        assert_eq!(sorted.altered, [ours[0].clone()], "with what we have under its id");
        assert_eq!((sorted.ours, sorted.as_told), (2, 0));
        assert_eq!(count(&opened, 20_261_122), 2, "each once");
    }
    opened.catch_up().unwrap();
    assert_eq!(count(&opened, 20_261_122), 2, "and not once more");
    let sorted = opened.enter_ours(20_261_121, ours.clone(), &Given::new()).unwrap();
    assert_eq!(sorted.altered, ours, "of another day: sent once more under its own");
}

/// A record that was confirmed and whose bytes the disk does not give back is none that the platform should not
/// have: the day says what is unread, and enters what the platform names.
#[tokio::test]
async fn what_cannot_be_read_is_told_and_entered_as_the_platform_has_it() {
    for harm in ["before it is entered", "and the account begins anew"] {
        let folder = tempfile::tempdir().unwrap();
        let (mut opened, mut writer) = open(folder.path());
        for (number, day) in (1..).zip(["20261121", "20261122", "20261122", "20261123"]) {
            opened.outbox.append(submission(number, day)).await.unwrap();
        }
        opened.outbox.settle(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        let all = named(&opened);
        if harm.ends_with("anew") {
            opened.catch_up().unwrap();
            opened.lose("place");
            opened.outbox.spoil(3);
            writer.close().await.unwrap();
            (opened, writer) = open(folder.path());
        }
        opened.outbox.spoil(3);
        opened.catch_up().unwrap();
        let unread = |day: u32| opened.snapshot(day).unwrap().unread;
        let days = [20_261_121, 20_261_122, 20_261_123];
        assert_eq!(days.map(unread), [vec![(3, 5)], vec![(3, 5)], Vec::new()], "{harm}");
        let theirs = [&all[2..4], &[Named { leaf: other(6), ..all[5].clone() }]].concat();
        let sorted = opened.enter_ours(20_261_122, theirs.clone(), &Given::new()).unwrap();
        assert_eq!((sorted.as_told, &sorted.strange[..]), (2, &theirs[2..]), "{harm}");
        assert_eq!(days.map(unread), [const { Vec::new() }; 3], "{harm}");
        assert_eq!(days.map(|day| count(&opened, day)), [2, 4, 2], "{harm}");
        let altered = under(&all[2], 3, b"{}");
        let sorted = opened.enter_ours(20_261_122, vec![altered], &Given::new()).unwrap();
        assert_eq!((sorted.as_told, sorted.strange.len()), (1, 0), "no right one could be sent");
        assert_eq!(count(&opened, 20_261_122), 4, "{harm}");
        writer.close().await.unwrap();
    }
}

/// What neither side can name ends with the repair that somebody orders: it is told in the statement, and day
/// by day. Should the platform name it all the same, it is entered.
#[tokio::test]
async fn what_nobody_can_name_is_given_up_when_a_repair_is_ordered() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, writer) = open(folder.path());
    for (number, day) in (1..).zip(["20261121", "20261122", "20261122", "20261123"]) {
        opened.outbox.append(submission(number, day)).await.unwrap();
    }
    opened.outbox.settle(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    let all = named(&opened);
    opened.outbox.spoil(3);
    let unnamed = opened.snapshot(20_261_122).unwrap().unread;
    assert_eq!(unnamed, [(3, 5)]);
    let mut compared = run::Compared::of_nothing();
    compared.unread.clone_from(&unnamed);
    assert!(compared.is_only_unread() && !compared.is_balanced());
    compared.unread.clear();
    compared.given_up = opened.give_up(20_261_122, &unnamed).unwrap();
    assert!(compared.is_balanced());
    let of =
        question::Day { agent: "H1".to_owned(), epoch: "e".to_owned(), day: "20261122".to_owned() };
    let statement = opened.state(&of, &compared).statement;
    assert!(statement.contains(r#""given_up":[[3,4]]"#), "{statement}");
    writer.close().await.unwrap();
    let (opened, _writer) = open(folder.path());
    let stands = |day: u32| {
        let it = opened.snapshot(day).unwrap();
        (it.unread, it.given_up)
    };
    assert_eq!(stands(20_261_122), (Vec::new(), unnamed.clone()));
    assert_eq!(stands(20_261_121), (unnamed, Vec::new()), "it may be of that one");
    let sorted = opened.enter_ours(20_261_122, all[2..4].to_vec(), &Given::new()).unwrap();
    assert_eq!(sorted.as_told, 2);
    assert_eq!(stands(20_261_122), (Vec::new(), Vec::new()));
    assert_eq!(stands(20_261_121), (Vec::new(), Vec::new()));
}

/// What was lost is of the 22nd, or of the 21st: the platform knows, and is asked under both before either gives
/// it up.
#[tokio::test]
async fn what_nobody_can_name_is_nothing_that_the_platform_names_under_another_day() {
    let folder = tempfile::tempdir().unwrap();
    let (road, _writer) = road(folder.path());
    let lost = lose_some(&road).await;
    let mut platform = Platform::Books(books(&road, &lost));
    let told = repaired(&road, &mut platform, "20261121").await;
    assert_eq!(told["left"]["unread"], json!([[3, 4]]), "{told}");
    assert_eq!(told["left"]["given_up"], json!([]), "{told}");
    assert_eq!(told["not_given_up"][0]["day"], "20261122", "{told}");
    assert_eq!(told.get("statement"), None, "{told}");
    let told = repaired(&road, &mut platform, "20261122").await;
    assert_eq!(told["repair"]["as_told"], 2, "{told}");
    assert_eq!(told["left"]["outcome"], "balanced", "{told}");
    let told = repaired(&road, &mut platform, "20261121").await;
    assert_eq!((&told["outcome"], &told["given_up"]), (&json!("balanced"), &json!([])), "{told}");
}

/// One of two is named under the other day, which has to be put right first; the other is named nowhere.
#[tokio::test]
async fn of_what_another_day_names_in_part_the_rest_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let (road, _writer) = road(folder.path());
    let lost = lose_some(&road).await;
    let mut platform = Platform::Books(books(&road, &lost[1..]));
    let told = repaired(&road, &mut platform, "20261121").await;
    let left = &told["left"];
    assert_eq!(
        (&left["unread"], &left["given_up"]),
        (&json!([[4, 4]]), &json!([[3, 3]])),
        "{told}"
    );
    assert_eq!(left["outcome"], "different", "{told}");
}

/// Nothing is given up where the platform cannot be asked about each day that may have it; where it can, and
/// names it under none, each day gives it up, whichever comes first.
#[tokio::test]
async fn what_nobody_can_name_is_asked_for_under_all_days() {
    let folder = tempfile::tempdir().unwrap();
    let (road, _writer) = road(folder.path());
    lose_some(&road).await;
    let all = books(&road, &[]);
    let mut short = all.clone();
    short.remove("20261122");
    let book = Box::new(all["20261121"].clone());
    let one_day = [Platform::Books(short), Platform::File { book, orders: None }];
    for mut platform in one_day {
        let told = repaired(&road, &mut platform, "20261121").await;
        assert_eq!(told["left"]["unread"], json!([[3, 4]]), "{told}");
        assert_eq!(told["not_given_up"][0]["day"], "20261122", "{told}");
        assert_eq!(told.get("statement"), None, "{told}");
    }
    let mut platform = Platform::Books(all);
    for day in ["20261122", "20261121"] {
        let told = repaired(&road, &mut platform, day).await;
        assert_eq!(told["left"]["given_up"], json!([[3, 4]]), "{told}");
        assert_eq!(
            (&told["left"]["outcome"], &told["not_given_up"]),
            (&json!("balanced"), &json!([]))
        );
    }
}

/// All that came on a day is lost. Neither neighbour, which are told of it, has it; the platform has it between.
#[tokio::test]
async fn what_nobody_can_name_is_asked_for_between_the_days_that_are_told_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (road, _writer) = road(folder.path());
    let lost = lose_some_of(&road, ["20261121", "20261122", "20261123", "20261123"]).await;
    let mut platform = Platform::Books(books(&road, &lost));
    for day in ["20261121", "20261123"] {
        let told = repaired(&road, &mut platform, day).await;
        assert_eq!(told["left"]["given_up"], json!([]), "{told}");
        assert_eq!(told["not_given_up"][0]["day"], "20261122", "{told}");
    }
}

async fn lose_some(road: &Arc<Road>) -> Vec<Named> {
    lose_some_of(road, ["20261121", "20261122", "20261122", "20261123"]).await
}

/// Four messages over some days, of which the second can be read no more; gives what it had.
async fn lose_some_of(road: &Arc<Road>, days: [&str; 4]) -> Vec<Named> {
    for (number, day) in (1..).zip(days) {
        road.outbox.append(submission(number, day)).await.unwrap();
    }
    road.outbox.settle(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    let lost = named(road.accounts.opened().unwrap())[2..4].to_vec();
    road.outbox.spoil(3);
    lost
}

/// What the platform has: all that can be read here, and some more of the 22nd.
fn books(road: &Arc<Road>, more: &[Named]) -> BTreeMap<String, Book> {
    let mut books: BTreeMap<String, Book> = BTreeMap::new();
    for it in road.outbox.accepted_from(1, 99).unwrap().envelopes {
        let elements: serde_json::Value = serde_json::from_slice(&it.body).unwrap();
        let leaf = leaf::Leaf::of(it.seq, &it.record_id, &it.body);
        let book = books.entry(it.received_at[..8].to_owned()).or_default();
        book.take(group(&it), leaf, &elements["elements"].to_string());
    }
    for it in more {
        books.entry("20261122".to_owned()).or_default().take(it.group.clone(), it.leaf, "");
    }
    books
}

async fn repaired(road: &Arc<Road>, platform: &mut Platform, day: &str) -> serde_json::Value {
    let asked = routes::Asked { day: day.to_owned(), repair: true, ..routes::Asked::default() };
    let of = run::of(road, day);
    routes::reconciled(road, platform, &of, &asked).await.unwrap()
}

/// Where two ids stand under a number that cannot be read here, one of them may be the right one.
#[tokio::test]
async fn of_two_under_one_number_neither_is_withdrawn_unless_one_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, _writer) = open(folder.path());
    opened.outbox.append(submission(1, "20261122")).await.unwrap();
    opened.outbox.settle(&[1, 2]).unwrap();
    let all = named(&opened);
    opened.outbox.spoil(1);
    opened.catch_up().unwrap();
    let strange = Named { leaf: other(1), ..all[0].clone() };
    let theirs = vec![all[0].clone(), strange.clone(), all[1].clone()];
    let sorted = opened.enter_ours(20_261_122, theirs.clone(), &Given::new()).unwrap();
    assert_eq!((sorted.as_told, sorted.strange.len()), (1, 0));
    assert_eq!(sorted.contested, [all[0].clone(), strange.clone()]);
    let given = Given::from([(1, all[0].leaf.id)]);
    let sorted = opened.enter_ours(20_261_122, theirs[..2].to_vec(), &given).unwrap();
    assert_eq!((sorted.as_told, sorted.strange), (1, vec![strange]));
    assert_eq!((count(&opened, 20_261_122), sorted.contested.len()), (2, 0));
}

/// Refused, passed as such, and sent once more: the platform has it, and so has the account.
#[tokio::test]
async fn what_was_refused_and_arrives_later_is_entered() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, _writer) = open(folder.path());
    opened.outbox.append(submission(1, "20261122")).await.unwrap();
    opened.outbox.refuse(1, crate::envelope::DeadLetter::of_refused("m1")).await.unwrap();
    opened.outbox.settle(&[2]).unwrap();
    opened.catch_up().unwrap();
    assert_eq!((count(&opened, 20_261_122), opened.reached().unwrap().next), (1, 3));
    opened.outbox.settle(&[1]).unwrap();
    opened.catch_up().unwrap();
    opened.catch_up().unwrap();
    assert_eq!(count(&opened, 20_261_122), 2);
    assert!(opened.outbox.arrived_late().is_empty());
}

/// Whether a day has anything is asked every few seconds, of a week of days, whatever waits.
#[tokio::test]
async fn what_waits_is_looked_at_once_for_all_days() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, _writer) = open(folder.path());
    for (message, day) in (1..).zip(["20261119", "20261120", "20261120", "20261122"]) {
        opened.outbox.append(submission(message, day)).await.unwrap();
    }
    opened.outbox.settle(&[1, 2, 3, 4]).unwrap();
    opened.catch_up().unwrap();
    let asked = |day: u32| opened.has_account(day).unwrap();
    for _ in 0..3 {
        let days: Vec<u32> = (20_261_118..=20_261_123).filter(|it| asked(*it)).collect();
        assert_eq!(days, [20_261_119, 20_261_120, 20_261_122]);
    }
    assert_eq!(opened.days().looked_at, 4, "each record that waits, once");
    let waiting = |day: u32| {
        let snapshot = opened.snapshot(day).unwrap();
        snapshot.waiting.values().map(|(count, _)| count).sum::<u64>()
    };
    assert_eq!([20_261_119, 20_261_120, 20_261_122].map(waiting), [0, 2, 2]);
    opened.outbox.settle(&[5, 6, 7, 8]).unwrap();
    assert_eq!([20_261_120, 20_261_122].map(waiting), [0, 0]);
    assert!(asked(20_261_120) && !asked(20_261_121));
    assert_eq!(opened.days().looked_at, 4);
}

#[test]
fn days_are_those_of_the_receipt() {
    assert_eq!(day_of("20261122101530"), 20_261_122);
    assert_eq!((day_of(""), day_of("2026-11-22")), (1, 1));
}

/// Builds the platform's account of the very bytes that are sent, and compares the totals; gives the sum
/// of the fees.
#[track_caller]
fn same_as_the_platform(opened: &Opened) -> String {
    let mut book = Book::default();
    let confirmed = opened.outbox.confirmed_to();
    let mut from = 1;
    while from < confirmed {
        let found = opened.outbox.accepted_from(from, 100).unwrap();
        from = found.next;
        let wanted = found.envelopes.iter().filter(|it| it.seq < confirmed);
        for it in wanted.filter(|it| it.received_at.starts_with("20261122")) {
            let elements: serde_json::Value = serde_json::from_slice(&it.body).unwrap();
            book.take(
                group(it),
                leaf::Leaf::of(it.seq, &it.record_id, &it.body),
                &elements["elements"].to_string(),
            );
        }
    }
    let Answer::Account { pages, .. } = book.answer(&Ask::Account) else { panic!("no account") };
    let ours: Vec<_> = opened
        .pages(20_261_122)
        .unwrap()
        .into_iter()
        .map(|(it, page)| (it, page.totals()))
        .collect();
    assert_eq!(pages, ours);
    assert_eq!(ours.len(), 2);
    ours[0].1.sums["det_item_fee_sumamt"].clone()
}

/// What waited for a code is released days later, into the day on which it came: signed, that day is open again.
#[tokio::test]
async fn a_signed_day_that_gets_records_is_compared_again() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, _writer) = open(folder.path());
    opened.outbox.append(submission(1, "20261122")).await.unwrap();
    let unknown = vec![crate::envelope::UnknownCode {
        map: "q".into(),
        code: "d".into(),
        element: "e".into(),
    }];
    let parked = Submission { drafts: Vec::new(), ..submission(2, "20261122") };
    opened.outbox.park(parked, unknown).await.unwrap();
    opened.outbox.settle(&[1, 2]).unwrap();
    opened.snapshot(20_261_122).unwrap();
    let parked = ["20261121", "20261122"].map(|day| opened.parked_of(day).unwrap());
    assert_eq!(parked, [0, 1], "its statement is not complete");
    let (word, at) = ("balanced".to_owned(), "20261123063000".to_owned());
    let balanced = results::Outcome { at, word, ..results::Outcome::default() };
    opened.results.keep("20261122", balanced, serde_json::Value::Null).unwrap();
    let is_open = || opened.results.of("20261122").is_some_and(|it| it.is_open());
    assert!(!is_open());
    opened.outbox.append(submission(3, "20261122")).await.unwrap();
    opened.outbox.settle(&[3]).unwrap();
    opened.catch_up().unwrap();
    assert!(is_open() && opened.results.unwell() == 1);
}

/// All that was accepted, as the platform would name it.
fn named(opened: &Opened) -> Vec<Named> {
    let kept = opened.outbox.accepted_from(1, 99).unwrap().envelopes;
    let leaf = |it: &Envelope| leaf::Leaf::of(it.seq, &it.record_id, &it.body);
    kept.iter().map(|it| Named { leaf: leaf(it), group: group(it) }).collect()
}

/// The same id with another content.
fn under(it: &Named, seq: u64, body: &[u8]) -> Named {
    let leaf = leaf::Leaf::of(seq, &it.leaf.record_id(), body);
    Named { leaf, group: it.group.clone() }
}

/// A record that nobody here has made.
fn other(seq: u64) -> leaf::Leaf {
    leaf::Leaf::of(seq, &uuid::Uuid::now_v7().to_string(), b"{}")
}

fn count(opened: &Opened, day: u32) -> u64 {
    opened.pages(day).unwrap().values().map(|it| it.count).sum()
}

fn group(it: &Envelope) -> Group {
    Group { entity: it.entity.clone(), channel: it.channel.clone() }
}

fn open(folder: &Path) -> (Opened, WriterHandle) {
    let options =
        Options { holds: Holds { delivered: true, ..Holds::default() }, ..Options::default() };
    let (outbox, writer) = Outbox::open(&folder.join("outbox"), &options).unwrap();
    let key = SigningKey::open(&folder.join("signing.key")).unwrap();
    let (turn, running) = (Mutex::default(), tokio::sync::Mutex::default());
    let folder = folder.join("statements");
    let (results, days) = (Results::open(&folder).unwrap(), Mutex::default());
    let opened = Opened { outbox, folder, key, results, days, turn, running };
    opened.take_up().unwrap();
    (opened, writer)
}

/// A road with an account of its own, which goes into files.
pub(super) fn road(folder: &Path) -> (Arc<Road>, WriterHandle) {
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{0}/outbox\"\n[forward]\nkind = \"files\"\ndir = \"{0}/records\"\n[reconcile]\ndaily_at = \"00:00\"\n",
        folder.display()
    );
    let mut config = Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"));
    // The days of these tests are not too old, in whatever year they run.
    config.messages.keep_days = 36_500;
    let sets = crate::sets::Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"));
    let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
    let road = Road::new(config, sets, outbox, Arc::default());
    road.accounts.open(&road.config, road.outbox.clone()).unwrap();
    (Arc::new(road), writer)
}

/// Takes in a fee and a prescription of a day, and confirms them.
pub(super) async fn enter(road: &Arc<Road>, day: &str) {
    let number = road.outbox.next_seq();
    road.outbox.append(submission(number, day)).await.unwrap();
    road.outbox.settle(&[number, number + 1]).unwrap();
    road.accounts.opened().unwrap().catch_up().unwrap();
}

fn submission(number: u64, day: &str) -> Submission {
    let draft = |entity: &str| {
        let tail = format!(
            r#""entity":"{entity}","channel":"his","received_at":"{day}101530","elements":{{"no":{number},"det_item_fee_sumamt":0.101}},"findings":[]"#
        );
        let key = format!("{entity}{number}");
        Draft::new(entity.to_owned(), "lane".to_owned(), key, [9; 32], tail)
    };
    Submission {
        channel: "his".into(),
        message_id: format!("m{number}"),
        received_at: format!("{day}101530"),
        org: "H1".into(),
        schema: "2024.1".into(),
        original: Original::default(),
        drafts: vec![draft("fee"), draft("rx")],
    }
}
