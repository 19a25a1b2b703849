//! Makes a backup of an agent that may be running: what is there is sealed file by file, read back, and only
//! then given its name.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::manifest::{Counts, Key, Listed, Manifest};
use super::places::{Place, places};
use super::room::{Room, SLACK};
use super::verify::verify_in;
use super::{BackupError, mounted, seal};
use crate::aead::Aead;
use crate::config::Config;
use crate::durable_folder::make_durable_folder;
use crate::forward::files::POSITION;
use crate::master_key::{KeySource, MasterKey};
use crate::outbox::{Outbox, doctor};
use crate::secret_file::folder_of;
use crate::{clock, pipeline};

/// A backup that is on disk and was read back.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) dir: PathBuf,
    /// Of the sealed files.
    pub(crate) bytes: u64,
    pub(crate) counts: Counts,
    /// Fingerprint of the key that opens it.
    pub(crate) fingerprint: String,
}

/// What is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    /// The folder of backups.
    pub(crate) to: &'a Path,
    /// A key for backups, or else the store's own.
    pub(crate) key: Option<&'a MasterKey>,
    /// Somebody asks for it; it is not the one of the day.
    pub(crate) by_hand: bool,
}

/// Backs an agent up into a folder of its own. Blocks, for as long as reading everything twice takes.
pub(crate) fn create(
    (config, file): (&Config, &Path),
    outbox: &Outbox,
    order: Order<'_>,
) -> Result<Made, BackupError> {
    let to = order.to;
    make_durable_folder(to).map_err(|it| BackupError::at(to, &it))?;
    clear(to, outbox.epoch())?;
    let id = free_id(to);
    let (part, named) = (hidden(to, &id, outbox.epoch(), "part"), to.join(&id));
    let checkpoint = checkpoint_of(config);
    remove(&checkpoint)?;
    let making = Making { config, file, outbox, order, part: &part, checkpoint: &checkpoint };
    let made = making.make(&id);
    drop(remove(&checkpoint));
    let made = made.and_then(|manifest| {
        let renamed = fs::rename(&part, &named).and_then(|()| File::open(to)?.sync_all());
        renamed.map_err(|it| BackupError::at(&named, &it))?;
        Ok(manifest)
    });
    if made.is_err() {
        drop(remove(&part));
    }
    let manifest = made?;
    let (bytes, counts) = (manifest.bytes(), manifest.counts);
    let fingerprint = manifest.key.fingerprint;
    Ok(Made { id, dir: named, bytes, counts, fingerprint })
}

struct Making<'a> {
    config: &'a Config,
    file: &'a Path,
    outbox: &'a Outbox,
    order: Order<'a>,
    part: &'a Path,
    checkpoint: &'a Path,
}

impl Making<'_> {
    fn make(&self, id: &str) -> Result<Manifest, BackupError> {
        let master = self.outbox.master_key()?;
        let wrapping = self.order.key.unwrap_or(&master);
        self.outbox.checkpoint(self.checkpoint)?;
        let text = fs::read_to_string(self.file).map_err(|it| BackupError::at(self.file, &it))?;
        let places = places(self.config, self.file, &text);
        let (room, read_back) =
            (Room { config: self.config, to: self.order.to }, size(self.checkpoint) + SLACK);
        let sealed: u64 =
            places.iter().map(|it| size(&it.path)).sum::<u64>() + size(self.checkpoint);
        room.prove(sealed + read_back)?;
        let examined = doctor::examine(self.checkpoint, &KeySource::Given(master.clone()))?;
        let part = |it: &io::Error| BackupError::at(self.part, it);
        DirBuilder::new().mode(0o700).create(self.part).map_err(|it| part(&it))?;
        let is_own = wrapping.fingerprint() != master.fingerprint();
        let (key, aead) = Key::draw(wrapping, is_own).map_err(|it| part(&it))?;
        let (files, left) = (Vec::new(), sealed + read_back);
        let mut sealing = Sealing { aead: &aead, part: self.part, room, left, files };
        sealing.folder("outbox", self.checkpoint, self.checkpoint)?;
        if is_own {
            sealing.text("store.key", &master.written())?;
        }
        for Place { root, path, .. } in places {
            sealing.folder(&root, &path, &path)?;
        }
        let of = (self.config.hospital.code.as_str(), self.outbox.epoch());
        let named = (id, self.order.by_hand);
        let manifest = Manifest::new(named, of, Counts::of(&examined), (key, sealing.files));
        let manifest = manifest.write(self.part, &aead).map_err(|it| part(&it))?;
        room.prove(read_back)?;
        read_back_by(wrapping, self.part, &manifest)?;
        Ok(manifest)
    }
}

/// Beside the part, under a name that the next backup removes.
fn read_back_by(key: &MasterKey, part: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let scratch = hidden(folder_of(part), &manifest.id, &manifest.epoch, "opened");
    verify_in(part, key, &scratch).map(drop)
}

/// Bytes of what would be sealed.
fn size(at: &Path) -> u64 {
    let Ok(about) = fs::metadata(at) else { return 0 };
    if !about.is_dir() {
        return about.len();
    }
    let paths = fs::read_dir(at).into_iter().flatten().flatten().map(|it| it.path());
    paths.filter(|it| belongs(it)).map(|it| size(&it)).sum()
}

/// Files as they are sealed one after another.
struct Sealing<'a> {
    aead: &'a Aead,
    part: &'a Path,
    room: Room<'a>,
    /// Bytes that are yet to be written, the reading back among them.
    left: u64,
    files: Vec<Listed>,
}

impl Sealing<'_> {
    /// Seals a file, or everything in a folder. What is not there, or goes meanwhile, is no part of it.
    fn folder(&mut self, root: &str, base: &Path, at: &Path) -> Result<(), BackupError> {
        let about = match fs::metadata(at) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(BackupError::at(at, &error)),
        };
        if about.is_dir() {
            // How far records were written comes before them: one that is behind costs doubles that are
            // told by their ids, and one that is ahead would cost records.
            let position = at.join(POSITION);
            if position.is_file() {
                self.folder(root, base, &position)?;
            }
            let entries = fs::read_dir(at).map_err(|it| BackupError::at(at, &it))?;
            let mut paths: Vec<PathBuf> = entries.flatten().map(|it| it.path()).collect();
            paths.sort();
            return paths
                .iter()
                .filter(|it| belongs(it) && **it != position)
                .try_for_each(|it| self.folder(root, base, it));
        }
        if !about.is_file() {
            return Ok(());
        }
        let path = at.strip_prefix(base).unwrap_or(at);
        let Some(path) = path.to_str().map(str::to_owned) else {
            let what = format!("{}：文件名不是 UTF-8", at.display());
            return Err(BackupError::Failed { what, cause: "备份不了".to_owned() });
        };
        self.room.prove(self.left)?;
        match File::open(at) {
            Ok(mut file) => {
                let name = (root.to_owned(), path, about.permissions().mode() & 0o777);
                self.seal(name, &mut file).map_err(|it| BackupError::at(at, &it))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(BackupError::at(at, &error)),
        }
    }

    fn text(&mut self, root: &str, text: &str) -> Result<(), BackupError> {
        let name = (root.to_owned(), String::new(), 0o600);
        let sealed = self.seal(name, &mut text.as_bytes());
        sealed.map_err(|it| BackupError::failed(root, &it))
    }

    fn seal(
        &mut self,
        (root, path, mode): (String, String, u32),
        from: &mut impl Read,
    ) -> io::Result<()> {
        let number = u32::try_from(self.files.len()).map_err(io::Error::other)?;
        let sealed = self.part.join(sealed_name(number));
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(sealed)?;
        // The disk is the doors': a receipt must not wait for a backup.
        let (plain, sealed) =
            seal::seal(self.aead, number, from, &mut to, || thread::sleep(PAUSE))?;
        to.sync_all()?;
        self.left = self.left.saturating_sub(plain.bytes);
        self.files.push(Listed {
            root,
            path,
            mode,
            bytes: plain.bytes,
            sha256: plain.sha256,
            sealed_bytes: sealed.bytes,
            sealed_sha256: sealed.sha256,
        });
        Ok(())
    }
}

/// Where the store as it is at one moment lies while it is copied out: on its own disk.
pub(super) fn checkpoint_of(config: &Config) -> PathBuf {
    mounted::beside(&config.outbox.dir, "backup")
}

/// What is no backup, or not yet; by the store it is of, for several may share the folder.
pub(super) fn hidden(to: &Path, id: &str, epoch: &str, ending: &str) -> PathBuf {
    to.join(format!(".{id}.{epoch}.{ending}"))
}

/// The name of a sealed file: by its place, for names tell of vendors and secrets.
pub(super) fn sealed_name(number: u32) -> String {
    format!("{number:06}.sealed")
}

/// Not what is being written just now, and nothing of an open store that is no part of it.
fn belongs(path: &Path) -> bool {
    let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    let is_half = name.starts_with('.') && name != ".position.json";
    let is_half = is_half || [".new", ".tmp"].iter().any(|it| name.ends_with(it));
    !is_half
        && !["LOCK", "LOG", "reserve", "IDENTITY"].contains(&name)
        && !name.starts_with("LOG.old")
}

/// The time, and a number where two are begun in one second.
fn free_id(to: &Path) -> String {
    let stamp = pipeline::stamp(clock::now());
    let (day, time) = stamp.split_at_checked(8).unwrap_or((&stamp, ""));
    let named = |count: u32| match count {
        1 => format!("{day}T{time}"),
        _ => format!("{day}T{time}-{count}"),
    };
    (1..1_000).map(named).find(|it| !to.join(it).exists()).unwrap_or_else(|| named(1_000))
}

/// Removes what a crash has left of a backup, or of somebody's reading one; who reads one now is let.
fn clear(to: &Path, epoch: &str) -> Result<(), BackupError> {
    let endings = [format!(".{epoch}.part"), format!(".{epoch}.opened")];
    let entries = fs::read_dir(to).map_err(|it| BackupError::at(to, &it))?;
    for path in entries.flatten().map(|it| it.path()) {
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let is_left = endings.iter().any(|it| name.ends_with(it))
            || name.ends_with(&format!(".{READING}")) && is_old(&path);
        if name.starts_with('.') && is_left {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Nothing was done in the folder for a day.
fn is_old(dir: &Path) -> bool {
    let changed = fs::metadata(dir).and_then(|it| it.modified()).ok();
    changed.and_then(|it| it.elapsed().ok()).is_some_and(|it| it > A_DAY)
}

pub(super) fn remove(dir: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BackupError::at(dir, &error)),
        _ => Ok(()),
    }
}

/// After each megabyte: a backup takes at most some fifty of them a second.
const PAUSE: Duration = Duration::from_millis(10);
/// How a folder ends in which somebody reads a backup.
pub(super) const READING: &str = "reading";
const A_DAY: Duration = Duration::from_hours(24);
