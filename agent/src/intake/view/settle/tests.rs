//! The disk gives out behind each write of a run in turn, and the next start reads from where the disk says:
//! whatever the order of the writes promises must hold behind every one of them.

use std::path::Path;

use tokio::runtime::Runtime;

use super::super::book::Identity;
use super::*;
use crate::config::Config;
use crate::forward::ForwardState;
use crate::odbc::Kind;
use crate::outbox::{Options, WriterHandle};
use crate::sets::Sets;

#[test]
fn no_write_of_a_run_by_a_watermark_may_be_its_last() {
    check(MARKED);
}

#[test]
fn no_write_of_a_comparing_run_may_be_its_last() {
    check("key = [\"处方号\"]");
}

#[test]
fn what_was_changed_back_is_a_revision_once() {
    check_back(MARKED);
    check_back("key = [\"处方号\"]");
}

/// One that comes late is old, and was not changed back.
#[test]
fn what_comes_late_changes_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(
        folder.path(),
        "watermark = \"水位\"\nkey = [\"处方号\"]\noverlap = 0\nsweep = 100",
    );
    for (mark, quantity) in [(10, "1"), (20, "2"), (15, "1")] {
        house.read(&[line(1, mark, quantity)]).unwrap();
    }
    assert_eq!(house.revisions(), [1, 2]);
    house.close();
}

/// Two that one statement of the HIS has changed, and changed back: they have one time, and lie in two pages.
#[test]
fn all_that_was_changed_back_under_one_mark_is_a_revision() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), MARKED);
    for (mark, quantity) in [(10, "1"), (20, "2"), (30, "1")] {
        house.read(&[line(1, mark, quantity), line(2, mark, quantity)]).unwrap();
    }
    assert_eq!(house.revisions(), [1, 1, 2, 2, 3, 3]);
    house.close();
}

/// Two lines of one visit name its department each in their way: whichever is touched, the visit is no
/// other again, and what is the line's own is.
#[test]
fn what_many_lines_tell_is_changed_back_by_none() {
    for known_by in [MARKED, "key = [\"处方号\"]"] {
        let folder = tempfile::tempdir().unwrap();
        let house = House::open(folder.path(), known_by);
        let one = |mark, quantity| Line { visit: 7, ..line(1, mark, quantity) };
        let other = |mark| Line { visit: 7, department: "老年科", ..line(2, mark, "1") };
        for lines in
            [[one(10, "1"), other(20)], [one(30, "2"), other(40)], [one(50, "1"), other(60)]]
        {
            house.read(&lines).unwrap();
        }
        assert_eq!(house.revisions_of("outpatient_registration"), [1, 2], "{known_by}");
        assert_eq!(house.revisions(), [1, 1, 2, 3], "{known_by}");
        house.close();
    }
}

/// What was settled before a crash was taken by then: only what was in hand comes again.
#[test]
fn what_a_broken_run_has_settled_is_changed_back_by_the_next() {
    for known_by in [MARKED, "key = [\"处方号\"]"] {
        let folder = tempfile::tempdir().unwrap();
        let house = House::open(folder.path(), known_by);
        house.read(&[line(1, 10, "1")]).unwrap();
        drop(house.settle(&[line(1, 20, "2")]).unwrap());
        house.read(&[line(1, 30, "1")]).unwrap();
        assert_eq!(house.revisions(), [1, 2, 3], "{known_by}");
        house.close();
    }
}

/// A history that is read for the first time: its lines are in their order, but they may have come before.
#[test]
fn a_first_reading_changes_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "watermark = \"水位\"\nkey = [\"处方号\"]");
    let lines = [(10, "1"), (20, "2"), (30, "1")].map(|(mark, it)| line(1, mark, it));
    house.read(&lines).unwrap();
    assert_eq!(house.revisions(), [1, 2]);
    house.close();
}

const MARKED: &str = "watermark = \"水位\"\nkey = [\"处方号\"]\noverlap = 0\nsweep = 0";

/// One, two and one again, the last run cut behind each of its writes.
#[track_caller]
fn check_back(known_by: &str) {
    for writes in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let house = House::open(folder.path(), known_by);
        house.read(&[line(1, 10, "1")]).unwrap();
        house.read(&[line(1, 20, "2")]).unwrap();
        house.road.outbox.fail_behind(writes);
        let is_whole = house.read(&[line(1, 30, "1")]).is_ok();
        house.close();
        let house = House::open(folder.path(), known_by);
        house.read(&[line(1, 30, "1")]).unwrap();
        assert_eq!(house.revisions(), [1, 2, 3], "cut behind {writes}");
        house.close();
        if is_whole {
            assert!(writes > 2, "a run of so many writes only: {writes}");
            return;
        }
    }
    panic!("no run came to its end");
}

/// Every row once, and one letter once, wherever the first run was cut.
#[track_caller]
fn check(known_by: &str) {
    for writes in 0..60 {
        let folder = tempfile::tempdir().unwrap();
        let house = House::open(folder.path(), known_by);
        house.road.outbox.fail_behind(writes);
        let lines: Vec<Line> =
            (1..=5).map(|it| line(it, it, if it == 2 { "x" } else { "1.50" })).collect();
        let is_whole = house.read(&lines).is_ok();
        house.close();
        let house = House::open(folder.path(), known_by);
        house.read(&lines).unwrap();
        assert_eq!(house.came(), "MZ1 MZ3 MZ4 MZ5, 1 refused once", "cut behind {writes}");
        house.close();
        if is_whole {
            assert!(writes > 5, "a run of so many writes only: {writes}");
            return;
        }
    }
    panic!("no run came to its end");
}

/// An agent with one view.
struct House {
    road: Arc<Road>,
    writer: WriterHandle,
    runtime: Runtime,
    stop: CancellationToken,
}

impl House {
    fn open(folder: &Path, known_by: &str) -> House {
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"x\"\n[outbox]\ndir = \"{}/outbox\"\n[[channel]]\nname = \"his\"\n\
             mappings = [\"view/\"]\n[channel.view]\nconnection = \"DSN=his\"\ntable = \"V\"\n{known_by}\n",
            folder.display()
        );
        let config = Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"));
        let sets = Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"));
        let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
        let road = Arc::new(Road::new(config, sets, outbox, Arc::new(ForwardState::default())));
        let runtime = Runtime::new().unwrap();
        House { road, writer, runtime, stop: CancellationToken::new() }
    }

    /// What a run does without a database.
    fn read(&self, lines: &[Line]) -> Result<(), Ended> {
        let mut progress = self.settle(lines)?;
        progress.done.is_whole = true;
        self.door().close(&mut progress, Vec::new())
    }

    fn door(&self) -> Settling<'_> {
        let view = self.road.config.channels.first().and_then(|it| it.view.as_ref()).unwrap();
        let runtime = self.runtime.handle();
        Settling { road: &self.road, channel: "his", view, runtime, stop: &self.stop }
    }

    /// The same as far as its last page.
    fn settle(&self, lines: &[Line]) -> Result<Progress, Ended> {
        let (door, view) = (self.door(), self.door().view);
        let identity = Identity { source: "V".to_owned(), database: "his".to_owned() };
        let place = book::place(&self.road.outbox, "his", identity)?;
        let mark = place.mark.as_deref().and_then(|it| Mark::parse(it, Kind::Number));
        let from = mark.as_ref().map(|it| it.before(view.sweep).to_string().parse().unwrap());
        let mut progress = Progress::of(place, mark, view);
        // One row to a page: two of a page may share a write, or not.
        for line in lines.iter().filter(|it| from.is_none_or(|from: u32| it.mark >= from)) {
            door.settle(vec![line.read(view.watermark.is_none())], &mut progress)?;
        }
        Ok(progress)
    }

    /// The visits whose prescriptions are in the outbox, and the letters with the number of their copies.
    fn came(&self) -> String {
        let outbox = &self.road.outbox;
        let records = outbox.oldest(0, 100, usize::MAX).unwrap();
        let named = records.iter().filter(|it| it.entity == "outpatient_prescription");
        let keys: Vec<&str> = named.map(|it| it.key.split('|').next().unwrap()).collect();
        let letters = outbox.dead_letters(0, 100).unwrap();
        let copies = |(number, letter)| outbox.copies(number, letter).unwrap().unwrap().times;
        let copies: Vec<u64> = letters.iter().map(|(it, letter)| copies((*it, letter))).collect();
        assert!(records.iter().all(|it| it.revision == 1), "{records:?}");
        assert_eq!(copies, [1]);
        format!("{}, {} refused once", keys.join(" "), letters.len())
    }

    /// Of the prescriptions, in the order in which they go out.
    fn revisions(&self) -> Vec<u32> {
        self.revisions_of("outpatient_prescription")
    }

    fn revisions_of(&self, entity: &str) -> Vec<u32> {
        let records = self.road.outbox.oldest(0, 100, usize::MAX).unwrap();
        let of_all = records.iter().filter(|it| it.entity == entity);
        of_all.map(|it| it.revision).collect()
    }

    fn close(self) {
        let House { road, writer, runtime, .. } = self;
        drop(runtime.block_on(writer.close()));
        drop(road);
    }
}

/// A line of a prescription.
struct Line {
    number: u32,
    mark: u32,
    quantity: &'static str,
    visit: u32,
    department: &'static str,
}

fn line(number: u32, mark: u32, quantity: &'static str) -> Line {
    Line { number, mark, quantity, visit: number, department: "心内科" }
}

impl Line {
    fn read(&self, is_compared: bool) -> Read {
        let Line { number, mark, quantity, visit, department } = self;
        let text = format!(
            "{{\"row\":{{\"水位\":\"{mark}\",\"病人ID\":\"P{visit}\",\"姓名\":\"李建国\",\"性别\":\"男\",\
             \"门诊号\":\"MZ{visit}\",\"就诊时间\":\"2026-11-22 09:00:00\",\"科室编码\":\"0301\",\
             \"科室名称\":\"{department}\",\"诊断编码\":\"I10.x00\",\"诊断名称\":\"高血压\",\
             \"处方号\":\"CF{number}\",\"开方时间\":\"2026-11-22 09:20:05\",\"序号\":\"1\",\
             \"药品编码\":\"YP000231\",\"药品名称\":\"氨氯地平片\",\"数量\":\"{quantity}\"}}}}"
        );
        let digest = book::digest(&text);
        let (key, own) = (format!("'CF{number}'"), vec![format!("CF{number}"), "1".to_owned()]);
        let mark = (!is_compared).then(|| Mark::Number((*mark).into()));
        let (name, kept) = match &mark {
            Some(mark) => (digest, mark.to_string()),
            None => (book::digest(&key), book::hex(digest)),
        };
        let order = mark.iter().map(ToString::to_string).chain([key]).collect();
        let document = Document { text, lost: Vec::new() };
        Read { document, digest, name, kept, order, own, is_odd: false, mark, is_newest: false }
    }
}
