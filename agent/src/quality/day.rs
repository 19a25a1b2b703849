//! One day of one agent, by name: what the files hold and the commands show. Adding two of them
//! gives the counts of both, so a week is a day too.

use std::collections::BTreeMap;

use jiff::civil::Date;
use schemas::Required;
use serde::{Deserialize, Serialize};

use super::delays::Delays;
use super::observed::{EntityTally, Measure, NO_ELEMENT, Remarks};

/// Everything counted on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Day {
    /// `YYYYMMDD`, China time, of the receipt.
    pub day: String,
    /// By channel.
    pub channels: BTreeMap<String, ChannelDay>,
}

/// One channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelDay {
    /// What became of its messages.
    pub messages: Messages,
    /// Refused messages of which no record could be seen, by code.
    pub unreadable: BTreeMap<String, u64>,
    /// By entity.
    pub entities: BTreeMap<String, EntityDay>,
}

/// Messages by their fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Messages {
    /// With at least one new record.
    pub accepted: u64,
    /// Waiting for a local code to be mapped.
    pub parked: u64,
    /// Dead letters.
    pub refused: u64,
    /// With nothing new.
    pub resent: u64,
}

/// One entity: the records that messages showed, refused ones among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EntityDay {
    /// Its Chinese name.
    pub zh_name: String,
    /// How many records.
    pub records: u64,
    /// Records with a finding that refuses.
    pub refused: u64,
    /// From the fact to its receipt.
    pub delays: Delays,
    /// In the dictionary's order; a finding about no element stands under an empty name.
    pub elements: Vec<ElementDay>,
}

/// One data element.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ElementDay {
    /// Its English name.
    pub name: String,
    /// Its Chinese name.
    pub zh_name: String,
    /// Whether a record needs it.
    pub required: bool,
    /// Records that had a value, right or wrong.
    pub carried: u64,
    /// Records that needed a value and had none.
    pub missing: u64,
    /// Records whose value is not as the standard wants it.
    pub nonconforming: u64,
    /// Records whose value contradicts another.
    pub inconsistent: u64,
    /// The findings, by code.
    pub findings: BTreeMap<String, Given>,
}

/// How often a code was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Given {
    /// And refused the record.
    pub refused: u64,
    /// And let it pass.
    pub warned: u64,
}

impl Day {
    /// A day with nothing in it.
    pub fn new(date: Date) -> Day {
        Day { day: date.strftime("%Y%m%d").to_string(), channels: BTreeMap::new() }
    }

    /// Adds other counts; whose day they are stays as it was.
    pub fn add(&mut self, more: &Day) {
        for (name, more) in &more.channels {
            self.channels.entry(name.clone()).or_default().add(more);
        }
    }

    /// Adds these counts to the metrics: by channel and entity, which are few. Elements are many.
    pub(super) fn publish(&self) {
        for (channel, day) in &self.channels {
            for (entity, day) in &day.entities {
                let labels = [("channel", channel.clone()), ("entity", entity.clone())];
                let sum = |count: fn(&ElementDay) -> u64| day.elements.iter().map(count).sum();
                metrics::counter!("his_agent_quality_records_total", &labels)
                    .increment(day.records);
                metrics::counter!("his_agent_quality_missing_total", &labels)
                    .increment(sum(|it| it.missing));
                metrics::counter!("his_agent_quality_nonconforming_total", &labels)
                    .increment(sum(|it| it.nonconforming));
                metrics::counter!("his_agent_quality_inconsistent_total", &labels)
                    .increment(sum(|it| it.inconsistent));
                let delays = metrics::histogram!("his_agent_quality_delay_seconds", &labels);
                for (seconds, count) in day.delays.buckets() {
                    delays
                        .record_many(whole(seconds), usize::try_from(count).unwrap_or(usize::MAX));
                }
            }
        }
    }
}

impl ChannelDay {
    fn add(&mut self, more: &ChannelDay) {
        self.messages.add(more.messages);
        for (code, count) in &more.unreadable {
            *self.unreadable.entry(code.clone()).or_default() += count;
        }
        for (name, more) in &more.entities {
            self.entities.entry(name.clone()).or_default().add(more);
        }
    }
}

impl Messages {
    fn add(&mut self, more: Messages) {
        self.accepted += more.accepted;
        self.parked += more.parked;
        self.refused += more.refused;
        self.resent += more.resent;
    }
}

impl EntityDay {
    pub(super) fn add(&mut self, more: &EntityDay) {
        self.zh_name.clone_from(&more.zh_name);
        self.records += more.records;
        self.refused += more.refused;
        self.delays.add(&more.delays);
        for (place, more) in more.elements.iter().enumerate() {
            // Nearly always both know the same elements in the same order.
            let here = match self.elements.get(place) {
                Some(it) if it.name == more.name => Some(place),
                _ => self.elements.iter().position(|it| it.name == more.name),
            };
            match here.and_then(|it| self.elements.get_mut(it)) {
                Some(element) => element.add(more),
                None => self.elements.push(more.clone()),
            }
        }
    }
}

impl ElementDay {
    fn add(&mut self, more: &ElementDay) {
        self.zh_name.clone_from(&more.zh_name);
        self.required |= more.required;
        self.carried += more.carried;
        self.missing += more.missing;
        self.nonconforming += more.nonconforming;
        self.inconsistent += more.inconsistent;
        for (code, more) in &more.findings {
            let given = self.findings.entry(code.clone()).or_default();
            given.refused += more.refused;
            given.warned += more.warned;
        }
    }
}

impl EntityTally {
    /// The same by names.
    pub(super) fn named(&self) -> EntityDay {
        let of_entity = self.entity.elements().iter().zip(&self.carried).enumerate();
        let mut elements: Vec<ElementDay> = of_entity
            .map(|(position, (element, carried))| ElementDay {
                name: element.name().to_owned(),
                zh_name: element.zh_name().to_owned(),
                required: element.required() == Required::Yes,
                carried: *carried,
                ..self.faults(position)
            })
            .collect();
        let about_none = self.faults(NO_ELEMENT);
        if about_none != ElementDay::default() {
            elements.push(about_none);
        }
        EntityDay {
            zh_name: self.entity.zh_name().to_owned(),
            records: self.records,
            refused: self.refused,
            delays: self.delays.clone(),
            elements,
        }
    }

    fn faults(&self, position: usize) -> ElementDay {
        let flagged = |measure| self.flags.get(&(position, measure)).map_or(0, |it| it.records);
        let given = |it: &Remarks| Given { refused: it.refused, warned: it.warned };
        let of_position = (position, "")..=(position, LAST_CODE);
        let findings = self.remarks.range(of_position);
        ElementDay {
            missing: flagged(Measure::Completeness),
            nonconforming: flagged(Measure::Conformity),
            inconsistent: flagged(Measure::Consistency),
            findings: findings.map(|((_, code), it)| ((*code).to_owned(), given(it))).collect(),
            ..ElementDay::default()
        }
    }
}

/// Metrics are floats by Prometheus's choice; a number of seconds loses nothing.
#[allow(clippy::cast_precision_loss)]
fn whole(seconds: u64) -> f64 {
    seconds as f64
}

/// Behind every code, which is a letter and digits.
const LAST_CODE: &str = "~";
