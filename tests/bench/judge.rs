//! Decode, map, validate, write JSON: what a message costs before it reaches the disk.
//!
//! Measured in this process, by the thread's own CPU time. The limit reads the same bytes as XML
//! events and does nothing with them: the envelope, and the documents in its CDATA sections, since
//! nobody can tell what the message says without them.
//!
//! Two rows have the agent itself as their limit. A line of a long fee list should cost what a line
//! of a short one does, and a message what it costs where no other mapping is loaded.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use agent::clock;
use agent::config::Config;
use agent::pipeline::{self, Inbound, Verdict};
use agent::sets::{Sets, Texts};
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::alternate::{alternate, compare};
use crate::daemon::{Sink, configuration};
use crate::process::thread_cpu;
use crate::samples::{FEE_LIST, PRESCRIPTION, RECORDS_A_PRESCRIPTION};
use crate::site::Site;
use crate::table::{Row, Target};

pub(crate) fn run(_: &Site) -> Vec<Row> {
    let config = config();
    let sets = Sets::load(&config).expect("the shipped sets are sound");
    vec![against_events(&config, &sets), by_line(&config, &sets), among_mappings(&config, &sets)]
}

fn against_events(config: &Config, sets: &Sets) -> Row {
    let rounds = alternate(
        ROUNDS,
        [&mut || cpu_micros(CALLS_A_LOOK, || _ = walk(black_box(PRESCRIPTION))), &mut || {
            prescription_micros(config, sets)
        }],
    );
    let cpu = compare(&rounds, |[limit, agent]| (*limit, *agent));
    let target = Some(Target::AtMost(2.5));
    Row::ratio("decode, map, validate, JSON of 3 KB: CPU, µs", cpu, target)
}

fn by_line(config: &Config, sets: &Sets) -> Row {
    let [short, long] = [FEW_LINES, MANY_LINES].map(fee_list);
    let micros = |list: &str, lines: u32| {
        let records = u64::from(lines) + 1; // the stay itself is one
        cpu_micros(1, || judge(config, sets, "feelist", list, records)) / f64::from(lines)
    };
    let rounds =
        alternate(ROUNDS, [&mut || micros(&short, FEW_LINES), &mut || micros(&long, MANY_LINES)]);
    let cpu = compare(&rounds, |[limit, agent]| (*limit, *agent));
    let target = Some(Target::AtMost(1.2));
    Row::ratio("a line of a fee list of 10,000, limit: of 200: CPU, µs", cpu, target)
}

fn among_mappings(config: &Config, sets: &Sets) -> Row {
    let many = with_mappings(config, MANY_MAPPINGS);
    let rounds = alternate(
        ROUNDS,
        [&mut || prescription_micros(config, sets), &mut || prescription_micros(config, &many)],
    );
    let cpu = compare(&rounds, |[limit, agent]| (*limit, *agent));
    let target = Some(Target::AtMost(1.1));
    Row::ratio("the same 3 KB among 1,000 mappings, limit: alone: CPU, µs", cpu, target)
}

fn config() -> Config {
    let nowhere = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); 2];
    let text = configuration(Path::new("nowhere"), nowhere, Sink::Files);
    let text = text + "[[channel]]\nname = \"feelist\"\nmappings = [\"feelist/\"]\n";
    Config::parse("bench", &text).expect("the daemon takes the same")
}

/// The shipped sets, but the prescription's mapping is the last of so many that want other messages.
fn with_mappings(config: &Config, count: usize) -> Sets {
    let mut texts = Texts::read(config).expect("the shipped texts are there");
    let file = "platform/outpatient-prescription.toml";
    let own = texts.mappings.get(file).expect("it is shipped").to_owned();
    for number in 1..count {
        let other = own.replace("SendOutpPrescription", &format!("Send{number}"));
        let other = other.replace("platform-outpatient-prescription", &format!("other-{number}"));
        texts.mappings.insert(format!("platform/other-{number:03}.toml"), other);
    }
    Sets::prove(config, texts).expect("each of them is as sound as the shipped one")
}

/// The shipped sample of 200 lines, each line as often as it takes.
fn fee_list(lines: u32) -> String {
    let times = lines / FEW_LINES;
    let repeated = |line: &str| format!("{line}\n").repeat(times as usize);
    FEE_LIST
        .lines()
        .map(|it| if it.contains("<明细>") { repeated(it) } else { format!("{it}\n") })
        .collect()
}

fn prescription_micros(config: &Config, sets: &Sets) -> f64 {
    cpu_micros(CALLS_A_LOOK, || {
        judge(config, sets, "platform", PRESCRIPTION, RECORDS_A_PRESCRIPTION);
    })
}

fn judge(config: &Config, sets: &Sets, channel: &str, message: &str, records: u64) {
    let channel = sets.channels.get(channel).expect("it is configured");
    let inbound = Inbound {
        message_id: "0198f2f0000070008000000000000000",
        received_at: clock::now(),
        org: &config.hospital.code,
        bytes: black_box(message.as_bytes()),
        content_type: Some("text/xml; charset=utf-8"),
    };
    match pipeline::judge(channel, &inbound, &config.listen.limits) {
        Verdict::Accept(accepted) => {
            assert_eq!(accepted.drafts.len() as u64, records);
            black_box(accepted);
        }
        Verdict::Park(_) => panic!("a code of the sample is not mapped"),
        Verdict::Refuse(refusal) => panic!("{}", refusal.log),
    }
}

/// How many events the text has, those of its CDATA documents included.
fn walk(xml: &str) -> u32 {
    let mut reader = Reader::from_str(xml);
    let mut events = 0;
    loop {
        match black_box(reader.read_event().expect("the sample is XML")) {
            Event::Eof => return events,
            Event::CData(document) => events += walk(&document),
            _ => events += 1,
        }
    }
}

/// CPU time of one call, over as many as fit into a turn; so many before each look at the clock.
pub(crate) fn cpu_micros(calls_a_look: u32, mut work: impl FnMut()) -> f64 {
    let before = thread_cpu();
    let mut calls = 0;
    loop {
        (0..calls_a_look).for_each(|_| work());
        calls += calls_a_look;
        let spent = thread_cpu().saturating_sub(before);
        if spent >= TURN {
            return spent.as_secs_f64() * 1e6 / f64::from(calls);
        }
    }
}

const ROUNDS: usize = 9;
const TURN: Duration = Duration::from_millis(300);
/// Asking for the time costs some microseconds too.
const CALLS_A_LOOK: u32 = 64;

const FEW_LINES: u32 = 200;
const MANY_LINES: u32 = 10_000;
const MANY_MAPPINGS: usize = 1_000;
