//! Logs and metrics: what may be told of a message (its id, its channel, its size, its codes) and
//! never a value of a patient.

mod behind;
pub mod catalog;
mod file;
mod journal;
pub(crate) mod page;
mod process;
mod spent;

use std::io::{IsTerminal as _, Write};
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use self::behind::Behind;
use self::catalog::{Kind, METRICS};
pub use self::file::FileBounds;
use self::file::LogFile;
use self::journal::ForJournal;
use self::page::Page;
pub(crate) use self::spent::{Laps, Step, spent};
use crate::clock;
use crate::config::LogConfig;

/// Begins the log: text for people, JSON lines for machines; to a file, to the journal, or to standard
/// error. `HIS_AGENT_LOG` wins over the configuration, but not over the rule that the AMQP library must
/// not print returned messages: they are whole records. Called once; a second call changes nothing.
pub fn log(config: &LogConfig) -> anyhow::Result<()> {
    let (out, to): (Box<dyn Write + Send>, To) = match &config.file {
        Some(path) => {
            let file = LogFile::open(path, config.bounds);
            let file = file.with_context(|| format!("[log] file = {}", path.display()))?;
            (Box::new(file), To::File)
        }
        None if journal::is_standard_error() => (Box::new(std::io::stderr()), To::Journal),
        None => (Box::new(std::io::stderr()), To::Terminal),
    };
    begin(&config.level, config.json, out, to);
    Ok(())
}

/// Begins the log of a command that a person looks at.
pub fn log_to_terminal(level: &str) {
    begin(level, false, Box::new(std::io::stderr()), To::Terminal);
}

/// Where lines go: each place has its own idea of a line's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    File,
    Journal,
    Terminal,
}

fn begin(level: &str, json: bool, out: Box<dyn Write + Send>, to: To) {
    let level = std::env::var("HIS_AGENT_LOG").unwrap_or_else(|_| level.to_owned());
    let quiet = crate::forward::broker::LOG_FILTER;
    let filter = EnvFilter::try_new(format!("{level},{quiet}"))
        .unwrap_or_else(|_| EnvFilter::new(format!("info,{quiet}")));
    let behind = Behind::start(out);
    let writer = match &behind {
        Some(behind) => BoxMakeWriter::new(behind.clone()),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(to == To::Terminal && std::io::stderr().is_terminal())
        .with_timer(ChinaTime);
    // The only way to fail is that logging was set up before, by a test for instance.
    let begun = match (json, to) {
        (true, To::Journal) => builder.json().map_event_format(ForJournal).try_init(),
        (true, _) => builder.json().try_init(),
        (false, To::Journal) => builder.without_time().map_event_format(ForJournal).try_init(),
        (false, _) => builder.try_init(),
    };
    if let (Ok(()), Some(behind)) = (begun, behind) {
        drop(behind::LOG.set(behind));
    }
}

/// Waits until the log is written, for a bounded time.
pub(crate) fn flush() {
    if let Some(behind) = behind::LOG.get() {
        behind.flush();
    }
}

/// Waits until the log is written when it goes, at the end of the process or of a panic; for a bounded
/// time.
#[derive(Debug)]
pub(crate) struct WrittenAtEnd;

impl Drop for WrittenAtEnd {
    fn drop(&mut self) {
        flush();
    }
}

/// RFC 3339 in China time, whatever zone the machine is set to.
struct ChinaTime;

impl FormatTime for ChinaTime {
    fn format_time(&self, out: &mut Writer<'_>) -> std::fmt::Result {
        write!(out, "{}+08:00", clock::now())
    }
}

/// Collects metrics in this process; `None` when something else does already.
pub fn metrics() -> Option<PrometheusHandle> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let delays = Matcher::Full("his_agent_quality_delay_seconds".to_owned());
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &BUCKETS)
        .and_then(|it| it.set_buckets_for_metric(delays, &DELAYS))
        .ok()?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).ok()?;
    for it in METRICS {
        match it.kind {
            Kind::Counter => metrics::describe_counter!(it.name, it.en),
            Kind::Gauge => metrics::describe_gauge!(it.name, it.en),
            Kind::Histogram => metrics::describe_histogram!(it.name, it.en),
        }
    }
    Some(handle)
}

/// Counters that alerts are made of stand at zero from the start: the first failure is then an increase.
pub(crate) fn begin_at_zero<'a>(channels: impl Iterator<Item = &'a str>) {
    for channel in channels {
        for outcome in ["accepted", "parked", "refused", "busy", "no_room", "failed"] {
            let channel = channel.to_owned();
            metrics::counter!("his_agent_messages_total", "channel" => channel, "outcome" => outcome)
                .increment(0);
        }
    }
    for status in ["accepted", "duplicate", "parked"] {
        metrics::counter!("his_agent_records_total", "status" => status).increment(0);
    }
    for outcome in ["complete", "partial", "degraded"] {
        metrics::counter!("his_agent_checks_total", "outcome" => outcome).increment(0);
    }
    for outcome in ["kept", "lost"] {
        metrics::counter!("his_agent_check_log_total", "outcome" => outcome).increment(0);
    }
    for outcome in ["sent_away", "refused"] {
        metrics::counter!("his_agent_connections_total", "outcome" => outcome).increment(0);
    }
    for outcome in ["swapped", "refused", "fell_back"] {
        metrics::counter!("his_agent_set_swaps_total", "outcome" => outcome).increment(0);
    }
}

/// Folds the times that histograms were given, which would pile up in memory until somebody asks for
/// the metrics, and perhaps nobody ever does.
pub(crate) async fn keep(handle: Option<PrometheusHandle>, stop: CancellationToken) {
    let Some(handle) = handle else { return };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FOLD_EVERY) => handle.run_upkeep(),
        }
    }
}

const FOLD_EVERY: Duration = Duration::from_secs(5);

/// What is read of the program and its process when somebody asks.
pub(crate) fn tell(page: &mut Page) {
    let build = [("version", env!("CARGO_PKG_VERSION")), ("arch", std::env::consts::ARCH)];
    page.of("his_agent_build_info", &build, 1);
    spent::tell(page);
    process::tell(page);
}

/// From a minute to a month: a fact's way to the agent.
const DELAYS: [f64; 8] =
    [60.0, 600.0, 3_600.0, 14_400.0, 86_400.0, 259_200.0, 604_800.0, 2_592_000.0];

/// From a tenth of a millisecond to ten seconds: a receipt's sync and a caller's patience.
const BUCKETS: [f64; 14] =
    [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 10.0];
