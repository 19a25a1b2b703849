//! What can be said to `his-agent audit`.

use std::path::PathBuf;

use super::super::ConfigArgument;

#[derive(Debug, clap::Args)]
pub(in super::super) struct Arguments {
    #[command(flatten)]
    pub(super) config: ConfigArgument,
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// 运行一次，等它做完：某天的在院患者，或某月的离院患者 | run once and wait
    Run {
        /// 哪一天，YYYYMMDD；缺省是昨天 | the day; yesterday when left out
        #[arg(long, value_name = "DAY")]
        day: Option<String>,
        /// `daily_batch`、`pre_settlement`：当天在院的；`monthly_batch`、`settlement`：当月离院的 | who is looked at
        #[arg(long, value_name = "SCENE", default_value = "daily_batch")]
        scene: String,
        /// 只看这次就诊 | only this encounter
        #[arg(long, value_name = "ID")]
        encounter: Option<String>,
    },
    /// 列出做过的运行 | the runs that were made
    Runs {
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
    },
    /// 列出疑点，或写成 CSV、Excel | suspicions, a row each
    Findings {
        #[command(flatten)]
        wanted: Wanted,
        #[command(flatten)]
        out: Out,
    },
    /// 一个疑点的全过程 | one suspicion with all that was said
    Show {
        /// 疑点编号 | its id
        id: String,
    },
    /// 一个疑点为什么是疑点：哪一行知识、哪些输入、怎样算的 | why a suspicion is one
    Explain {
        /// 疑点编号 | its id
        id: String,
        /// 供程序读 | for programs
        #[arg(long)]
        json: bool,
    },
    /// 科室说明、整改，医保办关闭、退回 | what a department or the insurance office says
    Answer {
        /// 疑点编号 | its id
        id: String,
        /// explained 已说明、corrected 已整改、closed 关闭、open 退回 | the state it is to be in
        #[arg(long, value_name = "STATE")]
        state: String,
        /// 原因；整改可以不写 | why
        #[arg(long)]
        reason: Option<String>,
        /// 处置人 | who says so
        #[arg(long, env = "USER", default_value = "")]
        by: String,
    },
    /// 推送给科室的消息，一行一条 JSON，可从上次的位置接着取 | what departments are told, from where one has stopped
    Feed {
        /// 只要这个科室的 | only of this department
        #[arg(long, value_name = "CODE")]
        department: Option<String>,
        /// 上次最后一条的 event | the last event one has had
        #[arg(long, value_name = "EVENT")]
        after: Option<String>,
        /// 最多多少条 | at most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// 汇总：按参保人、医师、科室、医院、规则、分类 | counted, with a sum
    Summary {
        /// `person`、`doctor`、`department`、`hospital`、`rule`、`behaviour`
        #[arg(long, value_name = "WHAT")]
        by: String,
        #[command(flatten)]
        wanted: Wanted,
        #[command(flatten)]
        out: Out,
    },
    /// 月报：占比与再入院，进销存 | monthly reports
    Report {
        #[command(subcommand)]
        report: Report,
    },
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Report {
    /// 药占比、耗占比、31天内再入院率，按医院、科室、医师 | ratios and readmissions
    Ratios {
        /// YYYYMM
        #[arg(long)]
        month: String,
        #[command(flatten)]
        out: Out,
    },
    /// 进销存：收费多于可售的，售价高于进价的 | charged beside bought
    Stock {
        /// YYYYMM
        #[arg(long)]
        month: String,
        /// 期初和购入表，CSV 或 Excel，列：代码、名称、期初、购入、进价、换算 | the hospital's table
        file: PathBuf,
        #[command(flatten)]
        out: Out,
    },
}

/// Which suspicions.
#[derive(Debug, clap::Args)]
pub(super) struct Wanted {
    /// 只要这个科室的 | of this department
    #[arg(long, value_name = "CODE")]
    department: Option<String>,
    /// 只要这位医师的 | of this doctor
    #[arg(long, value_name = "CODE")]
    doctor: Option<String>,
    /// 只要这位参保人的（假名） | of this person, by pseudonym
    #[arg(long, value_name = "PSEUDONYM")]
    person: Option<String>,
    /// 只要这次就诊的 | of this encounter
    #[arg(long, value_name = "ID")]
    encounter: Option<String>,
    /// 只要这条规则的 | of this rule
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// open 待处理、explained 已说明、corrected 已整改、escalated 已升级、closed 已关闭 | in this state
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// 1 行为，2 项目 | behaviour or item
    #[arg(long, value_name = "KIND")]
    behaviour: Option<String>,
    /// 首次日期不早于，YYYYMMDD | first found for this day or later
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// 首次日期不晚于 | first found for this day or earlier
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
}

impl Wanted {
    pub(super) fn named(&self) -> [(&'static str, &Option<String>); 9] {
        [
            ("department", &self.department),
            ("doctor", &self.doctor),
            ("person", &self.person),
            ("encounter", &self.encounter),
            ("rule", &self.rule),
            ("state", &self.state),
            ("behaviour", &self.behaviour),
            ("from", &self.from),
            ("to", &self.to),
        ]
    }
}

/// In which form.
#[derive(Debug, clap::Args)]
pub(super) struct Out {
    /// 写到文件：.csv 或 .xlsx | into a file
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// 给程序看 | for programs
    #[arg(long, conflicts_with = "out")]
    pub(super) json: bool,
}
