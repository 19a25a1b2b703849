//! What commands are told of versions: the same whether the daemon runs or the book is read as it lies.

use std::io;

use serde_json::{Value, json};

use super::book::{Book, CONFIG, Version};
use super::mask::masked_text;
use super::state::State;
use super::{Kind, diff};

/// Every version, the latest first, and which are in force.
pub(crate) fn history(book: &Book, kind: Option<Kind>) -> Value {
    let (versions, state) = (book.versions(), book.state());
    let latest_sets = versions.iter().rfind(|it| it.kind == Kind::Sets).map_or(0, |it| it.no);
    let wanted = versions.iter().rev().filter(|it| kind.is_none_or(|kind| it.kind == kind));
    let told = wanted.map(|it| {
        let mut told = json!(it);
        if let Some(members) = told.as_object_mut() {
            members.remove("tree");
            members.insert("standing".to_owned(), json!(standing(it, &state, latest_sets)));
        }
        told
    });
    json!({ "versions": told.collect::<Vec<_>>() })
}

fn standing(version: &Version, state: &State, latest_sets: u64) -> &'static str {
    let is_accepted = state.accepted.as_ref().is_some_and(|it| it.no == version.no);
    match version.kind {
        Kind::Config if version.no == state.in_force && state.trial.is_some() => "on_trial",
        Kind::Config if version.no == state.in_force => "in_force",
        Kind::Config if is_accepted => "accepted",
        Kind::Sets if version.no == latest_sets => "in_force",
        _ => "past",
    }
}

/// One version: of a configuration its text, of sets the paths of their files.
pub(crate) fn version(book: &Book, no: u64) -> io::Result<Option<Value>> {
    let Some(version) = book.version(no) else { return Ok(None) };
    let files = book.files(&version)?;
    let text = files.get(CONFIG).filter(|_| version.kind == Kind::Config).map(masked_text);
    let paths: Vec<&str> = files.iter().map(|(path, _)| path).collect();
    Ok(Some(json!({
        "no": version.no, "kind": version.kind, "at": version.at,
        "author": version.by.author, "reason": version.by.reason, "digest": version.digest,
        "text": text, "files": paths,
    })))
}

/// What is different between two versions of one kind; without the second, from the one before.
pub(crate) fn difference(book: &Book, from: Option<u64>, to: u64) -> io::Result<Option<Value>> {
    let Some(after) = book.version(to) else { return Ok(None) };
    let before = match from {
        Some(no) => Some(book.version(no)),
        None => book.before(&after).map(Some),
    };
    let before = match before {
        Some(Some(it)) if it.kind == after.kind => Some(it),
        Some(_) => return Ok(None),
        None => None,
    };
    let diff = match &before {
        Some(it) => diff::of_files(&book.files(it)?, &book.files(&after)?),
        None => String::new(),
    };
    Ok(Some(json!({ "from": before.map(|it| it.no), "to": after.no, "diff": diff })))
}

/// How the configuration stands.
pub(crate) fn status(book: &Book) -> Value {
    let state = book.state();
    let reason = book.version(state.in_force).map(|it| it.by.reason);
    json!({
        "in_force": state.in_force,
        "reason": reason,
        "on_trial": state.trial.is_some(),
        "way_back": state.trial.map(|it| it.way_back),
        "accepted": state.accepted.map(|it| it.no),
    })
}

/// What a file holds that is not in force.
pub(crate) fn against_force(book: &Book, file: &str) -> io::Result<String> {
    let Some(version) = book.version(book.state().in_force) else { return Ok(String::new()) };
    Ok(diff::of_texts(&book.config(&version)?, file))
}
