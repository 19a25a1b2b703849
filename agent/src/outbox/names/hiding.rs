//! Hides the names of what was taken in while the agent runs, a little at a time; and shows them again for an
//! earlier release, while it does not.

use std::path::Path;
use std::time::Duration;

use jiff::civil::DateTime;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::super::opening::Opened;
use super::super::store::{Chunk, Durability, Family};
use super::super::{
    FORMAT, HIDDEN, HIDES_AFTER, Options, Outbox, StoreError, blocking, format, opening,
};
use super::{ALL, Form};
use crate::clock;

/// What one step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Step {
    /// An earlier release may yet come back.
    Waits,
    /// From now on names are hidden.
    Begun,
    /// There is more to do.
    Went,
    /// All are hidden, or what is left cannot be read.
    Done,
}

impl Outbox {
    /// One step. Blocks.
    pub(in super::super) fn hide_some(&self, now: DateTime) -> Result<Step, StoreError> {
        match self.shared.names.form() {
            Form::Plain => self.begin_to_hide(now),
            Form::Both => self.hide_more(),
            Form::Hidden => Ok(Step::Done),
        }
    }

    /// Names stay as they are for a week after this release has first seen them.
    fn begin_to_hide(&self, now: DateTime) -> Result<Step, StoreError> {
        let store = self.shared.store()?;
        let now = u64::try_from(clock::instant(now).as_millisecond()).unwrap_or(0);
        let mut batch = store.batch();
        let step = match opening::row(&store, HIDES_AFTER)? {
            Some([after]) if now < after => return Ok(Step::Waits),
            Some([_]) => {
                batch.put(Family::Meta, FORMAT, &format::numbers([format::FORMAT]));
                Step::Begun
            }
            None => {
                batch.put(Family::Meta, HIDES_AFTER, &format::numbers([now + PLAIN_FOR_MS]));
                Step::Waits
            }
        };
        self.may_keep_house()?;
        batch.write(Durability::Synced)?;
        if step == Step::Begun {
            self.shared.names.take(Form::Both);
            info!("business keys are hidden from now on; an earlier release refuses this store");
        } else {
            info!("an earlier release can be put back for a week; then business keys are hidden");
        }
        Ok(step)
    }

    fn hide_more(&self) -> Result<Step, StoreError> {
        self.may_keep_house()?;
        let (store, hider) = (self.shared.store()?, &self.shared.names.hider);
        let [come_to] = opening::row(&store, HIDDEN)?.unwrap_or([0]);
        let from = come_to.to_be_bytes();
        let place = |chunk: &Chunk| chunk.next.as_deref().map_or(ALL, begin);
        let chunk = store.rename(
            (Family::Seen, &from),
            |key, value| hider.hidden(&store, key, value),
            |batch, chunk| batch.put(Family::Meta, HIDDEN, &format::numbers([place(chunk)])),
        )?;
        if chunk.damaged > 0 {
            warn!("business keys behind a damaged block are hidden at the next start");
            return Ok(Step::Done);
        }
        let next = place(&chunk);
        if is_stretch(come_to, next) {
            // What was removed is to be gone from the disk: a stretch of names at a time.
            store.compact(Family::Seen, &[stretch(come_to)], &next.to_be_bytes());
        }
        if next == ALL {
            store.sync()?;
            self.shared.names.take(Form::Hidden);
            info!("all business keys are hidden");
            return Ok(Step::Done);
        }
        Ok(Step::Went)
    }
}

/// Hides what is to be hidden, until told to stop.
pub(crate) async fn keep(outbox: Outbox, stop: CancellationToken) {
    loop {
        let working = outbox.clone();
        let came_to = blocking(move || working.hide_some(clock::now_for_ageing())).await;
        let wait = async {
            match came_to {
                Ok(Step::Waits) => tokio::time::sleep(LOOK_AGAIN).await,
                // A group that was begun before may write plain names yet.
                Ok(Step::Begun) => outbox.answers().await,
                Ok(Step::Went) => tokio::time::sleep(PAUSE).await,
                Err(ref error) if error.is_full() => tokio::time::sleep(PAUSE_WHEN_FULL).await,
                Ok(Step::Done) | Err(_) => {}
            }
        };
        tokio::select! {
            () = wait => {}
            () = stop.cancelled() => return,
        }
        match came_to {
            Ok(Step::Done) | Err(StoreError::Stopped) => return,
            Err(error) if !error.is_full() => {
                warn!(%error, "business keys wait to be hidden");
                outbox.shared.refuse(error);
                return;
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// Gives a store back the form that releases before format 3 read. Gives how many names it changed; nothing is
/// lost. Killed half way, this release finds all of them, and an earlier one refuses it as before.
pub fn to_earlier_format(dir: &Path, options: &Options) -> Result<u64, StoreError> {
    let Opened { store, form, .. } = opening::open(dir, options)?;
    if form == Form::Plain {
        return Ok(0);
    }
    let hider = store.vault().hider();
    let mut batch = store.batch();
    batch.put(Family::Meta, HIDDEN, &format::numbers([0]));
    batch.write(Durability::Synced)?;
    let (mut from, mut count) = (Vec::new(), 0);
    loop {
        let place = (Family::Seen, &from[..]);
        let chunk = store.rename(place, |key, value| hider.plain(key, value), |_, _| {})?;
        if chunk.damaged > 0 {
            return Err(StoreError::damaged("a block of what was seen: salvage the store first"));
        }
        count += chunk.sealed;
        match chunk.next {
            Some(next) => from = next,
            None => break,
        }
    }
    let mut batch = store.batch();
    batch.put(Family::Meta, FORMAT, &format::numbers([format::SEALED_SINCE]));
    batch.delete(Family::Meta, HIDDEN);
    batch.delete(Family::Meta, HIDES_AFTER);
    batch.write(Durability::Synced)?;
    Ok(count)
}

fn begin(key: &[u8]) -> u64 {
    key.first_chunk().map_or(0, |it| u64::from_be_bytes(*it))
}

/// A part of all names, small enough to be written anew at once.
const fn stretch(place: u64) -> u8 {
    place.to_be_bytes()[0]
}

const fn is_stretch(from: u64, next: u64) -> bool {
    next == ALL || stretch(from) < stretch(next)
}

/// How long a store of before stays as it is.
const PLAIN_FOR_MS: u64 = 7 * 86_400_000;
const LOOK_AGAIN: Duration = Duration::from_hours(1);
/// Between two steps, so that messages hardly notice.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_WHEN_FULL: Duration = Duration::from_secs(10);
