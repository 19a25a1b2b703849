//! Decode, map, validate, write JSON: what a message costs before it reaches the disk.
//!
//! Measured in this process, by the thread's own CPU time. The limit reads the same bytes as XML
//! events and does nothing with them: the envelope, and the documents in its CDATA sections, since
//! nobody can tell what the message says without them.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use agent::clock;
use agent::config::Config;
use agent::pipeline::{self, Inbound, Verdict};
use agent::sets::Sets;
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::alternate::{alternate, compare};
use crate::daemon::{Sink, configuration};
use crate::process::thread_cpu;
use crate::samples::{PRESCRIPTION, RECORDS_A_PRESCRIPTION};
use crate::site::Site;
use crate::table::Row;

pub(crate) fn run(_: &Site) -> Vec<Row> {
    let (config, sets) = loaded();
    let rounds = alternate(
        ROUNDS,
        [&mut || cpu_micros(|| _ = walk(black_box(PRESCRIPTION))), &mut || {
            cpu_micros(|| judge(&config, &sets))
        }],
    );
    let cpu = compare(&rounds, |[limit, agent]| (*limit, *agent));
    vec![Row::ratio("decode, map, validate, JSON of 3 KB: CPU, µs", cpu, None)]
}

fn loaded() -> (Config, Sets) {
    let nowhere = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); 2];
    let text = configuration(Path::new("nowhere"), nowhere, Sink::Files);
    let config = Config::parse("bench", &text).expect("the daemon takes the same");
    let sets = Sets::load(&config).expect("the shipped sets are sound");
    (config, sets)
}

fn judge(config: &Config, sets: &Sets) {
    let channel = sets.channels.get("platform").expect("it is configured");
    let inbound = Inbound {
        message_id: "0198f2f0000070008000000000000000",
        received_at: clock::now(),
        org: &config.hospital.code,
        bytes: black_box(PRESCRIPTION.as_bytes()),
        content_type: Some("text/xml; charset=utf-8"),
    };
    match pipeline::judge(channel, &inbound, &config.listen.limits) {
        Verdict::Accept(accepted) => {
            assert_eq!(accepted.drafts.len() as u64, RECORDS_A_PRESCRIPTION);
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

/// CPU time of one call, over as many as fit into a turn.
fn cpu_micros(mut work: impl FnMut()) -> f64 {
    let before = thread_cpu();
    let mut calls = 0;
    loop {
        (0..CALLS_A_LOOK).for_each(|_| work());
        calls += CALLS_A_LOOK;
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
