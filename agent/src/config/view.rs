//! `[channel.view]`: the view of a hospital's database that a channel reads, and how it knows what is
//! new in it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use adapters::WireFormat;
use jiff::civil::{DateTime, Time};

use super::ChannelConfig;
use super::secrets;
use super::section::{Complaints, Section};
use crate::plans::Cron;

/// A channel's view.
#[derive(Clone, Debug)]
pub struct ViewConfig {
    /// How the driver reaches the database.
    pub connection: Connection,
    /// What is read.
    pub source: Source,
    /// The column that grows; without one all of the view is compared.
    pub watermark: Option<String>,
    /// The columns that tell two rows apart.
    pub key: Vec<String>,
    /// From which watermark on it is read the first time.
    pub start: Option<String>,
    /// Rows that are asked for at one time.
    pub page_rows: usize,
    /// New rows that are taken before the next pause.
    pub rows_max: usize,
    /// How a statement is cut into pages; by the database's name if not given.
    pub paging: Option<Paging>,
    /// When it is read.
    pub schedule: Schedule,
    /// How long a statement may take.
    pub timeout: Duration,
    /// The encoding in which the driver gives texts; without one it gives UTF-16.
    pub charset: Option<ViewCharset>,
    /// How far behind the watermark each run begins: seconds, or numbers.
    pub overlap: u64,
    /// How far behind it a sweep begins.
    pub sweep: u64,
    /// How long from one sweep to the next.
    pub sweep_every: Duration,
    /// Failures in a row before somebody is told.
    pub alert_after: u32,
    /// Where the table stands in the file.
    offset: usize,
}

/// A connection string. It holds a password, and shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection(String);

impl Connection {
    /// For the driver alone.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Where the data lie: what of the string names a server or a database. Who logs in, and how, changes
    /// nothing of it.
    pub(crate) fn database(&self) -> String {
        let part = |it: &str| {
            let (name, value) = it.split_once('=')?;
            let name = name.trim().to_ascii_lowercase();
            let is_place = PLACES.contains(&name.as_str());
            is_place.then(|| format!("{name}={}", value.trim().to_lowercase()))
        };
        let mut parts: Vec<String> = self.0.split(';').filter_map(part).collect();
        parts.sort();
        parts.join(";")
    }
}

/// Names of drivers for where they go.
const PLACES: [&str; 16] = [
    "dsn",
    "filedsn",
    "server",
    "servername",
    "host",
    "hostname",
    "address",
    "addr",
    "port",
    "tcp_port",
    "database",
    "db",
    "dbname",
    "dbq",
    "service",
    "sid",
];

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection(..)")
    }
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A table or view, as one writes it in a statement.
    Table(String),
    /// A `SELECT`.
    Query(String),
}

/// How a statement says that it wants a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// `LIMIT 500` behind it.
    Limit,
    /// `TOP 500` in front of the columns.
    Top,
    /// `ROWNUM <= 500` around it.
    Rownum,
    /// Not at all: the cursor is closed behind a page.
    Cursor,
}

/// The encoding in which a driver gives texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewCharset {
    /// UTF-8.
    Utf8,
    /// GB18030, and with it GBK and GB2312.
    Gb18030,
}

impl ViewCharset {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            ViewCharset::Utf8 => "utf-8",
            ViewCharset::Gb18030 => "gb18030",
        }
    }
}

/// When a view is read.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// From the end of one run to the next.
    every: Duration,
    /// In place of it, the minutes at which one begins.
    cron: Option<Cron>,
    /// The hours in which it may be read; none means all.
    hours: Vec<(Time, Time)>,
}

impl Schedule {
    /// How long from a moment until the next run, never longer than a minute: the clock may be set
    /// meanwhile. Nothing: it is due. `ended` is when the last run ended and how long ago that is.
    pub(crate) fn wait(
        &self,
        now: DateTime,
        ended: Option<(DateTime, Duration)>,
    ) -> Option<Duration> {
        if !self.is_open(now.time()) {
            return Some(LOOK_EVERY);
        }
        let (ended, ago) = ended?;
        let Some(cron) = &self.cron else {
            let left = self.every.checked_sub(ago)?;
            return (!left.is_zero()).then(|| left.min(LOOK_EVERY));
        };
        // Since the last run, whatever the clock has done: one that was set back has no due minute twice.
        let due = cron.next(ended)?;
        if due <= now {
            return None;
        }
        let left = Duration::try_from(now.duration_until(due)).unwrap_or(LOOK_EVERY);
        Some(left.min(LOOK_EVERY))
    }

    /// Whether it may be read at this time.
    pub(crate) fn is_open(&self, now: Time) -> bool {
        let is_in = |(from, to): &(Time, Time)| {
            if from <= to { *from <= now && now < *to } else { *from <= now || now < *to }
        };
        self.hours.is_empty() || self.hours.iter().any(is_in)
    }
}

const LOOK_EVERY: Duration = Duration::from_secs(60);

impl FromStr for Paging {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Paging, &'static str> {
        match word {
            "limit" => Ok(Paging::Limit),
            "top" => Ok(Paging::Top),
            "rownum" => Ok(Paging::Rownum),
            "cursor" => Ok(Paging::Cursor),
            _ => Err("another word"),
        }
    }
}

impl FromStr for ViewCharset {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<ViewCharset, &'static str> {
        match word.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Ok(ViewCharset::Utf8),
            "gb18030" | "gbk" | "gb2312" => Ok(ViewCharset::Gb18030),
            _ => Err("another word"),
        }
    }
}

/// The table in a channel; without one the channel has no such door.
pub(super) fn view(channel: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<ViewConfig> {
    let is_given = channel.gives("view");
    let mut section = channel.section("view", to);
    if !is_given {
        return None;
    }
    let config = ViewConfig {
        connection: Connection(secrets::connection(&mut section, to)),
        source: source(&mut section, to),
        watermark: section.text("watermark", to),
        key: section.texts("key", to),
        start: section.text("start", to),
        page_rows: section.size("page_rows", 500, 2..=10_000, to),
        rows_max: section.size("rows_max", 100_000, 1..=10_000_000, to),
        paging: paging(&mut section, to),
        schedule: schedule(&mut section, to),
        timeout: section.duration("timeout_ms", 60_000, 1_000..=3_600_000, to),
        charset: charset(&mut section, to),
        overlap: section.number("overlap", 300, 0..=1_000_000_000, to),
        sweep: section.number("sweep", 86_400, 0..=1_000_000_000, to),
        sweep_every: section.duration("sweep_every_ms", 3_600_000, 1_000..=604_800_000, to),
        alert_after: u32::try_from(section.number("alert_after", 3, 1..=1_000, to)).unwrap_or(3),
        offset: section.offset_of("connection"),
    };
    columns(&config, &section, to);
    section.finish(to);
    Some(config)
}

/// Either of the two, and nothing but what reads.
fn source(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Source {
    let (table, query) = (section.text("table", to), section.text("query", to));
    let complaint = match (&table, &query) {
        (None, None) => Some(("A005", "table", "[channel.view] needs `table` or `query`")),
        (Some(_), Some(_)) => Some(("A004", "query", "`table` or `query`, not both")),
        (Some(table), None) if !is_name(table) => {
            Some(("A006", "table", "`table` is a name such as HIS.V_MZCF"))
        }
        (None, Some(query)) if !only_reads(query) => {
            Some(("A004", "query", "`query` is one SELECT, without `;` and comments"))
        }
        _ => None,
    };
    if let Some((code, key, message)) = complaint {
        to.error(code, section.offset_of(key), message.to_owned());
    }
    match query {
        Some(query) => Source::Query(query.trim().to_owned()),
        None => Source::Table(table.unwrap_or_default()),
    }
}

/// A name of a table or column as one writes it: letters of any script, digits, quotes and dots.
fn is_name(text: &str) -> bool {
    let is_good = |it: char| it.is_alphanumeric() || "_$#.\"[]`@ ".contains(it);
    !text.trim().is_empty() && text.len() <= 256 && text.chars().all(is_good)
}

fn only_reads(query: &str) -> bool {
    let query = query.trim();
    let begins = query.get(..7).is_some_and(|it| {
        it.to_ascii_lowercase().starts_with("select") && it.ends_with(char::is_whitespace)
    });
    let is_one = ![";", "--", "/*"].iter().any(|it| query.contains(it));
    begins && is_one && query.len() <= QUERY_BYTES_MAX
}

/// A statement must fit into the pipe to a worker that does not read.
const QUERY_BYTES_MAX: usize = 32 << 10;

fn paging(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<Paging> {
    let is_given = section.gives("paging");
    let paging = section.parsed("paging", Paging::Cursor, "limit, top, rownum or cursor", to);
    is_given.then_some(paging)
}

fn charset(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<ViewCharset> {
    let is_given = section.gives("charset");
    let charset = section.parsed("charset", ViewCharset::Utf8, "utf-8, gbk or gb18030", to);
    is_given.then_some(charset)
}

fn schedule(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Schedule {
    let every = section.duration("every_ms", 60_000, 100..=86_400_000, to);
    let cron = section.text("cron", to).map(|it| Cron::parse(&it)).transpose();
    if let Err(why) = &cron {
        to.error("A004", section.offset_of("cron"), format!("`cron`: {why}"));
    }
    if section.gives("cron") && section.gives("every_ms") {
        let message = "`cron` or `every_ms`, not both".to_owned();
        to.error("A004", section.offset_of("cron"), message);
    }
    let hours = section.texts("hours", to);
    let read: Option<Vec<_>> = hours.iter().map(|it| hours_of(it)).collect();
    if read.is_none() {
        let message = "`hours` are written as [\"07:00-19:00\", \"22:00-02:00\"]".to_owned();
        to.error("A004", section.offset_of("hours"), message);
    }
    Schedule { every, cron: cron.unwrap_or_default(), hours: read.unwrap_or_default() }
}

fn hours_of(text: &str) -> Option<(Time, Time)> {
    let (from, to) = text.split_once('-')?;
    let time = |it: &str| {
        let (hour, minute) = it.trim().split_once(':')?;
        Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
    };
    // The end of the day is written as people write it.
    let end = if to.trim() == "24:00" { Some(Time::MAX) } else { time(to) };
    Some((time(from)?, end?))
}

/// What is named must be a name, and enough to tell rows apart.
fn columns(config: &ViewConfig, section: &Section<'_, '_>, to: &mut Complaints<'_>) {
    let named = config.watermark.iter().map(|it| ("watermark", it));
    for (key, name) in named.chain(config.key.iter().map(|it| ("key", it))) {
        if !is_name(name) {
            to.error("A006", section.offset_of(key), format!("`{name}` is no name of a column"));
        }
    }
    if config.watermark.is_none() && config.key.is_empty() {
        let message =
            "[channel.view] needs `watermark`, or `key` to compare the whole view by".to_owned();
        to.error("A005", section.offset_of("key"), message);
    }
    if config.watermark.is_none() && config.start.is_some() {
        let message = "`start` goes with `watermark`".to_owned();
        to.error("A004", section.offset_of("start"), message);
    }
    if config.sweep < config.overlap {
        let message = "`sweep` reaches at least as far back as `overlap`".to_owned();
        to.error("A004", section.offset_of("sweep"), message);
    }
}

/// Rows become JSON, whatever else a channel takes.
pub(super) fn prove(channels: &[ChannelConfig], to: &mut Complaints<'_>) {
    for channel in channels {
        let Some(view) = &channel.view else { continue };
        if !matches!(channel.format, WireFormat::Auto | WireFormat::Json)
            || channel.stream.is_some()
        {
            let message = "rows of a view are JSON: leave `format` and `stream` of the channel out";
            to.error("A004", view.offset, message.to_owned());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::proving::told_of;

    const TABLE: &str = "connection = \"DSN=his\"\ntable = \"V_MZCF\"\nwatermark = \"ID\"";

    /// A new password is no new database.
    #[test]
    fn where_the_data_lie() {
        let database = |it: &str| Connection(it.to_owned()).database();
        let one = database("Driver={x};Server=10.0.0.9; DATABASE=HIS;UID=a;PWD=b");
        assert_eq!(one, "database=his;server=10.0.0.9");
        assert_eq!(one, database("server=10.0.0.9;Database=his;Uid=c;Pwd=d;Driver={y}"));
        assert_ne!(one, database("Server=10.0.0.9;Database=his2"));
        assert_eq!(database("DSN=his;PWD=DSN"), "dsn=his");
    }

    #[test]
    fn what_is_read_and_how() {
        check(TABLE, "");
        check("connection = \"DSN=his\"\ntable = \"视图_处方\"\nkey = [\"处方号\"]", "");
        check("table = \"T\"\nkey = [\"A\"]", "error[A005]: [view] needs `connection`");
        check("connection = \"DSN=his\"\nkey = [\"A\"]", "needs `table` or `query`");
        check("connection = \"DSN=his\"\ntable = \"T\"", "needs `watermark`, or `key`");
        check("connection = \"DSN=his;UID=a;PWD=b\"\ntable = \"T\"\nkey = [\"A\"]", "error[A010]");
        check(&format!("{TABLE}\nquery = \"SELECT 1\""), "`table` or `query`, not both");
        for query in ["DELETE FROM T", "SELECT 1; DROP TABLE T", "SELECTX 1", "SELECT 1 -- x"] {
            check(
                &format!("connection = \"DSN=his\"\nkey = [\"A\"]\nquery = \"{query}\""),
                "error[A004]: `query` is one SELECT",
            );
        }
        check("connection = \"DSN=his\"\ntable = \"T; DROP\"\nkey = [\"A\"]", "error[A006]");
        check(&format!("{TABLE}\nkey = [\"A=1\"]"), "`A=1` is no name of a column");
        check(&format!("{TABLE}\nsweep = 1"), "`sweep` reaches at least as far back");
        check(&format!("{TABLE}\npaging = \"page\""), "must be limit, top, rownum or cursor");
        check(&format!("{TABLE}\ncharset = \"GBK\"\npaging = \"top\""), "");
        check(&format!("{TABLE}\ncron = \"* * *\""), "error[A004]: `cron`");
        check(&format!("{TABLE}\ncron = \"* * * * *\"\nevery_ms = 500"), "not both");
        check(&format!("{TABLE}\nhours = [\"7-19\"]"), "error[A004]: `hours`");
        check("connection = \"DSN=his\"\ntable = \"T\"\nkey = [\"A\"]\nstart = \"1\"", "`start`");
    }

    #[test]
    fn rows_are_json() {
        told_of(
            &format!("[[channel]]\nname = \"a\"\nformat = \"csv\"\n[channel.view]\n{TABLE}"),
            "error[A004]: rows of a view are JSON",
        );
    }

    #[test]
    fn due_when_it_is_time_whatever_the_clock_did() {
        let day = "2026-11-22T10:00:00";
        due("", day, None, None);
        due("", day, Some((day, 0)), Some(60));
        due("", day, Some((day, 60)), None);
        // The clock was set back by an hour: a minute is a minute.
        due("", day, Some(("2026-11-22T11:00:00", 61)), None);
        due("every_ms = 600000", day, Some((day, 1)), Some(60));
        due("hours = [\"07:00-10:00\"]", day, None, Some(60));
        due("hours = [\"07:00-10:01\"]", day, None, None);
        due("hours = [\"22:00-10:01\"]", day, None, None);
        due("hours = [\"10:00-24:00\"]", "2026-11-22T23:59:59", None, None);
        due("cron = \"*/5 * * * *\"", "2026-11-22T10:04:30", Some((day, 270)), Some(30));
        due("cron = \"*/5 * * * *\"", "2026-11-22T10:05:00", Some((day, 300)), None);
    }

    #[track_caller]
    fn due(lines: &str, now: &str, ended: Option<(&str, u64)>, expected_s: Option<u64>) {
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"x\"\n[[channel]]\nname = \"a\"\n[channel.view]\n{TABLE}\n{lines}"
        );
        let config = Config::parse("agent.toml", &text).unwrap();
        let view = config.channels.into_iter().next().unwrap().view.unwrap();
        let ended = ended.map(|(at, ago)| (at.parse().unwrap(), Duration::from_secs(ago)));
        let wait = view.schedule.wait(now.parse().unwrap(), ended);
        assert_eq!(wait, expected_s.map(Duration::from_secs), "{lines}");
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(format!("{:?}", Connection("PWD=x".to_owned())), "Connection(..)");
    }

    #[track_caller]
    fn check(lines: &str, expected: &str) {
        told_of(&format!("[[channel]]\nname = \"a\"\n[channel.view]\n{lines}"), expected);
    }
}
