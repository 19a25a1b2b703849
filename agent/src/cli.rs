//! The commands. Each is one file; this one reads the command line and gives the exit code.
//!
//! Standard output carries results and nothing else, standard error everything said to people.
//! Exit codes follow sysexits: see [`Exit`].
#![allow(clippy::print_stderr)] // this is where the program speaks

/// Writes a line to standard output. A reader that has gone (`| head`) is no reason to panic.
macro_rules! say {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($argument)*);
    }};
}

mod alerts;
mod asking;
mod audit;
mod backup;
mod calls;
mod channel;
mod check;
mod checks;
mod codes;
mod completions;
mod config;
mod demo;
mod doctor;
mod ended;
mod history;
mod init;
mod keys;
mod man;
mod messages;
mod outbox;
mod quality;
mod queries;
mod receive;
mod reconcile;
mod rules;
mod run;
mod schema;
mod sets;
mod shadow;
mod subscriptions;
mod test;
mod token;
mod top;
mod translate;
mod validate;
mod view_worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use schemas::Problem;

use crate::config::Config;
use crate::sets::Sets;
use crate::{telemetry, write};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Ok = 0,
    /// The command line was wrong.
    Usage = 64,
    /// A message, a record or a case was wrong.
    Data = 65,
    /// A port, a broker or a file was not to be had.
    Unavailable = 69,
    /// A fault of ours.
    Internal = 70,
    /// The disk failed, or what it holds is damaged.
    Disk = 74,
    /// Nothing is wrong, and not all of it is done yet.
    Waiting = 75,
    /// The user that runs it has no right to something it needs.
    Permission = 77,
    /// The configuration, a mapping, a schema or a rule was wrong.
    Config = 78,
}

#[derive(Debug, Parser)]
#[command(
    name = "his-agent",
    version,
    about = "前置机：HIS 报文进，标准记录出\nFrom hospital messages to standard records, nothing lost in between"
)]
#[command(
    after_help = "退出码 exit codes: 0 ok, 64 usage, 65 bad data, 69 unavailable, 70 internal, 74 disk, 75 not finished yet, 77 permission, 78 configuration"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 运行守护进程 | the daemon
    Run(run::Arguments),
    /// 演示：样例报文走完全程，不需要消息队列 | the whole road on this machine, without a broker
    Demo(demo::Arguments),
    /// 体检：时钟、磁盘、权限、端口、消息队列、证书，逐项说明怎么处理 | looks at everything the agent needs, with a cure for each
    Doctor(doctor::Arguments),
    /// 第一次配置：问医院和平台，写配置，体检，试收一份报文，给 HIS 厂商一页说明 | the first configuration, proved, and a page for the vendor
    Init(init::Arguments),
    /// 检查配置、数据元、映射、码表、规则，一次列出全部问题 | everything the daemon would load, all problems at once
    Validate(validate::Arguments),
    /// 试翻译：报文文件变成标准记录（NDJSON），不入库 | dry run: standard records as NDJSON
    Translate(translate::Arguments),
    /// 试审查：报文或规范请求的事前审查结果 | dry run of a pre-prescription check
    Check(check::Arguments),
    /// 做过的审查：列出，一次的全过程 | the checks that were made, the whole trace of one
    Checks(checks::Arguments),
    /// 报文的来龙去脉：列出、查看、重新提交、丢弃、重发 | what became of each message: list, show, retry, discard, replay
    Messages(messages::Arguments),
    /// 告警：列出，测试，静默 | alerts: list, test, silence
    Alerts(alerts::Arguments),
    /// 审核：在院每日、离院之后；疑点、处置、汇总、月报 | whole encounters judged day by day and after discharge
    Audit(audit::Arguments),
    /// 患者在本院的既往：查看、删除 | the past of a patient: show, forget
    History(history::Arguments),
    /// 发件箱：等待的记录、磁盘空间、还能撑多久 | the queue on disk: what waits, and how long the disk will do
    Outbox(outbox::Arguments),
    /// 发件箱的密钥：查看、更换 | the keys of the store: show, change
    Keys(keys::Arguments),
    /// 待对照的院内代码：列出，对照，放行 | local codes that nobody has mapped yet
    Codes(codes::Arguments),
    /// 运行映射和规则旁边的用例 | the cases that lie beside mappings and rules
    Test(test::Arguments),
    /// 数据质量：按日、通道、实体、数据元的完整性、规范性、一致性、时效性 | data quality by day, channel, entity, element
    Quality(quality::Arguments),
    /// 实况：各通道、发件箱、磁盘、审查、告警，每两秒刷新 | the road live in a terminal
    Top(top::Arguments),
    /// 谁从 /v1/records 读过记录 | who has read records
    Queries(queries::Arguments),
    /// 谁调用过：时间、调用者、地址、做什么、通道、结果 | every call at the doors
    Calls(calls::Arguments),
    /// 令牌：生成、列出、停用、更换 | tokens of callers: made, listed, taken away, exchanged
    Token(token::Arguments),
    /// 推送给别的系统：现状、再送、跳过 | records pushed to other systems: how it stands, once more, skip
    Subscriptions(subscriptions::Arguments),
    /// 平台侧参考接收端：校验、去重、查缺号 | the platform's reference receiver
    Receive(receive::Arguments),
    /// 与平台对账到每条记录，补正，签名；也可与 HIS 的日合计对账 | the account with the platform, to the record
    Reconcile(reconcile::Arguments),
    /// 备份和恢复 | backups, and an agent made of one again
    Backup(backup::Arguments),
    /// 配置的历史、差别、换上、回退 | every configuration and set that was in force: history, diff, apply, roll back
    Config(config::Arguments),
    /// 在用的映射、码表、规则：查看、重新读入 | the files in force: show, reload
    Sets(sets::Arguments),
    /// 规则和知识点：本院的修改，导入公布的表 | rules and knowledge rows: the hospital's changes, imports
    Rules(rules::Arguments),
    /// 候选映射与在用的并行比较，再启用 | a candidate beside the mappings in force
    Shadow(shadow::Arguments),
    /// 配通道的帮手：由 WSDL 写出通道，试读数据库视图 | sets up channels: from a WSDL, from a database view
    Channel(channel::Arguments),
    /// 读数据库视图的进程，由守护进程启动 | started by the daemon to read a view
    #[command(hide = true)]
    ViewWorker(view_worker::Arguments),
    /// 命令行补全，供安装包用 | completion scripts, for the packages
    #[command(hide = true)]
    Completions(completions::Arguments),
    /// 手册页，供安装包用 | manual pages, for the packages
    #[command(hide = true)]
    Man(man::Arguments),
    /// 导出数据元目录 | the dictionary for other programs and for people
    Schema(schema::Arguments),
}

/// The command line to an exit code.
pub fn main() -> ExitCode {
    // A panic unwinds through here, and its reason is in the last lines.
    let _log = telemetry::WrittenAtEnd;
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let help = !error.use_stderr(); // --help and --version are no mistakes
            let _ = error.print();
            return code(if help { Exit::Ok } else { Exit::Usage });
        }
    };
    // One TLS provider in the process; the first to be installed stays.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    code(match arguments.command {
        Command::Run(it) => run::run(&it),
        Command::Channel(it) => channel::run(&it),
        Command::Backup(it) => backup::run(&it),
        Command::Config(it) => config::run(&it),
        Command::Demo(it) => demo::run(&it),
        Command::Doctor(it) => doctor::run(&it),
        Command::Validate(it) => validate::run(&it),
        Command::Calls(it) => calls::run(&it),
        Command::Token(it) => token::run(&it),
        Command::Translate(it) => translate::run(&it),
        Command::Check(it) => check::run(&it),
        Command::Checks(it) => checks::run(&it),
        Command::Alerts(it) => alerts::run(&it),
        Command::Top(it) => top::run(&it),
        Command::Audit(it) => audit::run(&it),
        Command::History(it) => history::run(&it),
        Command::Init(it) => init::run(&it),
        Command::Messages(it) => messages::run(&it),
        Command::Outbox(it) => outbox::run(&it),
        Command::Keys(it) => keys::run(&it),
        Command::Codes(it) => codes::run(&it),
        Command::Test(it) => test::run(&it),
        Command::Quality(it) => quality::run(&it),
        Command::Queries(it) => queries::run(&it),
        Command::Subscriptions(it) => subscriptions::run(&it),
        Command::Receive(it) => receive::run(&it),
        Command::Reconcile(it) => reconcile::run(&it),
        Command::Rules(it) => rules::run(&it),
        Command::Shadow(it) => shadow::run(&it),
        Command::Sets(it) => sets::run(&it),
        Command::Schema(it) => schema::run(&it),
        Command::Completions(it) => completions::run(&it),
        Command::Man(it) => man::run(&it),
        Command::ViewWorker(it) => view_worker::run(&it),
    })
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}

/// `--config FILE`, shared by most commands.
#[derive(Clone, Debug, clap::Args)]
struct ConfigArgument {
    /// 配置文件 | configuration file
    #[arg(
        long,
        short,
        global = true,
        value_name = "FILE",
        default_value = "/etc/his-agent/agent.toml",
        env = "HIS_AGENT_CONFIG"
    )]
    config: PathBuf,
}

impl ConfigArgument {
    /// The configuration and everything it names, or all problems told and the exit code.
    fn load(&self) -> Result<(Config, Sets), Exit> {
        load(&self.config)
    }
}

fn load(path: &Path) -> Result<(Config, Sets), Exit> {
    let config = Config::load(path).map_err(|it| tell(&it))?;
    let sets = Sets::load(&config).map_err(|it| tell(&it))?;
    tell(&sets.warnings);
    Ok((config, sets))
}

/// Writes problems to standard error, a line each, and gives the exit code for them.
fn tell(problems: &[Problem]) -> Exit {
    for problem in problems {
        eprintln!("{problem}");
    }
    if problems.len() > 1 {
        eprintln!("{} problems", problems.len());
    }
    Exit::Config
}

/// A runtime for the commands that need one.
fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        eprintln!("no runtime: {error}");
        Exit::Internal
    })
}
