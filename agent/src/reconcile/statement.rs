//! The signed statement that a day is balanced: kept here, and by the platform.

use std::fs;
use std::io;

use serde_json::json;

use super::Opened;
use super::leaf::unhex;
use super::question::{Day, Signed};
use super::report::first_and_last;
use super::run::Compared;
use crate::forward::files::{hex, put};
use crate::outbox::StoreError;
use crate::signing;

impl Opened {
    /// States that a day is balanced. The text is what was compared, and when; `complete` says that the
    /// day was over and nothing of it was still on its way or parked.
    pub(super) fn state(&self, of: &Day, compared: &Compared) -> Signed {
        // At the time at which we looked: a day may end while it is compared.
        let now = &compared.at;
        let is_over = of.day.as_str() < now.get(..8).unwrap_or_default();
        let complete = is_over && compared.waiting == 0 && compared.parked == 0;
        let pages: Vec<_> = compared.ours.iter().collect();
        let statement = json!({
            "statement": "balanced", "agent": of.agent, "epoch": of.epoch, "day": of.day, "at": now,
            "complete": complete, "waiting": compared.waiting, "parked": compared.parked, "begun_with": compared.begun,
            "pages": pages, "doubles_dropped": compared.differences.doubled.len(),
            "given_up": first_and_last(&compared.given_up),
        });
        let statement = statement.to_string();
        let signature = hex(&self.key.sign(statement.as_bytes()));
        Signed { statement, signature, public_key: hex(&self.key.public()) }
    }

    /// How many messages of a day wait for a code to be mapped.
    pub(super) fn parked_of(&self, day: &str) -> Result<u64, StoreError> {
        let (mut count, mut after) = (0, 0);
        while self.outbox.status().parked > 0 {
            let some = self.outbox.parked(after, PARKED_AT_ONCE, PARKED_BYTES_AT_ONCE)?;
            let Some((last, _)) = some.last() else { break };
            after = *last;
            count += some.iter().filter(|(_, it)| it.received_at.starts_with(day)).count() as u64;
        }
        Ok(count)
    }

    /// Keeps it; gives the name of the file. Blocks.
    pub(super) fn keep_statement(&self, of: &Day, signed: &Signed) -> io::Result<String> {
        fs::create_dir_all(&self.folder)?;
        let name = format!("{}.json", of.day);
        put(&self.folder, &name, &serde_json::to_vec_pretty(signed)?)?;
        Ok(self.folder.join(name).display().to_string())
    }
}

/// Whether a statement is signed by the key it names.
pub(crate) fn is_signed(signed: &Signed) -> bool {
    let parts = (unhex::<64>(&signed.signature), unhex::<32>(&signed.public_key));
    let (Some(signature), Some(public_key)) = parts else { return false };
    signing::is_signed(signed.statement.as_bytes(), &signature, &public_key)
}

const PARKED_AT_ONCE: usize = 1_024;
const PARKED_BYTES_AT_ONCE: usize = 4 << 20;
