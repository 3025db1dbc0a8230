//! Every limit of the engine, each with its number. A command that would pass one is refused with
//! [`LimitExceeded`], which names it.

use serde::{Deserialize, Serialize};

/// Seats one event may have.
pub const SEATS_MAX: usize = 250_000;
/// Sections one event may have.
pub const SECTIONS_MAX: usize = 4_096;
/// Rows one event may have.
pub const ROWS_MAX: usize = 50_000;
/// General-admission areas one event may have.
pub const AREAS_MAX: usize = 256;
/// Places one area may have.
pub const AREA_PLACES_MAX: u32 = 1_000_000;
/// Categories one event may have.
pub const CATEGORIES_MAX: usize = 64;
/// Ticket types one event may have.
pub const TICKET_TYPES_MAX: usize = 64;
/// Allocations one event may have: a set of them is one machine word.
pub const ALLOCATIONS_MAX: usize = 64;
/// Channels that may unlock one allocation.
pub const CHANNELS_PER_ALLOCATION_MAX: usize = 16;
/// Quotas one event may have: a set of them is one machine word.
pub const QUOTAS_MAX: usize = 64;
/// Bytes of a name (event, venue, section, category, ...).
pub const NAME_BYTES_MAX: usize = 200;
/// Bytes of a seat's machine name and of its label.
pub const SEAT_NAME_BYTES_MAX: usize = 64;
/// Bytes of a channel name or an access code.
pub const CODE_BYTES_MAX: usize = 64;
/// Vouchers one event may have.
pub const VOUCHERS_MAX: usize = 1_000_000;
/// Batches of vouchers one event may have.
pub const VOUCHER_BATCHES_MAX: usize = 4_096;
/// Vouchers one command may add or revoke.
pub const VOUCHERS_PER_COMMAND_MAX: usize = 10_000;
/// Uses one voucher may have.
pub const VOUCHER_USES_MAX: u32 = 1_000_000;
/// Identities one hold may count for.
pub const IDENTITIES_PER_HOLD_MAX: usize = 4;
/// Time that who gives a wrong code must wait before the next, in milliseconds; doubles with every further wrong one...
pub const GUESS_DELAY_MS: u64 = 1_000;
/// ...up to this, in milliseconds (1 hour).
pub const GUESS_DELAY_MS_MAX: u64 = 3_600_000;
/// Wrong codes are forgotten so long after the delay has passed, in milliseconds (1 hour).
pub const GUESS_MEMORY_MS: u64 = 3_600_000;
/// Users of one event whose wrong codes are remembered. Who has the fewest goes first.
pub const GUESSERS_MAX: usize = 65_536;
/// Entries the waiting list of one event may have.
pub const WAITING_MAX: usize = 100_000;
/// Different wishes that entries of one event may have: what an offer costs grows with them.
pub const WAITING_WISHES_MAX: usize = 1_024;
/// Entries one user may have in the waiting list of an event.
pub const WAITING_PER_USER_MAX: u32 = 4;
/// Offers to who waits that are made before a hold which wants the same is decided again.
pub const OFFERS_PER_STEP_MAX: usize = 64;
/// Times a hold lets who waits go first although nothing fits them; then it takes what is there.
pub const OFFER_PASSES_MAX: u32 = 3;
/// People who may ever join one waiting room.
pub const ENTRANTS_MAX: u32 = 100_000_000;
/// Bytes of the words that say where the entropy of a lottery comes from.
pub const ENTROPY_SOURCE_BYTES_MAX: usize = 1_000;
/// Keys whose tokens are accepted at a time.
pub const ROOM_KEYS_MAX: usize = 8;
/// Bytes of a word of the outside world: a payment method, a gateway's reference or code.
pub const WORD_BYTES_MAX: usize = 255;
/// Payment attempts one order may have.
pub const ATTEMPTS_PER_ORDER_MAX: usize = 16;
/// Tickets one command may name.
pub const TICKETS_PER_COMMAND_MAX: usize = 1_024;
/// Times tickets of one order may be exchanged.
pub const EXCHANGES_PER_ORDER_MAX: usize = 64;
/// Refunds one order may have.
pub const REFUNDS_PER_ORDER_MAX: usize = 256;
/// Disputes one order may have.
pub const DISPUTES_PER_ORDER_MAX: usize = 256;
/// Definite failures of one refund after which it is stuck.
pub const REFUND_TRIES_MAX: u32 = 8;
/// Shortest time an event may give an order for its first payment, in milliseconds.
pub const INTENT_TTL_MS_MIN: u64 = 1_000;
/// Longest time staff may be given for a review, in milliseconds (48 hours): the only thing that passes a hold's lifetime.
pub const REVIEW_TTL_MS_MAX: u64 = 48 * 3_600_000;
/// Lines beside the tickets that one order may have.
pub const EXTRA_LINES_MAX: usize = 32;
/// Notifications a sandbox keeps for who fetches them.
pub const NOTIFICATIONS_MAX: usize = 65_536;
/// Charges in one page of a gateway's list.
pub const CHARGES_PER_PAGE: usize = 100;
/// Bytes of one message between a sandbox and who calls it from another process.
pub const GATEWAY_MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Keys a scanner of tickets may know.
pub const TICKET_KEYS_MAX: usize = 256;
/// Tickets one list of revocations may name.
pub const REVOCATIONS_MAX: usize = 1_000_000;
/// Bytes of a person's e-mail address (RFC 5321 lets through no longer ones).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Bytes of a person's telephone number.
pub const PHONE_BYTES_MAX: usize = 32;
/// Bytes of a person's language tag.
pub const LOCALE_BYTES_MAX: usize = 35;
/// Fingerprints one person may have.
pub const FINGERPRINTS_MAX: usize = 16;
/// Bytes of an idempotency key.
pub const KEY_BYTES_MAX: usize = 128;
/// Seats and places one hold may keep.
pub const PLACES_PER_HOLD_MAX: usize = 100;
/// Items one hold request may have.
pub const ITEMS_PER_HOLD_MAX: usize = 32;
/// Seats one staff command may name.
pub const SEATS_PER_STAFF_COMMAND_MAX: usize = 10_000;
/// Shortest time a hold may be asked for, in milliseconds.
pub const HOLD_TTL_MS_MIN: u64 = 1_000;
/// Longest lifetime an event may give its holds, extensions and pins included, in milliseconds (24 hours).
pub const HOLD_LIFETIME_MS_MAX: u64 = 24 * 3_600_000;
/// Time an idempotency key is remembered at least, in milliseconds (72 hours). Up to a quarter longer.
pub const KEY_RETENTION_MS: u64 = 72 * 3_600_000;
/// Highest price of one ticket, in minor units of the event's currency.
pub const PRICE_MINOR_MAX: i64 = 1_000_000_000_000;
/// Bytes of a seating plan document.
pub const PLAN_BYTES_MAX: usize = 128 << 20;
/// Nesting depth of a seating plan document.
pub const PLAN_DEPTH_MAX: usize = 16;
/// Bytes of memory that facts of one event may take while they wait for the store, the batch in flight and who waits for it included, by
/// an estimate from above (256 MiB: over 200,000 small holds, or 16 changes of the manifest); past it commands are refused as `overloaded`.
/// [`Options::pending_bytes_max`](crate::Options::pending_bytes_max) sets another.
pub const PENDING_BYTES_MAX: usize = 256 << 20;
/// Commands of one event that may wait for the event to open.
pub const OPENING_QUEUE_MAX: usize = 65_536;
/// Commands one `*_many` call may carry.
pub const MANY_MAX: usize = 65_536;
/// Times a command is decided again with a fresh clock or map before it is decided with the event to itself.
pub const DECIDE_ATTEMPTS_MAX: u32 = 8;
/// Holds one maintenance step expires before it lets others in.
pub const EXPIRE_BATCH_MAX: usize = 256;
/// Times an append that failed cleanly, or whose outcome is unknown, is sent again.
pub const APPEND_ATTEMPTS_MAX: u32 = 16;
/// Venues one store may have.
pub const VENUES_MAX: usize = 65_536;
/// Events one store may have.
pub const EVENTS_MAX: usize = 1_000_000;
/// Bytes of the name of a host record.
pub const HOST_RECORD_NAME_BYTES_MAX: usize = 200;
/// Bytes of the body of a host record (8 MiB).
pub const HOST_RECORD_BYTES_MAX: usize = 8 << 20;
/// Host records one store may have.
pub const HOST_RECORDS_MAX: usize = 65_536;
/// Bytes that the names and bodies of all host records of one store may have together: they are kept in memory (512 MiB).
pub const HOST_RECORDS_BYTES_MAX: usize = 512 << 20;

const _: () = assert!(
    HOLD_LIFETIME_MS_MAX + REVIEW_TTL_MS_MAX <= KEY_RETENTION_MS,
    "a key must outlive the order it opened"
);
const _: () = assert!(ALLOCATIONS_MAX <= 64 && QUOTAS_MAX <= 64, "sets of them are one 64-bit word");
const _: () = assert!(SEATS_MAX < u32::MAX as usize);

/// A number in a request passes a limit of this module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what}: {found} is outside {min} to {max}")]
pub struct LimitExceeded {
    /// Which number, by the name of the request member, for example `items.seats`.
    pub what: String,
    /// The number found.
    pub found: u64,
    /// The smallest number allowed.
    pub min: u64,
    /// The largest number allowed.
    pub max: u64,
}

/// Checks `min <= found <= max`.
///
/// # Errors
/// [`LimitExceeded`] naming `what`.
pub fn within(what: &str, found: u64, min: u64, max: u64) -> Result<(), LimitExceeded> {
    if (min..=max).contains(&found) {
        Ok(())
    } else {
        Err(LimitExceeded { what: what.to_owned(), found, min, max })
    }
}
