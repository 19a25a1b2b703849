//! A hook of the tests: every rule takes its time.

use std::cell::Cell;
use std::time::Duration;

thread_local! {
    static PAUSE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Waits before a rule, on a thread that was told to.
pub(super) fn down() {
    let pause = PAUSE.get();
    if !pause.is_zero() {
        std::thread::sleep(pause);
    }
}

/// From now on every rule on this thread takes so long.
pub(super) fn every_rule_takes(pause: Duration) {
    PAUSE.set(pause);
}
