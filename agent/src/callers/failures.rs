//! Wrong tokens, by the address that shows them. Who shows too many is not listened to for a while: a
//! guess made meanwhile is not even looked at, so that guessing gets nowhere, however fast.
//!
//! A hospital's callers often share an address, and one of them with an old token in a loop must not keep
//! the others out: what was let in from an address before, is let in also while it is locked, and so is a
//! token that was made by a command, which nobody guesses.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Who has shown what, in bounded memory.
#[derive(Debug)]
pub(super) struct Failures {
    most: u32,
    lock: Duration,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    by_address: HashMap<Option<IpAddr>, Shower>,
    let_in: HashSet<(Option<IpAddr>, [u8; 32])>,
}

/// One that shows wrong tokens.
#[derive(Debug)]
struct Shower {
    since: Instant,
    count: u32,
    locked_until: Option<Instant>,
}

impl Failures {
    pub(super) fn new(most: u32, lock: Duration) -> Failures {
        Failures { most, lock, inside: Mutex::default() }
    }

    /// For how long this address is not listened to, unless it was let in with this before.
    pub(super) fn locked(&self, address: Option<IpAddr>, hash: &[u8; 32]) -> Option<Duration> {
        let inside = self.inside();
        let until = inside.by_address.get(&address)?.locked_until?;
        let left = until.checked_duration_since(Instant::now())?;
        (!inside.let_in.contains(&(address, *hash))).then_some(left)
    }

    pub(super) fn let_in(&self, address: Option<IpAddr>, hash: &[u8; 32]) {
        let mut inside = self.inside();
        let known = (address, *hash);
        if inside.let_in.len() < KNOWN_MAX && !inside.let_in.contains(&known) {
            inside.let_in.insert(known);
        }
    }

    /// One more wrong token from there.
    pub(super) fn count(&self, address: Option<IpAddr>) {
        let now = Instant::now();
        let mut inside = self.inside();
        inside.make_room(address);
        let fresh = Shower { since: now, count: 0, locked_until: None };
        let shower = inside.by_address.entry(address).or_insert(fresh);
        if shower.is_over(now, self.lock) {
            *shower = Shower { since: now, count: 0, locked_until: None };
        }
        shower.count += 1;
        let (count, is_locked) = (shower.count, shower.count >= self.most);
        shower.locked_until = is_locked.then(|| now + self.lock);
        drop(inside);
        if is_locked {
            tracing::warn!(
                code = "I225",
                ?address,
                count,
                "too many wrong tokens: not listened to"
            );
        } else if count == 1 {
            tracing::warn!(code = "I222", ?address, "a wrong token was shown");
        }
    }

    /// Who is not listened to now, as a sentence.
    pub(super) fn standing(&self) -> Option<String> {
        let now = Instant::now();
        let inside = self.inside();
        let is_locked = |it: &Shower| it.locked_until.is_some_and(|until| until > now);
        let locked = inside.by_address.iter().filter(|(_, it)| is_locked(it));
        let mut told: Vec<String> = locked
            .map(|(address, _)| address.map_or_else(|| "-".to_owned(), |it| it.to_string()))
            .collect();
        let count = told.len();
        told.sort_unstable();
        told.truncate(TOLD_MAX);
        let message = format!(
            "{count} 个地址反复出示错误的令牌，暂时不理：{}；his-agent calls list --code I222",
            told.join("、")
        );
        (count > 0).then_some(message)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// The one that has been there longest goes: a flood from everywhere takes no more memory.
    fn make_room(&mut self, comes: Option<IpAddr>) {
        if self.by_address.len() < ADDRESSES_MAX || self.by_address.contains_key(&comes) {
            return;
        }
        let oldest = self.by_address.iter().min_by_key(|(_, it)| it.since);
        if let Some(oldest) = oldest.map(|(address, _)| *address) {
            self.by_address.remove(&oldest);
        }
    }
}

impl Shower {
    /// Whether what it did is forgotten by now.
    fn is_over(&self, now: Instant, lock: Duration) -> bool {
        match self.locked_until {
            Some(until) => now >= until,
            None => now.duration_since(self.since) >= lock,
        }
    }
}

const ADDRESSES_MAX: usize = 4_096;
const KNOWN_MAX: usize = 4_096;
const TOLD_MAX: usize = 3;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const GOOD: [u8; 32] = [1; 32];
    const GUESS: [u8; 32] = [2; 32];

    #[test]
    fn who_shows_too_many_is_not_listened_to_for_a_while() {
        let failures = Failures::new(3, Duration::from_secs(3));
        let (bad, other) = (Some("10.0.0.9".parse().unwrap()), Some("10.0.0.8".parse().unwrap()));
        failures.let_in(bad, &GOOD);
        for count in 1..=3 {
            assert_eq!(failures.locked(bad, &GUESS), None, "{count}");
            failures.count(bad);
        }
        assert!(failures.locked(bad, &GUESS).unwrap() <= Duration::from_secs(3));
        assert_eq!(failures.locked(bad, &GOOD), None, "it was let in before");
        assert!(failures.locked(bad, &[3; 32]).is_some(), "a token it never had");
        assert_eq!(failures.locked(other, &GUESS), None, "another address");
        assert!(failures.standing().unwrap().contains("1 个地址"), "{:?}", failures.standing());
        std::thread::sleep(Duration::from_millis(3_100));
        assert_eq!((failures.locked(bad, &GUESS), failures.standing()), (None, None));
        // It begins anew, not at the last count.
        failures.count(bad);
        assert_eq!(failures.locked(bad, &GUESS), None);
    }

    #[test]
    fn a_flood_from_everywhere_takes_no_more_memory() {
        let failures = Failures::new(3, Duration::from_mins(5));
        for number in 0..20_000_u32 {
            failures.count(Some(IpAddr::V4(number.into())));
            failures.let_in(Some(IpAddr::V4(number.into())), &GOOD);
        }
        let inside = failures.inside();
        assert_eq!((inside.by_address.len(), inside.let_in.len()), (ADDRESSES_MAX, KNOWN_MAX));
    }
}
