//! The keys a sandbox remembers.

use std::collections::VecDeque;

use hashbrown::HashMap;
use serde::Serialize;

use crate::fact::append_encoded;
use crate::gateway::key::GatewayKey;
use crate::key::fingerprint;
use crate::order::{PaymentSeen, RefundSeen};
use crate::time::UtcMs;

/// What a key was answered.
#[derive(Clone)]
pub(super) enum Said {
    Payment(PaymentSeen),
    Refund(RefundSeen),
    /// Nothing definite yet: ask what became of it.
    NothingYet,
}

/// What is known of a key when it comes with some content.
pub(super) enum Use {
    First,
    /// With other content.
    Other,
    Again(Said),
}

struct Used {
    at: UtcMs,
    content: u64,
    said: Said,
}

#[derive(Default)]
struct Key {
    calls: u32,
    look_ups: u32,
    used: Option<Used>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Known {
    keys: HashMap<GatewayKey, Key>,
    /// When each was first heard of, in that order.
    heard: VecDeque<(UtcMs, GatewayKey)>,
}

impl Known {
    /// Counts a call or look-up; the first is 1.
    pub fn count(&mut self, key: GatewayKey, look_up: bool, now: UtcMs) -> u32 {
        let heard = &mut self.heard;
        let known = self.keys.entry(key).or_insert_with(|| {
            heard.push_back((now, key));
            Key::default()
        });
        let count = if look_up { &mut known.look_ups } else { &mut known.calls };
        *count = count.saturating_add(1);
        *count
    }

    /// Whether the key was used, within the last `retention_ms`.
    pub fn use_of(&self, key: GatewayKey, content: &impl Serialize, now: UtcMs, retention_ms: u64) -> Use {
        match self.keys.get(&key).and_then(|key| key.used.as_ref()) {
            Some(used) if now.since_ms(used.at) > retention_ms => Use::First,
            Some(used) if used.content != hash(content) => Use::Other,
            Some(used) => Use::Again(used.said.clone()),
            None => Use::First,
        }
    }

    /// Notes that the key was used.
    pub fn used(&mut self, key: GatewayKey, content: &impl Serialize, now: UtcMs, said: Said) {
        let heard = &mut self.heard;
        let known = self.keys.entry(key).or_insert_with(|| {
            heard.push_back((now, key));
            Key::default()
        });
        known.used = Some(Used { at: now, content: hash(content), said });
    }

    /// Gives back what nobody will ask for.
    pub fn forget(&mut self, now: UtcMs, retention_ms: u64) {
        while let Some((heard, key)) = self.heard.front().copied() {
            if now.since_ms(heard) <= retention_ms {
                return;
            }
            self.heard.pop_front();
            let used = self.keys.get(&key).and_then(|key| key.used.as_ref()).map(|used| used.at);
            match used {
                // Heard of, and used later.
                Some(at) if now.since_ms(at) <= retention_ms => self.heard.push_back((at, key)),
                _ => {
                    self.keys.remove(&key);
                }
            }
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.keys.len()
    }
}

fn hash(content: &impl Serialize) -> u64 {
    let mut bytes = Vec::new();
    append_encoded(content, &mut bytes);
    fingerprint(&bytes)
}
