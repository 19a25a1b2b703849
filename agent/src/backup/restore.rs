//! Makes an agent of a backup, on a machine that has none.
//!
//! What the backup does not know: what was delivered after it was made, and what was accepted. Of the
//! first, records that waited then go out once more, under the ids and numbers they had; the platform drops
//! those it has. Of the second, nothing is left but their numbers, which may be known to the platform:
//! so many numbers stay free that none is given out twice.
//!
//! The store comes last, under its name by one rename (`mounted.rs` tells of the other way): before that there is no
//! agent, and a restore that was cut off is begun again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use serde::Serialize;
use toml::{Table, Value};
use uuid::Uuid;

use super::manifest::{Counts, Manifest};
use super::placed::{Placed, prove_key};
use super::places::{Kind, Place, places};
use super::verify::{Opened, verify};
use super::{BackupError, mounted};
use crate::config::Config;
use crate::daemon_user::DaemonUser;
use crate::durable_folder::make_durable_folder;
use crate::master_key::{KeySource, MasterKey};
use crate::mount_point::is_the_file_systems;
use crate::outbox::{Leap, Options, leap};
use crate::{clock, secret_file};

/// What is to be brought back, and where.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) backup: PathBuf,
    pub(crate) key: MasterKey,
    /// Where the configuration goes, or lies.
    pub(crate) config: PathBuf,
    /// The configuration that lies there says where everything goes.
    pub(crate) keep_config: bool,
    /// The highest number that the platform has, if somebody has looked.
    pub(crate) after_seq: Option<u64>,
}

/// What was brought back.
#[derive(Debug, Serialize)]
pub(crate) struct Restored {
    pub(crate) id: String,
    pub(crate) counts: Counts,
    /// The first number that stays free, and the next that is given out.
    pub(crate) free_from: u64,
    pub(crate) next_seq: u64,
    pub(crate) outbox: PathBuf,
    /// What lay there and was moved aside.
    pub(crate) moved: Vec<PathBuf>,
    /// Secrets that lay there and stayed.
    pub(crate) stayed: Vec<PathBuf>,
}

/// Brings an agent back. Nothing is touched when the backup or the key is not right, or data is there.
pub(crate) fn restore(wish: &Wish) -> Result<Restored, BackupError> {
    verify(&wish.backup, None, None)?;
    let manifest = Manifest::read(&wish.backup)?;
    let opened = Opened::of(&wish.backup, manifest, &wish.key)?;
    let text = if wish.keep_config {
        fs::read_to_string(&wish.config).map_err(|it| BackupError::at(&wish.config, &it))?
    } else {
        opened.text("agent.toml")?
    };
    let store = store_of(&text);
    refuse_store(&store)?;
    let mut placed = Placed::by(DaemonUser::of(&store));
    let restored = place_and_bring(wish, (&opened, &text), &mut placed);
    if restored.is_err() {
        placed.undo();
    }
    restored
}

/// The secrets come first: without them the configuration cannot be proved.
fn place_and_bring(
    wish: &Wish,
    (opened, text): (&Opened<'_>, &str),
    placed: &mut Placed,
) -> Result<Restored, BackupError> {
    let master = opened.master()?;
    placed.secrets(opened, text)?;
    placed.master(&master, text, &wish.config)?;
    let config = Config::parse("agent.toml", text).map_err(|problems| {
        let cause = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        BackupError::Failed {
            what: "备份里的配置在这台机器上用不了".to_owned(), cause
        }
    })?;
    prove_key(&config, text, &master)?;
    Bringing { wish, opened, config: &config, text }.bring(placed)
}

/// Where the store lies, read without proving the rest: its secrets may have yet to come.
pub(super) fn store_of(text: &str) -> PathBuf {
    let table: Table = text.parse().unwrap_or_default();
    let dir = table.get("outbox").and_then(|it| it.get("dir")).and_then(Value::as_str);
    PathBuf::from(dir.unwrap_or("/var/lib/his-agent/outbox"))
}

/// A folder with anything in it is somebody's data.
fn refuse_data(place: &Path) -> Result<(), BackupError> {
    if has_any(place) {
        return Err(BackupError::HasData { place: place.to_owned() });
    }
    Ok(())
}

/// The same, but for what a restore that was cut off has left of a store that grew inside its folder.
fn refuse_store(store: &Path) -> Result<(), BackupError> {
    let is_begun = secret_file::folder_of(store).join(MARK).exists();
    if is_begun && mounted::is_half(&growing(store), store) {
        return Ok(());
    }
    refuse_data(store)
}

/// Where the store grows until it gets its name.
fn growing(store: &Path) -> PathBuf {
    mounted::beside(store, "restoring")
}

pub(super) fn has_any(place: &Path) -> bool {
    match fs::read_dir(place) {
        Ok(entries) => entries.flatten().any(|it| !is_the_file_systems(&it.path())),
        Err(_) => place.exists(),
    }
}

/// Refuses to begin with an empty store where a restore was cut off: it would take the place of the
/// one that is to come.
pub(crate) fn refuse_unfinished(store: &Path) -> Result<(), BackupError> {
    let mark = secret_file::folder_of(store).join(MARK);
    if !mark.exists() {
        return Ok(());
    }
    let growing = growing(store);
    if !has_any(store) || mounted::is_half(&growing, store) {
        return Err(BackupError::Unfinished { mark });
    }
    mounted::clear(&growing, store).map_err(|it| BackupError::at(&growing, &it))?;
    // The store came, and a crash left the mark: it must not permit to write over what is here later.
    fs::remove_file(&mark).map_err(|it| BackupError::at(&mark, &it))
}

/// What a restore writes apart from the store, said before it writes: what it found empty then is its own
/// when it is begun again.
struct Mark {
    file: PathBuf,
    text: String,
}

impl Mark {
    fn of(home: &Path, id: &str, data: &[&Place]) -> Mark {
        let places = data.iter().map(|it| it.path.display().to_string());
        let lines: Vec<String> = std::iter::once(id.to_owned()).chain(places).collect();
        Mark { file: home.join(MARK), text: lines.join("\n") }
    }

    /// Whether the same was begun here before.
    fn stands(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|it| it == self.text)
    }

    fn set(&self) -> Result<(), BackupError> {
        let written = secret_file::write(&self.file, self.text.as_bytes());
        written.map_err(|it| BackupError::at(&self.file, &it))
    }
}

struct Bringing<'a> {
    wish: &'a Wish,
    opened: &'a Opened<'a>,
    config: &'a Config,
    text: &'a str,
}

impl Bringing<'_> {
    fn bring(&self, placed: &mut Placed) -> Result<Restored, BackupError> {
        let manifest = &self.opened.manifest;
        let all = places(self.config, &self.wish.config, self.text);
        let data: Vec<&Place> = all.iter().filter(|it| it.kind == Kind::Data).collect();
        let dir = &self.config.outbox.dir;
        let home = secret_file::folder_of(dir);
        let mark = Mark::of(home, &manifest.id, &data);
        if !mark.stands() {
            data.iter().try_for_each(|it| refuse_data(&it.path))?;
            make_durable_folder(home).map_err(|it| BackupError::at(home, &it))?;
            mark.set()?;
        }
        let growing = growing(dir);
        mounted::clear(&growing, dir).map_err(|it| BackupError::at(&growing, &it))?;
        self.opened.store(&growing)?;
        let leap = self.leave_free(&growing)?;
        for place in data {
            self.opened.write(&place.root, &place.path)?;
            placed.give(&place.path, Kind::Data)?;
        }
        for place in all.iter().filter(|it| it.kind == Kind::Edited) {
            self.edited(place, placed)?;
        }
        placed.give(if growing.starts_with(dir) { dir } else { &growing }, Kind::Data)?;
        mounted::name_store(&growing, dir).map_err(|it| BackupError::at(dir, &it))?;
        placed.keep();
        let done = fs::remove_file(&mark.file).and_then(|()| File::open(home)?.sync_all());
        done.map_err(|it| BackupError::at(&mark.file, &it))?;
        Ok(Restored {
            id: manifest.id.clone(),
            counts: manifest.counts,
            free_from: leap.from,
            next_seq: leap.next_seq,
            outbox: dir.clone(),
            moved: std::mem::take(&mut placed.moved),
            stayed: std::mem::take(&mut placed.stayed),
        })
    }

    /// What people edit: what lies there is moved aside, and the configuration stays where it decides.
    fn edited(&self, place: &Place, placed: &mut Placed) -> Result<(), BackupError> {
        let root = place.root.as_str();
        if self.opened.of_root(root).next().is_none() {
            return Ok(());
        }
        let is_config = root == "agent.toml";
        let to = if is_config && self.wish.keep_config {
            place.path.with_added_extension("from-backup")
        } else {
            place.path.clone()
        };
        let is_same = is_config && fs::read_to_string(&to).is_ok_and(|it| it == self.text);
        if to.exists() && !is_same {
            let aside = free_beside(&to);
            fs::rename(&to, &aside).map_err(|it| BackupError::at(&to, &it))?;
            placed.moved.push(aside);
        }
        self.opened.write(root, &to)?;
        placed.give(&to, Kind::Edited)
    }

    /// The numbers that may have been given out since, at ten times the pace of the store's whole life.
    fn leave_free(&self, store: &Path) -> Result<Leap, BackupError> {
        let manifest = &self.opened.manifest;
        let next = manifest.counts.next_seq;
        let numbers = match self.wish.after_seq {
            Some(highest) => highest.saturating_add(1).saturating_sub(next),
            None => numbers_since(next, &manifest.epoch, &manifest.id),
        };
        let key = KeySource::Given(self.opened.master()?);
        Ok(leap(store, &Options { key, ..Options::default() }, numbers)?)
    }
}

fn numbers_since(next_seq: u64, epoch: &str, id: &str) -> u64 {
    let now = clock::now();
    let made = super::begun_at(id).unwrap_or(now);
    let begun = Uuid::parse_str(epoch).ok().and_then(|it| it.get_timestamp());
    let begun = begun.and_then(|it| i64::try_from(it.to_unix().0).ok());
    let begun = begun.and_then(|it| jiff::Timestamp::from_second(it).ok());
    let days = |from: DateTime, to: DateTime| {
        let hours = clock::instant(to).duration_since(clock::instant(from)).as_hours();
        u64::try_from(hours / 24).unwrap_or(0) + 1
    };
    let a_day = next_seq / begun.map_or(1, |it| days(clock::china(it), made));
    let since = a_day.saturating_mul(TIMES).saturating_mul(days(made, now));
    since.clamp(FREE_MIN, FREE_MAX)
}

pub(super) fn free_beside(path: &Path) -> PathBuf {
    let named = |count: u32| match count {
        0 => path.with_added_extension("before-restore"),
        _ => path.with_added_extension(format!("before-restore-{count}")),
    };
    (0..1_000).map(named).find(|it| !it.exists()).unwrap_or_else(|| named(1_000))
}

/// Beside the store while a restore is under way.
const MARK: &str = ".restoring";
/// The busiest day is told from the average one.
const TIMES: u64 = 10;
const FREE_MIN: u64 = 1_000_000;
/// Half of what is remembered of business keys, which is counted in numbers.
const FREE_MAX: u64 = 50_000_000;
