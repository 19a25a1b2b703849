//! Lines of the log on their way to where they are kept, written by a thread of its own.
//!
//! That is a file, or a pipe of the service manager. When the disk stands still, writing to it
//! does too, and whoever writes a line waits, a doctor's check among them. So lines are handed over in
//! memory, and those of a moment are written together. What finds no room is lost, and counted in the
//! log itself: the bound is a megabyte, some thousand lines. A kill takes what came within the last
//! moment; an orderly end waits until everything is written, for a bounded time.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Takes lines; clones are handles on the same.
#[derive(Clone, Debug)]
pub(super) struct Behind(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// There is something to write, or somebody waits for it.
    more: Condvar,
    /// Something was written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Lines that found no room since the last time that was told.
    lost: u64,
    /// Not to wait for others.
    hurry: bool,
    /// Taken, and not written yet.
    is_writing: bool,
}

/// One line in the making.
#[derive(Debug)]
pub(super) struct Line<'a> {
    shared: &'a Shared,
    hurry: bool,
}

impl Behind {
    /// `None` when the system has no thread to spare.
    pub(super) fn start(out: impl Write + Send + 'static) -> Option<Behind> {
        Behind::to(out, |lines| {
            tracing::warn!(lines, "the log could not be written in time and misses lines");
        })
    }

    /// To anywhere; `tell` says in the log how many lines are lost.
    fn to(out: impl Write + Send + 'static, tell: impl Fn(u64) + Send + 'static) -> Option<Behind> {
        let behind = Behind(Arc::default());
        let shared = Arc::clone(&behind.0);
        let name = "log".to_owned();
        thread::Builder::new().name(name).spawn(move || shared.write_for_ever(out, tell)).ok()?;
        Some(behind)
    }

    /// Waits until everything that was said is written, for a bounded time.
    pub(super) fn flush(&self) {
        let deadline = Instant::now() + FLUSH_MAX;
        let mut waiting = self.0.waiting();
        while !waiting.lines.is_empty() || waiting.is_writing {
            waiting.hurry = true;
            self.0.more.notify_one();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let woken = self.0.written.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_for_ever(&self, mut out: impl Write, tell: impl Fn(u64)) {
        let mut lines = Vec::new();
        loop {
            let lost = self.take(&mut lines);
            // Nobody could be told that the log cannot be written.
            let _ = out.write_all(&lines);
            lines.clear();
            // Before anybody who waits is let go: it is a line of the log, too.
            if lost > 0 {
                tell(lost);
            }
            self.waiting().is_writing = false;
            self.written.notify_all();
        }
    }

    /// Waits for lines and takes all there are, with the number of those that are lost.
    fn take(&self, lines: &mut Vec<u8>) -> u64 {
        let mut waiting = self.waiting();
        while waiting.lines.is_empty() {
            waiting = self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if !waiting.hurry {
            let more = self.more.wait_timeout_while(waiting, GATHER, |it| !it.hurry);
            waiting = more.unwrap_or_else(PoisonError::into_inner).0;
        }
        mem::swap(lines, &mut waiting.lines);
        waiting.is_writing = true;
        waiting.hurry = false;
        mem::take(&mut waiting.lost)
    }
}

impl<'a> MakeWriter<'a> for Behind {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { shared: &self.0, hurry: false }
    }

    /// What somebody has to act upon is written at once.
    fn make_writer_for(&'a self, of: &Metadata<'_>) -> Line<'a> {
        Line { shared: &self.0, hurry: *of.level() <= Level::WARN }
    }
}

impl Write for Line<'_> {
    /// A whole line, as the subscriber makes it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.shared.waiting();
        if waiting.lines.len() + line.len() > BYTES_MAX {
            waiting.lost += 1;
            return Ok(line.len());
        }
        let is_first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        waiting.hurry |= self.hurry;
        drop(waiting);
        if is_first || self.hurry {
            self.shared.more.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log of this process, for whoever ends it.
pub(super) static LOG: OnceLock<Behind> = OnceLock::new();

/// How long a line waits for others: one system call then writes many.
const GATHER: Duration = Duration::from_millis(20);
const BYTES_MAX: usize = 1 << 20;
/// A disk that stands still must not keep the process from ending.
const FLUSH_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn lines_of_a_moment_are_written_together_and_in_order() {
        let (out, written) = Out::new();
        let behind = Behind::to(out, drop).unwrap();
        for line in ["one\n", "two\n", "three\n"] {
            behind.make_writer().write_all(line.as_bytes()).unwrap();
        }
        behind.flush();
        let all: Vec<String> = written.try_iter().collect();
        assert_eq!(all.concat(), "one\ntwo\nthree\n");
        assert!(all.len() < 3, "each was written alone");
        behind.flush();
    }

    #[test]
    fn nobody_waits_for_a_disk_that_stands_still() {
        let (gate, closed) = mpsc::sync_channel::<()>(0);
        let behind = Behind::to(Stuck(closed), drop).unwrap();
        let line = vec![b'x'; 1 << 10];
        let begun = Instant::now();
        for _ in 0..10_000 {
            behind.make_writer().write_all(&line).unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let waiting = behind.0.waiting();
        assert!(waiting.lines.len() <= BYTES_MAX && waiting.lost > 7_000, "{}", waiting.lost);
        drop(waiting);
        drop(gate);
    }

    #[test]
    fn who_waits_for_the_end_waits_for_the_word_about_lost_lines_too() {
        let (gate, opened) = mpsc::sync_channel::<()>(0);
        let (out, written) = Out::new();
        let log = Arc::new(OnceLock::<Behind>::new());
        let teller = Arc::clone(&log);
        let tell = move |lost: u64| {
            thread::sleep(Duration::from_millis(50));
            let line = format!("{lost} lost\n");
            teller.get().unwrap().make_writer().write_all(line.as_bytes()).unwrap();
        };
        let behind = Behind::to(Gated(opened, out), tell).unwrap();
        log.set(behind.clone()).unwrap();
        let line = vec![b'x'; BYTES_MAX];
        for _ in 0..2 {
            behind.make_writer().write_all(&line).unwrap();
        }
        drop(gate);
        behind.flush();
        assert!(written.try_iter().any(|it| it == "1 lost\n"));
    }

    #[test]
    fn a_panic_loses_no_line() {
        let (out, written) = Out::new();
        assert!(LOG.set(Behind::to(out, drop).unwrap()).is_ok(), "nobody else sets it in tests");
        let panics = || {
            let _written = crate::telemetry::WrittenAtEnd;
            LOG.get().unwrap().make_writer().write_all(b"the last words\n").unwrap();
            panic!("on purpose");
        };
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!(written.try_iter().collect::<String>(), "the last words\n");
    }

    /// Writes nothing before the gate is gone.
    struct Gated(mpsc::Receiver<()>, Out);

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Out(mpsc::Sender<String>);

    impl Out {
        fn new() -> (Out, mpsc::Receiver<String>) {
            let (sender, receiver) = mpsc::channel();
            (Out(sender), receiver)
        }
    }

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(String::from_utf8(bytes.to_vec()).unwrap()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Stuck(mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
