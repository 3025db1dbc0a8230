//! The engine's 128-bit names of users, and their text.

use sha2::{Digest, Sha256};
use ticketcore::UserId;

/// Who an issuer calls `subject`: always the same user, and nobody else's. The first half of a SHA-256; an issuer's name can't run into the
/// subject's.
#[must_use]
pub fn user_named(issuer: &str, subject: &str) -> UserId {
    let mut hash = Sha256::new();
    hash.update(b"ticketcore user\0");
    hash.update((issuer.len() as u64).to_be_bytes());
    hash.update(issuer);
    hash.update(subject);
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    UserId(id)
}

/// A user as clients see him: `usr_` and 32 digits.
#[must_use]
pub fn user_text(user: UserId) -> String {
    format!("usr_{:032x}", u128::from_be_bytes(user.0))
}

/// Reads what [`user_text`] writes.
#[must_use]
pub fn parse_user(text: &str) -> Option<UserId> {
    let digits = text.strip_prefix("usr_")?;
    let plain = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain { u128::from_str_radix(digits, 16).ok().map(UserId::from) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_users_round_trip_and_do_not_run_together() {
        let user = user_named("shop", "42");
        assert_eq!(parse_user(&user_text(user)), Some(user));
        assert_ne!(user_named("shop4", "2"), user);
        for bad in ["", "usr_", "usr_+0000000000000000000000000000001", "42", "usr_zz"] {
            assert_eq!(parse_user(bad), None, "{bad}");
        }
    }
}
