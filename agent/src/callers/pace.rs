//! How often each caller may call: so many in a minute, a quarter of that at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When each caller's calls so far are paid off. As many entries as there are names.
#[derive(Debug, Default)]
pub(super) struct Paces {
    paid_at: Mutex<HashMap<String, Instant>>,
}

impl Paces {
    /// Counts a call, or says when to come again.
    pub(super) fn take(&self, name: &str, per_minute: u32) -> Result<(), Duration> {
        if per_minute == 0 { Ok(()) } else { self.take_at(name, per_minute, Instant::now()) }
    }

    fn take_at(&self, name: &str, per_minute: u32, now: Instant) -> Result<(), Duration> {
        let each = Duration::from_mins(1) / per_minute;
        let at_once = each * (per_minute / 4).max(1);
        let mut all = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(name) {
            all.insert(name.to_owned(), now);
        }
        let Some(paid_at) = all.get_mut(name) else { return Ok(()) };
        let then = (*paid_at).max(now) + each;
        let ahead = then.duration_since(now);
        if let Some(wait) = ahead.checked_sub(at_once).filter(|it| !it.is_zero()) {
            return Err(wait);
        }
        *paid_at = then;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_a_minute_and_a_quarter_at_once() {
        let (paces, begin) = (Paces::default(), Instant::now());
        let at = |second: u64, name| paces.take_at(name, 60, begin + Duration::from_secs(second));
        for _ in 0..15 {
            assert_eq!(at(0, "lis"), Ok(()));
        }
        assert_eq!(at(0, "lis"), Err(Duration::from_secs(1)));
        assert_eq!(at(0, "emr"), Ok(()), "another has its own");
        assert_eq!(at(1, "lis"), Ok(()));
        assert_eq!(at(1, "lis"), Err(Duration::from_secs(1)));
        let taken = (2..62).filter(|second| at(*second, "lis").is_ok()).count();
        assert_eq!(taken, 60);
        assert_eq!(paces.take_at("slow", 1, begin), Ok(()));
        assert_eq!(paces.take_at("slow", 1, begin), Err(Duration::from_mins(1)));
        for _ in 0..1_000 {
            assert_eq!(paces.take("free", 0), Ok(()));
        }
    }
}
