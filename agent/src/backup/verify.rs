//! Reads a backup back: every file's digest, and with the key every block, the store opened and counted.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::BackupError;
use super::create::{READING, hidden, remove, sealed_name};
use super::manifest::{Counts, Listed, Manifest};
use super::room::SLACK;
use super::seal::{self, Passed, Unsealed};
use crate::aead::Aead;
use crate::clock;
use crate::durable_folder::make_durable_folder;
use crate::master_key::{KeySource, MasterKey};
use crate::outbox::{Mark, Options, doctor, high_water_on, leap};
use crate::secret_file::folder_of;

/// Proves a backup as far as the key lets one; without it, that no file was changed since. What is opened lies
/// beside the backup meanwhile, or in a folder that somebody names, as the medium may be full or take no writes.
pub(crate) fn verify(
    dir: &Path,
    key: Option<&MasterKey>,
    scratch: Option<&Path>,
) -> Result<Manifest, BackupError> {
    let Some(key) = key else {
        let manifest = Manifest::read(dir)?;
        (0..).zip(&manifest.files).try_for_each(|(number, it)| is_whole(dir, number, it))?;
        return Ok(manifest);
    };
    // Its own name: the agent may make a backup here meanwhile, and others may read.
    let name = hidden(Path::new(""), "verify", &clock::new_id(), READING);
    let place = match scratch {
        Some(scratch) => scratch.to_owned(),
        None => roomy([folder_of(dir).to_owned(), std::env::temp_dir()], &Manifest::read(dir)?)?,
    };
    verify_in(dir, key, &place.join(name))
}

/// The first folder that takes writes and has room for the store.
fn roomy(places: [PathBuf; 2], manifest: &Manifest) -> Result<PathBuf, BackupError> {
    let store = manifest.files.iter().filter(|it| it.root == "outbox").map(|it| it.bytes);
    let wanted = store.fold(SLACK, u64::saturating_add);
    let mut missing = wanted;
    for place in &places {
        let try_out = place.join(hidden(Path::new(""), "try", &clock::new_id(), READING));
        let takes_writes = fs::create_dir(&try_out).and_then(|()| fs::remove_dir(&try_out)).is_ok();
        let free = high_water_on(place, Mark::Auto, Mark::Auto).map_or(0, |it| it.0);
        missing = wanted.saturating_sub(free);
        if takes_writes && missing == 0 {
            return Ok(place.clone());
        }
    }
    let [_, place] = places;
    Err(BackupError::NoRoom { place, missing })
}

/// Opens everything; the store in a folder that is gone afterwards.
pub(super) fn verify_in(
    dir: &Path,
    key: &MasterKey,
    store: &Path,
) -> Result<Manifest, BackupError> {
    let opened = Opened::of(dir, Manifest::read(dir)?, key)?;
    remove(store)?;
    let read = opened.read_all(store);
    drop(remove(store));
    read?;
    Ok(opened.manifest)
}

fn is_whole(dir: &Path, number: u32, listed: &Listed) -> Result<(), BackupError> {
    let name = sealed_name(number);
    let found = File::open(dir.join(&name)).and_then(|mut it| seal::measured(&mut it));
    let damaged = || BackupError::damaged(&format!("{name}（{}）", listed.name()));
    let found = found.map_err(|_| damaged())?;
    let wanted = Passed { bytes: listed.sealed_bytes, sha256: listed.sealed_sha256.clone() };
    if found == wanted { Ok(()) } else { Err(damaged()) }
}

/// A backup whose manifest is proved.
pub(super) struct Opened<'a> {
    dir: &'a Path,
    aead: Aead,
    key: &'a MasterKey,
    pub(super) manifest: Manifest,
}

impl<'a> Opened<'a> {
    pub(super) fn of(
        dir: &'a Path,
        manifest: Manifest,
        key: &'a MasterKey,
    ) -> Result<Opened<'a>, BackupError> {
        let aead = manifest.key.unwrap(key)?;
        manifest.prove(&aead)?;
        Ok(Opened { dir, aead, key, manifest })
    }

    /// The files of a root, with their numbers.
    pub(super) fn of_root(&self, root: &str) -> impl Iterator<Item = (u32, &Listed)> {
        (0..).zip(&self.manifest.files).filter(move |(_, it)| it.root == root)
    }

    /// Every other root, once.
    pub(super) fn roots(&self) -> Vec<&str> {
        let mut roots: Vec<&str> = self.manifest.files.iter().map(|it| it.root.as_str()).collect();
        roots.dedup();
        roots
    }

    /// The master key of the store: the one given, or the one inside.
    pub(super) fn master(&self) -> Result<MasterKey, BackupError> {
        if !self.manifest.key.is_own {
            return Ok(self.key.clone());
        }
        let text = self.text("store.key")?;
        text.parse().map_err(|_| BackupError::damaged("store.key"))
    }

    /// A root that is one small file.
    pub(super) fn text(&self, root: &str) -> Result<String, BackupError> {
        let (number, listed) =
            self.of_root(root).next().ok_or_else(|| BackupError::damaged(root))?;
        let mut bytes = Vec::new();
        self.unseal(number, listed, &mut bytes)?;
        String::from_utf8(bytes).map_err(|_| BackupError::damaged(root))
    }

    /// Writes the files of a root, synced, with the rights they had.
    pub(super) fn write(&self, root: &str, to: &Path) -> Result<(), BackupError> {
        let mut folders = BTreeSet::new();
        for (number, listed) in self.of_root(root) {
            let path = place_in(to, &listed.path).ok_or_else(|| BackupError::damaged(root))?;
            let failed = |it: &io::Error| BackupError::at(&path, it);
            let folder = folder_of(&path);
            if folders.insert(folder.to_owned()) {
                make_durable_folder(folder).map_err(|it| failed(&it))?;
            }
            // Whole or not there: what a crash cuts off must not be taken for what lay here before.
            let new = path.with_added_extension("new");
            let mut how = OpenOptions::new();
            let file = how.write(true).create(true).truncate(true).mode(0o600).open(&new);
            let mut file = file.map_err(|it| failed(&it))?;
            self.unseal(number, listed, &mut file)?;
            let mode = fs::Permissions::from_mode(listed.mode);
            file.set_permissions(mode).and_then(|()| file.sync_all()).map_err(|it| failed(&it))?;
            fs::rename(&new, &path).map_err(|it| failed(&it))?;
        }
        folders.iter().try_for_each(|it| {
            File::open(it).and_then(|it| it.sync_all()).map_err(|error| BackupError::at(it, &error))
        })
    }

    /// Writes the store, opens it and counts: it must be what the manifest says.
    pub(super) fn store(&self, to: &Path) -> Result<(), BackupError> {
        let key = KeySource::Given(self.master()?);
        fs::create_dir_all(to).map_err(|it| BackupError::at(to, &it))?;
        fs::set_permissions(to, fs::Permissions::from_mode(0o700))
            .map_err(|it| BackupError::at(to, &it))?;
        self.write("outbox", to)?;
        let examined = doctor::examine(to, &key)?;
        let (found, wanted) = (Counts::of(&examined), self.manifest.counts);
        if found != wanted {
            let what = format!("备份时 {wanted:?}，读回来 {found:?}");
            return Err(BackupError::Differs { what });
        }
        Ok(())
    }

    fn read_all(&self, store: &Path) -> Result<(), BackupError> {
        self.store(store)?;
        let options = Options { key: KeySource::Given(self.master()?), ..Options::default() };
        let opened = leap(store, &options, 0)?;
        if opened.next_seq != self.manifest.counts.next_seq {
            let what = format!("打开后下一个编号是 {}", opened.next_seq);
            return Err(BackupError::Differs { what });
        }
        for (number, listed) in (0..).zip(&self.manifest.files) {
            if listed.root != "outbox" {
                self.unseal(number, listed, &mut io::sink())?;
            }
        }
        Ok(())
    }

    fn unseal(&self, number: u32, listed: &Listed, to: &mut impl Write) -> Result<(), BackupError> {
        let name = sealed_name(number);
        let damaged = || BackupError::damaged(&format!("{name}（{}）", listed.name()));
        let mut from = match File::open(self.dir.join(&name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged()),
            Err(error) => return Err(BackupError::failed(&name, &error)),
        };
        let told = seal::unseal(&self.aead, number, &mut from, to);
        let (sealed, plain) = told.map_err(|why| match why {
            Unsealed::Damaged => damaged(),
            Unsealed::Failed(error) => BackupError::failed(&name, &error),
        })?;
        let wanted = [(listed.sealed_bytes, &listed.sealed_sha256), (listed.bytes, &listed.sha256)];
        let found = [(sealed.bytes, &sealed.sha256), (plain.bytes, &plain.sha256)];
        if found == wanted { Ok(()) } else { Err(damaged()) }
    }
}

/// The path of a file inside a root; nothing for one that would leave it.
fn place_in(root: &Path, path: &str) -> Option<PathBuf> {
    let is_inside = !path.split('/').any(|it| it == "..") && !path.starts_with('/');
    let place = if path.is_empty() { root.to_owned() } else { root.join(path) };
    is_inside.then_some(place)
}
