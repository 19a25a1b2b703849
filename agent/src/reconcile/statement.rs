//! The signed statement that a day is balanced: kept here, and by the platform.

use std::fs;
use std::io;

use serde_json::json;

use super::Opened;
use super::leaf::unhex;
use super::question::{Day, Signed};
use super::run::Compared;
use crate::forward::files::{hex, put};
use crate::signing;

impl Opened {
    /// States that a day is balanced. The text is what was compared, and when; `complete` says that the
    /// day was over and nothing of it was still on its way.
    pub(super) fn state(&self, of: &Day, compared: &Compared) -> Signed {
        // At the time at which we looked: a day may end while it is compared.
        let now = &compared.at;
        let complete = of.day.as_str() < now.get(..8).unwrap_or_default() && compared.waiting == 0;
        let pages: Vec<_> = compared.ours.iter().collect();
        let statement = json!({
            "statement": "balanced", "agent": of.agent, "epoch": of.epoch, "day": of.day, "at": now,
            "complete": complete, "waiting": compared.waiting, "begun_with": compared.begun,
            "pages": pages, "doubles_dropped": compared.differences.doubled.len(),
        });
        let statement = statement.to_string();
        let signature = hex(&self.key.sign(statement.as_bytes()));
        Signed { statement, signature, public_key: hex(&self.key.public()) }
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
