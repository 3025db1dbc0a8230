//! Packed records: whatever the bytes, unpacking never panics; what is accepted has as many records as it claims, with
//! ascending revisions, and packs again to the same records.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ticketcore::store::Records;
use ticketcore::{Revision, UtcMs};

fuzz_target!(|input: (u64, u16, &[u8])| {
    let (base, count, bytes) = input;
    let Ok(records) = Records::from_parts(UtcMs(base), u32::from(count), bytes.to_vec()) else { return };
    let unpacked: Vec<_> = records.iter(Revision(7)).collect();
    assert_eq!(unpacked.len(), usize::from(count), "as many records as it claims");
    for (record, revision) in unpacked.iter().zip(7..) {
        assert_eq!(record.stamp.revision, Revision(revision), "revisions ascend by one");
        assert!(record.stamp.at >= UtcMs(base), "no record is older than the batch");
    }
    if !unpacked.is_sorted_by_key(|record| record.stamp.at) {
        return;
    }
    let mut packed = Records::default();
    for record in &unpacked {
        packed.push(record.stamp.at, record.body);
    }
    let same = packed.iter(Revision(7)).zip(&unpacked).all(|(a, b)| a.stamp == b.stamp && a.body == b.body);
    assert!(same && packed.count() == records.count(), "packed again to the same records");
});
