//! The one clock of the house. Everything that needs the time is handed it from here.

mod ageing;

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use self::ageing::Ageing;

/// China Standard Time: the time of every record, whatever zone the machine is set to.
const CHINA: Offset = Offset::constant(8);

/// The time now in China, to the second.
pub fn now() -> DateTime {
    china(Timestamp::now())
}

/// The time by which what is kept grows old, in China and to the second. It does not follow a clock
/// that was set forward until that has lasted for a day: what was let go is gone, and a clock may be wrong.
pub fn now_for_ageing() -> DateTime {
    china(ageing().0)
}

/// How far the clock was set ahead, if nothing grows old by it yet.
pub fn ahead() -> Option<SignedDuration> {
    ageing().1
}

fn ageing() -> (Timestamp, Option<SignedDuration>) {
    static AGEING: Mutex<Option<(Ageing, Instant)>> = Mutex::new(None);
    let wall = Timestamp::now();
    let mut known = AGEING.lock().unwrap_or_else(PoisonError::into_inner);
    let (ageing, begun) = known.get_or_insert_with(|| (Ageing::new(wall), Instant::now()));
    let told = ageing.now(wall, begun.elapsed());
    (told, ageing.ahead())
}

/// A moment in China time, to the second.
pub fn china(moment: Timestamp) -> DateTime {
    let moment = CHINA.to_datetime(moment);
    moment.with().subsec_nanosecond(0).build().unwrap_or(moment)
}

/// The moment of a time in China.
pub fn instant(moment: DateTime) -> Timestamp {
    CHINA.to_timestamp(moment).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// An id that sorts by the time it was made.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}
