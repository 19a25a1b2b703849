//! Pre-prescription checks: what may be ordered for whom, decided from rules that are data.
//!
//! ```text
//! request | insurance | from_records -> Facts -> evaluate(RuleSet, Facts, now) -> Verdict -> JSON
//! packs/<pack>/*.toml, *.csv         -> RuleSet::load
//! ```
//!
//! - [`facts`]: the typed, normalised input; [`request`], [`insurance`], [`from_records`]: three ways to it.
//! - [`pack`]: packs of rules, knowledge rows and drugs; [`rule`], [`knowledge`], [`drug`]: their parts.
//! - [`setting`]: how strict a rule is in one place or time; [`scope`]: where and when a rule or row holds.
//! - [`condition`]: the hospital's own rules, as trees of comparisons. [`sets`]: named lists of items, people and places ([`party`]); [`window`]: named stretches of time; [`icd`]: branches of codes.
//! - [`form`]: rules as JSON, TOML, schema and form, for consoles and programs.
//! - [`import`]: published tables restated as rows; [`overlay`]: a hospital's changes to rules and rows.
//! - [`families`]: the templates, one file each; [`family`]: what a template is.
//! - [`evaluate()`], [`verdict`]: judgement and answer; [`received`]: which parts of the input came; [`circumstances`]: what an answer for it was given in view of; [`explain`]: why; [`cases`]: packs that test themselves.
//!
//! This crate has no clock, no disk and no network, and no binary floating point. Missing data
//! never blocks and never looks like a pass: it is *unknown*, with the names of what is missing.

pub mod age;
mod atc;
mod bounds;
pub mod cases;
pub mod circumstances;
pub mod codes;
mod concentration;
pub mod condition;
mod contradiction;
mod dose;
pub mod drug;
pub mod drug_kind;
mod evaluate;
pub mod explain;
pub mod facts;
pub mod families;
pub mod family;
mod finding_id;
pub mod form;
pub mod frequency;
pub mod from_records;
mod groups;
mod hash;
pub mod icd;
pub mod import;
mod index;
pub mod insurance;
mod json;
pub mod knowledge;
mod mask;
mod number;
pub mod overlay;
pub mod pack;
pub mod parameter;
pub mod party;
pub mod past;
mod reading;
pub mod received;
mod record;
mod refunds;
pub mod request;
pub mod rule;
pub mod scope;
pub mod session;
pub mod sets;
pub mod setting;
mod steps;
mod table;
pub mod text;
mod tree;
pub mod unit;
pub mod verdict;
mod vocabulary;
pub mod way;
pub mod window;
mod work;
mod write;

pub use bounds::too_many;
pub use codes::{CODES, CodeEntry};
pub use evaluate::{evaluate, evaluate_while, is_judged};
pub use facts::{Facts, Group, InputFinding};
pub use from_records::facts_from_records;
pub use pack::RuleSet;
pub use verdict::{Completeness, Finding, Verdict};

/// The packs that come with the program, as (path, text).
pub static SHIPPED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));
