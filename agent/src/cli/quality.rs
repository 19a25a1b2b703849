//! `his-agent quality`: what the sources' data is like, by day, channel, entity and data element.
//!
//! The counts come from the files of the days; where the daemon runs, today's come from it, to the
//! last message. Both need the rights of the daemon's user.

mod table;

use std::io::Write as _;
use std::path::Path;

use jiff::ToSpan as _;
use jiff::civil::Date;

use self::table::Row;
use super::{Exit, tell};
use crate::clock;
use crate::config::Config;
use crate::control::client::{self, ControlError};
use crate::quality::{Day, EntityDay, read_day};

#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a switch of the command line
pub(super) struct Arguments {
    #[command(flatten)]
    config: super::ConfigArgument,
    /// 哪一天，例如 2026-11-22；缺省今天 | which day; today by default
    #[arg(long, value_name = "DATE", conflicts_with_all = ["from", "to"])]
    day: Option<Date>,
    /// 从哪一天起 | from this day on
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// 到哪一天止，含当天 | up to this day, included
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<Date>,
    /// 每天分开列，不合计 | each day for itself
    #[arg(long)]
    daily: bool,
    /// 只看这个通道 | this channel only
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// 只看这个实体 | this entity only
    #[arg(long, value_name = "NAME")]
    entity: Option<String>,
    /// 只看这个数据元 | this element only
    #[arg(long, value_name = "NAME")]
    element: Option<String>,
    /// 连从未出现的非必填数据元也列出 | optional elements that never came, too
    #[arg(long)]
    all: bool,
    /// 一行一个 JSON 对象 | a JSON object a line
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// CSV，可用表格软件打开 | CSV for spreadsheets
    #[arg(long)]
    csv: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let config = match Config::load(&arguments.config.config) {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    let today = clock::now().date();
    let from = arguments.day.or(arguments.from).unwrap_or(today);
    let to = arguments.day.or(arguments.to).unwrap_or(today).max(from);
    let days = match days(&config, from, to, today) {
        Ok(days) => days,
        Err(exit) => return exit,
    };
    let mut days: Vec<Day> = days.into_iter().map(|it| arguments.chosen(it)).collect();
    if !arguments.daily {
        days = vec![sum(&days, from, to)];
    }
    days.retain(|it| !it.channels.is_empty());
    if days.is_empty() {
        eprintln!("no counts for {from} to {to} in {}", config.quality.dir.display());
    }
    arguments.show(&days)
}

/// Every day of the range that has counts. Today and yesterday may not be on disk yet.
fn days(config: &Config, from: Date, to: Date, today: Date) -> Result<Vec<Day>, Exit> {
    let mut days = Vec::new();
    let mut live = true;
    let mut date = from;
    while date <= to.min(today) {
        let recent = today.since(date).is_ok_and(|it| it.get_days() <= 1);
        let asked = if live && recent { ask(config, date) } else { Ok(None) };
        let day = match asked {
            Ok(Some(day)) => day,
            Ok(None) => {
                live &= !recent;
                from_file(&config.quality.dir, date)?
            }
            Err(exit) => return Err(exit),
        };
        days.push(day);
        date = date.saturating_add(1.day());
    }
    Ok(days)
}

/// A day as the running daemon has it; `None` without one.
fn ask(config: &Config, date: Date) -> Result<Option<Day>, Exit> {
    match client::get(&config.control.socket, &format!("/admin/v1/quality?day={date}")) {
        Ok(day) => Ok(serde_json::from_value(day).ok()),
        Err(ControlError::Unreachable { .. }) => {
            eprintln!(
                "no running agent at {}: as of the last write",
                config.control.socket.display()
            );
            Ok(None)
        }
        Err(error) => {
            eprintln!("{error}");
            Err(Exit::Unavailable)
        }
    }
}

fn from_file(folder: &Path, date: Date) -> Result<Day, Exit> {
    read_day(folder, date).map_err(|error| {
        eprintln!("{}: {date}: {error}", folder.display());
        if error.kind() == std::io::ErrorKind::InvalidData { Exit::Data } else { Exit::Unavailable }
    })
}

fn sum(days: &[Day], from: Date, to: Date) -> Day {
    let name = if from == to {
        Day::new(from).day
    } else {
        format!("{}-{}", Day::new(from).day, Day::new(to).day)
    };
    let mut all = Day { day: name, ..Day::default() };
    for day in days {
        all.add(day);
    }
    all
}

impl Arguments {
    /// What was asked for of a day.
    fn chosen(&self, mut day: Day) -> Day {
        let is = |asked: &Option<String>, name: &str| asked.as_deref().is_none_or(|it| it == name);
        day.channels.retain(|name, _| is(&self.channel, name));
        for channel in day.channels.values_mut() {
            channel.entities.retain(|name, _| is(&self.entity, name));
            for entity in channel.entities.values_mut() {
                entity.elements.retain(|it| is(&self.element, &it.name));
            }
        }
        day
    }

    fn show(&self, days: &[Day]) -> Exit {
        let mut out = String::new();
        if self.csv {
            out.push_str(table::CSV_HEAD);
        }
        for day in days {
            if self.json || self.csv {
                self.rows(day, &mut out);
            } else {
                self.page(day, &mut out);
            }
        }
        // A reader that has gone (`| head`) is no fault.
        let _ = std::io::stdout().write_all(out.as_bytes());
        Exit::Ok
    }

    fn rows(&self, day: &Day, out: &mut String) {
        for (channel, of_channel) in &day.channels {
            for (entity, of_entity) in &of_channel.entities {
                for row in self.rows_of(of_entity) {
                    let place = [day.day.as_str(), channel, entity];
                    if self.json { row.json(place, out) } else { row.csv(place, out) }
                }
            }
        }
    }

    fn page(&self, day: &Day, out: &mut String) {
        for (name, channel) in &day.channels {
            table::channel(&day.day, name, channel, out);
            for (name, entity) in &channel.entities {
                table::entity(name, entity, out);
                let rows = self.rows_of(entity).filter(|it| !it.is_whole_entity());
                table::rows(rows, out);
                let unseen = entity.elements.len()
                    - entity.elements.iter().filter(|it| self.wants(it)).count();
                table::unseen(unseen, out);
            }
        }
    }

    fn rows_of<'d>(&self, entity: &'d EntityDay) -> impl Iterator<Item = Row<'d>> {
        let whole = self.element.is_none().then(|| Row::whole(entity));
        let elements = entity.elements.iter().filter(|it| self.wants(it));
        whole.into_iter().chain(elements.map(|it| Row::element(entity, it)))
    }

    fn wants(&self, element: &crate::quality::ElementDay) -> bool {
        self.all
            || self.element.is_some()
            || element.required
            || element.carried > 0
            || !element.findings.is_empty()
    }
}
