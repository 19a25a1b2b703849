//! Tokens that commands make: kept in the store, sealed with everything else there, and in force at once.
//!
//! | key on the shelf | what is kept |
//! |---|---|
//! | `wt` name, 0, id | a token's hash, what its caller may do, until when |
//!
//! A token is shown once, when it is made. It is 256 random bits, so one round of SHA-256 is enough: there
//! is nothing to guess.

use std::ops::ControlFlow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Span;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::roster::Roster;
use super::{Caller, Callers};
use crate::aead::random;
use crate::outbox::{Change, Outbox, StoreError};
use crate::{clock, pipeline};

/// One token, without itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Token {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) hash: [u8; 32],
    pub(super) verbs: Vec<String>,
    pub(super) channels: Vec<String>,
    pub(super) addresses: Vec<String>,
    pub(super) departments: Vec<String>,
    pub(super) roles: Vec<String>,
    pub(super) calls_per_minute: u32,
    /// `YYYYMMDDhhmmss`, as all times here.
    pub(super) made_at: String,
    pub(super) until: String,
    pub(super) revoked_at: Option<String>,
    pub(super) reason: Option<String>,
}

/// Why a token was not made or changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All that are kept, by name and then by age.
pub(super) fn all(outbox: &Outbox) -> Result<Vec<Token>, StoreError> {
    let mut tokens = Vec::new();
    outbox.walk_shelf(FIRST, BEHIND, |_, bytes| {
        match serde_json::from_slice::<Token>(bytes) {
            Ok(token) => tokens.push(token),
            Err(error) => tracing::error!(%error, "a token cannot be read and lets nobody in"),
        }
        ControlFlow::Continue(())
    })?;
    Ok(tokens)
}

impl Token {
    /// Whom it makes known. What it does not say, a `[[caller]]` of its name does.
    pub(super) fn caller(&self, base: Option<&Caller>) -> Caller {
        let base = base.cloned().unwrap_or_default();
        let or_base =
            |own: &Vec<String>, base: Vec<String>| if own.is_empty() { base } else { own.clone() };
        let own_addresses: Vec<_> =
            self.addresses.iter().filter_map(|it| it.parse().ok()).collect();
        Caller {
            name: self.name.clone(),
            token: Some(self.hash),
            addresses: if own_addresses.is_empty() { base.addresses } else { own_addresses },
            certificate: base.certificate,
            verbs: self.verbs.iter().filter_map(|it| it.parse().ok()).collect(),
            channels: or_base(&self.channels, base.channels),
            departments: or_base(&self.departments, base.departments),
            roles: self.roles.iter().filter_map(|it| it.parse().ok()).collect(),
            calls_per_minute: match self.calls_per_minute {
                0 => base.calls_per_minute,
                own => own,
            },
        }
    }

    pub(super) fn is_in_force(&self, now: &str) -> bool {
        self.revoked_at.is_none() && now < self.until.as_str()
    }

    fn put(&self) -> Change {
        Change::Put(self.key(), serde_json::to_vec(self).unwrap_or_default())
    }

    fn key(&self) -> Vec<u8> {
        [FIRST, self.name.as_bytes(), b"\0", self.id.as_bytes()].concat()
    }

    /// Gives it a new secret, which is told here and never again.
    fn mint(&mut self, days: u32) -> Result<String, TokenError> {
        let secret: [u8; 32] =
            random().ok_or_else(|| TokenError::Refused("系统给不出随机数".to_owned()))?;
        let text = format!("{MARK}{}", URL_SAFE_NO_PAD.encode(secret));
        let now = clock::now();
        self.id = clock::new_id();
        self.hash = Sha256::digest(text.as_bytes()).into();
        self.made_at = pipeline::stamp(now);
        self.until = pipeline::stamp(later(now, Span::new().days(i64::from(days))));
        Ok(text)
    }
}

impl Callers {
    /// Makes a token for somebody who has none; gives it as it is to be shown.
    pub(super) fn create(
        &self,
        outbox: &Outbox,
        mut token: Token,
        days: u32,
    ) -> Result<(String, Token), TokenError> {
        let _one = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (tokens, now) = (all(outbox)?, pipeline::stamp(clock::now()));
        if tokens.iter().any(|it| it.name == token.name && it.is_in_force(&now)) {
            let why =
                format!("{} 已有令牌；换新的：his-agent token rotate {}", token.name, token.name);
            return Err(TokenError::Refused(why));
        }
        if tokens.iter().filter(|it| it.is_in_force(&now)).count() >= TOKENS_MAX {
            return Err(TokenError::Refused(format!("在用的令牌到了 {TOKENS_MAX} 个的上限")));
        }
        let text = token.mint(days)?;
        let mut changes: Vec<Change> =
            forgotten(&tokens).map(|it| Change::Remove(it.key())).collect();
        changes.push(token.put());
        self.change(outbox, &changes)?;
        Ok((text, token))
    }

    /// Takes all tokens of a name away, from now on; gives how many.
    pub(super) fn revoke(
        &self,
        outbox: &Outbox,
        name: &str,
        reason: &str,
    ) -> Result<usize, TokenError> {
        let _one = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = pipeline::stamp(clock::now());
        let in_force = in_force(outbox, name, &now)?;
        let revoked = in_force.into_iter().map(|it| Token {
            revoked_at: Some(now.clone()),
            reason: Some(reason.to_owned()),
            ..it
        });
        let changes: Vec<Change> = revoked.map(|it| it.put()).collect();
        self.change(outbox, &changes)?;
        Ok(changes.len())
    }

    /// Another token for the same caller; those before it hold for so many hours more.
    pub(super) fn rotate(
        &self,
        outbox: &Outbox,
        name: &str,
        (days, overlap_hours): (u32, u32),
    ) -> Result<(String, Token), TokenError> {
        let _one = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = clock::now();
        let in_force = in_force(outbox, name, &pipeline::stamp(now))?;
        let mut token = in_force.last().cloned().unwrap_or_default();
        let text = token.mint(days)?;
        let end = pipeline::stamp(later(now, Span::new().hours(i64::from(overlap_hours))));
        let shortened = in_force
            .into_iter()
            .map(|it| Token { until: it.until.clone().min(end.clone()), ..it }.put());
        let changes: Vec<Change> = shortened.chain([token.put()]).collect();
        self.change(outbox, &changes)?;
        Ok((text, token))
    }

    /// On disk first, then in force.
    fn change(&self, outbox: &Outbox, changes: &[Change]) -> Result<(), TokenError> {
        outbox.shelve(changes)?;
        self.roster.store(Arc::new(Roster::new(&self.configured, &all(outbox)?)));
        Ok(())
    }
}

/// The tokens of a name that let somebody in now; there has to be one.
fn in_force(outbox: &Outbox, name: &str, now: &str) -> Result<Vec<Token>, TokenError> {
    let tokens = all(outbox)?.into_iter().filter(|it| it.name == name);
    let in_force: Vec<Token> = tokens.filter(|it| it.is_in_force(now)).collect();
    if in_force.is_empty() {
        let why = format!("{name} 没有在用的令牌；在用的见 his-agent token list");
        return Err(TokenError::Refused(why));
    }
    Ok(in_force)
}

/// Those whose end nobody asks about any more.
fn forgotten(tokens: &[Token]) -> impl Iterator<Item = &Token> {
    let now = clock::now_for_ageing();
    let before = pipeline::stamp(now.checked_sub(Span::new().days(KEPT_DAYS)).unwrap_or(now));
    tokens.iter().filter(move |it| {
        let end = it.revoked_at.as_ref().unwrap_or(&it.until);
        end.as_str() < before.as_str()
    })
}

fn later(now: DateTime, by: Span) -> DateTime {
    now.checked_add(by).unwrap_or(now)
}

/// What a token begins with, so that one that was left somewhere is known for what it is.
const MARK: &str = "his_";
const FIRST: &[u8] = b"wt";
const BEHIND: &[u8] = b"wu";
const TOKENS_MAX: usize = 1_000;
const KEPT_DAYS: i32 = 366;
