use super::*;
use crate::store::{MemoryStore, Tail};
use crate::testkit::SmallSale;

#[test]
fn damage_that_bears_a_checksum_is_refused_or_read_but_never_a_panic() {
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &SmallSale::definition(2, 5, 9));
    sale.hold_keyed(1, &[0, 1], "click").wait().unwrap();
    sale.hold_places(2, 3).wait().unwrap();
    sale.buy(3, &[4]).unwrap();
    let bytes = sale.office.state_bytes(sale.event).unwrap();
    let body = unseal(&bytes).unwrap();
    let revision = sale.office.availability(sale.event).unwrap().revision;
    let mut refused = 0;
    for at in 0..body.len() {
        for bits in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
            let mut bytes = body.to_vec();
            bytes[at] ^= bits;
            seal(&mut bytes);
            let damaged = Snapshot { revision, tail: Tail::default(), bytes: bytes.into() };
            refused += u32::from(decode(&damaged).is_err());
        }
    }
    assert!(refused > 500, "{refused}");
}
