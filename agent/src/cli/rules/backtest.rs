//! `his-agent rules backtest`: what a candidate would have found in the checks that were made.
//!
//! The candidate is the rules in force with a pack in the place of its namesake, or with one rule
//! switched on. Both judge the same request at the same moment; only this program works for it, not
//! the daemon, which hands out the requests a page at a time.

mod report;
mod source;

use std::path::PathBuf;

use schemas::Files;

use self::report::{Hits, Report};
use self::source::Source;
use super::super::{Exit, tell};
use crate::checks::again;
use crate::checks::entry::Check;
use crate::clock;
use crate::config::Config;
use crate::pipeline;
use crate::sets::{Sets, Texts, read_folder};

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
    let candidate = candidate(arguments, &texts)?;
    let sets = |texts| Sets::prove(&config, texts).map_err(|it| tell(&it));
    let (old, new) = (sets(texts)?, sets(candidate)?);
    if let Some(rule) = arguments.rule.as_ref().filter(|it| !knows(&new, it)) {
        eprintln!("没有规则 `{rule}`");
        return Err(Exit::Usage);
    }
    let mut source = Source::open(arguments, &config)?;
    let mut report = Report::new(arguments.rule.clone());
    let mut hits = Hits::create(arguments.hits.as_deref())?;
    while let Some(check) = source.next()? {
        judge(&config, (&old, &new), &check, &mut report, &mut hits)?;
        if report.checks.is_multiple_of(CHECKS_BETWEEN_WORDS) {
            eprintln!("已回放 {} 次审查", report.checks);
        }
    }
    hits.finish()?;
    Ok(report)
}

fn judge(
    config: &Config,
    (old, new): (&Sets, &Sets),
    check: &Check,
    report: &mut Report,
    hits: &mut Hits,
) -> Result<(), Exit> {
    // A request that somebody wrote by hand was asked now.
    let mut asked = check.clone();
    if asked.asked_at.is_empty() {
        asked.asked_at = pipeline::stamp(clock::now());
    }
    let limits = &config.listen.limits;
    let Some((facts, now)) = again::facts(&asked, old, &config.hospital.code, limits) else {
        report.unreadable();
        return Ok(());
    };
    let before = rules::evaluate(&old.rules, &facts, now);
    let after = rules::evaluate(&new.rules, &facts, now);
    for hit in report.compare(&asked, &before, &after) {
        hits.write(&hit)?;
    }
    Ok(())
}

/// The rules in force, changed as the command says.
fn candidate(arguments: &Arguments, texts: &Texts) -> Result<Texts, Exit> {
    let mut texts = texts.clone();
    if let Some(folder) = &arguments.pack {
        let name = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        let name = name.file_name().and_then(|it| it.to_str());
        let prefix = format!("packs/{}/", name.unwrap_or("candidate"));
        let mut problems = Vec::new();
        let files = read_folder(folder, &mut problems);
        if !problems.is_empty() {
            return Err(tell(&problems));
        }
        let kept = texts.rules.iter().filter(|(path, _)| !path.starts_with(&prefix));
        let kept: Files = kept.collect();
        texts.rules = kept;
        for (path, text) in files.iter() {
            texts.rules.insert(format!("{prefix}{path}"), text);
        }
    }
    if let Some(rule) = &arguments.rule {
        let sets = rules::RuleSet::load(&texts.rules).map_err(|it| tell(&it))?;
        if let Some(known) = sets.rules().iter().find(|it| it.id == *rule && !it.enabled) {
            let file = format!("overlay/{}/settings.toml", known.pack);
            let before = texts.rules.get(&file).unwrap_or_default();
            let on = format!("{before}\n[[setting]]\nrules = [\"{rule}\"]\nenabled = true\n");
            texts.rules.insert(file, on);
        }
    }
    Ok(texts)
}

fn knows(sets: &Sets, rule: &str) -> bool {
    sets.rules.rules().iter().any(|it| it.id == rule)
}

const CHECKS_BETWEEN_WORDS: u64 = 1000;
