//! Reads one line of the message: an order here, a charge of the same shape at settlement there.

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use rust_decimal::Decimal;

use super::nodes;
use super::region::Region;
use crate::facts::{InputFinding, Order, Title, VisitKind};
use crate::groups;
use crate::json::Json;
use crate::number::decimal;
use crate::reading::{Object, Reading};
use crate::refunds::item_code;
use crate::steps::{self, Steps};
use crate::unit::Unit;
use crate::vocabulary::Stated;
use crate::work;

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
    order.doctor_code = nodes::text(json, "drord_dr_codg").map(str::to_owned);
    let title = nodes::text(json, "drord_dr_profttl").and_then(|sent| region.title(sent));
    order.doctor_title = title.and_then(Stated::value);
    order.quantity_unit = groups::quantity_unit(&object, "spec_unt", reading);
    if let Some(sent) = nodes::text(json, "drord_bhvr") {
        let is_taken_home = region.is_taken_home(sent);
        order.discharge = is_taken_home == Some(true);
        order.behaviour_code = is_taken_home.is_none().then(|| sent.to_owned());
    }
    if order.department_code.is_none() {
        order.department_code = reading.text(&object, "drord_dept_codg");
    }
    if let Some(json) = nodes::node(json, &nodes::EXTENSION).and_then(|it| it.as_items().first()) {
        read_extension(&nodes::at(&object.path_of("extend_order_map"), json), &mut order, reading);
    }
    Some(order)
}

/// Whether the lines of this session name more than one doctor, or more than one title.
pub(super) fn are_of_several(orders: &[Order]) -> bool {
    let current = || orders.iter().filter(|it| it.current);
    let codes: BTreeSet<&String> = current().filter_map(|it| it.doctor_code.as_ref()).collect();
    let titles: BTreeSet<Title> = current().filter_map(|it| it.doctor_title).collect();
    codes.len() > 1 || titles.len() > 1
}

/// What is written at a desk is taken home by all means, and no code has to say so.
pub(super) fn taken_home_from_stays_only(orders: &mut [Order], visit: Option<VisitKind>) {
    if !matches!(visit, None | Some(VisitKind::Inpatient)) {
        for order in orders {
            order.behaviour_code = None;
        }
    }
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
    let mut seen = BTreeSet::new();
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
    if !orders.iter().any(takes_back) {
        return; // nearly every check: nothing has to be told apart
    }
    let items: Vec<Option<Item>> = orders.iter().map(item).collect();
    let standing = items.iter().zip(orders.iter()).enumerate();
    let standing = standing.filter(|(_, (_, order))| !order.voided);
    let last: HashMap<&Item, usize> =
        standing.filter_map(|(at, (item, _))| Some((item.as_ref()?, at))).collect();
    // The lines before, the nearest last, of which something is left.
    let mut left_of: HashMap<&Item, Vec<usize>> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        let Some(line) = orders.get_mut(at) else { return };
        let Some(mut left) = line.quantity.filter(|_| takes_back(line)).map(|it| -it) else {
            if let Some(item) = item.as_ref().filter(|_| !line.voided && line.quantity.is_some()) {
                left_of.entry(item).or_default().push(at);
            }
            continue;
        };
        line.voided = true;
        let before = item.as_ref().and_then(|it| left_of.get_mut(it));
        let was = left;
        if let Some(before) = before {
            take(orders, before, &mut left);
        }
        if !left.is_zero() {
            let is_last = item.as_ref().and_then(|it| last.get(it)).is_none_or(|last| *last <= at);
            let Some(line) = orders.get_mut(at) else { return };
            doubt_the_quantity(line, is_before && left == was && is_last, reading);
        }
    }
}

fn takes_back(line: &Order) -> bool {
    line.quantity.is_some_and(|it| it.is_sign_negative())
}

/// Takes from the nearest of these lines first; what nothing is left of counts no more.
fn take(orders: &mut [Order], from: &mut Vec<usize>, left: &mut Decimal) {
    while !left.is_zero() {
        work::step();
        let Some(order) = from.last().and_then(|at| orders.get_mut(*at)) else { return };
        let quantity = order.quantity.unwrap_or_default();
        let taken = quantity.min(*left);
        *left -= taken;
        order.voided = taken == quantity;
        order.quantity = Some(quantity - taken);
        let rest = |amount: Decimal| Some((amount - taken * order.price?).max(Decimal::ZERO));
        order.amount = order.amount.and_then(rest);
        if order.voided {
            from.pop();
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

/// What lines share that may be set off against each other: the item and its price.
#[derive(Debug, Eq)]
struct Item {
    code: String,
    price: Option<Decimal>,
}

/// Counted: whoever looks for equal lines by comparing all of them is found out.
impl PartialEq for Item {
    fn eq(&self, other: &Item) -> bool {
        work::step();
        self.code == other.code && self.price == other.price
    }
}

impl Hash for Item {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.code, self.price).hash(state);
    }
}

fn item(order: &Order) -> Option<Item> {
    item_code(order).map(|code| Item { code: code.to_owned(), price: order.price })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::steps_of;

    /// Half a stay's lines taken back one by one: each refund finds its line without a search, whether all
    /// are of one item or each of its own.
    #[test]
    fn ten_thousand_lines_are_taken_back_in_a_few_steps_each() {
        for items in [1, 5_000] {
            let line = |at: u32, quantity: i64| Order {
                rx_id: at.to_string(),
                hospital_code: Some((at % items).to_string()),
                quantity: Some(Decimal::from(quantity)),
                ..Order::default()
            };
            let charges = (0..5_000).map(|at| line(at, 1));
            let refunds = (5_000..10_000).map(|at| line(at, -1));
            let mut lines: Vec<Order> = charges.chain(refunds).collect();
            let mut reading = Reading::lenient();
            let ((), steps) = steps_of(|| take_back(&mut lines, true, &mut reading));
            assert!(lines.iter().all(|it| it.voided) && reading.data_findings.is_empty());
            assert!(steps <= 60_000, "{items} items: {steps} steps");
        }
    }

    /// Nearly every check takes nothing back, and pays nothing for it.
    #[test]
    fn lines_that_take_nothing_back_are_not_compared() {
        let line = || Order {
            hospital_code: Some("A".to_owned()),
            quantity: Some(Decimal::ONE),
            ..Order::default()
        };
        let mut lines: Vec<Order> = (0..100).map(|_| line()).collect();
        let before = lines.clone();
        let mut reading = Reading::lenient();
        let ((), steps) = steps_of(|| take_back(&mut lines, true, &mut reading));
        assert_eq!((lines, steps), (before, 0));
    }
}
