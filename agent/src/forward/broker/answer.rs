//! What the library says became of a message, in our words: the one place where "delivered" is decided.
//!
//! A message ends in one of five ways. Acknowledged, nacked and returned are answers to it; that the
//! channel or connection was closed over it, and that nobody knows, are ends of the connection. Only
//! acknowledged *and* not returned settles a record.

use lapin::message::BasicReturnMessage;
use lapin::types::ShortString;
use lapin::{Confirmation, ErrorKind};

use super::unreachable;
use crate::forward::error::{BrokerError, Confirm};
use crate::forward::unanswered::Reply;

/// What was answered to one message. A return that came with it may be another's.
pub(super) fn reply(answered: lapin::Result<Confirmation>) -> Result<Reply, BrokerError> {
    let (answer, returned) = match answered? {
        Confirmation::Ack(returned) => (Confirm::Confirmed, returned),
        Confirmation::Nack(returned) => (Confirm::Nacked, returned),
        Confirmation::NotRequested => (Confirm::NotRequested, None),
    };
    Ok(Reply { answer, carried: returned.as_ref().map(carried) })
}

/// The answer to a message that was the only one in flight: what was returned is this one.
pub(super) fn reply_to_one(answered: lapin::Result<Confirmation>) -> Result<Confirm, BrokerError> {
    let Reply { answer, carried } = reply(answered)?;
    Ok(carried.map_or(answer, |(_, returned)| returned))
}

fn carried(returned: &BasicReturnMessage) -> (String, Confirm) {
    // A return without an id matches nothing, which the sender will take for a doubt.
    let message_id = returned.properties.message_id().as_ref().map_or("", ShortString::as_str);
    let (reply_code, reply_text) = (returned.reply_code, returned.reply_text.to_string());
    (message_id.to_owned(), Confirm::Returned { reply_code, reply_text })
}

/// Why an open connection failed.
impl From<lapin::Error> for BrokerError {
    fn from(error: lapin::Error) -> BrokerError {
        let ErrorKind::ProtocolError(said) = error.kind() else {
            // With TLS 1.3 our own certificate is judged only after the handshake.
            return match unreachable(error.to_string()) {
                BrokerError::Unreachable { reason } => BrokerError::Lost { reason },
                certificate => certificate,
            };
        };
        let (reply_code, reply_text) = (said.get_id(), said.get_message().to_string());
        if error.is_amqp_hard_error() {
            BrokerError::ConnectionClosed { reply_code, reply_text }
        } else {
            BrokerError::ChannelClosed { reply_code, reply_text }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::task::{Context, Poll, Waker};

    use lapin::BasicProperties;
    use lapin::message::Delivery;
    use lapin::protocol::AMQPError;

    use super::*;
    use crate::forward::unanswered::Unanswered;

    #[test]
    fn only_what_is_acknowledged_and_not_returned_is_delivered() {
        check(|| Ok(Confirmation::Ack(None)), "delivered");
        check(|| Ok(Confirmation::Ack(Some(returned("m1")))), "F201");
        check(|| Ok(Confirmation::Nack(None)), "F202");
        check(|| Ok(Confirmation::Nack(Some(returned("m1")))), "F201");
        check(|| Ok(Confirmation::NotRequested), "F204");
    }

    #[test]
    fn what_was_closed_or_broke_off_settles_nothing() {
        check(|| closed(404), "F109");
        check(|| closed(403), "F110");
        check(|| closed(406), "F103");
        check(|| closed(311), "F103");
        check(|| closed(320), "F104");
        check(|| closed(541), "F104");
        check(|| Err(io::Error::from(io::ErrorKind::ConnectionReset).into()), "F105");
        check(|| Err(ErrorKind::MissingHeartbeatError.into()), "F105");
        check(|| Err(io::Error::other("invalid peer certificate: Expired").into()), "F111");
    }

    /// Its own return is still to come, on the answer of another.
    #[test]
    fn a_return_of_another_is_none_of_this_one() {
        assert_eq!(in_flight(Ok(Confirmation::Ack(Some(returned("m9"))))), "F107");
        assert_eq!(in_flight(Ok(Confirmation::Ack(Some(returned(""))))), "F107");
    }

    /// Alone as a letter is, and as a record that waits among those in flight.
    #[track_caller]
    fn check(answered: impl Fn() -> lapin::Result<Confirmation>, expected: &str) {
        let alone = reply_to_one(answered());
        let alone = alone.map_or_else(|it| it.code(), |it| it.code().unwrap_or("delivered"));
        assert_eq!((alone, in_flight(answered())), (expected, expected));
    }

    fn in_flight(answered: lapin::Result<Confirmation>) -> &'static str {
        let mut unanswered = Unanswered::default();
        unanswered.push(1, "m1".to_owned(), Box::pin(async { reply(answered) }));
        match unanswered.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(answers)) => {
                answers.first().map_or("none", |(_, it)| it.code().unwrap_or("delivered"))
            }
            Poll::Ready(Err(error)) => error.code(),
            Poll::Pending => "pending",
        }
    }

    fn returned(message_id: &str) -> BasicReturnMessage {
        let mut delivery = Delivery::mock(0, "".into(), "key".into(), false, Vec::new());
        delivery.properties = BasicProperties::default();
        if !message_id.is_empty() {
            delivery.properties = delivery.properties.with_message_id(message_id.into());
        }
        BasicReturnMessage { delivery, reply_code: 312, reply_text: "NO_ROUTE".into() }
    }

    fn closed(code: u16) -> lapin::Result<Confirmation> {
        let said = AMQPError::from_id(code, "said".into()).expect("a code of AMQP");
        Err(ErrorKind::ProtocolError(said).into())
    }
}
