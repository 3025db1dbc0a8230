//! From the small numbers of a script to requests.

use ticketcore::{
    AreaIndex, BestAvailable, IdempotencyKey, Item, SeatIndex, SectionIndex, TicketTypeIndex, UserId,
};

use crate::event::SEATS;
use crate::script::{Ask, Call, Door};

/// The user of a call.
pub fn user(call: Call) -> UserId {
    UserId::from(u128::from(call.user % 4))
}

/// The idempotency key of a call.
pub fn key(call: Call) -> Option<IdempotencyKey> {
    call.key.map(|key| IdempotencyKey::new(&format!("k{}", key % 4)).expect("a short key"))
}

/// The channel and the access code.
pub fn codes(door: Door) -> (Option<String>, Option<String>) {
    match door {
        Door::Public => (None, None),
        Door::Channel => (Some("partner".into()), None),
        Door::Code => (None, Some("code".into())),
    }
}

/// The request item; may name a seat that does not exist, and ask for nothing or too much.
pub fn item(ask: Ask) -> Item {
    let ticket_type = |child: bool| TicketTypeIndex(u16::from(child));
    let seat = |at: u8| SeatIndex(u32::from(at) % (SEATS + 1));
    match ask {
        Ask::Seats { first, second, child } => {
            let seats = [Some(first), second].into_iter().flatten().map(seat).collect();
            Item::Seats { seats, ticket_type: ticket_type(child) }
        }
        Ask::Area { quantity, child } => Item::Area {
            area: AreaIndex(0),
            quantity: u32::from(quantity % 6),
            ticket_type: ticket_type(child),
        },
        Ask::Best { count, child, section, split, accessible } => Item::Best(BestAvailable {
            section: section.map(|section| SectionIndex(u16::from(section % 3))),
            allow_split: split,
            accessible,
            ..BestAvailable::adjacent(u32::from(count % 5), ticket_type(child))
        }),
    }
}
