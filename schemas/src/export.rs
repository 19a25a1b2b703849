//! The dictionary for other programs and for people: JSON Schema and Markdown.

mod json_schema;
mod markdown;

pub use json_schema::json_schema;
pub use markdown::markdown;
