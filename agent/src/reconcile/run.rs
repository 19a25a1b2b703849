//! A day compared with the platform, from its totals down to its records.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::Opened;
use super::ask::{Platform, Trouble};
use super::compare::{Differences, Named};
use super::follow::{Snapshot, day_of};
use super::keeper;
use super::leaf::{Leaf, unhex};
use super::page::{Group, Page, Totals, range_of};
use super::question::{Answer, Ask, Day, Question};
use crate::clock;
use crate::config::ForwardConfig;
use crate::intake::Road;
use crate::outbox::{StoreError, blocking};
use crate::pipeline;

/// What came of a comparison.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) ours: BTreeMap<Group, Totals>,
    pub(super) theirs: BTreeMap<Group, Totals>,
    pub(super) differences: Differences,
    /// When we looked at our side, `YYYYMMDDhhmmss`.
    pub(super) at: String,
    /// Records of the day that are not confirmed yet.
    pub(super) waiting: u64,
    /// Messages of the day that wait for a code to be mapped: what comes of them is no part of it yet.
    pub(super) parked: u64,
    /// The first record of our account.
    pub(super) begun: u64,
    /// Numbers that were confirmed around the day and could not be read here, and that the platform has not
    /// named: whether it has them, nobody can say.
    pub(super) unread: Vec<(u64, u64)>,
    /// Those that a repair has given up: neither side could name them, under whatever day.
    pub(super) given_up: Vec<(u64, u64)>,
    /// So much differs that not all of it was looked at.
    pub(super) partly: bool,
}

impl Compared {
    /// What it came to, as a word. A day balances when both sides have the same and nothing of it is
    /// still on its way.
    pub(super) fn outcome(&self) -> &'static str {
        let is_short = self.partly || !self.unread.is_empty();
        match (is_short || !self.differences.is_balanced(), self.waiting) {
            (true, _) => "different",
            (false, 0) => "balanced",
            (false, _) => "waiting",
        }
    }

    /// All that can be said of the day is said, and numbers are left that neither side can name.
    pub(super) fn is_only_unread(&self) -> bool {
        !self.unread.is_empty() && !self.partly && self.differences.is_balanced()
    }

    pub(super) fn is_balanced(&self) -> bool {
        self.outcome() == "balanced"
    }
}

#[cfg(test)]
impl Compared {
    /// A day without a record on either side.
    pub(super) fn of_nothing() -> Compared {
        Compared {
            ours: BTreeMap::new(),
            theirs: BTreeMap::new(),
            differences: Differences::default(),
            at: "20261123063000".to_owned(),
            waiting: 0,
            parked: 0,
            begun: 1,
            unread: Vec::new(),
            given_up: Vec::new(),
            partly: false,
        }
    }
}

/// Whose account, of which day.
pub(super) fn of(road: &Road, day: &str) -> Day {
    let (agent, epoch) = (road.config.hospital.code.clone(), road.outbox.epoch().to_owned());
    Day { agent, epoch, day: day.to_owned() }
}

/// Reaches the platform: by the broker, or through the file that was carried here.
pub(super) async fn reach(
    road: &Road,
    of: &Day,
    answer: Option<&Path>,
) -> Result<Platform, Trouble> {
    let code = &road.config.hospital.code;
    match (answer, &road.config.forward) {
        (Some(path), ForwardConfig::Files { dir }) => {
            Platform::in_file(path, of, Some(dir.clone()))
        }
        (Some(path), ForwardConfig::Amqp(_)) => Platform::in_file(path, of, None),
        (None, ForwardConfig::Amqp(options)) => Platform::at(options, code).await,
        (None, ForwardConfig::Files { .. }) => Err(Trouble::NoWayBack),
    }
}

/// Compares a day.
pub(super) async fn compare(
    road: &Arc<Road>,
    platform: &mut Platform,
    of: &Day,
) -> Result<Compared, Trouble> {
    let day = day_of(&of.day);
    let at = pipeline::stamp(clock::now());
    let oldest = keeper::oldest(road.config.messages.keep_days);
    // Before the records: what is released meanwhile is found twice, and not missed.
    let text = of.day.clone();
    let parked = with(road, move |opened| opened.parked_of(&text)).await?;
    let (snapshot, forgotten) =
        with(road, move |opened| Ok((opened.snapshot(day)?, opened.forgotten()?))).await?;
    if day < forgotten.max(oldest) {
        return Err(Trouble::Forgotten);
    }
    let Snapshot { pages, waiting, unread, given_up, reached } = snapshot;
    let waiting = waiting.values().map(|(count, _)| count).sum();
    let Answer::Account { pages: theirs, doubled } = ask(platform, of, Ask::Account).await? else {
        return Err(Trouble::Garbled);
    };
    let theirs: BTreeMap<Group, Totals> = theirs.into_iter().collect();
    let ours: BTreeMap<Group, Totals> =
        pages.iter().map(|(group, page)| (group.clone(), page.totals())).collect();
    let (mut named, mut named_there, mut partly) = (Vec::new(), Vec::new(), false);
    let groups: BTreeSet<&Group> = ours.keys().chain(theirs.keys()).collect();
    for group in groups.into_iter().filter(|it| ours.get(it) != theirs.get(it)) {
        let page = pages.get(group).cloned().unwrap_or_default();
        let ranges = differing(platform, of, group, &page).await?;
        if ranges.is_empty() && !is_same(ours.get(group), theirs.get(group)) {
            // What says that it differs must say where.
            return Err(Trouble::Garbled);
        }
        for some in ranges.chunks(RANGES_AT_ONCE) {
            if named.len().max(named_there.len()) >= RECORDS_MAX {
                partly = true;
                break;
            }
            let (there, ranges) = (leaves_there(platform, of, group, some).await?, some.to_vec());
            let wanted = group.clone();
            let here = with(road, move |opened| leaves_here(opened, day, &wanted, &ranges)).await?;
            let name = |leaf: Leaf| Named { leaf, group: group.clone() };
            // What was entered meanwhile was not part of what is compared.
            named.extend(here.into_iter().filter(|it| reached.has(it.seq)).map(name));
            named_there.extend(there.into_iter().map(name));
        }
    }
    // Confirms come out of order, and go on while we ask: behind the border of our account the platform
    // may have what is ours and is not entered yet.
    let end = with(road, |opened| Ok(opened.outbox.next_seq())).await?;
    let is_open = |seq: u64| seq < end && !reached.has(seq);
    let begun = reached.begun;
    let differences = Differences::between(&named, &named_there, doubled, (begun, is_open));
    Ok(Compared { ours, theirs, differences, at, waiting, parked, begun, unread, given_up, partly })
}

/// Whether two sides of a page hold the same records; one without any is one that is not there.
fn is_same(one: Option<&Totals>, other: Option<&Totals>) -> bool {
    let records =
        |it: Option<&Totals>| it.filter(|it| it.count > 0).map(|it| (it.count, it.root.clone()));
    records(one) == records(other)
}

/// The ranges of a page that are not the same on both sides.
pub(super) async fn differing(
    platform: &mut Platform,
    of: &Day,
    group: &Group,
    page: &Page,
) -> Result<Vec<u64>, Trouble> {
    let asked = Ask::Ranges { group: group.clone() };
    let Answer::Ranges { ranges } = ask(platform, of, asked).await? else {
        return Err(Trouble::Garbled);
    };
    // A digest that cannot be read is no answer.
    let read = |(range, digest): (u64, String)| Some((range, unhex(&digest)?));
    let theirs: Option<BTreeMap<u64, [u8; 16]>> = ranges.into_iter().map(read).collect();
    let theirs = theirs.ok_or(Trouble::Garbled)?;
    let all: BTreeSet<u64> = page.ranges.keys().chain(theirs.keys()).copied().collect();
    let differ = |it: &u64| page.ranges.get(it) != theirs.get(it);
    Ok(all.into_iter().filter(differ).collect())
}

pub(super) async fn leaves_there(
    platform: &mut Platform,
    of: &Day,
    group: &Group,
    ranges: &[u64],
) -> Result<Vec<Leaf>, Trouble> {
    let asked = Ask::Leaves { group: group.clone(), ranges: ranges.to_vec() };
    match ask(platform, of, asked).await? {
        // What was not asked for is compared with nothing, and would look unknown.
        Answer::Leaves { leaves } if leaves.iter().all(|it| ranges.contains(&range_of(it.seq))) => {
            Ok(leaves)
        }
        _ => Err(Trouble::Garbled),
    }
}

fn leaves_here(
    opened: &Opened,
    day: u32,
    group: &Group,
    ranges: &[u64],
) -> Result<Vec<Leaf>, StoreError> {
    let mut found = Vec::new();
    for range in ranges {
        found.extend(opened.leaves(day, group, *range)?);
    }
    Ok(found)
}

/// Asks about a day.
pub(super) async fn ask(platform: &mut Platform, of: &Day, ask: Ask) -> Result<Answer, Trouble> {
    platform.ask(&Question { of: of.clone(), ask }).await
}

/// Work on our account, on a thread that may block.
pub(super) async fn with<T: Send + 'static>(
    road: &Arc<Road>,
    work: impl FnOnce(&Opened) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let road = Arc::clone(road);
    blocking(move || work(road.accounts.opened()?)).await
}

/// Sixteen thousand records: an answer stays below two megabytes.
pub(super) const RANGES_AT_ONCE: usize = 64;
/// Records that are looked at one by one in one go. Where more differ, the next one goes on.
const RECORDS_MAX: usize = 200_000;
