//! A disk that refuses, or says that it is nearly full: the N-th call that changes a file of the store
//! fails, and as many behind it as are wanted. The way SQLite is tested: N goes from the first call to
//! the last. And a clock that somebody sets.
//!
//! `faults.c` is loaded into the agent and counts; the numbers lie in a file that both have open. The
//! count goes on over a restart.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The disk of one agent.
#[derive(Debug)]
pub struct Faults {
    library: PathBuf,
    root: PathBuf,
    path: PathBuf,
    file: File,
}

/// Which calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Site {
    /// What writes bytes.
    Write = 1,
    /// What puts them on the disk.
    Sync = 2,
    /// What makes a file or takes space for it.
    Make = 4,
    /// What renames a file or removes it.
    Name = 8,
}

impl Faults {
    /// Compiles what is loaded into the agent. Nothing fails yet, nothing is counted.
    pub fn new(home: &Path) -> Faults {
        let library = home.join("faults.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/fakes/faults.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", source, "-ldl", "-o"]).arg(&library);
        let status = compiler.status().expect("cc is there, since Rust links with it");
        assert!(status.success(), "{source} does not compile");
        let path = home.join("faults.numbers");
        fs::write(&path, [0; 72]).expect("a new folder takes a file");
        let file = OpenOptions::new().read(true).write(true).open(&path).expect("our own file");
        Faults { library, root: home.join("outbox"), path, file }
    }

    /// Counts calls of a kind, without letting any fail.
    pub fn count(&self, site: Site) {
        self.arm(site, 0, 0, 0);
    }

    /// Lets calls fail: from the `from`-th on, `at_most` of them.
    pub fn arm(&self, site: Site, error: i32, from: u64, at_most: u64) {
        self.put(WHAT, 0);
        let error = u64::try_from(error).expect("an errno is positive");
        for (at, number) in
            [(ERROR, error), (FROM, from), (AT_MOST, at_most), (CALLS, 0), (FAILED, 0)]
        {
            self.put(at, number);
        }
        self.put(WHAT, site as u64);
    }

    /// Counts calls of every kind, and kills whoever makes the `call`-th; 0 kills nobody.
    pub fn die_at(&self, call: u64) {
        self.arm(Site::Write, DIES, call, 1);
        self.put(WHAT, EVERY);
    }

    /// It is another place that the calls are counted in: everything whose path begins so.
    pub fn move_to(&mut self, root: PathBuf) {
        self.root = root;
    }

    /// Says that so many bytes of a terabyte are free.
    pub fn pretend_free(&self, bytes: u64) {
        self.put(FREE_BYTES, bytes);
    }

    /// Sets the clock ahead of the machine's, or behind.
    pub fn set_clock(&self, ahead_seconds: i64) {
        self.put(CLOCK_AHEAD, ahead_seconds.cast_unsigned());
    }

    /// Lets whoever syncs wait, or go on.
    pub fn hold_syncs(&self, hold: bool) {
        self.put(HOLD_SYNCS, u64::from(hold));
    }

    /// The disk is well again.
    pub fn heal(&self) {
        self.put(WHAT, 0);
    }

    /// Whether nothing fails.
    pub fn is_healed(&self) -> bool {
        self.get(WHAT) == 0
    }

    /// How many calls were counted.
    pub fn calls(&self) -> u64 {
        self.get(CALLS)
    }

    /// How many of them failed.
    pub fn failed(&self) -> u64 {
        self.get(FAILED)
    }

    /// What the agent's environment needs besides the library.
    pub fn environment(&self) -> [(&'static str, OsString); 2] {
        [
            ("HIS_AGENT_FAULTS", self.path.clone().into_os_string()),
            ("HIS_AGENT_FAULTS_ROOT", self.root.clone().into_os_string()),
        ]
    }

    /// The library, for `LD_PRELOAD`.
    pub fn library(&self) -> &Path {
        &self.library
    }

    fn put(&self, at: u64, number: u64) {
        self.file.write_all_at(&number.to_ne_bytes(), at * 8).expect("our own file");
    }

    fn get(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, at * 8).expect("our own file");
        u64::from_ne_bytes(bytes)
    }
}

const EVERY: u64 = 15;
const DIES: i32 = 1 << 20;
// The order of `struct numbers`.
const WHAT: u64 = 0;
const ERROR: u64 = 1;
const FROM: u64 = 2;
const AT_MOST: u64 = 3;
const CALLS: u64 = 4;
const FAILED: u64 = 5;
const FREE_BYTES: u64 = 6;
const CLOCK_AHEAD: u64 = 7;
const HOLD_SYNCS: u64 = 8;
