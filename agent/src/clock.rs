//! The one clock of the house. Everything that needs the time is handed it from here.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// China Standard Time: the time of every record, whatever zone the machine is set to.
const CHINA: Offset = Offset::constant(8);

/// The time now in China, to the second.
pub fn now() -> DateTime {
    china(Timestamp::now())
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
