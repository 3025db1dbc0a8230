//! Whether a code is a ticket: without an engine, from the public keys alone.

use ed25519_dalek::verify_batch;
use serde::{Deserialize, Serialize};

use super::claims::{KeyId, TicketClaims};
use super::code::TicketCode;
use super::public::{PublicKey, PublicKeys};
use crate::id::EventId;
use crate::time::UtcMs;

/// Why a code lets nobody in: a closed list, in order of precedence. Nothing a code says is looked at before its signature is known to be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotValid {
    /// It does not have the form of a ticket code.
    #[error("not_a_ticket")]
    NotATicket,
    /// It is of another version: perhaps this program is too old.
    #[error("unknown_version: {version}")]
    UnknownVersion {
        /// The version it names.
        version: u8,
    },
    /// It names a key that is not among the keys: perhaps they are out of date.
    #[error("unknown_key: {key}")]
    UnknownKey {
        /// The key.
        key: KeyId,
    },
    /// It was forged or damaged.
    #[error("bad_signature")]
    BadSignature,
    /// The key was not in use when the code says it was signed, or is not accepted any more.
    #[error("key_window: {key}")]
    KeyWindow {
        /// The key.
        key: KeyId,
    },
    /// Too early.
    #[error("not_yet_valid: from {valid_from}")]
    NotYetValid {
        /// When it will be valid.
        valid_from: UtcMs,
    },
    /// Too late.
    #[error("expired: at {valid_until}")]
    Expired {
        /// When it ceased to be valid.
        valid_until: UtcMs,
    },
    /// It is for another event.
    #[error("wrong_event: {event}")]
    WrongEvent {
        /// That event.
        event: EventId,
    },
    /// The ticket was refunded, or has been issued again since.
    #[error("revoked")]
    Revoked,
}

impl NotValid {
    /// Every code, in order of precedence.
    pub const CODES: [&'static str; 9] = [
        "not_a_ticket",
        "unknown_version",
        "unknown_key",
        "bad_signature",
        "key_window",
        "not_yet_valid",
        "expired",
        "wrong_event",
        "revoked",
    ];

    /// The code of this reason, the same in every interface.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        let at = match self {
            Self::NotATicket => 0,
            Self::UnknownVersion { .. } => 1,
            Self::UnknownKey { .. } => 2,
            Self::BadSignature => 3,
            Self::KeyWindow { .. } => 4,
            Self::NotYetValid { .. } => 5,
            Self::Expired { .. } => 6,
            Self::WrongEvent { .. } => 7,
            Self::Revoked => 8,
        };
        Self::CODES[at]
    }
}

/// What a code says, if it was signed with one of `keys` and is valid at `now`. Looks neither at the event nor at revocations: see
/// [`OfflineScanner`](super::OfflineScanner). One signature check, without allocation.
///
/// # Errors
/// The first [`NotValid`] that applies.
pub fn verify(code: &TicketCode, keys: &PublicKeys, now: UtcMs) -> Result<TicketClaims, NotValid> {
    let key = keys.find(code.key_id())?;
    key.check(&code.message(), &code.signature())?;
    in_time(code, key, now)
}

/// Codes whose signatures are checked together.
const TOGETHER: usize = 128;

/// [`verify`] for many codes, in their order. Signatures are checked together, which takes less than half the time when all are good; where one
/// is not, its neighbours are checked one by one. The answers are those of [`verify`], but for signatures that only the owner of a secret key
/// can make, and makes wrong on purpose.
#[must_use]
pub fn verify_many(
    codes: &[TicketCode],
    keys: &PublicKeys,
    now: UtcMs,
) -> Vec<Result<TicketClaims, NotValid>> {
    codes.chunks(TOGETHER).flat_map(|codes| verify_together(codes, keys, now)).collect()
}

fn verify_together(
    codes: &[TicketCode],
    keys: &PublicKeys,
    now: UtcMs,
) -> Vec<Result<TicketClaims, NotValid>> {
    let known = || codes.iter().filter_map(|code| Some((code, keys.find(code.key_id()).ok()?)));
    let messages: Vec<_> = known().map(|(code, _)| code.message()).collect();
    let messages: Vec<&[u8]> = messages.iter().map(|message| &message[..]).collect();
    let signatures: Vec<_> = known().map(|(code, _)| code.signature()).collect();
    let signers: Vec<_> = known().map(|(_, key)| key.verifying()).collect();
    let all_good = verify_batch(&messages, &signatures, &signers).is_ok();
    let one = |code: &TicketCode| match all_good {
        true => in_time(code, keys.find(code.key_id())?, now),
        false => verify(code, keys, now),
    };
    codes.iter().map(one).collect()
}

/// What a code with a good signature says, if it is valid now.
fn in_time(code: &TicketCode, key: &PublicKey, now: UtcMs) -> Result<TicketClaims, NotValid> {
    let claims = *code.claims();
    key.in_use(claims.signed_at, now)?;
    if now < claims.valid_from {
        return Err(NotValid::NotYetValid { valid_from: claims.valid_from });
    }
    if now >= claims.valid_until {
        return Err(NotValid::Expired { valid_until: claims.valid_until });
    }
    Ok(claims)
}
