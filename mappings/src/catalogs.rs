//! The dictionaries in force: one for each profile that a mapping may be proved against.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::{Catalog, Files, Problem};

/// Every profile of the standard, proved, and which of them is the hospital's own.
#[derive(Clone, Debug)]
pub struct Catalogs {
    by_profile: BTreeMap<String, Arc<Catalog>>,
    default: String,
}

impl Catalogs {
    /// Loads every profile of the tree; `default` is the hospital's own and must be among them.
    pub fn load(files: &Files, default: &str) -> Result<Catalogs, Vec<Problem>> {
        let mut by_profile: BTreeMap<String, Arc<Catalog>> = BTreeMap::new();
        let mut problems = Vec::new();
        let mut names = Catalog::profiles(files);
        if !names.iter().any(|it| it == default) {
            names.push(default.to_owned()); // its absence is then told by the loader
        }
        for name in names {
            match Catalog::load(files, &name) {
                Ok(catalog) => {
                    let shared = by_profile.values().fold(catalog, |it, other| it.sharing(other));
                    by_profile.insert(name, Arc::new(shared));
                }
                // A fault in a shared file is found once a profile; once is enough to tell it.
                Err(found) => problems.extend(
                    found.into_iter().filter(|it| !problems.contains(it)).collect::<Vec<_>>(),
                ),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Catalogs { by_profile, default: default.to_owned() })
    }

    /// The hospital's own dictionary.
    pub fn default_catalog(&self) -> &Arc<Catalog> {
        self.by_profile.get(&self.default).expect("`load` proved that it is there")
    }

    /// The dictionary of a profile.
    pub fn get(&self, profile: &str) -> Option<&Arc<Catalog>> {
        self.by_profile.get(profile)
    }

    /// The names of all profiles.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        self.by_profile.keys().map(String::as_str)
    }
}
