//! How long to wait before the next try: longer after each failure, never longer than a bound,
//! and never the same for two agents.
//!
//! When a broker comes back, every hospital's agent wants it at the same moment. Half of each
//! delay is therefore left to chance.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Delays that double from `first` to `longest`, each shortened by up to a half at random.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    chance: u64,
}

impl Backoff {
    /// Starts at `first`; no delay is ever above `longest`.
    pub fn new(first: Duration, longest: Duration) -> Backoff {
        // The standard library's hash keys are the randomness at hand; this needs no more.
        Backoff::by_chance(first, longest, RandomState::new().build_hasher().finish())
    }

    /// The same with a given chance: a run that is to be repeated.
    pub(crate) fn by_chance(first: Duration, longest: Duration, chance: u64) -> Backoff {
        Backoff { first, longest, failures: 0, chance: chance | 1 }
    }

    /// The delay after one more failure.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.undisturbed(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.disturbed(delay)
    }

    /// Something between half the delay and the whole of it.
    pub fn disturbed(&mut self, delay: Duration) -> Duration {
        let half = delay / 2;
        let span = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_micros(self.roll() % span)
    }

    /// Something worked: the next failure waits `first` again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    fn undisturbed(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures.min(31)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }

    fn roll(&mut self) -> u64 {
        // xorshift64: chance, not secrecy.
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_within_their_bounds() {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
        for whole_ms in [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000] {
            check(&mut backoff, whole_ms);
        }
        for _ in 0..100 {
            check(&mut backoff, 30_000);
        }
        backoff.reset();
        check(&mut backoff, 200);
    }

    #[test]
    fn two_agents_do_not_wait_alike() {
        let mut one = Backoff::new(Duration::from_secs(30), Duration::from_secs(30));
        let mut other = one.clone();
        other.chance = one.chance.rotate_left(17) | 1;
        let ones: Vec<_> = (0..8).map(|_| one.next_delay()).collect();
        let others: Vec<_> = (0..8).map(|_| other.next_delay()).collect();
        assert_ne!(ones, others);
    }

    #[track_caller]
    fn check(backoff: &mut Backoff, whole_ms: u64) {
        let delay = backoff.next_delay();
        let whole = Duration::from_millis(whole_ms);
        assert!(
            delay >= whole / 2 && delay <= whole,
            "{delay:?} is not in {:?}..{whole:?}",
            whole / 2
        );
    }
}
