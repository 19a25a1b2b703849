//! Parcels in flight on one channel, and which of their answers can be believed.
//!
//! The broker returns what no queue wants before it acknowledges it, and the AMQP library below
//! us queues such returns and hands the first of them to whichever answer comes next. With
//! several parcels in flight the return of parcel 5 may thus ride on the answer to parcel 3, and
//! parcel 5 itself look delivered. Two rules make the answers whole again:
//!
//! - a return belongs to the parcel whose message id it carries, whatever it came with;
//! - an acknowledgement is passed on only when all parcels before it are answered too.
//!
//! Why that is enough: returns come in the order of publishing, each before the acknowledgement of
//! its own parcel, and every answer takes one return off the library's queue. When parcels 1 to k
//! are answered, at least as many answers as there are returns among them have come since, so the
//! return of k, if there is one, is off the queue and on an answer that can be looked at. Waiting
//! for the elders costs little: the outbox moves on from its lowest record anyway.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::error::{BrokerError, Confirm};

/// What came back for one parcel, as the library tells it.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Confirmed, nacked or not requested.
    pub(crate) answer: Confirm,
    /// A return that rode on it: the message id it carries, and the return.
    pub(crate) carried: Option<(String, Confirm)>,
}

/// Resolves when the broker has answered one parcel.
pub(crate) type PendingReply = Pin<Box<dyn Future<Output = Result<Reply, BrokerError>> + Send>>;

/// Parcels in flight, in the order they were sent.
#[derive(Default)]
pub(crate) struct Unanswered {
    entries: VecDeque<Entry>,
    // Returns whose parcel has not been passed on yet, by message id.
    returns: Vec<(String, Confirm)>,
}

struct Entry {
    ticket: u64,
    message_id: String,
    stage: Stage,
}

enum Stage {
    Waiting(PendingReply),
    Answered(Confirm),
    Failed(BrokerError),
}

impl Unanswered {
    /// Adds a parcel and starts its sending: parcels leave in the order of these calls.
    pub(crate) fn push(&mut self, ticket: u64, message_id: String, reply: PendingReply) {
        let mut entry = Entry { ticket, message_id, stage: Stage::Waiting(reply) };
        entry.poll(&mut Context::from_waker(Waker::noop()), &mut self.returns);
        self.entries.push_back(entry);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The answers that can be believed by now, at least one; else the reason why there will be
    /// none. Pending while the oldest parcel is unanswered, and when there is no parcel.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Vec<(u64, Confirm)>, BrokerError>> {
        // Only the oldest has to wake us, since nothing is passed on before it.
        let Some(oldest) = self.entries.front_mut() else { return Poll::Pending };
        oldest.poll(cx, &mut self.returns);
        match &oldest.stage {
            Stage::Waiting(_) => Poll::Pending,
            Stage::Failed(error) => Poll::Ready(Err(error.clone())),
            Stage::Answered(_) => Poll::Ready(self.sweep()),
        }
    }

    fn sweep(&mut self) -> Result<Vec<(u64, Confirm)>, BrokerError> {
        // From the oldest on: whatever makes the front of the queue complete has happened before
        // the rest is looked at, so no return of the front can hide in a later answer.
        let mut cx = Context::from_waker(Waker::noop());
        let mut whole = 0;
        for (place, entry) in self.entries.iter_mut().enumerate() {
            entry.poll(&mut cx, &mut self.returns);
            if whole == place && matches!(entry.stage, Stage::Answered(_)) {
                whole += 1;
            }
        }
        let front: Vec<Entry> = self.entries.drain(..whole).collect();
        let answers = front.into_iter().filter_map(|it| self.believe(it)).collect();
        self.doubtless().map(|()| answers)
    }

    fn believe(&mut self, entry: Entry) -> Option<(u64, Confirm)> {
        let Stage::Answered(answer) = entry.stage else { return None };
        let place = self.returns.iter().position(|(id, _)| *id == entry.message_id);
        let returned = place.map(|place| self.returns.swap_remove(place).1);
        Some((entry.ticket, returned.unwrap_or(answer)))
    }

    /// A return must name a parcel that is still here; else no answer can be believed.
    fn doubtless(&self) -> Result<(), BrokerError> {
        let in_flight = |id: &str| self.entries.iter().any(|it| it.message_id == id);
        if self.returns.iter().all(|(id, _)| in_flight(id)) {
            return Ok(());
        }
        Err(BrokerError::Doubt { reason: "a return names no message in flight".to_owned() })
    }
}

impl Entry {
    fn poll(&mut self, cx: &mut Context<'_>, returns: &mut Vec<(String, Confirm)>) {
        let Stage::Waiting(reply) = &mut self.stage else { return };
        self.stage = match reply.as_mut().poll(cx) {
            Poll::Pending => return,
            Poll::Ready(Ok(reply)) => {
                returns.extend(reply.carried);
                Stage::Answered(reply.answer)
            }
            Poll::Ready(Err(error)) => Stage::Failed(error),
        };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use tokio::sync::oneshot::{Sender, channel};

    use super::*;

    #[test]
    fn answers_come_in_the_order_of_sending() {
        check("send 1 2 3; ack 1; ack 2; ack 3", "1 confirmed, 2 confirmed, 3 confirmed");
        check("send 1 2 3; ack 3; ack 2", "");
        check("send 1 2 3; ack 3; ack 1", "1 confirmed");
        check("send 1 2 3; nack 1; ack 2", "1 nacked, 2 confirmed");
    }

    #[test]
    fn a_return_is_matched_by_its_message_id() {
        check("send 1 2 3; return 2; ack 1 2 3", "1 confirmed, 2 returned, 3 confirmed");
        check("send 1 2 3; return 2; ack 3; ack 1; ack 2", "1 confirmed, 2 returned, 3 confirmed");
        check("send 1 2 3; return 3; ack 1", "1 confirmed");
        check("send 1 2 3; return 2; return 3; ack 3", "");
        check("send 1 2 3; return 2; return 3; ack 3 2 1", "1 confirmed, 2 returned, 3 returned");
    }

    #[test]
    fn a_return_that_names_nothing_is_a_doubt() {
        check("send 1 2; return 9; ack 1", "F107");
    }

    #[test]
    fn what_was_answered_before_a_failure_counts() {
        check("send 1 2 3; ack 1; fail 2 3", "1 confirmed, F105");
    }

    /// Any order of answers that a broker can give, any place of the returns: what was returned is
    /// never taken for delivered.
    #[test]
    fn no_order_of_answers_makes_a_returned_parcel_look_delivered() {
        let mut chance = 0x9E37_79B9_7F4A_7C15_u64;
        let mut roll = |below: u64| {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            chance % below
        };
        for round in 0..2_000 {
            let returned: Vec<u64> = (1..=12).filter(|_| roll(3) == 0).collect();
            let mut library = Library::default();
            (1..=12).for_each(|ticket| library.send(ticket));
            let mut open: Vec<u64> = (1..=12).collect();
            let mut unreturned = returned.clone();
            let mut passed_on = Vec::new();
            while !open.is_empty() {
                let ticket = open[usize::try_from(roll(open.len() as u64)).unwrap()];
                // Returns come in order, each before the answer to its own parcel.
                while unreturned.first().is_some_and(|it| *it <= ticket || roll(2) == 0) {
                    library.returned(unreturned.remove(0));
                }
                library.answer(ticket, Confirm::Confirmed);
                open.retain(|it| *it != ticket);
                if roll(2) == 0 {
                    passed_on.extend(library.hear().unwrap_or_default());
                }
            }
            passed_on.extend(library.hear().unwrap_or_default());
            for (ticket, answer) in &passed_on {
                let expected = returned.contains(ticket);
                assert_eq!(
                    matches!(answer, Confirm::Returned { .. }),
                    expected,
                    "round {round}, {ticket}"
                );
            }
            assert_eq!(passed_on.len(), 12, "round {round}");
        }
    }

    /// Behaves like the library below: returns are queued, and the next answer takes one.
    #[derive(Default)]
    struct Library {
        unanswered: Unanswered,
        senders: Vec<(u64, Sender<Result<Reply, BrokerError>>)>,
        returns: VecDeque<(String, Confirm)>,
    }

    impl Library {
        fn send(&mut self, ticket: u64) {
            let (sender, receiver) = channel();
            self.senders.push((ticket, sender));
            let reply = Box::pin(async move { receiver.await.unwrap() });
            self.unanswered.push(ticket, ticket.to_string(), reply);
        }

        fn returned(&mut self, ticket: u64) {
            let no_route = Confirm::Returned { reply_code: 312, reply_text: "NO_ROUTE".to_owned() };
            self.returns.push_back((ticket.to_string(), no_route));
        }

        fn answer(&mut self, ticket: u64, answer: Confirm) {
            let carried = self.returns.pop_front();
            self.resolve(ticket, Ok(Reply { answer, carried }));
        }

        fn resolve(&mut self, ticket: u64, reply: Result<Reply, BrokerError>) {
            let place = self.senders.iter().position(|(it, _)| *it == ticket).unwrap();
            self.senders.remove(place).1.send(reply).unwrap();
        }

        fn hear(&mut self) -> Option<Vec<(u64, Confirm)>> {
            match self.unanswered.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answers) => Some(answers.unwrap()),
                Poll::Pending => None,
            }
        }
    }

    #[track_caller]
    fn check(script: &str, expected: &str) {
        let mut library = Library::default();
        for line in script.split("; ") {
            let (verb, tickets) = line.split_once(' ').unwrap();
            for ticket in tickets.split(' ').map(|it| it.parse().unwrap()) {
                match verb {
                    "send" => library.send(ticket),
                    "return" => library.returned(ticket),
                    "ack" => library.answer(ticket, Confirm::Confirmed),
                    "nack" => library.answer(ticket, Confirm::Nacked),
                    _ => {
                        let reason = "reset".to_owned();
                        library.resolve(ticket, Err(BrokerError::Lost { reason }));
                    }
                }
            }
        }
        let mut heard = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            match library.unanswered.poll(&mut cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(answers)) => heard.extend(answers.iter().map(in_short)),
                Poll::Ready(Err(error)) => {
                    heard.push(error.code().to_owned());
                    break;
                }
            }
        }
        assert_eq!(heard.join(", "), expected);
    }

    fn in_short((ticket, answer): &(u64, Confirm)) -> String {
        let word = match answer {
            Confirm::Confirmed => "confirmed",
            Confirm::Returned { .. } => "returned",
            Confirm::Nacked => "nacked",
            Confirm::Rejected { .. } | Confirm::NotRequested => "other",
        };
        format!("{ticket} {word}")
    }
}
