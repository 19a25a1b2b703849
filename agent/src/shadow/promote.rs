//! A candidate that was compared long enough becomes the set in force.
//!
//! Its folder is copied beside the configured one, synced, and takes its place by two renames; what
//! was there stays beside it under the digits of its set. Between the renames there is no folder at
//! all: a crash just then leaves an agent that starts with the set that was in force, and says so.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use schemas::Problem;

use super::with_mappings;
use crate::intake::Road;
use crate::sets::{Reloaded, SetDigest, Sets, Texts, reload_after};
use crate::versions::By;

/// Puts the candidate in force and ends the shadow. Blocks.
pub(super) fn promote(road: &Road) -> Result<(Reloaded, PathBuf), Vec<Problem>> {
    let standing = road.shadow.standing().ok_or_else(|| one("A016", "shadow", NOT_RUNNING))?;
    let Some(place) = road.config.sets.mappings.clone() else {
        return Err(one("A018", "agent.toml", NO_PLACE));
    };
    let texts = Texts::read_settled(&with_mappings(&road.config, &standing.dir, None))?;
    let folder = standing.dir.display().to_string();
    if texts.digest() != standing.candidate {
        return Err(one("A017", &folder, CHANGED));
    }
    Sets::prove(&road.config, texts)?; // the shadow may have proved it for one channel only
    let new = beside(&place, &standing.candidate, "new");
    let old = beside(&place, &road.sets.load().digest, "old");
    copy_synced(&standing.dir, &new).map_err(|it| failed(&new, &it))?;
    let reason = format!("启用候选 {folder}");
    let by = By { author: By::FILE.to_owned(), reason };
    let reloaded =
        reload_after(road, by, || exchange(&place, &new, &old).map_err(|it| failed(&place, &it)))?;
    road.shadow.stop();
    Ok((reloaded, old))
}

/// `mappings.3f2a9c41d07e.old` beside `mappings`.
fn beside(place: &Path, digest: &SetDigest, what: &str) -> PathBuf {
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{what}", digest.short()));
    place.with_file_name(name)
}

fn exchange(place: &Path, new: &Path, old: &Path) -> io::Result<()> {
    remove(old)?;
    fs::rename(place, old)?;
    if let Err(error) = fs::rename(new, place) {
        fs::rename(old, place)?;
        return Err(error);
    }
    File::open(place.parent().unwrap_or(place))?.sync_all()
}

/// Everything that is there, cases and all, except what editors and copies leave lying.
fn copy_synced(from: &Path, to: &Path) -> io::Result<()> {
    remove(to)?;
    fs::create_dir_all(to)?;
    let mut open = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = open.pop() {
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            let (path, target) = (entry.path(), to.join(entry.file_name()));
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if path.is_dir() {
                fs::create_dir(&target)?;
                open.push((path, target));
            } else {
                fs::copy(&path, &target)?;
                File::open(&target)?.sync_all()?;
            }
        }
        File::open(&to)?.sync_all()?;
    }
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn failed(path: &Path, error: &io::Error) -> Vec<Problem> {
    one(
        "A019",
        &path.display().to_string(),
        &format!("the mappings could not be exchanged: {error}"),
    )
}

fn one(code: &'static str, file: &str, message: &str) -> Vec<Problem> {
    vec![Problem::error(code, file, (1, 1), message)]
}

const NOT_RUNNING: &str = "没有在比较的候选：先执行 his-agent shadow start --mappings 目录";
const CHANGED: &str = "候选的文件在开始比较以后又变了：重新执行 shadow start，比较过再启用";
const NO_PLACE: &str =
    "配置里没有 [sets] mappings，用的是程序自带的映射：先把它写成一个目录，候选才有地方放";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_new_folder_takes_the_place_and_the_old_one_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (place, text) in [("mappings", "1"), ("next", "2"), ("old", "0")] {
            fs::create_dir_all(at(place).join("v/codes")).unwrap();
            fs::write(at(place).join("v/a.toml"), text).unwrap();
        }
        fs::write(at("next/.a.swp"), "").unwrap();
        copy_synced(&at("next"), &at("new")).unwrap();
        exchange(&at("mappings"), &at("new"), &at("old")).unwrap();
        let text = |name: &str| fs::read_to_string(at(name).join("v/a.toml")).unwrap();
        assert_eq!(
            (text("mappings"), text("old"), text("next")),
            ("2".into(), "1".into(), "2".into())
        );
        assert!(!at("new").exists() && !at("mappings/.a.swp").exists());
        assert!(at("mappings/v/codes").is_dir());
        // What cannot be renamed leaves everything as it was.
        assert!(exchange(&at("mappings"), &at("nowhere"), &at("older")).is_err());
        assert_eq!(text("mappings"), "2");
    }
}
