//! Offers: what comes back is held for who waits for it, as an ordinary command, by maintenance or by whoever wants it next.

use std::sync::Arc;

use super::{EventCore, Staged};
use crate::answer::CommandError;
use crate::command::Command;
use crate::refusal::Refusal;
use crate::sale::SaleState;

/// What a pass over the waiting list did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Offered {
    /// Offers made, and entries that left because they could not take theirs.
    pub made: usize,
    /// Whether nothing that is free fits anybody who waits any more.
    pub complete: bool,
    /// That, although something was due.
    pub fruitless: bool,
    /// Why no offer can be made now.
    pub blocked: Option<CommandError>,
}

impl EventCore {
    /// Offers what came back in `categories` to who waits for it, first come first served among those whose wish fits; at most `limit` times.
    /// Nothing is locked by the caller.
    pub(super) fn offer(self: &Arc<Self>, categories: u64, limit: usize) -> Offered {
        let layout = self.state.layout.load_full();
        let waiting = &layout.waiting;
        let mut offered = Offered::default();
        if layout.sale_state != SaleState::Onsale {
            offered.complete = true;
            return offered;
        }
        let _alone = waiting.pass.lock();
        let (due, marks) = waiting.begin(categories);
        let mut firsts = waiting.firsts(due);
        while let Some((entry, user, wish)) = firsts.pop_first() {
            if offered.made >= limit {
                return offered;
            }
            match self.stage(&Command::Offer(entry, user), None) {
                Staged::Accepted { .. } => offered.made += 1,
                Staged::Ready(Err(CommandError::Refused(refusal)))
                    if !matches!(refusal, Refusal::Overloaded { .. }) => {}
                Staged::Ready(Err(error)) => {
                    offered.blocked = Some(error);
                    return offered;
                }
                Staged::Closed => return offered,
                _ => {}
            }
            // It is another one if this one has had its offer, or has left.
            firsts.extend(waiting.first(&wish).filter(|first| first.0 != entry));
        }
        waiting.end(due, marks);
        offered.complete = true;
        offered.fruitless = due != 0 && offered.made == 0;
        offered
    }

    /// What maintenance does: `limit` offers at most. True if there is more to do.
    pub(super) fn offer_due(self: &Arc<Self>, limit: usize) -> bool {
        let due = self.state.layout.load().waiting.due();
        if due == 0 {
            return false;
        }
        let offered = self.offer(due, limit);
        if offered.made > 0 {
            self.log.pump();
        }
        offered.blocked.is_none() && !offered.complete
    }
}
