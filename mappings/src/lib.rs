//! The mapping language: how one HIS message becomes standard records.
//!
//! A mapping is a TOML file. It says when it applies, which fields hold documents of their own, and
//! for each record which expression fills which data element. It is compiled against the standard
//! when it is loaded: what can never be valid is refused there, all problems at once, each with
//! file, line and column. The grammar stands in `expression`, the steps in `step_list`.
//!
//! The way of one file: `raw` (TOML) -> `compile` (with `parser`, `step_list`, `fit`) -> `mapping`.
//! The way of one message: `set` chooses and opens, `mapping` iterates, `compiled` evaluates by
//! `walk` and `step`.
//!
//! Keys are data like all else: a channel hands them to `MappingSet::keyed`, and `seal` uses them.
//!
//! The way back: `answer` says what became of it in the caller's own dialect, by templates.
//!
//! Nothing here reads a file or a clock: the agent passes texts and times in.

mod age;
mod amend;
mod answer;
mod case;
mod catalogs;
mod code_map;
mod codes;
mod compile;
mod compiled;
mod condition;
mod date_pattern;
mod datum;
mod differ;
mod dispatch;
mod editor_schema;
mod exact;
mod expression;
mod fill;
mod fit;
pub mod infer;
mod lookup;
mod mapping;
mod nearby;
mod opener;
mod parser;
mod place;
mod raw;
mod rows;
mod scene;
mod seal;
mod set;
mod step;
mod step_list;
mod trace;
mod units;
mod walk;

pub use amend::{NewCode, amended, cell as csv_cell, read_new_codes};
pub use answer::{
    AnswerCase, AnswerError, AnswerKind, Answers, RecordTemplate, Spoken, Told, answer_case,
    check_variable,
};
pub use case::{outcome as case_outcome, read_keys as case_keys};
pub use catalogs::Catalogs;
pub use codes::CODES;
pub use editor_schema::json_schema as editor_schema;
pub use mapping::{MappedRecord, UnknownCode};
pub use scene::Context;
pub use schemas::nearest::suggestion;
pub use set::{MapError, Mapped, MappingSet};
pub use step_list::{STEPS, StepEntry};
pub use trace::{Stage, Trace};

/// The shipped mappings with their code maps: path and text.
pub static SHIPPED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));
