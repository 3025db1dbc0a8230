//! Reads of the live state for callers that must not block: futures that wait until what was found is durable.

use std::sync::Arc;

use super::EventCore;
use crate::answer::{CommandError, OrderDetails};
use crate::id::{OrderId, Revision};
use crate::log::{Slot, SlotFuture, Told, Wake};
use crate::sync::atomic::Ordering;
use crate::time::UtcMs;

type Waiting = Arc<Slot<Result<(), CommandError>>>;

impl EventCore {
    /// As [`read_durably`](Self::read_durably), for a caller that must not block: memory work only, no lock is held while it waits. `seen`
    /// says which fact is the last that something found rests on; `None` if that may be any, as when nothing was found.
    pub async fn read_soon<R>(
        self: Arc<Self>,
        read: impl Fn(&Self) -> R,
        seen: impl Fn(&R) -> Option<Revision>,
    ) -> Result<R, CommandError> {
        loop {
            let epoch = self.quiet_epoch();
            let found = read(&self);
            let last = seen(&found).unwrap_or_else(|| self.log.sequenced());
            if self.log.is_shared() {
                let (slot, wake) = waiting();
                self.log.pump();
                self.log.enlist_at_end(last, wake).tell();
                // Taken back before it was enlisted: nobody will tell.
                if self.epoch.load(Ordering::Acquire) != epoch {
                    continue;
                }
                self.ask_end();
                SlotFuture(&slot).await?;
            } else {
                self.durable_soon(last).await?;
            }
            if self.epoch.load(Ordering::Acquire) == epoch {
                return Ok(found);
            }
        }
    }

    /// As [`order_details`](Self::order_details), once what was found of the order is durable, with the time the engine would log now.
    /// Blocks for memory work only; waits for nothing but the order's own last fact, and on a shared store for no reading of its end.
    pub async fn order_soon(self: Arc<Self>, id: OrderId) -> Result<(UtcMs, OrderDetails), CommandError> {
        loop {
            let epoch = self.quiet_epoch();
            let found = self.order_details(id);
            // Of an order that is not there nothing but the whole event says so.
            let seen = found.as_ref().map_or_else(|_| self.log.sequenced(), |found| found.order.version);
            self.durable_soon(seen).await?;
            if self.epoch.load(Ordering::Acquire) == epoch {
                let at = self.log.now(self.clock.now());
                return found.map(|details| (at, details)).map_err(CommandError::Refused);
            }
        }
    }

    /// Waits until a revision is durable, or has been taken back.
    async fn durable_soon(&self, revision: Revision) -> Result<(), CommandError> {
        if self.log.is_durable(revision) {
            return Ok(());
        }
        let (slot, wake) = waiting();
        self.log.pump();
        self.log.enlist(revision, wake).tell();
        SlotFuture(&slot).await
    }
}

/// Where a future waits, and what wakes it.
fn waiting() -> (Waiting, Wake) {
    let slot: Waiting = Slot::new();
    let fill = Arc::clone(&slot);
    let wake: Wake = Box::new(move |told| {
        fill.fill(if let Told::Stopped(stop) = told { Err(stop.error()) } else { Ok(()) });
    });
    (slot, wake)
}
