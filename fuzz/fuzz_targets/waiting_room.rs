//! What comes to a waiting room: whatever the bytes of a token or of a record of its journal, reading never panics; what is accepted was signed
//! here, or is written as it was read. The first byte says which of them the rest is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ticketcore::admission::{EntrantTag, RoomFact, RoomKeys, Token, TokenKind, WaitEstimate};
use ticketcore::{EventId, UtcMs};

const NOW: UtcMs = UtcMs(1_000_000);

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else { return };
    match kind % 3 {
        0 => {
            if let Ok(fact) = RoomFact::decode(bytes) {
                assert_eq!(RoomFact::decode(&fact.encode()), Ok(fact), "a fact is read as it was written");
            }
        }
        1 => {
            let Ok(text) = std::str::from_utf8(bytes) else { return };
            let _place = Token::event_of(text).is_ok();
            let _tag = EntrantTag::from_hex(text).is_some();
            let keys = RoomKeys::new(1, &[9; 32]);
            for kind in [TokenKind::Position, TokenKind::Admission, TokenKind::Invitation] {
                if let Ok(token) = keys.read(text, kind, EventId(3), NOW) {
                    assert_eq!(keys.sign(&token), text, "who can say it has signed it");
                }
            }
        }
        _ => {
            let (mut estimate, mut now, mut called) = (WaitEstimate::default(), 0u64, 0u64);
            for step in bytes.chunks(2) {
                now = now.wrapping_add(u64::from(step[0]) * 257);
                called = called.wrapping_add(u64::from(*step.last().unwrap_or(&0)));
                estimate.record(UtcMs(now), called);
                if let Some(wait) = estimate.wait(u64::from(step[0])) {
                    assert!(wait.p50_ms <= wait.p90_ms, "{wait:?}");
                }
            }
        }
    }
});
