//! Facts: whatever the bytes, decoding never panics; what is accepted is encoded and decoded to the same fact.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ticketcore::fact::{Fact, Lines};
use ticketcore::manifest::Manifest;

fuzz_target!(|bytes: &[u8]| {
    let Ok(fact) = Fact::decode(bytes) else { return };
    let mut encoded = Vec::new();
    fact.encode(&mut encoded);
    let again = Fact::decode(&encoded).expect("an encoded fact is decoded");
    let mut twice = Vec::new();
    again.encode(&mut twice);
    // By its bytes, for a drawing may have a coordinate that is not a number, which equals nothing.
    assert_eq!(encoded, twice, "a fact is encoded and decoded to itself");
    sums(&fact);
});

/// What is computed from a fact of any content must not overflow.
fn sums(fact: &Fact) {
    let count = |lines: &Lines| (lines.places(), lines.total_minor());
    match fact {
        Fact::EventDefined(definition) => {
            let _refused = Manifest::compile(definition).is_err();
        }
        Fact::HoldPlaced(fact) => drop(count(&fact.lines)),
        Fact::HoldPlacedWith(fact) => drop(count(&fact.placed.lines)),
        Fact::HoldAmended(fact) => drop((count(&fact.added), count(&fact.removed), count(&fact.lines))),
        Fact::HoldExtended(fact) => drop(count(&fact.lines)),
        Fact::HoldEnded(fact) => drop(count(&fact.lines)),
        Fact::OrderOpened(fact) => drop(count(&fact.lines)),
        Fact::OrderConfirmed(fact) => drop(count(&fact.lines)),
        Fact::OrderCancelled(fact) => drop(count(&fact.lines)),
        _ => {}
    }
}
