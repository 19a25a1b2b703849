//! Where the checks come from: the daemon's log, a page at a time, or a file, a line at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::ToSpan as _;
use serde_json::Value;

use super::super::super::Exit;
use super::super::super::asking::unanswered;
use super::Arguments;
use crate::checks::entry::Check;
use crate::checks::{from_json, past_in, to_json, with_past};
use crate::config::Config;
use crate::control::client;
use crate::history::KnownThen;
use crate::pipeline;

pub(super) struct Source {
    from: From,
    save: Option<(File, PathBuf)>,
}

enum From {
    Daemon {
        socket: PathBuf,
        from: String,
        to: String,
        after: Option<String>,
        page: VecDeque<Kept>,
    },
    File {
        lines: Lines<BufReader<File>>,
        path: PathBuf,
        line: u64,
    },
}

/// A check, and what was known of its patient then, where the daemon could say.
pub(super) struct Kept {
    pub(super) check: Check,
    pub(super) past: Option<KnownThen>,
}

impl Kept {
    /// Reads a check as the daemon tells it, or as `--save` has written it.
    fn read(told: Value, line: &str) -> Option<Kept> {
        let past = past_in(&told);
        Some(Kept { check: from_json(told, line)?, past })
    }

    fn line(&self) -> Value {
        with_past(to_json(&self.check), self.past.as_ref())
    }
}

impl Source {
    pub(super) fn open(arguments: &Arguments, config: &Config) -> Result<Source, Exit> {
        let from = if let Some(path) = &arguments.dump {
            let file = File::open(path).map_err(|error| unusable(path, &error))?;
            From::File { lines: BufReader::new(file).lines(), path: path.clone(), line: 0 }
        } else {
            let (from, to) = span(arguments)?;
            let socket = config.control.socket.clone();
            From::Daemon { socket, from, to, after: None, page: VecDeque::new() }
        };
        Ok(Source { from, save: arguments.save.as_deref().map(create).transpose()? })
    }

    /// The next check; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Kept>, Exit> {
        let next = match &mut self.from {
            From::File { lines, path, line } => next_line(lines, path, line)?,
            From::Daemon { socket, from, to, after, page } => {
                if page.is_empty() {
                    let place = after.as_ref().map(|it| format!("&after={it}")).unwrap_or_default();
                    let address =
                        format!("/admin/v1/checks/requests?past=true&from={from}&to={to}{place}");
                    *page = read_page(socket, &address)?;
                }
                let next = page.pop_front();
                *after = next.as_ref().map(|it| it.check.check_id.clone());
                next
            }
        };
        if let (Some(kept), Some((file, path))) = (&next, &mut self.save) {
            writeln!(file, "{}", kept.line()).map_err(|error| unusable(path, &error))?;
        }
        Ok(next)
    }
}

fn next_line(
    lines: &mut Lines<BufReader<File>>,
    path: &Path,
    number: &mut u64,
) -> Result<Option<Kept>, Exit> {
    for line in lines {
        let line = line.map_err(|error| unusable(path, &error))?;
        *number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let kept = serde_json::from_str(&line).ok().and_then(|told| Kept::read(told, &line));
        return kept.map(Some).ok_or_else(|| {
            eprintln!("{}: 第{number}行不是审查，也不是规范请求", path.display());
            Exit::Data
        });
    }
    Ok(None)
}

fn read_page(socket: &Path, address: &str) -> Result<VecDeque<Kept>, Exit> {
    let told = client::get(socket, address).map_err(|error| unanswered(&error))?;
    let checks = told.get("checks").and_then(Value::as_array).into_iter().flatten();
    Ok(checks.filter_map(|it| Kept::read(it.clone(), "")).collect())
}

/// Both ends as moments.
fn span(arguments: &Arguments) -> Result<(String, String), Exit> {
    let moment = |text: &Option<String>, days: i32| {
        let text = text.as_deref()?;
        let of_day = || pipeline::moment(&format!("{text}000000"))?.checked_add(days.days()).ok();
        Some(pipeline::stamp(pipeline::moment(text).or_else(of_day)?))
    };
    moment(&arguments.from, 0).zip(moment(&arguments.to, 1)).ok_or_else(|| {
        eprintln!("写明 --from 和 --to（YYYYMMDD 或 YYYYMMDDhhmmss），或 --dump 文件");
        Exit::Usage
    })
}

/// Requests are patients' data: nobody else may read them.
fn create(path: &Path) -> Result<(File, PathBuf), Exit> {
    let opened = File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
    opened.map(|file| (file, path.to_owned())).map_err(|error| unusable(path, &error))
}

pub(super) fn unusable(path: &Path, error: &std::io::Error) -> Exit {
    eprintln!("{}: {error}", path.display());
    Exit::Unavailable
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_known_of_the_patient_is_saved_with_the_request() {
        check(KnownThen::from_text("2026-11-01 "), "2026-11-01 ");
        check(None, "none");
        let by_hand = r#"{"orders":[]}"#;
        let kept = Kept::read(serde_json::from_str(by_hand).unwrap(), by_hand).unwrap();
        assert_eq!((kept.check.request.as_ref(), kept.past), (by_hand.as_bytes(), None));
    }

    #[track_caller]
    fn check(past: Option<KnownThen>, expected: &str) {
        let kept = Kept { check: Check { check_id: "C1".to_owned(), ..Check::default() }, past };
        let again = Kept::read(kept.line(), "").unwrap();
        assert_eq!(again.check, kept.check);
        assert_eq!(again.past.map_or("none".to_owned(), |it| it.to_text()), expected);
    }
}
