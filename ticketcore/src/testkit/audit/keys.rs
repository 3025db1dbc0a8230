//! Which idempotency keys were used when (I3).

use std::collections::{HashMap, VecDeque};

use crate::id::UserId;
use crate::key::{IdempotencyKey, Operation};
use crate::limits::KEY_RETENTION_MS;
use crate::time::UtcMs;

type Name = (UserId, Operation, IdempotencyKey);

/// Keys accepted within the last 72 hours of logged time.
#[derive(Debug, Default)]
pub(super) struct Keys {
    used: HashMap<Name, UtcMs>,
    oldest: VecDeque<(UtcMs, Name)>,
}

impl Keys {
    /// Notes that the key was accepted at `at`, the latest time so far. Gives the time of an earlier acceptance
    /// that an engine still had to remember.
    pub fn accept(
        &mut self,
        at: UtcMs,
        user: UserId,
        operation: Operation,
        key: &IdempotencyKey,
    ) -> Option<UtcMs> {
        while self.oldest.front().is_some_and(|(used, _)| at.since_ms(*used) > KEY_RETENTION_MS) {
            let Some((used, name)) = self.oldest.pop_front() else { break };
            if self.used.get(&name) == Some(&used) {
                self.used.remove(&name);
            }
        }
        let name = (user, operation, key.clone());
        self.oldest.push_back((at, name.clone()));
        self.used.insert(name, at)
    }
}
