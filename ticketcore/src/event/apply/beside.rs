//! Facts about vouchers, and what holds and orders count for beside their places.

use std::sync::Arc;

use super::{Applied, Apply};
use crate::event::counted::{Counted, counted_now, counted_with};
use crate::event::waiting::Waiter;
use crate::fact::{HoldPlacedWith, Revoked, VouchersAdded, VouchersRevoked, WaitingJoined};
use crate::id::{HoldNumber, Revision, UserId};
use crate::invariant::Invariant;

impl Apply<'_, '_> {
    pub(super) fn hold_placed_with(&mut self, f: &HoldPlacedWith) -> Applied {
        self.recount_to(&Counted::new(), &counted_with(&f.with, f.placed.lines.places()))?;
        if let Some(entry) = f.with.waiting {
            self.waiting_over(entry, f.placed.user)?;
        }
        self.hold_placed(&f.placed, Some(Arc::new(f.with.clone())))
    }

    /// Counts what a hold or an order counts for now and did not before, and the other way round.
    pub(super) fn recount(&mut self, number: HoldNumber, before: &Counted) -> Applied {
        let after = counted_now(self.scope, number);
        self.recount_to(before, &after)
    }

    pub(super) fn recount_to(&mut self, before: &Counted, after: &Counted) -> Applied {
        let layout = self.scope.layout;
        let mut fits = layout.recount(before, after, &mut self.scope.counted);
        // More was reserved than was needed.
        fits &= self.scope.counted.drain(..).all(|(counter, count)| layout.uncount(counter, count));
        if fits {
            return Ok(());
        }
        Err(self.broken(Invariant::I10Limits, format!("{before:?} to {after:?} does not add up")))
    }

    pub(super) fn waiting_joined(&mut self, joined: &WaitingJoined) -> Applied {
        let WaitingJoined { user, wish, ref identities, .. } = *joined;
        let waiter = Waiter { user, wish, identities: identities.clone() };
        self.scope.layout.waiting.add(self.stamp.revision, waiter);
        Ok(())
    }

    /// An entry has left the list, or has had its offer.
    pub(super) fn waiting_over(&mut self, entry: Revision, user: UserId) -> Applied {
        let removed = self.scope.layout.waiting.remove(entry);
        if removed.is_some_and(|waiter| waiter.user == user) {
            return Ok(());
        }
        Err(self.broken(Invariant::I8SameFacts, "an entry that is not in the waiting list"))
    }

    pub(super) fn vouchers_added(&mut self, added: &VouchersAdded) -> Applied {
        let vouchers = &self.scope.layout.vouchers;
        let other = vouchers.batches().get(&added.batch).is_some_and(|batch| batch.terms != added.terms);
        if other || added.codes.iter().any(|code| vouchers.find(*code).is_some()) {
            return Err(self.broken(Invariant::I8SameFacts, "vouchers that are there, or with other terms"));
        }
        vouchers.add(added.batch, added.terms, &added.codes);
        Ok(())
    }

    pub(super) fn vouchers_revoked(&mut self, revoked: &VouchersRevoked) -> Applied {
        let vouchers = &self.scope.layout.vouchers;
        let all = match &revoked.which {
            Revoked::Batch(batch) => vouchers.revoke_batch(*batch),
            Revoked::Vouchers(which) => which.iter().all(|voucher| vouchers.set_revoked(*voucher, true)),
        };
        if all { Ok(()) } else { Err(self.broken(Invariant::I8SameFacts, "a voucher that can't be revoked")) }
    }
}
