//! `[[caller]]` and `[events]`: who may listen, and what is told to whoever does.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::ChannelConfig;
use super::section::{Complaints, Section};
use crate::callers::{Caller, Verb};

/// `[events]`
#[derive(Clone, Debug)]
pub struct EventsConfig {
    /// Who may listen, by name; only this machine when nobody is named.
    pub callers: Vec<String>,
    /// How many days events stay to be asked for again.
    pub keep_days: u32,
    /// Listeners at one time; further ones are told "busy".
    pub listeners_max: usize,
    /// How long a listener hears nothing before it is told that there is nothing.
    pub heartbeat: Duration,
    /// How long a listener may leave what it is sent before it is cut off.
    pub patience: Duration,
    /// What is told of a finding, besides what it is and how grave.
    pub show: Vec<String>,
    /// Web pages of other origins that may listen.
    pub origins: Vec<String>,
}

/// All callers, whatever they may do.
pub(super) fn callers(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Vec<Caller> {
    let mut callers: Vec<Caller> = Vec::new();
    for mut section in root.sections("caller", to) {
        let caller = Caller {
            name: section.required("name", to),
            token: token(&mut section, to),
            addresses: addresses(&mut section, to),
            certificate: section.text("certificate", to),
            verbs: verbs(&mut section, to),
            channels: section.texts("channels", to),
            departments: section.texts("departments", to),
            roles: Vec::new(),
            calls_per_minute: u32::try_from(section.number(
                "calls_per_minute",
                0,
                0..=1_000_000,
                to,
            ))
            .unwrap_or(0),
        };
        let place = section.offset_of("name");
        if callers.iter().any(|it| it.name == caller.name) {
            to.error("A008", place, format!("there is another caller `{}`", caller.name));
        }
        section.finish(to);
        callers.push(caller);
    }
    callers
}

fn token(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<[u8; 32]> {
    let text = section.text("token_sha256", to)?;
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    let token = bytes.filter(|_| rest.is_empty()).and_then(|it| it.try_into().ok());
    if token.is_some_and(is_of_a_manual) {
        let message = "`token_sha256` is that of an example that everybody can read: let his-agent make a \
                       token, his-agent token create NAME --verbs VERBS, and leave the key out";
        to.error("A004", section.offset_of("token_sha256"), message.to_owned());
    }
    if token.is_none() {
        let message = "`token_sha256` must be 64 hexadecimal digits: printf %s TOKEN | sha256sum";
        to.error("A004", section.offset_of("token_sha256"), message.to_owned());
    }
    token
}

/// Whether it is the hash of what manuals write where a token should stand.
fn is_of_a_manual(hash: [u8; 32]) -> bool {
    IN_MANUALS.iter().any(|it| <[u8; 32]>::from(Sha256::digest(it.as_bytes())) == hash)
}

const IN_MANUALS: [&str; 9] =
    ["", "\n", "secret", "secret\n", "token", "TOKEN", "令牌", "password", "123456"];

/// What a caller of the HIS may do; what it may read is said where that is configured.
fn verbs(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Vec<Verb> {
    let mut verbs = Vec::new();
    for text in section.texts("verbs", to) {
        if let Ok(verb @ (Verb::Message | Verb::Check | Verb::Feedback)) = text.parse() {
            verbs.push(verb);
            continue;
        }
        let message = format!(
            "`verbs` has `{text}`; it knows message, check and feedback (events and records: \
             [events] callers and [[query]] callers)"
        );
        to.error("A004", section.offset_of("verbs"), message);
    }
    verbs
}

/// Callers are bound to channels that there are.
pub(super) fn prove_channels(
    root: &mut Section<'_, '_>,
    channels: &[ChannelConfig],
    to: &mut Complaints<'_>,
) {
    if !to.problems.is_empty() {
        return; // what is wrong there was told when it was read
    }
    for mut section in root.sections("caller", to) {
        let place = section.offset_of("channels");
        for name in section.texts("channels", to) {
            if channels.iter().any(|it| it.name == name) {
                continue;
            }
            let hint = mappings::suggestion(&name, channels.iter().map(|it| it.name.as_str()));
            let message = format!("`channels` names `{name}`, and there is no such channel{hint}");
            to.error("A004", place, message);
        }
    }
}

/// Addresses that begin alike: `10.1.0.0/16`, or one alone.
pub(super) fn addresses(
    section: &mut Section<'_, '_>,
    to: &mut Complaints<'_>,
) -> Vec<crate::callers::Network> {
    let mut networks = Vec::new();
    for text in section.texts("addresses", to) {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(why) => {
                let message =
                    format!("`addresses` has `{text}`: {why}; write 10.1.2.3 or 10.1.0.0/16");
                to.error("A004", section.offset_of("addresses"), message);
            }
        }
    }
    networks
}

pub(super) fn events(
    root: &mut Section<'_, '_>,
    known: &[Caller],
    to: &mut Complaints<'_>,
) -> EventsConfig {
    let mut section = root.section("events", to);
    let shown = section.gives("show").then(|| section.texts("show", to));
    let keep_days = section.number("keep_days", 7, 0..=366, to);
    let config = EventsConfig {
        callers: section.texts("callers", to),
        keep_days: u32::try_from(keep_days).unwrap_or(0),
        listeners_max: section.size("listeners_max", 128, 1..=65_536, to),
        heartbeat: section.duration("heartbeat_ms", 15_000, 100..=600_000, to),
        patience: section.duration("patience_ms", 30_000, 100..=600_000, to),
        show: shown.unwrap_or_else(|| SHOWN.map(str::to_owned).to_vec()),
        origins: section.texts("origins", to),
    };
    prove_named(&config.callers, known, &section, to);
    for name in config.show.iter().filter(|it| !SHOWABLE.contains(&it.as_str())) {
        let hint = mappings::suggestion(name, SHOWABLE.into_iter());
        let message =
            format!("`show` cannot show `{name}`{hint}; it knows {}", SHOWABLE.join(", "));
        to.error("A004", section.offset_of("show"), message);
    }
    section.finish(to);
    config
}

/// Every name in `callers` is that of a caller.
pub(super) fn prove_named(
    named: &[String],
    known: &[Caller],
    section: &Section<'_, '_>,
    to: &mut Complaints<'_>,
) {
    for name in named.iter().filter(|name| !known.iter().any(|it| it.name == **name)) {
        let hint = mappings::suggestion(name, known.iter().map(|it| it.name.as_str()));
        let message = format!("`callers` names `{name}`, and no [[caller]] has that name{hint}");
        to.error("A004", section.offset_of("callers"), message);
    }
}

/// What a ward needs to find the patient and to understand the finding.
const SHOWN: [&str; 7] = ["encounter", "bed", "doctor", "rule", "text", "lines", "reason"];

const SHOWABLE: [&str; 9] =
    ["encounter", "bed", "doctor", "rule", "text", "lines", "reason", "amount", "scene"];

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use crate::config::proving::told_of as check;

    #[test]
    fn callers_are_known_by_something() {
        check("[[caller]]\nname = \"a\"\naddresses = [\"10.0.0.0/8\"]", "");
        // It is known by the tokens that are made for it.
        check("[[caller]]\nname = \"a\"", "");
        let bound = "[[channel]]\nname = \"rx\"\n[[caller]]\nname = \"a\"\nverbs = [\"message\"]\n";
        check(&format!("{bound}channels = [\"rx\"]"), "");
        check(
            &format!("{bound}channels = [\"rxx\"]"),
            "`channels` names `rxx`, and there is no such channel; did you mean `rx`?",
        );
        check("[[caller]]\nname = \"a\"\nverbs = [\"query\"]", "error[A004]: `verbs` has `query`");
        check(
            "[[caller]]\nname = \"a\"\ncertificate = \"his.example\"\ncalls_per_minute = 600",
            "",
        );
        check(
            "[[caller]]\nname = \"a\"\ntoken_sha256 = \"secret\"",
            "error[A004]: `token_sha256` must be 64 hexadecimal digits",
        );
        check(
            "[[caller]]\nname = \"a\"\naddresses = [\"10.0.0.0/99\"]",
            "error[A004]: `addresses` has `10.0.0.0/99`: more bits than an address has",
        );
        let one = "[[caller]]\nname = \"a\"\naddresses = [\"::1\"]\n";
        check(&format!("{one}{one}"), "error[A008]: there is another caller `a`");
    }

    #[test]
    fn what_stands_in_a_manual_is_no_token() {
        for text in ["", "secret", "令牌"] {
            let hash: Vec<String> =
                Sha256::digest(text).iter().map(|it| format!("{it:02x}")).collect();
            let hash = hash.concat();
            check(
                &format!("[[caller]]\nname = \"a\"\ntoken_sha256 = \"{hash}\""),
                "error[A004]: `token_sha256` is that of an example",
            );
        }
    }

    #[test]
    fn listeners_are_callers() {
        let one = "[[caller]]\nname = \"wards\"\naddresses = [\"::1\"]\n";
        check(&format!("{one}[events]\ncallers = [\"wards\"]"), "");
        check(
            &format!("{one}[events]\ncallers = [\"ward\"]"),
            "`callers` names `ward`, and no [[caller]] has that name; did you mean `wards`?",
        );
        check("[events]\nshow = [\"name\"]", "`show` cannot show `name`");
    }
}
