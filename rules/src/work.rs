//! Counts steps in tests: that a list of ten thousand costs ten times one of a thousand, and not a
//! hundred times, is proved by the work that was done and never by a clock.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// One line, diagnosis or result was looked at.
pub(crate) fn step() {
    #[cfg(test)]
    STEPS.set(STEPS.get() + 1);
}

/// What came of some work, and in how many steps.
#[cfg(test)]
pub(crate) fn steps_of<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = STEPS.get();
    let made = work();
    (made, STEPS.get() - before)
}
