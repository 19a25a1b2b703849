//! Prometheus text of what is read when somebody asks: how the queue stands, which version this is.
//!
//! Such numbers are written down as they are at that moment. Kept as gauges they would stay what they
//! were when their subject is gone: a set that was exchanged, a subscription that was taken out.

use std::fmt::{Display, Write as _};

use super::catalog;

/// The text in the making. Samples of one metric are written one after the other.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    last: &'static str,
}

impl Page {
    /// A metric without labels.
    pub(crate) fn one(&mut self, name: &'static str, value: impl Display) {
        self.part(name, "", &[], value);
    }

    /// One sample of a metric with labels.
    pub(crate) fn of(&mut self, name: &'static str, labels: &[(&str, &str)], value: impl Display) {
        self.part(name, "", labels, value);
    }

    /// One line of a metric that has several: the bucket, the sum, the count of a histogram.
    pub(super) fn part(
        &mut self,
        name: &'static str,
        part: &str,
        labels: &[(&str, &str)],
        value: impl Display,
    ) {
        self.begin(name);
        let _ = write!(self.text, "{name}{part}");
        for (position, (label, value)) in labels.iter().enumerate() {
            let open = if position == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{open}{label}=\"{}\"", escaped(value));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{close} {value}");
    }

    /// What was written.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn begin(&mut self, name: &'static str) {
        if self.last == name {
            return;
        }
        self.last = name;
        if let Some(metric) = catalog::of(name) {
            let (help, kind) = (metric.en, metric.kind.word());
            let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_explained_once_and_its_labels_are_escaped() {
        let mut page = Page::default();
        page.of("his_agent_set_info", &[("digest", "a\"b\\")], 1);
        page.of("his_agent_set_info", &[("digest", "c")], 1);
        page.one("his_agent_accepting", 0);
        assert_eq!(
            page.into_text(),
            "# HELP his_agent_set_info The set of mappings, code maps and rules in force; always 1.\n\
             # TYPE his_agent_set_info gauge\n\
             his_agent_set_info{digest=\"a\\\"b\\\\\"} 1\n\
             his_agent_set_info{digest=\"c\"} 1\n\
             # HELP his_agent_accepting 1 while messages are taken, 0 while the disk has too little room.\n\
             # TYPE his_agent_accepting gauge\n\
             his_agent_accepting 0\n"
        );
    }
}
