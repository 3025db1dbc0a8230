//! The key of the target `ticket_code` and its seeds.

use ticketcore::UtcMs;
use ticketcore::ticket::{KeyId, TicketKeys};

/// When codes are looked at.
pub const TICKET_NOW: UtcMs = UtcMs(1_800_000_000_000);

/// The keys they are signed with.
#[must_use]
pub fn ticket_keys() -> TicketKeys {
    TicketKeys::new(KeyId(1), &[7; 32], UtcMs(0))
}
