//! The disk of the store: what kind it is, how long a sync takes, and for how many hours of outage its
//! room will do.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::site::there_is;
use super::{Check, Line, Site};
use crate::clock;
use crate::outbox::{Free, free_on};

pub(super) const CHECK: Check =
    Check { key: "disk", zh: "磁盘", bound: Duration::from_secs(15), look };

fn look(site: &Site) -> Vec<Line> {
    let outbox = &site.config.outbox;
    let dir = there_is(&outbox.dir);
    let free = free_on(&dir, outbox.low_water, outbox.high_water);
    vec![kind(&dir), speed(&dir), room(free, site.says())]
}

/// What the folder is on, by the kernel's own list.
fn kind(dir: &Path) -> Line {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let place = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let shown = place.display();
    match kind_of(&mounts, &place) {
        Some(kind) if IN_MEMORY.contains(&kind) => {
            Line::fail("H041", format!("{shown} 在内存里（{kind}），断电就没有了"))
        }
        Some(kind) if ON_A_NETWORK.iter().any(|it| kind.starts_with(it)) => {
            Line::fail("H041", format!("{shown} 在网络盘上（{kind}）"))
        }
        Some(kind) => Line::ok(format!("{shown} 在本机磁盘上（{kind}）")),
        None => Line::ok(format!("{shown}：系统没有说是什么盘")),
    }
}

/// The file system of the innermost mount point that a place lies in; of several at one point the last.
fn kind_of<'a>(mounts: &'a str, place: &Path) -> Option<&'a str> {
    let points = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let point = words.next()?.replace("\\040", " ");
        place.starts_with(&point).then_some((point.len(), words.next()?))
    });
    points.max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

/// A receipt waits for a sync, so that its slowest hundredth is what a doctor may wait for.
fn speed(dir: &Path) -> Line {
    let shown = dir.display();
    match measure(dir) {
        Ok(took) => judge(&took),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Line::fail("H042", format!("{shown} 写不进：{error}"))
                .cure("把目录交给运行前置机的用户，权限 700；或用那个用户（或 root）执行本命令")
        }
        Err(error) => Line::fail("H042", format!("{shown} 写不进或落不了盘：{error}")),
    }
}

fn judge(took: &[Duration]) -> Line {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    let part = |hundredths: usize| {
        let at = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
        sorted.get(at).copied().unwrap_or_default()
    };
    let ms = |it: Duration| format!("{}.{}", it.as_millis(), it.as_micros() / 100 % 10);
    let slow = part(99);
    let told = format!(
        "落盘（fsync）{} 次：一半在 {} 毫秒内，99% 在 {} 毫秒内",
        took.len(),
        ms(part(50)),
        ms(slow)
    );
    if slow >= SLOW { Line::bad(slow >= TOO_SLOW, "H043", told) } else { Line::ok(told) }
}

/// Appends and syncs as the store's log does, in a file that has no name and so is never left behind.
fn measure(dir: &Path) -> io::Result<Vec<Duration>> {
    let mut file = nameless(dir)?;
    let begun = Instant::now();
    let mut took = Vec::with_capacity(SYNCS);
    while took.len() < SYNCS && (took.is_empty() || begun.elapsed() < MEASURED_MAX) {
        let one = Instant::now();
        file.write_all(&[0x5a; RECORD_BYTES])?;
        file.sync_data()?;
        took.push(one.elapsed());
    }
    Ok(took)
}

/// A file that is gone from the folder before anybody can look.
pub(super) fn nameless(dir: &Path) -> io::Result<File> {
    let path = dir.join(format!(".doctor-{}", clock::new_id()));
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// How long the platform may stay away: as the daemon has measured, or as a large hospital would need.
fn room(free: io::Result<Free>, says: Option<&Value>) -> Line {
    let free = match free {
        Ok(free) => free,
        Err(error) => return Line::fail("H042", format!("磁盘不说还有多少空闲：{error}")),
    };
    let gib = |bytes: u64| format!("{}.{} GiB", bytes >> 30, (bytes >> 20) % 1024 * 10 / 1024);
    let told = format!("空闲 {}，低水位 {}", gib(free.bytes), gib(free.low_water_bytes));
    let room_mib = free.bytes.saturating_sub(free.low_water_bytes) >> 20;
    let room_mib = f64::from(u32::try_from(room_mib).unwrap_or(u32::MAX));
    let measured =
        says.and_then(|it| it.pointer("/road/room/outage_hours/at_peak")).and_then(Value::as_f64);
    let (hours, whose) = match measured {
        Some(hours) => (hours, "按最忙的一小时"),
        None => (room_mib / MIB_AN_HOUR, "按每天 100 万份报文估"),
    };
    let told = format!("{told}；平台中断还能撑 {hours:.1} 小时（{whose}）");
    if free.bytes < free.low_water_bytes {
        Line::fail("O107", told)
    } else if hours < HOURS_MIN {
        Line::warn("H044", told)
    } else {
        Line::ok(told)
    }
}

const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];
/// By the beginning of their names.
const ON_A_NETWORK: [&str; 9] =
    ["nfs", "cifs", "smb", "9p", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "davfs"];
const SYNCS: usize = 100;
const MEASURED_MAX: Duration = Duration::from_secs(5);
/// A record as it lies in the log, with what goes with it.
const RECORD_BYTES: usize = 4096;
/// A turning disk takes 10 to 30 ms.
const SLOW: Duration = Duration::from_millis(50);
const TOO_SLOW: Duration = Duration::from_millis(500);
/// A million messages a day, six records of 700 bytes each, and half as much again for the rest.
const MIB_AN_HOUR: f64 = 1_000_000.0 * 6.0 * 700.0 * 1.5 / 24.0 / 1_048_576.0;
/// Over a weekend somebody notices; over a night nobody does.
const HOURS_MIN: f64 = 24.0;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::super::State;
    use super::*;

    const MOUNTS: &str = "/dev/vda1 / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n\
        10.0.0.1:/x /var/lib/his-agent nfs4 rw 0 0\n/dev/sdb /data\\040disk xfs rw 0 0\n";

    #[test]
    fn the_innermost_mount_point_says_what_a_folder_is_on() {
        for (place, expected) in [
            ("/etc/his-agent", "ext4"),
            ("/run/his-agent", "tmpfs"),
            ("/var/lib/his-agent/outbox", "nfs4"),
            ("/var/lib/his-agent-2", "ext4"),
            ("/data disk/outbox", "xfs"),
        ] {
            assert_eq!(kind_of(MOUNTS, Path::new(place)), Some(expected), "{place}");
        }
        assert_eq!(kind_of("", Path::new("/x")), None);
    }

    /// A real one: the kernel keeps this folder in memory.
    #[test]
    fn a_folder_in_memory_is_no_place_for_the_store() {
        check(&kind(Path::new("/dev/shm")), State::Fail, "在内存里");
    }

    #[test]
    fn the_slowest_hundredth_is_judged() {
        let took = |slow: u64, count: usize| {
            let mut all = vec![Duration::from_millis(2); 100 - count];
            all.extend(vec![Duration::from_millis(slow); count]);
            judge(&all)
        };
        check(&took(400, 0), State::Ok, "99% 在 2.0 毫秒内");
        check(&took(60, 2), State::Warn, "99% 在 60.0 毫秒内");
        check(&took(600, 1), State::Ok, "99% 在 2.0 毫秒内");
        check(&took(600, 2), State::Fail, "一半在 2.0 毫秒内");
    }

    #[test]
    fn it_is_measured_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(measure(folder.path()).unwrap().len(), SYNCS);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        check(&speed(Path::new("/proc/self")), State::Fail, "写不进");
    }

    #[test]
    fn room_is_told_in_hours() {
        let free = |gib: u64| Ok(Free { bytes: gib << 30, low_water_bytes: 1 << 30 });
        check(&room(free(100), None), State::Ok, "撑 405.0 小时（按每天");
        check(&room(free(5), None), State::Warn, "撑 16.4 小时");
        check(&room(free(0), None), State::Fail, "空闲 0.0 GiB，低水位 1.0 GiB");
        let says = json!({ "road": { "room": { "outage_hours": { "at_peak": 30.5 } } } });
        check(&room(free(5), Some(&says)), State::Ok, "撑 30.5 小时（按最忙的一小时）");
    }

    #[track_caller]
    fn check(line: &Line, state: State, text: &str) {
        assert_eq!(line.state, state, "{line:?}");
        assert!(line.found.contains(text), "{line:?}");
        assert_eq!(line.cure.is_some(), state != State::Ok, "{line:?}");
    }
}
