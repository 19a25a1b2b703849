//! Totals that a HIS sends by itself, a file a day and channel; the last that came counts.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};

use super::follow::day_of;
use super::his::{self, Line};
use super::run::with;
use super::{Opened, sums};
use crate::forward::files::put;
use crate::intake::Road;
use crate::outbox::StoreError;
use crate::{clock, pipeline};

/// What became of totals that were sent.
pub(crate) enum Sent {
    /// They are kept; with what a comparison told, if the day is over.
    Kept(Value),
    /// They are none, and why.
    Unreadable(Vec<String>),
}

/// Takes the totals that a channel's HIS sends.
pub(crate) async fn take(road: &Arc<Road>, channel: &str, text: &str) -> Result<Sent, StoreError> {
    let (day, lines) = match his::read_sent(text, channel) {
        Ok(totals) => totals,
        Err(problems) => return Ok(Sent::Unreadable(problems)),
    };
    let (channel, now) = (channel.to_owned(), pipeline::stamp(clock::now()));
    with(road, move |opened| {
        opened.keep_totals(&day, &channel, &lines).map_err(|error| StoreError::Failed {
            operation: "keep the totals of a HIS",
            cause: error.to_string(),
        })?;
        let mut told = json!({ "day": day, "channel": channel, "entities": lines.len() });
        if day.as_str() < now.get(..8).unwrap_or_default() {
            let compared = opened.against_his(day_of(&day), &lines)?;
            super::report::add(&mut told, &compared);
        }
        Ok(Sent::Kept(told))
    })
    .await
}

impl Opened {
    fn keep_totals(&self, day: &str, channel: &str, lines: &[Line]) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let totals = lines.iter().map(|it| {
            json!({ "entity": it.group.entity, "count": it.count, "sums": sums::told(&it.sums) })
        });
        let kept = json!({ "day": day, "totals": totals.collect::<Vec<_>>() });
        put(&self.folder, &name(day, channel), kept.to_string().as_bytes())
    }

    /// The lines that were sent of a day, by channel.
    pub(super) fn totals_of(&self, day: &str) -> BTreeMap<String, Vec<Line>> {
        let mut found = BTreeMap::new();
        let begin = format!("{BEGIN}{day}.");
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            let channel = name.strip_prefix(&begin).and_then(|it| it.strip_suffix(END));
            let Some(channel) = channel else { continue };
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            if let Ok((_, lines)) = his::read_sent(&text, channel) {
                found.insert(channel.to_owned(), lines);
            }
        }
        found
    }

    /// The channels whose HIS has sent other totals than ours.
    pub(super) fn his_differs(&self, day: &str) -> Vec<String> {
        let mut differ = Vec::new();
        for (channel, lines) in self.totals_of(day) {
            let told = self.against_his(day_of(day), &lines).unwrap_or_default();
            if told.get("outcome").and_then(Value::as_str) != Some("balanced") {
                differ.push(channel);
            }
        }
        differ
    }
}

/// A channel's name has nothing that a file's must not have.
fn name(day: &str, channel: &str) -> String {
    format!("{BEGIN}{day}.{channel}{END}")
}

const BEGIN: &str = "his.";
const END: &str = ".json";
