//! Everybody who is known at the moment, made anew whenever a token is made or taken away.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::civil::DateTime;

use super::tokens::Token;
use super::{Caller, Refused, Seat};
use crate::pipeline;

/// Everybody.
#[derive(Debug, Default)]
pub(super) struct Roster {
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    caller: Arc<Caller>,
    /// `YYYYMMDDhhmmss`, if it ends.
    until: Option<String>,
    is_revoked: bool,
}

impl Roster {
    /// What a token does not say, the `[[caller]]` of its name does.
    pub(super) fn new(configured: &[Arc<Caller>], tokens: &[Token]) -> Roster {
        let named = configured.iter().map(|caller| {
            let caller = Arc::clone(caller);
            Known { caller, until: None, is_revoked: false }
        });
        let by_token = tokens.iter().map(|token| {
            let base = configured.iter().find(|it| it.name == token.name);
            Known {
                caller: Arc::new(token.caller(base.map(|it| &**it))),
                until: Some(token.until.clone()),
                is_revoked: token.revoked_at.is_some(),
            }
        });
        Roster { known: named.chain(by_token).collect() }
    }

    pub(super) fn knows_tokens(&self, now: &str) -> bool {
        self.known.iter().any(|it| it.caller.token.is_some() && it.holds(now))
    }

    /// Whether a caller of this name, by the same token or without one, is known at the moment.
    pub(super) fn still_knows(&self, caller: &Caller, now: &str) -> bool {
        let is_it = |it: &Known| it.caller.name == caller.name && it.caller.token == caller.token;
        self.known.iter().any(|it| is_it(it) && it.holds(now))
    }

    /// Whether this is of a token that was made here: 256 random bits are not guessed, so that whoever
    /// shows it is no guesser. A token of the configuration may be a word that somebody thought of.
    pub(super) fn has_minted(&self, hash: &[u8; 32]) -> bool {
        let minted = self.known.iter().filter(|it| it.until.is_some());
        minted.filter(|it| it.has(hash)).count() > 0
    }

    /// Whoever has this token. All are compared, each in the same time whatever it holds.
    pub(super) fn by_token(
        &self,
        seat: &Seat,
        (hash, name): (&[u8; 32], Option<&str>),
        now: &str,
        may: impl Fn(&Caller) -> bool,
    ) -> Result<Arc<Caller>, Refused> {
        let having: Vec<&Known> = self.known.iter().filter(|it| it.has(hash)).collect();
        let fits = |it: &&&Known| {
            name.is_none_or(|name| name == it.caller.name) && it.caller.sits_at(seat)
        };
        let fitting: Vec<&&Known> = having.iter().filter(fits).collect();
        if let Some(known) = fitting.iter().find(|it| it.holds(now) && may(&it.caller)) {
            return Ok(Arc::clone(&known.caller));
        }
        Err(match fitting.first() {
            None => Refused::Wrong,
            Some(_) if fitting.iter().any(|it| it.holds(now)) => Refused::MayNot,
            Some(it) if it.is_revoked => Refused::Revoked,
            Some(_) => Refused::Expired,
        })
    }

    /// Whoever is known by where it calls from, or by its certificate.
    pub(super) fn by_place(
        &self,
        seat: &Seat,
        may: impl Fn(&Caller) -> bool,
    ) -> Result<Arc<Caller>, Refused> {
        let here = |it: &&Known| it.caller.needs_no_token() && it.caller.sits_at(seat);
        let mut refused = Refused::Unknown;
        for known in self.known.iter().filter(here) {
            if may(&known.caller) {
                return Ok(Arc::clone(&known.caller));
            }
            refused = Refused::MayNot;
        }
        Err(refused)
    }

    /// Tokens that end soon, and those that have ended a short while ago: whoever uses them hears it
    /// first, and cannot do anything about it.
    pub(super) fn ending(&self, now: DateTime) -> Option<(&'static str, String)> {
        let soon = pipeline::stamp(now.saturating_add(jiff::Span::new().days(TOLD_BEFORE_DAYS)));
        let past = pipeline::stamp(now.saturating_sub(jiff::Span::new().days(TOLD_AFTER_DAYS)));
        let is_replaced = |it: &Known, until: &str| {
            let later = |other: &Known| other.until.as_deref().is_none_or(|it| it > until);
            let same = |other: &&Known| other.caller.name == it.caller.name && !other.is_revoked;
            self.known.iter().filter(same).any(|other| other.caller.token.is_some() && later(other))
        };
        let ending = self.known.iter().filter(|it| !it.is_revoked).filter_map(|it| {
            let until = it.until.as_deref()?;
            let is_it = until < soon.as_str() && until > past.as_str() && !is_replaced(it, until);
            let day = until.get(..8).unwrap_or(until);
            is_it.then(|| format!("{}（{day}）", it.caller.name))
        });
        let ending: Vec<String> = ending.collect();
        let told = format!(
            "令牌快到期或已到期：{}；换新的：his-agent token rotate 名字",
            ending.join("、")
        );
        (!ending.is_empty()).then_some(("I228", told))
    }
}

impl Known {
    fn has(&self, hash: &[u8; 32]) -> bool {
        let ours = self.caller.token.as_ref();
        ours.is_some_and(|ours| verify_slices_are_equal(ours, hash).is_ok())
    }

    fn holds(&self, now: &str) -> bool {
        !self.is_revoked && self.until.as_deref().is_none_or(|it| now < it)
    }
}

const TOLD_BEFORE_DAYS: i32 = 30;
const TOLD_AFTER_DAYS: i32 = 7;
