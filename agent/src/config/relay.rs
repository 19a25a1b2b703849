//! `[relay]`: where the insurer's own review is, and what a caller of it needs.

use super::RelayConfig;
use super::secrets;
use super::section::{Complaints, Section};
use crate::relay::Target;

pub(super) fn relay(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> RelayConfig {
    let mut section = root.section("relay", to);
    let config = RelayConfig {
        url: target(section.text("url", to), "url", &section, to),
        course_url: target(section.text("course_url", to), "course_url", &section, to),
        feedback_url: target(section.text("feedback_url", to), "feedback_url", &section, to),
        ca_file: section.text("ca_file", to).map(Into::into),
        restate: section.switch("restate", false, to),
        stated: section.secrets("stated", to).into_iter().map(|(name, it, _)| (name, it)).collect(),
        headers: secrets::headers(&mut section, to),
    };
    let targets = [
        ("url", &config.url),
        ("course_url", &config.course_url),
        ("feedback_url", &config.feedback_url),
    ];
    for (key, target) in targets {
        let Some(target) = target else { continue };
        if target.tls && config.ca_file.is_none() {
            let message = format!("`{key}` is https: `ca_file` names the certificates to trust");
            to.error("A005", section.offset_of(key), message);
        }
        if config.url.is_none() {
            let message = format!("`{key}` is only asked when there is an `url`");
            to.error("A005", section.offset_of(key), message);
        }
    }
    section.finish(to);
    config
}

fn target(
    url: Option<String>,
    key: &'static str,
    section: &Section<'_, '_>,
    to: &mut Complaints<'_>,
) -> Option<Target> {
    match url?.parse() {
        Ok(target) => Some(target),
        Err(why) => {
            let message = format!(
                "`{key}` must be an address such as \"http://10.0.0.8:8080/insurance/{{infno}}\": {why}"
            );
            to.error("A004", section.offset_of(key), message);
            None
        }
    }
}
