//! New certificates taken up while the agent runs: the files are looked at every few seconds, and at once
//! on SIGHUP. What cannot be used is told, and what was in force stays so.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Certificate, Files, Proved};
use crate::clock;
use crate::config::Config;
use crate::forward::certificate::{TOLD_BEFORE_DAYS, days_left};
use crate::intake::Road;

/// Looks at the files until told to stop.
pub(crate) async fn keep(road: Arc<Road>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let looking = Arc::clone(&road);
        if tokio::task::spawn_blocking(move || renew(&looking.config)).await.is_err() {
            tracing::error!("looking at certificates ended in a panic");
        }
    }
}

/// Takes up what is new.
pub(crate) fn renew(config: &Config) {
    for (door, certificate) in all(config) {
        certificate.renew(&door);
    }
}

impl Certificate {
    pub(super) fn renew(&self, door: &str) {
        let mut renewing = self.renewing();
        let now = digest(&self.0.files);
        if now == renewing.seen && renewing.trouble.is_none() {
            return;
        }
        renewing.seen = now;
        match Proved::read(&self.0.files).and_then(|it| self.is_no_worse(it)) {
            Ok(proved) => {
                renewing.trouble = None;
                let until = proved.until.map(|it| clock::china(it).to_string());
                tracing::info!(door, until, "a new certificate is shown from now on");
                self.0.now.store(Arc::new(proved));
            }
            Err(why) => {
                let again = renewing.trouble.as_ref().map_or(0, |(_, times)| *times);
                if again == 1 {
                    tracing::error!(
                        door,
                        why,
                        code = "I229",
                        "the new certificate cannot be used; the one before stays"
                    );
                }
                renewing.trouble = Some((why, again.saturating_add(1)));
            }
        }
    }

    /// Somebody may have put last year's file in place: one that has ended takes the place of none that
    /// holds.
    fn is_no_worse(&self, new: Proved) -> Result<Proved, String> {
        let now = Timestamp::now();
        let has_ended = |until: Option<Timestamp>| until.is_some_and(|it| it <= now);
        if has_ended(new.until) && !has_ended(self.until()) {
            return Err(format!("{}: has already expired", self.0.files.chain.display()));
        }
        Ok(new)
    }

    /// Why its new files cannot be used. Once is nothing: somebody may be exchanging them, one after
    /// the other.
    pub(super) fn trouble(&self) -> Option<String> {
        let renewing = self.renewing();
        renewing.trouble.as_ref().filter(|(_, times)| *times > 1).map(|(why, _)| why.clone())
    }

    fn days_left(&self) -> Option<i64> {
        self.until().map(days_left)
    }
}

/// What somebody should look at now, by code.
pub(crate) fn alerts(config: &Config) -> Vec<(&'static str, String)> {
    let mut alerts = Vec::new();
    let mut add = |code, told: Vec<String>| {
        if !told.is_empty() {
            alerts.push((code, told.join("；")));
        }
    };
    let all: Vec<_> = all(config).collect();
    let trouble = |(door, it): &(String, &Certificate)| {
        it.trouble().map(|why| format!("{door} 的新证书不能用，仍用原来的：{why}"))
    };
    add("I229", all.iter().filter_map(trouble).collect());
    let ends = |(door, it): &(String, &Certificate)| {
        let days = it.days_left().filter(|days| *days < TOLD_BEFORE_DAYS)?;
        let until = it.until().map(|it| clock::china(it).date().to_string()).unwrap_or_default();
        Some(match days {
            0.. => format!("{door} 的证书还有 {days} 天到期（{until}）"),
            _ => format!("{door} 的证书已于 {until} 到期"),
        })
    };
    add("I230", all.iter().filter_map(ends).collect());
    add("I232", config.doors_in_clear());
    alerts
}

/// How the doors stand, for `/readyz`.
pub(crate) fn standing(config: &Config) -> Value {
    let told = |(door, it): (String, &Certificate)| {
        let until = it.until().map(|it| clock::china(it).to_string());
        let told = json!({ "until": until, "days_left": it.days_left(), "trouble": it.trouble() });
        (door, told)
    };
    let certificates: serde_json::Map<_, _> = all(config).map(told).collect();
    json!({ "certificates": certificates, "clear_text": config.doors_in_clear() })
}

/// When each ends, in Unix time.
pub(crate) fn expiries(config: &Config) -> Vec<(String, i64)> {
    all(config).filter_map(|(door, it)| Some((door, it.until()?.as_second()))).collect()
}

/// The certificates by the doors that show them.
fn all(config: &Config) -> impl Iterator<Item = (String, &Certificate)> {
    let http = config.tls.certificate.as_ref().map(|it| ("tls".to_owned(), it));
    let mllp = config.channels.iter().filter_map(|it| {
        let certificate = it.mllp.as_ref()?.certificate.as_ref()?;
        Some((format!("mllp:{}", it.name), certificate))
    });
    http.into_iter().chain(mllp)
}

/// By what files are told from those before; nothing when one cannot be read.
pub(super) fn digest(files: &Files) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    for path in [Some(&files.chain), Some(&files.key), files.clients.as_ref()].into_iter().flatten()
    {
        let bytes = std::fs::read(path).ok()?;
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(&bytes);
    }
    Some(hash.finalize().into())
}

const LOOK_EVERY: Duration = Duration::from_secs(5);
