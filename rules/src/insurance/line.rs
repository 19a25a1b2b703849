//! Reads one line of the message: an order here, a charge of the same shape at settlement there.

use rust_decimal::Decimal;

use super::nodes;
use super::region::Region;
use crate::facts::{InputFinding, Order};
use crate::groups;
use crate::json::Json;
use crate::number::decimal;
use crate::reading::{Object, Reading};
use crate::refunds::item_code;
use crate::steps::{self, Steps};
use crate::unit::Unit;

/// A line; `None` when it is no object.
pub(super) fn order(
    json: &Json<'_>,
    at: &str,
    region: &Region,
    reading: &mut Reading,
) -> Option<Order> {
    if *json == Json::Null {
        return None;
    }
    if !matches!(json, Json::Object(_)) {
        reading.fault("C102", at.to_owned(), "不是对象".to_owned(), "发送一个JSON对象");
        return None;
    }
    let rx_id = nodes::text(json, "rx_id").unwrap_or(at).to_owned();
    let object = Object { path: format!("orders[{rx_id}]"), json };
    // At settlement the lines are charges: a negative quantity takes back what was charged before.
    let is_taken_back = nodes::text(json, "cnt").is_some_and(|it| it.starts_with('-'));
    let mut order = if is_taken_back {
        groups::charge_basics(&object, rx_id, reading)
    } else {
        groups::order_basics(&object, rx_id, reading)
    };
    order.current = reading.flag(&object, "curr_drord_flag").unwrap_or(true);
    order.quantity_unit = groups::quantity_unit(&object, "spec_unt", reading);
    order.discharge = nodes::text(json, "drord_bhvr").is_some_and(|it| region.is_taken_home(it));
    if order.department_code.is_none() {
        order.department_code = reading.text(&object, "drord_dept_codg");
    }
    if let Some(json) = nodes::node(json, &nodes::EXTENSION).and_then(|it| it.as_items().first()) {
        read_extension(&nodes::at(&object.path_of("extend_order_map"), json), &mut order, reading);
    }
    Some(order)
}

/// What one region sends besides: days, and dose and frequency in words.
fn read_extension(object: &Object<'_>, order: &mut Order, reading: &mut Reading) {
    order.days = reading.number(object, "o_prdDays", groups::DAYS);
    order.frequency = groups::frequency(object, "o_used_frqu_dscr", reading);
    order.first_line_used = reading.flag(object, "o_firstItemFlag");
    if order.specification.is_none() {
        order.specification = reading.text(object, "o_drugSpec");
    }
    let dose = reading.text(object, "o_sinDosDscr");
    if let Some(((least, most), unit)) = dose.as_deref().and_then(amount_and_unit) {
        order.single_dose = Some(least);
        order.largest_dose = (most > least).then_some(most);
        order.dose_unit = Some(unit);
    }
}

/// `0.5mg`, `2 片`, `每次1粒`, `1-2片`. What says more than that is not guessed at.
fn amount_and_unit(text: &str) -> Option<(Steps, Unit)> {
    let text = text.trim();
    let said = ["每次", "一次", "1次"].iter().find_map(|it| text.strip_prefix(it)).unwrap_or(text);
    let last = said.rfind(|it: char| it.is_ascii_digit())?;
    let (amounts, unit) = said.split_at(last + 1);
    let one = || decimal(amounts).filter(|it| !it.is_zero()).map(|it| (it, it));
    let amounts = steps::of_text(amounts).or_else(one)?;
    Some((amounts, Unit::parse(unit)?))
}

/// Some callers number lines per prescription only; a repeated id gets the prescription's number.
pub(super) fn tell_apart(orders: &mut [Order]) {
    let mut seen = std::collections::BTreeSet::new();
    for (at, order) in orders.iter_mut().enumerate() {
        if !seen.insert(order.rx_id.clone()) {
            let prescription = order.rxno.clone().unwrap_or_else(|| (at + 1).to_string());
            order.rx_id = format!("{prescription}-{}", order.rx_id);
        }
    }
}

/// What was taken back counts no more, and the lines that take it back are nothing to judge. Where
/// no line of the item is there to be lessened, before anything is paid for, the line is an order with
/// a quantity that cannot be: the drug is judged, and the quantity is not known.
pub(super) fn take_back(orders: &mut [Order], is_before: bool, reading: &mut Reading) {
    for at in 0..orders.len() {
        let (before, rest) = orders.split_at_mut(at);
        let Some((refund, behind)) = rest.split_first_mut() else { return };
        let Some(mut left) = refund.quantity.filter(Decimal::is_sign_negative).map(|it| -it) else {
            continue;
        };
        refund.voided = true;
        for order in before.iter_mut().rev().filter(|it| is_same_item(it, refund)) {
            if left.is_zero() {
                break;
            }
            let Some(quantity) = order.quantity else { continue };
            let taken = quantity.min(left);
            left -= taken;
            order.voided = taken == quantity;
            order.quantity = Some(quantity - taken);
            let rest = |amount: Decimal| Some((amount - taken * order.price?).max(Decimal::ZERO));
            order.amount = order.amount.and_then(rest);
        }
        if !left.is_zero() {
            let has_taken = refund.quantity != Some(-left);
            let is_alone = !has_taken && !behind.iter().any(|it| is_same_item(it, refund));
            doubt_the_quantity(refund, is_before && is_alone, reading);
        }
    }
}

fn doubt_the_quantity(refund: &mut Order, is_order: bool, reading: &mut Reading) {
    reading.data_findings.push(InputFinding {
        code: "C301",
        path: format!("orders[{}].cnt", refund.rx_id),
        found: refund.quantity.unwrap_or_default().to_string(),
        expected: "核对数量：前面没有同一项目、同一单价的明细可以冲减这么多".to_owned(),
    });
    if is_order {
        refund.voided = false;
        (refund.quantity, refund.amount, refund.own_pay) = (None, None, None);
    }
}

fn is_same_item(order: &Order, refund: &Order) -> bool {
    let code = item_code(order);
    !order.voided && code.is_some() && code == item_code(refund) && order.price == refund.price
}
