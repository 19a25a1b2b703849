//! The model's part of lanes: one who sends records, oldest first, and lets past them whom he may.

use tokio_util::sync::CancellationToken;

use super::*;

/// What he has in hand, or had.
#[derive(Default)]
pub(super) struct Sender {
    read_to: u64,
    looked_to: u64,
    passed: BTreeSet<u64>,
}

impl World {
    pub(super) fn learn_lanes(&self) {
        self.house.outbox().learn_lanes(&CancellationToken::new()).unwrap();
    }

    /// He takes some in their order, and looks at some that come behind the backlog.
    pub(super) fn let_past(&mut self) {
        if self.random.below(2) == 0 {
            self.learn_lanes();
        }
        let some = 1 + self.random.up_to(6);
        let outbox = self.house.outbox();
        let taken = outbox.oldest(self.sender.read_to, some, usize::MAX).unwrap();
        let sender = &mut self.sender;
        sender.read_to = taken.last().map_or(sender.read_to, |it| it.seq);
        let from = sender.looked_to.max(sender.read_to) + self.random.below(4);
        for it in outbox.oldest(from, some + 3, usize::MAX).unwrap() {
            self.sender.looked_to = it.seq;
            let (read_to, passed) = (self.sender.read_to, &self.sender.passed);
            let is_in_hand = |seq| seq <= read_to || passed.contains(&seq);
            if outbox.may_pass(&it, &is_in_hand) == Some(true) {
                self.prove_alone(it.seq, &it.lane);
                self.sender.passed.insert(it.seq);
                self.let_past += 1;
            }
        }
    }

    /// Nothing that waits before it in its lane is still where it was.
    fn prove_alone(&self, seq: u64, lane: &str) {
        let is_left = |it: &u64| *it > self.sender.read_to && !self.sender.passed.contains(it);
        let of_lane = |it: &u64| self.model.records[it].lane() == lane;
        let mut left = self.model.waiting().filter(|it| *it < seq && is_left(it) && of_lane(it));
        assert_eq!(left.next(), None, "{seq} of {lane} has gone past it");
    }
}

impl Expected {
    /// Keys are named after their lanes.
    fn lane(&self) -> String {
        let (name, _) = self.key.split_once('.').unwrap();
        name.replace('k', "L")
    }
}
