//! A plan: what is run, when, and who wants it so.

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};
use rules::facts::Scene;
use serde::{Deserialize, Serialize};

use super::cron::Cron;

/// A plan, proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// What people call it, unique.
    pub(crate) name: String,
    /// The expression, as it was proved.
    pub(crate) cron: String,
    /// What is run.
    pub(crate) job: Job,
    /// One that is off is kept and never due; it can be run by hand.
    pub(crate) enabled: bool,
    /// Who made or changed it last.
    pub(crate) author: String,
    /// When that was.
    #[serde(with = "super::stamped")]
    pub(crate) changed_at: DateTime,
    /// Times up to this one have been dealt with.
    #[serde(with = "super::stamped")]
    pub(crate) seen: DateTime,
}

/// What can be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Job {
    /// Rules over the checks of the last whole days.
    Backtest {
        /// These rules, as if they were on; all that are on when there are none.
        #[serde(default)]
        rules: Vec<String>,
        /// How many days, yesterday the last of them.
        days: u32,
    },
    /// Whole encounters, as an audit judges them.
    Audit {
        /// `daily_batch`, `pre_settlement`, `monthly_batch` or `settlement`.
        scene: String,
        /// How many days before the day of the run; of a month, any of its days.
        #[serde(default = "yesterday")]
        days_ago: u32,
    },
}

/// What somebody sends to make or change a plan.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    pub(super) cron: String,
    pub(super) job: Job,
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    pub(super) author: String,
}

impl Plan {
    /// The plan that somebody wants, or what is wrong with it. What was due before it was made is not
    /// due to it.
    pub(crate) fn prove(name: &str, wanted: Wanted, now: DateTime) -> Result<Plan, String> {
        let is_plain = |it: char| it.is_alphanumeric() || "-_.".contains(it);
        if name.is_empty() || name.chars().count() > NAME_MAX || !name.chars().all(is_plain) {
            return Err(format!(
                "计划名 `{name}`：用字母、汉字、数字和 - _ .，不超过 {NAME_MAX} 字"
            ));
        }
        if wanted.author.trim().is_empty() {
            return Err("写明制定人".to_owned());
        }
        wanted.job.prove()?;
        let cron = Cron::parse(&wanted.cron)?;
        Ok(Plan {
            name: name.to_owned(),
            cron: cron.to_string(),
            job: wanted.job,
            enabled: wanted.enabled,
            author: wanted.author,
            changed_at: now,
            seen: now,
        })
    }

    /// When it is due next.
    #[must_use]
    pub(crate) fn next(&self) -> Option<DateTime> {
        let cron = Cron::parse(&self.cron).ok().filter(|_| self.enabled);
        cron.and_then(|it| it.next(self.seen))
    }

    /// The last time it was due up to now, and how often it was due since it was looked at.
    #[must_use]
    pub(crate) fn due(&self, now: DateTime) -> Option<(DateTime, u32)> {
        let cron = Cron::parse(&self.cron).ok().filter(|_| self.enabled)?;
        let (mut at, mut last, mut times) = (self.seen, None, 0);
        while let Some(next) = cron.next(at).filter(|it| *it <= now && times < TIMES_MAX) {
            (at, last, times) = (next, Some(next), times + 1);
        }
        last.map(|it| (it, times))
    }
}

impl Job {
    fn prove(&self) -> Result<(), String> {
        match self {
            Job::Backtest { days, .. } if !(1..=DAYS_MAX).contains(days) => {
                Err(format!("回放 {days} 天：写 1 到 {DAYS_MAX} 天"))
            }
            Job::Backtest { .. } => Ok(()),
            Job::Audit { days_ago, .. } if *days_ago > DAYS_MAX => {
                Err(format!("{days_ago} 天前：写 0 到 {DAYS_MAX}"))
            }
            Job::Audit { scene, .. } => match scene_of(scene) {
                Some(_) => Ok(()),
                None => Err(format!("没有审核场景 `{scene}`；有 {}", SCENES.join("、"))),
            },
        }
    }

    /// In a few words, for people.
    #[must_use]
    pub(crate) fn told(&self) -> String {
        match self {
            Job::Backtest { rules, days } if rules.is_empty() => {
                format!("回放最近 {days} 天，在用的全部规则")
            }
            Job::Backtest { rules, days } => {
                format!("回放最近 {days} 天，规则 {}", rules.join("、"))
            }
            Job::Audit { scene, days_ago: 0 } => format!("审核 {scene}，当天"),
            Job::Audit { scene, days_ago } => format!("审核 {scene}，{days_ago} 天前"),
        }
    }
}

/// The first moment of so many whole days before this one, and the first behind them.
#[must_use]
pub(super) fn whole_days(before: Date, days: u32) -> (DateTime, DateTime) {
    let first = before.checked_sub(i64::from(days).days()).unwrap_or(before);
    (first.at(0, 0, 0, 0), before.at(0, 0, 0, 0))
}

/// The scene of a name, where audits know it.
pub(super) fn scene_of(name: &str) -> Option<Scene> {
    SCENES.contains(&name).then(|| Scene::parse(name)).flatten()
}

fn yesterday() -> u32 {
    1
}

fn yes() -> bool {
    true
}

const SCENES: [&str; 4] = ["daily_batch", "pre_settlement", "monthly_batch", "settlement"];
const NAME_MAX: usize = 40;
const DAYS_MAX: u32 = 400;
/// Enough to say "often": a plan of every minute is missed a thousand times in a day.
const TIMES_MAX: u32 = 1000;
