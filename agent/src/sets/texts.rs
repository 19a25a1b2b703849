//! The texts that a set is made of: what is shipped, or what lies in the configured folders.
//!
//! The digest names a set by its content alone: the same files give the same digest on every machine,
//! whenever and from wherever they were copied.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use schemas::{Files, Problem};
use sha2::{Digest, Sha256};

use crate::config::Config;

/// The three folder trees as texts.
#[derive(Clone, Debug)]
pub struct Texts {
    /// Entities, domains, profiles.
    pub schemas: Files,
    /// Mappings and code maps.
    pub mappings: Files,
    /// Rule packs.
    pub rules: Files,
}

/// SHA-256 over every path and text of a set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetDigest(Arc<str>);

impl SetDigest {
    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The twelve digits that records, logs and people name a set by.
    pub fn short(&self) -> &str {
        self.0.get(..SHORT).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for SetDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.short())
    }
}

impl Texts {
    /// The shipped texts, or those of the folders that the configuration names. A hospital's changes
    /// lie in the tree of rules wherever their folder is.
    pub fn read(config: &Config) -> Result<Texts, Vec<Problem>> {
        let sets = &config.sets;
        let mut problems = Vec::new();
        let mut files = |folder: &Option<PathBuf>, shipped| match folder {
            None => Files::from_shipped(shipped),
            Some(folder) => read_folder(folder, &mut problems),
        };
        let mut texts = Texts {
            schemas: files(&sets.schemas, schemas::SHIPPED),
            mappings: files(&sets.mappings, mappings::SHIPPED),
            rules: files(&sets.rules, rules::SHIPPED),
        };
        if let Some(overlay) = &sets.overlay {
            for (path, text) in read_folder(overlay, &mut problems).iter() {
                texts.rules.insert(format!("overlay/{path}"), text);
            }
        }
        if problems.is_empty() { Ok(texts) } else { Err(problems) }
    }

    /// The same, read until two readings agree: a copy under way gives half of the old files and
    /// half of the new, and such a mixture was never anybody's set.
    pub fn read_settled(config: &Config) -> Result<Texts, Vec<Problem>> {
        let mut texts = Texts::read(config)?;
        for _ in 0..READINGS_MAX {
            thread::sleep(BETWEEN_READINGS);
            let again = Texts::read(config)?;
            if again.digest() == texts.digest() {
                return Ok(again);
            }
            texts = again;
        }
        let message =
            "the files keep changing while they are read; they are read again once they rest";
        Err(vec![Problem::error("A012", "sets", (1, 1), message)])
    }

    /// What names this set.
    pub fn digest(&self) -> SetDigest {
        let mut hash = Sha256::new();
        for (tree, files) in self.trees() {
            for (path, text) in files.iter() {
                for part in [tree, path, text] {
                    hash.update(part.len().to_be_bytes());
                    hash.update(part);
                }
            }
        }
        let mut hex = String::with_capacity(64);
        for byte in hash.finalize() {
            let _ = write!(hex, "{byte:02x}");
        }
        SetDigest(hex.into())
    }

    /// The trees by the names of their folders.
    pub fn trees(&self) -> [(&'static str, &Files); 3] {
        [("schemas", &self.schemas), ("mappings", &self.mappings), ("rules", &self.rules)]
    }
}

/// Every text file of a folder tree, by its path relative to it.
pub fn read_folder(folder: &Path, problems: &mut Vec<Problem>) -> Files {
    let mut files = Files::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        let entries = match fs::read_dir(&at) {
            Ok(entries) => entries,
            Err(error) => {
                problems.push(unreadable(&at, &error));
                continue;
            }
        };
        for path in entries.flatten().map(|it| it.path()).filter(|it| !is_hidden(it)) {
            if path.is_dir() && !path.ends_with("cases") {
                open.push(path);
            } else if is_text(&path) {
                match fs::read_to_string(&path) {
                    Ok(text) => files.insert(relative(folder, &path), text),
                    Err(error) => problems.push(unreadable(&path, &error)),
                }
            }
        }
    }
    files
}

/// Editors and copying tools keep their unfinished work under such names.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|it| it.as_encoded_bytes().starts_with(b"."))
}

fn is_text(path: &Path) -> bool {
    let extension = path.extension().and_then(|it| it.to_str());
    let is_template = path.parent().is_some_and(|folder| folder.ends_with("answers"));
    is_template || matches!(extension, Some("toml" | "csv"))
}

fn relative(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let message = format!("cannot be read: {error}");
    Problem::error("A001", path.display().to_string(), (1, 1), message)
}

const SHORT: usize = 12;
const READINGS_MAX: u32 = 10;
const BETWEEN_READINGS: Duration = Duration::from_millis(100);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn files_that_are_being_copied_are_no_set_until_they_rest() {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[hospital]\ncode = \"H1\"\nname = \"a\"\n[sets]\nmappings = \"{}\"\n",
            folder.path().display()
        );
        let config = Config::parse("agent.toml", &config).unwrap();
        let resting = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for n in (0..).take_while(|_| !resting.load(Ordering::Relaxed)) {
                    fs::write(folder.path().join("a.csv"), n.to_string()).unwrap();
                    thread::sleep(BETWEEN_READINGS / 2);
                    fs::write(folder.path().join("b.csv"), n.to_string()).unwrap();
                }
            });
            thread::sleep(BETWEEN_READINGS * 2);
            // A writer that is held up for a moment looks like one that rests.
            let read = (0..20).map(|_| Texts::read_settled(&config)).find(Result::is_err);
            resting.store(true, Ordering::Relaxed); // before anything is asserted, or nobody ends
            let refused = read.expect("what was being copied is no set").unwrap_err();
            assert_eq!(refused.first().unwrap().code, "A012");
        });
        let texts = Texts::read_settled(&config).unwrap();
        assert_eq!(texts.mappings.get("a.csv"), texts.mappings.get("b.csv"));
    }

    #[test]
    fn the_digest_names_the_content() {
        let base = [("mappings", "a/x.toml", "1"), ("rules", "p/y.csv", "2")];
        check(&base, &[base[1], base[0]], true); // the order of reading says nothing
        check(&base, &[("mappings", "a/x.toml", "3"), base[1]], false);
        check(&base, &[("mappings", "a/z.toml", "1"), base[1]], false);
        check(&base, &[("rules", "a/x.toml", "1"), base[1]], false);
        check(&base, &[("mappings", "a/x.toml1", ""), base[1]], false);
        check(&base, &[base[0]], false);
    }

    #[track_caller]
    fn check(a: &[(&str, &str, &str)], b: &[(&str, &str, &str)], same: bool) {
        assert_eq!(texts(a).digest() == texts(b).digest(), same);
    }

    fn texts(files: &[(&str, &str, &str)]) -> Texts {
        let of = |tree: &str| {
            files.iter().filter(|it| it.0 == tree).map(|(_, path, text)| (*path, *text)).collect()
        };
        Texts { schemas: of("schemas"), mappings: of("mappings"), rules: of("rules") }
    }
}
