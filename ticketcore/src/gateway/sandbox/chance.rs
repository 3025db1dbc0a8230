//! Chance that follows from a seed and what it is about: no order of calls and no thread changes it.

use serde::Serialize;
use siphasher::sip::SipHasher13;

use crate::fact::append_encoded;

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Chance(pub u64);

impl Chance {
    /// The number that `about` has.
    pub fn number(self, about: &impl Serialize) -> u64 {
        let mut bytes = Vec::new();
        append_encoded(about, &mut bytes);
        SipHasher13::new_with_keys(self.0, 0x7361_6e64_626f_7831).hash(&bytes)
    }

    /// True for `pct` of 100 things.
    pub fn hits(self, pct: u32, about: &impl Serialize) -> bool {
        pct > 0 && self.number(about) % 100 < u64::from(pct)
    }
}
