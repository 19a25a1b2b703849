//! What somebody should look at, of all subscriptions: one line a code.

use std::time::Duration;

use super::push::horizon;
use super::{Subscriber, Subscriptions};

/// What is told of one subscription, if anything.
type Told = fn(&Subscriber) -> Option<String>;

impl Subscriptions {
    /// By code.
    pub(crate) fn alerts(&self) -> Vec<(&'static str, String)> {
        let alerts: [(_, Told); 3] = [("I181", waits), ("I182", has_lost), ("I183", has_set_aside)];
        let told = alerts.map(|(code, of)| {
            let lines = self
                .0
                .iter()
                .filter_map(|it| Some(format!("订阅 {}：{}", it.config.name, of(it)?)));
            (code, lines.collect::<Vec<_>>().join("；"))
        });
        told.into_iter().filter(|(_, text)| !text.is_empty()).collect()
    }
}

/// Records have not gone on for longer than somebody wants to sleep through.
fn waits(it: &Subscriber) -> Option<String> {
    let standing = it.standing();
    let trouble = standing.trouble.as_ref().filter(|it| it.since.elapsed() > ALERT_AFTER)?;
    Some(trouble.reason.clone())
}

/// What is lost stays so: it is told for a day, over starts too.
fn has_lost(it: &Subscriber) -> Option<String> {
    let standing = it.standing();
    let since = horizon(LOST_TOLD_DAYS);
    let is_recent = standing.place.lost_at.as_ref().is_some_and(|at| *at > since);
    is_recent.then(|| format!("至多 {} 条没有推送，编号见日志 I182", standing.place.lost))
}

/// What was set aside waits for a person.
fn has_set_aside(it: &Subscriber) -> Option<String> {
    let (name, count) = (&it.config.name, it.standing().place.set_aside);
    (count > 0).then(|| format!("另放 {count} 条，his-agent subscriptions show {name}"))
}

pub(crate) const ALERT_AFTER: Duration = Duration::from_mins(5);
const LOST_TOLD_DAYS: u32 = 1;
