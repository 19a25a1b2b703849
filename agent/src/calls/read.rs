//! The latest calls that fit, from the newest day back.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;
use std::sync::PoisonError;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Calls;
use super::book::DAY;

/// Which calls.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    caller: Option<String>,
    address: Option<String>,
    verb: Option<String>,
    channel: Option<String>,
    code: Option<String>,
    /// `YYYYMMDD` or longer; the first and the last that fit.
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
}

impl Calls {
    /// The latest that fit, in the order of time.
    pub(super) fn list(&self, wanted: &Wanted) -> io::Result<Vec<Value>> {
        self.write();
        let limit = wanted.limit.unwrap_or(LISTED).clamp(1, LISTED_MAX);
        let mut all = VecDeque::new();
        for day in self.open(wanted)? {
            let of_day = day.latest(wanted, limit - all.len())?;
            of_day.into_iter().rev().for_each(|it| all.push_front(it));
            if all.len() >= limit {
                break;
            }
        }
        Ok(all.iter().map(|it| told(it)).collect())
    }

    /// The wanted days, the latest first. Once they are open, writing and packing need not wait for whoever
    /// reads.
    fn open(&self, wanted: &Wanted) -> io::Result<Vec<Day>> {
        let _disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let days = self.days().into_iter().rev().filter(|(day, _)| wanted.has_day(day));
        days.map(|(_, path)| Day::open(&path)).collect()
    }
}

/// What was there of a day when it was opened.
struct Day {
    file: File,
    bytes: u64,
    is_packed: bool,
}

impl Day {
    fn open(path: &Path) -> io::Result<Day> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Day { file, bytes, is_packed: path.extension().is_some_and(|it| it == "gz") })
    }

    /// The last lines that fit.
    fn latest(self, wanted: &Wanted, limit: usize) -> io::Result<VecDeque<String>> {
        let file = self.file.take(self.bytes);
        let reading: Box<dyn Read> =
            if self.is_packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut latest = VecDeque::new();
        for line in BufReader::new(reading).lines() {
            let line = line?;
            if wanted.fits(&line) {
                latest.push_back(line);
                if latest.len() > limit {
                    latest.pop_front();
                }
            }
        }
        Ok(latest)
    }
}

impl Wanted {
    fn has_day(&self, day: &str) -> bool {
        let first = |it: &String| it.chars().take(DAY).collect::<String>();
        self.from.as_ref().is_none_or(|it| day >= first(it).as_str())
            && self.to.as_ref().is_none_or(|it| day <= first(it).as_str())
    }

    fn fits(&self, line: &str) -> bool {
        let mut columns = line.split('\t');
        let at = columns.next().unwrap_or_default();
        let columns: Vec<&str> = columns.collect();
        let is = |wanted: &Option<String>, column: usize| {
            wanted.as_deref().is_none_or(|it| columns.get(column) == Some(&it))
        };
        // A day as an end is the whole day.
        let within = |to: &String| at.get(..to.len()).is_some_and(|it| it <= to.as_str());
        is(&self.caller, 0)
            && is(&self.address, 1)
            && is(&self.verb, 2)
            && is(&self.channel, 3)
            && is(&self.code, 5)
            && self.from.as_ref().is_none_or(|from| at >= from.as_str())
            && self.to.as_ref().is_none_or(within)
    }
}

fn told(line: &str) -> Value {
    let mut columns = line.split('\t');
    let mut text = || columns.next().filter(|it| *it != "-").map(str::to_owned);
    let [at, caller, address, verb, channel] = [(); 5].map(|()| text());
    let [status, code, bytes, ms, id] = [(); 5].map(|()| text());
    let number = |it: Option<String>| it.and_then(|it| it.parse::<u64>().ok());
    json!({
        "at": at, "caller": caller, "address": address, "verb": verb, "channel": channel,
        "status": number(status), "code": code, "bytes": number(bytes), "ms": number(ms), "id": id,
    })
}

const LISTED: usize = 100;
const LISTED_MAX: usize = 100_000;
