//! Who is at a door, and who has to go when it is full.
//!
//! A flood must not keep others out: while the door is full, whoever waits for nothing makes room, first
//! those who never asked anything, from the address that holds most. Nobody makes room for one who holds
//! more. Who is being answered stays, unless it trickles: a body that does not end, an answer that is not
//! taken, of the address that holds most.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::pulse::Phase;
use crate::callers::Seat;

/// Everybody at one door.
#[derive(Debug)]
pub(super) struct Crowd {
    most: usize,
    inside: Mutex<Inside>,
}

/// By number, and so the oldest first.
#[derive(Debug, Default)]
struct Inside {
    next: u64,
    seats: BTreeMap<u64, Arc<Seat>>,
    by_address: HashMap<Option<IpAddr>, usize>,
}

/// A place at the door, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    number: u64,
}

impl Crowd {
    pub(super) fn new(most: usize) -> Crowd {
        Crowd { most, inside: Mutex::default() }
    }

    /// A place for one more, or nothing when nobody inside can be sent away for it.
    pub(super) fn admit(self: &Arc<Crowd>, seat: &Arc<Seat>) -> Option<Place> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.seats.len() >= self.most {
            let goes = inside.dispensable(seat.address())?;
            if let Some(gone) = inside.remove(goes) {
                gone.cut.cancel();
            }
            metrics::counter!("his_agent_connections_total", "outcome" => "sent_away").increment(1);
        }
        let number = inside.insert(Arc::clone(seat));
        Some(Place { crowd: Arc::clone(self), number })
    }
}

impl Inside {
    fn insert(&mut self, seat: Arc<Seat>) -> u64 {
        let number = self.next;
        self.next += 1;
        *self.by_address.entry(seat.address()).or_default() += 1;
        self.seats.insert(number, seat);
        number
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Seat>> {
        let seat = self.seats.remove(&number)?;
        let address = seat.address();
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
        Some(seat)
    }

    /// Who goes, so that one from this address can come.
    fn dispensable(&self, comes: Option<IpAddr>) -> Option<u64> {
        let (crowding, count) = self.by_address.iter().max_by_key(|(_, count)| **count)?;
        let own = self.by_address.get(&comes).copied().unwrap_or(0);
        let theirs = |it: &Seat| it.address() == *crowding;
        // Who crowds the door sends away only its like.
        let holds_less = |it: &Seat| self.by_address.get(&it.address()).is_some_and(|it| *it < own);
        let is_stranger = |it: &Seat| it.pulse.phase().is_stranger() && !holds_less(it);
        let waits =
            |it: &Seat| matches!(it.pulse.phase(), Phase::Idle | Phase::Head) && !holds_less(it);
        let is_slow = |it: &Seat| {
            let (phase, since) = it.pulse.look();
            let behind = it.pulse.behind_since();
            phase == Phase::Body && since.elapsed() > SLOW
                || behind.is_some_and(|it| it.elapsed() > SLOW)
        };
        self.first(|it| theirs(it) && is_stranger(it))
            .or_else(|| self.longest(|it| theirs(it) && waits(it)))
            .or_else(|| self.first(is_stranger))
            .or_else(|| self.longest(waits))
            .or_else(|| {
                let takes_turns = *count > own + 1;
                takes_turns.then(|| self.longest(|it| theirs(it) && is_slow(it)))?
            })
    }

    fn first(&self, is_it: impl Fn(&Seat) -> bool) -> Option<u64> {
        self.seats.iter().find(|(_, it)| is_it(it)).map(|(number, _)| *number)
    }

    fn longest(&self, is_it: impl Fn(&Seat) -> bool) -> Option<u64> {
        let found = self.seats.iter().filter(|(_, it)| is_it(it));
        found.min_by_key(|(_, it)| it.pulse.look().1).map(|(number, _)| *number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.crowd.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.remove(self.number);
    }
}

/// A body that has been coming for longer, or an answer that is not taken, may be one of those that never end.
const SLOW: Duration = Duration::from_secs(2);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::pulse::Pulse;
    use super::*;

    /// Phases by address of those inside, who comes, and who then goes.
    #[test]
    fn who_waits_for_nothing_makes_room() {
        use Phase::{Answering, Body, First, Head, Idle, Leaving, New};
        check(&[(1, New), (2, New)], 1, 3, None);
        check(&[(1, Answering), (2, Answering)], 3, 2, Some("nobody"));
        check(&[(1, Leaving), (1, Leaving)], 3, 2, Some("nobody"));
        check(&[(1, Answering), (1, New), (1, First)], 2, 3, Some("1"));
        check(&[(1, Idle), (1, New), (2, New)], 3, 3, Some("1"));
        check(&[(1, Idle), (1, Head), (2, New)], 3, 3, Some("0"));
        check(&[(1, Answering), (1, Answering), (2, New)], 3, 3, Some("2"));
        check(&[(1, Answering), (1, Answering), (2, Idle)], 3, 3, Some("2"));
        check(&[(1, Body), (1, Body), (2, Answering)], 3, 3, Some("0"));
        // Nobody gains by opening more: who crowds cannot cut the bodies of its like.
        check(&[(1, Body), (1, Body), (2, Answering)], 1, 3, Some("nobody"));
        // Nor those who wait of somebody who holds less.
        check(&[(1, Answering), (1, Answering), (2, Idle)], 1, 3, Some("nobody"));
        check(&[(1, Answering), (1, Answering), (2, New)], 1, 3, Some("nobody"));
        check(&[(1, Answering), (1, Idle), (2, Idle)], 1, 3, Some("1"));
        check(&[(1, Answering), (2, Idle)], 1, 2, Some("1"));
    }

    #[test]
    fn who_takes_nothing_of_its_answer_makes_room() {
        use Phase::{Answering, Idle, Leaving};
        check_behind(&[(1, Leaving), (1, Answering), (2, Leaving)], 3, Some("0"));
        check_behind(&[(1, Leaving), (1, Answering), (2, Leaving)], 1, Some("nobody"));
        check_behind(&[(1, Leaving), (1, Answering), (2, Idle)], 3, Some("2"));
    }

    #[track_caller]
    fn check_behind(inside: &[(u8, Phase)], comes: u8, goes: Option<&str>) {
        check_with(inside, comes, inside.len(), goes, Pulse::falls_behind);
    }

    #[track_caller]
    fn check(inside: &[(u8, Phase)], comes: u8, most: usize, goes: Option<&str>) {
        check_with(inside, comes, most, goes, |_| ());
    }

    #[track_caller]
    fn check_with(
        inside: &[(u8, Phase)],
        comes: u8,
        most: usize,
        goes: Option<&str>,
        also: fn(&Pulse),
    ) {
        let clock = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        clock.block_on(async {
            let crowd = Arc::new(Crowd::new(most));
            let seat =
                |at: u8| Arc::new(Seat::new(Some(format!("10.0.0.{at}:9").parse().unwrap())));
            let seats: Vec<_> = inside.iter().map(|it| seat(it.0)).collect();
            let _places: Vec<_> = seats.iter().map(|it| crowd.admit(it).unwrap()).collect();
            for (seat, (_, phase)) in seats.iter().zip(inside) {
                tokio::time::advance(Duration::from_millis(5)).await;
                seat.pulse.enter(*phase);
                also(&seat.pulse);
            }
            tokio::time::advance(SLOW + SLOW).await;
            let admitted = crowd.admit(&seat(comes));
            let gone = seats.iter().position(|it| it.cut.is_cancelled());
            let told = match (&admitted, gone) {
                (None, _) => Some("nobody".to_owned()),
                (Some(_), gone) => gone.map(|it| it.to_string()),
            };
            assert_eq!(told.as_deref(), goes, "{inside:?}");
            drop(admitted);
        });
    }
}
