//! Room for facts that wait for the store: what they and who waits for them take in memory, estimated from above.

use crate::fact::Fact;

/// What a fact takes besides its encoding, and for each byte of it: encoded, decoded for the view, in the answer of who waits.
const ALONE: (usize, usize) = (640, 8);
/// The same on a shared store, where there are also its command and before-images of what it changed: 32 bytes for a seat's one.
const SHARED: (usize, usize) = (1_300, 48);
/// Changes of the manifest that may wait: on a shared store each keeps the layout before it.
const MANIFEST_CHANGES_MAX: usize = 16;

/// How much room there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes.
    pub max: usize,
    /// Whether facts may have to be taken back.
    pub shared: bool,
}

impl Room {
    /// What a fact with this encoding takes.
    pub fn of(self, body: &[u8], fact: &Fact) -> usize {
        let (fact_bytes, per_byte) = if self.shared { SHARED } else { ALONE };
        let bytes = fact_bytes + body.len() * per_byte;
        match fact {
            Fact::ManifestChanged(_) => bytes.max(self.max / MANIFEST_CHANGES_MAX),
            _ => bytes,
        }
    }

    /// Whether `more` fits beside `taken`. What is alone fits always, else it would be refused for ever.
    pub const fn fits(self, taken: usize, more: usize) -> bool {
        taken == 0 || taken.saturating_add(more) <= self.max
    }
}
