//! The sets in force: schemas, mappings, code maps and rules, loaded as one and proved before use.
//!
//! What is shipped lies in the binary; a folder named in the configuration takes its place. The pure
//! crates never touch a disk: this module reads the folders and hands them texts.

mod archive;
pub(crate) mod books;
pub(crate) mod dictionary;
pub(crate) mod import;
pub(crate) mod logbook;
pub(crate) mod named;
pub(crate) mod on_trial;
mod opening;
mod region;
mod reload;
pub(crate) mod routes;
pub(crate) mod rulebook;
mod seen;
mod services;
pub(crate) mod suppress;
mod texts;
mod trial;
pub(crate) mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use adapters::{Prepare, StreamPath, WireFormat};
use mappings::{Catalogs, MappingSet};
use rules::RuleSet;
use rules::insurance::Region;
use rules::overlay::own::Resting;
use schemas::{Files, Problem};

use crate::config::{ChannelConfig, Config};
use crate::{query, subscribe};
pub use opening::Opened;
pub(crate) use reload::reload_after;
pub use reload::{Reloaded, Reloads, Told, reload, reload_again};
pub(crate) use seen::{Seen, is_noting, note};
pub use services::Services;
pub use texts::{SetDigest, Texts, read_folder};
pub use trial::Standing;

/// Everything that decides what becomes of a message.
#[derive(Debug)]
pub struct Sets {
    /// The standard, by profile.
    pub catalogs: Catalogs,
    /// The ways in, by name.
    pub channels: BTreeMap<String, Arc<Channel>>,
    /// The pre-prescription rules.
    pub rules: RuleSet,
    /// What the insurer's codes mean in the hospital's region.
    pub region: Region,
    /// What names the texts it was made of.
    pub digest: SetDigest,
    /// The texts themselves, for the archive.
    pub texts: Texts,
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
    /// What to repair in a body before it is read.
    pub prepare: Prepare,
    /// The element that repeats in bodies too long to be held.
    pub stream: Option<StreamPath>,
    /// The services that SOAP calls are meant for, where they are described.
    pub services: Services,
    /// The mappings that are asked, in order.
    pub mappings: MappingSet,
    /// The twelve digits of the set it belongs to: every record says by which set it was made.
    pub set: Arc<str>,
}

impl Sets {
    /// Loads and proves everything the configuration asks for; every problem of every file at once.
    pub fn load(config: &Config) -> Result<Sets, Vec<Problem>> {
        Sets::prove(config, Texts::read(config)?)
    }

    /// Proves texts that were read before.
    pub fn prove(config: &Config, texts: Texts) -> Result<Sets, Vec<Problem>> {
        let digest = texts.digest();
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
            match load_channel(config, channel, &texts.mappings, &catalogs, &digest) {
                Ok((channel, found)) => {
                    warnings.extend(found);
                    channels.insert(channel.name.to_string(), Arc::new(channel));
                }
                Err(found) => problems.extend(found),
            }
        }
        problems.extend(query::prove(&config.queries, &catalogs));
        problems.extend(subscribe::prove(&config.subscriptions, &catalogs));
        warnings.extend(subscribe::advise(&config.subscriptions));
        problems.sort();
        problems.dedup(); // two channels that share a mapping share its faults
        match rules {
            Some(rules) if problems.is_empty() => {
                warnings.extend(rules.resting().iter().flat_map(Resting::warnings));
                let region = region::of(catalogs.default_catalog());
                Ok(Sets { catalogs, channels, rules, region, digest, texts, warnings })
            }
            _ => Err(problems),
        }
    }
}

fn load_channel(
    config: &Config,
    channel: &ChannelConfig,
    files: &Files,
    catalogs: &Catalogs,
    digest: &SetDigest,
) -> Result<(Channel, Vec<Problem>), Vec<Problem>> {
    let (mappings, warnings) = MappingSet::load(files, catalogs, &channel.mappings)?;
    if mappings.names().next().is_none() {
        let message = format!(
            "channel `{}` has no mapping: nothing begins with {:?}",
            channel.name, channel.mappings
        );
        return Err(vec![Problem::error("A011", "mappings", (1, 1), message)]);
    }
    let mappings = mappings.keyed(&channel.keys).map_err(|it| of_channel(it, &channel.name))?;
    let mappings = match &channel.answer {
        Some(path) => mappings.answered_by(path, files, catalogs)?,
        None => mappings,
    };
    let name = Arc::from(channel.name.as_str());
    let set = Arc::from(digest.short());
    let (prepare, stream) = (channel.prepare.clone(), channel.stream.clone());
    let services = Services::of(channel, config);
    Ok((
        Channel { name, format: channel.format, prepare, stream, services, mappings, set },
        warnings,
    ))
}

/// The same mapping may have its keys in one channel and lack them in another.
fn of_channel(mut problems: Vec<Problem>, channel: &str) -> Vec<Problem> {
    for problem in &mut problems {
        problem.message = format!("channel `{channel}`: {}", problem.message);
    }
    problems
}
