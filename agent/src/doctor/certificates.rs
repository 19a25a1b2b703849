//! The certificates in our own files: until when they hold.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::{Check, Line, Site};
use crate::clock;
use crate::forward::certificate::{TOLD_BEFORE_DAYS, days_left, pem_all_hold_until};
use crate::tls;

pub(super) const CHECK: Check =
    Check { key: "certificates", zh: "证书", bound: Duration::from_secs(5), look };

fn look(site: &Site) -> Vec<Line> {
    let config = &site.config;
    let mut lines = Vec::new();
    if let Some(options) = site.broker() {
        let access = &options.access;
        let ours = access.identity_pem.as_ref().map(|(chain, _)| chain.as_str());
        lines.extend(chain("[forward] cert_file", ours));
        lines.extend(authorities("[forward] ca_file", access.ca_pem.as_deref()));
    }
    for (whose, file) in ca_files(config) {
        let pem = fs::read_to_string(file);
        lines.extend(match pem {
            Ok(pem) => authorities(&whose, Some(&pem)),
            Err(error) => Some(Line::fail("H112", format!("{whose} {}：{error}", file.display()))),
        });
    }
    lines.extend(tls::expiries(config).into_iter().filter_map(|(door, until)| {
        let until = Timestamp::from_second(until).ok()?;
        Some(holds(&format!("{door} 的证书"), until, CODES))
    }));
    if lines.is_empty() {
        lines.push(Line::ok("配置里没有证书文件"));
    }
    lines
}

/// The certificates by which we know other systems.
fn ca_files(config: &crate::config::Config) -> Vec<(String, &Path)> {
    let relay = config.relay.ca_file.as_deref().map(|it| ("[relay] ca_file".to_owned(), it));
    let subscriptions = config
        .subscriptions
        .iter()
        .filter_map(|it| Some((format!("订阅 {} 的 ca_file", it.name), it.ca_file.as_deref()?)));
    let totals = config.channels.iter().filter_map(|it| {
        let file = it.totals.as_ref()?.ca_file.as_deref()?;
        Some((format!("通道 {} 日合计的 ca_file", it.name), file))
    });
    let alerts = config.alerts.targets.iter().filter_map(|it| {
        let file = it.way.ca_file()?;
        Some((format!("告警 {} 的 ca_file", it.name), file))
    });
    relay.into_iter().chain(subscriptions).chain(totals).chain(alerts).collect()
}

/// A chain is over when the first of it is.
fn chain(whose: &str, pem: Option<&str>) -> Option<Line> {
    let until = pem_all_hold_until(pem?).into_iter().min();
    Some(judged(whose, until))
}

/// Of several authorities the one that holds longest is enough.
fn authorities(whose: &str, pem: Option<&str>) -> Option<Line> {
    let until = pem_all_hold_until(pem?).into_iter().max();
    Some(judged(whose, until))
}

fn judged(whose: &str, until: Option<Timestamp>) -> Line {
    match until {
        Some(until) => holds(whose, until, CODES),
        None => Line::fail("H112", format!("{whose} 里没有读得出的证书")),
    }
}

/// How many days are left; the codes of one that is over and of one that soon is.
pub(super) fn holds(whose: &str, until: Timestamp, [over, soon]: [&str; 2]) -> Line {
    let days = days_left(until);
    let told = format!("{whose} 到 {} 为止", clock::china(until));
    match days {
        ..=-1 => Line::fail(over, format!("{told}，已经过期")),
        0..TOLD_BEFORE_DAYS => Line::warn(soon, format!("{told}，只剩 {days} 天")),
        _ => Line::ok(format!("{told}，还有 {days} 天")),
    }
}

const CODES: [&str; 2] = ["H111", "H113"];

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::State;
    use super::*;

    #[test]
    fn days_are_counted() {
        check(-1, State::Fail, "已经过期");
        check(24 * 29 + 1, State::Warn, "只剩 29 天");
        check(24 * 31 + 1, State::Ok, "还有 31 天");
        assert_eq!(judged("x", None).state, State::Fail);
    }

    #[track_caller]
    fn check(hours: i64, state: State, text: &str) {
        let until =
            Timestamp::now() + SignedDuration::from_hours(hours) + SignedDuration::from_mins(5);
        let until = if hours < 0 { until - SignedDuration::from_mins(10) } else { until };
        let line = holds("a", until, CODES);
        assert_eq!(line.state, state, "{line:?}");
        assert!(line.found.contains(text), "{line:?}");
    }
}
