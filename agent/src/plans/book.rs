//! Plans, their runs and what these found, on the shelf beside the queue: written whole or not at all,
//! synced, sealed.
//!
//! | key | what is kept |
//! |---|---|
//! | `pp` name | the plan |
//! | `pe` execution id | the run |
//! | `pr` execution id, number, 8 bytes | one hit |

use std::ops::ControlFlow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::execution::Execution;
use super::plan::Plan;
use crate::outbox::{Change, Outbox, StoreError};

/// All plans, by name.
pub(super) fn plans(outbox: &Outbox) -> Result<Vec<Plan>, StoreError> {
    let mut all = Vec::new();
    walk(outbox, b"pp", |_, it| {
        all.push(it);
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

/// The plan of a name.
pub(super) fn plan(outbox: &Outbox, name: &str) -> Result<Option<Plan>, StoreError> {
    let bytes = outbox.shelved(&key(b"pp", name))?;
    Ok(bytes.and_then(|it| serde_json::from_slice(&it).ok()))
}

pub(super) fn put_plan(plan: &Plan) -> Change {
    Change::Put(key(b"pp", &plan.name), bytes(plan))
}

pub(super) fn remove_plan(name: &str) -> Change {
    Change::Remove(key(b"pp", name))
}

/// The runs of every plan or of one, the oldest first.
pub(super) fn executions(
    outbox: &Outbox,
    plan: Option<&str>,
) -> Result<Vec<Execution>, StoreError> {
    let mut all = Vec::new();
    walk(outbox, b"pe", |_, it: Execution| {
        if plan.is_none_or(|plan| it.plan == plan) {
            all.push(it);
        }
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

pub(super) fn put_execution(execution: &Execution) -> Change {
    Change::Put(key(b"pe", &execution.id), bytes(execution))
}

/// Takes a run away with everything that it found.
pub(super) fn remove_execution(id: &str) -> [Change; 2] {
    let rows = key(b"pr", id);
    [Change::Remove(key(b"pe", id)), Change::RemoveRange(rows.clone(), behind(&rows))]
}

pub(super) fn put_row(execution: &str, number: u64, row: &Value) -> Change {
    Change::Put(row_key(execution, number), bytes(row))
}

/// The hits of a run from a number on, until `show` has enough.
pub(super) fn rows(
    outbox: &Outbox,
    execution: &str,
    from: u64,
    mut show: impl FnMut(u64, Value) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let end = behind(&key(b"pr", execution));
    outbox.walk_shelf(&row_key(execution, from), &end, |key, bytes| {
        let number = key.last_chunk().map(|it| u64::from_be_bytes(*it));
        match number.zip(serde_json::from_slice(bytes).ok()) {
            Some((number, row)) => show(number, row),
            None => ControlFlow::Continue(()),
        }
    })
}

fn walk<T: DeserializeOwned>(
    outbox: &Outbox,
    prefix: &[u8],
    mut show: impl FnMut(&[u8], T) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    outbox.walk_shelf(prefix, &behind(prefix), |key, bytes| match serde_json::from_slice(bytes) {
        Ok(it) => show(key, it),
        // Of a later version, most likely: it stays where it is.
        Err(_) => ControlFlow::Continue(()),
    })
}

fn key(kind: &[u8], name: &str) -> Vec<u8> {
    [kind, name.as_bytes()].concat()
}

fn row_key(execution: &str, number: u64) -> Vec<u8> {
    [b"pr", execution.as_bytes(), &number.to_be_bytes()].concat()
}

/// The first key behind all that begin with this. Names are UTF-8, in which no byte is 0xff.
fn behind(prefix: &[u8]) -> Vec<u8> {
    [prefix, &[0xff; 8]].concat()
}

fn bytes(it: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(it).unwrap_or_default()
}
