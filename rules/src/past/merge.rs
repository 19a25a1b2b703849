//! Puts what was kept of a patient beside what the caller sent, and counts nothing twice.
//!
//! A caller may send the past itself, the whole day's lines marked as not current, or active orders:
//! what is kept of the same lines gives way to them. A line is the same when it has the same id in
//! the same encounter, stands on the same prescription for the same item, or is of the same item,
//! moment and quantity.

use crate::facts::{Facts, Group, History, Order};

/// Fills the history of a check with what was kept.
pub fn merge(mut kept: History, facts: &mut Facts) {
    fill_in(&mut kept, facts);
    let sent = match std::mem::take(&mut facts.history) {
        Group::Present(sent) => sent,
        Group::Absent | Group::Empty => History { since: kept.since, ..History::default() },
    };
    let encounter = facts.encounter.present().and_then(|it| it.mdtrt_id.clone());
    let now = facts.orders.present().into_iter().chain(facts.fees.present()).flatten();
    let known: Vec<&Order> = now.chain(&sent.orders).collect();
    let is_sent = |line: &Order| known.iter().any(|it| is_same(it, line, encounter.as_deref()));
    let orders: Vec<Order> = kept.orders.into_iter().filter(|it| !is_sent(it)).collect();
    let mut history = sent;
    history.since = history.since.map(|it| kept.since.map_or(it, |kept| it.min(kept)));
    history.orders.extend(orders);
    history.orders.sort_by_key(|it| it.begins);
    let is_new =
        |id: &Option<String>| id.is_none() || history.stays.iter().all(|it| it.mdtrt_id != *id);
    let stays: Vec<_> = kept.stays.into_iter().filter(|it| is_new(&it.mdtrt_id)).collect();
    history.stays.extend(stays);
    add_new(&mut history.diagnoses, kept.diagnoses, |a, b| (&a.code, a.made) == (&b.code, b.made));
    add_new(&mut history.allergies, kept.allergies, |a, b| a == b);
    add_new(&mut history.labs, kept.labs, |a, b| {
        (&a.code, &a.name, a.reported) == (&b.code, &b.name, b.reported)
    });
    facts.history = Group::Present(history);
}

/// What the caller left out of its own encounter, and said or recorded before.
fn fill_in(kept: &mut History, facts: &mut Facts) {
    let surgeries = std::mem::take(&mut kept.surgeries);
    if facts.surgeries.is_absent() && !surgeries.is_empty() {
        facts.surgeries = Group::Present(surgeries);
    }
    if let (Some((weight_kg, weighed)), Group::Present(patient)) =
        (kept.weight.take(), &mut facts.patient)
        && patient.weight_kg.is_none()
    {
        (patient.weight_kg, patient.weighed) = (Some(weight_kg), weighed);
    }
}

fn add_new<T>(sent: &mut Vec<T>, kept: Vec<T>, is_same: impl Fn(&T, &T) -> bool) {
    for item in kept {
        if !sent.iter().any(|it| is_same(it, &item)) {
            sent.push(item);
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
