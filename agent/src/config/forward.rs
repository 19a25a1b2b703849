//! `[forward]`: where records go.

use std::path::PathBuf;

use super::ForwardConfig;
use super::secrets::{addresses, pem, secret};
use super::section::{Complaints, Section};
use crate::forward::AmqpOptions;
use crate::forward::options::Poison;

pub(super) fn forward(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> ForwardConfig {
    let mut section = root.section("forward", to);
    let kind = section.text("kind", to).unwrap_or_else(|| "files".to_owned());
    let place = section.offset_of("kind");
    let forward = match kind.as_str() {
        "amqp" => ForwardConfig::Amqp(Box::new(amqp(&mut section, to))),
        "files" => {
            let dir =
                section.text("dir", to).unwrap_or_else(|| "/var/lib/his-agent/records".to_owned());
            ForwardConfig::Files { dir: PathBuf::from(dir) }
        }
        other => {
            to.error("A004", place, format!("`kind` must be files or amqp, not `{other}`"));
            return ForwardConfig::Files { dir: PathBuf::new() };
        }
    };
    section.finish(to);
    forward
}

fn amqp(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> AmqpOptions {
    let mut urls = vec![secret(section, "url", to)];
    urls.extend(addresses(section, to));
    let mut amqp = AmqpOptions::new(urls);
    access(section, &mut amqp, to);
    if amqp.access.urls.iter().all(|it| !it.is_empty())
        && let Err(error) = amqp.access.check()
    {
        to.error("A004", section.offset_of("url"), error.to_string());
    }
    amqp.exchange = section.text("exchange", to).unwrap_or(amqp.exchange);
    amqp.declare = section.switch("declare", amqp.declare, to);
    amqp.queue = section.text("queue", to).unwrap_or(amqp.queue);
    amqp.expect_queue = section.text("expect_queue", to);
    amqp.window_messages_max = section.size("window", 256, 1..=10_000, to);
    amqp.confirm_timeout = section.duration("confirm_timeout_ms", 30_000, 1_000..=600_000, to);
    amqp.batch = one_of(section, "batch", [("auto", true), ("off", false)], to);
    trouble(section, &mut amqp, to);
    // A list that is given, even an empty one, takes the place of the default.
    if section.gives("first") {
        amqp.first = section.texts("first", to);
    }
    if section.gives("last") {
        amqp.last = section.texts("last", to);
    }
    amqp
}

/// How to get to the broker and prove who we are.
fn access(section: &mut Section<'_, '_>, amqp: &mut AmqpOptions, to: &mut Complaints<'_>) {
    let ca_file = section.text("ca_file", to);
    let cert_file = section.text("cert_file", to);
    let key_file = section.text("key_file", to);
    let mut read = |key, path: Option<String>| pem(section, key, path.as_deref(), to);
    let (ca, cert, key) =
        (read("ca_file", ca_file), read("cert_file", cert_file), read("key_file", key_file));
    if cert.is_some() != key.is_some() {
        let message = "`cert_file` and `key_file` go together".to_owned();
        to.error("A005", section.offset_of("cert_file"), message);
    }
    let access = &mut amqp.access;
    access.ca_pem = ca;
    access.identity_pem = cert.zip(key);
    access.server_name = section.text("server_name", to);
    access.external = one_of(section, "auth", [("password", false), ("external", true)], to);
    access.heartbeat = section.duration("heartbeat_ms", 10_000, 1_000..=300_000, to);
    if access.external && access.identity_pem.is_none() {
        let message = "`auth = \"external\"` needs `cert_file` and `key_file`".to_owned();
        to.error("A005", section.offset_of("auth"), message);
    }
}

/// What happens when it does not go well.
fn trouble(section: &mut Section<'_, '_>, amqp: &mut AmqpOptions, to: &mut Complaints<'_>) {
    amqp.retry_first = section.duration("retry_first_ms", 200, 10..=60_000, to);
    amqp.retry_longest = section.duration("retry_longest_ms", 30_000, 100..=3_600_000, to);
    let breaker_after = section.number("breaker_after", 5, 1..=1_000, to);
    amqp.breaker_after = u32::try_from(breaker_after).unwrap_or(u32::MAX);
    let policies = [("park", Poison::Park), ("block", Poison::Block)];
    amqp.poison = one_of(section, "poison", policies, to);
    amqp.recheck = section.duration("recheck_ms", 60_000, 1_000..=86_400_000, to);
    amqp.alert_after = section.duration("alert_after_ms", 300_000, 1_000..=86_400_000, to);
    if amqp.retry_longest < amqp.retry_first {
        let message = "`retry_longest_ms` is shorter than `retry_first_ms`".to_owned();
        to.error("A004", section.offset_of("retry_longest_ms"), message);
    }
}

/// One of the two words; the first holds when none is given.
fn one_of<T: Copy>(
    section: &mut Section<'_, '_>,
    key: &'static str,
    words: [(&str, T); 2],
    to: &mut Complaints<'_>,
) -> T {
    let [(default, fallback), (other, meaning)] = words;
    match section.text(key, to).as_deref() {
        None => fallback,
        Some(word) if word == default => fallback,
        Some(word) if word == other => meaning,
        Some(_) => {
            let message = format!("`{key}` must be {default} or {other}");
            to.error("A004", section.offset_of(key), message);
            fallback
        }
    }
}
