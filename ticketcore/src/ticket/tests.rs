use super::*;
use crate::id::{AreaIndex, EventId, HoldNumber, OrderId, Revision, SeatIndex, TicketId, TicketTypeIndex};
use crate::time::UtcMs;

const SEED: [u8; 32] = *b"a seed for tests, not for doors!";
const OTHER: [u8; 32] = *b"another seed for tests, no doors";
const SIGNED: UtcMs = UtcMs(1_800_000_000_000);
const FROM: UtcMs = UtcMs(1_800_100_000_000);
const INSIDE: UtcMs = UtcMs(1_800_150_000_000);
const UNTIL: UtcMs = UtcMs(1_800_200_000_000);
const ID: KeyId = KeyId(0x0102);

pub(super) fn keys() -> TicketKeys {
    TicketKeys::new(ID, &SEED, UtcMs(0))
}

fn order() -> OrderId {
    OrderId { event: EventId(7), number: HoldNumber::new(Revision(123_456), 41) }
}

pub(super) fn claims() -> TicketClaims {
    TicketClaims {
        ticket: TicketId { order: order(), index: 2 },
        issue: 3,
        place: TicketPlace::Seat(SeatIndex(70_001)),
        ticket_type: TicketTypeIndex(5),
        signed_at: SIGNED,
        valid_from: FROM,
        valid_until: UNTIL,
    }
}

/// A code signed now is the code that was signed when the format was made. This never changes; a new version gets another beside it.
#[test]
fn version_1_is_what_it_always_was() {
    let code = keys().sign(&claims()).unwrap();
    let body = [
        1, 2, 1, 0, 0x71, 0x11, 1, 0, 5, 0, 2, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0x29, 0x90, 0x78,
        0, 0, 0, 0, 0, 0, 0xd2, 0x49, 0x6b, 0xa0, 0x58, 0x4b, 0x6b, 0x40, 0xdf, 0x4c, 0x6b,
    ];
    assert_eq!(code.as_bytes()[..46], body);
    let text = GOLDEN;
    assert_eq!(code.to_string(), text);
    assert_eq!(text.parse(), Ok(code));
    assert_eq!((code.as_bytes().len(), text.len()), (CODE_BYTES, CODE_CHARS));
    assert_eq!(verify(&code, keys().public(), INSIDE), Ok(claims()));
    let json = serde_json::to_string(keys().public()).unwrap();
    assert_eq!(json, GOLDEN_KEYS);
    assert_eq!(serde_json::from_str::<PublicKeys>(&json).unwrap(), *keys().public());
}

const GOLDEN: &str = "0410203H240G018008000003000001R00000000000MS0Y0000000000T94PQ82R9DNM1QTCDC6RVWRBW555E6M2B3A04K5XY883XPFHBJFG52584TWXJ30EJY22V796XDA0Y9ZZ690ZAGHX63XH9DD0VFN8F7EZH099TC7725Z34XRC";
const GOLDEN_KEYS: &str = r#"{"format":1,"keys":[{"id":258,"key":"e18375f5456e5e73d94463540575c27488571ebcab5df23ceddf34e502723eeb","signs_from":0}]}"#;
const GOLDEN_LIST: &str = "544b72310201000007000000000000000000000000000000080000000000000000d2496b04000000050902000000a702000100efa20404d1daf1488909bce7fd14ff5eca44360e1108a3543d7db98c9ad5bbac9c0d6121effc1d15d8ab1cabfc7039fbb7211d93c8f4d86f4b0839caa9f2f24253de210e";

#[test]
fn every_flipped_bit_is_refused() {
    let (keys, code) = (keys(), keys().sign(&claims()).unwrap());
    for bit in 0..CODE_BYTES * 8 {
        let mut bytes = *code.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let read = TicketCode::from_bytes(&bytes);
        let refused = read.and_then(|code| verify(&code, keys.public(), INSIDE)).unwrap_err();
        let expected = match bit / 8 {
            0 => matches!(refused, NotValid::UnknownVersion { .. }),
            1 | 2 => matches!(refused, NotValid::UnknownKey { .. }),
            // Of a seat it would make an area that no event can have.
            3 => refused == NotValid::NotATicket,
            _ => refused == NotValid::BadSignature,
        };
        assert!(expected, "bit {bit}: {refused}");
    }
}

#[test]
fn every_other_character_is_refused_and_every_other_length() {
    let (keys, text) = (keys(), keys().sign(&claims()).unwrap().to_string());
    let refused = |text: &str| text.parse().and_then(|code| verify(&code, keys.public(), INSIDE)).is_err();
    for at in 0..text.len() {
        for other in ['0', 'Z', 'a', 'I', ' ', 'ß', '\0'] {
            let changed: String = text
                .chars()
                .enumerate()
                .map(|(place, char)| if place == at { other } else { char })
                .collect();
            assert!(changed == text || refused(&changed), "{at} {other}");
        }
        assert!(refused(&text[..at]));
    }
    for other in [format!("{text}0"), format!(" {text}"), format!("{text}\n"), text.to_lowercase()] {
        assert!(refused(&other));
    }
}

#[test]
fn what_people_type_is_tidied() {
    let code = keys().sign(&claims()).unwrap();
    let text = code.to_string();
    let typed: Vec<String> =
        text.as_bytes().chunks(8).map(|part| String::from_utf8_lossy(part).to_lowercase()).collect();
    assert_eq!(TicketCode::from_typed(&typed.join(" - \n")), Ok(code));
    assert_eq!(TicketCode::from_typed(&text.replace('0', "o").replace('1', "l")), Ok(code));
    assert_eq!(TicketCode::from_typed(&"0".repeat(1_025)), Err(NotValid::NotATicket));
    assert_eq!(TicketCode::from_typed("https://example.org"), Err(NotValid::NotATicket));
    assert_eq!(TicketCode::from_bytes(&[]), Err(NotValid::NotATicket));
}

#[test]
fn a_code_is_valid_from_its_start_to_before_its_end() {
    let (keys, code) = (keys(), keys().sign(&claims()).unwrap());
    let at = |now| verify(&code, keys.public(), now);
    assert_eq!(at(UtcMs(FROM.0 - 1)), Err(NotValid::NotYetValid { valid_from: FROM }));
    assert_eq!(at(FROM), Ok(claims()));
    assert_eq!(at(UtcMs(UNTIL.0 - 1)), Ok(claims()));
    assert_eq!(at(UNTIL), Err(NotValid::Expired { valid_until: UNTIL }));
    let endless = TicketClaims { valid_until: UtcMs::NEVER, ..claims() };
    let code = keys.sign(&endless).unwrap();
    assert_eq!(verify(&code, keys.public(), UtcMs(u64::MAX - 1)), Ok(endless));
}

#[test]
fn times_are_kept_to_the_second_in_favour_of_the_guest() {
    let odd = TicketClaims {
        valid_from: UtcMs(FROM.0 + 999),
        valid_until: UtcMs(UNTIL.0 - 999),
        signed_at: UtcMs(SIGNED.0 + 1),
        ..claims()
    };
    assert_eq!(odd.to_seconds(), claims());
    let code = keys().sign(&odd).unwrap();
    assert_eq!(verify(&code, keys().public(), FROM), Ok(claims()));
    let far = TicketClaims { valid_until: UtcMs(u64::from(u32::MAX) * 1_000 - 999), ..claims() };
    assert_eq!(far.to_seconds().valid_until, UtcMs::NEVER);
}

#[test]
fn another_key_with_the_same_id_is_refused() {
    let forged = TicketKeys::new(ID, &OTHER, UtcMs(0)).sign(&claims()).unwrap();
    assert_eq!(verify(&forged, keys().public(), INSIDE), Err(NotValid::BadSignature));
    assert_eq!(verify(&forged, &PublicKeys::default(), INSIDE), Err(NotValid::UnknownKey { key: ID }));
}

#[test]
fn a_key_that_was_rotated_verifies_what_it_signed_and_nothing_later() {
    let mut keys = keys();
    let old = keys.sign(&claims()).unwrap();
    let later = TicketClaims { signed_at: UtcMs(SIGNED.0 + 10_000), ..claims() };
    let backdated = keys.sign(&later).unwrap();
    let rotated_at = UtcMs(SIGNED.0 + 5_500);
    assert_eq!(keys.rotate(ID, &OTHER, rotated_at), Err(KeyError::Duplicate(ID)));
    assert_eq!(verify(&backdated, keys.public(), INSIDE), Ok(later), "a failed rotation changes nothing");
    keys.rotate(KeyId(9), &OTHER, rotated_at).unwrap();
    assert_eq!(keys.active(), KeyId(9));
    assert_eq!(verify(&old, keys.public(), INSIDE), Ok(claims()));
    assert_eq!(verify(&backdated, keys.public(), INSIDE), Err(NotValid::KeyWindow { key: ID }));
    assert_eq!(keys.sign(&claims()), Err(KeyError::NotInUse(KeyId(9))));
    assert_eq!(verify(&keys.sign(&later).unwrap(), keys.public(), INSIDE), Ok(later));
    let at_once = TicketClaims { signed_at: rotated_at, ..claims() };
    assert!(verify(&keys.sign(&at_once).unwrap(), keys.public(), INSIDE).is_ok());
    // As a box office that is started again has them.
    let older = PublicKeys::new(vec![keys.public().keys()[1]]).unwrap();
    assert_eq!(older.keys()[0].id, ID);
    let again = TicketKeys::new(KeyId(9), &OTHER, rotated_at).with_older(&older).unwrap();
    assert_eq!(again.public(), keys.public());
    keys.retire(ID, UtcMs(INSIDE.0 + 1)).unwrap();
    assert!(verify(&old, keys.public(), INSIDE).is_ok());
    assert_eq!(verify(&old, keys.public(), UtcMs(INSIDE.0 + 1)), Err(NotValid::KeyWindow { key: ID }));
    assert_eq!(keys.forget(KeyId(9)), Err(KeyError::Active(KeyId(9))));
    assert_eq!(keys.retire(KeyId(5), INSIDE), Err(KeyError::Unknown(KeyId(5))));
    let json = serde_json::to_string(keys.public()).unwrap();
    assert_eq!(serde_json::from_str::<PublicKeys>(&json).unwrap(), *keys.public());
    keys.forget(ID).unwrap();
    assert_eq!(verify(&old, keys.public(), INSIDE), Err(NotValid::UnknownKey { key: ID }));
}

#[test]
fn secrets_are_not_shown() {
    let keys = keys();
    let code = keys.sign(&claims()).unwrap();
    let shown = format!("{keys:?} {code:?}");
    let seed = format!("{:?}", &SEED[..8]);
    assert!(
        !shown.contains(&code.to_string()[80..100]) && !shown.contains(seed.trim_matches(['[', ']'])),
        "{shown}"
    );
    assert!(shown.contains("tkt_") && shown.contains("active: KeyId(258)"));
}

#[test]
fn bad_keys_are_refused() {
    // Of small order: the neutral element, for which every message has a signature.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert_eq!(PublicKey::new(ID, &neutral, UtcMs(0)), Err(KeyError::Weak(ID)));
    assert_eq!(PublicKey::new(ID, &[0xff; 32], UtcMs(0)), Err(KeyError::Weak(ID)));
    let good = serde_json::to_string(keys().public()).unwrap();
    for (from, to) in
        [("\"format\":1", "\"format\":2"), ("\"id\":258", "\"id\":65536"), ("\"key\":\"", "\"key\":\"0")]
    {
        assert!(
            good.contains(from) && serde_json::from_str::<PublicKeys>(&good.replace(from, to)).is_err(),
            "{to}"
        );
    }
    let bytes = *keys().public().keys()[0].as_bytes();
    let many = (0..=256).map(|id| PublicKey::new(KeyId(id), &bytes, UtcMs(0)).unwrap()).collect();
    assert!(matches!(PublicKeys::new(many), Err(KeyError::Limit(_))));
    let twice = vec![keys().public().keys()[0]; 2];
    assert_eq!(PublicKeys::new(twice), Err(KeyError::Duplicate(ID)));
}

#[test]
fn many_are_verified_as_one_by_one() {
    let keys = keys();
    let code = |index| {
        let ticket = TicketId { order: order(), index };
        let place = TicketPlace::Area(AreaIndex(3));
        let until = if index % 50 == 7 { FROM } else { UNTIL };
        keys.sign(&TicketClaims { ticket, place, valid_until: until, ..claims() }).unwrap()
    };
    let mut codes: Vec<_> = (0..300).map(code).collect();
    let expect = |codes: &[TicketCode]| -> Vec<_> {
        codes.iter().map(|code| verify(code, keys.public(), INSIDE)).collect()
    };
    assert_eq!(verify_many(&codes, keys.public(), INSIDE), expect(&codes));
    assert_eq!(expect(&codes).iter().filter(|one| one.is_ok()).count(), 294);
    let forged = TicketKeys::new(ID, &OTHER, UtcMs(0)).sign(&claims()).unwrap();
    codes[150] = forged;
    codes[299] = TicketKeys::new(KeyId(1), &OTHER, UtcMs(0)).sign(&claims()).unwrap();
    let many = verify_many(&codes, keys.public(), INSIDE);
    assert_eq!(many, expect(&codes));
    assert_eq!(many[150], Err(NotValid::BadSignature));
    assert_eq!(many[299], Err(NotValid::UnknownKey { key: KeyId(1) }));
    assert!(verify_many(&[], keys.public(), INSIDE).is_empty());
}

fn dead(order: u64, index: u32, issue: u32) -> DeadTicket {
    DeadTicket { order: HoldNumber(order), index, issue }
}

fn list(revision: u64, dead: &[DeadTicket]) -> RevocationList {
    RevocationList::new(EventId(7), Revision(revision), SIGNED, dead.to_vec()).unwrap()
}

#[test]
fn a_list_names_the_dead_up_to_their_issue() {
    let entries = [dead(300, 0, 1), dead(5, 9, 0), dead(300, 70_000, 4), dead(5, 9, 2), dead(5, 10, 0)];
    let list = list(8, &entries);
    assert_eq!(list.dead(), [dead(5, 9, 2), dead(5, 10, 0), dead(300, 0, 1), dead(300, 70_000, 4)]);
    let ticket = |event, order, index| TicketId {
        order: OrderId { event: EventId(event), number: HoldNumber(order) },
        index,
    };
    assert!(list.contains(ticket(7, 5, 9), 0) && list.contains(ticket(7, 5, 9), 2));
    assert!(!list.contains(ticket(7, 5, 9), 3), "the next issue lives");
    assert!(!list.contains(ticket(8, 5, 9), 0) && !list.contains(ticket(7, 5, 8), 0));
    let bytes = list.sign(&keys()).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN_LIST);
    assert_eq!(RevocationList::read(&bytes, keys().public(), INSIDE), Ok(list));
}

#[test]
fn every_change_of_a_list_is_refused() {
    let bytes = list(8, &[dead(5, 9, 2), dead(300, 0, 1)]).sign(&keys()).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let refused = RevocationList::read(&bytes, keys().public(), INSIDE).unwrap_err();
        assert!(matches!(refused, ListError::NotAList | ListError::NotSigned(_)), "bit {bit}");
    }
    for len in 0..bytes.len() {
        assert!(RevocationList::read(&bytes[..len], keys().public(), INSIDE).is_err());
    }
    let window = Err(ListError::NotSigned(NotValid::KeyWindow { key: ID }));
    let later = TicketKeys::new(ID, &SEED, UtcMs(SIGNED.0 + 1_000));
    assert_eq!(RevocationList::read(&bytes, later.public(), INSIDE), window);
}

#[test]
fn changes_make_an_older_list_the_newer_one() {
    let old = list(8, &[dead(5, 9, 2), dead(300, 0, 1)]);
    let new = list(12, &[dead(5, 9, 3), dead(300, 0, 1), dead(4, 0, 0)]);
    let changes = new.since(&old).unwrap();
    assert_eq!((changes.base(), changes.dead()), (Revision(8), &[dead(4, 0, 0), dead(5, 9, 3)][..]));
    let bytes = changes.sign(&keys()).unwrap();
    let changes = RevocationList::read(&bytes, keys().public(), INSIDE).unwrap();
    let mut merged = old.clone();
    merged.merge(&changes).unwrap();
    assert_eq!(merged, new);
    merged.merge(&old).unwrap();
    assert_eq!(merged, new, "an older list does no harm");
    let mut older = list(7, &[]);
    assert_eq!(older.merge(&changes), Err(ListError::Gap { have: Revision(7), base: Revision(8) }));
    let mut other = RevocationList::empty(EventId(6));
    assert_eq!(other.merge(&new), Err(ListError::OtherEvent { event: EventId(7) }));
}

#[test]
fn a_scanner_refuses_other_events_and_the_dead() {
    let keys = keys();
    let code = keys.sign(&claims()).unwrap();
    let mut scanner = OfflineScanner::new(EventId(7), keys.public().clone());
    assert_eq!(scanner.check(&code, INSIDE), Ok(claims()));
    let refunded = list(9, &[dead(order().number.0, 2, 3)]).sign(&keys).unwrap();
    scanner.add_revocations(&refunded, INSIDE).unwrap();
    assert_eq!(scanner.check(&code, INSIDE), Err(NotValid::Revoked));
    let next = keys.sign(&TicketClaims { issue: 4, ..claims() }).unwrap();
    assert!(scanner.check(&next, INSIDE).is_ok());
    let elsewhere = OfflineScanner::new(EventId(8), keys.public().clone());
    assert_eq!(elsewhere.check(&code, INSIDE), Err(NotValid::WrongEvent { event: EventId(7) }));
    let forged = list(10, &[]).sign(&TicketKeys::new(ID, &OTHER, UtcMs(0))).unwrap();
    assert_eq!(scanner.add_revocations(&forged, INSIDE), Err(ListError::NotSigned(NotValid::BadSignature)));
    scanner.set_keys(PublicKeys::default());
    assert_eq!(scanner.check(&code, INSIDE), Err(NotValid::UnknownKey { key: ID }));
}

#[test]
fn reasons_have_their_codes_in_their_order() {
    let key = ID;
    let all = [
        NotValid::NotATicket,
        NotValid::UnknownVersion { version: 2 },
        NotValid::UnknownKey { key },
        NotValid::BadSignature,
        NotValid::KeyWindow { key },
        NotValid::NotYetValid { valid_from: FROM },
        NotValid::Expired { valid_until: UNTIL },
        NotValid::WrongEvent { event: EventId(7) },
        NotValid::Revoked,
    ];
    assert_eq!(all.map(|reason| reason.code()), NotValid::CODES);
    for reason in all {
        let shown = reason.to_string();
        assert_eq!(shown.split(':').next(), Some(reason.code()));
        assert!(serde_json::to_string(&reason).unwrap().contains(reason.code()));
    }
}
