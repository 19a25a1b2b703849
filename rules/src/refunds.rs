//! What is left of lines after refunds: a negative line takes back what another line charged.
//!
//! A refund that names its line takes from that line, wherever it stands: sent before it, sent after
//! it, or of the past while the refund is of now. One that names nothing takes from the latest equal
//! lines before it, then from those behind it. What was taken back counts no more, on either side.
//!
//! A stay may have thousands of both, so lines are found by what names them, and a line of which nothing
//! is left is not looked at again. Mostly it has hundreds of lines and a refund or two: only what one of
//! these may mean is put in order.

use std::collections::{BTreeSet, HashMap};

use rust_decimal::Decimal;

use crate::facts::Order;
use crate::session::Line;
use crate::work;

/// Takes refunds off the lines of now and of the past. Those that name their line go first: else one
/// that names nothing could take what another was written for.
pub(crate) fn net_of_refunds<'a>(
    now: &mut [Line<'a>],
    past: &mut [Line<'a>],
    encounter: Option<&'a str>,
) {
    let (of_now, of_past) = (refunds(now), refunds(past));
    if of_now.is_empty() && of_past.is_empty() {
        return;
    }
    let named = sorted(of_now.iter().chain(&of_past).filter_map(|(_, it)| it.refunds.as_deref()));
    let (mut now, mut past) = (Side::of(now, encounter, &named), Side::of(past, encounter, &named));
    take_named(&mut now, &mut past, &of_now);
    take_named(&mut past, &mut now, &of_past);
    take_unnamed(now.lines, &of_now);
    take_unnamed(past.lines, &of_past);
    for refund in now.lines.iter_mut().chain(past.lines).filter(|line| line.is_refund()) {
        refund.net = Some(Decimal::ZERO);
    }
}

/// The refunds of a list, with their places.
fn refunds<'a>(lines: &[Line<'a>]) -> Vec<(usize, &'a Order)> {
    let refunds = lines.iter().enumerate().filter(|(_, line)| line.is_refund());
    refunds.map(|(at, line)| (at, line.order)).collect()
}

/// To find one among them quickly.
fn sorted<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all
}

/// The lines from which something can be taken, with their places.
fn charged<'a>(lines: &[Line<'a>]) -> impl Iterator<Item = (usize, &'a Order)> {
    let has_some = |line: &Line<'_>| line.net.is_some_and(|it| !it.is_zero());
    let charged = lines.iter().enumerate().filter(move |(_, it)| !it.is_refund() && has_some(it));
    charged.map(|(at, line)| (at, line.order))
}

/// A line that came in both lists is one line, so both are lessened; a refund that came in both is
/// one refund, so each takes from its own list.
fn take_named(own: &mut Side<'_, '_>, other: &mut Side<'_, '_>, refunds: &[(usize, &Order)]) {
    for (_, refund) in refunds {
        let Some(id) = &refund.refunds else { continue };
        own.take(refund, id);
        if !other.tells_of(refund) {
            other.take(refund, id);
        }
    }
}

/// The lines of now or of the past, by what a refund may name.
struct Side<'l, 'a> {
    lines: &'l mut [Line<'a>],
    /// A line that names no encounter is of this one.
    encounter: Option<&'a str>,
    charged: ById<'a>,
    refunds: ById<'a>,
}

impl<'l, 'a> Side<'l, 'a> {
    /// Of what is charged, only what is `named`, which is sorted.
    fn of(lines: &'l mut [Line<'a>], encounter: Option<&'a str>, named: &[&str]) -> Side<'l, 'a> {
        let by_id = |found: &mut dyn Iterator<Item = (usize, &'a Order)>| {
            let mut by_id = ById::default();
            found.for_each(|(at, it)| by_id.add(at, (&it.rx_id, encounter_of(it, encounter))));
            by_id
        };
        let is_named = |it: &Order| named.binary_search(&it.rx_id.as_str()).is_ok();
        let charged = by_id(&mut charged(lines).filter(|(_, it)| is_named(it)));
        let refunds = by_id(&mut refunds(lines).into_iter());
        Side { lines, encounter, charged, refunds }
    }

    /// Takes from the lines of this id, the first first.
    fn take(&mut self, refund: &Order, id: &str) {
        let of = encounter_of(refund, self.encounter);
        let mut left = refund.quantity.unwrap_or_default().abs();
        while !left.is_zero()
            && let Some(at) = self.charged.first((id, of))
            && let Some(line) = self.lines.get_mut(at)
        {
            if take(line, &mut left) {
                let of = encounter_of(line.order, self.encounter);
                self.charged.remove(at, (&line.order.rx_id, of));
            }
        }
    }

    /// Whether this refund is on this side too.
    fn tells_of(&self, refund: &Order) -> bool {
        let of = encounter_of(refund, self.encounter);
        self.refunds.first((&refund.rx_id, of)).is_some()
    }
}

fn encounter_of<'o>(order: &'o Order, of_check: Option<&'o str>) -> Option<&'o str> {
    order.mdtrt_id.as_deref().or(of_check)
}

/// Places of lines by their id, and the encounter that they are of; without one they may be of any.
#[derive(Default)]
struct ById<'a> {
    anywhere: HashMap<&'a str, BTreeSet<usize>>,
    of_encounter: HashMap<(&'a str, Option<&'a str>), BTreeSet<usize>>,
}

impl<'a> ById<'a> {
    fn add(&mut self, at: usize, key: (&'a str, Option<&'a str>)) {
        self.anywhere.entry(key.0).or_default().insert(at);
        self.of_encounter.entry(key).or_default().insert(at);
    }

    fn first(&self, (id, encounter): (&str, Option<&str>)) -> Option<usize> {
        if encounter.is_none() {
            return self.anywhere.get(id)?.first().copied();
        }
        let first = |of| self.of_encounter.get(&(id, of))?.first().copied();
        [first(encounter), first(None)].into_iter().flatten().min()
    }

    fn remove(&mut self, at: usize, key: (&'a str, Option<&'a str>)) {
        let places = [self.anywhere.get_mut(key.0), self.of_encounter.get_mut(&key)];
        for places in places.into_iter().flatten() {
            places.remove(&at);
        }
    }
}

fn take_unnamed(lines: &mut [Line<'_>], refunds: &[(usize, &Order)]) {
    let unnamed = || refunds.iter().filter(|(_, refund)| refund.refunds.is_none());
    let meant = sorted(unnamed().filter_map(|(_, refund)| item(refund)));
    let mut equal: HashMap<Item<'_>, BTreeSet<usize>> = HashMap::new();
    for (at, order) in charged(lines) {
        if let Some(item) = item(order)
            && meant.binary_search(&item).is_ok()
        {
            equal.entry(item).or_default().insert(at);
        }
    }
    for (at, refund) in unnamed() {
        let Some(places) = item(refund).and_then(|it| equal.get_mut(&it)) else { continue };
        let mut left = refund.quantity.unwrap_or_default().abs();
        let nearest = |places: &BTreeSet<usize>| {
            places.range(..at).next_back().or_else(|| places.first()).copied()
        };
        while !left.is_zero()
            && let Some(at) = nearest(places)
            && let Some(line) = lines.get_mut(at)
        {
            if take(line, &mut left) {
                places.remove(&at);
            }
        }
    }
}

/// Takes what it can from a line, and says whether nothing is left of it.
fn take(line: &mut Line<'_>, left: &mut Decimal) -> bool {
    work::step();
    let net = line.net.unwrap_or_default();
    let taken = net.min(*left);
    line.net = Some(net - taken);
    *left -= taken;
    taken == net
}

/// What equal lines share: the item, its price, and the encounter as it was sent.
type Item<'a> = (&'a str, Option<Decimal>, Option<&'a str>);

fn item(order: &Order) -> Option<Item<'_>> {
    Some((item_code(order)?, order.price, order.mdtrt_id.as_deref()))
}

/// What an item is called by, the hospital's own code first.
pub(crate) fn item_code(order: &Order) -> Option<&str> {
    order.hospital_code.as_deref().or(order.national_code.as_deref())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rust_decimal::Decimal;

    use crate::drug::DrugTable;
    use crate::families::bench::NOW;
    use crate::request;
    use crate::session::{Line, Session};
    use crate::sets::CodeSets;
    use crate::work::steps_of;

    #[test]
    fn a_named_refund_finds_its_line_wherever_it_stands() {
        check("1 3,R -1>1", "", "1:2");
        check("R -1>1,1 1,2 1", "", "1:0 2:1");
        check("1 1,2 1,R -1>1", "", "1:0 2:1");
        check("1 1,R -1>9", "", "1:1");
    }

    #[test]
    fn an_unnamed_refund_takes_the_latest_before_it_and_then_the_rest() {
        check("1 1,2 1,R -1,3 1", "", "1:1 2:0 3:1");
        check("R -2,1 1,2 1,3 1", "", "1:0 2:0 3:1");
        check("1 1,R -2,2 1", "", "1:0 2:0");
        // The one that names nothing must not take what the other was written for.
        check("1 1,2 1,R -1,S -1>2", "", "1:0 2:0");
    }

    #[test]
    fn of_several_items_each_takes_from_its_own() {
        check("1/B 1,2 1,R -1", "", "1:1 2:0");
        check("1/B 1,2 1,3/C 1,R/C -1,S/B -1,T -1", "", "1:0 2:0 3:0");
    }

    #[test]
    fn lines_of_one_id_are_told_apart_by_their_encounter() {
        check("1 1@A,1 1@B,R -1>1@B", "", "1:1 1:0");
        check("1 1@A,1 1,R -1>1", "", "1:1 1:0");
        check("1 1@A,1 1@B,R -3>1@B", "", "1:1 1:0");
    }

    /// Half of a long stay taken back: by name, by the same id in other encounters, by the item alone.
    #[test]
    fn ten_thousand_lines_are_taken_back_in_as_many_steps() {
        for (charge, refund) in
            [("C{at} 1", "R{at} -1>C{at}"), ("1 1@{at}", "R -1>1@{at}"), ("C{at} 1", "R{at} -1")]
        {
            let of = |form: &str| {
                let lines: Vec<String> =
                    (0..5_000).map(|at| form.replace("{at}", &at.to_string())).collect();
                lines.join(",")
            };
            let text = format!(
                r#"{{"encounter":{{"mdtrt_id":"M"}},"history":{{"orders":[{},{}]}}}}"#,
                fees(&of(charge)),
                fees(&of(refund))
            );
            let facts = request::read(&text).unwrap();
            let (drugs, sets) = (DrugTable::default(), CodeSets::default());
            let now = NOW.parse().unwrap();
            let (session, steps) = steps_of(|| Session::new(&facts, &drugs, &sets, now));
            assert!(session.past.iter().all(|it| it.net == Some(Decimal::ZERO)), "{refund}");
            assert!(steps <= 5_000, "{refund}: {steps} steps");
        }
    }

    #[test]
    fn now_and_past_meet() {
        check("1 1,R -1>H", "H 1", "1:1 | H:0");
        check("1 1", "R -1>1", "1:0 |");
        check("1 1,R -1>H", "H 2,R -1>H", "1:1 | H:1");
        check("1 3,R -1>1", "1 3", "1:2 | 1:2");
        check("1 1,R -1>H", "H 1@OTHER", "1:1 | H:1");
    }

    /// Lines `id count`, of another item `id/item count`, a refund `id -count>named`, another encounter `@id`; what
    /// is left of each.
    #[track_caller]
    fn check(now: &str, past: &str, expected: &str) {
        let text = format!(
            r#"{{"encounter":{{"mdtrt_id":"M"}},"fees":[{}],"history":{{"orders":[{}]}}}}"#,
            fees(now),
            fees(past)
        );
        let facts = request::read(&text).unwrap();
        let (drugs, sets) = (DrugTable::default(), CodeSets::default());
        let session = Session::new(&facts, &drugs, &sets, NOW.parse().unwrap());
        let mut left = shown(&session.lines);
        if !past.is_empty() {
            left = format!("{left} | {}", shown(&session.past)).trim().to_owned();
        }
        assert_eq!(left, expected, "{now} / {past}");
    }

    fn fees(lines: &str) -> String {
        let lines = lines.split(',').filter_map(|line| line.split_once(' '));
        let fee = |(id, count): (&str, &str)| {
            let (count, encounter) = count.split_once('@').unwrap_or((count, ""));
            let (count, named) = count.split_once('>').unwrap_or((count, ""));
            let (id, item) = id.split_once('/').unwrap_or((id, "A"));
            format!(
                r#"{{"rx_id":"{id}","hosplist_code":"{item}","cnt":"{count}","refd_rx_id":"{named}","mdtrt_id":"{encounter}","fee_ocur_time":"20260515"}}"#
            )
        };
        lines.map(fee).collect::<Vec<_>>().join(",")
    }

    fn shown(lines: &[Line<'_>]) -> String {
        let charged = lines.iter().filter(|line| !line.is_refund());
        let left = charged.map(|line| format!("{}:{}", line.order.rx_id, line.net.unwrap()));
        left.collect::<Vec<_>>().join(" ")
    }
}
