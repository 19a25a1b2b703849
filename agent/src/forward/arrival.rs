//! A message as the platform's side receives it, in our own words.

/// A message as it was delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Names the delivery when it is acknowledged.
    pub(crate) tag: u64,
    /// AMQP `message_id`.
    pub(crate) message_id: String,
    /// AMQP `content_type`.
    pub(crate) content_type: String,
    /// `x-org`.
    pub(crate) org: String,
    /// `x-agent`.
    pub(crate) agent: String,
    /// `x-epoch`.
    pub(crate) epoch: String,
    /// `x-seq`.
    pub(crate) seq: Option<u64>,
    /// `x-count`, on a message of several records.
    pub(crate) count: Option<u64>,
    /// AMQP `type`: the entity of a record, or what kind of letter it is.
    pub(crate) kind: String,
    /// AMQP `reply_to`, of a question.
    pub(crate) reply_to: String,
    /// AMQP `correlation_id`, of an answer.
    pub(crate) correlation: String,
    /// The broker has given it to somebody before.
    pub(crate) redelivered: bool,
    /// The bytes.
    pub(crate) body: Vec<u8>,
}

/// What agent and platform write to each other beside the records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Letter {
    /// Empty for the exchange that brings a message to the queue that its routing key names.
    pub(crate) exchange: String,
    /// Where it goes from there.
    pub(crate) routing_key: String,
    /// AMQP `type`.
    pub(crate) kind: &'static str,
    /// AMQP `message_id`.
    pub(crate) id: String,
    /// The queue in which an answer is awaited.
    pub(crate) reply_to: String,
    /// The id of the letter that this one answers.
    pub(crate) correlation: String,
    /// JSON.
    pub(crate) body: Vec<u8>,
}
