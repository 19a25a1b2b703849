//! What is left of lines after refunds: a negative line takes back what another line charged.
//!
//! A refund that names its line takes from that line, wherever it stands: sent before it, sent after
//! it, or of the past while the refund is of now. One that names nothing takes from the latest equal
//! lines before it, then from those behind it. What was taken back counts no more, on either side.

use rust_decimal::Decimal;

use crate::facts::Order;
use crate::session::Line;

/// Takes refunds off the lines of now and of the past. Those that name their line go first: else one
/// that names nothing could take what another was written for.
pub(crate) fn net_of_refunds<'a>(
    now: &mut [Line<'a>],
    past: &mut [Line<'a>],
    encounter: Option<&str>,
) {
    let (of_now, of_past) = (refunds(now), refunds(past));
    take_named(now, past, &of_now, encounter);
    take_named(past, now, &of_past, encounter);
    take_unnamed(now, &of_now);
    take_unnamed(past, &of_past);
    for refund in now.iter_mut().chain(past).filter(|line| line.is_refund()) {
        refund.net = Some(Decimal::ZERO);
    }
}

/// The refunds of a list, with their places.
fn refunds<'a>(lines: &[Line<'a>]) -> Vec<(usize, &'a Order)> {
    let refunds = lines.iter().enumerate().filter(|(_, line)| line.is_refund());
    refunds.map(|(at, line)| (at, line.order)).collect()
}

/// A line that came in both lists is one line, so both are lessened; a refund that came in both is
/// one refund, so each takes from its own list.
fn take_named(
    own: &mut [Line<'_>],
    other: &mut [Line<'_>],
    refunds: &[(usize, &Order)],
    encounter: Option<&str>,
) {
    for (_, refund) in refunds {
        let Some(id) = &refund.refunds else { continue };
        let is = |line: &Line<'_>, id: &str| {
            line.order.rx_id == id && are_of_one(line.order, refund, encounter)
        };
        let is_told_twice = other.iter().any(|line| line.is_refund() && is(line, &refund.rx_id));
        take(own.iter_mut().filter(|line| is(line, id)), refund);
        if !is_told_twice {
            take(other.iter_mut().filter(|line| is(line, id)), refund);
        }
    }
}

fn take_unnamed(lines: &mut [Line<'_>], refunds: &[(usize, &Order)]) {
    for (at, refund) in refunds.iter().filter(|(_, refund)| refund.refunds.is_none()) {
        let (before, behind) = lines.split_at_mut(*at);
        let nearest = before.iter_mut().rev().chain(behind);
        take(nearest.filter(|line| is_equal(line.order, refund)), refund);
    }
}

fn take<'l, 'a: 'l>(from: impl Iterator<Item = &'l mut Line<'a>>, refund: &Order) {
    let mut left = refund.quantity.unwrap_or_default().abs();
    for line in from.filter(|line| !line.is_refund()) {
        let Some(net) = line.net else { continue };
        let taken = net.min(left);
        line.net = Some(net - taken);
        left -= taken;
    }
}

/// Whether two lines may be of one encounter; one that names none is of this one.
fn are_of_one(one: &Order, other: &Order, encounter: Option<&str>) -> bool {
    let (one, other) = (one.mdtrt_id.as_deref(), other.mdtrt_id.as_deref());
    one.or(encounter).zip(other.or(encounter)).is_none_or(|(one, other)| one == other)
}

fn is_equal(line: &Order, refund: &Order) -> bool {
    let code = item_code(line);
    code.is_some()
        && code == item_code(refund)
        && line.price == refund.price
        && line.mdtrt_id == refund.mdtrt_id
}

/// What an item is called by, the hospital's own code first.
pub(crate) fn item_code(order: &Order) -> Option<&str> {
    order.hospital_code.as_deref().or(order.national_code.as_deref())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::drug::DrugTable;
    use crate::families::bench::NOW;
    use crate::request;
    use crate::session::{Line, Session};
    use crate::sets::CodeSets;

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
    fn now_and_past_meet() {
        check("1 1,R -1>H", "H 1", "1:1 | H:0");
        check("1 1", "R -1>1", "1:0 |");
        check("1 1,R -1>H", "H 2,R -1>H", "1:1 | H:1");
        check("1 3,R -1>1", "1 3", "1:2 | 1:2");
        check("1 1,R -1>H", "H 1@OTHER", "1:1 | H:1");
    }

    /// Lines `id count`, a refund `id -count>named`, another encounter `@id`; what is left of each.
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
            format!(
                r#"{{"rx_id":"{id}","hosplist_code":"A","cnt":"{count}","refd_rx_id":"{named}","mdtrt_id":"{encounter}","fee_ocur_time":"20260515"}}"#
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
