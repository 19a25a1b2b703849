//! A message that has been judged, for those who judge it once more beside the road.

use std::sync::Arc;

use bytes::Bytes;
use jiff::civil::DateTime;

use super::Channel;
use crate::envelope::Stage;
use crate::intake::Road;
use crate::pipeline::{Inbound, Verdict};

/// What came in, and the channel that judged it, with the set it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) channel: Arc<Channel>,
    pub(crate) message_id: String,
    pub(crate) received_at: DateTime,
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Bytes,
}

impl Seen {
    pub(crate) fn inbound<'a>(&'a self, org: &'a str) -> Inbound<'a> {
        Inbound {
            message_id: &self.message_id,
            received_at: self.received_at,
            org,
            bytes: &self.bytes,
            content_type: self.content_type.as_deref(),
        }
    }
}

/// Whether anybody wants to see messages just now.
pub(crate) fn is_noting(road: &Road) -> bool {
    road.reloads.trial().is_running() || road.shadow.is_running()
}

/// Tells a message's verdict to the trial and the shadow, if there are any. Never waits.
pub(crate) fn note(road: &Arc<Road>, seen: Seen, verdict: &Verdict) {
    // Bytes that are no document are none under any set.
    let refused = matches!(verdict, Verdict::Refuse(it) if it.stage != Stage::Decode);
    road.reloads.trial().note(road, &seen, refused);
    road.shadow.offer(seen);
}
