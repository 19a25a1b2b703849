//! From the text of `agent.toml` to a [`Config`], or to every problem at once.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adapters::{Keys, Limits, Prepare, StreamPath, WireFormat};
use schemas::Problem;
use toml::de::DeTable;

use super::access::access;
use super::admin::admin;
use super::alert::alerts;
use super::backup::backup;
use super::callers::{addresses, callers, events, prove_channels};
use super::calls::calls;
use super::folder;
use super::forward::forward;
use super::log::log;
use super::mllp;
use super::named;
use super::patrol::patrol;
use super::query::queries;
use super::reconcile::reconcile;
use super::relay::relay;
use super::secrets;
use super::section::{Complaints, Section};
use super::soap;
use super::subscription::subscriptions;
use super::tls::tls;
use super::totals;
use super::unwrap::unwrap;
use super::versions::versions;
use super::view;
use super::{
    ChannelConfig, CheckConfig, Config, ControlConfig, HistoryConfig, Hospital, Listen,
    MessagesConfig, OutboxConfig, QualityConfig, Sets, TlsConfig,
};
use crate::outbox::Mark;

pub(super) fn config(file: &str, text: &str) -> Result<Config, Vec<Problem>> {
    let mut to = Complaints { file, text, problems: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |it| it.start);
        to.error("A002", offset, error.message().to_owned());
    }
    if !to.problems.is_empty() {
        return Err(to.problems); // what cannot be read cannot be judged
    }
    let mut root = Section::new("", 0, Some(table.get_ref()));
    let outbox = outbox(&mut root, &mut to);
    let callers = callers(&mut root, &mut to);
    let tls = tls(&mut root, &mut to);
    let config = Config {
        hospital: hospital(&mut root, &mut to),
        listen: listen(&mut root, &tls, &mut to),
        tls,
        access: access(&mut root, &mut to),
        calls: calls(&mut root, &outbox, &mut to),
        sets: sets(&mut root, &outbox, &mut to),
        channels: channels(&mut root, &mut to),
        control: control(&mut root, &outbox, &mut to),
        quality: quality(&mut root, &outbox, &mut to),
        history: history(&mut root, &outbox, &mut to),
        admin: admin(&mut root, &mut to),
        backup: backup(&mut root, &outbox, &mut to),
        versions: versions(&mut root, &outbox, &mut to),
        patrol: patrol(&mut root, &outbox.dir, &mut to),
        outbox,
        forward: forward(&mut root, &mut to),
        check: check(&mut root, &mut to),
        messages: messages(&mut root, &mut to),
        relay: relay(&mut root, &mut to),
        subscriptions: subscriptions(&mut root, &mut to),
        queries: queries(&mut root, &callers, &mut to),
        alerts: alerts(&mut root, &mut to),
        events: events(&mut root, &callers, &mut to),
        callers,
        reconcile: reconcile(&mut root, &mut to),
        log: log(&mut root, &mut to),
        stop_deadline: root.duration("stop_deadline_ms", 30_000, 100..=600_000, &mut to),
        named: named::files(text),
    };
    prove_channels(&mut root, &config.channels, &mut to);
    mllp::prove(&config.channels, &config.listen, &mut to);
    folder::prove(&config, &mut to);
    soap::prove(&config.channels, &mut to);
    view::prove(&config.channels, &mut to);
    root.finish(&mut to);
    if to.problems.is_empty() { Ok(config) } else { Err(to.problems) }
}

fn hospital(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Hospital {
    let mut section = root.section("hospital", to);
    let hospital = Hospital {
        code: section.required("code", to),
        name: section.required("name", to),
        profile: section.text("profile", to).unwrap_or_else(|| "national".to_owned()),
        evidence_keep: evidence_keep(&mut section, to),
    };
    if !hospital.code.chars().all(|it| it.is_ascii_alphanumeric()) {
        let message = "`code` is part of every routing key: letters and digits only".to_owned();
        to.error("A006", section.offset_of("code"), message);
    }
    section.finish(to);
    hospital
}

/// Five years, three or one, leap days included: T/CIIA 046-2024, 9.2 e.
fn evidence_keep(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Duration {
    let grade = section.text("grade", to);
    let days = match grade.as_deref() {
        Some("tertiary") => 1_827,
        Some("secondary") => 1_096,
        None | Some("other") => 366,
        Some(other) => {
            let message = format!("`grade` must be tertiary, secondary or other, not `{other}`");
            to.error("A004", section.offset_of("grade"), message);
            366
        }
    };
    Duration::from_secs(days * 86_400)
}

fn listen(root: &mut Section<'_, '_>, tls: &TlsConfig, to: &mut Complaints<'_>) -> Listen {
    let mut section = root.section("listen", to);
    let address = "an address and a port, such as \"127.0.0.1:8700\"";
    let limits = Limits::default();
    let listen = Listen {
        his: section.parsed("his", loopback(8700), address, to),
        operators: section.parsed("operators", loopback(8701), address, to),
        manual: section.text("manual", to).map_or_else(|| PathBuf::from(MANUAL), PathBuf::from),
        connections_max: section.size("connections_max", 2_048, 1..=65_536, to),
        messages_max: section.size("messages_max", 256, 1..=65_536, to),
        head_timeout: section.duration("head_timeout_ms", 15_000, 100..=300_000, to),
        head_bytes_max: section.size("head_bytes_max", 65_536, 8_192..=1_048_576, to),
        idle_timeout: section.duration("idle_timeout_ms", 75_000, 100..=3_600_000, to),
        answer_timeout: section.duration("answer_timeout_ms", 30_000, 100..=600_000, to),
        bodies_bytes_max: section.size(
            "bodies_bytes_max",
            268_435_456,
            1_048_576..=68_719_476_736,
            to,
        ),
        body_timeout: section.duration("body_timeout_ms", 30_000, 100..=600_000, to),
        stream_bytes_max: section.size(
            "stream_bytes_max",
            1_073_741_824,
            1_024..=1_073_741_824,
            to,
        ),
        limits: Limits {
            body_bytes_max: section.size(
                "body_bytes_max",
                limits.body_bytes_max,
                1_024..=1_073_741_824,
                to,
            ),
            text_bytes_max: section.size(
                "text_bytes_max",
                limits.text_bytes_max,
                1_024..=1_073_741_824,
                to,
            ),
            depth_max: u32::try_from(section.number(
                "depth_max",
                u64::from(limits.depth_max),
                4..=1_000,
                to,
            ))
            .unwrap_or(limits.depth_max),
            nodes_max: section.size("nodes_max", limits.nodes_max, 16..=100_000_000, to),
            attributes_max: section.size("attributes_max", limits.attributes_max, 1..=65_536, to),
        },
    };
    for (key, address, is_sealed) in
        [("his", listen.his, tls.his), ("operators", listen.operators, tls.operators)]
    {
        let accepts_clear = section.switch("clear_text_off_loopback", false, to);
        if !address.ip().is_loopback() && !is_sealed && !accepts_clear {
            let message = format!(
                "`{key}` is not a loopback address and speaks no TLS: patient data would cross the network \
                 in clear text; name a certificate in [tls] (doors = [\"{key}\"]), or set \
                 clear_text_off_loopback = true to accept that"
            );
            to.error("A007", section.offset_of(key), message);
        }
    }
    if is_one_door(listen.his, listen.operators) {
        let message = format!(
            "`operators` is {}, where `his` listens already: every door needs an address of its own",
            listen.operators
        );
        to.error("A004", section.offset_of("operators"), message);
    }
    section.finish(to);
    listen
}

/// The second could not be opened. The kernel finds a free port for 0.
fn is_one_door(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (one.ip() == other.ip() || is_any)
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn sets(root: &mut Section<'_, '_>, outbox: &OutboxConfig, to: &mut Complaints<'_>) -> Sets {
    let mut section = root.section("sets", to);
    let sets = Sets {
        schemas: section.text("schemas", to).map(PathBuf::from),
        mappings: section.text("mappings", to).map(PathBuf::from),
        rules: section.text("rules", to).map(PathBuf::from),
        overlay: section.text("overlay", to).map(PathBuf::from),
        candidate: section.text("candidate", to).map(PathBuf::from),
        archive: match section.text("archive", to) {
            Some(dir) => PathBuf::from(dir),
            None => outbox.dir.with_file_name("sets"),
        },
        poll: section.duration("poll_ms", 10_000, 100..=3_600_000, to),
        fallback_refused_percent: count(section.number(
            "fallback_refused_percent",
            20,
            0..=100,
            to,
        )),
        fallback_messages: count(section.number("fallback_messages", 50, 0..=10_000, to)),
    };
    section.finish(to);
    sets
}

/// A number whose bounds keep it small.
fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn channels(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Vec<ChannelConfig> {
    let mut channels: Vec<ChannelConfig> = Vec::new();
    for mut section in root.sections("channel", to) {
        let keys = secrets::keys(&mut section, to);
        let prepare = prepare(&mut section, &keys, to);
        let channel = ChannelConfig {
            name: section.required("name", to),
            format: section.parsed("format", WireFormat::Auto, FORMATS, to),
            stream: stream(&mut section, &prepare, to),
            prepare,
            keys,
            mappings: section.texts("mappings", to),
            answer: section.text("answer", to),
            addresses: addresses(&mut section, to),
            check_deadline: check_deadline(&mut section, to),
            mllp: mllp::mllp(&mut section, to),
            folder: folder::folder(&mut section, to),
            totals: totals::totals(&mut section, to),
            view: view::view(&mut section, to),
            soap: soap::soap(&mut section, to),
        };
        let place = section.offset_of("name");
        if !channel.name.chars().all(|it| it.is_ascii_alphanumeric() || it == '-' || it == '_') {
            let message =
                "`name` is part of an address: letters, digits, `-` and `_` only".to_owned();
            to.error("A006", place, message);
        }
        if channels.iter().any(|it| it.name == channel.name) {
            to.error("A008", place, format!("there is another channel `{}`", channel.name));
        }
        section.finish(to);
        channels.push(channel);
    }
    channels
}

/// A channel that says nothing waits as long as all do.
fn check_deadline(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<Duration> {
    let told = section.duration("check_deadline_ms", 0, 1..=60_000, to);
    (!told.is_zero()).then_some(told)
}

/// Repairs that the channel's sender needs.
fn prepare(section: &mut Section<'_, '_>, keys: &Keys, to: &mut Complaints<'_>) -> Prepare {
    Prepare {
        unwrap: unwrap(section, keys, to),
        skip_to: section.text("skip_to", to).filter(|it| !it.is_empty()),
        strip_controls: section.switch("strip_controls", false, to),
        strip_nuls: section.switch("strip_nuls", false, to),
    }
}

/// What is read item by item is XML, said to be so, and as it came: nothing can be guessed from a
/// whole that is never there.
fn stream(
    section: &mut Section<'_, '_>,
    prepare: &Prepare,
    to: &mut Complaints<'_>,
) -> Option<StreamPath> {
    let path = section.text("stream", to)?;
    let place = section.offset_of("stream");
    if section.text("format", to).as_deref() != Some(WireFormat::Xml.as_str()) {
        to.error("A004", place, "`stream` needs format = \"xml\"".to_owned());
    }
    if *prepare != Prepare::default() {
        let message =
            "`stream` goes without `unwrap`, `skip_to`, `strip_controls` and `strip_nuls`"
                .to_owned();
        to.error("A004", place, message);
    }
    let path: Result<StreamPath, _> = path.parse();
    path.map_err(|error| to.error("A004", place, format!("`stream` is {error}"))).ok()
}

/// The engine itself goes no lower; more would take the memory from the rest.
const WRITE_BUFFER_BYTES: RangeInclusive<u64> = 64 << 10..=256 << 20;
const FORMATS: &str = "auto, xml, soap, json, form, hl7 or csv";

fn outbox(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> OutboxConfig {
    let mut section = root.section("outbox", to);
    let dir = section.text("dir", to).unwrap_or_else(|| "/var/lib/his-agent/outbox".to_owned());
    let (key, key_file) = secrets::store_key(&mut section, Path::new(&dir), to);
    let outbox = OutboxConfig {
        dir: PathBuf::from(dir),
        waiting_max: section.size("waiting_max", 1_024, 1..=65_536, to),
        write_buffer_bytes: section.size("write_buffer_bytes", 32 << 20, WRITE_BUFFER_BYTES, to),
        low_water: section.parsed("low_water", Mark::Auto, WATER, to),
        high_water: section.parsed("high_water", Mark::Auto, WATER, to),
        key,
        key_file,
    };
    let is_upside_down = match (outbox.low_water, outbox.high_water) {
        (Mark::Bytes(low), Mark::Bytes(high)) => high < low,
        (Mark::Percent(low), Mark::Percent(high)) => high < low,
        _ => false,
    };
    if is_upside_down {
        let message = "`high_water` must not be below `low_water`".to_owned();
        to.error("A004", section.offset_of("high_water"), message);
    }
    section.finish(to);
    outbox
}

const WATER: &str = "auto, a part such as \"5%\" (1% to 50%), or bytes such as \"2GiB\"";

fn control(
    root: &mut Section<'_, '_>,
    outbox: &OutboxConfig,
    to: &mut Complaints<'_>,
) -> ControlConfig {
    let mut section = root.section("control", to);
    let socket = section.text("socket", to).map(PathBuf::from);
    section.finish(to);
    // Beside the outbox: two agents on one machine have two outboxes, and so two sockets.
    let beside = || outbox.dir.with_file_name("control.sock");
    ControlConfig { socket: socket.unwrap_or_else(beside) }
}

fn quality(
    root: &mut Section<'_, '_>,
    outbox: &OutboxConfig,
    to: &mut Complaints<'_>,
) -> QualityConfig {
    let mut section = root.section("quality", to);
    let dir = section.text("dir", to).map(PathBuf::from);
    let keep_days = section.number("keep_days", 400, 1..=36_500, to);
    section.finish(to);
    QualityConfig {
        dir: dir.unwrap_or_else(|| outbox.dir.with_file_name("quality")),
        keep_days: u32::try_from(keep_days).unwrap_or(u32::MAX),
    }
}

fn messages(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> MessagesConfig {
    let mut section = root.section("messages", to);
    let days = |days: u64| u32::try_from(days).unwrap_or(u32::MAX);
    let config = MessagesConfig {
        keep_days: days(section.number("keep_days", 90, 1..=3_650, to)),
        raw_keep_days: days(section.number("raw_keep_days", 30, 0..=3_650, to)),
        raw_bytes_max: section.number("raw_bytes_max", 10_737_418_240, 1_048_576..=BYTES_MAX, to),
        records_keep_days: days(section.number("records_keep_days", 30, 0..=3_650, to)),
        records_bytes_max: section.number(
            "records_bytes_max",
            10_737_418_240,
            1_048_576..=BYTES_MAX,
            to,
        ),
    };
    section.finish(to);
    config
}

fn check(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> CheckConfig {
    let mut section = root.section("check", to);
    let keep_days = section.number("log_keep_days", 400, 1..=3_650, to);
    let check = CheckConfig {
        deadline: section.duration("deadline_ms", 500, 1..=60_000, to),
        log_keep: Duration::from_secs(keep_days * 86_400),
        log_bytes_max: section.number("log_bytes_max", 10_737_418_240, 1_048_576..=BYTES_MAX, to),
        ignored_after: section.duration("ignored_after_ms", 86_400_000, 100..=MONTH_MS, to),
        override_percent_max: section.number("override_percent_max", 60, 1..=100, to),
        report: section.switch("report", true, to),
    };
    section.finish(to);
    check
}

/// A terabyte: more than any log, and no accident.
const BYTES_MAX: u64 = 1 << 40;
/// Where the package puts the manual.
const MANUAL: &str = "/usr/share/doc/his-agent/manual";
const MONTH_MS: u64 = 31 * 86_400_000;

fn history(
    root: &mut Section<'_, '_>,
    outbox: &OutboxConfig,
    to: &mut Complaints<'_>,
) -> HistoryConfig {
    let mut section = root.section("history", to);
    let keep_days = section.number("keep_days", 400, 0..=3_650, to);
    let key_file = section.text("key_file", to).map(PathBuf::from);
    section.finish(to);
    HistoryConfig {
        keep_days: u32::try_from(keep_days).unwrap_or(0),
        key_file: key_file.unwrap_or_else(|| outbox.dir.with_file_name("patient.key")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::config::Config;

    const LEAST: &str = "[hospital]\ncode = \"H99999900001\"\nname = \"示例市人民医院\"\n";

    #[test]
    fn the_least_that_is_needed() {
        let config = Config::parse("agent.toml", LEAST).unwrap();
        assert_eq!(config.listen.his.to_string(), "127.0.0.1:8700");
        assert!(config.channels.is_empty());
    }

    #[test]
    fn every_fault_is_told_at_once_with_line_and_key() {
        check(
            "[hospital]\nnmae = \"x\"\n[listen]\nhis = 8700\nbody_bytes_max = 1\n[forward]\nkind = \"kafka\"\n",
            &[
                "agent.toml:1:1: error[A005]: [hospital] needs `code`",
                "agent.toml:1:1: error[A005]: [hospital] needs `name`",
                "agent.toml:2:1: error[A003]: there is no key `nmae` in [hospital]; did you mean `name`?",
                "agent.toml:4:7: error[A004]: `his` must be an address and a port, such as \"127.0.0.1:8700\"",
                "agent.toml:5:18: error[A004]: `body_bytes_max` must be a whole number from 1024 to 1073741824",
                "agent.toml:7:8: error[A004]: `kind` must be files or amqp, not `kafka`",
            ],
        );
    }

    #[test]
    fn secrets_are_named_and_never_shown() {
        let config = format!("{LEAST}[forward]\nkind = \"amqp\"\nurl = \"amqp://u:p@h:5672\"\n");
        check(
            &config,
            &[
                "agent.toml:6:7: error[A010]: `url` holds a password: write it to a file and name it, url = \"file:PATH\", or \"env:NAME\"",
            ],
        );
        let config = format!("{LEAST}[forward]\nkind = \"amqp\"\nurl = \"amqp://h:5672\"\n");
        let config = Config::parse("agent.toml", &config).unwrap();
        assert!(!format!("{config:?}").contains("amqp://"));
    }

    #[test]
    fn an_address_that_cannot_be_read_is_told_without_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "amqp:his:s3cret@mq:5672").unwrap();
        let url = format!("url = \"file:{}\"", file.display());
        check(
            &format!("{LEAST}[forward]\nkind = \"amqp\"\n{url}\n"),
            &[
                "agent.toml:6:7: error[A004]: the broker's address or TLS material is not usable: address 1 of 1 does not read amqps://USER:PASSWORD@HOST:PORT/VHOST; what is special in a URL is written as %XX",
            ],
        );
    }

    #[test]
    fn keys_of_channels_are_named_and_fit() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            format!("file:{}", path.display())
        };
        let (good, bad) = (file("good", "0123456789abcdef\n"), file("bad", "hex:0"));
        let channel = |lines: &str| format!("{LEAST}[[channel]]\nname = \"a\"\n{lines}\n");
        let sealed = |rest: &str| {
            channel(&format!("keys = {{ k = \"{good}\" }}\nunwrap = [\"base64\", {rest}"))
        };
        check(&sealed("\"aes-128-ecb\"]\nunwrap_key = \"k\""), &[]);
        check(&sealed("\"aes-128-cbc\"]\nunwrap_key = \"k\"\nunwrap_iv = \"front\""), &[]);
        for (rest, told) in [
            ("\"aes-128-ecb\"]", "with aes-128-ecb needs `unwrap_key`"),
            (
                "\"aes-128-ecb\"]\nunwrap_key = \"j\"",
                "names a key `j` that `keys` has not; did you mean `k`?",
            ),
            (
                "\"aes-256-ecb\"]\nunwrap_key = \"k\"",
                "has a key of 16 bytes, and aes-256-ecb takes 32",
            ),
            (
                "\"des-ecb\", \"sm4-ecb\"]\nunwrap_key = \"k\"",
                "has a key of 16 bytes, and des-ecb takes 8",
            ),
            (
                "\"sm4-cbc\"]\nunwrap_key = \"k\"",
                "with sm4-cbc needs `unwrap_iv`: front, key, zero or the name of a key of `keys`",
            ),
            ("\"sm4\"]", "knows url, hex, base64, gzip and ciphers such as aes-128-cbc, not `sm4`"),
        ] {
            let told = format!("agent.toml:7:10: error[A004]: `unwrap` {told}");
            let text = sealed(rest);
            let problems = Config::parse("agent.toml", &text).unwrap_err();
            assert!(problems.iter().any(|it| it.to_string() == told), "{problems:?}");
        }
        check(
            &channel("unwrap_key = \"k\""),
            &["agent.toml:6:14: error[A004]: `unwrap_key` goes with a cipher in `unwrap`"],
        );
        check(
            &channel("keys = { k = \"0123456789abcdef\" }"),
            &[
                "agent.toml:6:14: error[A010]: the key `k` is written out: write it to a file and name it, k = \"file:PATH\", \"env:NAME\" or \"credential:NAME\"",
            ],
        );
        check(
            &channel(&format!("keys = {{ k = \"{bad}\" }}")),
            &["agent.toml:6:14: error[A009]: the key `k` is empty, or not what it says it is"],
        );
        check(
            &channel("keys = { k = \"credential:k\" }"),
            &[
                "agent.toml:6:14: error[A009]: the key `k`: /etc/his-agent/secrets/k cannot be read: No such file or directory (os error 2)",
            ],
        );
        let config = Config::parse("agent.toml", &sealed("\"aes-128-ecb\"]\nunwrap_key = \"k\""));
        assert!(!format!("{config:?}").contains("0123456789"));
    }

    #[test]
    fn every_door_has_an_address_of_its_own() {
        let told = |his: &str, operators: &str| {
            let text = format!(
                "{LEAST}[listen]\nclear_text_off_loopback = true\nhis = \"{his}\"\noperators = \"{operators}\"\n"
            );
            Config::parse("agent.toml", &text).err().map_or(String::new(), |it| it[0].to_string())
        };
        let same = "agent.toml:7:13: error[A004]: `operators` is 127.0.0.1:9, where `his` listens already: every door needs an address of its own";
        assert_eq!(told("127.0.0.1:9", "127.0.0.1:9"), same);
        assert_eq!(told("0.0.0.0:9", "127.0.0.1:9"), same);
        assert_eq!(told("127.0.0.2:9", "127.0.0.1:9"), "");
        assert_eq!(told("127.0.0.1:0", "127.0.0.1:0"), "");
    }

    #[test]
    fn clear_text_stays_on_loopback_unless_said() {
        check(
            &format!("{LEAST}[listen]\nhis = \"0.0.0.0:8700\"\n"),
            &[
                "agent.toml:5:7: error[A007]: `his` is not a loopback address and speaks no TLS: patient data would cross the network in clear text; name a certificate in [tls] (doors = [\"his\"]), or set clear_text_off_loopback = true to accept that",
            ],
        );
        check(
            &format!("{LEAST}[listen]\nhis = \"0.0.0.0:8700\"\nclear_text_off_loopback = true\n"),
            &[],
        );
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut actual: Vec<String> = match Config::parse("agent.toml", text) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        actual.sort();
        assert_eq!(actual, expected);
    }
}
