//! Drafts a mapping from one sample message: a first version for an implementer to correct, with a
//! confidence on every line.
//!
//! The way of a draft: `survey` opens what lies inside fields and lists the fields and the groups
//! that repeat, `names` compares a field's name with the element's Chinese and English names (the
//! words in `words.csv`, their readings in `pinyin.csv`), `values` looks at what the field holds,
//! `plan` decides which entity each group is and which field fills which element, `write` writes
//! the file. No value of the sample gets into the draft except codes, which a code map needs.

mod names;
mod plan;
mod survey;
mod values;
mod write;

use adapters::{DecodeError, Input, Limits};

use crate::catalogs::Catalogs;

/// What is to be drafted, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Name of the mapping, for files and logs.
    pub name: &'a str,
    /// The regional version to prove the draft against.
    pub profile: &'a str,
    /// The entity that the lines of the message are; guessed when it is not said.
    pub entity: Option<&'a str>,
}

/// A mapping file and the code maps it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The mapping, TOML.
    pub mapping: String,
    /// Path beside the mapping, such as `codes/gend.csv`, and text.
    pub code_maps: Vec<(String, String)>,
}

/// Why there is no draft.
#[derive(Debug)]
pub enum InferError {
    /// The sample cannot be read.
    Unreadable(DecodeError),
    /// There is no such profile.
    NoProfile(String),
    /// There is no such entity.
    NoEntity(String),
    /// Nothing in the sample looks like an element of the standard.
    NothingFits,
}

/// For the implementer, who reads it on a terminal.
impl std::fmt::Display for InferError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            InferError::Unreadable(error) => write!(f, "{} {}", error.code(), error.message()),
            InferError::NoProfile(name) => write!(f, "there is no profile `{name}`"),
            InferError::NoEntity(name) => write!(f, "there is no entity `{name}`"),
            InferError::NothingFits => f.write_str(
                "no field looks like a data element; name the entity with --entity, or begin with a shipped mapping",
            ),
        }
    }
}

/// Drafts a mapping for messages like the sample.
pub fn infer(
    input: &Input<'_>,
    wanted: &Wanted<'_>,
    catalogs: &Catalogs,
    limits: &Limits,
) -> Result<Draft, InferError> {
    let no_profile = || InferError::NoProfile(wanted.profile.to_owned());
    let catalog = catalogs.get(wanted.profile).ok_or_else(no_profile)?;
    if let Some(entity) = wanted.entity.filter(|it| catalog.entity(it).is_none()) {
        return Err(InferError::NoEntity(entity.to_owned()));
    }
    let mut decoded = adapters::decode(input, limits).map_err(InferError::Unreadable)?;
    let survey = survey::survey(&mut decoded.document, limits);
    let plan = plan::plan(&survey, catalog, wanted.entity);
    if plan.records.is_empty() {
        return Err(InferError::NothingFits);
    }
    Ok(write::draft(&survey, &plan, wanted))
}
