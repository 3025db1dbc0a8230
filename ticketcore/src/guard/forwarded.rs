//! Whose address a request comes from when proxies stand between.
//!
//! A proxy adds, at the end, the address that it was asked from. Whatever stands before what the last *trusted* proxy added was written by
//! whoever asked it, who may write what he likes. So the list is read from its end: as long as the one who speaks is a proxy that the operator
//! trusts, the address that it names is believed; the first that is not trusted is the client. What can't be read ends the reading, and
//! the client is then the last address that was believed.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::address::Networks;

/// Proxies that are followed at most.
const HOPS_MAX: usize = 16;
/// Bytes of all headers that are read at most, from their end.
const BYTES_MAX: usize = 4_096;

/// Which header the operator's proxies write. The other one is not read: they would let it through as clients send it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For: 203.0.113.7, 10.0.0.2`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=203.0.113.7, for="[2001:db8::1]:4711";proto=https` (RFC 7239).
    Forwarded,
}

impl ForwardedHeader {
    /// Its name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ForwardedHeader::XForwardedFor => "x-forwarded-for",
            ForwardedHeader::Forwarded => "forwarded",
        }
    }
}

/// The client's address: `peer` is who holds the connection, `lines` the values of the header in the order in which they came.
#[must_use]
pub fn client_address(peer: IpAddr, header: ForwardedHeader, lines: &[&str], trusted: &Networks) -> IpAddr {
    let mut client = peer.to_canonical();
    if !trusted.contains(client) {
        return client;
    }
    let mut left = BYTES_MAX;
    let mut hops = 0;
    for line in lines.iter().rev() {
        // Of a list that is too long its beginning is not read: that is the client's, not the proxies'.
        let line = end_of(line, left);
        left -= line.len();
        let elements: Vec<&str> = match header {
            // It has no quotes: one that the client wrote must not hide what the proxies added.
            ForwardedHeader::XForwardedFor => line.split(',').collect(),
            ForwardedHeader::Forwarded => split(line, b','),
        };
        for element in elements.into_iter().rev() {
            let named = match header {
                ForwardedHeader::XForwardedFor => node(element.trim()),
                ForwardedHeader::Forwarded => for_in(element),
            };
            let Some(named) = named else { return client };
            client = named;
            hops += 1;
            if hops == HOPS_MAX || !trusted.contains(client) {
                return client;
            }
        }
    }
    client
}

/// The end of a line, of so many bytes at most.
fn end_of(line: &str, bytes: usize) -> &str {
    let from = line.len().saturating_sub(bytes);
    let from = (from..=line.len()).find(|at| line.is_char_boundary(*at)).unwrap_or(line.len());
    &line[from..]
}

/// What stands between separators, those in quotes apart.
fn split(text: &str, at: u8) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if byte == at && !quoted => {
                parts.push(&text[from..place]);
                from = place + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// What `for` names in an element of `Forwarded`. Named twice it names nothing.
fn for_in(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in split(element, b';') {
        let (name, value) = pair.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("for") {
            let value = value.trim();
            let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
            if found.replace(node(bare)).is_some() {
                return None;
            }
        }
    }
    found.flatten()
}

/// An address, perhaps with a port; `None` for `unknown` and for names that hide one.
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bracketed {
        Some(inside) => inside.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|both| both.ip())),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, header: ForwardedHeader, lines: &[&str]) -> String {
        let trusted = Networks::parse(&["10.0.0.0/8", "2001:db8:ffff::/48", "127.0.0.1"]).unwrap();
        client_address(peer.parse().unwrap(), header, lines, &trusted).to_string()
    }

    #[test]
    fn the_first_from_the_end_that_is_not_trusted_is_the_client() {
        use ForwardedHeader::XForwardedFor as X;
        for (peer, lines, expected) in [
            // Who is no proxy says nothing about himself.
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            // What the client wrote himself stands before what the proxy added.
            ("10.0.0.1", &["1.1.1.1, 10.9.9.9, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
            // A chain of proxies.
            ("127.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.7"], "203.0.113.9"),
            ("127.0.0.1", &["203.0.113.9", "10.0.0.7,10.0.0.8"], "203.0.113.9"),
            // All are the operator's: the farthest.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // What can't be read ends the reading.
            ("10.0.0.1", &["203.0.113.9, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["203.0.113.9, "], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9, unknown"], "10.0.0.1"),
            // Whatever the client writes, what the proxy added is read.
            ("10.0.0.1", &["\", 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["\u{fffd}, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9"),
            ("2001:db8:ffff::1", &["2001:db8:fffe::1"], "2001:db8:fffe::1"),
        ] {
            assert_eq!(client(peer, X, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_with_its_quotes() {
        use ForwardedHeader::Forwarded as F;
        for (line, expected) in [
            ("for=203.0.113.9", "203.0.113.9"),
            ("For=\"203.0.113.9:80\";proto=https;by=10.0.0.1", "203.0.113.9"),
            ("for=1.1.1.1, for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=203.0.113.9;host=\"a,b;for=1.1.1.1\"", "203.0.113.9"),
            ("for=203.0.113.9;ext=\"quoted \\\" , for=2.2.2.2\"", "203.0.113.9"),
            ("for=1.1.1.1;for=203.0.113.9", "10.0.0.1"),
            ("for=_hidden", "10.0.0.1"),
            ("for=unknown", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
            ("203.0.113.9", "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", F, &[line]), expected, "{line}");
        }
    }

    #[test]
    fn long_lists_are_read_to_an_end() {
        use ForwardedHeader::XForwardedFor as X;
        let many = vec!["10.0.0.2"; 1_000].join(",");
        assert_eq!(client("10.0.0.1", X, &[&many]), "10.0.0.2", "so many proxies nobody has");
        let junk = format!("{}é, 203.0.113.9", "x".repeat(BYTES_MAX));
        assert_eq!(client("10.0.0.1", X, &[&junk]), "203.0.113.9", "its end is read");
        assert_eq!(client("10.0.0.1", X, &[&junk, &junk]), "203.0.113.9");
        let some = format!("203.0.113.9,{}", vec!["10.0.0.2"; 100].join(","));
        assert_eq!(client("10.0.0.1", X, &[&some]), "10.0.0.2", "so many proxies nobody has");
    }
}
