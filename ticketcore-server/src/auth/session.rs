//! [`Sessions`]: tokens of buyers who have no account anywhere, signed by this server.
//!
//! `ses_` and base64url of version (1 byte, 1), user (16 bytes), end in Unix seconds (8 bytes, big endian), HMAC-SHA-256 over all before it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ticketcore::{UserId, UtcMs};

use crate::http::{Code, Problem};

const PREFIX: &str = "ses_";
const VERSION: u8 = 1;
const BODY: usize = 1 + 16 + 8;
const TAG: usize = 32;

/// Makes and checks tokens.
pub struct Sessions {
    key: [u8; 32],
    ttl_ms: u64,
}

impl Sessions {
    /// Sessions signed with a key, good for so long.
    #[must_use]
    pub const fn new(key: [u8; 32], ttl_ms: u64) -> Self {
        Self { key, ttl_ms }
    }

    /// A new user's token and when it ends.
    ///
    /// # Errors
    /// [`Code::Internal`] if the machine has no randomness to give.
    pub fn begin(&self, now: UtcMs) -> Result<(UserId, String, UtcMs), Problem> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        let until = now.plus_ms(self.ttl_ms);
        Ok((UserId(id), self.token(UserId(id), until), until))
    }

    /// A token of a user.
    #[must_use]
    pub fn token(&self, user: UserId, until: UtcMs) -> String {
        let mut bytes = Vec::with_capacity(BODY + TAG);
        bytes.push(VERSION);
        bytes.extend(user.0);
        bytes.extend((until.0 / 1_000).to_be_bytes());
        let tag = self.mac(&bytes).finalize().into_bytes();
        bytes.extend(tag);
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether a text claims to be such a token.
    #[must_use]
    pub fn is_one(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// [`Code::Unauthorized`].
    pub fn check(&self, token: &str, now: UtcMs) -> Result<UserId, Problem> {
        let refused = |why: &str| Problem::new(Code::Unauthorized, why);
        let text = token.strip_prefix(PREFIX).unwrap_or_default();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| refused("No session token"))?;
        if bytes.len() != BODY + TAG || bytes[0] != VERSION {
            return Err(refused("No session token"));
        }
        let (body, tag) = bytes.split_at(BODY);
        // In constant time.
        self.mac(body).verify_slice(tag).map_err(|_| refused("The session was not begun here"))?;
        let (mut user, mut until) = ([0; 16], [0; 8]);
        user.copy_from_slice(&body[1..17]);
        until.copy_from_slice(&body[17..]);
        if now.0 / 1_000 >= u64::from_be_bytes(until) {
            return Err(refused("The session is over"));
        }
        Ok(UserId(user))
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        let mut key = [0; 64];
        key[..32].copy_from_slice(&self.key);
        // A block of its own length is the key itself: see RFC 2104.
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&key.into());
        mac.update(b"ticketcore session\0");
        mac.update(body);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_its_end_and_not_with_another_key() {
        let sessions = Sessions::new([7; 32], 10_000);
        let (user, token, until) = sessions.begin(UtcMs(1_000_000)).unwrap();
        assert_eq!(sessions.check(&token, UtcMs(until.0 - 1)).unwrap(), user);
        assert!(sessions.check(&token, until).is_err());
        assert!(Sessions::new([8; 32], 10_000).check(&token, UtcMs(1_000_000)).is_err());
    }

    #[test]
    fn a_token_with_any_byte_changed_is_refused() {
        let sessions = Sessions::new([7; 32], 10_000);
        let token = sessions.token(UserId([1; 16]), UtcMs(2_000_000));
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&token[4..]).unwrap();
        for at in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[at] ^= 1;
            let forged = format!("ses_{}", BASE64_URL_SAFE_NO_PAD.encode(&forged));
            assert!(sessions.check(&forged, UtcMs(0)).is_err(), "{at}");
        }
        for cut in 0..token.len() {
            assert!(sessions.check(&token[..cut], UtcMs(0)).is_err());
        }
    }
}
