//! What can be asked of the writer, and who waits for an answer.

use tokio::sync::oneshot;
use tracing::debug;

use super::StoreError;
use super::seen::{Identity, State};
use crate::envelope::{DeadLetter, Receipt, Release, Submission, UnknownCode};

/// Whoever asked for something to be stored, waiting.
pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// One request.
pub(super) enum Command {
    /// Store a message's records.
    Append(Box<Append>, Answer<Receipt>),
    /// Keep a dead letter; answered with the id of the message that it is found under.
    Bury(Box<DeadLetter>, Answer<String>),
    /// Keep a dead letter about a record of this number, which leaves the queue.
    Refuse(u64, Box<DeadLetter>, Answer<String>),
    /// Remove a dead letter.
    Discard(u64, Answer<bool>),
    /// Carry out what was decided about parked messages.
    Release(Vec<Releasing>, Answer<()>),
    /// Move what cannot be read from the queue to the dead letters.
    SetAside(Unreadable),
    /// Something that is parked cannot be read: put it aside, so that nobody waits behind it.
    LookThroughParked,
    /// Something was settled; the cursor may have moved.
    Settled,
    /// Nothing; whoever asks wants to know that the writer moves.
    Look(Answer<()>),
    /// Room is short: remove what was delivered now, however little it is.
    Reclaim,
    /// The disk was full: try whether it takes a write again.
    Retry,
    /// Finish what was accepted, and close.
    Stop,
}

/// A submission with what could be prepared before it reached the writer.
pub(super) struct Append {
    pub(super) submission: Submission,
    pub(super) identities: Vec<Identity>,
    /// Codes that it waits for; none, if it may go on.
    pub(super) unknown: Vec<UnknownCode>,
    /// It is the state of its source.
    pub(super) state: Option<State>,
    /// The bytes it came in, as a row, if they are kept.
    pub(super) raw: Option<Raw>,
    /// About how much memory it takes while it waits.
    pub(super) bytes: usize,
}

/// A message's bytes as they are stored: key and value.
pub(super) type Raw = (Vec<u8>, Vec<u8>);

/// A decision about a parked message, with what could be prepared before it reached the writer.
pub(super) struct Releasing {
    pub(super) number: u64,
    pub(super) release: Release,
    /// Of the submission's records, if it is accepted.
    pub(super) identities: Vec<Identity>,
    /// The bytes it came in, if it is accepted and they are kept.
    pub(super) raw: Option<Raw>,
}

/// A stretch of the queue that cannot be read.
#[derive(Clone, Debug)]
pub(super) struct Unreadable {
    pub(super) first_seq: u64,
    pub(super) end_seq: u64,
    /// What is stored there, when there is anything.
    pub(super) value: Vec<u8>,
    pub(super) code: &'static str,
    pub(super) reason: String,
}

/// What is to be done in one group, apart from those who wait for it.
#[expect(clippy::struct_excessive_bools, reason = "each asks for something of its own")]
#[derive(Default)]
pub(super) struct Work {
    pub(super) appends: Vec<Append>,
    pub(super) releases: Vec<Releasing>,
    pub(super) letters: Vec<DeadLetter>,
    /// Numbers of records that some of the letters are about.
    pub(super) refused: Vec<u64>,
    pub(super) discards: Vec<u64>,
    pub(super) unreadable: Vec<Unreadable>,
    /// Put aside what is parked and cannot be read.
    pub(super) look_through_parked: bool,
    /// Remove what was delivered, however little it is.
    pub(super) reclaim: bool,
    /// Write something, to see whether the disk takes it.
    pub(super) retry: bool,
    /// The end: leave nothing to memory.
    pub(super) last: bool,
}

impl Work {
    /// Where the stretches begin that are to be set aside.
    pub(super) fn aside(&self) -> Vec<u64> {
        self.unreadable.iter().map(|it| it.first_seq).collect()
    }
}

/// What was done in one group, in the order of [`Work`].
#[derive(Default)]
pub(super) struct Done {
    pub(super) receipts: Vec<Receipt>,
    pub(super) letters: Vec<String>,
    pub(super) discarded: Vec<bool>,
}

/// Those who wait for one group. They are held apart from the work, so that whatever goes wrong
/// with it, each of them gets an answer.
#[derive(Default)]
pub(super) struct Waiting {
    appends: Vec<Answer<Receipt>>,
    letters: Vec<Answer<String>>,
    /// Who gave decisions, or only looks on.
    others: Vec<Answer<()>>,
    discards: Vec<Answer<bool>>,
}

impl Waiting {
    /// Parts a command into work and a place in the line.
    pub(super) fn part(&mut self, command: Command, work: &mut Work) {
        match command {
            Command::Append(append, answer) => {
                work.appends.push(*append);
                self.appends.push(answer);
            }
            Command::Bury(letter, answer) => {
                work.letters.push(*letter);
                self.letters.push(answer);
            }
            Command::Refuse(seq, letter, answer) => {
                work.refused.push(seq);
                work.letters.push(*letter);
                self.letters.push(answer);
            }
            Command::Release(releases, answer) => {
                work.releases.extend(releases);
                self.others.push(answer);
            }
            Command::Look(answer) => self.others.push(answer),
            Command::Discard(id, answer) => {
                work.discards.push(id);
                self.discards.push(answer);
            }
            Command::SetAside(unreadable) => work.unreadable.push(unreadable),
            Command::LookThroughParked => work.look_through_parked = true,
            Command::Reclaim => work.reclaim = true,
            Command::Retry => work.retry = true,
            Command::Settled | Command::Stop => {}
        }
    }

    /// It is on disk.
    pub(super) fn answer(self, done: Done) {
        for (answer, receipt) in self.appends.into_iter().zip(done.receipts) {
            tell(answer, Ok(receipt));
        }
        for (answer, id) in self.letters.into_iter().zip(done.letters) {
            tell(answer, Ok(id));
        }
        for answer in self.others {
            tell(answer, Ok(()));
        }
        for (answer, there) in self.discards.into_iter().zip(done.discarded) {
            tell(answer, Ok(there));
        }
    }

    /// It is not known to be on disk.
    pub(super) fn fail(self, error: &StoreError) {
        for answer in self.appends {
            tell(answer, Err(error.clone()));
        }
        for answer in self.letters {
            tell(answer, Err(error.clone()));
        }
        for answer in self.others {
            tell(answer, Err(error.clone()));
        }
        for answer in self.discards {
            tell(answer, Err(error.clone()));
        }
    }
}

/// A caller who has gone away is no fault: what it asked for is done, and a resend will find it.
fn tell<T>(answer: Answer<T>, result: Result<T, StoreError>) {
    if answer.send(result).is_err() {
        debug!("nobody waits for this answer any more");
    }
}
