//! The day as the agent counts it: China's, which ends at 16:00 UTC.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Today, `YYYYMMDD`.
pub fn today() -> String {
    let ran = std::process::Command::new("date").env("TZ", "CST-8").arg("+%Y%m%d").output();
    let text = String::from_utf8(ran.expect("date is part of coreutils").stdout);
    text.expect("digits").trim().to_owned()
}

/// A test of so many minutes whose records must all be of one day begins behind midnight where that is near.
pub fn within_a_day(minutes: u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let left = DAY_S - (now + EAST_S) % DAY_S;
    if left < minutes * 60 {
        thread::sleep(Duration::from_secs(left + 1));
    }
}

const DAY_S: u64 = 24 * 3_600;
const EAST_S: u64 = 8 * 3_600;
