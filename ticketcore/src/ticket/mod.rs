//! Ticket codes: signed, compact, verified without an engine.
//!
//! A [`TicketCode`] is 110 bytes: what a ticket is for, and an Ed25519 signature. Its text has 176 characters that fit a small QR code. The
//! box office signs codes with [`TicketKeys`]; a scanner checks them by [`verify()`] with the [`PublicKeys`] alone, offline, and looks them up in a
//! [`RevocationList`]. [`OfflineScanner`] does both. A code is a fact about an *issue* of a ticket: a ticket that is transferred, exchanged or
//! issued again gets a new issue number, and the list kills the older ones.
//!
//! ```
//! use ticketcore::ticket::*;
//! use ticketcore::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Where tickets are issued. The seed is 32 random bytes that the host keeps secret.
//! let seed = [7; 32];
//! let keys = TicketKeys::new(KeyId(1), &seed, UtcMs(0));
//! let order = OrderId { event: EventId(7), number: HoldNumber::new(Revision(1_000), 3) };
//! let claims = TicketClaims {
//!     ticket: TicketId { order, index: 0 },
//!     issue: 0,
//!     place: TicketPlace::Seat(SeatIndex(4_711)),
//!     ticket_type: TicketTypeIndex(0),
//!     signed_at: UtcMs(1_800_000_000_000),
//!     valid_from: UtcMs(1_800_100_000_000),
//!     valid_until: UtcMs::NEVER,
//! };
//! let text = keys.sign(&claims)?.to_string();
//!
//! // At the door: the keys came as JSON, the code by a camera.
//! let public: PublicKeys = serde_json::from_str(&serde_json::to_string(keys.public())?)?;
//! let code: TicketCode = text.parse()?;
//! assert_eq!(verify(&code, &public, UtcMs(1_800_200_000_000)), Ok(claims));
//! let early = verify(&code, &public, UtcMs(1_800_000_000_000));
//! assert_eq!(early, Err(NotValid::NotYetValid { valid_from: claims.valid_from }));
//! # Ok(())
//! # }
//! ```
//!
//! `docs/TICKETS.md` has the layouts for scanners that are not written in Rust. They never change within a version.

mod base32;
mod claims;
mod code;
mod keys;
mod public;
#[cfg(feature = "qr")]
mod qr;
mod revoked;
pub(crate) mod revoked_form;
mod scanner;
#[cfg(test)]
mod tests;
mod verify;

pub use claims::{KeyId, TicketClaims, TicketPlace};
pub use code::{CODE_BYTES, CODE_CHARS, TicketCode};
pub use keys::TicketKeys;
pub use public::{KeyError, PublicKey, PublicKeys};
#[cfg(feature = "qr")]
pub use qr::QrPicture;
pub use revoked::{DeadTicket, ListError, RevocationList};
pub use scanner::OfflineScanner;
pub use verify::{NotValid, verify, verify_many};
