//! Who has a line at a door, and which one goes when the door is full.
//!
//! Many senders open a line for each message and close none: whoever comes must be heard all the same.
//! While the door is full, a line that says nothing makes room, the longest silent one of the address that
//! holds most, and nobody makes room for one who holds more. Whose message is in hand stays.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What a line is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Between two frames.
    Silent,
    /// Its hands are being shaken, a frame is coming, or an answer is being written.
    Moving,
    /// A message is in hand.
    Answering,
    /// It has made room.
    Gone,
}

/// A sender's line.
#[derive(Debug)]
pub(super) struct Line {
    address: Option<IpAddr>,
    doing: Mutex<(Doing, Instant)>,
    /// Ends it.
    pub(super) cut: CancellationToken,
}

/// Everybody at one door.
#[derive(Debug)]
pub(super) struct Lines {
    most: usize,
    inside: Mutex<Inside>,
}

/// By number.
#[derive(Debug, Default)]
struct Inside {
    next: u64,
    lines: BTreeMap<u64, Arc<Line>>,
}

/// A place at the door, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    lines: Arc<Lines>,
    number: u64,
    /// Whether somebody had to go for it.
    pub(super) is_made: bool,
}

impl Line {
    pub(super) fn new(address: Option<IpAddr>) -> Arc<Line> {
        let doing = Mutex::new((Doing::Moving, Instant::now()));
        Arc::new(Line { address, doing, cut: CancellationToken::new() })
    }

    /// Notes what it is at now; false when it has to go.
    pub(super) fn turns_to(&self, doing: Doing) -> bool {
        let mut now = self.locked();
        if now.0 != doing && now.0 != Doing::Gone {
            *now = (doing, Instant::now());
        }
        now.0 != Doing::Gone
    }

    /// The same line goes on to something else of the same kind.
    pub(super) fn begins(&self, doing: Doing) -> bool {
        let mut now = self.locked();
        if now.0 != Doing::Gone {
            *now = (doing, Instant::now());
        }
        now.0 != Doing::Gone
    }

    fn look(&self) -> (Doing, Instant) {
        *self.locked()
    }

    /// Takes its place away; false when a message of it is in hand by now.
    fn goes(&self) -> bool {
        let mut now = self.locked();
        if now.0 == Doing::Answering {
            return false;
        }
        now.0 = Doing::Gone;
        self.cut.cancel();
        true
    }

    fn locked(&self) -> MutexGuard<'_, (Doing, Instant)> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    pub(super) fn new(most: usize) -> Arc<Lines> {
        Arc::new(Lines { most, inside: Mutex::default() })
    }

    /// A place for one more, or nothing when nobody goes for it now.
    pub(super) fn admit(self: &Arc<Lines>, line: &Arc<Line>) -> Option<Place> {
        let mut inside = self.locked();
        let is_full = inside.lines.len() >= self.most;
        if is_full {
            let number = inside.dispensable(line.address)?;
            if !inside.lines.get(&number)?.goes() {
                return None;
            }
            inside.lines.remove(&number);
        }
        inside.next += 1;
        let number = inside.next;
        // Its time runs from its place on, not from when it came to wait.
        line.begins(Doing::Moving);
        inside.lines.insert(number, Arc::clone(line));
        Some(Place { lines: Arc::clone(self), number, is_made: is_full })
    }

    fn locked(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Who goes, so that one from this address can come.
    fn dispensable(&self, comes: Option<IpAddr>) -> Option<u64> {
        let mut by_address: HashMap<Option<IpAddr>, usize> = HashMap::new();
        for line in self.lines.values() {
            *by_address.entry(line.address).or_default() += 1;
        }
        let held = |it: Option<IpAddr>| by_address.get(&it).copied().unwrap_or(0);
        let own = held(comes);
        let longest = |doing: Doing, for_at_least: Duration, than: usize| {
            let all = self.lines.iter().map(|(number, it)| (number, it.address, it.look()));
            all.filter(|(_, from, it)| {
                it.0 == doing && it.1.elapsed() >= for_at_least && held(*from) >= than
            })
            .min_by_key(|(_, from, it)| (std::cmp::Reverse(held(*from)), it.1))
            .map(|(number, ..)| *number)
        };
        // Nobody gains by opening more: who holds most cannot cut the frames of its like.
        longest(Doing::Silent, SILENT, own).or_else(|| longest(Doing::Moving, SLOW, own + 2))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lines.locked().lines.remove(&self.number);
    }
}

/// The next frame of a line that has just been answered may be under way.
const SILENT: Duration = Duration::from_millis(250);
/// A frame that has been coming for longer may be one of those that never end.
const SLOW: Duration = Duration::from_secs(2);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What those inside are at by address, who comes, and who then goes.
    #[test]
    fn who_says_nothing_makes_room() {
        use Doing::{Answering, Moving, Silent};
        check(&[(1, Silent), (1, Silent)], 1, Some(0));
        check(&[(2, Silent), (1, Silent), (1, Silent)], 3, Some(1));
        check(&[(2, Silent), (1, Answering), (1, Answering)], 3, Some(0));
        // Nobody makes room for one who holds more.
        check(&[(2, Silent), (1, Answering), (1, Answering)], 1, None);
        check(&[(1, Moving), (1, Moving), (2, Answering)], 3, Some(0));
        check(&[(1, Moving), (1, Moving), (2, Answering)], 2, None);
        check(&[(1, Moving), (1, Moving)], 1, None);
        check(&[(1, Answering), (1, Answering)], 3, None);
    }

    #[test]
    fn who_has_just_spoken_stays() {
        clock().block_on(async {
            let lines = Lines::new(1);
            let first = Line::new(at(1));
            let _place = lines.admit(&first).unwrap();
            assert!(first.turns_to(Doing::Silent));
            assert!(lines.admit(&Line::new(at(2))).is_none());
            tokio::time::advance(SILENT).await;
            // Whose message is in hand by now is not cut; who was cut cannot begin another.
            assert!(first.turns_to(Doing::Answering));
            assert!(lines.admit(&Line::new(at(2))).is_none());
            assert!(first.turns_to(Doing::Silent));
            tokio::time::advance(SILENT).await;
            let second = lines.admit(&Line::new(at(2))).unwrap();
            assert!(
                second.is_made && first.cut.is_cancelled() && !first.turns_to(Doing::Answering)
            );
        });
    }

    #[track_caller]
    fn check(inside: &[(u8, Doing)], comes: u8, goes: Option<usize>) {
        clock().block_on(async {
            let door = Lines::new(inside.len());
            let lines: Vec<_> = inside.iter().map(|it| Line::new(at(it.0))).collect();
            let _places: Vec<_> = lines.iter().map(|it| door.admit(it).unwrap()).collect();
            for (line, (_, doing)) in lines.iter().zip(inside) {
                tokio::time::advance(Duration::from_millis(5)).await;
                line.turns_to(*doing);
            }
            tokio::time::advance(SLOW + SLOW).await;
            let admitted = door.admit(&Line::new(at(comes)));
            let gone = lines.iter().position(|it| it.cut.is_cancelled());
            assert_eq!((admitted.is_some(), gone), (goes.is_some(), goes), "{inside:?}");
        });
    }

    fn clock() -> tokio::runtime::Runtime {
        let mut clock = tokio::runtime::Builder::new_current_thread();
        clock.enable_time().start_paused(true).build().unwrap()
    }

    #[allow(clippy::unnecessary_wraps, reason = "whoever came by a socket file has no address")]
    fn at(last: u8) -> Option<IpAddr> {
        Some([10, 0, 0, last].into())
    }
}
