//! One look at the daemon: its metrics, as numbers that can be asked for.

use serde_json::Value;

/// What was seen at one moment.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// Name, labels as they are written, value.
    lines: Vec<(String, String, f64)>,
    /// Everything that is told beside the metrics.
    pub(super) told: Value,
}

impl Sample {
    pub(super) fn of(told: &Value) -> Sample {
        let text = told["metrics"].as_str().unwrap_or_default();
        let lines = text.lines().filter(|it| !it.starts_with('#'));
        Sample { lines: lines.filter_map(line).collect(), told: told.clone() }
    }

    /// The sum of all samples of a metric whose labels have this in them.
    pub(super) fn sum(&self, name: &str, label: &str) -> f64 {
        // A sum of nothing would be -0.
        let all = self.of_name(name).filter(|it| it.0.contains(label));
        all.fold(0.0, |sum, it| sum + it.1)
    }

    /// A metric that is there once; `None` while it is not known.
    pub(super) fn one(&self, name: &str, label: &str) -> Option<f64> {
        let mut all = self.of_name(name).filter(|it| it.0.contains(label));
        all.next().map(|it| it.1).filter(|it| it.is_finite())
    }

    /// The values of a label.
    pub(super) fn values(&self, name: &str, label: &str) -> Vec<String> {
        let begin = format!("{label}=\"");
        let value = |labels: &str| Some(labels.split_once(&begin)?.1.split_once('"')?.0.to_owned());
        let mut values: Vec<String> = self.of_name(name).filter_map(|it| value(it.0)).collect();
        values.sort();
        values.dedup();
        values
    }

    /// Seconds between two looks.
    fn since(&self, before: &Sample) -> f64 {
        let at = |it: &Sample| it.told.get("at_ms").and_then(Value::as_f64).unwrap_or_default();
        ((at(self) - at(before)) / 1000.0).max(0.001)
    }

    /// How much it grows in a second; a daemon that was started anew begins at zero.
    pub(super) fn rate(&self, before: &Sample, name: &str, label: &str) -> f64 {
        (self.sum(name, label) - before.sum(name, label)).max(0.0) / self.since(before)
    }

    /// The time that this part of all took no longer than: lately, or since the start when nothing
    /// happened lately.
    pub(super) fn quantile(
        &self,
        before: &Sample,
        part: f64,
        name: &str,
        label: &str,
    ) -> Option<f64> {
        let (now, then) = (self.buckets(name, label), before.buckets(name, label));
        let grown = now.iter().map(|(bound, count)| {
            let was = then.iter().find(|it| it.0.total_cmp(bound).is_eq()).map_or(0.0, |it| it.1);
            (*bound, (count - was).max(0.0))
        });
        quantile(part, &grown.collect::<Vec<_>>()).or_else(|| quantile(part, &now))
    }

    /// Bounds and what lies up to them, over all channels.
    fn buckets(&self, name: &str, label: &str) -> Vec<(f64, f64)> {
        let name = format!("{name}_bucket");
        let mut sums: Vec<(f64, f64)> = Vec::new();
        for (labels, count) in self.of_name(&name).filter(|it| it.0.contains(label)) {
            let bound = labels.split_once("le=\"").and_then(|(_, it)| it.split_once('"'));
            let bound = bound.and_then(|(it, _)| it.replace('+', "").parse::<f64>().ok());
            let Some(bound) = bound else { continue };
            match sums.iter_mut().find(|it| it.0.total_cmp(&bound).is_eq()) {
                Some(sum) => sum.1 += count,
                None => sums.push((bound, count)),
            }
        }
        sums.sort_by(|a, b| a.0.total_cmp(&b.0));
        sums
    }

    fn of_name<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.lines.iter().filter(move |it| it.0 == name).map(|it| (it.1.as_str(), it.2))
    }
}

fn line(line: &str) -> Option<(String, String, f64)> {
    let (name, value) = line.rsplit_once(' ')?;
    let (name, labels) = name.split_once('{').unwrap_or((name, ""));
    Some((name.to_owned(), labels.to_owned(), value.parse().ok()?))
}

/// Within its bucket, evenly spread.
fn quantile(part: f64, buckets: &[(f64, f64)]) -> Option<f64> {
    let all = buckets.last().map(|it| it.1).filter(|it| *it > 0.0)?;
    let wanted = part * all;
    let (mut low, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= wanted {
            let inside = count - below;
            let share = if inside > 0.0 { (wanted - below) / inside } else { 1.0 };
            return Some(if bound.is_finite() { low + (bound - low) * share } else { low });
        }
        (low, below) = (*bound, *count);
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rates_and_quantiles_are_of_the_time_between_two_looks() {
        let sample = |at: u64, count: u64, fast: u64| {
            let metrics = format!(
                "# TYPE m_total counter\nm_total{{channel=\"a\",outcome=\"accepted\"}} {count}\n\
                 t_bucket{{le=\"0.1\"}} {fast}\nt_bucket{{le=\"0.2\"}} {count}\nt_bucket{{le=\"+Inf\"}} {count}\n\
                 n NaN\n"
            );
            Sample::of(&json!({ "at_ms": at, "metrics": metrics }))
        };
        let (before, now) = (sample(1_000, 100, 0), sample(3_000, 120, 10));
        assert!((now.rate(&before, "m_total", "accepted") - 10.0).abs() < 1e-9);
        // Ten of twenty were fast, whatever was before.
        assert!((now.quantile(&before, 0.5, "t", "").unwrap() - 0.1).abs() < 1e-9);
        assert!((now.quantile(&before, 0.99, "t", "").unwrap() - 0.198).abs() < 1e-9);
        // Nothing lately: since the start.
        assert!((now.quantile(&now, 0.99, "t", "").unwrap() - 0.1989).abs() < 1e-3);
        assert_eq!(now.quantile(&before, 0.5, "none", ""), None);
        assert_eq!(now.one("n", ""), None, "not known");
        assert!(now.rate(&sample(2_000, 900, 0), "m_total", "").abs() < 1e-9, "started anew");
        assert_eq!(now.values("m_total", "channel"), ["a"]);
    }
}
