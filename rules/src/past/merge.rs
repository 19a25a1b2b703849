//! Puts what was kept of a patient beside what the caller sent, and counts nothing twice.
//!
//! A caller may send the past itself, the whole day's lines marked as not current, or active orders:
//! what is kept of the same lines gives way to them. A line is the same when it has the same id in
//! the same encounter, stands on the same prescription for the same item, or is of the same item,
//! moment and quantity.

use std::sync::Arc;

use jiff::civil::Date;

use crate::facts::{Facts, Group, History, Order};

/// Fills the history of a check with what was kept and is complete `since` a day.
pub fn merge(kept: &History, since: Option<Date>, facts: &mut Facts) {
    fill_in(kept, facts);
    let sent = match std::mem::take(&mut facts.history) {
        Group::Present(sent) => sent,
        Group::Absent | Group::Empty => History { since, ..History::default() },
    };
    let encounter = facts.encounter.present().and_then(|it| it.mdtrt_id.clone());
    let now = facts.orders.present().into_iter().chain(facts.fees.present()).flatten();
    let known: Vec<&Order> = now.chain(sent.orders.iter().map(|it| &**it)).collect();
    let is_sent = |line: &Order| known.iter().any(|it| is_same(it, line, encounter.as_deref()));
    let orders: Vec<Arc<Order>> = kept.orders.iter().filter(|it| !is_sent(it)).cloned().collect();
    let mut history = sent;
    history.since = history.since.map(|it| since.map_or(it, |kept| it.min(kept)));
    history.orders.extend(orders);
    history.orders.sort_by_key(|it| it.begins);
    let is_new =
        |id: &Option<String>| id.is_none() || history.stays.iter().all(|it| it.mdtrt_id != *id);
    let stays: Vec<_> = kept.stays.iter().filter(|it| is_new(&it.mdtrt_id)).cloned().collect();
    history.stays.extend(stays);
    add_new(&mut history.diagnoses, &kept.diagnoses, |a, b| (&a.code, a.made) == (&b.code, b.made));
    add_new(&mut history.allergies, &kept.allergies, |a, b| a == b);
    add_new(&mut history.labs, &kept.labs, |a, b| {
        (&a.code, &a.name, a.reported) == (&b.code, &b.name, b.reported)
    });
    facts.history = Group::Present(history);
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

fn add_new<T: Clone>(sent: &mut Vec<T>, kept: &[T], is_same: impl Fn(&T, &T) -> bool) {
    for item in kept {
        if !sent.iter().any(|it| is_same(it, item)) {
            sent.push(item.clone());
        }
    }
}

/// Whether a line that was sent is the one that was kept. The sent one belongs to the encounter of
/// the check unless it names another.
fn is_same(sent: &Order, kept: &Order, encounter: Option<&str>) -> bool {
    let of = sent.mdtrt_id.as_deref().or(encounter);
    let is_of_same_encounter = of.is_none() || of == kept.mdtrt_id.as_deref();
    if is_of_same_encounter && !kept.rx_id.is_empty() && sent.rx_id == kept.rx_id {
        return true;
    }
    let is_same_item = is_same_text(sent.hospital_code.as_deref(), kept.hospital_code.as_deref())
        || is_same_text(sent.national_code.as_deref(), kept.national_code.as_deref());
    if !is_same_item {
        return false;
    }
    let is_on_same_prescription =
        is_of_same_encounter && is_same_text(sent.rxno.as_deref(), kept.rxno.as_deref());
    let is_same_use =
        sent.begins.is_some() && sent.begins == kept.begins && sent.quantity == kept.quantity;
    is_on_same_prescription || is_same_use
}

fn is_same_text(one: Option<&str>, other: Option<&str>) -> bool {
    one.is_some() && one == other
}
