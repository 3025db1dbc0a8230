//! Vouchers, the waiting list, and counters of identities in a snapshot.

use serde::{Deserialize, Serialize};

use crate::event::counted::counted;
use crate::event::scope::{Layout, ShardSet, State, with_shards};
use crate::event::waiting::{EVERYWHERE, Waiter};
use crate::fact::CodeHash;
use crate::id::{HoldNumber, Revision, SHARDS, UserId, VoucherIndex};
use crate::limits::{VOUCHER_BATCHES_MAX, VOUCHERS_MAX};
use crate::order::Identity;
use crate::voucher::{VoucherBatch, VoucherTerms};
use crate::waiting::{WaitingRules, Wish};

/// See the module. Uses and tickets follow from holds and orders; they are here so that equal states are equal bytes only if these
/// counters are equal too.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Beside {
    batches: Vec<(VoucherBatch, VoucherTerms, bool)>,
    /// In order of their numbers: code, batch, uses, whether it was revoked.
    vouchers: Vec<(CodeHash, VoucherBatch, u32, bool)>,
    identities: Vec<(Identity, u32)>,
    waiting_rules: WaitingRules,
    /// In order.
    waiting: Vec<(Revision, UserId, Wish, Vec<Identity>)>,
}

impl Beside {
    pub fn of(layout: &Layout) -> Self {
        let batches = layout.vouchers.batches();
        Self {
            batches: batches.iter().map(|(batch, known)| (*batch, known.terms, known.revoked)).collect(),
            vouchers: layout.vouchers.all().collect(),
            identities: layout.identities.all(),
            waiting_rules: layout.waiting_rules,
            waiting: layout
                .waiting
                .all()
                .into_iter()
                .map(|(entry, waiter)| (entry, waiter.user, waiter.wish, waiter.identities))
                .collect(),
        }
    }

    /// Puts vouchers back, unused, and the waiting list. False if they can't be.
    pub fn restore(&self, layout: &mut Layout) -> bool {
        layout.waiting_rules = self.waiting_rules;
        for (entry, user, wish, identities) in &self.waiting {
            if wish.category.is_some_and(|at| at.at() >= layout.manifest.categories().len()) {
                return false;
            }
            let waiter = Waiter { user: *user, wish: *wish, identities: identities.clone() };
            layout.waiting.add(*entry, waiter);
        }
        layout.waiting.mark(EVERYWHERE);
        let vouchers = &layout.vouchers;
        if self.vouchers.len() > VOUCHERS_MAX || self.batches.len() > VOUCHER_BATCHES_MAX {
            return false;
        }
        for (batch, terms, _) in &self.batches {
            vouchers.add(*batch, *terms, &[]);
        }
        for same in self.vouchers.chunk_by(|a, b| a.1 == b.1) {
            let batch = same[0].1;
            let codes: Vec<CodeHash> = same.iter().map(|voucher| voucher.0).collect();
            let Some(terms) = vouchers.batches().get(&batch).map(|known| known.terms) else { return false };
            if terms.unlocks.is_some_and(|at| at.at() >= layout.manifest.allocations().len()) {
                return false;
            }
            vouchers.add(batch, terms, &codes);
        }
        for (at, _) in self.vouchers.iter().enumerate().filter(|(_, voucher)| voucher.3) {
            vouchers.set_revoked(VoucherIndex::of(at), true);
        }
        self.batches.iter().all(|(batch, _, revoked)| !revoked || vouchers.revoke_batch(*batch))
    }
}

/// Counts what every hold and order counts for. False if something does not fit.
pub(super) fn count(state: &State) -> bool {
    with_shards(state, ShardSet::All, |scope| {
        (0..SHARDS).all(|at| {
            let shard = scope.look(at);
            let order_of = |number: &HoldNumber| shard.orders.get(number).map(|order| &**order);
            let held = shard.holds.iter().map(|(number, hold)| counted(Some(hold), order_of(number)));
            let over = shard.orders.iter().filter(|(number, _)| !shard.holds.contains_key(*number));
            let owned = over.map(|(_, order)| counted(None, Some(order)));
            held.chain(owned).flatten().all(|(counter, count)| scope.layout.force_count(counter, count))
        })
    })
}
