//! What belongs to an agent, and where it lies: asked when a backup is made, and again on the machine it is
//! brought back to, where the places may be others.

use std::path::{Path, PathBuf};

use crate::config::{Config, ForwardConfig, named};

/// A file or folder by the name it has in every backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) root: String,
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

/// What becomes of what is there already when a backup is brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Data: it is refused.
    Data,
    /// What people edit, and files that came with an installation: it is moved aside.
    Edited,
    /// A secret that the configuration names: it stays.
    Secret,
}

/// Everything but the store itself.
pub(super) fn places(config: &Config, file: &Path, text: &str) -> Vec<Place> {
    let beside = |name: &str| config.outbox.dir.with_file_name(name);
    let mut places = Places::default();
    places.add("agent.toml", file, Kind::Edited);
    places.add("patient.key", &config.history.key_file, Kind::Data);
    places.add("signing.key", &beside("signing.key"), Kind::Data);
    for name in BESIDE {
        places.add(name, &beside(name), Kind::Data);
    }
    places.add("quality", &config.quality.dir, Kind::Data);
    places.add("archive", &config.sets.archive, Kind::Data);
    places.add("versions", &config.versions.dir, Kind::Data);
    places.add("calls", &config.calls.dir, Kind::Data);
    places.add("patrol", &config.patrol.dir, Kind::Data);
    if let ForwardConfig::Files { dir } = &config.forward {
        places.add("records", dir, Kind::Data);
    }
    let sets = &config.sets;
    // An overlay may lie in the folder of rules: that one has it then.
    let folders = [
        ("schemas", &sets.schemas),
        ("mappings", &sets.mappings),
        ("rules", &sets.rules),
        ("overlay", &sets.overlay),
    ];
    for (root, folder) in folders {
        if let Some(folder) = folder {
            places.add(root, folder, Kind::Edited);
        }
    }
    for path in named::files(text) {
        places.add(&format!("file:{path}"), Path::new(&path), Kind::Secret);
    }
    let key = config.outbox.key_file.as_deref();
    places.all.retain(|it| Some(it.path.as_path()) != key);
    places.all
}

/// Where the agent keeps what it writes, apart from the store.
pub(crate) fn data(config: &Config) -> Vec<PathBuf> {
    let all = places(config, Path::new("agent.toml"), "").into_iter();
    let data = all.filter(|it| it.kind == Kind::Data).map(|it| it.path);
    data.chain(std::iter::once(config.backup.to.clone())).collect()
}

/// What other rooms keep beside the store.
const BESIDE: [&str; 2] = ["statements", "alerts.json"];

#[derive(Default)]
struct Places {
    all: Vec<Place>,
}

impl Places {
    /// What lies in a folder that is there already is in it.
    fn add(&mut self, root: &str, path: &Path, kind: Kind) {
        if !self.all.iter().any(|it| path.starts_with(&it.path)) {
            self.all.push(Place { root: root.to_owned(), path: path.to_owned(), kind });
        }
    }
}
