//! Puts a day right: what is wrong on the platform's side is set aside there, unless it is ours and only
//! our account lost it, and what it should have is sent once more, under the same ids and numbers. What is not here any more is named instead.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::ask::{Platform, Trouble};
use super::compare::{Differences, Named};
use super::follow::day_of;
use super::leaf::Leaf;
use super::question::{Answer, Ask, Day};
use super::run::{ask, with};
use super::whose::Sorted;
use crate::intake::Road;
use crate::journey;
use crate::outbox::{StoreError, blocking};

/// What a repair came to.
#[derive(Debug, Default, Serialize)]
pub(super) struct Repaired {
    /// Copies that the platform has set aside.
    withdrawn: u64,
    /// Records that the platform has by right: our own account had missed them.
    entered: u64,
    /// Of these: as the platform has them, since they cannot be read here any more.
    as_told: u64,
    /// Ids of which at most one a number is ours, and nobody here can say which: they are left there.
    contested: Vec<String>,
    /// Records that were sent once more.
    sent: u64,
    /// The replay that sends them, as `his-agent messages replays` tells it.
    replay: Option<Value>,
    /// Ids of records that are not kept here any more: the HIS has to send them again.
    gone: Vec<String>,
    /// Why nothing was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Puts right what was found.
pub(super) async fn repair(
    road: &Arc<Road>,
    platform: &mut Platform,
    of: &Day,
    found: &Differences,
    by: String,
) -> Result<Repaired, Trouble> {
    let sorted = sort(road, of, found.unknown.clone()).await?;
    let Sorted { ours, as_told, altered, strange, contested } = sorted;
    let mut found = Differences { unknown: strange, ..found.clone() };
    found.different.extend(altered);
    let wanted: Vec<Named> = found.missing.iter().chain(&found.different).cloned().collect();
    let (here, gone) = with(road, move |opened| {
        let (mut here, mut gone) = (Vec::new(), Vec::new());
        for it in wanted {
            let is_here = opened.outbox.record(it.leaf.seq)?.is_some();
            if is_here { here.push(it.leaf) } else { gone.push(it.leaf) }
        }
        Ok((here, gone))
    })
    .await?;
    let mut repaired = Repaired {
        entered: ours + as_told,
        as_told,
        contested: contested.iter().map(|it| it.leaf.record_id()).collect(),
        gone: gone.iter().map(Leaf::record_id).collect(),
        sent: here.len() as u64,
        ..Repaired::default()
    };
    repaired.withdrawn = withdraw(platform, of, &found, &here).await?;
    if !here.is_empty() {
        let ids = here.iter().map(Leaf::record_id).collect();
        match journey::send_again(road, ids, by, SENT_MAX).await? {
            Ok(replay) => repaired.replay = Some(replay),
            Err(why) => (repaired.sent, repaired.why) = (0, Some(why)),
        }
    }
    Ok(repaired)
}

/// Whose those are that only the platform has; what is ours is entered.
async fn sort(road: &Arc<Road>, of: &Day, unknown: Vec<Named>) -> Result<Sorted, StoreError> {
    let (day, date, asking) = (day_of(&of.day), of.day.clone(), Arc::clone(road));
    blocking(move || {
        let opened = asking.accounts.opened()?;
        let not_here = opened.not_here(&unknown)?;
        let given = asking.journeys.ids_given(&date, &not_here)?;
        let sorted = opened.enter_ours(day, unknown, &given)?;
        if sorted.as_told > 0 || !sorted.contested.is_empty() {
            let (as_told, contested) = (sorted.as_told, sorted.contested.len());
            tracing::warn!(
                date,
                as_told,
                contested,
                "the platform has records that cannot be read here"
            );
        }
        Ok(sorted)
    })
    .await
}

/// Sets aside, on the platform's side, all that is not what we have; but nothing of which we cannot
/// send the right copy.
async fn withdraw(
    platform: &mut Platform,
    of: &Day,
    found: &Differences,
    here: &[Leaf],
) -> Result<u64, Trouble> {
    // What is missing may lie there under another day: then it is taken out, and can come anew.
    let is_here: HashSet<u64> = here.iter().map(|it| it.seq).collect();
    let wrong = found.missing.iter().chain(&found.different).map(|it| it.leaf);
    let keep: Vec<Leaf> = wrong.filter(|it| is_here.contains(&it.seq)).collect();
    let unknown: Vec<String> = found.unknown.iter().map(|it| it.leaf.record_id()).collect();
    let doubles: Vec<String> = found.doubled.iter().map(|it| it.record_id.clone()).collect();
    if keep.is_empty() && unknown.is_empty() && doubles.is_empty() {
        return Ok(0);
    }
    let mut copies =
        order(platform, of, Ask::Withdraw { keep: Vec::new(), unknown, doubles }).await?;
    for some in keep.chunks(LEAVES_AT_ONCE) {
        let (keep, unknown, doubles) = (some.to_vec(), Vec::new(), Vec::new());
        copies += order(platform, of, Ask::Withdraw { keep, unknown, doubles }).await?;
    }
    Ok(copies)
}

async fn order(platform: &mut Platform, of: &Day, asked: Ask) -> Result<u64, Trouble> {
    match ask(platform, of, asked).await? {
        Answer::Withdrawn { copies } => Ok(copies),
        // An order that is on its way across a gate.
        Answer::Kept => Ok(0),
        _ => Err(Trouble::Garbled),
    }
}

/// Leaves in one order: it stays below the broker's bound for a message.
const LEAVES_AT_ONCE: usize = 50_000;
/// What has not arrived by then arrives by itself; the next comparison will tell.
const SENT_MAX: Duration = Duration::from_mins(10);
