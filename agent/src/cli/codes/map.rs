//! `his-agent codes map`

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use mappings::{MappingSet, NewCode};
use schemas::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::asking::unanswered;
use super::{ConfigArgument, Exit, load};
use crate::cli::{self, write};
use crate::config::Config;
use crate::control::client::{self, ControlError};
use crate::sets::{Sets, Texts};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 码表文件，映射目录内的路径，如 platform/codes/frequency.csv | code map, by its path in the mappings' folder
    #[arg(long, value_name = "CSV", required_unless_present = "from")]
    map: Option<String>,
    /// 对照表文件：map,local,standard 三列（给了 --map 时可省 map 列）；standard 空着的行跳过
    /// | a table of map,local,standard; rows without a standard code are left out
    #[arg(long, value_name = "FILE", conflicts_with = "codes")]
    from: Option<PathBuf>,
    /// 院内代码=标准代码 | local code = standard code
    #[arg(value_name = "LOCAL=STANDARD", required_unless_present = "from", requires = "map")]
    codes: Vec<String>,
}

/// New lines by the code map they belong to.
type Lines = BTreeMap<String, Vec<(String, String)>>;

pub(super) fn run(arguments: &Arguments) -> Exit {
    match map(arguments) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

fn map(arguments: &Arguments) -> Result<(), Exit> {
    let config = load(&arguments.config)?;
    let lines = by_map(given(arguments, &config)?);
    if lines.is_empty() {
        eprintln!("没有要写入的对照");
        return Err(Exit::Usage);
    }
    let folder = folder(&config)?;
    let before = totals(&config);
    let count = {
        // Two people who map at the same time must not write over each other's lines.
        let _turn = turn(folder)?;
        let texts = amended(&config, &lines)?;
        write_all(folder, &texts, &lines)?
    };
    eprintln!("写入 {count} 条对照");
    release(&config, before.ok().as_ref())
}

fn given(arguments: &Arguments, config: &Config) -> Result<Vec<NewCode>, Exit> {
    let map = arguments.map.as_deref();
    let Some(from) = &arguments.from else {
        let pairs = arguments.codes.iter().map(|it| pair(map.unwrap_or_default(), it));
        return pairs.collect();
    };
    let file = from.display();
    let bytes = std::fs::read(from).map_err(|error| {
        eprintln!("{file}: {error}");
        Exit::Unavailable
    })?;
    // A spreadsheet in a hospital saves CSV as GBK as often as not.
    let text = adapters::text(&bytes, None, &config.listen.limits).map_err(|error| {
        eprintln!("{file}: {error}");
        Exit::Data
    })?;
    mappings::read_new_codes(&text, map).map_err(|problems| {
        for (line, problem) in problems {
            eprintln!("{file}:{line}: {problem}");
        }
        Exit::Data
    })
}

/// The standard code has no `=` in it; a local one may.
fn pair(map: &str, text: &str) -> Result<NewCode, Exit> {
    match text.rsplit_once('=').map(|(local, standard)| (local.trim(), standard.trim())) {
        Some((local, standard)) if !local.is_empty() && !standard.is_empty() => Ok(NewCode {
            map: map.to_owned(),
            local: local.to_owned(),
            standard: standard.to_owned(),
        }),
        _ => {
            eprintln!("`{text}`：写成 院内代码=标准代码");
            Err(Exit::Usage)
        }
    }
}

fn by_map(codes: Vec<NewCode>) -> Lines {
    let mut lines = Lines::new();
    for NewCode { map, local, standard } in codes {
        lines.entry(map).or_default().push((local, standard));
    }
    lines
}

fn folder(config: &Config) -> Result<&Path, Exit> {
    config.sets.mappings.as_deref().ok_or_else(|| {
        eprintln!(
            "码表是程序自带的，改不了：先用 his-agent codes export /etc/his-agent/mappings 导出，\
             在配置的 [sets] 里写 mappings = \"/etc/his-agent/mappings\"，重启后再对照"
        );
        Exit::Config
    })
}

fn turn(folder: &Path) -> Result<File, Exit> {
    let locked = File::open(folder).and_then(|it| it.lock().map(|()| it));
    locked.map_err(|error| {
        eprintln!("{}: {error}", folder.display());
        Exit::Unavailable
    })
}

/// All texts with the new lines in them, proved: what is not right is told, and nothing is written.
fn amended(config: &Config, lines: &Lines) -> Result<Texts, Exit> {
    let mut texts = Texts::read(config).map_err(|it| cli::tell(&it))?;
    for (map, codes) in lines {
        let Some(text) = texts.mappings.get(map) else {
            eprintln!("映射目录里没有码表 {map}；路径照 his-agent codes list 所列的写");
            return Err(Exit::Data);
        };
        let codes = codes.iter().map(|(local, standard)| (local.as_str(), standard.as_str()));
        let text = mappings::amended(text, codes);
        texts.mappings.insert(map.clone(), text);
    }
    let problems = problems(config, &texts, lines);
    if problems.is_empty() {
        return Ok(texts);
    }
    cli::tell(&problems);
    eprintln!("没有写入");
    Err(Exit::Data)
}

/// What is wrong with the set; with the new lines alone, if they are wrong.
fn problems(config: &Config, texts: &Texts, lines: &Lines) -> Vec<Problem> {
    let ours = |problems: Vec<Problem>| -> Vec<Problem> {
        problems.into_iter().filter(|it| lines.contains_key(&it.file)).collect()
    };
    match Sets::prove(config, texts.clone()) {
        // A map that no configured channel uses was not read by that.
        Ok(sets) => {
            let all = MappingSet::load(&texts.mappings, &sets.catalogs, &[]);
            ours(all.err().unwrap_or_default())
        }
        Err(problems) => match ours(problems.clone()) {
            ours if ours.is_empty() => problems,
            ours => ours,
        },
    }
}

fn write_all(folder: &Path, texts: &Texts, lines: &Lines) -> Result<usize, Exit> {
    let mut count = 0;
    for (map, codes) in lines {
        let path = folder.join(map);
        let text = texts.mappings.get(map).unwrap_or_default();
        write::replace(&path, text).map_err(|error| {
            eprintln!("{}: {error}", path.display());
            Exit::Unavailable
        })?;
        count += codes.len();
    }
    Ok(count)
}

/// How many messages have gone which way since the daemon's start.
#[derive(Debug, Default, Deserialize)]
struct Totals {
    released: u64,
    parked: u64,
    refused: u64,
}

const RELEASE: &str = "/admin/v1/codes/release";

fn totals(config: &Config) -> Result<Totals, ControlError> {
    client::get(&config.control.socket, RELEASE).and_then(read)
}

fn read(data: Value) -> Result<Totals, ControlError> {
    serde_json::from_value(data).map_err(|error| ControlError::Garbled(error.to_string()))
}

/// The daemon may see the file before it is told of it: what counts is the difference.
fn release(config: &Config, before: Option<&Totals>) -> Result<(), Exit> {
    let answer = client::post(&config.control.socket, RELEASE, &json!({})).and_then(read);
    let Totals { released, parked, refused } = answer.map_err(|error| {
        eprintln!("对照已经写入，但没有放行：");
        unanswered(&error)
    })?;
    let released = released.saturating_sub(before.map_or(0, |it| it.released));
    let refused = refused.saturating_sub(before.map_or(0, |it| it.refused));
    say!("放行 {released} 份，仍在等 {parked} 份，转入死信 {refused} 份");
    Ok(())
}
