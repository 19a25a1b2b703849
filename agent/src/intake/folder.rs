//! The drop folder: a HIS that cannot call writes files, and finds the answers beside them.
//!
//! A file that is whole is claimed by a rename into `working/ID/`, taken like a message with that id,
//! answered in `answers/`, and moved to `archive/DAY/` or, refused, to `failed/`. What a crash leaves in
//! `working` is taken again under its id: stored records are found to be duplicates, and a dead letter
//! that is there already is not written twice. Nothing is moved on before the disk has the message.
//!
//! A door has a thread of its own: a network share that hangs then holds up nobody else. Files are
//! taken one after another, so that their order is that of the records.
//!
//! File names may hold patients' names: they are in no log and no metric.

mod archive;
mod held;
mod look;
mod place;
mod rest;
mod told;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use axum::response::Response;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::held::Held;
use self::look::{Found, Seen};
use self::place::{Claim, Claimed, Place};
use self::rest::{Rest, Resting};
use super::answer::Said;
use super::{Road, messages};
use crate::config::{Answers, ChannelConfig, FolderConfig};
use crate::sets::watch::{self, Notices};

/// How all drop folders stand.
#[derive(Debug, Default)]
pub struct Folders(Mutex<BTreeMap<String, Standing>>);

/// How one stands.
#[derive(Clone, Debug, Default)]
struct Standing {
    trouble: Option<Trouble>,
    waiting: usize,
    foreign: usize,
    unreadable: usize,
    /// Of those that cannot be moved, how many have stood so for long.
    held: usize,
    restless: usize,
}

/// Why a folder is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Trouble {
    code: &'static str,
    reason: String,
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Trouble {
        Trouble { code: "I191", reason: error.to_string() }
    }
}

impl Folders {
    /// For `/readyz`: by channel.
    pub(super) fn standing(&self) -> Value {
        let told = |it: &Standing| {
            json!({
                "state": if it.trouble.is_some() { "stopped" } else { "open" },
                "code": it.trouble.as_ref().map(|it| it.code),
                "reason": it.trouble.as_ref().map(|it| it.reason.clone()),
                "waiting": it.waiting,
                "foreign": it.foreign,
                "unreadable": it.unreadable,
                "restless": it.restless,
            })
        };
        self.locked().iter().map(|(name, it)| (name.clone(), told(it))).collect()
    }

    /// The folders that are not served, or not wholly, for whoever should look at it.
    pub(super) fn alerts(&self) -> Vec<(&'static str, String)> {
        let told = |(name, it): (&String, &Standing)| {
            let what = format!("通道 {name} 的投放目录：");
            match &it.trouble {
                Some(trouble) => Some((trouble.code, what + &trouble.reason)),
                None if it.held > 0 => {
                    Some(("I194", format!("{what}{} 个文件一直移不动，没有收", it.held)))
                }
                None if it.restless > 0 => {
                    Some(("I196", format!("{what}{} 个文件一直在变，没有收", it.restless)))
                }
                None => None,
            }
        };
        self.locked().iter().filter_map(told).collect()
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A channel's drop folder that is not served yet.
#[derive(Debug)]
pub struct FolderDoor {
    channel: String,
    config: FolderConfig,
}

impl FolderDoor {
    /// The door of a channel; nothing if it has none.
    pub fn of(channel: &ChannelConfig) -> Option<FolderDoor> {
        let config = channel.folder.clone()?;
        Some(FolderDoor { channel: channel.name.clone(), config })
    }

    /// Serves until told to stop, then until the file in hand is answered.
    pub async fn serve(self, road: Arc<Road>, stop: CancellationToken) {
        let (bell, notices) = sync_channel(1);
        let wake = bell.clone();
        let (ends, end) = oneshot::channel::<()>();
        let keeper = Keeper {
            road,
            channel: self.channel,
            config: self.config,
            runtime: Handle::current(),
            stop: stop.clone(),
            open: None,
            bell,
            seen: Seen::default(),
            resting: Resting::default(),
            held: Held::default(),
            told: None,
            looked_back: None,
        };
        let started = thread::Builder::new().name("folder".to_owned()).spawn(move || {
            keeper.run(&notices);
            drop(ends);
        });
        if let Err(error) = started {
            tracing::error!(%error, "no thread for a drop folder");
            return;
        }
        stop.cancelled().await;
        let _ = wake.try_send(()); // one that is rung already wakes it as well
        let _ = end.await;
    }
}

/// What serves one folder.
struct Keeper {
    road: Arc<Road>,
    channel: String,
    config: FolderConfig,
    runtime: Handle,
    stop: CancellationToken,
    /// The folder, locked, and the kernel's notices about it.
    open: Option<(Place, Option<Notices>)>,
    bell: SyncSender<()>,
    seen: Seen,
    /// The files in hand that are waited for.
    resting: Resting,
    /// Those that cannot be moved.
    held: Held,
    /// What was last told to the log, so that it is told once.
    told: Option<Standing>,
    /// When old files were last let go.
    looked_back: Option<Instant>,
}

/// What became of a claimed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Moved,
    /// It stays in hand: there is no room just now.
    Stays,
}

impl Keeper {
    fn run(mut self, notices: &Receiver<()>) {
        while !self.stop.is_cancelled() {
            // A panic in there is a fault of ours; the file stays in hand and the agent goes on.
            let round = catch_unwind(AssertUnwindSafe(|| self.round()));
            let round = round.unwrap_or_else(|_| Err(panicked()));
            let wait = match round {
                Ok(wait) => wait,
                Err(trouble) => {
                    self.open = None;
                    self.stand(Standing { trouble: Some(trouble), ..Standing::default() });
                    self.config.poll
                }
            };
            if !self.stop.is_cancelled() && notices.recv_timeout(wait).is_ok() {
                thread::sleep(BREATH); // a copy of many files rings for each
            }
        }
    }

    /// One look at the folder; how long to wait for the next.
    fn round(&mut self) -> Result<Duration, Trouble> {
        let place = self.place()?;
        for claim in place.claims(&self.config)? {
            if self.stop.is_cancelled() {
                return Ok(self.config.poll);
            }
            match self.rest(&claim, None) {
                Rest::Restless => {}
                Rest::Whole if self.take(&place, &claim, true)? == Fate::Moved => {}
                _ => return Ok(AGAIN_AFTER),
            }
        }
        let mut found = self.seen.look(place.dir(), &self.config)?;
        self.held.pass_over(&mut found);
        self.stand(self.standing_of(&found));
        for (name, look) in &found.ready {
            if self.stop.is_cancelled() {
                break;
            }
            let claim = match place.claim(name, &self.config)? {
                Claimed::InHand(claim) => claim,
                Claimed::Vanished => continue,
                Claimed::Held => {
                    self.held.add(name);
                    continue;
                }
            };
            match self.rest(&claim, Some(*look)) {
                Rest::Restless => {}
                Rest::Whole if self.take(&place, &claim, false)? == Fate::Moved => {}
                _ => return Ok(AGAIN_AFTER),
            }
        }
        self.let_go(&place)?;
        Ok(self.seen_again(&found).min(self.config.poll))
    }

    /// The folder, opened anew when it is not what it was.
    fn place(&mut self) -> Result<Place, Trouble> {
        if let Some((place, _)) = &self.open
            && place.is_there()
        {
            return Ok(place.clone());
        }
        self.open = None;
        let place = Place::open(&self.config.dir)?;
        let notices = watch::notices(place.dir(), self.bell.clone());
        tracing::info!(channel = %self.channel, folder = %place.dir().display(), notices = notices.is_some(), "serving a folder");
        self.open = Some((place.clone(), notices));
        Ok(place)
    }

    /// After the files of a long round the counts are old.
    fn seen_again(&mut self, found: &Found) -> Duration {
        if found.ready.is_empty() {
            return found.next;
        }
        let waiting = found.waiting - found.ready.len();
        self.stand(Standing { waiting, ..self.standing_of(found) });
        BREATH // more may have come meanwhile
    }

    /// Takes a claimed file, answers it and moves it on.
    fn take(&self, place: &Place, claim: &Claim, again: bool) -> Result<Fate, Trouble> {
        let opened = match claim.open() {
            Ok(opened) => opened,
            Err(code) => {
                let text = told::untaken(code, &claim.id);
                self.answer(place, claim, false, text.as_bytes())?;
                place.fail(claim, &text, &self.config)?;
                self.count("failed");
                return Ok(Fate::Moved);
            }
        };
        // The sender need not have synced it: it is on the disk before anything is said of it.
        place::lenient(opened.file.sync_all())?;
        let id = claim.id.clone();
        let answer = messages::receive_file(&self.road, &self.channel, id, opened.file, again);
        let answer = self.runtime.block_on(answer);
        if answer.extensions().get::<Said>().is_some_and(|it| it.may_come_again) {
            self.count("again");
            return Ok(Fate::Stays);
        }
        if claim.look() != Some(opened.look) {
            tracing::warn!(message_id = claim.id, channel = %self.channel, code = "I195", "the file was written to while it was taken");
            place.claim_anew(claim)?;
            self.count("again");
            return Ok(Fate::Stays);
        }
        self.settle(place, claim, answer)?;
        Ok(Fate::Moved)
    }

    fn settle(&self, place: &Place, claim: &Claim, answer: Response) -> Result<(), Trouble> {
        // A dialect may say a refusal with any status.
        let is_taken = answer.extensions().get::<Said>().is_none();
        let text = told::text(&answer, &claim.id);
        let body = match self.config.answers {
            Answers::Body => self.runtime.block_on(body(answer)),
            _ => text.clone().into_bytes(),
        };
        self.answer(place, claim, is_taken, &body)?;
        if is_taken {
            place.archive(claim, &self.config)?;
        } else {
            place.fail(claim, &text, &self.config)?;
        }
        self.count(if is_taken { "taken" } else { "failed" });
        Ok(())
    }

    fn answer(
        &self,
        place: &Place,
        claim: &Claim,
        is_taken: bool,
        bytes: &[u8],
    ) -> Result<(), Trouble> {
        if self.config.answers != Answers::Nothing {
            place.answer(claim, is_taken, bytes)?;
        }
        Ok(())
    }

    /// Lets old files go, now and then.
    fn let_go(&mut self, place: &Place) -> Result<(), Trouble> {
        if self.looked_back.is_none_or(|it| it.elapsed() > LOOK_BACK_EVERY) {
            self.looked_back = Some(Instant::now());
            place.let_go(self.config.keep_days)?;
            place.keep_within(self.config.keep_bytes_max)?;
        }
        Ok(())
    }

    /// Tells how the folder stands, and the log when that is new.
    fn stand(&mut self, standing: Standing) {
        let channel = &self.channel;
        let label = || channel.clone();
        let open = if standing.trouble.is_none() { 1.0 } else { 0.0 };
        metrics::gauge!("his_agent_folder_open", "channel" => label()).set(open);
        metrics::gauge!("his_agent_folder_waiting", "channel" => label())
            .set(f64::from(u32::try_from(standing.waiting).unwrap_or(u32::MAX)));
        let before = self.told.take().unwrap_or_default();
        if let Some(it) = &standing.trouble
            && before.trouble != standing.trouble
        {
            tracing::warn!(%channel, code = it.code, reason = it.reason, "a folder is not served");
        }
        if standing.foreign > before.foreign {
            tracing::warn!(%channel, code = "I193", count = standing.foreign, "no files in a drop folder");
        }
        if standing.unreadable > before.unreadable {
            tracing::warn!(%channel, code = "I194", count = standing.unreadable, "files that cannot be read or moved");
        }
        if standing.restless > before.restless {
            tracing::warn!(%channel, code = "I196", count = standing.restless, "files that never rest were passed over");
        }
        self.road.folders.locked().insert(channel.clone(), standing.clone());
        self.told = Some(standing);
    }

    fn standing_of(&self, found: &Found) -> Standing {
        let Found { waiting, foreign, unreadable, restless, .. } = *found;
        let restless = restless + self.resting.restless();
        let (unreadable, held) =
            (unreadable + self.held.count(), self.held.long(self.config.rest_max));
        Standing { trouble: None, waiting, foreign, unreadable, held, restless }
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!("his_agent_folder_files_total", "channel" => self.channel.clone(), "outcome" => outcome)
            .increment(1);
    }
}

fn panicked() -> Trouble {
    Trouble { code: "I191", reason: "a fault of the program; it is tried again".to_owned() }
}

async fn body(answer: Response) -> Vec<u8> {
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    body.expect("an answer is in memory").into()
}

const BREATH: Duration = Duration::from_millis(50);
/// How long a file waits that was told "busy".
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const LOOK_BACK_EVERY: Duration = Duration::from_mins(10);
