//! What a request shows of who sent it: a token, in one of the ways in which old and new clients can send
//! one.
//!
//! `Authorization: Bearer TOKEN` is the usual way; `X-Api-Token: TOKEN` for clients that cannot set the
//! first; `Authorization: Basic` with the caller's name and the token as its password for those that know
//! only that. A browser's `EventSource` and `WebSocket` can set no header, so where something is read the
//! address may have it; the agent writes no addresses to its log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};

/// What a request shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown<'a> {
    token: Option<std::borrow::Cow<'a, str>>,
    /// Who it says it is, where that is said with the token.
    name: Option<String>,
}

impl<'a> Shown<'a> {
    pub(crate) fn of(headers: &'a HeaderMap, in_address: Option<&'a str>) -> Shown<'a> {
        let text = |name| headers.get(name).and_then(|it| it.to_str().ok());
        let plain = |token: &'a str| Shown { token: Some(token.trim().into()), name: None };
        if let Some(token) = text(TOKEN) {
            return plain(token);
        }
        let authorization = text(header::AUTHORIZATION.as_str()).and_then(|it| it.split_once(' '));
        match authorization {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => plain(rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => basic(rest.trim()),
            _ => in_address.map(plain).unwrap_or_default(),
        }
    }

    /// Of what it shows, if it shows something.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        self.token.as_ref().map(|it| Sha256::digest(it.as_bytes()).into())
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.token.is_none()
    }
}

/// What cannot be read is a token that nobody has: it was shown, and it is wrong.
fn basic(encoded: &str) -> Shown<'static> {
    let bytes = STANDARD.decode(encoded).unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let (name, token) = text.split_once(':').unwrap_or_default();
    Shown { token: Some(token.to_owned().into()), name: Some(name.to_owned()) }
}

const TOKEN: &str = "x-api-token";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_in_a_header_or_in_the_address() {
        check(&[], None, "nothing");
        check(&[], Some("a"), "a");
        check(&[("authorization", "bearer  b")], Some("a"), "b");
        check(&[("x-api-token", "c")], Some("a"), "c");
        check(&[("authorization", "Basic bGlzOnQ6MQ==")], None, "t:1 of lis");
        check(&[("authorization", "Basic ???")], None, " of ");
        check(&[("authorization", "Digest x")], None, "nothing");
        check(&[("authorization", "Bearer")], None, "nothing");
    }

    #[track_caller]
    fn check(given: &[(&'static str, &str)], in_address: Option<&str>, expected: &str) {
        let headers = given.iter().map(|(name, it)| (name.parse().unwrap(), it.parse().unwrap()));
        let headers: HeaderMap = headers.collect();
        let shown = Shown::of(&headers, in_address);
        let told = match (&shown.token, &shown.name) {
            (None, _) => "nothing".to_owned(),
            (Some(token), None) => token.to_string(),
            (Some(token), Some(name)) => format!("{token} of {name}"),
        };
        assert_eq!(told, expected);
    }
}
