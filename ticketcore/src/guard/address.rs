//! [`Block`]: an address as far as one customer of a provider has it. [`Networks`]: lists of networks.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// What one customer of a provider has: an IPv4 address, or the /64 that an IPv6 address is in, within which anybody may choose any address.
/// IPv4 addresses that are written as IPv6 (`::ffff:192.0.2.1`) are IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Block {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// The upper half of an IPv6 address.
    V6(u64),
}

impl Block {
    /// Where an address is.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Block::V4(address),
            IpAddr::V6(address) => Block::V6((address.to_bits() >> 64) as u64),
        }
    }

    /// As bytes, different for different blocks: what is hashed for a key.
    #[must_use]
    pub fn bytes(self) -> [u8; 9] {
        let mut bytes = [0; 9];
        match self {
            Block::V4(address) => bytes[..4].copy_from_slice(&address.octets()),
            Block::V6(upper) => {
                bytes[0..8].copy_from_slice(&upper.to_be_bytes());
                bytes[8] = 6;
            }
        }
        bytes
    }
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Block::V4(address) => address.fmt(f),
            Block::V6(upper) => write!(f, "{}/64", std::net::Ipv6Addr::from_bits(u128::from(*upper) << 64)),
        }
    }
}

/// What is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network such as 192.0.2.0/24, 2001:db8::/32 or a single address")]
pub struct BadNetwork(pub String);

/// A list of networks, however long: looking an address up takes a few steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// First and last address of each, apart and in order.
    v4: Vec<(u128, u128)>,
    v6: Vec<(u128, u128)>,
}

impl Networks {
    /// A list from its text, a network or an address each.
    ///
    /// # Errors
    /// [`BadNetwork`], with the first that is none.
    pub fn parse<T: AsRef<str>>(list: &[T]) -> Result<Self, BadNetwork> {
        let mut networks = Self::default();
        for text in list {
            let (is_v4, range) = range(text.as_ref())?;
            if is_v4 { networks.v4.push(range) } else { networks.v6.push(range) }
        }
        networks.v4 = apart(networks.v4);
        networks.v6 = apart(networks.v6);
        Ok(networks)
    }

    /// Whether an address is in one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (ranges, bits) = match address.to_canonical() {
            IpAddr::V4(address) => (&self.v4, u128::from(address.to_bits())),
            IpAddr::V6(address) => (&self.v6, address.to_bits()),
        };
        let after = ranges.partition_point(|(first, _)| *first <= bits);
        after.checked_sub(1).is_some_and(|at| bits <= ranges[at].1)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

fn range(text: &str) -> Result<(bool, (u128, u128)), BadNetwork> {
    let bad = || BadNetwork(text.to_owned());
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => IpNet::from_str(text).map_err(|_| bad())?,
    };
    match network {
        IpNet::V4(network) => {
            let ends = [network.network(), network.broadcast()].map(|end| u128::from(end.to_bits()));
            Ok((true, (ends[0], ends[1])))
        }
        IpNet::V6(network) => {
            let (first, last) = (network.network().to_bits(), network.broadcast().to_bits());
            // `::ffff:192.0.2.0/120` is a network of IPv4; one that is wider than all of IPv4 is IPv6's alone.
            let mapped = network.prefix_len() >= 96 && network.network().to_ipv4_mapped().is_some();
            let ends = if mapped { (first & 0xFFFF_FFFF, last & 0xFFFF_FFFF) } else { (first, last) };
            Ok((mapped, ends))
        }
    }
}

/// In order, and what overlaps or touches as one.
fn apart(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    let mut apart: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match apart.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => apart.push((first, last)),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn blocks_are_what_one_customer_has() {
        for (a, b, same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::1", "0.0.0.0", false),
        ] {
            let (a, b) = (Block::of(ip(a)), Block::of(ip(b)));
            assert_eq!((a == b, a.bytes() == b.bytes()), (same, same), "{a} {b}");
        }
        assert_eq!(Block::of(ip("2001:db8:1:2:3::4")).to_string(), "2001:db8:1:2::/64");
    }

    #[test]
    fn lists_hold_what_they_name_and_nothing_beside_it() {
        let list = [
            "10.0.0.0/8",
            "10.1.0.0/16",
            "192.0.2.7",
            "192.0.2.8/31",
            "2001:db8::/32",
            "::ffff:198.51.100.0/120",
            "::1",
        ];
        let networks = Networks::parse(&list).unwrap();
        let inside = [
            "10.0.0.0",
            "10.255.255.255",
            "::ffff:10.2.3.4",
            "192.0.2.7",
            "192.0.2.9",
            "2001:db8:ffff::1",
            "198.51.100.9",
            "::1",
        ];
        let outside = [
            "9.255.255.255",
            "11.0.0.0",
            "192.0.2.6",
            "192.0.2.10",
            "2001:db9::",
            "198.51.101.0",
            "::2",
            "0.0.0.1",
        ];
        for address in inside {
            assert!(networks.contains(ip(address)), "{address}");
        }
        for address in outside {
            assert!(!networks.contains(ip(address)), "{address}");
        }
        let everybody = Networks::parse(&["0.0.0.0/0"]).unwrap();
        assert!(everybody.contains(ip("255.255.255.255")) && !everybody.contains(ip("::1")));
        let six = Networks::parse(&["::/0"]).unwrap();
        assert!(six.contains(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")) && !six.contains(ip("1.2.3.4")));
        assert!(Networks::parse::<&str>(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_network_is_named() {
        for bad in ["", "10.0.0.0/33", "10.0.0", "::/129", "example.org", "10.0.0.0/8 ", "1.2.3.4:80"] {
            assert_eq!(Networks::parse(&["::1", bad]), Err(BadNetwork(bad.to_owned())), "{bad}");
        }
    }
}
