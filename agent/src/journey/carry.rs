//! The task that carries replays out: one at a time and in turn, at their pace.
//!
//! A replay whose records do not arrive, since the platform takes no such records just now, makes way for
//! the others after a while, and has its turn again after them. What was handed over stays handed over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::keeper;
use super::replay::{Progress, RATE, Replay};
use crate::config::ForwardConfig;
use crate::forward::files;
use crate::intake::Road;
use crate::outbox::{End, StoreError, blocking};

/// Carries replays out, one at a time and in turn, until told to stop.
pub(crate) async fn carry_out(road: Arc<Road>, stop: CancellationToken) {
    let (mut last, mut in_hand) = (0, HashMap::new());
    while !stop.is_cancelled() {
        let looking = Arc::clone(&road);
        let next = blocking(move || {
            looking.journeys.opened().map_or(Ok(None), |it| it.running_after(last))
        });
        match next.await {
            Ok(Some(replay)) => {
                last = replay.number;
                let left = run(&road, replay, in_hand.remove(&last), &stop).await;
                in_hand.extend(left.map(|it| (last, it)));
            }
            Ok(None) | Err(StoreError::Stopped) => {}
            Err(error) => tracing::error!(%error, "replays cannot be read"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Records that were handed over, and are not noted as done.
#[derive(Debug)]
struct InHand {
    seqs: Vec<u64>,
    /// Those of them that were still there.
    sent: Vec<u64>,
}

/// One turn. Gives what it leaves on its way, or could not note as done, so that the next turn waits for it and
/// sends it no second time.
async fn run(
    road: &Arc<Road>,
    mut replay: Replay,
    mut left: Option<InHand>,
    stop: &CancellationToken,
) -> Option<InHand> {
    let rate = usize::try_from(replay.wanted.rate.unwrap_or(RATE)).unwrap_or(1).max(1);
    let at_once = rate.div_ceil(TICKS_A_SECOND).min(IN_HAND_MAX);
    loop {
        let next = match left.take() {
            Some(left) => Ok(left),
            None => send_next(road, &replay, at_once).await,
        };
        let in_hand = match next {
            Ok(it) if it.seqs.is_empty() => break,
            Ok(it) => it,
            Err(error) => {
                tracing::error!(%error, number = replay.number, "a replay cannot go on");
                return None;
            }
        };
        let pause = Duration::from_micros(in_hand.seqs.len() as u64 * 1_000_000 / rate as u64);
        if stopped_within(stop, pause).await {
            return None; // it goes on from here at the next start
        }
        match arrived(road, &replay, &in_hand.seqs, stop).await {
            Waited::Arrived => {}
            Waited::TooLong => return Some(in_hand),
            Waited::Stopped => return None,
        }
        count(road, &mut replay, &in_hand);
        match went_on(road, &replay).await {
            Ok(true) => {}
            Ok(false) => return None,
            // What is done stays done, though the disk has no room to say so.
            Err(error) if error.is_full() => return Some(in_hand),
            Err(error) => {
                tracing::error!(%error, number = replay.number, "how far a replay is was not noted");
                return Some(in_hand);
            }
        }
    }
    done(road, replay).await;
    None
}

/// Counts what has come to its end, by which end that was.
fn count(road: &Road, replay: &mut Replay, in_hand: &InHand) {
    let InHand { seqs, sent } = in_hand;
    let ends: Vec<Option<End>> = sent.iter().map(|seq| road.outbox.failed_again(*seq)).collect();
    let ended = |wanted: Option<End>| ends.iter().filter(|it| **it == wanted).count() as u64;
    replay.arrived += ended(None);
    replay.refused += ended(Some(End::Refused));
    replay.gone += ended(Some(End::Gone)) + (seqs.len() as u64).saturating_sub(sent.len() as u64);
    replay.next_seq = seqs.last().map_or(replay.next_seq, |it| it.saturating_add(1));
}

async fn done(road: &Arc<Road>, mut replay: Replay) {
    replay.state = Progress::Done;
    if went_on(road, &replay).await.unwrap_or(false) {
        let Replay { number, arrived, refused, gone, .. } = replay;
        tracing::info!(number, arrived, refused, gone, "a replay is done");
    }
}

/// Notes how far a replay is; false when somebody has stopped it.
async fn went_on(road: &Arc<Road>, replay: &Replay) -> Result<bool, StoreError> {
    let (road, replay) = (Arc::clone(road), replay.clone());
    blocking(move || road.journeys.opened().map_or(Ok(false), |it| it.went_on(&replay))).await
}

/// Hands the next records over.
async fn send_next(
    road: &Arc<Road>,
    replay: &Replay,
    at_most: usize,
) -> Result<InHand, StoreError> {
    let (reading, of) = (Arc::clone(road), replay.clone());
    let next = blocking(move || {
        reading.journeys.opened().map_or(Ok(Vec::new()), |it| it.next_of(&of, at_most))
    });
    let seqs = next.await?;
    let sent = if seqs.is_empty() { Vec::new() } else { send(road, &seqs).await? };
    Ok(InHand { seqs, sent })
}

/// Hands over those records that are still there: to the forwarder, or into files of their own where
/// there is no broker. Says which.
async fn send(road: &Arc<Road>, seqs: &[u64]) -> Result<Vec<u64>, StoreError> {
    let (reading, seqs) = (Arc::clone(road), seqs.to_vec());
    let envelopes = blocking(move || {
        let mut found = Vec::with_capacity(seqs.len());
        for seq in seqs {
            found.extend(reading.outbox.record(seq)?);
        }
        Ok(found)
    });
    let envelopes = envelopes.await?;
    let handed = envelopes.iter().map(|it| it.seq).collect();
    match &road.config.forward {
        ForwardConfig::Amqp(_) => road.outbox.offer_again(envelopes),
        ForwardConfig::Files { dir } => {
            let (dir, agent) = (dir.clone(), road.config.hospital.code.clone());
            let epoch = road.outbox.epoch().to_owned();
            let write = move || {
                files::write_again(&dir, &agent, &epoch, keeper::now_ms(), &envelopes).map_err(
                    |error| StoreError::Failed {
                        operation: "write a replay",
                        cause: error.to_string(),
                    },
                )
            };
            blocking(write).await?;
        }
    }
    Ok(handed)
}

/// How the wait for what was handed over has ended.
enum Waited {
    Arrived,
    /// Others should have their turn.
    TooLong,
    /// The daemon or the replay is told to stop.
    Stopped,
}

/// Waits until the forwarder has brought all of these over.
async fn arrived(
    road: &Arc<Road>,
    replay: &Replay,
    seqs: &[u64],
    stop: &CancellationToken,
) -> Waited {
    let begun = Instant::now();
    let mut looked = begun;
    loop {
        let open = road.outbox.open_again();
        if !seqs.iter().any(|seq| open.contains(seq)) {
            return Waited::Arrived;
        }
        if stopped_within(stop, CONFIRM_LOOK).await {
            return Waited::Stopped;
        }
        if looked.elapsed() >= LOOK_EVERY {
            looked = Instant::now();
            if !is_running(road, replay.number).await {
                return Waited::Stopped;
            }
        }
        if begun.elapsed() >= TURN_MAX {
            return Waited::TooLong;
        }
    }
}

async fn is_running(road: &Arc<Road>, number: u64) -> bool {
    let road = Arc::clone(road);
    let looked =
        blocking(move || road.journeys.opened().map_or(Ok(false), |it| it.is_running(number)));
    looked.await.unwrap_or(false)
}

async fn stopped_within(stop: &CancellationToken, pause: Duration) -> bool {
    tokio::time::timeout(pause, stop.cancelled()).await.is_ok()
}

const TICKS_A_SECOND: usize = 5;
/// Records handed over before those before them have arrived.
const IN_HAND_MAX: usize = 256;
const LOOK_EVERY: Duration = Duration::from_secs(1);
const CONFIRM_LOOK: Duration = Duration::from_millis(20);
/// So long a replay waits for what it has handed over before it makes way for others.
const TURN_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::replay::Wanted;
    use super::*;
    use crate::envelope::{Draft, Original, Submission};
    use crate::outbox::WriterHandle;

    /// The platform takes nothing, so that what was handed over stays on its way.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_replay_that_waits_can_be_stopped_and_holds_no_other_up() {
        let folder = tempfile::tempdir().unwrap();
        let (road, _writer) = road(folder.path());
        let ids = deliver(&road, 3).await;
        let opened = road.journeys.opened().unwrap();
        let begin = |id: &str| {
            let wanted = Wanted { ids: vec![id.to_owned()], ..Wanted::default() };
            opened.begin(opened.plan(wanted).unwrap().unwrap()).unwrap().number
        };
        let numbers: Vec<u64> = ids.iter().map(|id| begin(id)).collect();
        assert_eq!(numbers, [1, 2, 3]);
        let stop = CancellationToken::new();
        let task = tokio::spawn(carry_out(Arc::clone(&road), stop.clone()));
        open_within(&road, &[1], 3).await;
        assert!(opened.stop_replay(1).unwrap());
        // It lets go within a look or two, long before its turn is over.
        open_within(&road, &[1, 2], 5).await;
        // The second is not stopped, and makes way all the same.
        open_within(&road, &[1, 2, 3], TURN_MAX.as_secs() + 5).await;
        road.outbox.settle(&[1, 2, 3]).unwrap();
        let states = || {
            let all = opened.replays().unwrap();
            all.iter().map(|it| format!("{:?} {}", it.state, it.arrived)).collect::<Vec<_>>()
        };
        let settled = Instant::now();
        while states() != ["Stopped 0", "Done 1", "Done 1"] {
            assert!(settled.elapsed() < 2 * TURN_MAX, "{:?}", states());
            tokio::time::sleep(CONFIRM_LOOK).await;
        }
        stop.cancel();
        task.await.unwrap();
    }

    /// The three ends are told apart; and while the disk has no room to note them, nothing is sent twice.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_did_not_arrive_is_not_told_as_arrived() {
        let folder = tempfile::tempdir().unwrap();
        let (road, _writer) = road(folder.path());
        let ids = deliver(&road, 4).await;
        let opened = road.journeys.opened().unwrap();
        let wanted = Wanted { ids, ..Wanted::default() };
        opened.begin(opened.plan(wanted).unwrap().unwrap()).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(carry_out(Arc::clone(&road), stop.clone()));
        open_within(&road, &[1, 2, 3, 4], 3).await;
        assert_eq!(road.outbox.take_again(9).len(), 4);
        road.outbox.refuse(2, crate::envelope::DeadLetter::of_refused("m2")).await.unwrap();
        road.outbox.spoil(3);
        assert_eq!(road.outbox.once_more(3).unwrap(), None);
        road.outbox.fill_disk(true);
        road.outbox.settle(&[1, 4]).unwrap();
        let begun = Instant::now();
        while begun.elapsed() < 3 * LOOK_EVERY {
            assert_eq!(road.outbox.take_again(9).len(), 0, "sent a second time");
            tokio::time::sleep(CONFIRM_LOOK).await;
        }
        road.outbox.fill_disk(false);
        let told = || {
            let it = opened.replays().unwrap().remove(0).told();
            format!("{} {} {} {}", it["state"], it["arrived"], it["refused"], it["gone"])
        };
        while told() != "\"done\" 2 1 1" {
            assert!(begun.elapsed() < TURN_MAX, "{}", told());
            tokio::time::sleep(CONFIRM_LOOK).await;
        }
        stop.cancel();
        task.await.unwrap();
    }

    /// Waits until these are on their way once more.
    async fn open_within(road: &Road, seqs: &[u64], seconds: u64) {
        let begun = Instant::now();
        while !road.outbox.open_again().iter().eq(seqs) {
            let open = road.outbox.open_again();
            assert!(begun.elapsed() < Duration::from_secs(seconds), "{open:?}, not {seqs:?}");
            tokio::time::sleep(CONFIRM_LOOK).await;
        }
    }

    /// Records that the platform has confirmed; gives the ids of their messages.
    async fn deliver(road: &Arc<Road>, count: u64) -> Vec<String> {
        let mut ids = Vec::new();
        for number in 1..=count {
            let id = crate::clock::new_id();
            let draft = Draft::new(
                "rx".into(),
                "lane".into(),
                format!("k{number}"),
                [9; 32],
                r#""elements":{}"#.into(),
            );
            let submission = Submission {
                channel: "his".into(),
                message_id: id.clone(),
                received_at: crate::pipeline::stamp(crate::clock::now()),
                org: "H1".into(),
                schema: "2024.1".into(),
                original: Original::default(),
                drafts: vec![draft],
            };
            road.outbox.append(submission).await.unwrap();
            road.outbox.settle(&[number]).unwrap();
            ids.push(id);
        }
        ids
    }

    fn road(folder: &std::path::Path) -> (Arc<Road>, WriterHandle) {
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{}/outbox\"\n\
             [history]\nkey_file = \"{0}/history.key\"\n\
             [forward]\nkind = \"amqp\"\nurl = \"amqp://127.0.0.1:1\"\n",
            folder.display()
        );
        let config =
            crate::config::Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"));
        let sets = crate::sets::Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"));
        let holds = crate::outbox::Holds { delivered: true, ..Default::default() };
        let options = crate::outbox::Options { holds, ..Default::default() };
        let (outbox, writer) = crate::outbox::Outbox::open(&config.outbox.dir, &options).unwrap();
        let road = Road::new(config, sets, outbox, Arc::default());
        road.journeys.open(&road.config, road.outbox.clone()).unwrap();
        (Arc::new(road), writer)
    }
}
