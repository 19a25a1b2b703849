//! What an implementer gets wrong is found before a patient's record is: some hundreds of kinds of
//! mistake are made in the shipped mappings, one at a time, and each is refused at load, or contradicted
//! by the cases that lie beside the mapping, or survives and is listed.
//!
//! A kind is an operator and what it is applied to. Where a mistake changes what a value is (a step, a
//! pattern, a constant), it is applied to a format of element: text, code, number, date, date and time.
//! Where it changes where a value comes from (a path), it is applied to what the path is for: an
//! element that is required or not, the key, the lane, `each`, `when`. Where it is a slip of the pen, to
//! the word that it hits: this step, that key of the file. Two misspelt names of the same sort of
//! element are one kind, and the same slip in two vendors' mappings is one kind.
//!
//! Every kind is tried in at most [`PLACES`] places, of different vendors where they have it. Nothing is
//! random: the places are chosen by the name of the kind. `-- --nocapture` prints the table.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

use std::collections::BTreeMap;

mod code_maps;
mod constants;
mod dates;
mod desk;
mod header;
mod names;
mod paths;
mod punctuation;
mod records;
mod steps;
mod workshop;

use desk::{Desk, Fate};
use workshop::{Mutant, Workshop};

/// A room of operators, and its name.
type Family = (&'static str, fn(&mut Workshop<'_>));

const FAMILIES: [Family; 9] = [
    ("names", names::make),
    ("steps", steps::make),
    ("dates", dates::make),
    ("constants", constants::make),
    ("paths", paths::make),
    ("punctuation", punctuation::make),
    ("code maps", code_maps::make),
    ("records", records::make),
    ("header", header::make),
];

/// What is promised is 70; the floor stands just below what is reached, so that a check that the
/// compiler loses turns the test red.
const REFUSED_PERCENT_MIN: usize = 77;

/// Refused at load or caught by a case. What is promised is 95; the floor stands just below as well.
const CAUGHT_PERCENT_MIN: usize = 96;

/// In how many places a kind is tried at most.
const PLACES: usize = 3;

#[test]
fn mistakes_are_found_before_they_run() {
    let desk = Desk::new();
    let mutants = chosen(everything(&desk));
    let fates = desk.judge(&mutants);
    let mut kinds: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for (mutant, fate) in mutants.iter().zip(&fates) {
        kinds.entry(&mutant.kind).or_default()[*fate as usize] += 1;
    }
    let count = |fate: Fate| fates.iter().filter(|it| **it == fate).count();
    let refused = count(Fate::Refused);
    let caught = refused + count(Fate::Caught);
    tell(&mutants, &fates, &kinds);
    println!(
        "{} kinds, {} mistakes: {refused} refused at load, {caught} in all",
        kinds.len(),
        mutants.len()
    );
    assert!(kinds.len() >= 200, "{} kinds are too few", kinds.len());
    assert!(
        refused * 100 >= mutants.len() * REFUSED_PERCENT_MIN,
        "{refused} of {} refused at load",
        mutants.len()
    );
    assert!(
        caught * 100 >= mutants.len() * CAUGHT_PERCENT_MIN,
        "{caught} of {} caught",
        mutants.len()
    );
}

/// Every mistake that can be made anywhere.
fn everything(desk: &Desk) -> Vec<Mutant> {
    let mut workshop = Workshop::new(desk);
    for (family, make) in FAMILIES {
        workshop.family = family;
        make(&mut workshop);
    }
    workshop.mutants
}

/// A few places of every kind, of as many vendors as there are.
fn chosen(all: Vec<Mutant>) -> Vec<Mutant> {
    let mut by_kind: BTreeMap<String, BTreeMap<String, Vec<Mutant>>> = BTreeMap::new();
    for mutant in all {
        let kind = by_kind.entry(mutant.kind.clone()).or_default();
        kind.entry(mutant.vendor().to_owned()).or_default().push(mutant);
    }
    let few = |(kind, vendors): (String, BTreeMap<String, Vec<Mutant>>)| {
        let seed = kind.bytes().fold(7usize, |sum, it| sum.wrapping_mul(31) + usize::from(it));
        let count = vendors.len();
        let mut turned: Vec<Vec<Mutant>> = vendors.into_values().collect();
        turned.rotate_left(seed % count);
        turned
            .into_iter()
            .take(PLACES)
            .map(move |mut places| places.swap_remove(seed / 7 % places.len()))
    };
    by_kind.into_iter().flat_map(few).collect()
}

fn tell(mutants: &[Mutant], fates: &[Fate], kinds: &BTreeMap<&str, [usize; 3]>) {
    println!("refused caught survived  kind");
    for (kind, [refused, caught, survived]) in kinds {
        println!("{refused:7} {caught:6} {survived:8}  {kind}");
    }
    println!("\nrefused caught survived  family");
    for (family, _) in FAMILIES {
        let of = |fate: Fate| {
            let pairs = mutants.iter().zip(fates);
            pairs.filter(|(it, found)| it.family == family && **found == fate).count()
        };
        let [refused, caught, survived] = [Fate::Refused, Fate::Caught, Fate::Survived].map(of);
        println!("{refused:7} {caught:6} {survived:8}  {family}");
    }
    println!("\nwhat survived:");
    for (mutant, _) in mutants.iter().zip(fates).filter(|(_, fate)| **fate == Fate::Survived) {
        println!("  {}  {}: {}", mutant.kind, mutant.place, mutant.written);
    }
}
