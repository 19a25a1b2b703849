//! Whether the platform's queue syncs before it confirms. A quorum queue does; a classic one confirms
//! almost without syncing, and a power cut at the platform takes what was confirmed.
//!
//! The broker tells a queue's kind only to whoever declares it as another: it refuses with 406 and names
//! the argument that differs.

use super::Heard;
use super::error::BrokerError;

/// What is known of a queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueueKind {
    Quorum,
    /// It is none, and the broker said so.
    Other(String),
    /// It could not be told, and why.
    Unchecked(String),
}

impl QueueKind {
    /// Nobody said which queue it is.
    pub(super) fn unnamed() -> QueueKind {
        let why = "forward.expect_queue is not set, and without it nobody knows which queue it is";
        QueueKind::Unchecked(why.to_owned())
    }

    /// What an attempt to declare it as a quorum queue has shown. An error that says nothing of the
    /// queue is given back.
    pub(super) fn of(
        queue: &str,
        declared: Result<(), BrokerError>,
    ) -> Result<QueueKind, BrokerError> {
        let (reply_code, reply_text) = match declared {
            Ok(()) => return Ok(QueueKind::Quorum),
            Err(BrokerError::ChannelClosed { reply_code, reply_text }) => (reply_code, reply_text),
            Err(error) => return Err(error),
        };
        let says = |argument: &str| reply_text.contains(&format!("inequivalent arg '{argument}'"));
        // A quorum queue is durable, exclusive to nobody, and stays when its readers go.
        let is_other =
            ["x-queue-type", "durable", "exclusive", "auto_delete"].into_iter().any(says);
        Ok(match reply_code {
            DIFFERS if is_other => {
                QueueKind::Other(format!("queue {queue} is no quorum queue: {reply_text}"))
            }
            DIFFERS => QueueKind::Unchecked(format!(
                "queue {queue} has arguments that hide its type: {reply_text}"
            )),
            MISSING => QueueKind::Unchecked(format!("there is no queue {queue}: {reply_text}")),
            _ => QueueKind::Unchecked(format!(
                "queue {queue} could not be looked at, for which a configure right on it is needed: \
                 {reply_text}"
            )),
        })
    }

    /// What is to be told of it, and what no more.
    pub(super) fn heard(self) -> [Heard; 2] {
        let (other, unchecked) = match self {
            QueueKind::Quorum => (None, None),
            QueueKind::Other(why) => (Some(why), None),
            QueueKind::Unchecked(why) => (None, Some(format!("queue type not checked: {why}"))),
        };
        [Heard::Notice(OTHER, other), Heard::Notice(UNCHECKED, unchecked)]
    }
}

/// The queue is no quorum queue.
const OTHER: &str = "F113";
/// It is not known whether it is one.
const UNCHECKED: &str = "F115";
/// PRECONDITION_FAILED: it is there and is declared otherwise.
const DIFFERS: u16 = 406;
const MISSING: u16 = 404;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_broker_says_of_a_queue_is_told_as_it_is_meant() {
        let arg = |it: &str| format!("PRECONDITION_FAILED - inequivalent arg '{it}' for queue 'q'");
        check(406, &arg("x-queue-type"), "F113");
        check(406, &arg("durable"), "F113");
        check(406, &arg("x-max-length"), "F115");
        check(404, "NOT_FOUND - no queue 'q'", "F115");
        check(403, "ACCESS_REFUSED - access to queue 'q' refused", "F115");
        assert_eq!(QueueKind::of("q", Ok(())), Ok(QueueKind::Quorum));
        let lost = BrokerError::Lost { reason: "gone".to_owned() };
        assert_eq!(QueueKind::of("q", Err(lost.clone())), Err(lost));
    }

    #[track_caller]
    fn check(reply_code: u16, text: &str, expected: &str) {
        let closed = BrokerError::ChannelClosed { reply_code, reply_text: text.to_owned() };
        let told = QueueKind::of("q", Err(closed)).map(QueueKind::heard);
        let told = told.into_iter().flatten().filter_map(|it| match it {
            Heard::Notice(code, Some(_)) => Some(code),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), [expected]);
    }
}
