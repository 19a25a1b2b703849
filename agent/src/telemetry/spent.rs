//! How long each stage of the road takes.
//!
//! Counted in buckets that are there from the start: a message costs a few additions, and nothing grows
//! however long nobody asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::page::Page;
use crate::envelope::Stage;

/// A stage that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Decode,
    Map,
    Validate,
    /// Until the disk has synced.
    Store,
    /// A check's rules.
    Evaluate,
    Answer,
    /// From the publish to its confirm.
    Confirm,
}

/// The times of one stage.
struct Spent {
    /// By the first bound that was not passed; the last is for what passes all.
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// Adds the time since `begun`.
pub(crate) fn spent(step: Step, begun: Instant) {
    STEPS
        .iter()
        .zip(&SPENT)
        .filter(|(it, _)| it.0 == step)
        .for_each(|(_, it)| it.add(begun.elapsed()));
}

/// The times of a message between its bytes and its records, one after the other.
pub(crate) struct Laps(Instant);

impl Laps {
    pub(crate) fn begin() -> Laps {
        Laps(Instant::now())
    }

    /// A stage of the pipeline is over, and the next begins.
    pub(crate) fn end(&mut self, stage: Stage) {
        let step = match stage {
            Stage::Decode => Step::Decode,
            Stage::Map => Step::Map,
            Stage::Validate => Step::Validate,
            Stage::Store | Stage::Forward => return,
        };
        spent(step, self.0);
        self.0 = Instant::now();
    }
}

/// As the exposition format writes a histogram.
pub(super) fn tell(page: &mut Page) {
    for ((_, stage), spent) in STEPS.iter().zip(&SPENT) {
        spent.tell(stage, page);
    }
}

impl Spent {
    const fn new() -> Spent {
        let counts = [const { AtomicU64::new(0) }; BOUNDS.len() + 1];
        Spent { counts, nanoseconds: AtomicU64::new(0) }
    }

    fn add(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let at = BOUNDS.partition_point(|(bound, _)| bound.saturating_mul(1_000) < nanoseconds);
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn tell(&self, stage: &str, page: &mut Page) {
        let nanoseconds = self.nanoseconds.load(Ordering::Relaxed);
        let mut counts = self.counts.iter().map(|it| it.load(Ordering::Relaxed));
        let mut sum = 0;
        for ((_, bound), count) in BOUNDS.iter().zip(&mut counts) {
            sum += count;
            page.part(NAME, "_bucket", &[("stage", stage), ("le", bound)], sum);
        }
        sum += counts.sum::<u64>();
        page.part(NAME, "_bucket", &[("stage", stage), ("le", "+Inf")], sum);
        let (whole, part) = (nanoseconds / BILLION, nanoseconds % BILLION);
        page.part(NAME, "_sum", &[("stage", stage)], format_args!("{whole}.{part:09}"));
        page.part(NAME, "_count", &[("stage", stage)], sum);
    }
}

const NAME: &str = "his_agent_stage_seconds";
const BILLION: u64 = 1_000_000_000;

/// In the order of the road.
const STEPS: [(Step, &str); 7] = [
    (Step::Decode, "decode"),
    (Step::Map, "map"),
    (Step::Validate, "validate"),
    (Step::Store, "store"),
    (Step::Evaluate, "evaluate"),
    (Step::Answer, "answer"),
    (Step::Confirm, "confirm"),
];

static SPENT: [Spent; STEPS.len()] = [const { Spent::new() }; STEPS.len()];

/// In microseconds, and as seconds: from the decoding of a short message to a broker that is slow.
const BOUNDS: [(u64, &str); 16] = [
    (10, "0.00001"),
    (25, "0.000025"),
    (50, "0.00005"),
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (1_000_000, "1"),
    (10_000_000, "10"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_counted_in_its_bucket_and_all_above() {
        let spent = Spent::new();
        for microseconds in [10, 11, 900, 20_000_000] {
            spent.add(Duration::from_micros(microseconds));
        }
        let mut page = Page::default();
        spent.tell("map", &mut page);
        let text = page.into_text();
        for line in [
            "# TYPE his_agent_stage_seconds histogram",
            "his_agent_stage_seconds_bucket{stage=\"map\",le=\"0.00001\"} 1",
            "his_agent_stage_seconds_bucket{stage=\"map\",le=\"0.000025\"} 2",
            "his_agent_stage_seconds_bucket{stage=\"map\",le=\"0.0005\"} 2",
            "his_agent_stage_seconds_bucket{stage=\"map\",le=\"0.001\"} 3",
            "his_agent_stage_seconds_bucket{stage=\"map\",le=\"10\"} 3",
            "his_agent_stage_seconds_bucket{stage=\"map\",le=\"+Inf\"} 4",
            "his_agent_stage_seconds_sum{stage=\"map\"} 20.000921000",
            "his_agent_stage_seconds_count{stage=\"map\"} 4",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }
}
