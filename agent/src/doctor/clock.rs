//! The clock: a date that can be, not behind what was written already, in step with a time server, and
//! running as fast as it should.

use std::fs;
use std::mem::MaybeUninit;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use super::{Check, Line, Site};
use crate::clock;

pub(super) const CHECK: Check =
    Check { key: "clock", zh: "时钟", bound: Duration::from_secs(5), look };

fn look(site: &Site) -> Vec<Line> {
    let now = Timestamp::now();
    vec![plausible(now), behind(now, newest(&site.config.outbox.dir)), in_step(kernel()), steady()]
}

/// No agent ran before there was one, and none runs for so long.
fn plausible(now: Timestamp) -> Line {
    let told = clock::china(now);
    if (FIRST_YEAR..=LAST_YEAR).contains(&told.year()) {
        Line::ok(format!("日期 {told}（东八区）"))
    } else {
        Line::fail("H031", format!("日期 {told} 不可能"))
    }
}

/// What was written lies in the past, unless the clock was set back.
fn behind(now: Timestamp, newest: Option<SystemTime>) -> Line {
    let Some(newest) = newest.and_then(|it| Timestamp::try_from(it).ok()) else {
        return Line::ok("发件箱还没有文件，比不出时间有没有倒退");
    };
    let ahead = newest.duration_since(now).as_secs();
    if ahead > BEHIND_MAX_S {
        let told = clock::china(newest);
        return Line::fail("H032", format!("发件箱最近写于 {told}，比现在晚 {} 分钟", ahead / 60));
    }
    Line::ok("不早于发件箱里的文件")
}

/// When the store wrote last. Its files are all in one folder.
pub(crate) fn newest(store: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(store).ok()?;
    entries.filter_map(|it| it.ok()?.metadata().ok()?.modified().ok()).max()
}

/// Whether the clock runs alone, as far as the kernel knows.
pub(crate) fn is_kept_by_nobody() -> bool {
    kernel() == Known::Alone
}

/// What the kernel knows of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Somebody keeps it in step, to so many microseconds at worst.
    Kept(i64),
    Alone,
    Unknown,
}

fn in_step(known: Known) -> Line {
    match known {
        Known::Kept(error_us) => {
            Line::ok(format!("与时间服务器同步，误差最多 {} 毫秒", error_us / 1000))
        }
        Known::Alone => Line::warn("H033", "没有与时间服务器同步"),
        Known::Unknown => Line::ok("系统不肯说有没有与时间服务器同步"),
    }
}

#[allow(unsafe_code)]
fn kernel() -> Known {
    let mut told = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: all zeros is a `timex`, and one with `modes` 0 asks and sets nothing; the kernel fills it
    // before the call returns.
    let (state, told) = unsafe { (libc::adjtimex(told.as_mut_ptr()), told.assume_init()) };
    match state {
        -1 => Known::Unknown,
        _ if told.status & libc::STA_UNSYNC != 0 => Known::Alone,
        _ => Known::Kept(told.maxerror),
    }
}

/// A clock that is being set, or a virtual machine that is robbed of its time.
fn steady() -> Line {
    // Whoever is kept waiting between two looks at two clocks sees a leap that was none.
    let twice = [off_ms(), off_ms()];
    let off_ms = twice.into_iter().min_by_key(|it| it.abs()).unwrap_or_default();
    if off_ms.abs() > OFF_MAX_MS {
        let measured = MEASURED.as_millis();
        return Line::fail("H034", format!("{measured} 毫秒里时间跳了 {off_ms} 毫秒"));
    }
    Line::ok("走得均匀")
}

/// By how much the time of day moved more than time went by.
fn off_ms() -> i128 {
    let (wall, begun) = (Timestamp::now(), Instant::now());
    thread::sleep(MEASURED);
    let (passed, shown) = (begun.elapsed(), Timestamp::now().duration_since(wall));
    shown.as_millis() - i128::try_from(passed.as_millis()).unwrap_or_default()
}

const FIRST_YEAR: i16 = 2026;
const LAST_YEAR: i16 = 2060;
/// A clock is put right by so much without anybody noticing.
pub(crate) const BEHIND_MAX_S: i64 = 300;
const MEASURED: Duration = Duration::from_millis(300);
/// Time servers correct by less.
const OFF_MAX_MS: i128 = 100;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_date_that_cannot_be_and_one_that_went_back_are_told() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        check(&plausible(at("2026-11-22T12:00:00Z")), State::Ok, "2026-11-22T20:00:00");
        check(&plausible(at("1970-01-01T00:00:00Z")), State::Fail, "1970-01-01");
        check(&plausible(at("2099-01-01T00:00:00Z")), State::Fail, "2099");
        let now = at("2026-11-22T12:00:00Z");
        let written = |text: &str| Some(SystemTime::from(at(text)));
        check(&behind(now, written("2026-11-22T11:59:00Z")), State::Ok, "");
        check(&behind(now, written("2026-11-22T12:04:00Z")), State::Ok, "");
        check(&behind(now, written("2026-11-22T14:00:00Z")), State::Fail, "晚 120 分钟");
        check(&behind(now, None), State::Ok, "还没有文件");
    }

    #[test]
    fn a_clock_that_nobody_keeps_is_told() {
        check(&in_step(Known::Alone), State::Warn, "没有");
        check(&in_step(Known::Kept(12_345)), State::Ok, "12 毫秒");
        check(&in_step(Known::Unknown), State::Ok, "不肯说");
        check(&steady(), State::Ok, "均匀");
    }

    #[test]
    fn the_newest_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest(folder.path()), None);
        fs::write(folder.path().join("a"), "x").unwrap();
        let file = fs::File::create(folder.path().join("b")).unwrap();
        let late = SystemTime::now() + Duration::from_hours(2);
        file.set_modified(late).unwrap();
        check(&behind(Timestamp::now(), newest(folder.path())), State::Fail, "晚 119 分钟");
    }

    #[track_caller]
    fn check(line: &Line, state: State, text: &str) {
        assert_eq!(line.state, state, "{line:?}");
        assert!(line.found.contains(text), "{line:?}");
        assert_eq!(line.cure.is_some(), state != State::Ok, "{line:?}");
    }
}
