//! Power cuts: what was written and not synced is thrown away, as no kill of a process does.
//!
//! `power.c` is loaded into the agent and notes how much of each file was synced, and what was written
//! over. After the kill what was not synced is treated as a disk may treat it: gone, or torn off
//! somewhere, or written out of order, so that later blocks are there and earlier ones are nothing but
//! zeros, or what was there before.

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
    put_back: u64,
}

/// What is safe of a file: its length, and what was written over before this place of the journal.
#[derive(Clone, Copy, Debug, Default)]
struct Safe {
    length: u64,
    over: u64,
}

/// Bytes of a file that were written over.
#[derive(Debug)]
struct Over {
    inode: u64,
    at: u64,
    old: Vec<u8>,
    /// Where the journal has it.
    place: u64,
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
        Power { library, journal: home.join("power.journal"), chance, put_back: 0 }
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
        let synced: HashMap<u64, Safe> = text.lines().filter_map(entry).collect();
        assert!(!synced.is_empty(), "the agent's syncs are not seen: is it linked statically?");
        let over = fs::read(self.over()).expect("made with the journal");
        let over: Vec<Over> = written_over(&over)
            .filter(|it| synced.get(&it.inode).is_none_or(|safe| it.place >= safe.over))
            .collect();
        let mut left = String::new();
        let mut lost = 0;
        for file in folders.iter().flat_map(|folder| files(folder)) {
            let metadata = fs::metadata(&file).expect("nobody else is at work here");
            let (inode, length) = (metadata.ino(), metadata.len());
            let of_it: Vec<&Over> = over.iter().filter(|it| it.inode == inode).collect();
            let undone = self.undo(&file, &of_it, length).expect("our own file");
            if file.extension().is_some_and(|it| it == "log") {
                self.put_back += undone;
            }
            let safe = synced.get(&inode).map_or(0, |it| it.length).min(length);
            let kept = self.spoil(&file, safe, length).expect("our own file");
            lost += length - safe;
            let _ = writeln!(left, "{inode} {kept} 0");
        }
        fs::write(&self.journal, left).expect("our own file");
        fs::write(self.over(), []).expect("our own file");
        lost
    }

    /// Bytes of logs that had been written over and were there again after a cut.
    pub(crate) const fn put_back(&self) -> u64 {
        self.put_back
    }

    fn over(&self) -> PathBuf {
        self.journal.with_extension("journal.over")
    }

    /// Puts back what was there before all that was not synced, or before the later part of it, or before
    /// some blocks of it; gives the bytes.
    fn undo(&mut self, file: &Path, over: &[&Over], length: u64) -> std::io::Result<u64> {
        if over.is_empty() {
            return Ok(0);
        }
        let open = OpenOptions::new().write(true).open(file)?;
        let (how, first) = (self.chance.below(3), self.chance.below(over.len() as u64));
        let first = usize::try_from(first).expect("they are in memory");
        let mut bytes = 0;
        // The last first: what is written at last is what was there at first.
        for (place, it) in over.iter().enumerate().rev() {
            let mut at = it.at;
            let end = (it.at + it.old.len() as u64).min(length);
            while at < end {
                let block = (at / BLOCK * BLOCK + BLOCK).min(end);
                let is_undone = match how {
                    0 => true,
                    1 => place >= first,
                    _ => self.chance.below(2) == 0,
                };
                if is_undone {
                    let place = |it: u64| usize::try_from(it).expect("it is in memory");
                    let old = it.old.get(place(at - it.at)..place(block - it.at));
                    open.write_all_at(old.expect("a part of it"), at)?;
                    bytes += block - at;
                }
                at = block;
            }
        }
        Ok(bytes)
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
fn entry(line: &str) -> Option<(u64, Safe)> {
    let mut numbers = line.split(' ').map(|it| it.parse().ok());
    let (inode, length, over) = (numbers.next()??, numbers.next()??, numbers.next()??);
    Some((inode, Safe { length, over }))
}

/// What the journal holds. The kill may have torn the last one, before its write.
fn written_over(journal: &[u8]) -> impl Iterator<Item = Over> {
    let mut rest = journal;
    std::iter::from_fn(move || {
        let place = (journal.len() - rest.len()) as u64;
        let [inode, at, length] = {
            let (head, more) = rest.split_first_chunk::<24>()?;
            rest = more;
            let mut numbers = head.chunks_exact(8).map(|it| it.try_into().map(u64::from_ne_bytes));
            [numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?]
        };
        let (old, more) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        rest = more;
        Some(Over { inode, at, old: old.to_vec(), place })
    })
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
