//! Entries of earlier releases whose keys named encounters and lines as they are: each gets the key of today, a
//! bounded number at a time, while messages and checks go on. Until then the findings of those encounters get no
//! links, and an audit does not find its suspicions by them.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::log::Log;
use crate::audit;
use crate::intake::Road;
use crate::outbox::{Outbox, StoreError, blocking};

/// Gives today's keys to what an earlier release wrote, until told to stop.
pub(crate) async fn rekey(road: Arc<Road>, stop: CancellationToken) {
    let Some(log) = road.checks.log().cloned() else { return };
    for prefix in EARLIER {
        let mut from = prefix.to_vec();
        loop {
            let (outbox, log, mut place) = (road.outbox.clone(), log.clone(), from);
            let work = move || rekey_some(&outbox, &log, prefix, &mut place).map(|it| (it, place));
            let pause = match blocking(work).await {
                Ok((true, place)) => {
                    from = place;
                    PAUSE
                }
                Ok((false, _)) => break,
                Err(error) => {
                    tracing::warn!(%error, "entries of an earlier release keep their keys until the next start");
                    return;
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// One step under one of [`EARLIER`]. False when nothing is left there. Blocks.
pub(super) fn rekey_some(
    outbox: &Outbox,
    log: &Log,
    prefix: &[u8],
    from: &mut Vec<u8>,
) -> Result<bool, StoreError> {
    // What is written meanwhile under today's keys must not be covered by what is older.
    let _turn = log.turn();
    outbox.rekey_shelf(prefix, from, |old| match prefix {
        b"ue" => audit::rekeyed(log.key(), old),
        _ => log.rekeyed(old),
    })
}

/// What keys began with: encounters and lines of the log, encounters of the audit.
pub(super) const EARLIER: [&[u8]; 3] = [b"e", b"l", b"ue"];
/// Between two steps, so that messages hardly notice.
const PAUSE: Duration = Duration::from_millis(20);
