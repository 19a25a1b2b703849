//! What lies in a drop folder, which of it is whole, and in which order it is to be taken.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::config::{FolderConfig, Order, Ready};

/// A file as far as one can see without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    bytes: u64,
    time: (i64, i64),
    file: u64,
}

impl Look {
    pub(super) fn of(about: &Metadata) -> Look {
        Look { bytes: about.len(), time: (about.mtime(), about.mtime_nsec()), file: about.ino() }
    }
}

/// What a look at the folder has shown.
#[derive(Debug)]
pub(super) struct Found {
    /// What may be taken now, in order.
    pub(super) ready: Vec<(OsString, Look)>,
    /// All files that are to be taken sooner or later.
    pub(super) waiting: usize,
    /// What is no file.
    pub(super) foreign: usize,
    /// Files that cannot be read.
    pub(super) unreadable: usize,
    /// Files that change for longer than those behind them wait.
    pub(super) restless: usize,
    /// When a file that rests will have rested enough.
    pub(super) next: Duration,
}

/// What was there at the last look.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<OsString, Known>);

/// A file, since when it is as it is, and since when it is there.
#[derive(Clone, Copy, Debug)]
struct Known {
    look: Look,
    since: Instant,
    first: Instant,
}

impl Known {
    /// Whether it waits for one that still changes and goes before it, or its records would overtake
    /// those. Not for one that came later: where names do not grow with time there is always another.
    fn is_held_by(&self, came: Instant, settle: Duration) -> bool {
        came <= self.first + settle
    }
}

impl Seen {
    /// Looks at a folder.
    pub(super) fn look(&mut self, dir: &Path, config: &FolderConfig) -> io::Result<Found> {
        let (files, foreign) = list(dir)?;
        let marked = |name: &OsStr| files.contains_key(&with(name, &config.mark));
        let mut wanted: Vec<(&OsString, Look)> =
            files.iter().map(|(name, look)| (name, *look)).collect();
        wanted.retain(|(name, _)| is_wanted(name.as_bytes(), config));
        wanted.sort_by(|one, other| order(one, other, config.order));
        self.note(&wanted);

        let mut found = Found {
            ready: Vec::new(),
            waiting: wanted.len(),
            foreign,
            unreadable: 0,
            restless: 0,
            next: config.poll,
        };
        // The first that has come of those that still change and go before.
        let mut holding: Option<Instant> = None;
        for (name, look) in wanted {
            if config.ready == Ready::Mark && !marked(name) {
                continue;
            }
            let Some(known) = self.0.get(name) else { continue };
            let rested = known.since.elapsed();
            if config.ready == Ready::Rest && rested < config.settle {
                found.next = found.next.min(config.settle.saturating_sub(rested));
                if known.first.elapsed() >= config.rest_max {
                    found.restless += 1;
                } else {
                    holding = Some(holding.map_or(known.first, |it| it.min(known.first)));
                }
                continue;
            }
            if holding.is_some_and(|it| known.is_held_by(it, config.settle)) {
                continue;
            }
            if is_unreadable(&dir.join(name)) {
                found.unreadable += 1;
                continue;
            }
            found.ready.push((name.clone(), look));
        }
        Ok(found)
    }

    fn note(&mut self, files: &[(&OsString, Look)]) {
        let mut before = std::mem::take(&mut self.0);
        let now = Instant::now();
        for (name, look) in files {
            let new = Known { look: *look, since: now, first: now };
            let known = match before.remove(*name) {
                Some(known) if known.look == *look => known,
                Some(known) => Known { first: known.first, ..new },
                None => new,
            };
            self.0.insert((*name).clone(), known);
        }
    }
}

/// The files of a folder, and how much else there is besides folders. What vanishes meanwhile was not
/// there.
fn list(dir: &Path) -> io::Result<(BTreeMap<OsString, Look>, usize)> {
    let (mut files, mut foreign) = (BTreeMap::new(), 0);
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(about) = fs::symlink_metadata(entry.path()) else { continue };
        if about.is_file() {
            files.insert(entry.file_name(), Look::of(&about));
        } else if !about.is_dir() {
            foreign += 1;
        }
    }
    Ok((files, foreign))
}

/// Names under which programs keep what is not whole are left alone.
fn is_wanted(name: &[u8], config: &FolderConfig) -> bool {
    let lower = name.to_ascii_lowercase();
    let unfinished = lower.starts_with(b".") || UNFINISHED.iter().any(|it| lower.ends_with(it));
    let is_mark = config.ready == Ready::Mark && name.ends_with(config.mark.as_bytes());
    let ends = |it: &String| lower.ends_with(it.to_ascii_lowercase().as_bytes());
    !unfinished && !is_mark && (config.endings.is_empty() || config.endings.iter().any(ends))
}

/// A link that has taken the file's place meanwhile is not followed, a pipe not waited for.
fn is_unreadable(path: &Path) -> bool {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(path).is_err_and(|it| it.kind() == io::ErrorKind::PermissionDenied)
}

/// A name with an ending. Names are bytes: many a HIS writes them in GBK.
pub(super) fn with(name: &OsStr, ending: &str) -> OsString {
    let mut whole = name.to_owned();
    whole.push(ending);
    whole
}

fn order(one: &(&OsString, Look), other: &(&OsString, Look), order: Order) -> Ordering {
    let names = || natural(one.0.as_bytes(), other.0.as_bytes());
    match order {
        Order::Name => names(),
        Order::Time => one.1.time.cmp(&other.1.time).then_with(names),
    }
}

/// By name as people count: `a9` before `a10`. No byte of a GBK character is a digit.
fn natural(one: &[u8], other: &[u8]) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (a, b) = (split_digits(&mut left), split_digits(&mut right));
        if !a.is_empty() && !b.is_empty() {
            let (a, b) = (without_zeros(a), without_zeros(b));
            let ordered = a.len().cmp(&b.len()).then_with(|| a.cmp(b));
            if ordered.is_ne() {
                return ordered;
            }
            continue;
        }
        // At most one begins with digits: the bytes decide.
        let (x, y) = (a.first().or(left.first()), b.first().or(right.first()));
        match (x, y) {
            (None, None) => return one.cmp(other),
            (Some(x), Some(y)) if x == y => {
                left = left.get(1..).unwrap_or_default();
                right = right.get(1..).unwrap_or_default();
            }
            _ => return x.cmp(&y),
        }
    }
}

fn split_digits<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let digits = text.iter().take_while(|it| it.is_ascii_digit()).count();
    let (front, rest) = text.split_at(digits);
    *text = rest;
    front
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|it| **it == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

const UNFINISHED: [&[u8]; 7] =
    [b".tmp", b".temp", b".part", b".filepart", b".crdownload", b".swp", b"~"];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::Config;

    #[test]
    fn numbers_in_names_count() {
        sorted(&["a10", "a9", "a09", "a", "b1", "a9b"], "a a09 a9 a9b a10 b1");
        sorted(
            &["2026-11-10_2", "2026-11-9_10", "2026-11-10_1"],
            "2026-11-9_10 2026-11-10_1 2026-11-10_2",
        );
        sorted(&["1", "x", "01", "00"], "00 01 1 x");
    }

    #[test]
    fn only_whole_files_are_taken() {
        let rename = "ready = \"rename\"";
        check(rename, &["b10.xml", "b9.xml", ".hidden", "c.TMP", "d.part", "e~"], "b9.xml b10.xml");
        check(&format!("{rename}\nendings = [\".xml\"]"), &["a.XML", "b.txt"], "a.XML");
        let mark = "ready = \"mark\"\nmark = \".done\"";
        check(mark, &["a.xml", "b.xml", "b.xml.done", "c.xml.done"], "b.xml");
        check("ready = \"rest\"\nsettle_ms = 60000", &["a.xml"], "");
    }

    #[test]
    fn a_link_is_no_file_and_a_name_need_not_be_utf_8() {
        let (folder, config) = folder("ready = \"rename\"", &[]);
        let gbk = OsStr::from_bytes(b"\xB4\xA6\xB7\xBD1.xml");
        fs::write(folder.path().join(gbk), "x").unwrap();
        std::os::unix::fs::symlink(folder.path().join(gbk), folder.path().join("link.xml"))
            .unwrap();
        let found = Seen::default().look(folder.path(), &config).unwrap();
        assert_eq!(found.ready.iter().map(|it| it.0.as_os_str()).collect::<Vec<_>>(), [gbk]);
        assert_eq!(found.foreign, 1);
    }

    #[test]
    fn what_changes_has_not_rested() {
        let (folder, config) = folder("settle_ms = 100", &["a.xml", "b.xml"]);
        let mut seen = Seen::default();
        assert!(seen.look(folder.path(), &config).unwrap().ready.is_empty());
        std::thread::sleep(Duration::from_millis(110));
        fs::write(folder.path().join("a.xml"), "longer").unwrap();
        let found = seen.look(folder.path(), &config).unwrap();
        assert!(found.ready.is_empty(), "b must wait for a: {found:?}");
        assert!(found.next <= Duration::from_millis(100));
        std::thread::sleep(Duration::from_millis(110));
        assert_eq!(seen.look(folder.path(), &config).unwrap().ready.len(), 2);
    }

    /// It holds the others up for a while, and not for ever.
    #[test]
    fn what_never_rests_is_passed_over_in_the_end() {
        let (folder, config) = folder("settle_ms = 100\nrest_max_ms = 1000", &["a.xml", "b.xml"]);
        let mut seen = Seen::default();
        let began = Instant::now();
        let found = loop {
            fs::write(folder.path().join("a.xml"), format!("{:?}", began.elapsed())).unwrap();
            let found = seen.look(folder.path(), &config).unwrap();
            if !found.ready.is_empty() || began.elapsed() > Duration::from_secs(5) {
                break found;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(found.ready.iter().map(|it| it.0.as_os_str()).collect::<Vec<_>>(), ["b.xml"]);
        assert_eq!((found.restless, found.waiting), (1, 2));
        assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    }

    /// Names that do not grow with time, and always some that have just come.
    #[test]
    fn a_name_far_back_is_not_passed_by_for_ever() {
        let (folder, config) = folder("settle_ms = 200", &["z.xml"]);
        let mut seen = Seen::default();
        let began = Instant::now();
        let mut number = 0;
        while began.elapsed() < Duration::from_secs(20) {
            fs::write(folder.path().join(format!("a{number}.xml")), "x").unwrap();
            number += 1;
            let found = seen.look(folder.path(), &config).unwrap();
            if found.ready.iter().any(|it| it.0 == "z.xml") {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it waits behind {number} files that came after it");
    }

    /// A copy of a folder comes in any order.
    #[test]
    fn what_comes_together_goes_by_name() {
        let (folder, config) = folder("settle_ms = 4000", &["b.xml"]);
        let mut seen = Seen::default();
        seen.look(folder.path(), &config).unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        fs::write(folder.path().join("a.xml"), "x").unwrap();
        seen.look(folder.path(), &config).unwrap();
        std::thread::sleep(Duration::from_millis(2600));
        assert!(seen.look(folder.path(), &config).unwrap().ready.is_empty(), "b went first");
    }

    #[track_caller]
    fn sorted(names: &[&str], expected: &str) {
        let mut names = names.to_vec();
        names.sort_by(|one, other| natural(one.as_bytes(), other.as_bytes()));
        assert_eq!(names.join(" "), expected);
    }

    #[track_caller]
    fn check(lines: &str, names: &[&str], expected: &str) {
        let (folder, config) = folder(lines, names);
        let found = Seen::default().look(folder.path(), &config).unwrap();
        let ready: Vec<_> = found.ready.iter().map(|it| it.0.to_str().unwrap()).collect();
        assert_eq!(ready.join(" "), expected);
    }

    fn folder(lines: &str, names: &[&str]) -> (tempfile::TempDir, FolderConfig) {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"x\"\n[[channel]]\nname = \"a\"\n[channel.folder]\ndir = \"{}\"\n{lines}\n",
            PathBuf::from(folder.path()).display()
        );
        let config = Config::parse("agent.toml", &text).unwrap();
        (folder, config.channels[0].folder.clone().unwrap())
    }
}
