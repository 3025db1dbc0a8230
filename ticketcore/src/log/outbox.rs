//! When what is pending is sent: at once, or when who [gathers](Gather) says so.

use std::sync::Arc;

use super::Log;
use crate::store::{Gather, Outbox, Store, Unsent};
use crate::sync::atomic::{AtomicBool, Ordering};

/// Who says when pending facts are sent, if anybody does.
pub(super) struct Gathering {
    by: Option<Arc<dyn Gather>>,
    /// They have been asked and have not said so yet.
    asked: AtomicBool,
}

impl Gathering {
    /// A store that appends at once has nothing to gather for.
    pub fn of(store: &dyn Store) -> Self {
        let by = store.gather().filter(|_| !store.capabilities().inline);
        Self { by, asked: AtomicBool::new(false) }
    }
}

impl Log {
    /// Has what is pending sent; if an append is in flight, when that has ended. Whoever had a fact sequenced calls this once no more facts
    /// are to go with it, if they need not [`send`](Self::send) it themselves: nobody else need.
    pub fn pump(&self) {
        let Some(by) = &self.gathering.by else { return self.send() };
        // Whoever sends takes the mark down first: they see all that was pushed before it was found up.
        if self.gathering.asked.swap(true, Ordering::AcqRel) {
            return;
        }
        match self.me.upgrade() {
            Some(log) => by.gather(Unsent::new(log)),
            None => self.send(),
        }
    }
}

impl Outbox for Log {
    fn send_off(&self) {
        self.gathering.asked.swap(false, Ordering::AcqRel);
        self.send();
    }
}
