//! Sees that somebody has edited a mapping, a code map, the dictionary or a rule, and has the set
//! loaded anew once the edits rest.
//!
//! Two ways, since each fails somewhere: the kernel's notices, which network shares do not give, and
//! a look at names, sizes and times every now and then, which is late. Either only rings the bell;
//! what is in the files is decided by reading them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio_util::sync::CancellationToken;

use super::reload;
use crate::config;
use crate::intake::Road;

/// Watches until told to stop, on a thread of its own: a network share that hangs then holds up
/// nobody. Nothing waits for its end, since it may be hanging just then.
pub(crate) fn start(road: Arc<Road>, stop: CancellationToken) -> std::io::Result<()> {
    let (bell, notices) = sync_channel(1);
    let wake = bell.clone();
    let stopped = stop.clone();
    thread::Builder::new()
        .name("watch".to_owned())
        .spawn(move || run(&road, bell, &notices, &stopped))?;
    tokio::spawn(async move {
        stop.cancelled().await;
        let _ = wake.try_send(()); // one that is notices already wakes it as well
    });
    Ok(())
}

/// Begins with a reload: the files may have changed since they were read.
fn run(road: &Road, bell: SyncSender<()>, notices: &Receiver<()>, stop: &CancellationToken) {
    let mut watch = Watch::new(folders(&road.config.sets), bell);
    let mut may_try_again = true;
    watch.has_changed();
    loop {
        // Before the files are read: what changes behind the reading must ring.
        watch.renew();
        // A panic in there is a fault of ours; the set in force is whole all the same.
        let reloaded = catch_unwind(AssertUnwindSafe(|| reload(road)));
        let failed = !matches!(reloaded, Ok(Ok(_)));
        // Once more a little later: perhaps a copy was under way. Then not before something changes.
        let again = (failed && std::mem::take(&mut may_try_again)).then_some(AGAIN_AFTER);
        if watch.change(notices, again, road.config.sets.poll) {
            rest(notices, stop);
            may_try_again = true;
        }
        if stop.is_cancelled() {
            return;
        }
    }
}

/// Returns when nothing has changed for a moment, when the changes do not end, or at a stop.
fn rest(notices: &Receiver<()>, stop: &CancellationToken) {
    let at_most = Instant::now() + RESTLESS_MAX;
    let may_wait = || Instant::now() < at_most && !stop.is_cancelled();
    while may_wait() && notices.recv_timeout(QUIET).is_ok() {}
}

fn folders(sets: &config::Sets) -> Vec<PathBuf> {
    let folders = [&sets.schemas, &sets.mappings, &sets.rules, &sets.overlay];
    // In full, since the kernel's notices name files in full.
    let full = |it: &PathBuf| std::path::absolute(it).unwrap_or_else(|_| it.clone());
    folders.into_iter().flatten().map(full).collect()
}

/// The folders and what was last seen of them.
struct Watch {
    folders: Vec<PathBuf>,
    bell: SyncSender<()>,
    watcher: Option<RecommendedWatcher>,
    /// The folders themselves, as the kernel knows them: one that is renamed takes its watch along.
    watched: Vec<Option<(u64, u64)>>,
    seen: Vec<Look>,
}

/// A file as far as one can see without reading it.
type Look = (PathBuf, u64, i64, i64, u64);

impl Watch {
    fn new(folders: Vec<PathBuf>, bell: SyncSender<()>) -> Watch {
        Watch { folders, bell, watcher: None, watched: Vec::new(), seen: Vec::new() }
    }

    /// Asks the kernel for notices about the folders that are there now.
    fn renew(&mut self) {
        let there: Vec<_> = self.folders.iter().map(|it| identity(it)).collect();
        if there == self.watched {
            return;
        }
        self.watched = there;
        self.watcher = match watcher(&self.folders, self.bell.clone()) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::warn!(%error, "no notices of edits; the folders are looked at instead");
                None
            }
        };
    }

    /// Returns when something has changed, or `false` when it is time to try again.
    fn change(&mut self, notices: &Receiver<()>, again: Option<Duration>, poll: Duration) -> bool {
        let again_at = again.map(|it| Instant::now() + it);
        loop {
            let left = again_at.map(|it| it.saturating_duration_since(Instant::now()));
            let heard = notices.recv_timeout(left.map_or(poll, |it| it.min(poll))).is_ok();
            let changed = self.has_changed();
            if heard || changed {
                return true;
            }
            if again_at.is_some_and(|it| it <= Instant::now()) {
                return false;
            }
        }
    }

    /// Looks at every file's name, size and time, and whether that is new.
    fn has_changed(&mut self) -> bool {
        let mut seen = Vec::new();
        self.folders.iter().for_each(|it| look(it, &mut seen));
        seen.sort();
        let changed = seen != self.seen;
        self.seen = seen;
        changed
    }
}

fn watcher(folders: &[PathBuf], bell: SyncSender<()>) -> notify::Result<RecommendedWatcher> {
    let about = folders.to_vec();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let ours = |it: &PathBuf| about.iter().any(|folder| it.starts_with(folder));
        let rings = match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false, // our own reading
            Ok(event) => event.need_rescan() || event.paths.iter().any(ours),
            Err(_) => true, // notices were lost
        };
        if rings {
            let _ = bell.try_send(()); // one that is notices already need not be notices twice
        }
    })?;
    for folder in folders {
        // The folder above sees when this one is replaced as a whole.
        if let Some(above) = folder.parent() {
            watcher.watch(above, RecursiveMode::NonRecursive)?;
        }
        if folder.is_dir() {
            watcher.watch(folder, RecursiveMode::Recursive)?;
        }
    }
    Ok(watcher)
}

/// The kernel's notices about one folder, as long as this lives.
pub(crate) struct Notices(#[allow(dead_code)] RecommendedWatcher);

/// Rings when something in a folder changes; nothing where the kernel gives no notices.
pub(crate) fn notices(folder: &Path, bell: SyncSender<()>) -> Option<Notices> {
    let rings = move |event: notify::Result<notify::Event>| {
        if !event.is_ok_and(|it| matches!(it.kind, EventKind::Access(_))) {
            let _ = bell.try_send(()); // one that is rung already need not be rung twice
        }
    };
    let mut watcher = notify::recommended_watcher(rings).ok()?;
    watcher.watch(folder, RecursiveMode::NonRecursive).ok()?;
    Some(Notices(watcher))
}

fn identity(folder: &Path) -> Option<(u64, u64)> {
    fs::metadata(folder).ok().map(|it| (it.dev(), it.ino()))
}

fn look(folder: &Path, seen: &mut Vec<Look>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(about) = fs::metadata(&path) else { continue };
        if about.is_dir() {
            look(&path, seen);
        } else {
            seen.push((path, about.len(), about.mtime(), about.mtime_nsec(), about.ino()));
        }
    }
}

/// An editor that saves and a script that copies pause less than this between two files.
const QUIET: Duration = Duration::from_millis(500);
/// Whatever goes on longer is tried as it is; half a set does not load.
const RESTLESS_MAX: Duration = Duration::from_secs(5);
const AGAIN_AFTER: Duration = Duration::from_secs(2);
