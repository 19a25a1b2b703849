//! What was counted since the last time somebody looked: additions by position, names come later.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::day::{ChannelDay, Day, Messages};
use super::observed::EntityTally;
use super::{Observed, Outcome};

/// The counts of at most a minute.
#[derive(Debug, Default)]
pub(super) struct Live {
    days: BTreeMap<Date, BTreeMap<String, ChannelTally>>,
}

#[derive(Debug, Default)]
struct ChannelTally {
    messages: Messages,
    unreadable: BTreeMap<&'static str, u64>,
    entities: Vec<EntityTally>,
}

impl Live {
    pub(super) fn count(
        &mut self,
        day: Date,
        channel: &str,
        outcome: Outcome,
        observed: &Observed,
    ) {
        let channels = self.days.entry(day).or_default();
        if !channels.contains_key(channel) {
            channels.insert(channel.to_owned(), ChannelTally::default());
        }
        if let Some(tally) = channels.get_mut(channel) {
            tally.count(outcome, observed);
        }
    }

    pub(super) fn into_days(self) -> impl Iterator<Item = Day> {
        self.days.into_iter().map(|(date, channels)| {
            let channels = channels.iter().map(|(name, it)| (name.clone(), it.named()));
            Day { channels: channels.collect(), ..Day::new(date) }
        })
    }
}

impl ChannelTally {
    fn count(&mut self, outcome: Outcome, observed: &Observed) {
        let messages = &mut self.messages;
        match outcome {
            Outcome::Accepted => messages.accepted += 1,
            Outcome::Parked => messages.parked += 1,
            Outcome::Refused(code) => {
                messages.refused += 1;
                if observed.entities.is_empty() {
                    *self.unreadable.entry(code).or_default() += 1;
                }
            }
            Outcome::Resent => {
                messages.resent += 1;
                return;
            }
        }
        for more in &observed.entities {
            if let Some(tally) =
                self.entities.iter_mut().find(|it| Arc::ptr_eq(&it.entity, &more.entity))
            {
                tally.add(more);
            } else {
                let mut tally = EntityTally::new(Arc::clone(&more.entity));
                tally.add(more);
                self.entities.push(tally);
            }
        }
    }

    fn named(&self) -> ChannelDay {
        let unreadable = self.unreadable.iter().map(|(code, count)| ((*code).to_owned(), *count));
        let mut day = ChannelDay {
            messages: self.messages,
            unreadable: unreadable.collect(),
            entities: BTreeMap::new(),
        };
        for tally in &self.entities {
            // Two profiles of one entity are one entity to whoever asks.
            day.entities.entry(tally.entity.name().to_owned()).or_default().add(&tally.named());
        }
        day
    }
}
