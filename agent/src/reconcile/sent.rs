//! Totals that a HIS sends by itself, a file a day and channel; the last that came counts.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use serde_json::{Value, json};

use super::ask::Trouble;
use super::follow::day_of;
use super::his::{self, Line};
use super::run::with;
use super::{Opened, keeper, sums};
use crate::clock;
use crate::forward::files::put;
use crate::intake::Road;
use crate::outbox::StoreError;

/// What became of totals that were sent.
pub(crate) enum Sent {
    /// They are kept; with what a comparison told, if the day is over.
    Kept(Value),
    /// They are none, and why.
    Unreadable(Vec<String>),
    /// They are of a day that we have no account of, and why.
    OtherDay(String),
}

/// Takes the totals that a channel's HIS sends.
pub(crate) async fn take(road: &Arc<Road>, channel: &str, text: &str) -> Result<Sent, StoreError> {
    let (day, lines) = match his::read_sent(text, channel) {
        Ok(totals) => totals,
        Err(problems) => return Ok(Sent::Unreadable(problems)),
    };
    let (channel, now) = (channel.to_owned(), clock::now());
    let oldest = keeper::oldest(road.config.messages.keep_days);
    with(road, move |opened| {
        let oldest = opened.forgotten()?.max(oldest);
        if let Some(problem) = not_kept(&day, oldest, now) {
            return Ok(Sent::OtherDay(problem));
        }
        opened.keep_totals(&day, &channel, &lines).map_err(|error| StoreError::Failed {
            operation: "keep the totals of a HIS",
            cause: error.to_string(),
        })?;
        let mut told = json!({ "day": day, "channel": channel, "entities": lines.len() });
        if day_of(&day) < number_of(now.date()) {
            let compared = opened.against_his(day_of(&day), &lines)?;
            super::report::add(&mut told, &compared);
            // The alert of a day that was compared before these came begins, or is over, with them.
            let amended = opened.results.amend(&day, opened.his_differs(&day));
            amended.map_err(|error| StoreError::Failed {
                operation: "keep the result of a reconciliation",
                cause: error.to_string(),
            })?;
        }
        Ok(Sent::Kept(told))
    })
    .await
}

impl Opened {
    fn keep_totals(&self, day: &str, channel: &str, lines: &[Line]) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let totals = lines.iter().map(|it| {
            json!({ "entity": it.group.entity, "count": it.count, "sums": sums::told(&it.sums) })
        });
        let kept = json!({ "day": day, "totals": totals.collect::<Vec<_>>() });
        put(&self.folder, &name(day, channel), kept.to_string().as_bytes())
    }

    /// The lines that were sent of a day, by channel.
    pub(super) fn totals_of(&self, day: &str) -> BTreeMap<String, Vec<Line>> {
        let mut found = BTreeMap::new();
        let begin = format!("{BEGIN}{day}.");
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            let channel = name.strip_prefix(&begin).and_then(|it| it.strip_suffix(END));
            let Some(channel) = channel else { continue };
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            if let Ok((_, lines)) = his::read_sent(&text, channel) {
                found.insert(channel.to_owned(), lines);
            }
        }
        found
    }

    /// Removes what was sent of days before this one: our account of them is gone.
    pub(super) fn forget_totals_before(&self, day: u32) -> std::io::Result<()> {
        if !self.folder.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().into_string().unwrap_or_default();
            let of =
                name.strip_prefix(BEGIN).filter(|it| it.ends_with(END)).and_then(|it| it.get(..8));
            if of.is_some_and(|it| day_of(it) < day) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// The channels whose HIS has sent other totals than ours.
    pub(super) fn his_differs(&self, day: &str) -> Vec<String> {
        let mut differ = Vec::new();
        for (channel, lines) in self.totals_of(day) {
            let told = self.against_his(day_of(day), &lines).unwrap_or_default();
            if told.get("outcome").and_then(Value::as_str) != Some("balanced") {
                differ.push(channel);
            }
        }
        differ
    }
}

/// Why totals of this day are of no use here: there is no such day, our account of it is gone and would
/// look like nothing, or it is yet to come.
fn not_kept(day: &str, oldest: u32, now: DateTime) -> Option<String> {
    let date =
        Date::strptime("%Y%m%d", day).ok().filter(|it| it.strftime("%Y%m%d").to_string() == day);
    let Some(date) = date else { return Some(format!("没有 {day} 这一天")) };
    let tomorrow = now.date().tomorrow().unwrap_or(now.date());
    if date > tomorrow {
        return Some(format!("{day} 还没有到"));
    }
    (number_of(date) < oldest).then(|| Trouble::Forgotten.to_string())
}

fn number_of(date: Date) -> u32 {
    day_of(&date.strftime("%Y%m%d").to_string())
}

/// A channel's name has nothing that a file's must not have.
fn name(day: &str, channel: &str) -> String {
    format!("{BEGIN}{day}.{channel}{END}")
}

const BEGIN: &str = "his.";
const END: &str = ".json";

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn totals_of_what_day_are_kept() {
        check("20261122", None);
        check("20261123", None);
        check("20261124", Some("20261124 还没有到"));
        check("20261001", None);
        check("20260930", Some("这一天的账已过 [messages] keep_days，不在本机了，不能对"));
        check("20261345", Some("没有 20261345 这一天"));
        check("20260229", Some("没有 20260229 这一天"));
    }

    /// An alert stands and falls with what the HIS sends afterwards.
    #[tokio::test(flavor = "multi_thread")]
    async fn totals_that_come_late_change_the_result() {
        use jiff::ToSpan as _;

        use super::super::results::Outcome;

        let folder = tempfile::tempdir().unwrap();
        let (road, _writer) = super::super::tests::road(folder.path());
        let yesterday = clock::now().date().checked_sub(1.day()).unwrap();
        let day = yesterday.strftime("%Y%m%d").to_string();
        super::super::tests::enter(&road, &day).await;
        let balanced = Outcome { word: "balanced".to_owned(), ..Outcome::default() };
        let wanted = day.clone();
        with(&road, move |it| {
            it.results.keep(&wanted, balanced, json!({ "a": 1 })).unwrap();
            Ok(())
        })
        .await
        .unwrap();
        for (count, expected) in [(7, 1), (1, 0), (2, 1)] {
            let text = format!("day,entity,count\n{day},fee,{count}\n");
            let sent = take(&road, "his", &text).await.unwrap();
            assert!(matches!(sent, Sent::Kept(_)));
            assert_eq!(road.accounts.unwell(), expected, "{count}");
        }
        let nothing = take(&road, "his", "day,entity,count\n").await.unwrap();
        assert!(matches!(nothing, Sent::Unreadable(_)));
    }

    /// They go with our account of the day, and nothing else does.
    #[tokio::test(flavor = "multi_thread")]
    async fn totals_of_days_without_an_account_go() {
        let folder = tempfile::tempdir().unwrap();
        let (road, _writer) = super::super::tests::road(folder.path());
        let statements = folder.path().join("statements");
        fs::create_dir_all(&statements).unwrap();
        let names =
            ["his.20260930.his.json", "his.20261001.a.b.json", "20260930.json", "his.x.json"];
        for name in names {
            fs::write(statements.join(name), "{}").unwrap();
        }
        with(&road, |it| {
            it.forget_totals_before(20_261_001).unwrap();
            Ok(())
        })
        .await
        .unwrap();
        let left: Vec<bool> = names.iter().map(|it| statements.join(it).exists()).collect();
        assert_eq!(left, [false, true, true, true]);
    }

    #[track_caller]
    fn check(day: &str, expected: Option<&str>) {
        let now = jiff::civil::datetime(2026, 11, 22, 10, 0, 0, 0);
        assert_eq!(not_kept(day, 20_261_001, now).as_deref(), expected, "{day}");
    }
}
