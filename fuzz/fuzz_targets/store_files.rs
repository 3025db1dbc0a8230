//! Files of a local store: whatever the bytes of a segment, an archive, a manifest or a snapshot, reading them neither panics nor takes memory
//! without end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ticketcore::testkit::decode_store_file;

fuzz_target!(|input: &[u8]| {
    if let Some((kind, bytes)) = input.split_first() {
        decode_store_file(*kind, bytes);
    }
});
