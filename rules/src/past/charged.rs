//! Counts a use once, when it was both ordered and charged.
//!
//! A charge belongs to an order when it names it, or stands on the same prescription for the same
//! item. Of a drug the order is kept, since only the order knows dose and days, less what was given
//! back; of anything else the charges are kept, since only they know on which days it was done.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;

use crate::facts::Order;
use crate::refunds::item_code;
use crate::session::ItemKind;

/// A charge, and the id of the order it charges for, when it says so.
pub(super) struct Charge {
    pub(super) line: Arc<Order>,
    pub(super) charges_for: Option<String>,
}

/// Orders and charges as lines, each use once.
pub(super) fn once(mut orders: Vec<Arc<Order>>, charges: Vec<Charge>) -> Vec<Arc<Order>> {
    if charges.is_empty() {
        return orders;
    }
    let places = Places::of(&orders, &charges);
    let mut by_order: HashMap<usize, Vec<Arc<Order>>> = HashMap::new();
    // Of orders that have not come.
    let mut by_number: BTreeMap<Option<String>, Vec<Arc<Order>>> = BTreeMap::new();
    let mut lines = Vec::with_capacity(charges.len());
    for charge in charges {
        match places.order_of(&charge) {
            Some(place) => by_order.entry(place).or_default().push(charge.line),
            None => by_number.entry(charge.charges_for).or_default().push(charge.line),
        }
    }
    for (number, charges) in by_number {
        lines.extend(said_to_be_for(number.as_slice(), Decimal::ONE, charges));
    }
    for (place, order) in orders.iter_mut().enumerate() {
        let Some(charges) = by_order.remove(&place) else { continue };
        if is_drug(order, &charges) {
            take_back(Arc::make_mut(order), &charges);
        } else {
            Arc::make_mut(order).voided = true;
            let numbers: Vec<_> = order.line_no.iter().chain([&order.rx_id]).cloned().collect();
            lines.extend(said_to_be_for(&numbers, order.quantity.unwrap_or(Decimal::ONE), charges));
        }
    }
    orders.retain(|it| !it.voided);
    orders.extend(lines);
    orders
}

/// The charges that stand for their order: a check that asks about the order once more asks about them. Of an item
/// they are on a day as many as were ordered, since what was done more often was. Where something was given back
/// and nobody says of which charge, none does: what was given back would be taken from another order's.
fn said_to_be_for(
    numbers: &[String],
    ordered: Decimal,
    mut charges: Vec<Arc<Order>>,
) -> Vec<Arc<Order>> {
    let (given_back, is_nameless) = given_back(&charges);
    if numbers.is_empty() || is_nameless {
        return charges;
    }
    let mut left = HashMap::new();
    for charge in &mut charges {
        let quantity = charge.quantity.unwrap_or(Decimal::ONE);
        let kept =
            quantity.saturating_add(given_back.get(&charge.rx_id).copied().unwrap_or_default());
        let left = left.entry(item_and_day(charge)).or_insert(ordered);
        let is_one = charge.refunds.is_some() || kept <= Decimal::ZERO || *left > Decimal::ZERO;
        if is_one {
            *left = left.saturating_sub(kept.max(Decimal::ZERO));
            Arc::make_mut(charge).charges_for = numbers.to_vec();
        }
    }
    charges
}

/// How much was given back of each charge, as a number below zero, and whether something was of none by name.
fn given_back(charges: &[Arc<Order>]) -> (HashMap<String, Decimal>, bool) {
    let (mut of, mut is_nameless) = (HashMap::new(), false);
    for (refund, quantity) in
        charges.iter().filter_map(|it| it.quantity.map(|quantity| (it, quantity)))
    {
        match &refund.refunds {
            Some(charge) => {
                let sum: &mut Decimal = of.entry(charge.clone()).or_default();
                *sum = sum.saturating_add(-quantity.abs());
            }
            None => is_nameless |= quantity < Decimal::ZERO,
        }
    }
    (of, is_nameless)
}

/// Of one encounter, since two may have orders of one number.
fn item_and_day(charge: &Order) -> (Option<String>, Option<String>, Option<Date>) {
    let item = item_code(charge).map(str::to_owned);
    (charge.mdtrt_id.clone(), item, charge.begins.map(DateTime::date))
}

/// What was given back of an order is not there any more.
fn take_back(order: &mut Order, charges: &[Arc<Order>]) {
    if order.national_code.is_none() {
        order.national_code = charges.iter().find_map(|it| it.national_code.clone());
    }
    let quantities = || charges.iter().filter_map(|it| it.quantity);
    if !quantities().any(|it| it < Decimal::ZERO) {
        return;
    }
    let left = quantities().fold(Decimal::ZERO, Decimal::saturating_add);
    order.voided |= left <= Decimal::ZERO;
    order.ordered = order.quantity;
    order.quantity = order.quantity.map(|ordered| ordered.min(left));
}

/// By its national code; without one, what has a dose or runs for days is a drug.
fn is_drug(order: &Order, charges: &[Arc<Order>]) -> bool {
    let codes = charges.iter().map(|it| it.national_code.as_deref());
    let code = codes.chain([order.national_code.as_deref()]).flatten().next();
    match code.and_then(ItemKind::of) {
        Some(kind) => kind.is_drug(),
        None => order.single_dose.is_some() || order.days.is_some(),
    }
}

/// Where the orders stand, by what a charge may name of them.
#[derive(Default)]
struct Places {
    by_id: HashMap<(String, String), usize>,
    /// Of several lines under one number, the one of the item.
    by_id_and_item: HashMap<(String, String, String), usize>,
    by_item: HashMap<(String, String, String), usize>,
    /// What a charge charges for, by its own id: a refund may name the charge alone.
    of_charge: HashMap<(String, String), usize>,
}

impl Places {
    fn of(orders: &[Arc<Order>], charges: &[Charge]) -> Places {
        let mut places = Places::default();
        for (place, order) in orders.iter().enumerate() {
            let encounter = order.mdtrt_id.clone().unwrap_or_default();
            if let (Some(rxno), Some(item)) = (&order.rxno, &order.hospital_code) {
                places.by_item.insert((encounter.clone(), rxno.clone(), item.clone()), place);
            }
            if let Some(item) = &order.hospital_code {
                let of = (encounter.clone(), order.rx_id.clone(), item.clone());
                places.by_id_and_item.insert(of, place);
            }
            places.by_id.insert((encounter, order.rx_id.clone()), place);
        }
        for charge in charges {
            if let Some(place) = places.order_of(charge) {
                places.of_charge.insert((encounter(charge), charge.line.rx_id.clone()), place);
            }
        }
        places
    }

    fn order_of(&self, charge: &Charge) -> Option<usize> {
        let named = || {
            let id = charge.charges_for.clone()?;
            let item = charge.line.hospital_code.clone();
            let of = item.map(|item| (encounter(charge), id.clone(), item));
            let of_item = of.and_then(|of| self.by_id_and_item.get(&of));
            of_item.or_else(|| self.by_id.get(&(encounter(charge), id)))
        };
        let on_prescription = || {
            let (rxno, item) = (charge.line.rxno.clone()?, charge.line.hospital_code.clone()?);
            self.by_item.get(&(encounter(charge), rxno, item))
        };
        let of_refunded = || {
            let refunded = charge.line.refunds.clone()?;
            self.of_charge.get(&(encounter(charge), refunded))
        };
        named().or_else(on_prescription).or_else(of_refunded).copied()
    }
}

fn encounter(charge: &Charge) -> String {
    charge.line.mdtrt_id.clone().unwrap_or_default()
}
