//! The two passes over a long message: judge all of it, then store all of it.

use std::fs::File;
use std::io::{self, BufReader};
use std::sync::Arc;
use std::time::Duration;

use adapters::{StreamError, StreamItem, XmlStream};
use bytes::Bytes;
use schemas::Finding;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::super::Road;
use super::Head;
use super::spool::Spool;
use crate::envelope::{
    DeadLetter, Draft, Original, Receipt, ReceiptStatus, Submission, UnknownCode,
};
use crate::outbox::StoreError;
use crate::pipeline::{self, Accepted, Inbound, Parked, Reading, Refusal, Verdict};
use crate::quality::Observed;
use crate::sets::Channel;

/// A long message in its file.
pub(super) struct Long<'a> {
    pub(super) road: &'a Road,
    pub(super) channel: &'a Channel,
    pub(super) head: &'a Head,
    pub(super) spool: &'a Spool,
}

/// Why a message was not taken.
#[derive(Debug)]
pub(super) enum Ended {
    /// It cannot be accepted as it is.
    Refused(Box<Refusal>, Observed),
    /// The outbox did not take all of it.
    Store(StoreError),
    /// The file could not be read.
    Spool(io::Error),
}

/// What became of its records.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) records: u64,
    pub(super) accepted: u64,
    pub(super) duplicate: u64,
    pub(super) parked: u64,
    pub(super) warnings: u64,
    pub(super) charset: String,
}

impl Counts {
    /// The receipt's member `counts`.
    pub(super) fn told(&self) -> Value {
        json!({
            "records": self.records,
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "parked": self.parked,
            "warnings": self.warnings,
        })
    }

    fn add(&mut self, receipt: &Receipt) {
        for record in &receipt.records {
            self.records += 1;
            *match record.status {
                ReceiptStatus::Accepted => &mut self.accepted,
                ReceiptStatus::Duplicate => &mut self.duplicate,
                ReceiptStatus::Parked => &mut self.parked,
            } += 1;
            metrics::counter!("his_agent_records_total", "status" => record.status.as_str())
                .increment(1);
        }
    }
}

impl Long<'_> {
    /// Judges everything, then stores everything.
    pub(super) fn take(&self, runtime: &Handle) -> Result<(Counts, Judged), Ended> {
        let judged = self.judge()?;
        let counts = self.store(runtime)?;
        Ok((counts, judged))
    }

    /// What is kept of a refused message: its beginning, and where the whole lies.
    pub(super) fn letter(&self, refusal: &Refusal) -> DeadLetter {
        let beginning = self.spool.beginning(LETTER_BYTES_MAX).unwrap_or_default();
        let mut letter = refusal.letter(&self.channel.name, &self.inbound(&beginning));
        let (bytes, kept) = (self.spool.bytes, self.spool.kept_path());
        letter.reason = format!("{}; all {bytes} bytes are in {}", letter.reason, kept.display());
        letter
    }

    fn judge(&self) -> Result<Judged, Ended> {
        let mut stream = self.open().map_err(|error| unreadable(error, Observed::default()))?;
        let mut judgement = Judgement::default();
        loop {
            match stream.next_item() {
                Ok(Some(item)) => judgement.take(self.verdict(item, &stream))?,
                Ok(None) => return judgement.end(),
                Err(error) => return Err(unreadable(error, judgement.judged.observed)),
            }
        }
    }

    fn store(&self, runtime: &Handle) -> Result<Counts, Ended> {
        let mut stream = self.open().map_err(|error| unreadable(error, Observed::default()))?;
        stream.keep_excerpts();
        let mut batch = Batch::default();
        let charset = stream.charset().to_string();
        let mut counts = Counts { charset, ..Counts::default() };
        while let Some(item) =
            stream.next_item().map_err(|error| unreadable(error, Observed::default()))?
        {
            match self.verdict(item, &stream) {
                Verdict::Accept(accepted) => batch.add(accepted, Vec::new(), &mut counts),
                Verdict::Park(Parked { accepted, unknown }) => {
                    batch.add(accepted, unknown, &mut counts);
                }
                // The first pass has let it by: it gives no record.
                Verdict::Refuse(_) => {}
            }
            if batch.drafts.len() >= RECORDS_MAX || stream.excerpt_bytes() >= EXCERPT_BYTES_MAX {
                self.submit(&mut batch, stream.take_excerpt(), runtime, &mut counts)?;
            }
        }
        self.submit(&mut batch, stream.take_excerpt(), runtime, &mut counts)?;
        Ok(counts)
    }

    fn open(&self) -> Result<XmlStream<BufReader<File>>, StreamError> {
        let path = self.channel.stream.clone().ok_or_else(|| io::Error::other("no stream"))?;
        let source = BufReader::new(self.spool.open()?);
        let limits = &self.road.config.listen.limits;
        XmlStream::open(source, self.head.content_type.as_deref(), path, limits)
    }

    fn verdict(&self, item: StreamItem, stream: &XmlStream<BufReader<File>>) -> Verdict {
        let limits = &self.road.config.listen.limits;
        pipeline::judge_item(self.channel, &self.inbound(&[]), limits, item, stream.charset())
    }

    fn inbound<'b>(&'b self, bytes: &'b [u8]) -> Inbound<'b> {
        Inbound {
            message_id: &self.head.id,
            received_at: self.head.received_at,
            org: &self.road.config.hospital.code,
            bytes,
            content_type: self.head.content_type.as_deref(),
        }
    }

    /// Hands a batch to the outbox, waiting while it is busy.
    fn submit(
        &self,
        batch: &mut Batch,
        excerpt: String,
        runtime: &Handle,
        counts: &mut Counts,
    ) -> Result<(), Ended> {
        let drafts = std::mem::take(&mut batch.drafts);
        let unknown = std::mem::take(&mut batch.unknown);
        let (Some(schema), false) = (&batch.schema, drafts.is_empty()) else { return Ok(()) };
        let submission = Submission {
            channel: Arc::clone(&self.channel.name),
            message_id: self.head.id.clone(),
            received_at: pipeline::stamp(self.head.received_at),
            org: Arc::from(self.road.config.hospital.code.as_str()),
            schema: Arc::clone(schema),
            drafts,
            // Enough to judge these records once more, should they have to wait.
            original: Original {
                raw: Bytes::from(excerpt),
                content_type: Some("text/xml; charset=utf-8".to_owned()),
                reading: String::new(),
            },
        };
        let receipt =
            runtime.block_on(self.hand_in(&submission, &unknown)).map_err(Ended::Store)?;
        if receipt.is_parked() {
            self.road.parking.came(self.road, &self.channel.set);
        }
        counts.add(&receipt);
        Ok(())
    }

    async fn hand_in(
        &self,
        submission: &Submission,
        unknown: &[UnknownCode],
    ) -> Result<Receipt, StoreError> {
        let mut tries_left = BUSY_TRIES_MAX;
        loop {
            let submission = submission.clone();
            let outbox = &self.road.outbox;
            let stored = if unknown.is_empty() {
                outbox.append(submission).await
            } else {
                outbox.park(submission, unknown.to_vec()).await
            };
            match stored {
                Err(StoreError::Busy) if tries_left > 0 => tries_left -= 1,
                stored => return stored,
            }
            tokio::time::sleep(BUSY_PAUSE).await;
        }
    }
}

/// What the first pass showed.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) observed: Observed,
    /// What was found out about the first item that gave records, and so about all.
    pub(super) reading: Option<Reading>,
}

/// The first pass, so far.
#[derive(Default)]
struct Judgement {
    judged: Judged,
    records: usize,
    /// The first refusal, which gathers the findings of the others.
    refusal: Option<Box<Refusal>>,
    findings: usize,
    /// What was said of the first item that gave no record.
    nothing: Option<Box<Refusal>>,
}

impl Judgement {
    fn take(&mut self, verdict: Verdict) -> Result<(), Ended> {
        match verdict {
            Verdict::Accept(accepted) | Verdict::Park(Parked { accepted, .. }) => {
                self.records += accepted.drafts.len();
                self.judged.observed.add(&accepted.observed);
                self.judged.reading.get_or_insert(accepted.reading);
            }
            Verdict::Refuse(refusal) if !refusal.findings.is_empty() => self.gather(refusal),
            Verdict::Refuse(refusal) if refusal.code == NO_RECORDS => {
                self.nothing.get_or_insert_with(|| Box::new(refusal));
            }
            Verdict::Refuse(refusal) => {
                let observed = std::mem::take(&mut self.judged.observed);
                return Err(Ended::Refused(Box::new(refusal), observed));
            }
        }
        Ok(())
    }

    fn gather(&mut self, mut refusal: Refusal) {
        self.judged.observed.add(&refusal.observed);
        self.findings += refusal.findings.len();
        let mut findings: Vec<Finding> = std::mem::take(&mut refusal.findings);
        let first = self.refusal.get_or_insert_with(|| Box::new(refusal));
        findings.truncate(FINDINGS_MAX.saturating_sub(first.findings.len()));
        first.findings.append(&mut findings);
    }

    fn end(mut self) -> Result<Judged, Ended> {
        let refusal = match (self.refusal.take(), self.nothing.take()) {
            (Some(mut refusal), _) => {
                pipeline::tell_of(&mut refusal, self.findings);
                refusal
            }
            (None, Some(nothing)) if self.records == 0 => nothing,
            _ => return Ok(self.judged),
        };
        Err(Ended::Refused(refusal, self.judged.observed))
    }
}

/// Records on their way into one submission.
#[derive(Default)]
struct Batch {
    drafts: Vec<Draft>,
    unknown: Vec<UnknownCode>,
    schema: Option<Arc<str>>,
    /// What the item before gave: a record about the whole message comes with every item.
    before: Vec<(String, [u8; 32])>,
}

impl Batch {
    fn add(&mut self, accepted: Accepted, unknown: Vec<UnknownCode>, counts: &mut Counts) {
        let identity = |it: &Draft| (format!("{}|{}", it.entity, it.key), it.digest);
        let now: Vec<(String, [u8; 32])> = accepted.drafts.iter().map(identity).collect();
        let all = accepted.drafts.into_iter().zip(accepted.warnings).zip(&now);
        for ((draft, warnings), identity) in all {
            if !self.before.contains(identity) {
                counts.warnings += u64::try_from(warnings.len()).unwrap_or(0);
                self.drafts.push(draft);
            }
        }
        self.before = now;
        self.schema.get_or_insert(accepted.schema);
        self.unknown.extend(unknown);
        self.unknown.sort();
        self.unknown.dedup();
    }
}

fn unreadable(error: StreamError, observed: Observed) -> Ended {
    match error {
        StreamError::Decode(error) => {
            Ended::Refused(Box::new(pipeline::undecodable(&error)), observed)
        }
        StreamError::Source(error) => Ended::Spool(error),
    }
}

/// The mapping applies, but this item is none that it takes.
const NO_RECORDS: &str = "M103";

const FINDINGS_MAX: usize = 100;
const RECORDS_MAX: usize = 1_000;
const EXCERPT_BYTES_MAX: usize = 1 << 20;
const LETTER_BYTES_MAX: u64 = 64 << 10;

/// Half a minute in all, after which the caller is told to come again.
const BUSY_TRIES_MAX: u32 = 300;
const BUSY_PAUSE: Duration = Duration::from_millis(100);
