//! `[access]`: who may call without saying who it is, and what happens to those who guess.

use std::str::FromStr;
use std::time::Duration;

use super::section::{Complaints, Section};
use crate::callers::Unnamed;

/// `[access]`
#[derive(Clone, Debug)]
pub struct AccessConfig {
    /// Who may call the doors of the HIS without token, certificate or known address.
    pub unnamed: Unnamed,
    /// Wrong tokens from one address before it is not listened to.
    pub failures_max: u32,
    /// For how long.
    pub lock: Duration,
}

pub(super) fn access(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> AccessConfig {
    let mut section = root.section("access", to);
    let words = "this-machine, anybody or nobody";
    let config = AccessConfig {
        unnamed: section.parsed("without_token", Unnamed::Near, words, to),
        failures_max: u32::try_from(section.number("failures_max", 20, 1..=10_000, to))
            .unwrap_or(u32::MAX),
        lock: section.duration("lock_ms", 300_000, 1_000..=3_600_000, to),
    };
    section.finish(to);
    config
}

impl FromStr for Unnamed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Unnamed, &'static str> {
        match text {
            "this-machine" => Ok(Unnamed::Near),
            "anybody" => Ok(Unnamed::Anybody),
            "nobody" => Ok(Unnamed::Nobody),
            _ => Err("no such word"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::proving::told_of as check;

    #[test]
    fn who_may_call_without_a_token() {
        check("[access]\nwithout_token = \"nobody\"\nlock_ms = 60000", "");
        check(
            "[access]\nwithout_token = \"all\"",
            "`without_token` must be this-machine, anybody or nobody",
        );
        check("[access]\nfailures_max = 0", "`failures_max` must be a whole number from 1");
    }
}
