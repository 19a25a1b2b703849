//! Before numbers are given up that the platform does not name under a day: whether it names them under another
//! one. A stretch that could not be read is told of on all days around it, and may be of any of them; a statement
//! that nobody can name it would be false while the platform can.

use std::mem;
use std::sync::Arc;

use serde::Serialize;

use super::ask::{Platform, Trouble};
use super::follow::day_of;
use super::page::{Page, RANGE};
use super::question::{Answer, Ask, Day};
use super::run::{Compared, RANGES_AT_ONCE, ask, differing, leaves_there, with};
use crate::intake::Road;
use crate::outbox::StoreError;
use crate::ranges::Ranges;

/// Another day, on account of which not all that is unread was given up.
#[derive(Debug, Serialize)]
pub(super) struct InTheWay {
    day: String,
    why: String,
}

/// Gives up what the platform names under no day that is told of it; tells which days stand in the way.
pub(super) async fn give_up(
    road: &Arc<Road>,
    platform: &mut Platform,
    of: &Day,
    compared: &mut Compared,
) -> Result<Vec<InTheWay>, StoreError> {
    let (day, wanted) = (day_of(&of.day), compared.unread.clone());
    let others = with(road, move |opened| opened.other_days_told(day, &wanted)).await?;
    let (named, in_the_way) = named_under(platform, of, &others, &compared.unread).await;
    let Some(named) = named else { return Ok(in_the_way) };
    let stretches = mem::take(&mut compared.unread);
    let unnamed: Vec<_> = stretches.iter().flat_map(|it| named.without(it.0, it.1)).collect();
    compared.unread = stretches.iter().flat_map(|it| named.within(it.0, it.1)).collect();
    if !unnamed.is_empty() {
        compared.given_up = with(road, move |opened| opened.give_up(day, &unnamed)).await?;
    }
    Ok(in_the_way)
}

/// What of these stretches the platform names under other days; nothing where it cannot be asked about one.
async fn named_under(
    platform: &mut Platform,
    of: &Day,
    others: &[u32],
    unread: &[(u64, u64)],
) -> (Option<Ranges>, Vec<InTheWay>) {
    let (mut all, mut in_the_way) = (Ranges::default(), Vec::new());
    for day in others.iter().map(ToString::to_string) {
        match named_on(platform, &Day { day: day.clone(), ..of.clone() }, unread).await {
            Ok(named) if named.is_empty() => {}
            Ok(named) => {
                for (from, end) in named.iter() {
                    all.insert(from, end);
                }
                in_the_way.push(InTheWay { day, why: NAMED.to_owned() });
            }
            Err(trouble) => return (None, vec![InTheWay { day, why: trouble.to_string() }]),
        }
    }
    (Some(all), in_the_way)
}

/// What of these stretches the platform names under a day.
async fn named_on(
    platform: &mut Platform,
    of: &Day,
    unread: &[(u64, u64)],
) -> Result<Ranges, Trouble> {
    if matches!(platform, Platform::File { .. }) {
        return Err(Trouble::File(ONE_DAY.to_owned()));
    }
    let Answer::Account { pages, .. } = ask(platform, of, Ask::Account).await? else {
        return Err(Trouble::Garbled);
    };
    let unread: Ranges = unread.iter().copied().collect();
    let mut named = Ranges::default();
    for (group, totals) in pages {
        // Beside an empty page all ranges differ.
        let mut ranges = differing(platform, of, &group, &Page::default()).await?;
        if ranges.is_empty() && totals.count > 0 {
            // What says that it has some must say where.
            return Err(Trouble::Garbled);
        }
        ranges.retain(|it| {
            let first = it.saturating_mul(RANGE);
            !unread.within(first, first.saturating_add(RANGE)).is_empty()
        });
        for some in ranges.chunks(RANGES_AT_ONCE) {
            for leaf in leaves_there(platform, of, &group, some).await? {
                if unread.contains(leaf.seq) {
                    named.insert(leaf.seq, leaf.seq.saturating_add(1));
                }
            }
        }
    }
    Ok(named)
}

const NAMED: &str = "平台在这一天报出了其中的序号，请先补正这一天";
const ONE_DAY: &str = "带回来的账只有一天，序号也可能在这一天：平台报出的，带这一天的账来补正；都没有报出的，带账不能了结";
