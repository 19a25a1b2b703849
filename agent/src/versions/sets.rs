//! Sets as versions: noted when they come into force, and brought back into the folders they came from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rules::overlay::logs;
use schemas::{Files, Problem};

use super::book::{By, Version};
use super::{Kind, Versions};
use crate::intake::Road;
use crate::sets::{Reloaded, SetDigest, Sets, Texts, reload_after};
use crate::write;

impl Versions {
    /// Notes that a set is in force. Blocks; what cannot be kept is told in the log.
    pub(crate) fn note_sets(&self, sets: &Sets, by: Option<By>) {
        let _turn = self.turn();
        let latest = self.book.versions().into_iter().rfind(|it| it.kind == Kind::Sets);
        if latest.as_ref().is_some_and(|it| it.digest == sets.digest.as_str()) {
            return;
        }
        let before = latest.and_then(|it| self.book.files(&it).ok());
        let files = files_of(&sets.texts);
        let by = by.or_else(|| by_rules(before.as_ref()?, &files)).unwrap_or_else(By::file);
        match self.book.keep_sets(&files, sets.digest.as_str(), by) {
            Ok(version) => tracing::info!(version = version.no, set = %sets.digest, "a version"),
            Err(error) => tracing::error!(%error, "the version of the set was not kept"),
        }
    }
}

/// Who has changed a rule, and why: the rules' own log says it.
fn by_rules(before: &Files, after: &Files) -> Option<By> {
    let changes = |files: &Files| {
        let rules: Files = files
            .under("rules/")
            .filter_map(|(path, text)| {
                Some((path.strip_prefix("rules/")?.to_owned(), text.to_owned()))
            })
            .collect();
        logs(&rules, &mut Vec::new())
    };
    let (before, after) = (changes(before), changes(after));
    after.iter().find_map(|(pack, log)| {
        let known = before.get(pack).map_or(0, |it| it.changes().len());
        let change = log.changes().get(known..)?.last()?;
        Some(By { author: change.author.clone(), reason: change.reason.clone() })
    })
}

fn files_of(texts: &Texts) -> Files {
    let trees = texts.trees().into_iter();
    trees
        .flat_map(|(tree, files)| {
            files.iter().map(move |(path, text)| (format!("{tree}/{path}"), text))
        })
        .collect()
}

/// Writes the files of an earlier set into the folders of the configuration, and takes them in. Blocks.
pub(super) fn bring_back(road: &Road, version: &Version, by: By) -> Result<Reloaded, Vec<Problem>> {
    let unreadable = |error: io::Error| one("A035", &format!("版本 {}：{error}", version.no));
    let files = road.versions.book.files(version).map_err(unreadable)?;
    let now = files_of(&road.sets.load().texts);
    let texts = texts_of(&files);
    Sets::prove(&road.config, texts)?;
    let steps = steps(road, &now, &files)?;
    let reloaded = reload_after(road, by, || {
        let written = steps.iter().try_for_each(|(path, text)| carry_out(path, *text));
        written.map_err(|error| one("A035", &format!("配套文件写不进：{error}")))
    })?;
    debug_assert_eq!(reloaded.digest.as_str(), version.digest);
    Ok(reloaded)
}

/// Which file has to hold what; `None` for one that has to go.
fn steps<'a>(
    road: &Road,
    now: &Files,
    wanted: &'a Files,
) -> Result<Vec<(PathBuf, Option<&'a str>)>, Vec<Problem>> {
    let gone = now.iter().filter(|(path, _)| wanted.get(path).is_none());
    let gone = gone.map(|(path, _)| (path.to_owned(), None));
    let written = wanted.iter().filter(|(path, text)| now.get(path) != Some(*text));
    let written = written.map(|(path, text)| (path.to_owned(), Some(text)));
    let steps = gone.chain(written).map(|(path, text)| Ok((place(road, &path)?, text)));
    steps.collect()
}

/// Where a file of a set lies. What came with the program lies nowhere, and has not changed but with it.
fn place(road: &Road, path: &str) -> Result<PathBuf, Vec<Problem>> {
    let sets = &road.config.sets;
    let (tree, path) = path.split_once('/').unwrap_or((path, ""));
    let overlay = path.strip_prefix("overlay/").filter(|_| tree == "rules");
    let (folder, path) = match (tree, overlay, &sets.overlay) {
        (_, Some(path), Some(folder)) => (Some(folder), path),
        ("schemas", ..) => (sets.schemas.as_ref(), path),
        ("mappings", ..) => (sets.mappings.as_ref(), path),
        _ => (sets.rules.as_ref(), path),
    };
    let reason = || {
        one(
            "A036",
            &format!(
                "{tree} 是程序自带的，随程序升级而变：要回到以前的，在 [sets] {tree} 写一个目录"
            ),
        )
    };
    Ok(folder.ok_or_else(reason)?.join(path))
}

fn carry_out(path: &Path, text: Option<&str>) -> io::Result<()> {
    match text {
        Some(text) => write::put(path, text),
        None => fs::remove_file(path),
    }
}

fn texts_of(files: &Files) -> Texts {
    let tree = |name: &str| {
        let prefix = format!("{name}/");
        let inside = files.under(&prefix);
        inside
            .filter_map(|(path, text)| {
                Some((path.strip_prefix(&prefix)?.to_owned(), text.to_owned()))
            })
            .collect()
    };
    Texts { schemas: tree("schemas"), mappings: tree("mappings"), rules: tree("rules") }
}

/// The digest a version of sets stands for.
pub(super) fn is_in_force(road: &Road, version: &Version) -> bool {
    let digest: SetDigest = road.sets.load().digest.clone();
    digest.as_str() == version.digest
}

fn one(code: &'static str, message: &str) -> Vec<Problem> {
    vec![Problem::error(code, "versions", (1, 1), message.to_owned())]
}
