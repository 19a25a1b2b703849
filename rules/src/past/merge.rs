//! Puts what was kept of a patient beside what the caller sent, and counts nothing twice.
//!
//! A caller may send the past itself, the whole day's lines marked as not current, or active orders:
//! what is kept of the same lines gives way to them. A line is the same when it has the same id in
//! the same encounter, stands on the same prescription for the same item, or is of the same item,
//! moment and quantity, whatever was given back of it since. A ward order is the same for the same item
//! by the number of its line, too; and a charge of the day on which its order begins is that order.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;

use crate::facts::{Facts, Group, History, Order};
use crate::hash::{self, PrintSet};

/// Fills the history of a check with what was kept and is complete `since` a day.
pub fn merge(kept: &History, since: Option<Date>, facts: &mut Facts) {
    fill_in(kept, facts);
    let sent = match std::mem::take(&mut facts.history) {
        Group::Present(sent) => sent,
        Group::Absent | Group::Empty => History::default(),
    };
    let encounter = facts.encounter.present().and_then(|it| it.mdtrt_id.clone());
    let now = || facts.orders.present().into_iter().chain(facts.fees.present()).flatten();
    let lines = || now().chain(sent.orders.iter().map(|it| &**it));
    let orders = unsent(&kept.orders, lines, encounter.as_deref());
    let mut history = sent;
    // Who sends lines without a day leaves it to the agent to say since when they are all.
    history.since = history.since.into_iter().chain(since).min();
    history.orders.extend(orders);
    history.orders.sort_by_key(|it| it.begins);
    let known: HashSet<_> = history.stays.iter().map(|it| it.mdtrt_id.as_ref()).collect();
    let is_new = |id: &Option<String>| id.is_none() || !known.contains(&id.as_ref());
    let stays: Vec<_> = kept.stays.iter().filter(|it| is_new(&it.mdtrt_id)).cloned().collect();
    history.stays.extend(stays);
    let diagnoses = new(&history.diagnoses, &kept.diagnoses, |it| (&it.code, it.made));
    history.diagnoses.extend(diagnoses);
    let allergies = new(&history.allergies, &kept.allergies, |it| it);
    history.allergies.extend(allergies);
    let labs = new(&history.labs, &kept.labs, |it| (&it.code, &it.name, it.reported));
    history.labs.extend(labs);
    facts.history = Group::Present(history);
}

/// What was kept of lines that were not sent.
fn unsent<'a, L: Iterator<Item = &'a Order>>(
    kept: &[Arc<Order>],
    sent: impl Fn() -> L,
    encounter: Option<&'a str>,
) -> Vec<Arc<Order>> {
    let glance = Glance::of(sent());
    let known = OnceCell::new();
    let is_sent = |kept: &Order| {
        glance.may_have(kept) && known.get_or_init(|| Sent::of(sent(), encounter)).has(kept)
    };
    kept.iter().filter(|it| !is_sent(it)).cloned().collect()
}

/// What the caller left out of its own encounter, and said or recorded before.
fn fill_in(kept: &History, facts: &mut Facts) {
    if facts.surgeries.is_absent() && !kept.surgeries.is_empty() {
        facts.surgeries = Group::Present(kept.surgeries.clone());
    }
    if let (Some((weight_kg, weighed)), Group::Present(patient)) = (kept.weight, &mut facts.patient)
        && patient.weight_kg.is_none()
    {
        (patient.weight_kg, patient.weighed) = (Some(weight_kg), weighed);
    }
}

/// Of what was kept, what was not sent, and each once: by what tells one from another.
fn new<'a, T: Clone, K: Hash + Eq>(
    sent: &'a [T],
    kept: &'a [T],
    key: impl Fn(&'a T) -> K,
) -> Vec<T> {
    let mut known: HashSet<K> = sent.iter().map(&key).collect();
    kept.iter().filter(|it| known.insert(key(it))).cloned().collect()
}

/// The ids and items of what was sent: of hundreds of lines that were kept, most have neither.
struct Glance(PrintSet);

impl Glance {
    fn of<'a>(lines: impl Iterator<Item = &'a Order>) -> Glance {
        let mut seen = PrintSet::default();
        lines.flat_map(Glance::prints).for_each(|print| seen.add(print));
        Glance(seen)
    }

    /// No is sure.
    fn may_have(&self, line: &Order) -> bool {
        Glance::prints(line).any(|print| self.0.may_have(print))
    }

    fn prints(line: &Order) -> impl Iterator<Item = u64> {
        let items = items(line).map(|(Item::Hospital(code) | Item::National(code))| code);
        items.chain([line.rx_id.as_str()]).map(hash::print)
    }
}

/// What was sent, by what makes a line the same. A line belongs to the encounter of the check unless
/// it names another; of no encounter at all it may be of any.
#[derive(Default)]
struct Sent<'a> {
    /// The encounter and the line's id.
    ids: HashSet<(Option<&'a str>, &'a str)>,
    /// The encounter, the prescription and the item.
    prescribed: HashSet<(Option<&'a str>, &'a str, Item<'a>)>,
    used: HashSet<(Item<'a>, DateTime, Option<Decimal>)>,
    /// The encounter, the line's id, the item, and the day on which it begins; and the same of any day.
    ordered: HashSet<(Option<&'a str>, &'a str, Item<'a>, Option<Date>)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Item<'a> {
    Hospital(&'a str),
    National(&'a str),
}

impl<'a> Sent<'a> {
    fn of(lines: impl Iterator<Item = &'a Order>, encounter: Option<&'a str>) -> Sent<'a> {
        let mut sent = Sent::default();
        for line in lines {
            let of = line.mdtrt_id.as_deref().or(encounter);
            sent.ids.insert((of, &line.rx_id));
            for item in items(line) {
                sent.prescribed.extend(line.rxno.as_deref().map(|rxno| (of, rxno, item)));
                sent.used.extend(line.begins.map(|begins| (item, begins, line.quantity)));
                let days = [None, line.begins.map(DateTime::date)];
                sent.ordered.extend(days.map(|day| (of, line.rx_id.as_str(), item, day)));
            }
        }
        sent
    }

    fn has(&self, kept: &Order) -> bool {
        let encounters = [None, kept.mdtrt_id.as_deref()];
        let is_under_its_id = |of| self.ids.contains(&(of, kept.rx_id.as_str()));
        if !kept.rx_id.is_empty() && encounters.into_iter().any(is_under_its_id) {
            return true;
        }
        items(kept).any(|item| {
            let quantities = [kept.quantity, kept.ordered.or(kept.quantity)];
            let is_used =
                |begins| quantities.iter().any(|it| self.used.contains(&(item, begins, *it)));
            let is_on =
                |rxno| encounters.iter().any(|of| self.prescribed.contains(&(*of, rxno, item)));
            kept.begins.is_some_and(is_used)
                || kept.rxno.as_deref().is_some_and(is_on)
                || self.has_ordered(kept, item)
        })
    }

    /// Whether it is a line of an order that was sent by its own number, or the charge for one.
    fn has_ordered(&self, kept: &Order, item: Item<'_>) -> bool {
        let is_sent = |number: &str, day: Option<Date>| {
            let encounters = [None, kept.mdtrt_id.as_deref()];
            encounters.into_iter().any(|of| self.ordered.contains(&(of, number, item, day)))
        };
        let day = kept.begins.map(DateTime::date);
        kept.line_no.as_deref().is_some_and(|number| is_sent(number, None))
            || day.is_some() && kept.charges_for.iter().any(|number| is_sent(number, day))
    }
}

fn items(line: &Order) -> impl Iterator<Item = Item<'_>> {
    let hospital = line.hospital_code.as_deref().map(Item::Hospital);
    hospital.into_iter().chain(line.national_code.as_deref().map(Item::National))
}
