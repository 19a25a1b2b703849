//! Files that are damaged, cut or gone. Whatever happens: the outbox starts, gives every record that
//! can be read, unchanged, and names exactly the others; and the doctor says the same beforehand.

use std::collections::BTreeSet;

use super::damage::{account, flip, tamper};
use super::*;
use crate::outbox::doctor::{self, Examined};

#[derive(Clone, Copy, Debug)]
enum Harm {
    Flip(u64),
    Cut(u64),
    Lose,
}

/// Every file is lost once; every so many bytes one is flipped, and the file cut. With
/// `HIS_AGENT_PROVE=long` it is every byte.
#[test]
fn any_harm_to_any_file() {
    let mut house = lived_in();
    house.close();
    let stride =
        if std::env::var("HIS_AGENT_PROVE").is_ok_and(|it| it == "long") { 1 } else { 977 };
    let (before, mut told) = (all(&house), Vec::new());
    for name in names(&house.folder) {
        let length = fs::metadata(house.folder.join(&name)).unwrap().len();
        let mut harms = vec![Harm::Lose];
        // The engine's own diary and the copy of its options are never read.
        if !name.starts_with("LOG") && !name.starts_with("OPTIONS") {
            let places = (0..length).step_by(stride).chain(length.checked_sub(1));
            harms.extend(places.flat_map(|at| [Harm::Flip(at), Harm::Cut(at)]));
        }
        for harm in harms {
            told.push(check_harm(&house, &before, &name, harm));
        }
    }
    let wrong: Vec<&String> = told.iter().filter_map(|it| it.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), told.len());
    let hit = told.iter().filter(|it| it.as_ref().is_ok_and(|lost| *lost > 0)).count();
    assert!(hit > 10, "the harm did hit something: {hit} of {}", told.len());
}

/// A store with something in every family: in tables, and behind them in a log.
pub(super) fn lived_in() -> House {
    let mut house = House::new();
    for i in 0..12 {
        house.append(&format!("m{i}"), &[&format!("k{i}.0=1"), &format!("k{i}.1=1")]).unwrap();
    }
    house.obey("bury x");
    house.obey("bury y");
    house.obey("park p1 qd p=1@parked");
    house.outbox().shelve(&[Change::Put(b"k".to_vec(), b"kept".to_vec())]).unwrap();
    house.outbox().settle(&[1, 2, 3]).unwrap();
    house.outbox().shared.store().unwrap().flush_and_compact();
    house.reopen();
    for i in 12..18 {
        house.append(&format!("m{i}"), &[&format!("k{i}.0=1"), &format!("k{i}.1=1")]).unwrap();
    }
    house.obey("discard 1");
    house
}

/// How many records it cost, or what is wrong.
fn check_harm(house: &House, before: &[Envelope], name: &str, harm: Harm) -> Result<usize, String> {
    let what = format!("{name} {harm:?}");
    let copy = house.dir.path().join("harmed");
    copy_folder(&house.folder, &copy);
    do_harm(&copy.join(name), harm);
    let examined = doctor::examine(&copy, &house.options.key);
    let (delivered, lost) = account(house, &copy, before).unwrap();
    let missed = missed_after_resend(house, &copy);
    for entry in fs::read_dir(house.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("harmed") {
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        }
    }
    let named = lost_of(&examined.map_err(|error| format!("{what}: {error}"))?);
    // A cursor that is lost lets what was delivered go out once more, under the same ids.
    let told = delivered.union(&lost).filter(|it| **it > 3);
    let is_whole = told.copied().eq(4..=36) && delivered.is_disjoint(&lost);
    // The engine gives up a block as a whole; the doctor opens what is whole in it.
    let is_exact = named.is_subset(&lost)
        && (Path::new(name).extension().is_some_and(|it| it == "sst") || named == lost);
    if is_whole && is_exact && missed.is_empty() {
        return Ok(lost.len());
    }
    if !missed.is_empty() {
        return Err(format!("{what}: lost {lost:?}, and sent again {missed:?} did not come back"));
    }
    Err(format!("{what}: delivered {delivered:?}, lost {lost:?}, the doctor names {named:?}"))
}

/// The HIS sends everything again: what does not wait then, though it was never delivered.
fn missed_after_resend(house: &House, folder: &Path) -> Vec<String> {
    let (outbox, handle) = Outbox::open(folder, &house.options).unwrap();
    let keys = |i: u64| [format!("k{i}.0=1"), format!("k{i}.1=1")];
    for i in 0..18 {
        let [one, other] = keys(i);
        let again = submission(&format!("m{i}"), &[&one, &other]);
        house.runtime.block_on(outbox.append(again)).unwrap();
    }
    let found = outbox.oldest(0, usize::MAX, usize::MAX).unwrap();
    drop(handle);
    let waits = |it: &String| found.iter().any(|found| format!("{}=1", found.key) == *it);
    // The first three had arrived.
    (0..18).flat_map(keys).skip(3).filter(|it| !waits(it)).collect()
}

/// What the sound store gives.
fn all(house: &House) -> Vec<Envelope> {
    let copy = house.dir.path().join("sound");
    if !copy.exists() {
        copy_folder(&house.folder, &copy);
    }
    let (outbox, handle) = Outbox::open(&copy, &house.options).unwrap();
    let found = outbox.accepted_from(1, usize::MAX).unwrap().envelopes;
    drop(handle);
    found
}

fn lost_of(examined: &Examined) -> BTreeSet<u64> {
    examined.lost.iter().flat_map(|it| it.first_seq..=it.last_seq).collect()
}

fn do_harm(file: &Path, harm: Harm) {
    match harm {
        Harm::Flip(at) => flip(file, at),
        Harm::Cut(at) => {
            fs::OpenOptions::new().write(true).open(file).unwrap().set_len(at).unwrap();
        }
        Harm::Lose => fs::remove_file(file).unwrap(),
    }
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        files.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_sound_store_is_sound_and_stays_what_it_was() {
    let mut house = lived_in();
    let error = doctor::examine(&house.folder, &house.options.key).unwrap_err();
    assert_eq!(error.code(), "O106", "a live daemon has it");
    house.close();
    let before = contents(&house.folder);
    let examined = doctor::examine(&house.folder, &house.options.key).unwrap();
    assert!(examined.is_sound(), "{examined:#?}");
    let Examined { cursor, next_seq, waiting, .. } = examined;
    assert_eq!((cursor, next_seq, waiting), (4, 37, 33));
    assert_eq!((examined.dead_letters.readable, examined.parked.readable), (1, 1));
    assert_eq!(contents(&house.folder), before);
}

fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    names(folder).into_iter().map(|it| (it.clone(), fs::read(folder.join(it)).unwrap())).collect()
}

/// Also of a sound store: ids, numbers, letters, what is parked and what is remembered stay.
#[test]
fn a_salvaged_store_goes_on_where_the_old_one_stood() {
    let mut house = lived_in();
    let told = |house: &mut House| {
        ["oldest 3", "letters", "parked", "status"].map(|it| house.obey(it).unwrap()).join("\n")
    };
    let (before, epoch) = (told(&mut house), house.outbox().epoch().to_owned());
    house.close();
    let salvaged = doctor::salvage(&house.folder, &house.options).unwrap();
    assert!(salvaged.examined.is_sound() && salvaged.aside.join("CURRENT").exists());
    house.start();
    assert_eq!(told(&mut house), before);
    assert_eq!(house.outbox().epoch(), epoch);
    assert_eq!(house.outbox().shelved(b"k").unwrap().unwrap(), b"kept");
    let again = house.append("again", &["k3.0=1"]).unwrap();
    assert_eq!(again.records[0].seq, 7, "it is remembered");
    assert_eq!(house.append("new", &["z=1"]).unwrap().records[0].seq, 37);
}

#[test]
fn a_crash_between_the_renames_is_finished() {
    let mut house = lived_in();
    let depth = house.outbox().depth();
    house.close();
    let ready = house.folder.with_file_name("0.salvaged");
    fs::rename(&house.folder, ready).unwrap();
    house.start();
    assert_eq!(house.outbox().depth(), depth);
}

#[test]
fn lost_records_are_named_by_what_is_remembered() {
    let mut house = House::new();
    let receipt = house.append("m1", &["a=1", "b=1"]).unwrap();
    tamper(&mut house, |batch| batch.delete_range(Family::Queue, 1, 2));
    house.close();
    let examined = doctor::examine(&house.folder, &house.options.key).unwrap();
    let named: Vec<(u64, &str)> =
        examined.lost[0].records.iter().map(|it| (it.seq, it.record_id.as_str())).collect();
    let given: Vec<(u64, &str)> =
        receipt.records.iter().map(|it| (it.seq, it.record_id.as_str())).collect();
    assert_eq!((examined.lost[0].code, named), ("O202", given));
}

#[test]
fn an_export_has_everything() {
    let mut house = lived_in();
    house.close();
    let mut out = Vec::new();
    doctor::export(&house.folder, &house.options.key, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let count = |kind: &str| text.lines().filter(|it| it.contains(kind)).count();
    let kinds =
        [r#""kind":"record""#, r#""kind":"dead_letter""#, r#""kind":"parked""#, "\"waiting\""];
    assert_eq!(kinds.map(count), [36, 1, 1, 33]);
    assert!(text.contains(r#""raw":"/wA=""#), "bytes as they came: {text}");
}
