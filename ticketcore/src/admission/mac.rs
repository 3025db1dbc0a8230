//! [`MacKey`]: HMAC-SHA-256 (RFC 2104, FIPS 180-4) with a key that is prepared once.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a tag.
pub(super) const TAG: usize = 32;

/// A prepared key. A tag of up to 55 bytes takes two compressions.
#[derive(Clone)]
pub(super) struct MacKey(Hmac<Sha256>);

impl MacKey {
    pub fn new(key: &[u8; 32]) -> Self {
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        // A block of its own length is the key itself: see RFC 2104.
        Self(<Hmac<Sha256> as KeyInit>::new(&block.into()))
    }

    /// The tag of parts, one after the other. Parts must be told apart by their lengths.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; TAG] {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// Whether a tag is that of a message. In constant time.
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.verify_slice(tag).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test case 2 of RFC 4231 has a key of 4 bytes; zeros behind it change nothing.
    #[test]
    fn the_tag_is_that_of_rfc_4231() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let tag = MacKey::new(&key).tag(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(tag[..8], [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e]);
        assert!(MacKey::new(&key).verify(b"what do ya want for nothing?", &tag));
        assert!(!MacKey::new(&key).verify(b"what do ya want for nothing!", &tag));
    }
}
