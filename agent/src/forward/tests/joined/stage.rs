//! The outbox as the forwarder sees it here: each step is noted, and is over before the next one begins.

use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::*;

/// One agent: it ends with its outbox.
pub(super) struct Stage {
    pub(super) outbox: Outbox,
    pub(super) ledger: Arc<Mutex<Ledger>>,
}

impl Stage {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// After the end nothing goes on.
    fn unless_ended(&self) -> Result<(), StoreError> {
        if self.outbox.has_ended() { Err(StoreError::Stopped) } else { Ok(()) }
    }
}

impl Source for Stage {
    fn oldest(
        &self,
        after_seq: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Envelope>, StoreError> {
        self.outbox.oldest(after_seq, records_max, bytes_max)
    }

    fn last_seq(&self) -> u64 {
        self.outbox.last_seq()
    }

    fn may_pass(&self, record: &Envelope, is_in_hand: &dyn Fn(u64) -> bool) -> Option<bool> {
        self.outbox.may_pass(record, is_in_hand)
    }

    fn take_again(&self, records_max: usize) -> Vec<Envelope> {
        self.outbox.take_again(records_max)
    }

    fn once_more(&self, seq: u64) -> Result<Option<Envelope>, StoreError> {
        let found = self.outbox.once_more(seq)?;
        if found.is_none() {
            self.ledger().gone(seq, self.outbox.lowest_seq());
        }
        Ok(found)
    }

    fn settle(&self, seqs: &[u64]) -> Result<(), StoreError> {
        self.ledger().settle(seqs);
        self.outbox.settle(seqs)?;
        wait(self.outbox.answers());
        self.unless_ended()
    }

    async fn refuse(&self, seq: u64, letter: DeadLetter) -> Result<(), StoreError> {
        self.ledger().refusing = Some(seq);
        wait(self.outbox.refuse(seq, letter))?;
        self.unless_ended()?;
        self.ledger().refused();
        Ok(())
    }

    async fn appended(&self) {
        self.outbox.appended().await;
    }
}

/// Waits on the spot: paused time would go on meanwhile, by as much as the disk takes.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Caller(Thread);
    impl Wake for Caller {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Caller(thread::current())));
    let mut future = pin!(tokio::task::unconstrained(future));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}
