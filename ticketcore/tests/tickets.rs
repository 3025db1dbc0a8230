//! Whatever a ticket says, its code says it back; whatever the bytes, nothing panics and nothing is let in.

#![cfg(not(shuttle))]

use std::collections::BTreeMap;

use proptest::prelude::*;
use ticketcore::ticket::{
    DeadTicket, KeyId, PublicKeys, RevocationList, TicketClaims, TicketCode, TicketKeys, TicketPlace, verify,
    verify_many,
};
use ticketcore::{
    AreaIndex, EventId, HoldNumber, OrderId, Revision, SeatIndex, TicketId, TicketTypeIndex, UtcMs,
};

const NOW: UtcMs = UtcMs(1_800_000_000_000);

fn claims() -> impl Strategy<Value = TicketClaims> {
    let place = prop_oneof![
        any::<u32>().prop_map(|seat| TicketPlace::Seat(SeatIndex(seat))),
        any::<u16>().prop_map(|area| TicketPlace::Area(AreaIndex(area))),
    ];
    let ticket = (any::<u64>(), any::<u64>(), any::<u32>()).prop_map(|(event, number, index)| TicketId {
        order: OrderId { event: EventId(event), number: HoldNumber(number) },
        index,
    });
    let times = (0..=NOW.0, 0..=NOW.0, NOW.0 + 1..=u64::MAX);
    (place, ticket, any::<u32>(), any::<u16>(), times).prop_map(|(place, ticket, issue, kind, times)| {
        TicketClaims {
            ticket,
            issue,
            place,
            ticket_type: TicketTypeIndex(kind),
            signed_at: UtcMs(times.0),
            valid_from: UtcMs(times.1),
            valid_until: UtcMs(times.2),
        }
    })
}

fn dead() -> impl Strategy<Value = Vec<DeadTicket>> {
    let number = prop_oneof![0..4u64, any::<u64>()];
    let index = prop_oneof![0..3u32, any::<u32>()];
    let one = (number, index, 0..4u32).prop_map(|(order, index, issue)| DeadTicket {
        order: HoldNumber(order),
        index,
        issue,
    });
    prop::collection::vec(one, 0..40)
}

/// The highest dead issue per ticket.
fn model(dead: &[DeadTicket]) -> BTreeMap<(HoldNumber, u32), u32> {
    let mut model = BTreeMap::new();
    for dead in dead {
        let issue = model.entry((dead.order, dead.index)).or_insert(dead.issue);
        *issue = dead.issue.max(*issue);
    }
    model
}

fn list(revision: u64, dead: Vec<DeadTicket>) -> RevocationList {
    RevocationList::new(EventId(7), Revision(revision), NOW, dead).expect("not too many")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_code_says_what_was_signed(claims in claims(), seed: [u8; 32], other: [u8; 32], id: u16, bit in 0..880usize) {
        prop_assume!(seed != other);
        let keys = TicketKeys::new(KeyId(id), &seed, UtcMs(0));
        let code = keys.sign(&claims).expect("the key is in use");
        let said = Ok(claims.to_seconds());
        prop_assert_eq!(verify(&code, keys.public(), NOW), said);
        prop_assert_eq!(code.to_string().parse(), Ok(code));
        prop_assert_eq!(TicketCode::from_typed(&code.to_string().to_lowercase()), Ok(code));
        prop_assert_eq!(verify_many(&[code], keys.public(), NOW), vec![said]);
        prop_assert_eq!(keys.sign(&claims.to_seconds()), Ok(code));
        let stranger = TicketKeys::new(KeyId(id), &other, UtcMs(0));
        prop_assert!(verify(&code, stranger.public(), NOW).is_err());
        let mut bytes = *code.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(TicketCode::from_bytes(&bytes).and_then(|code| verify(&code, keys.public(), NOW)).is_err());
    }

    #[test]
    fn anything_else_is_refused(bytes: Vec<u8>, text: String, alphabet in "[0-9A-HJKMNP-TV-Z]{176}") {
        let keys = TicketKeys::new(KeyId(1), &[1; 32], UtcMs(0));
        for code in [TicketCode::from_bytes(&bytes), text.parse(), TicketCode::from_typed(&text), alphabet.parse()] {
            prop_assert!(code.and_then(|code| verify(&code, keys.public(), NOW)).is_err());
        }
        prop_assert!(RevocationList::read(&bytes, keys.public(), NOW).is_err());
        prop_assert!(serde_json::from_slice::<PublicKeys>(&bytes).is_err());
    }

    #[test]
    fn a_list_is_the_highest_dead_issue_per_ticket(old in dead(), new in dead()) {
        let keys = TicketKeys::new(KeyId(1), &[1; 32], UtcMs(0));
        let (older, newer) = (list(5, old.clone()), list(9, [&old[..], &new[..]].concat()));
        let bytes = newer.sign(&keys).expect("the key is in use");
        let read = RevocationList::read(&bytes, keys.public(), NOW);
        prop_assert_eq!(read.as_ref(), Ok(&newer));
        let all = model(&[&old[..], &new[..]].concat());
        let listed: Vec<_> = newer.dead().iter().map(|dead| ((dead.order, dead.index), dead.issue)).collect();
        prop_assert_eq!(listed, all.clone().into_iter().collect::<Vec<_>>());
        for ((number, index), highest) in &all {
            let ticket = TicketId { order: OrderId { event: EventId(7), number: *number }, index: *index };
            prop_assert!(newer.contains(ticket, *highest) && !newer.contains(ticket, highest + 1));
        }
        let changes = newer.since(&older).expect("it follows");
        let mut merged = older.clone();
        prop_assert_eq!(merged.merge(&changes), Ok(()));
        prop_assert_eq!(&merged, &newer);
        prop_assert_eq!(merged.merge(&older), Ok(()));
        prop_assert_eq!(&merged, &newer);
    }
}
