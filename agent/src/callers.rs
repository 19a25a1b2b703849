//! Who may listen and read: named in the configuration, known by a token, by an address, or by both.
//!
//! The configuration holds the token's SHA-256, never the token: who reads the file cannot call. A caller
//! with neither is refused when the configuration is read.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::intake::http::Pulse;

/// `[[caller]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// How logs and other tables name it.
    pub name: String,
    /// SHA-256 of its token; without one its address must do.
    pub token: Option<[u8; 32]>,
    /// Where it may call from; anywhere when empty.
    pub addresses: Vec<Network>,
    /// Departments whose findings it may hear of; all when empty.
    pub departments: Vec<String>,
}

/// Addresses that begin alike: `10.1.0.0/16`, or one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// The connection that a request came by.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Nothing for the unix socket.
    pub(crate) peer: Option<SocketAddr>,
    /// Ends the connection at once, whatever it waits for.
    pub(crate) cut: CancellationToken,
    /// What it is at.
    pub(crate) pulse: Pulse,
}

impl Seat {
    pub(crate) fn new(peer: Option<SocketAddr>) -> Seat {
        Seat { peer, cut: CancellationToken::new(), pulse: Pulse::new() }
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.peer.map(|it| it.ip().to_canonical())
    }

    /// Whether the caller sits at this machine.
    pub(crate) fn is_near(&self) -> bool {
        self.address().is_some_and(|it| it.is_loopback())
    }
}

/// The first of the callers named here that this request can be.
pub(crate) fn find<'a>(
    callers: &'a [Caller],
    named: &[String],
    seat: &Seat,
    token: Option<&str>,
) -> Option<&'a Caller> {
    let told = token.map(|it| <[u8; 32]>::from(Sha256::digest(it.as_bytes())));
    let address = seat.address();
    callers.iter().filter(|it| named.contains(&it.name)).find(|it| it.is(address, told))
}

/// The token of a request: `Authorization: Bearer TOKEN`. A browser's `EventSource` and `WebSocket` can
/// set no header, so the address may have it instead; the agent writes no addresses to its log.
pub(crate) fn token<'a>(headers: &'a HeaderMap, in_address: Option<&'a str>) -> Option<&'a str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
    let bearer = bearer.and_then(|it| {
        let (scheme, token) = it.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    bearer.or(in_address)
}

impl Caller {
    fn is(&self, address: Option<IpAddr>, token: Option<[u8; 32]>) -> bool {
        let is_here = self.addresses.is_empty()
            || address.is_some_and(|it| self.addresses.iter().any(|net| net.contains(it)));
        // Hashes of hashes: how long the comparison takes tells nothing about a token.
        let is_known = self.token.is_none_or(|ours| token == Some(ours));
        is_here && is_known && (self.token.is_some() || !self.addresses.is_empty())
    }

    /// Whether it may hear of this department.
    pub(crate) fn may_hear_of(&self, department: &str) -> bool {
        self.departments.is_empty() || self.departments.iter().any(|it| it == department)
    }
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs, width) = match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (u128::from(ours.to_bits()), u128::from(theirs.to_bits()), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits(), 128),
            _ => return false,
        };
        let rest = u32::from(width - self.bits);
        ours.checked_shr(rest).unwrap_or(0) == theirs.checked_shr(rest).unwrap_or(0)
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Network, &'static str> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(it, n)| (it, Some(n)));
        let address: IpAddr = address.parse().map_err(|_| "no address")?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |it| it.parse().map_err(|_| "no number behind `/`"))?;
        if bits > width {
            Err("more bits than an address has")
        } else {
            Ok(Network { address, bits })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        within("10.1.0.0/16", "10.1.255.9", true);
        within("10.1.0.0/16", "10.2.0.1", false);
        within("10.1.2.3", "10.1.2.3", true);
        within("10.1.2.3", "10.1.2.4", false);
        within("0.0.0.0/0", "192.168.0.1", true);
        within("::1", "::1", true);
        within("fd00::/8", "fd12::1", true);
        within("::/0", "10.0.0.1", false);
        for wrong in ["", "10.1", "10.0.0.0/33", "10.0.0.0/x", "host"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn who_it_is() {
        let token = |it: &str| Some(<[u8; 32]>::from(Sha256::digest(it.as_bytes())));
        let wards = ["10.1.0.0/16".parse().unwrap()].to_vec();
        let both = caller("both", token("secret"), wards.clone());
        let [by_token, by_address] =
            [caller("token", token("other"), Vec::new()), caller("address", None, wards)];
        let nobody = caller("nobody", None, Vec::new());
        let all = [nobody, both, by_token, by_address];
        check(&all, "10.1.0.1:9", Some("secret"), "both");
        check(&all, "10.2.0.1:9", Some("secret"), "refused");
        check(&all, "10.2.0.1:9", Some("other"), "token");
        check(&all, "[::ffff:10.1.0.1]:9", None, "address");
        check(&all, "10.2.0.1:9", None, "refused");
        check(&all, "10.2.0.1:9", Some("wrong"), "refused");
    }

    #[test]
    fn a_token_comes_in_the_header_or_the_address() {
        let mut headers = HeaderMap::new();
        assert_eq!(token(&headers, Some("a")), Some("a"));
        headers.insert(header::AUTHORIZATION, "bearer b".parse().unwrap());
        assert_eq!(token(&headers, Some("a")), Some("b"));
        headers.insert(header::AUTHORIZATION, "Basic b".parse().unwrap());
        assert_eq!(token(&headers, None), None);
    }

    fn caller(name: &str, token: Option<[u8; 32]>, addresses: Vec<Network>) -> Caller {
        Caller { name: name.to_owned(), token, addresses, departments: Vec::new() }
    }

    #[track_caller]
    fn within(network: &str, address: &str, expected: bool) {
        let network: Network = network.parse().unwrap();
        assert_eq!(network.contains(address.parse().unwrap()), expected);
    }

    #[track_caller]
    fn check(callers: &[Caller], peer: &str, token: Option<&str>, expected: &str) {
        let named: Vec<String> = callers.iter().map(|it| it.name.clone()).collect();
        let seat = Seat::new(Some(peer.parse().unwrap()));
        let found = find(callers, &named, &seat, token).map_or("refused", |it| it.name.as_str());
        assert_eq!(found, expected);
        assert!(find(callers, &[], &seat, token).is_none(), "nobody is named");
    }
}
