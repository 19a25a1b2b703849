//! The last number of each lane, or one that is higher, in memory of fixed size.
//!
//! A lane's hash leads to a set of eight places. Seven are lanes' own: 16 bits that tell the lane, 48
//! that are its number. The last is shared by all lanes that found none of the seven free. Lanes that
//! are taken for one another, or share, wait for each other, which costs time and never order.

use sha2::{Digest as _, Sha256};

/// Lanes and numbers.
#[derive(Debug)]
pub(super) struct Table {
    sets: usize,
    /// Memory is taken as it is used: an agent in which nothing waits has none of it, whatever the
    /// allocator does with memory that is asked for zeroed.
    pages: Vec<Option<Page>>,
}

/// Seven places of lanes and the shared one: a cache line.
type Set = [u64; 8];
/// Sets that are taken together: as much as the kernel gives at least.
type Page = Box<[Set; SETS_OF_PAGE]>;

impl Table {
    /// With so many sets of places.
    pub(super) fn new(sets: usize) -> Table {
        Table { sets, pages: (0..sets.div_ceil(SETS_OF_PAGE)).map(|_| None).collect() }
    }

    /// How many sets it has.
    pub(super) const fn sets(&self) -> u64 {
        self.sets as u64
    }

    /// Notes a record; gives the numbers that were in its lane's own place and in the shared one. A place
    /// with a number below the cursor is free.
    pub(super) fn note(&mut self, lane: u64, seq: u64, cursor: u64) -> [u64; 2] {
        let Some([own @ .., shared]) = self.set_mut(lane) else { return [u64::MAX; 2] };
        let before = *shared;
        if let Some(place) = own.iter_mut().find(|it| is_of(**it, lane)) {
            let elder = number(*place);
            *place = filled(lane, seq.max(elder));
            return [elder, before];
        }
        match own.iter_mut().find(|it| number(**it) < cursor) {
            Some(place) => *place = filled(lane, seq),
            None => *shared = seq.max(before),
        }
        [0, before]
    }

    /// The last number of a lane, or a higher one; 0 if it has none.
    pub(super) fn last_of(&self, lane: u64) -> u64 {
        let [own @ .., shared] = self.set(lane).copied().unwrap_or_default();
        let own = own.into_iter().find(|it| is_of(*it, lane)).map(number);
        own.unwrap_or_default().max(shared)
    }

    /// All numbers from the cursor on, each with what leads [`put`](Table::put) to its place.
    pub(super) fn entries(&self, cursor: u64) -> impl Iterator<Item = (u64, u64)> {
        let of_set = |(index, set): (u64, &Set)| {
            let [own @ .., shared] = *set;
            let own = own.map(|it| (index << MARK_BITS | it & MARK, number(it)));
            own.into_iter().chain([(SHARED | index << MARK_BITS, shared)])
        };
        let first_sets = (0..).step_by(SETS_OF_PAGE);
        let pages = first_sets.zip(&self.pages).filter_map(|(at, it)| Some((at, it.as_deref()?)));
        let sets = pages.flat_map(|(at, page)| (at..).zip(page));
        sets.flat_map(of_set).filter(move |(_, number)| *number >= cursor)
    }

    /// Takes in an entry of a table with as many sets.
    pub(super) fn put(&mut self, (lane, seq): (u64, u64)) {
        if lane & SHARED == 0 {
            self.note(lane, seq, 1);
            return;
        }
        if let Some([.., shared]) = self.set_mut(lane) {
            *shared = seq.max(*shared);
        }
    }

    fn set(&self, lane: u64) -> Option<&Set> {
        let at = self.at(lane);
        self.pages.get(at / SETS_OF_PAGE)?.as_deref()?.get(at % SETS_OF_PAGE)
    }

    /// Where something is going to be noted.
    fn set_mut(&mut self, lane: u64) -> Option<&mut Set> {
        let at = self.at(lane);
        let page = self.pages.get_mut(at / SETS_OF_PAGE)?;
        let page = page.get_or_insert_with(|| Box::new([[0; 8]; SETS_OF_PAGE]));
        page.get_mut(at % SETS_OF_PAGE)
    }

    fn at(&self, lane: u64) -> usize {
        let sets = self.sets().max(1);
        usize::try_from(((lane & !SHARED) >> MARK_BITS) % sets).unwrap_or_default()
    }
}

/// What leads to a lane's place. It is saved, so it must be the same in every release.
pub(in super::super) fn hash(lane: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(lane).into();
    let begin = digest.first_chunk().expect("a SHA-256 has 32 bytes");
    u64::from_be_bytes(*begin) & !SHARED
}

const fn is_of(place: u64, lane: u64) -> bool {
    place & MARK == lane & MARK
}

const fn number(place: u64) -> u64 {
    place >> MARK_BITS
}

const fn filled(lane: u64, seq: u64) -> u64 {
    seq << MARK_BITS | lane & MARK
}

/// Leaves 48 bits for a number: nine hundred years at ten thousand a second.
const MARK_BITS: u32 = 16;
const MARK: u64 = (1 << MARK_BITS) - 1;
const SETS_OF_PAGE: usize = 64;
/// Leads to the place that lanes share.
const SHARED: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_known_by_its_last_number() {
        check(64, "A1 B2 A3", 1, "A3 B2 C0");
        check(64, "A7 A3", 1, "A7");
    }

    /// Eight lanes for seven places: the last one shares, and all wait for it.
    #[test]
    fn a_lane_without_a_place_of_its_own_is_waited_for_by_all() {
        check(1, "A1 B2 C3 D4 E5 F6 G7", 1, "A1 G7 H0");
        check(1, "A1 B2 C3 D4 E5 F6 G7 H8", 1, "A8 G8 H8 I8");
        check(1, "A1 B2 C3 D4 E5 F6 G7 H8 A9", 1, "A9 B8 H8");
    }

    #[test]
    fn what_was_delivered_makes_room() {
        check(1, "A1 B2 C3 D4 E5 F6 G7 H8", 2, "A0 B2 H8 I0");
        check(1, "A1 B2 C3 D4 E5 F6 G7 H8", 9, "H8 G0 I0");
    }

    /// However many lanes there are: what is told is never below the truth, before and after saving.
    #[test]
    fn lanes_wait_too_long_and_never_too_short() {
        let mut table = Table::new(1 << 12);
        let last = |lane: u64| 100_000 + lane;
        for seq in 1..150_000 {
            table.note(hash(&(seq % 50_000).to_string()), seq, 1);
        }
        let mut again = Table::new(1 << 12);
        table.entries(1).for_each(|it| again.put(it));
        let mut late = 0;
        for lane in 0..50_000 {
            let told = again.last_of(hash(&lane.to_string()));
            assert_eq!(told, table.last_of(hash(&lane.to_string())), "lane {lane}");
            assert!(told >= last(lane) || lane == 0, "lane {lane}: {told}");
            late += u32::from(told > last(lane));
        }
        assert!(late > 40_000, "{late}: this table was to be too small");
    }

    /// A quarter of a million lanes in the table of the agent.
    #[test]
    fn a_lane_that_did_not_come_waits_for_hardly_anybody() {
        let mut table = Table::new(1 << 17);
        for seq in 1..=250_000 {
            table.note(hash(&format!("MZ{seq}")), seq, 1);
        }
        let late = (0..100_000_u32).filter(|it| table.last_of(hash(&format!("ZY{it}"))) > 0);
        let late = late.count();
        assert!(late < 500, "{late} of 100000 wait");
    }

    #[test]
    fn memory_is_taken_as_it_is_used() {
        let mut table = Table::new(1 << 17);
        let taken = |it: &Table| it.pages.iter().flatten().count();
        assert_eq!((table.last_of(hash("A")), table.entries(0).count(), taken(&table)), (0, 0, 0));
        table.note(hash("A"), 7, 1);
        table.note(hash("A"), 8, 1);
        assert_eq!((taken(&table), table.pages.len()), (1, 2_048));
        // The last set of a table that does not fill its last page.
        let mut table = Table::new(65);
        table.put((64 << MARK_BITS, 3));
        assert_eq!((table.last_of(64 << MARK_BITS), taken(&table)), (3, 1));
    }

    #[track_caller]
    fn check(sets: usize, noted: &str, cursor: u64, expected: &str) {
        let mut table = Table::new(sets);
        let part = |it: &str| (hash(&it[..1]), it[1..].parse::<u64>().expect("a number"));
        for (lane, seq) in noted.split(' ').map(part) {
            table.note(lane, seq, cursor.min(seq));
        }
        let lanes = expected.split(' ').map(|it| &it[..1]);
        let told = lanes.map(|it| format!("{it}{}", table.last_of(hash(it))));
        assert_eq!(told.collect::<Vec<_>>().join(" "), expected, "{noted}");
    }
}
