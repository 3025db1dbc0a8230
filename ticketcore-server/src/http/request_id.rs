//! [`RequestId`]: the name of a request in logs and answers.

use std::cell::Cell;

use hyper::header::HeaderValue;
use ticketcore::UtcMs;

const DIGITS: usize = 32;

/// The name of a request: a UUID of version 7 as 32 digits. It names a request, it is no secret.
#[derive(Clone, Copy, Debug)]
pub struct RequestId([u8; DIGITS]);

impl RequestId {
    /// A new one. The system is asked for randomness once a thread, not once a request.
    #[must_use]
    pub fn new(now: UtcMs) -> Self {
        let mut random = [0; 10];
        let (head, tail) = random.split_at_mut(8);
        head.copy_from_slice(&drawn().to_le_bytes());
        tail.copy_from_slice(&drawn().to_le_bytes()[..2]);
        let id = uuid::Builder::from_unix_timestamp_millis(now.0, &random).into_uuid();
        let mut digits = [0; DIGITS];
        id.simple().encode_lower(&mut digits);
        Self(digits)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// As a header's value.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or(HeaderValue::from_static(""))
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self([b'0'; DIGITS])
    }
}

/// 64 bits of a stream that begins anywhere (xoshiro256**).
fn drawn() -> u64 {
    thread_local! {
        static STATE: Cell<[u64; 4]> = Cell::new(seed());
    }
    STATE.with(|state| {
        let [mut a, mut b, mut c, mut d] = state.get();
        let drawn = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= shifted;
        d = d.rotate_left(45);
        state.set([a, b, c, d]);
        drawn
    })
}

fn seed() -> [u64; 4] {
    std::array::from_fn(|_| {
        let mut bytes = [0; 8];
        // A machine without randomness: what the standard library's hash maps begin with.
        let unknown = || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        getrandom::fill(&mut bytes).map_or_else(|_| unknown(), |()| u64::from_le_bytes(bytes))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_uuids_of_version_7_and_no_two_are_the_same() {
        let ids = |_| (0..10_000).map(|_| RequestId::new(UtcMs(1_700_000_000_123))).collect::<Vec<_>>();
        let threads: Vec<_> = (0..2).map(|at| std::thread::spawn(move || ids(at))).collect();
        let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let different: HashSet<&str> = all.iter().map(RequestId::as_str).collect();
        assert_eq!(different.len(), 20_000);
        for id in &all {
            let id: uuid::Uuid = id.as_str().parse().unwrap();
            assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
            assert_eq!(id.get_timestamp().unwrap().to_unix().0, 1_700_000_000);
        }
        assert_eq!(all[0].header(), all[0].as_str());
    }
}
