//! What a scanner is shown: whatever the bytes of a code, a list of revocations or a document of keys, reading never panics; what is let in says
//! what its key signs. The first byte says which of them the rest is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ticketcore::testkit::decode_revocations;
use ticketcore::ticket::{PublicKeys, RevocationList, TicketCode, verify};
use ticketcore_fuzz::{TICKET_NOW, ticket_keys};

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else { return };
    let text = std::str::from_utf8(bytes);
    match kind % 5 {
        0 => TicketCode::from_bytes(bytes).map_or((), judge),
        1 => text.map_or((), |text| text.parse().map_or((), judge)),
        2 => text.map_or((), |text| TicketCode::from_typed(text).map_or((), judge)),
        3 => {
            let _unsigned = decode_revocations(bytes);
            let _refused = RevocationList::read(bytes, ticket_keys().public(), TICKET_NOW).is_err();
        }
        _ => {
            let Ok(keys) = serde_json::from_slice::<PublicKeys>(bytes) else { return };
            let json = serde_json::to_string(&keys).expect("keys are written");
            assert_eq!(serde_json::from_str::<PublicKeys>(&json).ok(), Some(keys), "keys are read back");
        }
    }
});

fn judge(code: TicketCode) {
    assert_eq!(code.to_string().parse(), Ok(code), "one text to a code");
    let keys = ticket_keys();
    if let Ok(claims) = verify(&code, keys.public(), TICKET_NOW) {
        assert_eq!(keys.sign(&claims).ok(), Some(code), "only what the key signs is let in");
    }
}
