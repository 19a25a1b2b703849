//! What is done to a message before it is mapped: fields opened, signatures judged.
//!
//! Several mappings are asked about one message, and most of them open the same envelope. What one of
//! them did is not done again for the next.

use adapters::{Document, Limits, NodeId};

use crate::mapping::{Mapping, Open};
use crate::scene::Context;
use crate::set::MapError;

/// Opens fields and judges signatures, each at most once for all mappings that ask for it.
pub(crate) struct Opener<'l> {
    opened: Vec<NodeId>,
    /// What of `[[verify]]` was found right, as it stands in the files.
    verified: Vec<(usize, String)>,
    /// What was sent in fields that were unwrapped, while anybody may still ask for its signature.
    sent: Vec<(NodeId, String)>,
    keeps_sent: bool,
    context: &'l Context<'l>,
    limits: &'l Limits,
    /// Is told what is read; then `told` says what was done.
    reader: Option<&'l dyn Fn(NodeId)>,
    pub(crate) told: Vec<String>,
}

impl<'l> Opener<'l> {
    pub(crate) fn new(
        context: &'l Context<'l>,
        limits: &'l Limits,
        reader: Option<&'l dyn Fn(NodeId)>,
    ) -> Opener<'l> {
        let (opened, verified, told) = (Vec::new(), Vec::new(), Vec::new());
        let (sent, keeps_sent) = (Vec::new(), false);
        Opener { opened, verified, sent, keeps_sent, context, limits, reader, told }
    }

    /// The same, for a set whose mappings demand signatures.
    pub(crate) fn keeping_sent(self, keeps_sent: bool) -> Opener<'l> {
        Opener { keeps_sent, ..self }
    }

    /// The first `count` of a mapping's opens, each behind the signatures that stand above it.
    pub(crate) fn open_all(
        &mut self,
        document: &mut Document,
        mapping: &Mapping,
        count: usize,
    ) -> Result<(), MapError> {
        for (above, open) in mapping.opens.iter().take(count).enumerate() {
            self.verify(document, mapping, above)?;
            for node in mapping.nodes(document, self.context, &open.path) {
                self.open(document, node, mapping, open)?;
            }
        }
        Ok(())
    }

    /// The signatures with so many opens above them: what was signed is what these left.
    pub(crate) fn verify(
        &mut self,
        document: &Document,
        mapping: &Mapping,
        opens_above: usize,
    ) -> Result<(), MapError> {
        for verify in mapping.verifies.iter().filter(|it| it.opens_above == opens_above) {
            let already = (opens_above, verify.written.as_str());
            if self.verified.iter().any(|(above, it)| (*above, it.as_str()) == already) {
                continue;
            }
            let sent = self.sent_below(document, mapping, opens_above);
            verify
                .judge(mapping, document, self.context, &sent, self.reader)
                .map_err(|it| MapError::Unverified { path: it.path, is_missing: it.is_missing })?;
            self.verified.push((opens_above, verify.written.clone()));
            if self.reader.is_some() {
                self.told.push(format!("{} signature is right", verify.method));
            }
        }
        Ok(())
    }

    /// Fields that another mapping unwrapped, and this one not yet: it sees them as they were sent.
    fn sent_below(
        &self,
        document: &Document,
        mapping: &Mapping,
        opens_above: usize,
    ) -> Vec<(NodeId, String)> {
        if self.sent.is_empty() {
            return Vec::new();
        }
        let own = mapping.opens.iter().take(opens_above);
        let own: Vec<NodeId> =
            own.flat_map(|it| mapping.nodes(document, self.context, &it.path)).collect();
        self.sent.iter().filter(|(node, _)| !own.contains(node)).cloned().collect()
    }

    fn open(
        &mut self,
        document: &mut Document,
        node: NodeId,
        mapping: &Mapping,
        open: &Open,
    ) -> Result<(), MapError> {
        // A field that is empty or that an earlier mapping opened has nothing more to give.
        let holds_text = document
            .value(node)
            .is_some_and(|it| !mapping.null_words.iter().any(|word| word == it));
        if !holds_text || self.opened.contains(&node) {
            return Ok(());
        }
        if open.seal.is_some() {
            return Err(MapError::NoKey(document.path(node)));
        }
        if self.keeps_sent && !open.opening.transfers.is_empty() {
            let sent = document.value(node).map(|it| (node, it.to_owned()));
            self.sent.extend(sent);
        }
        adapters::open(document, node, &open.opening, self.limits)
            .map_err(|error| MapError::Open { path: document.path(node), error })?;
        self.opened.push(node);
        if self.reader.is_some() {
            self.told.push(format!("{} opened by {}", document.path(node), open.opening));
        }
        Ok(())
    }
}
