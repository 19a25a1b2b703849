//! The thread that looks at the disk: twice a second it asks how much is free, opens or closes the
//! doors, and while there is too little has delivered records given back.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::super::command::Command;
use super::super::store::{Family, Store};
use super::super::{Shared, StoreError};
use super::discards::Discards;

/// The thread. It ends when the store is closed.
#[derive(Debug)]
pub(in super::super) struct Watcher(JoinHandle<()>);

impl Watcher {
    /// Waits for the end, which a closed store makes near.
    pub(in super::super) fn join(self) {
        self.0.thread().unpark();
        drop(self.0.join());
    }
}

/// Looks once, so that the doors know before they open, and goes on looking.
pub(in super::super) fn start(
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
) -> Result<Watcher, StoreError> {
    let mut tidied = Tidied::default();
    let mut look = move || {
        let Ok(store) = shared.store() else { return false };
        shared.room.look(store.written());
        if shared.room.has_run_out() {
            // When the channel is full the writer is at work, and will be asked again.
            drop(commands.try_send(Command::Retry));
        } else if shared.room.is_short() {
            make_room(&shared, &store, &commands, &mut tidied);
        }
        true
    };
    look();
    let run = move || {
        while look() {
            thread::park_timeout(LOOK_EVERY);
        }
    };
    thread::Builder::new().name("room".to_owned()).spawn(run).map(Watcher).map_err(|error| {
        StoreError::Failed { operation: "start the watcher's thread", cause: error.to_string() }
    })
}

/// Files that were written anew to make room.
#[derive(Default)]
struct Tidied {
    /// All of the queue below this number.
    queue_to: u64,
    discards: Discards,
}

/// Has what was delivered or discarded removed, and files written anew that hold little else.
fn make_room(shared: &Shared, store: &Store, commands: &SyncSender<Command>, tidied: &mut Tidied) {
    let (lowest, letters, next_letter) = {
        let progress = shared.progress();
        if progress.lowest < progress.cursor || !progress.early().is_empty() {
            drop(commands.try_send(Command::Reclaim));
        }
        (progress.lowest, progress.dead_letters, progress.next_letter)
    };
    if tidied.queue_to < lowest {
        store.compact(Family::Queue, &0_u64.to_be_bytes(), &lowest.to_be_bytes());
        tidied.queue_to = lowest;
    }
    let discarded = next_letter.saturating_sub(letters.saturating_add(1));
    if let Some((from, end)) = tidied.discards.stretch(discarded, next_letter) {
        store.compact(Family::Dead, &from.to_be_bytes(), &end.to_be_bytes());
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(500);
