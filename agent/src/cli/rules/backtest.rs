//! `his-agent rules backtest`: what a candidate would have found in the checks that were made.
//!
//! The candidate is the rules in force with a pack in the place of its namesake, or with one rule
//! switched on. Both judge the same request at the same moment; only this program works for it, not
//! the daemon, which hands out the requests a page at a time, with what it knew of the patient then.

mod hits;
mod source;

use std::path::PathBuf;

use rules::Facts;

use self::hits::Hits;
use self::source::{Kept, Source};
use super::super::{Exit, tell};
use crate::backtest::{self, Report};
use crate::config::Config;
use crate::sets::{Sets, Texts};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: super::super::ConfigArgument,
    /// 候选规则包的目录，代替同名的包 | the candidate pack; takes the place of its namesake
    #[arg(long, value_name = "DIR")]
    pack: Option<PathBuf>,
    /// 只看这条规则；它关着时按启用算 | only this rule, judged as if it were on
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// 从哪天或哪个时刻起，YYYYMMDD 或 YYYYMMDDhhmmss | from when
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// 到哪天或哪个时刻止 | up to when; a day is meant as a whole
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// 不问守护进程，读 --save 存下的文件，或每行一个规范请求 | a file of kept checks or requests, one a line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to"])]
    dump: Option<PathBuf>,
    /// 把读到的审查另存一份，含患者信息 | keep what was read; holds patients' data
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// 逐条命中写到文件：.csv 是表格，其他是 NDJSON | every hit and difference
    #[arg(long, value_name = "FILE")]
    hits: Option<PathBuf>,
    /// 给程序看 | for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match backtest(arguments) {
        Ok(report) => {
            say!("{}", if arguments.json { report.to_json() } else { report.to_text() });
            Exit::Ok
        }
        Err(exit) => exit,
    }
}

fn backtest(arguments: &Arguments) -> Result<Report, Exit> {
    let config = Config::load(&arguments.config.config).map_err(|it| tell(&it))?;
    let texts = Texts::read(&config).map_err(|it| tell(&it))?;
    let named: Vec<String> = arguments.rule.iter().cloned().collect();
    let pack = arguments.pack.as_deref().map(backtest::pack).transpose().map_err(|it| tell(&it))?;
    let candidate = backtest::candidate(&texts, pack.as_ref(), &named);
    let candidate = candidate.map_err(|it| tell(&it))?;
    let sets = |texts| Sets::prove(&config, texts).map_err(|it| tell(&it));
    let (old, new) = (sets(texts)?, sets(candidate)?);
    if let Some(rule) = arguments.rule.as_ref().filter(|it| !knows(&new, it)) {
        eprintln!("没有规则 `{rule}`");
        return Err(Exit::Usage);
    }
    let mut source = Source::open(arguments, &config)?;
    let mut report = Report::new(named);
    let mut hits = Hits::create(arguments.hits.as_deref())?;
    while let Some(Kept { check, past }) = source.next()? {
        let asked = (&check, |_: &Facts, _| past);
        for hit in backtest::judge(&config, (&old, &new), asked, &mut report) {
            hits.write(&hit)?;
        }
        if report.checks.is_multiple_of(CHECKS_BETWEEN_WORDS) {
            eprintln!("已回放 {} 次审查", report.checks);
        }
    }
    hits.finish()?;
    Ok(report)
}

fn knows(sets: &Sets, rule: &str) -> bool {
    sets.rules.rules().iter().any(|it| it.id == rule)
}

const CHECKS_BETWEEN_WORDS: u64 = 1000;
