//! `[[subscription]]`: which records go to which other system, in whose words.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mappings::RecordTemplate;

use super::secrets;
use super::section::{Complaints, Section};
use crate::relay::Target;

/// `[[subscription]]`
#[derive(Clone)]
pub struct SubscriptionConfig {
    /// How logs name it; its place in the outbox is kept under this name.
    pub name: String,
    /// Where records go.
    pub url: Option<Target>,
    /// Which.
    pub entities: Vec<String>,
    /// Of these, those whose elements fit.
    pub when: Vec<Condition>,
    /// The elements that go; all when empty.
    pub elements: Vec<String>,
    /// In whose words; the standard record's without one.
    pub template: Option<Arc<RecordTemplate>>,
    /// What the body is said to be.
    pub content_type: String,
    /// For SOAP 1.1.
    pub soap_action: Option<String>,
    /// What the answer to a record that was taken has in it.
    pub answer_has: Option<String>,
    /// Secret headers.
    pub headers: Vec<(String, String)>,
    /// The certificates that are trusted.
    pub ca_file: Option<PathBuf>,
    /// How long one call may take.
    pub timeout: Duration,
    /// How many days a record is tried before it is given up and named.
    pub keep_days: u32,
    /// Whether a new subscription begins with what is kept, and not with what comes.
    pub from_oldest: bool,
}

/// `element=value|value`, or with `!=` none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The element.
    pub element: String,
    /// The values.
    pub values: Vec<String>,
    /// Whether it has to be one of them, or none.
    pub is_one: bool,
}

impl std::fmt::Debug for SubscriptionConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("SubscriptionConfig")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("entities", &self.entities)
            .field("when", &self.when)
            .field("headers", &headers)
            .finish_non_exhaustive()
    }
}

pub(super) fn subscriptions(
    root: &mut Section<'_, '_>,
    to: &mut Complaints<'_>,
) -> Vec<SubscriptionConfig> {
    let mut all: Vec<SubscriptionConfig> = Vec::new();
    for mut section in root.sections("subscription", to) {
        let one = subscription(&mut section, to);
        if one.entities.is_empty() {
            let message = "[subscription] needs `entities`".to_owned();
            to.error("A005", section.offset_of("entities"), message);
        }
        if one.url.as_ref().is_some_and(|it| it.tls) && one.ca_file.is_none() {
            let message = "`url` is https: `ca_file` names the certificates to trust".to_owned();
            to.error("A005", section.offset_of("url"), message);
        }
        if all.iter().any(|it| it.name == one.name) {
            let message = format!("there is another subscription `{}`", one.name);
            to.error("A008", section.offset_of("name"), message);
        }
        section.finish(to);
        all.push(one);
    }
    all
}

fn subscription(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> SubscriptionConfig {
    let keep_days = section.number("keep_days", 30, 1..=366, to);
    let (content_type, template) = (section.text("content_type", to), template(section, to));
    let usual = || usual_type(template.as_ref().is_some_and(|(_, is_xml)| *is_xml));
    SubscriptionConfig {
        name: section.required("name", to),
        url: url(section, to),
        entities: section.texts("entities", to),
        when: conditions(section, to),
        elements: section.texts("elements", to),
        content_type: content_type.unwrap_or_else(usual),
        template: template.map(|(it, _)| it),
        soap_action: section.text("soap_action", to),
        answer_has: section.text("answer_has", to),
        headers: secrets::headers(section, to),
        ca_file: section.text("ca_file", to).map(Into::into),
        timeout: section.duration("timeout_ms", 10_000, 100..=300_000, to),
        keep_days: u32::try_from(keep_days).unwrap_or(30),
        from_oldest: section.switch("from_oldest", false, to),
    }
}

fn url(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<Target> {
    let text = section.required("url", to);
    if text.is_empty() {
        return None;
    }
    let place = section.offset_of("url");
    text.parse::<Target>()
        .map_err(|why| {
            let message =
                format!("`url` must be an address such as \"http://10.0.0.9:8080/records\": {why}");
            to.error("A004", place, message);
        })
        .ok()
}

fn conditions(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for text in section.texts("when", to) {
        let parts = text.split_once("!=").map(|it| (it, false));
        let parts = parts.or_else(|| text.split_once('=').map(|it| (it, true)));
        let Some(((element, values), is_one)) = parts.filter(|((it, _), _)| !it.trim().is_empty())
        else {
            let message =
                format!("`when` has `{text}`: write element=value|value or element!=value");
            to.error("A004", section.offset_of("when"), message);
            continue;
        };
        let values = values.split('|').map(|it| it.trim().to_owned()).collect();
        conditions.push(Condition { element: element.trim().to_owned(), values, is_one });
    }
    conditions
}

fn usual_type(is_xml: bool) -> String {
    let name = if is_xml { "text/xml" } else { "application/json" };
    format!("{name}; charset=utf-8")
}

/// The template, and whether it is XML.
fn template(
    section: &mut Section<'_, '_>,
    to: &mut Complaints<'_>,
) -> Option<(Arc<RecordTemplate>, bool)> {
    let path = section.text("template", to)?;
    let place = section.offset_of("template");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| to.error("A001", place, format!("{path} cannot be read: {error}")))
        .ok()?;
    RecordTemplate::parse(&text)
        .map_err(|why| to.error("A004", place, format!("`template` {path}: {why}")))
        .map(|it| (Arc::new(it), text.trim_start().starts_with('<')))
        .ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::config::proving::told_of;

    const LEAST: &str = "name = \"emr\"\nurl = \"http://10.0.0.9/records\"\nentities = [\"outpatient_prescription\"]";

    #[test]
    fn what_goes_where() {
        check(LEAST, "");
        check(&format!("{LEAST}\nwhen = [\"med_type=11|12\", \"psn_type != 1\"]"), "");
        check(&format!("{LEAST}\nwhen = [\"med_type\"]"), "error[A004]: `when` has `med_type`");
        check(&LEAST.replace("http:", "ftp:"), "error[A004]: `url` must be an address");
        check(&LEAST.replace("http:", "https:"), "error[A005]: `url` is https");
        check(&LEAST.replace("[\"outpatient_prescription\"]", "[]"), "needs `entities`");
        check(&format!("{LEAST}\ntemplate = \"/no/such\""), "error[A001]: /no/such cannot be read");
        check(&format!("{LEAST}\nheaders = {{ Authorization = \"secret\" }}"), "error[A010]");
    }

    #[track_caller]
    fn check(lines: &str, expected: &str) {
        told_of(&format!("[[subscription]]\n{lines}"), expected);
    }
}
