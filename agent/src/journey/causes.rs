//! How many dead letters there are of each cause: counted once at the start, and kept up with new and
//! closed ones from then on, since reading all of them at each look would read all their bytes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::outbox::{Outbox, StoreError};

#[derive(Debug, Default)]
pub(super) struct Causes(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    /// The last letter that was looked at.
    to: u64,
    by_code: BTreeMap<String, u64>,
}

impl Causes {
    /// Looks at letters that have come since. Blocks.
    pub(super) fn look(&self, outbox: &Outbox) -> Result<(), StoreError> {
        let mut counted = self.counted();
        loop {
            let chunk = outbox.dead_letters(counted.to, CHUNK)?;
            let Some((last, _)) = chunk.last() else { break };
            counted.to = *last;
            for (_, letter) in chunk {
                *counted.by_code.entry(letter.code).or_default() += 1;
            }
        }
        Ok(())
    }

    /// One that was there is gone.
    pub(super) fn closed(&self, code: &str) {
        if let Some(count) = self.counted().by_code.get_mut(code) {
            *count = count.saturating_sub(1);
        }
    }

    /// The causes of which there are letters.
    pub(super) fn told(&self) -> BTreeMap<String, u64> {
        let counted = self.counted();
        let some = counted.by_code.iter().filter(|(_, count)| **count > 0);
        some.map(|(code, count)| (code.clone(), *count)).collect()
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        // Plain counts: what panicked meanwhile left them whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const CHUNK: usize = 256;
