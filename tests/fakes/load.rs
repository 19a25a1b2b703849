//! A hospital's morning: callers that send one message after another, each its own, and keep what
//! they were promised.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::cases::{Case, Message};
use crate::his::{self, Answer, Caller};
use crate::obligations::Obligations;

/// Callers at work.
#[derive(Debug)]
pub struct Load {
    work: Arc<Work>,
    callers: Vec<JoinHandle<()>>,
}

/// How a caller takes it when no answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It sends the same message again until it is answered, as a HIS with a queue does.
    UntilAnswered,
    /// It gives up, as a HIS without one does.
    Once,
}

/// What the callers met, all together.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Messages with a receipt.
    pub accepted: u64,
    /// Calls that ended without an answer: refused, cut, reset.
    pub unanswered: u64,
    /// Answers "busy".
    pub busy: u64,
    /// Receipts of messages that had been stored already.
    pub duplicates: u64,
    /// The request ids of all receipts, which are the ids of the messages.
    pub request_ids: Vec<String>,
}

#[derive(Debug)]
struct Work {
    his: SocketAddr,
    patience: Patience,
    pause: Duration,
    cases: Vec<Case>,
    next: AtomicU64,
    stop: AtomicBool,
    obligations: Arc<Obligations>,
    tally: std::sync::Mutex<Tally>,
}

impl Load {
    /// Starts that many callers; messages are numbered from 1 on.
    pub fn start(
        his: SocketAddr,
        callers: usize,
        pause: Duration,
        patience: Patience,
        obligations: &Arc<Obligations>,
    ) -> Load {
        Load::numbered(his, callers, pause, patience, 1, obligations)
    }

    fn numbered(
        his: SocketAddr,
        callers: usize,
        pause: Duration,
        patience: Patience,
        first: u64,
        obligations: &Arc<Obligations>,
    ) -> Load {
        let work = Arc::new(Work {
            his,
            patience,
            pause,
            cases: Case::all(),
            next: AtomicU64::new(first),
            stop: AtomicBool::new(false),
            obligations: Arc::clone(obligations),
            tally: std::sync::Mutex::default(),
        });
        let caller = |_| {
            let work = Arc::clone(&work);
            thread::spawn(move || work.call())
        };
        let callers = (0..callers).map(caller).collect();
        Load { work, callers }
    }

    /// The same with messages numbered from `first` on, for callers that wait for every answer.
    pub fn from(
        his: SocketAddr,
        callers: usize,
        first: u64,
        obligations: &Arc<Obligations>,
    ) -> Load {
        Load::numbered(his, callers, Duration::ZERO, Patience::UntilAnswered, first, obligations)
    }

    /// What the callers have met by now.
    pub fn tally(&self) -> Tally {
        self.work.tally.lock().expect("no caller has failed").clone()
    }

    /// Lets every caller finish the message it has in hand. Fails when one of them met an answer
    /// that no good message should get.
    #[track_caller]
    pub fn stop(self) -> Tally {
        self.work.stop.store(true, Ordering::SeqCst);
        for caller in self.callers {
            if let Err(panic) = caller.join() {
                std::panic::resume_unwind(panic);
            }
        }
        self.work.tally.lock().expect("no caller has failed").clone()
    }
}

impl Work {
    fn call(&self) {
        let mut line = None;
        while !self.stop.load(Ordering::SeqCst) {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            // Every tenth call is on a connection of its own, the others keep theirs.
            if number.is_multiple_of(10) {
                line = None;
            }
            let position = usize::try_from(number).unwrap_or(0) % self.cases.len();
            let message = self.cases.get(position).expect("within").numbered(number);
            if !self.deliver(&mut line, &message) {
                return;
            }
            thread::sleep(self.pause);
        }
    }

    /// Sends until there is a receipt. False when the caller has given up.
    fn deliver(&self, line: &mut Option<Caller>, message: &Message) -> bool {
        let deadline = Instant::now() + GIVE_UP;
        loop {
            match self.attempt(line, message) {
                Ok(answer) if answer.status == 200 => {
                    self.keep(message, &answer);
                    return true;
                }
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "a good message met: {}", answer.text());
                    self.count(|tally| tally.busy += 1);
                }
                Err(_) => {
                    *line = None;
                    self.count(|tally| tally.unanswered += 1);
                    if self.patience == Patience::Once {
                        return false;
                    }
                }
            }
            assert!(Instant::now() < deadline, "no answer for {GIVE_UP:?}");
            thread::sleep(RETRY);
        }
    }

    fn attempt(&self, line: &mut Option<Caller>, message: &Message) -> std::io::Result<Answer> {
        let caller = match line {
            Some(caller) => caller,
            None => line.insert(Caller::connect(self.his)?),
        };
        caller.send(message)
    }

    fn keep(&self, message: &Message, answer: &Answer) {
        let said = answer.said();
        assert_eq!(said.code, 0, "a good message met: {}", answer.text());
        self.obligations.note(message, &said.receipt);
        let duplicate = said.receipt.records.iter().any(|it| it.status == "duplicate");
        self.count(|tally| {
            tally.accepted += 1;
            tally.duplicates += u64::from(duplicate);
            tally.request_ids.push(said.request_id);
        });
    }

    fn count(&self, add: impl FnOnce(&mut Tally)) {
        add(&mut self.tally.lock().expect("no caller has failed"));
    }
}

/// Sends one message, and keeps what was promised.
#[track_caller]
pub fn send(his: SocketAddr, message: &Message, obligations: &Obligations) -> his::Receipt {
    let answer = his::send(his, message).expect("the agent answers");
    assert_eq!(answer.status, 200, "{}: {}", message.channel, answer.text());
    let receipt = answer.said().receipt;
    obligations.note(message, &receipt);
    receipt
}

const RETRY: Duration = Duration::from_millis(10);
/// Longer than any outage in a proof.
const GIVE_UP: Duration = Duration::from_mins(2);
