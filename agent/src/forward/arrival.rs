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
    /// The bytes.
    pub(crate) body: Vec<u8>,
}
