//! What the sandbox reports of its own accord: its webhooks.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::chance::Chance;
use super::options::SandboxFaults;
use crate::gateway::key::GatewayKey;
use crate::limits::NOTIFICATIONS_MAX;
use crate::order::{PaymentSeen, RefundSeen};

/// What a notification is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    /// A payment attempt.
    Payment(PaymentSeen),
    /// A refund.
    Refund(RefundSeen),
}

/// Something changed. As from any gateway: a notification may never come, come twice, late and out of order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Its number; the same again if it comes twice.
    pub seq: u64,
    /// The payment attempt's or refund's name.
    pub key: GatewayKey,
    /// What was so when it was written.
    pub seen: Seen,
}

/// Notifications that wait to be fetched.
#[derive(Default)]
pub(super) struct Feed {
    waiting: VecDeque<Notification>,
    seq: u64,
    drawn: u64,
}

impl Feed {
    pub fn push(&mut self, key: GatewayKey, seen: Seen, faults: &SandboxFaults, chance: &Chance) {
        self.seq += 1;
        if chance.hits(faults.notify_lost_pct, &("lost notification", self.seq)) {
            return;
        }
        let notification = Notification { seq: self.seq, key, seen };
        if faults.notify_twice {
            self.keep(notification.clone());
        }
        self.keep(notification);
    }

    fn keep(&mut self, notification: Notification) {
        if self.waiting.len() >= NOTIFICATIONS_MAX {
            // Nobody fetches them. A gateway gives up on a webhook, too.
            self.waiting.pop_front();
        }
        self.waiting.push_back(notification);
    }

    /// Takes up to `max`; none only if there are none.
    pub fn take(&mut self, max: usize, faults: &SandboxFaults, chance: &Chance) -> Vec<Notification> {
        let mut taken = Vec::new();
        while taken.len() < max && !self.waiting.is_empty() {
            let mut at = 0;
            if faults.notify_shuffled {
                self.drawn += 1;
                let drawn = chance.number(&("notification", self.drawn));
                // One in four ends a part early: what stays behind comes later than much that is yet to happen.
                if !taken.is_empty() && drawn.is_multiple_of(4) {
                    break;
                }
                at = usize::try_from((drawn >> 2) % self.waiting.len() as u64).unwrap_or_default();
            }
            taken.extend(self.waiting.remove(at));
        }
        taken
    }
}
