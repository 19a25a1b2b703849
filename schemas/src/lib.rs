//! The standard: which records there are, what each of their elements may hold, and what is wrong
//! with a value that does not fit.
//!
//! The dictionary is data. `entities/<entity>.csv` lists the elements of one record type,
//! `domains/<domain>.csv` the codes of one value domain, `profiles/<profile>/` what a region or a
//! moment of care changes, `entities.csv` the record types in order, `catalog.toml` the version and
//! the sources. [`Catalog::load`] reads all of it, proves it, and reports every fault with its line
//! and column; a [`Catalog`] that exists is sound.
//!
//! | cell | what it holds |
//! |---|---|
//! | `format` | the standard's notation, see [`Format`] |
//! | `required` | `Y`, `N`, or `C` when it depends on the case; the notes then say on what |
//! | `value_domain` | a table in `domains/`; `0\|1` for codes given on the spot; `?name` for a table that nobody has published; an entity when the format is `node`; in a profile `-` for none |
//! | `key` | `y` on the elements that together tell one record of this kind from another within one encounter |
//! | `confirmed` | `n` when only one source knows the element |
//!
//! In a profile's `elements.csv` an empty cell keeps what was there, a note is added to the notes,
//! and a row whose name is new adds an element.
//!
//! The crate is pure: it has no clock, opens no file and no socket. The agent hands it texts as
//! [`Files`]; what is shipped comes along in [`SHIPPED`].

mod bytes;
mod catalog;
pub mod codes;
mod domain;
mod elements;
mod entity;
pub mod export;
mod files;
mod finding;
mod format;
mod identity;
mod json;
mod load;
pub mod mask;
pub mod nearest;
mod number;
mod problem;
mod read;
mod table;
mod validate;
mod value;

pub use catalog::{Catalog, Source};
pub use codes::CodeEntry;
pub use domain::{Code, ValueDomain};
pub use elements::Elements;
pub use entity::{DataElement, Entity, Required};
pub use files::Files;
pub use finding::{Finding, FindingSeverity};
pub use format::{Format, FormatError};
pub use json::{write_json_text, write_record_elements, write_stamp};
pub use number::{Number, NumberError};
pub use problem::{Problem, ProblemSeverity};
pub use read::read_record_elements;
pub use value::{Value, ValueError, ValueRef};

/// The dictionary that comes with the crate: path relative to the schemas folder, and text.
pub static SHIPPED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));
