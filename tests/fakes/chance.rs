//! Random moments that can be had again: the seed is printed, and `HIS_AGENT_SEED` repeats it.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Whether the long form of the proofs was asked for.
pub fn is_long() -> bool {
    std::env::var("HIS_AGENT_PROVE").is_ok_and(|it| it == "long")
}

/// A number that the environment says. A word that is none ends the test: without it a night would be another one.
pub fn told(name: &str) -> Option<u64> {
    let told = std::env::var(name).ok().filter(|it| !it.is_empty())?;
    Some(told.parse().unwrap_or_else(|_| panic!("{name}={told} is no number")))
}

/// A source of chance for one test.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Begins with the seed of the environment, or with any, and prints it.
    #[allow(clippy::print_stdout)] // a failed test shows it
    pub fn seeded(test: &str) -> Chance {
        let seed = told("HIS_AGENT_SEED").unwrap_or_else(|| RandomState::new().hash_one(test));
        println!("{test}: HIS_AGENT_SEED={seed}");
        Chance(seed | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        // xorshift64: chance, not secrecy.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }

    /// A moment up to `longest`.
    pub fn pause(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(longest.as_micros()).unwrap_or(u64::MAX)))
    }
}
