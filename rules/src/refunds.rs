//! What is left of lines after refunds: a negative line takes back what another line charged.

use rust_decimal::Decimal;

use crate::facts::Order;
use crate::session::Line;

/// A negative line takes back the line it names, else the latest equal ones before it; what it
/// took back counts no more, on either side.
pub(crate) fn net_of_refunds(lines: &mut [Line<'_>]) {
    for at in 0..lines.len() {
        let Some(refund) = lines.get(at).filter(|line| line.is_refund()) else { continue };
        let mut left = refund.order.quantity.unwrap_or_default().abs();
        let refund = refund.order;
        let (before, _) = lines.split_at_mut(at);
        for line in before.iter_mut().rev().filter(|line| is_taken_back(line, refund)) {
            let Some(net) = line.net else { continue };
            let taken = net.min(left);
            line.net = Some(net - taken);
            left -= taken;
        }
        if let Some(line) = lines.get_mut(at) {
            line.net = Some(Decimal::ZERO);
        }
    }
}

fn is_taken_back(line: &Line<'_>, refund: &Order) -> bool {
    if line.is_refund() {
        return false;
    }
    if let Some(id) = &refund.refunds {
        return line.order.rx_id == *id;
    }
    let code = |order: &Order| order.hospital_code.clone().or_else(|| order.national_code.clone());
    let is_same_item = code(line.order).is_some() && code(line.order) == code(refund);
    is_same_item && line.order.price == refund.price && line.order.mdtrt_id == refund.mdtrt_id
}
