//! Records that tell of findings or totals, and are not taken. Whoever hears it sends them again put right;
//! where nobody does, the message is a dead letter.

use axum::response::Response;

use super::super::Road;
use super::super::answer::{Answer, Fault};
use super::super::voice::Voice;
use super::{Message, is_buried};
use crate::envelope::{DeadLetter, Stage};
use crate::pipeline;
use crate::sets::Channel;

impl Message {
    /// The answer to such a message.
    pub(super) async fn untaken(
        &self,
        road: &Road,
        channel: &Channel,
        fault: &Fault,
        voice: &Voice<'_>,
    ) -> Response {
        let is_kept = || self.again && is_buried(road, &self.id);
        if self.unheard && fault.is_final() && !is_kept() {
            if let Err(error) = road.outbox.bury(self.letter(channel, fault)).await {
                return self.not_stored(channel, &error, voice);
            }
            let (channel, code) = (channel.name.to_string(), fault.code());
            tracing::warn!(message_id = self.id, channel, code, "message refused");
            metrics::counter!("his_agent_messages_total", "channel" => channel, "outcome" => "refused")
                .increment(1);
        }
        voice.say(Answer::fault(fault).about(&self.id))
    }

    fn letter(&self, channel: &Channel, fault: &Fault) -> DeadLetter {
        DeadLetter {
            message_id: self.id.clone(),
            channel: channel.name.to_string(),
            received_at: pipeline::stamp(self.received_at),
            stage: Stage::Validate,
            code: fault.code().to_owned(),
            reason: "what it tells of findings or totals was not taken".to_owned(),
            detail: fault.detail().to_string(),
            raw: self.bytes.to_vec(),
            content_type: self.content_type.clone(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use bytes::Bytes;

    use super::super::{Row, receive_row};
    use super::*;
    use crate::config::Config;
    use crate::forward::ForwardState;
    use crate::outbox::{Options, Outbox, WriterHandle};
    use crate::sets::Sets;

    /// A row that a view brings is answered to nobody.
    #[tokio::test]
    async fn what_nobody_hears_refused_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let (road, _writer) = house(folder.path());
        let row =
            |again| Row { id: "r1".to_owned(), bytes: Bytes::from(ANSWER), again, state: None };
        receive_row(&road, "desk", row(false)).await;
        assert_eq!(letters(&road), "r1 I110");
        // After a crash it comes under the same id.
        receive_row(&road, "desk", row(true)).await;
        assert_eq!(letters(&road), "r1 I110");
    }

    /// Whoever hears the answer sends it again, put right.
    #[tokio::test]
    async fn what_is_heard_refused_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (road, _writer) = house(folder.path());
        let channel = Arc::clone(&road.sets.load().channels["desk"]);
        let message = Message::new("m1".to_owned(), None, Bytes::from(ANSWER));
        assert_eq!(message.take(&road, &channel).await.status(), 404);
        assert_eq!(letters(&road), "");
    }

    fn letters(road: &Road) -> String {
        let letters = road.outbox.dead_letters(0, 9).unwrap();
        let told = letters.iter().map(|(_, it)| format!("{} {}", it.message_id, it.code));
        told.collect::<Vec<_>>().join("; ")
    }

    fn house(folder: &Path) -> (Arc<Road>, WriterHandle) {
        std::fs::create_dir_all(folder.join("mappings/desk")).unwrap();
        std::fs::write(folder.join("mappings/desk/feedback.toml"), DESK).unwrap();
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{0}/outbox\"\n[sets]\nmappings = \"{0}/mappings\"\n\
             [[channel]]\nname = \"desk\"\nmappings = [\"desk/\"]\n",
            folder.display()
        );
        let config = Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"));
        let sets = Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"));
        let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
        let road = Road::new(config, sets, outbox, Arc::new(ForwardState::default()));
        road.checks.open(road.outbox.clone()).unwrap();
        (Arc::new(road), writer)
    }

    /// Of a finding that there is not.
    const ANSWER: &str = r#"{"answer":{"id":"f00d","do":"2","who":"D7"}}"#;
    const DESK: &str = r#"
[mapping]
name = "desk-feedback"
version = "1"
about = "处置反馈"
when = 'answer'
lane = 'id'

[[record]]
entity = "check_feedback"
each = "answer"

[record.elements]
jr_id = 'id'
dspo_way = 'do'
opter = 'who'
"#;
}
