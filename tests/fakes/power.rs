//! Power cuts: what was written and not synced is thrown away, as no kill of a process does.
//!
//! `power.c` is loaded into the agent and notes how much of each file was synced. After the kill what was not
//! is treated as a disk may treat it: gone, or torn off somewhere, or written out of order, so that
//! later blocks are there and earlier ones are nothing but zeros.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt as _, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::chance::Chance;

/// The mains of one agent.
#[derive(Debug)]
pub(crate) struct Power {
    library: PathBuf,
    journal: PathBuf,
    chance: Chance,
}

impl Power {
    /// Compiles what is loaded into the agent.
    pub(crate) fn new(home: &Path) -> Power {
        let library = home.join("power.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/fakes/power.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", source, "-ldl", "-o"]).arg(&library);
        let status = compiler.status().expect("cc is there, since Rust links with it");
        assert!(status.success(), "{source} does not compile");
        let chance = Chance::seeded("what a power cut leaves");
        Power { library, journal: home.join("power.journal"), chance }
    }

    /// What the agent's environment needs besides the library.
    pub(crate) fn environment(&self) -> [(&'static str, OsString); 1] {
        [("HIS_AGENT_POWER_JOURNAL", self.journal.clone().into_os_string())]
    }

    pub(crate) fn library(&self) -> &Path {
        &self.library
    }

    /// Throws away in these folders what was not synced, all of it or some; gives the bytes. The agent is
    /// dead by now. What is left has outlived the cut, and the next one cannot take it.
    pub(crate) fn cut(&mut self, folders: &[PathBuf]) -> u64 {
        let text = fs::read_to_string(&self.journal).expect("the agent has synced something");
        let synced: HashMap<u64, u64> = text.lines().filter_map(entry).collect();
        assert!(!synced.is_empty(), "the agent's syncs are not seen: is it linked statically?");
        let mut left = String::new();
        let mut lost = 0;
        for file in folders.iter().flat_map(|folder| files(folder)) {
            let metadata = fs::metadata(&file).expect("nobody else is at work here");
            let safe = synced.get(&metadata.ino()).copied().unwrap_or(0).min(metadata.len());
            let kept = self.spoil(&file, safe, metadata.len()).expect("our own file");
            lost += metadata.len() - safe;
            let _ = writeln!(left, "{} {kept}", metadata.ino());
        }
        fs::write(&self.journal, left).expect("our own file");
        lost
    }

    /// Leaves of what was not synced nothing, a beginning, or some blocks; gives the length.
    fn spoil(&mut self, file: &Path, safe: u64, length: u64) -> std::io::Result<u64> {
        if safe == length {
            return Ok(length);
        }
        let open = OpenOptions::new().write(true).open(file)?;
        let kept = match self.chance.below(3) {
            0 => safe,
            1 => safe + self.chance.below(length - safe),
            _ => length,
        };
        open.set_len(kept)?;
        let mut at = safe;
        while kept == length && at < length {
            let end = (at / BLOCK * BLOCK + BLOCK).min(length);
            if self.chance.below(2) == 0 {
                open.write_all_at(&vec![0; usize::try_from(end - at).expect("a block")], at)?;
            }
            at = end;
        }
        Ok(kept)
    }
}

/// What a disk writes at once.
const BLOCK: u64 = 4096;

/// An inode and how much of it is safe.
fn entry(line: &str) -> Option<(u64, u64)> {
    let (inode, size) = line.split_once(' ')?;
    Some((inode.parse().ok()?, size.parse().ok()?))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    let files = entries.map(|it| it.expect("an entry").path()).filter(|it| it.is_file());
    // What is only held in reserve holds nothing that could be lost.
    files.filter(|it| it.file_name().is_none_or(|name| name != "reserve")).collect()
}
