//! The sets in force: schemas, mappings, code maps and rules, loaded as one and proved before use.
//!
//! What is shipped lies in the binary; a folder named in the configuration takes its place. The pure
//! crates never touch a disk: this module reads the folders and hands them texts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapters::WireFormat;
use mappings::{Catalogs, MappingSet};
use rules::RuleSet;
use schemas::{Files, Problem};

use crate::config::{ChannelConfig, Config};

/// Everything that decides what becomes of a message.
#[derive(Debug)]
pub struct Sets {
    /// The standard, by profile.
    pub catalogs: Catalogs,
    /// The ways in, by name.
    pub channels: BTreeMap<String, Arc<Channel>>,
    /// The pre-prescription rules.
    pub rules: RuleSet,
    /// What was loaded but deserves a look.
    pub warnings: Vec<Problem>,
}

/// One way in, with the mappings it may use.
#[derive(Debug)]
pub struct Channel {
    /// Its name in addresses, records and logs.
    pub name: Arc<str>,
    /// The wire format it expects.
    pub format: WireFormat,
    /// The mappings that are asked, in order.
    pub mappings: MappingSet,
}

/// The three folder trees as texts.
#[derive(Debug)]
pub struct Texts {
    /// Entities, domains, profiles.
    pub schemas: Files,
    /// Mappings and code maps.
    pub mappings: Files,
    /// Rule packs.
    pub rules: Files,
}

impl Texts {
    /// The shipped texts, or those of the folders that the configuration names.
    pub fn read(config: &Config) -> Result<Texts, Vec<Problem>> {
        let sets = &config.sets;
        let mut problems = Vec::new();
        let mut files = |folder: &Option<PathBuf>, shipped| match folder {
            None => Files::from_shipped(shipped),
            Some(folder) => read_folder(folder, &mut problems),
        };
        let texts = Texts {
            schemas: files(&sets.schemas, schemas::SHIPPED),
            mappings: files(&sets.mappings, mappings::SHIPPED),
            rules: files(&sets.rules, rules::SHIPPED),
        };
        if problems.is_empty() { Ok(texts) } else { Err(problems) }
    }
}

impl Sets {
    /// Loads and proves everything the configuration asks for; every problem of every file at once.
    pub fn load(config: &Config) -> Result<Sets, Vec<Problem>> {
        let texts = Texts::read(config)?;
        let mut problems = Vec::new();
        let rules = match RuleSet::load(&texts.rules) {
            Ok(rules) => Some(rules),
            Err(found) => {
                problems.extend(found);
                None
            }
        };
        let catalogs = match Catalogs::load(&texts.schemas, &config.hospital.profile) {
            Ok(catalogs) => catalogs,
            // Mappings are proved against the standard: without it there is nothing to say of them.
            Err(found) => {
                problems.extend(found);
                return Err(problems);
            }
        };
        let mut channels = BTreeMap::new();
        let mut warnings = Vec::new();
        for channel in &config.channels {
            match load_channel(channel, &texts.mappings, &catalogs) {
                Ok((channel, found)) => {
                    warnings.extend(found);
                    channels.insert(channel.name.to_string(), Arc::new(channel));
                }
                Err(found) => problems.extend(found),
            }
        }
        problems.sort();
        problems.dedup(); // two channels that share a mapping share its faults
        match rules {
            Some(rules) if problems.is_empty() => Ok(Sets { catalogs, channels, rules, warnings }),
            _ => Err(problems),
        }
    }
}

fn load_channel(
    channel: &ChannelConfig,
    files: &Files,
    catalogs: &Catalogs,
) -> Result<(Channel, Vec<Problem>), Vec<Problem>> {
    let (mappings, warnings) = MappingSet::load(files, catalogs, &channel.mappings)?;
    if mappings.names().next().is_none() {
        let message = format!(
            "channel `{}` has no mapping: nothing begins with {:?}",
            channel.name, channel.mappings
        );
        return Err(vec![Problem::error("A011", "mappings", (1, 1), message)]);
    }
    let name = Arc::from(channel.name.as_str());
    Ok((Channel { name, format: channel.format, mappings }, warnings))
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
        for path in entries.flatten().map(|it| it.path()) {
            if path.is_dir() {
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

fn is_text(path: &Path) -> bool {
    let extension = path.extension().and_then(|it| it.to_str());
    matches!(extension, Some("toml" | "csv"))
}

fn relative(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let message = format!("cannot be read: {error}");
    Problem::error("A001", path.display().to_string(), (1, 1), message)
}
