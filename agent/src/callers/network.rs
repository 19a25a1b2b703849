//! Addresses that begin alike, as callers and channels are bound to them.

use std::net::IpAddr;
use std::str::FromStr;

/// Addresses that begin alike: `10.1.0.0/16`, or one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
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

    #[track_caller]
    fn within(network: &str, address: &str, expected: bool) {
        let network: Network = network.parse().unwrap();
        assert_eq!(network.contains(address.parse().unwrap()), expected);
    }
}
