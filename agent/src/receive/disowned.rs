//! What agents have ordered to be withdrawn as not theirs, by the orders in a folder that came across a gate. The
//! segments lie there too and are read at every run; what an order disowns is not taken from one again, unless
//! the agent has sent it once more since.

use std::collections::HashMap;
use std::path::Path;

use super::record::{Incoming, Record};
use crate::outbox::{id_bytes, ms_of};
use crate::reconcile::question::{Ask, ORDER_END, Question};

/// Whose and which, and when the latest order was written.
#[derive(Debug, Default)]
pub(super) struct Disowned(HashMap<(String, String, [u8; 16]), u64>);

impl Disowned {
    /// Notes what an order disowns.
    pub(super) fn note(&mut self, path: &Path, order: &[u8]) {
        let Ok(Question { of, ask: Ask::Withdraw { unknown, .. } }) = serde_json::from_slice(order)
        else {
            return;
        };
        for id in unknown {
            let key = (of.agent.clone(), of.epoch.clone(), id_bytes(&id));
            let known = self.0.entry(key).or_default();
            *known = (*known).max(ordered_at(path));
        }
    }

    /// Whether a record of a segment was withdrawn after it was sent.
    pub(super) fn has(&self, incoming: &Incoming<'_>, record: &Record<'_>) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let (agent, epoch) = (incoming.agent.to_owned(), incoming.epoch.to_owned());
        let at = self.0.get(&(agent, epoch, id_bytes(&record.record_id)));
        at.is_some_and(|at| sent_again_at(incoming.message_id).is_none_or(|sent| sent < *at))
    }
}

/// When an order was written: its name ends with an id.
fn ordered_at(path: &Path) -> u64 {
    let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    let id = name.strip_suffix(ORDER_END).and_then(|it| it.split_once('-')).map_or("", |it| it.1);
    ms_of(&id_bytes(id))
}

/// When a segment was written that sends records once more.
fn sent_again_at(segment: &str) -> Option<u64> {
    segment.rsplit_once("-again-")?.1.split('.').next()?.parse().ok()
}
