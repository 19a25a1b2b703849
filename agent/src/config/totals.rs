//! `[channel.totals]`: where the HIS of a channel tells its own totals of a day, and when they are fetched.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Time;

use super::secrets;
use super::section::{Complaints, Section};
use crate::relay::Target;

/// Where and when totals are fetched.
#[derive(Clone)]
pub struct TotalsConfig {
    /// Where; `{day}` in its path is the day.
    pub url: Option<Target>,
    /// When the day before is asked for, in China.
    pub daily_at: Time,
    /// The certificates that are trusted.
    pub ca_file: Option<PathBuf>,
    /// Secret headers.
    pub headers: Vec<(String, String)>,
    /// How long one call may take.
    pub timeout: Duration,
}

impl fmt::Debug for TotalsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("TotalsConfig")
            .field("url", &self.url)
            .field("daily_at", &self.daily_at)
            .field("headers", &headers)
            .finish_non_exhaustive()
    }
}

/// The table in a channel; without one nothing is fetched.
pub(super) fn totals(
    channel: &mut Section<'_, '_>,
    to: &mut Complaints<'_>,
) -> Option<TotalsConfig> {
    let is_given = channel.gives("totals");
    let mut section = channel.section("totals", to);
    if !is_given {
        return None;
    }
    let config = TotalsConfig {
        url: url(&mut section, to),
        daily_at: daily_at(&mut section, to).unwrap_or(DAILY_AT),
        ca_file: section.text("ca_file", to).map(Into::into),
        headers: secrets::headers(&mut section, to),
        timeout: section.duration("timeout_ms", 60_000, 100..=600_000, to),
    };
    if config.url.as_ref().is_some_and(|it| it.tls) && config.ca_file.is_none() {
        let message = "`url` is https: `ca_file` names the certificates to trust".to_owned();
        to.error("A005", section.offset_of("url"), message);
    }
    section.finish(to);
    Some(config)
}

fn url(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<Target> {
    let text = section.required("url", to);
    if text.is_empty() {
        return None;
    }
    let place = section.offset_of("url");
    let why = match text.parse::<Target>() {
        Ok(target) if text.contains("{day}") => return Some(target),
        Ok(_) => "no {day}, which stands for the day",
        Err(why) => why,
    };
    let example = "\"http://10.0.0.9/totals?day={day}\"";
    to.error("A004", place, format!("`url` must be an address such as {example}: {why}"));
    None
}

/// A time of day, `06:30`.
pub(super) fn daily_at(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<Time> {
    let text = section.text("daily_at", to)?;
    let read = Time::strptime("%H:%M", &text);
    if read.is_err() {
        let message = "`daily_at` must be a time of day such as \"06:30\"".to_owned();
        to.error("A004", section.offset_of("daily_at"), message);
    }
    read.ok()
}

const DAILY_AT: Time = Time::constant(6, 0, 0, 0);

#[cfg(test)]
mod tests {
    use crate::config::proving::told_of;

    #[test]
    fn where_totals_are_and_when_they_are_fetched() {
        let least = "url = \"http://10.0.0.9/totals?day={day}\"";
        check(least, "");
        check("", "error[A005]");
        check(&least.replace("{day}", ""), "no {day}");
        check(&least.replace("http:", "https:"), "error[A005]: `url` is https");
        check(&format!("{least}\ndaily_at = \"25:00\""), "`daily_at` must be a time of day");
        check(&format!("{least}\nheaders = {{ Authorization = \"secret\" }}"), "error[A010]");
    }

    #[track_caller]
    fn check(lines: &str, expected: &str) {
        told_of(&format!("[[channel]]\nname = \"a\"\n[channel.totals]\n{lines}"), expected);
    }
}
