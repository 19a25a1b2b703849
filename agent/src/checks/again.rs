//! A kept check as a question once more: for back-tests, which ask what other rules would have said.

use adapters::Limits;
use jiff::civil::DateTime;
use rules::Facts;
use rules::insurance::Service;

use super::entry::{Check, Door};
use crate::pipeline::{self, Inbound, Parked, Verdict};
use crate::sets::Sets;

/// What the request of a check said, read by these sets, and when it was asked. `None` when they
/// cannot read it any more: its channel is gone, or its mapping.
#[must_use]
pub fn facts(check: &Check, sets: &Sets, org: &str, limits: &Limits) -> Option<(Facts, DateTime)> {
    let asked_at = pipeline::moment(&check.asked_at)?;
    let content_type = check.content_type.as_deref();
    let text = || adapters::text(&check.request, content_type, limits).ok();
    let facts = match check.door {
        Door::Canonical => rules::request::read(&text()?).ok()?,
        Door::National => {
            let asked = rules::insurance::read(&text()?, service(check), &sets.region).ok()?;
            asked.patients.into_iter().nth(check.part)?
        }
        Door::Channel => {
            let channel = sets.channels.get(check.channel.as_deref()?)?;
            let inbound = Inbound {
                message_id: &check.check_id,
                received_at: asked_at,
                org,
                bytes: &check.request,
                content_type,
            };
            match pipeline::judge(channel, &inbound, limits) {
                Verdict::Accept(accepted) | Verdict::Park(Parked { accepted, .. }) => {
                    pipeline::facts(&accepted)
                }
                Verdict::Refuse(_) => return None,
            }
        }
    };
    Some((facts, asked_at))
}

/// A log of before has no number: its transactions were all taken for the first.
fn service(check: &Check) -> Service {
    check.infno.as_deref().map_or(Service::Before, Service::of)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::config::Config;

    const PASS: &[u8] = include_bytes!("../../../mappings/pass/cases/review.in.txt");

    #[test]
    fn every_door_can_be_asked_again() {
        let order = r#"{"rx_id":"1","hosplist_code":"YP000502"}"#;
        let canonical = format!(r#"{{"encounter":{{"mdtrt_id":"M1"}},"orders":[{order}]}}"#);
        check(Door::Canonical, 0, canonical.as_bytes(), "M1");
        let patient = |id: &str| {
            format!(
                r#"{{"curr_mdtrt_id":"{id}","fsi_encounter_dtos":{{"mdtrt_id":"{id}","fsi_order_dtos":{order}}}}}"#
            )
        };
        let national =
            format!(r#"{{"data":{{"patient_dtos":[{},{}]}}}}"#, patient("M1"), patient("M2"));
        check(Door::National, 1, national.as_bytes(), "M2");
        check(Door::National, 2, national.as_bytes(), "unreadable");
        check(Door::Channel, 0, PASS, "MZ20240515003");
        check(Door::Channel, 0, b"<", "unreadable");
    }

    #[track_caller]
    fn check(door: Door, part: usize, request: &[u8], expected: &str) {
        let text = "[hospital]\ncode = \"H1\"\nname = \"n\"\n[[channel]]\nname = \"pass\"\nmappings = [\"pass/\"]\n";
        let config = Config::parse("agent.toml", text).unwrap();
        let sets = Sets::load(&config).unwrap();
        let kept = Check {
            door,
            part,
            channel: Some("pass".to_owned()),
            asked_at: "20261122090000".to_owned(),
            request: Bytes::copy_from_slice(request),
            ..Check::default()
        };
        let facts = facts(&kept, &sets, "H1", &config.listen.limits);
        let encounter = facts.and_then(|(it, at)| {
            assert_eq!(at, "2026-11-22T09:00:00".parse().unwrap());
            it.encounter.present()?.mdtrt_id.clone()
        });
        assert_eq!(encounter.as_deref().unwrap_or("unreadable"), expected);
    }
}
