//! The one clock of the house. Everything that needs the time is handed it from here.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Timestamp, Unit};

/// China Standard Time: the time of every record, whatever zone the machine is set to.
const CHINA: Offset = Offset::constant(8);

/// The time now in China, to the second.
pub fn now() -> DateTime {
    let now = CHINA.to_datetime(Timestamp::now());
    now.round(Unit::Second).unwrap_or(now)
}

/// An id that sorts by the time it was made.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}
