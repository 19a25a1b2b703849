//! The power goes, or the process is killed, at any moment of a write; what is left is gone on with.
//!
//! What was written and not synced is treated as a disk may treat it: all of it is gone, or it is torn off
//! somewhere, or its blocks came out of order, so that later ones are there and earlier ones are not.

use tokio_util::sync::CancellationToken;

use super::model::Random;
use super::*;
use crate::outbox::command::Command;
use crate::outbox::store::{Left, Mains, followed};

pub(crate) use crate::outbox::store::Moment;

/// How the agent ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// What was written stays.
    Kill,
    /// What was synced stays.
    PowerCut,
}

impl House {
    /// From now on it is known what a power cut would take.
    pub(crate) fn mind_power(&self) {
        let store = self.outbox().shared.store().unwrap();
        *store.faults.mains.lock().unwrap() = Some(Mains::of(&self.folder));
    }

    /// The end comes with a write from now on, the first or a later one. Whatever is answered after it, nobody
    /// hears.
    pub(crate) fn end_at(&mut self, writes: u64, moment: Moment) {
        let next = self.next_folder();
        self.minded(|it| it.end_at(writes, moment, next));
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.outbox().has_ended()
    }

    /// Goes on with what is left since the end, which comes now if it has not come.
    pub(crate) fn go_on(&mut self, end: End, random: &mut Random) {
        let next = self.next_folder();
        let left = self.minded(|it| it.end_now(&next));
        self.open = None;
        if end == End::PowerCut {
            spoil(&left, random);
        }
        self.folder = left.folder;
        self.start();
        self.mind_power();
    }

    /// Goes on with what a power cut has left that came right after the agent had ended in order.
    fn cut_once_closed(&mut self, random: &mut Random) {
        let next = self.next_folder();
        let store = self.outbox().shared.store().unwrap();
        self.close();
        let left = store.faults.minded(|it| it.end_now(&next)).unwrap();
        drop(store);
        spoil(&left, random);
        self.folder = left.folder;
        self.start();
    }

    /// Closed, and opened anew.
    pub(crate) fn restart(&mut self) {
        self.reopen();
        self.mind_power();
    }

    /// The disk is nearly full: what was delivered goes, wanted or not.
    pub(crate) fn make_room(&self) {
        let outbox = self.outbox();
        outbox.commands.try_send(Command::Reclaim).unwrap();
        self.runtime.block_on(outbox.answers());
    }

    /// Which lanes wait is known from now on.
    pub(crate) fn learn_lanes(&self) {
        self.outbox().learn_lanes(&CancellationToken::new()).unwrap();
    }

    fn next_folder(&mut self) -> PathBuf {
        self.generation += 1;
        self.dir.path().join(self.generation.to_string())
    }

    fn minded<T>(&self, work: impl FnOnce(&mut Mains) -> T) -> T {
        let store = self.outbox().shared.store().unwrap();
        store.faults.minded(work).unwrap()
    }
}

impl Outbox {
    /// The end has come that was asked for.
    pub(crate) fn has_ended(&self) -> bool {
        let store = self.shared.store();
        store.is_ok_and(|it| it.faults.minded(|it| it.has_ended()) == Some(true))
    }
}

fn spoil(left: &Left, random: &mut Random) {
    for (name, now) in followed(&left.folder) {
        let safe = left.safe.get(&name).map_or(&[][..], Vec::as_slice);
        if safe != now {
            fs::write(left.folder.join(name), spoiled(safe, &now, random)).unwrap();
        }
    }
}

/// What a disk may have of a file whose last writes were not synced.
fn spoiled(safe: &[u8], now: &[u8], random: &mut Random) -> Vec<u8> {
    let alike = safe.iter().zip(now).take_while(|(one, other)| one == other).count();
    match random.below(4) {
        0 => safe.to_vec(),
        1 => now.to_vec(),
        2 => {
            let torn = alike + random.up_to(now.len() - alike);
            [&now[..torn], safe.get(torn..).unwrap_or_default()].concat()
        }
        _ => {
            let mut mixed = now.to_vec();
            let from = alike / BLOCK * BLOCK;
            for (place, block) in mixed.chunks_mut(BLOCK).enumerate().skip(from / BLOCK) {
                if random.below(2) == 0 {
                    let begin = place * BLOCK;
                    let old = safe.get(begin..).unwrap_or_default();
                    let old = old.iter().copied().chain(std::iter::repeat(0));
                    for (it, old) in block.iter_mut().zip(old) {
                        *it = old;
                    }
                }
            }
            mixed
        }
    }
}

/// What a disk writes at once.
const BLOCK: usize = 512;

/// Before the sync all or nothing of it is there; after it, all.
#[test]
fn a_power_cut_takes_what_was_not_synced_and_nothing_else() {
    let mut random = Random(7);
    for (moment, at_least) in [(Moment::Before, 1), (Moment::Between, 1), (Moment::After, 3)] {
        let mut seen = Vec::new();
        for _ in 0..10 {
            let mut house = House::new();
            house.mind_power();
            house.append("m1", &["a=1"]).unwrap();
            house.end_at(1, moment);
            house.append("m2", &["b=1", "c=1"]).unwrap();
            assert!(house.has_ended());
            house.go_on(End::PowerCut, &mut random);
            seen.push(house.outbox().last_seq());
        }
        seen.sort_unstable();
        seen.dedup();
        let all = if moment == Moment::Between { vec![1, 3] } else { vec![at_least] };
        assert_eq!(seen, all, "{moment:?}");
    }
}

/// How far delivery has come is not synced: a power cut may take it, a kill does not.
#[test]
fn a_power_cut_may_take_back_the_cursor_and_a_kill_does_not() {
    let mut random = Random(7);
    for (end, expected) in [(End::Kill, vec![2]), (End::PowerCut, vec![1, 2])] {
        let mut seen = Vec::new();
        for _ in 0..8 {
            let mut house = House::new();
            house.mind_power();
            house.append("m1", &["a=1"]).unwrap();
            house.outbox().settle(&[1]).unwrap();
            house.runtime.block_on(house.outbox().answers());
            house.go_on(end, &mut random);
            seen.push(house.outbox().status().cursor);
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, expected, "{end:?}");
    }
}

/// Whoever switches the machine off after the agent has ended takes nothing back.
#[test]
fn an_end_in_order_leaves_the_cursor_on_the_disk() {
    let mut random = Random(7);
    for _ in 0..8 {
        let mut house = House::new();
        house.mind_power();
        house.append("m1", &["a=1", "b=1"]).unwrap();
        house.outbox().settle(&[1]).unwrap();
        house.runtime.block_on(house.outbox().answers());
        house.cut_once_closed(&mut random);
        assert_eq!(house.outbox().status().cursor, 2);
    }
}
