//! Breakers, one a routing key: after some refusals in a row only one record of the key is tried,
//! until one passes.
//!
//! Without them a queue that is missing for a night would be told so by thousands of records, each
//! on its own clock.

use std::collections::HashMap;

/// All routing keys that were refused lately.
#[derive(Debug)]
pub(crate) struct Breakers {
    after: u32,
    by_key: HashMap<String, Breaker>,
}

#[derive(Debug, Default)]
struct Breaker {
    refusals: u32,
    // Records of the key whose next try has a time.
    tries: usize,
}

impl Breakers {
    pub(crate) fn new(after: u32) -> Breakers {
        Breakers { after: after.max(1), by_key: HashMap::new() }
    }

    /// A record of the key was refused.
    pub(crate) fn refused(&mut self, key: &str) {
        let breaker = self.entry(key);
        breaker.refusals = breaker.refusals.saturating_add(1);
    }

    /// Records of the key are not answered: it opens at once.
    pub(crate) fn open(&mut self, key: &str) {
        self.entry(key).refusals = u32::MAX;
    }

    /// A record of the key passed. True when the breaker was open until now.
    pub(crate) fn passed(&mut self, key: &str) -> bool {
        let was_open = self.is_open(key);
        if let Some(breaker) = self.by_key.get_mut(key) {
            breaker.refusals = 0;
            if breaker.tries == 0 {
                self.by_key.remove(key);
            }
        }
        was_open
    }

    /// Whether new records of the key had better wait.
    pub(crate) fn is_open(&self, key: &str) -> bool {
        self.by_key.get(key).is_some_and(|it| it.refusals >= self.after)
    }

    /// Whether one more held record of the key may be given a time.
    pub(crate) fn may_try(&self, key: &str) -> bool {
        self.by_key.get(key).is_none_or(|it| it.refusals < self.after || it.tries == 0)
    }

    /// A held record of the key was given a time.
    pub(crate) fn trying(&mut self, key: &str) {
        self.entry(key).tries += 1;
    }

    /// A held record that had a time is held no more.
    pub(crate) fn tried(&mut self, key: &str) {
        if let Some(breaker) = self.by_key.get_mut(key) {
            breaker.tries = breaker.tries.saturating_sub(1);
        }
    }

    fn entry(&mut self, key: &str) -> &mut Breaker {
        self.by_key.entry(key.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_some_refusals_only_one_may_try() {
        check("refused refused", "closed, may try");
        check("refused refused refused", "open, may try");
        check("refused refused refused trying", "open, must wait");
        check("refused refused refused trying tried", "open, may try");
        check("refused refused refused trying tried passed", "closed, may try");
        check("refused refused passed refused", "closed, may try");
    }

    #[track_caller]
    fn check(acts: &str, expected: &str) {
        let mut breakers = Breakers::new(3);
        for act in acts.split(' ') {
            match act {
                "refused" => breakers.refused("H1.rx"),
                "trying" => breakers.trying("H1.rx"),
                "tried" => breakers.tried("H1.rx"),
                _ => drop(breakers.passed("H1.rx")),
            }
        }
        let open = if breakers.is_open("H1.rx") { "open" } else { "closed" };
        let may = if breakers.may_try("H1.rx") { "may try" } else { "must wait" };
        assert_eq!(format!("{open}, {may}"), expected);
        assert!(!breakers.is_open("H1.dx"), "another key suffers");
    }
}
