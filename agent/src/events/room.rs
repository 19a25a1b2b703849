//! Room for listeners. Half of it is shared out among the callers that may listen, so that one that opens
//! more and more connections keeps none of the others out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Room at the door.
#[derive(Debug)]
pub(super) struct Room {
    most: usize,
    /// What each caller has to itself.
    own: usize,
    /// What is nobody's, and goes to whoever comes first.
    common: usize,
    taken: Mutex<BTreeMap<String, usize>>,
}

/// A place in it, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Admission {
    room: Arc<Room>,
    caller: String,
}

impl Room {
    pub(super) fn new(most: usize, callers: usize) -> Room {
        let own = most / 2 / callers.max(1);
        let common = most - own * callers.max(1);
        Room { most, own, common, taken: Mutex::default() }
    }

    /// A place for one more of this caller's, or nothing when there is none for it.
    pub(super) fn admit(self: &Arc<Room>, caller: &str) -> Option<Admission> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let has = taken.get(caller).copied().unwrap_or(0);
        let beyond: usize = taken.values().map(|it| it.saturating_sub(self.own)).sum();
        let is_full = taken.values().sum::<usize>() >= self.most;
        if is_full || (has >= self.own && beyond >= self.common) {
            return None;
        }
        taken.insert(caller.to_owned(), has + 1);
        Some(Admission { room: Arc::clone(self), caller: caller.to_owned() })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut taken = self.room.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who comes, and who of them is let in.
    #[test]
    fn nobody_takes_the_share_of_another() {
        check((4, 2), "aaaab", "aaa-b");
        check((4, 2), "aaabb", "aaab-");
        check((4, 1), "aaaaa", "aaaa-");
        check((4, 0), "aaaaa", "aaaa-");
        check((3, 9), "aabbc", "aab--");
        check((1, 2), "ab", "a-");
    }

    #[test]
    fn a_place_is_free_again() {
        let room = Arc::new(Room::new(1, 1));
        let first = room.admit("a");
        assert!(first.is_some() && room.admit("a").is_none());
        drop(first);
        assert!(room.admit("a").is_some());
    }

    #[track_caller]
    fn check((most, callers): (usize, usize), come: &str, expected: &str) {
        let room = Arc::new(Room::new(most, callers));
        let mut inside = Vec::new();
        let told = come.chars().map(|it| {
            let admitted = room.admit(&it.to_string());
            let mark = if admitted.is_some() { it } else { '-' };
            inside.push(admitted);
            mark
        });
        assert_eq!(told.collect::<String>(), expected);
    }
}
