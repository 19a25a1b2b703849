//! Records that the account with the platform found missing or different, sent once more.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::letters::Said;
use super::replay::Wanted;
use super::{Journeys, rows};
use crate::intake::Road;
use crate::outbox::{StoreError, blocking};

impl Journeys {
    /// Begins a replay of these records, also of such that a later revision has replaced: the platform
    /// is to have them all. Blocks.
    fn send_again(
        &self,
        ids: Vec<String>,
        by: String,
    ) -> Result<Result<Value, String>, StoreError> {
        let opened = self.opened().ok_or(StoreError::Stopped)?;
        let said = Said { by, reason: "reconcile --repair".to_owned() };
        let wanted = Wanted { ids, superseded: true, rate: Some(RATE), said, ..Wanted::default() };
        match opened.plan(wanted)? {
            Ok(replay) => Ok(Ok(opened.begin(replay)?.told())),
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// The ids that records of a day were given, by number, as far as it is remembered. Blocks.
    pub(crate) fn ids_given(
        &self,
        day: &str,
        seqs: &BTreeSet<u64>,
    ) -> Result<BTreeMap<u64, [u8; 16]>, StoreError> {
        let mut given = BTreeMap::new();
        let (Some(opened), Some(last)) = (self.opened(), seqs.last()) else { return Ok(given) };
        let Some(day) = rows::day_called(day) else { return Ok(given) };
        opened.catch_up()?;
        let [from, end] = [rows::message(day, 0), rows::message(day, last.saturating_add(1))];
        opened.outbox.walk_journey([&from, &end], |key, row| {
            if let Some((first, row)) = rows::number_of(key).zip(rows::Row::from_bytes(row)) {
                let numbered = (first..).zip(&row.records);
                let wanted = numbered.filter(|(seq, _)| seqs.contains(seq));
                given.extend(wanted.map(|(seq, it)| (seq, it.id)));
            }
            ControlFlow::Continue(())
        })?;
        Ok(given)
    }

    /// How a replay stands. Blocks.
    fn replay_told(&self, number: &Value) -> Result<Option<Value>, StoreError> {
        let opened = self.opened().ok_or(StoreError::Stopped)?;
        let told = opened.replays()?.into_iter().map(|it| it.told());
        Ok(told.into_iter().find(|it| it.get("replay") == Some(number)))
    }
}

/// Sends records once more and waits until all have arrived, or for as long as `wait_max`; tells how
/// the replay stands then.
pub(crate) async fn send_again(
    road: &Arc<Road>,
    ids: Vec<String>,
    by: String,
    wait_max: Duration,
) -> Result<Result<Value, String>, StoreError> {
    let beginning = Arc::clone(road);
    let begun = blocking(move || beginning.journeys.send_again(ids, by)).await?;
    let mut told = match begun {
        Ok(told) => told,
        Err(reason) => return Ok(Err(reason)),
    };
    let until = Instant::now() + wait_max;
    while told.get("state").and_then(Value::as_str) == Some("running") && Instant::now() < until {
        sleep(LOOK_EVERY).await;
        let looking = Arc::clone(road);
        let number = told.get("replay").cloned().unwrap_or_default();
        let now = blocking(move || looking.journeys.replay_told(&number)).await?;
        told = now.unwrap_or(told);
    }
    Ok(Ok(told))
}

/// Records a second; a day is put right while somebody waits for it.
const RATE: u32 = 1_000;
const LOOK_EVERY: Duration = Duration::from_millis(200);
