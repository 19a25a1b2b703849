//! What is kept of messages and records, since when, what it takes, and what it will take once it has
//! been kept for its whole term at the rate of the days there are.

use serde_json::{Value, json};

use super::{Opened, keeper};
use crate::intake::Road;
use crate::outbox::{Kept, StoreError, day_of};

/// Everything about it.
pub(super) fn told(road: &Road, opened: &Opened) -> Result<Value, StoreError> {
    let (config, outbox) = (&road.config.messages, &opened.outbox);
    let today = day_of(keeper::now_ms());
    let Kept { first_seq, end_seq, bytes } = outbox.kept()?;
    let records_since = outbox.record(first_seq)?.map(|it| it.received_at.clone());
    let records_days = records_since.as_deref().and_then(days_since).unwrap_or(1);
    let raw = outbox.raw_extent()?;
    let raw_bytes = raw.map_or(0, |it| it.0);
    let raw_days =
        raw.map_or(1, |(_, first, _)| u64::from(today.saturating_sub(day_of(first))) + 1);
    let journey_since = opened.since()?;
    let journey_days = journey_since.map_or(1, |it| u64::from(today.saturating_sub(it)) + 1);
    let places = outbox.places()?;
    let on_disk = |name: &str| places.iter().find(|it| it.name == name).map_or(0, |it| it.bytes);
    let journeys = on_disk("journey");
    let sizes: serde_json::Map<String, Value> =
        places.iter().map(|it| (it.name.to_owned(), Value::from(it.bytes))).collect();
    Ok(json!({
        "records": {
            "count": end_seq.saturating_sub(first_seq), "since": records_since, "bytes": bytes,
            "keep_days": config.records_keep_days, "bytes_max": config.records_bytes_max,
            "forecast_bytes": forecast(bytes, records_days, config.records_keep_days).min(config.records_bytes_max),
        },
        "raw": {
            "since": raw.map(|it| super::show::stamp(it.1)), "bytes": raw_bytes,
            "keep_days": config.raw_keep_days, "bytes_max": config.raw_bytes_max,
            "forecast_bytes": forecast(raw_bytes, raw_days, config.raw_keep_days).min(config.raw_bytes_max),
        },
        "journeys": {
            "days": journey_days, "bytes": journeys, "keep_days": config.keep_days,
            "forecast_bytes": forecast(journeys, journey_days, config.keep_days),
            "behind": outbox.next_seq().saturating_sub(opened.followed()?),
        },
        "evidence": evidence(road)?,
        "dead_letters": opened.causes.told(),
        "on_disk": sizes,
    }))
}

/// The log of checks, which holds the evidence of findings: what it takes, and what it will take at
/// most, should every check be evidence.
fn evidence(road: &Road) -> Result<Value, StoreError> {
    let Some(log) = road.checks.log() else { return Ok(Value::Null) };
    let hours = log.hours()?;
    let bytes = hours.iter().map(|it| it.bytes).sum();
    let this_hour = keeper::now_ms() / MS_AN_HOUR;
    let first = hours.first().map_or(this_hour, |it| u64::from(it.begun));
    let days = this_hour.saturating_sub(first) / 24 + 1;
    let days_of =
        |it: std::time::Duration| u32::try_from(it.as_secs() / 86_400).unwrap_or(u32::MAX);
    let evidence_days = days_of(road.config.hospital.evidence_keep);
    let keep_days = evidence_days.max(days_of(road.config.check.log_keep));
    Ok(json!({
        "days": days, "bytes": bytes, "keep_days": evidence_days,
        "thinned_hours": hours.iter().filter(|it| it.is_thinned).count(),
        "forecast_bytes": forecast(bytes, days, keep_days),
    }))
}

/// What so many bytes of so many days come to in a whole term.
pub(super) fn forecast(bytes: u64, days: u64, keep_days: u32) -> u64 {
    let all = u128::from(bytes) * u128::from(keep_days) / u128::from(days.max(1));
    u64::try_from(all).unwrap_or(u64::MAX).max(bytes)
}

/// Days from a moment to today, both counted.
fn days_since(stamp: &str) -> Option<u64> {
    let then = crate::pipeline::moment(stamp)?.date();
    let days = then.until(crate::clock::now().date()).ok()?.get_days();
    u64::try_from(days).ok().map(|it| it + 1)
}

const MS_AN_HOUR: u64 = 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_as_many_days_as_it_has() {
        assert_eq!(forecast(100, 2, 30), 1_500);
        assert_eq!(forecast(100, 60, 30), 100, "never less than there is");
        assert_eq!(forecast(u64::MAX, 1, 3_650), u64::MAX);
        assert_eq!(forecast(7, 0, 10), 70);
    }
}
