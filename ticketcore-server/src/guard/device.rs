//! [`Devices`]: a signed cookie that tells devices apart.
//!
//! base64url of version (1 byte, 1), id (16 random bytes), when it was given in Unix seconds (4 bytes, big endian), and the first 16 bytes of
//! HMAC-SHA-256 over all before it. It says nothing about anybody; one that was not given here is as none.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use hyper::header::{COOKIE, HeaderValue};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use ticketcore::UtcMs;

use super::config::DeviceConfig;
use super::limits::header;

const VERSION: u8 = 1;
const BODY: usize = 1 + 16 + 4;
const TAG: usize = 16;
/// Bytes of all cookies that are looked through at most.
const COOKIES_BYTES_MAX: usize = 8 << 10;

/// A device's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceId(pub [u8; 16]);

/// Makes and reads cookies.
pub(super) struct Devices {
    key: [u8; 32],
    cookie: String,
    attributes: String,
}

impl Devices {
    pub fn new(secret: &[u8; 32], config: &DeviceConfig, tls: bool) -> Self {
        let secure = if config.secure.unwrap_or(tls) { "; Secure" } else { "" };
        Self {
            key: derive(secret, b"device"),
            cookie: config.cookie.clone(),
            attributes: format!("; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", config.ttl_s),
        }
    }

    /// The device of a request, if it shows a cookie that was given here.
    pub fn in_cookie(&self, headers: &HeaderMap) -> Option<DeviceId> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.filter(|line| line.len() <= COOKIES_BYTES_MAX).flat_map(|line| line.split(';'));
        let values = pairs.filter_map(|pair| pair.trim().strip_prefix(&self.cookie)?.strip_prefix('='));
        // Somebody else may have set another of the name: any of ours will do.
        values.take(4).find_map(|value| self.read(value))
    }

    /// A cookie for a device that has none.
    pub fn give(&self, now: UtcMs) -> Option<HeaderValue> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).ok()?;
        Some(header(&format!("{}={}{}", self.cookie, self.text(id, now), self.attributes)))
    }

    fn text(&self, id: [u8; 16], now: UtcMs) -> String {
        let mut bytes = Vec::with_capacity(BODY + TAG);
        bytes.push(VERSION);
        bytes.extend(id);
        bytes.extend(u32::try_from(now.0 / 1_000).unwrap_or(u32::MAX).to_be_bytes());
        let tag = self.tag(&bytes);
        bytes.extend(tag);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn read(&self, text: &str) -> Option<DeviceId> {
        // Anything else is none of ours; no need to decode it.
        if text.len() != (BODY + TAG).div_ceil(3) * 4 - 2 {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, tag) = bytes.split_at_checked(BODY)?;
        if body[0] != VERSION || !bool::from(self.tag(body).ct_eq(tag)) {
            return None;
        }
        Some(DeviceId(body[1..17].try_into().ok()?))
    }

    fn tag(&self, body: &[u8]) -> [u8; TAG] {
        let whole = mac(&self.key, body);
        let mut tag = [0; TAG];
        tag.copy_from_slice(&whole[..TAG]);
        tag
    }
}

/// HMAC-SHA-256.
pub(super) fn mac(key: &[u8; 32], body: &[u8]) -> [u8; 32] {
    let mut mac = begin_mac(key);
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// The same of what comes piece by piece.
pub(super) fn begin_mac(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    // A block of its own length is the key itself: see RFC 2104.
    <Hmac<Sha256> as KeyInit>::new(&block.into())
}

/// A key for one purpose.
pub(super) fn derive(secret: &[u8; 32], purpose: &[u8]) -> [u8; 32] {
    mac(secret, &[b"ticketcore guard\0", purpose].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices(secret: u8) -> Devices {
        Devices::new(&[secret; 32], &DeviceConfig::default(), true)
    }

    fn shown(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookie).unwrap())])
    }

    #[test]
    fn a_cookie_that_was_given_is_known_again_and_no_other() {
        let devices = devices(1);
        let cookie = devices.give(UtcMs(1_800_000_000_000)).unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.ends_with("; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        let known = devices.in_cookie(&shown(&format!("a=b; {pair}; c=d"))).unwrap();
        assert_eq!(devices.in_cookie(&shown(&format!("tc_device=x; {pair}"))), Some(known));
        assert_eq!(super::tests::devices(2).in_cookie(&shown(pair)), None, "another key's");
        let value = pair.strip_prefix("tc_device=").unwrap();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).unwrap();
        for at in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[at] ^= 1;
            let forged = format!("tc_device={}", BASE64_URL_SAFE_NO_PAD.encode(forged));
            assert_eq!(devices.in_cookie(&shown(&forged)), None, "{at}");
        }
        for cut in 0..value.len() {
            assert_eq!(devices.in_cookie(&shown(&format!("tc_device={}", &value[..cut]))), None);
        }
        for other in [format!("xtc_device={value}"), format!("tc_device2={value}"), value.to_owned()] {
            assert_eq!(devices.in_cookie(&shown(&other)), None, "{other}");
        }
    }
}
