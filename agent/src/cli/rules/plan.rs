//! `his-agent rules plan`: what is run by itself, when, and what came of it. Asks the running daemon.

mod show;

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::asking::{self, unanswered};
use super::super::{ConfigArgument, Exit, tell};
use crate::backtest::{COLUMNS, quoted};
use crate::config::Config;
use crate::control::client::{self, ControlError};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// 新增计划，或换掉同名的 | a plan, or another in its place
    Add(Add),
    /// 全部计划：时间表、内容、下次、上次 | all plans
    List(Form),
    /// 一个计划和它最近的运行 | one plan and its last runs
    Show(Name),
    /// 删去计划；运行记录留着 | take a plan away; its runs stay
    Remove(Name),
    /// 启用 | switch on
    Enable(Name),
    /// 停用：留着，不再自动运行 | switch off
    Disable(Name),
    /// 现在运行一次 | run it now
    Run(Name),
    /// 运行记录：起止、计数、日志 | runs with counts and logs
    Runs(Wanted),
    /// 运行的结果：逐条命中，一行一个 JSON | what runs found
    Results(Results),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// 计划的名称 | its name
    name: String,
    /// 时间表，五段：分 时 日 月 星期，如 "30 2 * * *" | when, as cron has it, China time
    #[arg(long, value_name = "EXPRESSION")]
    cron: String,
    /// 回放最近这么多整天的审查，到昨天止 | judge the checks of so many whole days
    #[arg(long, value_name = "DAYS", required_unless_present = "audit")]
    backtest: Option<u32>,
    /// 只看这些规则，关着的按启用算，可多次 | only these rules, as if they were on
    #[arg(long, value_name = "ID", requires = "backtest")]
    rule: Vec<String>,
    /// 审核：daily_batch 在院、pre_settlement 结算前、monthly_batch 出院后按月
    /// | an audit of encounters in this scene
    #[arg(long, value_name = "SCENE", conflicts_with = "backtest")]
    audit: Option<String>,
    /// 审核几天前的那一天；按月的，那一天所在的月 | the day, or the month of the day, so many days ago
    #[arg(long, value_name = "DAYS", default_value_t = 1, requires = "audit")]
    days_ago: u32,
    /// 先停用 | switched off for now
    #[arg(long)]
    disabled: bool,
    /// 制定人 | who
    #[arg(long, env = "USER")]
    author: String,
}

#[derive(Debug, clap::Args)]
struct Name {
    /// 计划的名称 | its name
    name: String,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
struct Form {
    /// 给程序看 | for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Wanted {
    /// 只看这个计划 | of this plan
    name: Option<String>,
    /// 只看这次运行 | this run
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// 从哪天或哪个时刻起开始的运行 | runs that began then or later
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// 到哪天或哪个时刻止 | up to when
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// 连日志一起列出 | with their logs
    #[arg(long)]
    log: bool,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
struct Results {
    /// 只看这个计划 | of this plan
    name: Option<String>,
    /// 只看这次运行 | of this run
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// 从哪天或哪个时刻起开始的运行 | of runs that began then or later
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// 到哪天或哪个时刻止 | up to when
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// 只看这条规则 | of this rule
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// 表格 | a table
    #[arg(long)]
    csv: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let config = match Config::load(&arguments.config.config) {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    let daemon = Daemon(config.control.socket);
    let done = match &arguments.command {
        Command::Add(it) => daemon.add(it),
        Command::List(form) => client::get(&daemon.0, PLANS).map(|it| show::list(&it, form.json)),
        Command::Show(it) => daemon.show(it),
        Command::Remove(it) => {
            client::delete(&daemon.0, &address(&it.name, ""), &json!({})).map(|_| say!("已删去"))
        }
        Command::Enable(it) => {
            daemon.order(it, "/enable").map(|told| show::one(&told, it.form.json))
        }
        Command::Disable(it) => {
            daemon.order(it, "/disable").map(|told| show::one(&told, it.form.json))
        }
        Command::Run(it) => daemon.order(it, "/run").map(|told| show::begun(&told)),
        Command::Runs(it) => daemon.runs(it),
        Command::Results(it) => daemon.results(it),
    };
    match done {
        Ok(()) => Exit::Ok,
        Err(error) => unanswered(&error),
    }
}

/// The socket of the daemon that is asked.
struct Daemon(PathBuf);

impl Daemon {
    fn add(&self, add: &Add) -> Result<(), ControlError> {
        let job = match &add.audit {
            Some(scene) => json!({ "kind": "audit", "scene": scene, "days_ago": add.days_ago }),
            None => json!({ "kind": "backtest", "rules": add.rule, "days": add.backtest }),
        };
        let wanted =
            json!({ "cron": add.cron, "job": job, "enabled": !add.disabled, "author": add.author });
        let told = client::put(&self.0, &address(&add.name, ""), &wanted)?;
        show::one(&told, false);
        Ok(())
    }

    fn order(&self, name: &Name, order: &str) -> Result<Value, ControlError> {
        client::post(&self.0, &address(&name.name, order), &json!({}))
    }

    fn show(&self, name: &Name) -> Result<(), ControlError> {
        show::one(&client::get(&self.0, &address(&name.name, ""))?, name.form.json);
        let wanted = [("plan", &Some(name.name.clone()))];
        let runs = client::get(&self.0, &asking::address(RUNS, &wanted))?;
        show::runs(&runs, name.form.json, false);
        Ok(())
    }

    fn runs(&self, it: &Wanted) -> Result<(), ControlError> {
        let wanted = [("plan", &it.name), ("run", &it.run), ("from", &it.from), ("to", &it.to)];
        let runs = client::get(&self.0, &asking::address(RUNS, &wanted))?;
        show::runs(&runs, it.form.json, it.log);
        Ok(())
    }

    /// A page at a time, so that neither end holds all of it.
    fn results(&self, it: &Results) -> Result<(), ControlError> {
        if it.csv {
            say!("\u{feff}plan,run,run_at,change,{}", COLUMNS.join(","));
        }
        let mut after = None;
        loop {
            let wanted = [
                ("plan", &it.name),
                ("run", &it.run),
                ("from", &it.from),
                ("to", &it.to),
                ("rule", &it.rule),
                ("after", &after),
            ];
            let page = client::get(&self.0, &asking::address(RESULTS, &wanted))?;
            for row in page.get("results").and_then(Value::as_array).into_iter().flatten() {
                if it.csv { say!("{}", csv(row)) } else { say!("{row}") }
            }
            after = page.get("after").and_then(Value::as_str).map(str::to_owned);
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

fn csv(row: &Value) -> String {
    let names = ["plan", "run", "run_at", "change"].into_iter().chain(COLUMNS);
    let cells = names.map(|name| row.get(name).and_then(Value::as_str).unwrap_or_default());
    cells.map(quoted).collect::<Vec<_>>().join(",")
}

fn address(name: &str, rest: &str) -> String {
    format!("{PLANS}/{}{rest}", client::escaped(name))
}

const PLANS: &str = "/admin/v1/rules/plans";
const RUNS: &str = "/admin/v1/rules/plan-runs";
const RESULTS: &str = "/admin/v1/rules/plan-results";
