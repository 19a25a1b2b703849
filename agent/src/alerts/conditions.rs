//! What is wrong at this moment, and how bad it is. One condition a code: a hundred dead letters of one
//! cause are one thing to be told.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Alerts, Condition, Severity};
use crate::forward::certificate::{TOLD_BEFORE_DAYS, days_left};
use crate::intake::{self, Road};
use crate::{clock, tls};

/// All of it.
pub(crate) fn now(road: &Road) -> Vec<Condition> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let all = intake::alerts(road).into_iter().chain(parked(road)).chain(capacity(road));
    let all = all.chain(certificate(road)).chain(account(road)).chain(road.alerts.unreached());
    for (code, text) in all {
        let known = texts.entry(code).or_default();
        if !known.contains(&text) {
            known.push(text);
        }
    }
    let condition = |(code, texts): (String, Vec<String>)| {
        let text = shortened(&texts.join("；"));
        Condition { severity: severity(&code, road), code, text }
    };
    texts.into_iter().map(condition).collect()
}

/// Codes that nobody has mapped.
fn parked(road: &Road) -> Option<(String, String)> {
    let parked = road.outbox.status().parked;
    let text = format!("{parked} 份报文在等院内代码对照：his-agent codes list");
    (parked > 0).then(|| ("Q102".to_owned(), text))
}

/// The disk would not do for a long outage.
fn capacity(road: &Road) -> Option<(String, String)> {
    let hours = road.outbox.room().outlook.minutes_at_average? / 60;
    let least = road.config.alerts.capacity_hours;
    let text =
        format!("平台中断时磁盘只够再撑 {hours} 小时（要 {least} 小时）：腾出空间，或恢复转发");
    (hours < least).then(|| ("O110".to_owned(), text))
}

/// A certificate of the way to the platform ends soon.
fn certificate(road: &Road) -> Option<(String, String)> {
    let until = road.forward.status().certificate_until?;
    let days = days_left(until);
    let on = clock::china(until).strftime("%Y-%m-%d");
    let text = match days {
        0.. => format!("与平台连接的证书 {on} 到期，还有 {days} 天"),
        _ => format!("与平台连接的证书已于 {on} 到期"),
    };
    (days < TOLD_BEFORE_DAYS).then(|| ("F114".to_owned(), text))
}

/// Days whose account with the platform does not balance.
fn account(road: &Road) -> Option<(String, String)> {
    let days = road.accounts.unwell();
    let text = format!("{days} 天与平台对不平、平台没有答，或要再对：his-agent reconcile");
    (days > 0).then(|| ("O508".to_owned(), text))
}

impl Alerts {
    /// Targets that are not reached, for the others to tell.
    fn unreached(&self) -> Vec<(String, String)> {
        let inside = self.inside();
        let failing = inside.told.iter().filter(|(_, it)| it.standing.failures >= FAILURES);
        let text = |name: &String| format!("告警没有送到 {name}：his-agent alerts list 看原因");
        failing.map(|(name, _)| ("I242".to_owned(), text(name))).collect()
    }
}

/// What keeps messages out or records in is critical; the rest can wait for the morning.
fn severity(code: &str, road: &Road) -> Severity {
    let is_soon = || {
        let until = road.forward.status().certificate_until;
        until.is_some_and(|it| days_left(it) < CERTIFICATE_DAYS_CRITICAL)
    };
    let is_door_soon = || {
        let ends = tls::expiries(&road.config).into_iter().map(|(_, until)| until);
        ends.filter_map(|it| Timestamp::from_second(it).ok())
            .any(|it| days_left(it) < CERTIFICATE_DAYS_CRITICAL)
    };
    let hours_are_few = || {
        let minutes = road.outbox.room().outlook.minutes_at_average;
        minutes.is_some_and(|it| it / 60 < road.config.alerts.capacity_hours / CRITICAL_PART)
    };
    let is_critical = match code {
        "F114" => is_soon(),
        "I230" => is_door_soon(),
        "O110" => hours_are_few(),
        _ => stops_work(code),
    };
    if is_critical { Severity::Critical } else { Severity::Warning }
}

/// Codes of what is as bad whenever it is seen.
fn stops_work(code: &str) -> bool {
    match code {
        "F113" | "F115" | "F203" => false,
        "O107" | "I191" | "I192" => true,
        _ => ["F1", "F2", "F3", "I20"].iter().any(|it| code.starts_with(it)),
    }
}

/// A text for a line of a mail or a screen.
fn shortened(text: &str) -> String {
    if text.chars().count() <= TEXT_MAX {
        return text.to_owned();
    }
    text.chars().take(TEXT_MAX).chain("……".chars()).collect()
}

const TEXT_MAX: usize = 300;
const CERTIFICATE_DAYS_CRITICAL: i64 = 7;
/// Of the hours that are wanted: fewer than this part are critical.
const CRITICAL_PART: u64 = 6;
/// Tries in a row after which a target counts as not reached.
const FAILURES: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_records_in_is_critical_whatever_the_way_out() {
        for (code, expected) in
            [("F101", true), ("F301", true), ("O107", true), ("F113", false), ("V203", false)]
        {
            assert_eq!(stops_work(code), expected, "{code}");
        }
    }
}
