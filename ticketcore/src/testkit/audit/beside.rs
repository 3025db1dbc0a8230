//! Facts about vouchers, and what holds and orders count for beside their places: uses of vouchers, and tickets of identities, those of
//! who has paid among them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::accounts::places;
use super::books::{Books, Broken, Checked, ensure};
use crate::fact::{
    CodeHash, Fact, HoldPlacedWith, HoldWith, OrderStep, Revoked, Stamp, VouchersAdded, VouchersRevoked,
};
use crate::id::{AllocationIndex, HoldNumber, VoucherIndex};
use crate::invariant::Invariant;
use crate::key::Operation;
use crate::limits::{IDENTITIES_PER_HOLD_MAX, VOUCHERS_MAX, VOUCHERS_PER_COMMAND_MAX};
use crate::order::{Identity, OrderState};
use crate::voucher::{PriceEffect, VoucherBatch, VoucherTerms};

/// One voucher.
#[derive(Clone, Copy, Debug)]
struct AuditedVoucher {
    batch: VoucherBatch,
    revoked: bool,
    uses: u32,
}

/// What a hold or an order counts for.
#[derive(Clone, Debug, Default)]
struct Counting {
    /// What the hold said when it was placed.
    with: HoldWith,
    /// Places that count now.
    places: u32,
    /// Who has paid them.
    payer: Option<Identity>,
}

impl Counting {
    fn counts_for(&self, identity: Identity) -> bool {
        self.with.identities.contains(&identity) || self.payer == Some(identity)
    }

    /// Tickets that count for an identity.
    fn of(&self, identity: Identity) -> u32 {
        if self.counts_for(identity) { self.places } else { 0 }
    }

    /// Every identity that it counts for, once.
    fn identities(&self) -> impl Iterator<Item = Identity> + '_ {
        let named = &self.with.identities;
        named.iter().copied().chain(self.payer.filter(|payer| !named.contains(payer)))
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Beside {
    batches: BTreeMap<VoucherBatch, (VoucherTerms, bool)>,
    vouchers: Vec<AuditedVoucher>,
    codes: HashSet<CodeHash>,
    /// Holds and orders that count for anything.
    counting: BTreeMap<HoldNumber, Counting>,
    identities: HashMap<Identity, u32>,
    /// Of the fact in hand: what a voucher does to prices, and opens.
    pub price: PriceEffect,
    pub unlocks: Option<AllocationIndex>,
    /// It is an offer to who waits.
    pub is_offer: bool,
}

impl Beside {
    fn terms(&self, voucher: VoucherIndex) -> Option<VoucherTerms> {
        let batch = self.vouchers.get(voucher.at())?.batch;
        Some(self.batches.get(&batch)?.0)
    }

    /// The fact in hand is about a hold that said this.
    fn under(&mut self, voucher: Option<VoucherIndex>) {
        let terms = voucher.and_then(|voucher| self.terms(voucher)).unwrap_or_default();
        (self.price, self.unlocks) = (terms.price, terms.unlocks);
    }
}

/// The hold or order whose places a fact may change.
fn number_of(stamp: Stamp, fact: &Fact) -> Option<HoldNumber> {
    Some(match fact {
        Fact::HoldPlacedWith(f) => HoldNumber::new(stamp.revision, f.placed.user.shard()),
        Fact::HoldAmended(f) => f.hold,
        Fact::HoldEnded(f) => f.hold,
        Fact::OrderConfirmed(f) => f.order,
        Fact::OrderCancelled(f) => f.order,
        Fact::OrderStepped(f) => f.order,
        _ => return None,
    })
}

impl Books {
    /// Before the fact is folded.
    pub fn before_beside(&mut self, fact: &Fact) {
        let voucher = match fact {
            Fact::HoldPlacedWith(f) => {
                self.beside.is_offer = f.with.waiting.is_some();
                f.with.voucher
            }
            Fact::HoldAmended(f) => self.beside.counting.get(&f.hold).and_then(|of| of.with.voucher),
            _ => return,
        };
        self.beside.under(voucher);
    }

    /// After the fact was folded: counts what it changed.
    pub fn after_beside(&mut self, stamp: Stamp, fact: &Fact) -> Checked {
        self.beside.under(None);
        self.beside.is_offer = false;
        let Some(number) = number_of(stamp, fact) else { return Ok(()) };
        let payer = self.orders.get(&number).and_then(|order| order.till.payer());
        if payer.is_none() && !self.beside.counting.contains_key(&number) {
            return Ok(());
        }
        let places = self.places_now(number)?;
        let counting = self.beside.counting.entry(number).or_default();
        let before = counting.clone();
        (counting.places, counting.payer) = (places, payer);
        let now = counting.clone();
        // Who paid for what is sold already becomes known when it is too late to refuse.
        let known_late = matches!(fact, Fact::OrderStepped(f)
            if matches!(f.step, OrderStep::PaymentObserved { deadline: None, .. }));
        self.count_identities(&before, &now, known_late)?;
        self.count_use(&now.with, before.places, now.places)?;
        let over = !self.holds.contains_key(&number)
            && self.orders.get(&number).is_none_or(|order| order.state == OrderState::Cancelled);
        if over {
            self.beside.counting.remove(&number);
        }
        Ok(())
    }

    /// Places that a hold keeps, or its order owns.
    pub(super) fn places_now(&self, number: HoldNumber) -> Result<u32, Broken> {
        let sold = self.orders.get(&number).filter(|order| order.state == OrderState::Confirmed);
        let lines = self.holds.get(&number).map(|hold| &hold.lines).or(sold.map(|order| &order.lines));
        Ok(u32::try_from(lines.map_or(Ok(0), places)?).unwrap_or(u32::MAX))
    }

    fn count_identities(&mut self, before: &Counting, now: &Counting, known_late: bool) -> Checked {
        let limit = self.manifest.rules().tickets_per_user_max;
        let gone = before.identities().filter(|identity| !now.counts_for(*identity));
        for identity in now.identities().chain(gone) {
            let (had, has) = (before.of(identity), now.of(identity));
            let count = self.beside.identities.entry(identity).or_default();
            *count = (*count + has).saturating_sub(had);
            let count = *count;
            ensure(has <= had || known_late || count <= limit, Invariant::I10Limits, || {
                format!("{identity:?} has {count} of {limit}")
            })?;
            if count == 0 {
                self.beside.identities.remove(&identity);
            }
        }
        Ok(())
    }

    /// Whether an order with `more` places would be too much for somebody who may have paid it: what the gateway said of him is not in the
    /// journal then.
    pub(super) fn is_too_much_for_somebody(&self, more: u32) -> bool {
        let limit = self.manifest.rules().tickets_per_user_max;
        // The limit may have been lowered below what he holds.
        more > limit || self.beside.identities.values().any(|count| count.saturating_add(more) > limit)
    }

    /// Whether `more` places of an order that has none now are too much for who it counts for.
    pub(super) fn is_too_much_for_its_own(&self, number: HoldNumber, more: u32) -> bool {
        let limit = self.manifest.rules().tickets_per_user_max;
        let count = |identity| self.beside.identities.get(&identity).copied().unwrap_or_default();
        let Some(counting) = self.beside.counting.get(&number) else { return false };
        counting.identities().any(|identity| count(identity).saturating_add(more) > limit)
    }

    /// Whether the voucher of an order that has no use of it now has none left.
    pub(super) fn is_used_up(&self, number: HoldNumber) -> bool {
        let Some(at) = self.beside.counting.get(&number).and_then(|of| of.with.voucher) else { return false };
        let uses = self.beside.vouchers.get(at.at()).map_or(0, |voucher| voucher.uses);
        self.beside.terms(at).is_some_and(|terms| uses >= terms.uses_max)
    }

    fn count_use(&mut self, with: &HoldWith, before: u32, now: u32) -> Checked {
        let Some(at) = with.voucher else { return Ok(()) };
        let terms = self.beside.terms(at).unwrap_or_default();
        let Some(voucher) = self.beside.vouchers.get_mut(at.at()) else { return Ok(()) };
        match (before, now) {
            (0, 0) => {}
            (0, _) => voucher.uses += 1,
            (_, 0) => voucher.uses -= 1,
            _ => {}
        }
        let uses = voucher.uses;
        ensure(uses <= terms.uses_max, Invariant::I2Conservation, || {
            format!("voucher {} has {uses} uses of {}", at.0, terms.uses_max)
        })
    }

    pub fn hold_placed_with(&mut self, stamp: Stamp, f: &HoldPlacedWith) -> Checked {
        let HoldPlacedWith { placed, with } = f;
        let says = with.voucher.is_some() || !with.identities.is_empty() || with.waiting.is_some();
        ensure(says, Invariant::I8SameFacts, || "a hold with nothing beside".to_owned())?;
        let sorted = with.identities.is_sorted_by(|a, b| a < b);
        let few = with.identities.len() <= IDENTITIES_PER_HOLD_MAX;
        ensure(sorted && few, Invariant::I8SameFacts, || "identities out of order".to_owned())?;
        if let Some(at) = with.voucher {
            let voucher = self.beside.vouchers.get(at.at()).copied();
            let known =
                voucher.and_then(|voucher| Some((voucher, *self.beside.batches.get(&voucher.batch)?)));
            let Some((voucher, (terms, revoked))) = known else {
                return Err((Invariant::I8SameFacts, format!("there is no voucher {}", at.0)));
            };
            ensure(!voucher.revoked && !revoked, Invariant::I8SameFacts, || {
                format!("voucher {} was revoked", at.0)
            })?;
            let open = terms.from.is_none_or(|from| from <= stamp.at)
                && terms.until.is_none_or(|until| stamp.at < until);
            ensure(open, Invariant::I4DeadIsDead, || format!("voucher {} is closed at {}", at.0, stamp.at))?;
        }
        if let Some(entry) = with.waiting {
            self.offered(entry, f)?;
        }
        self.hold_placed(stamp, placed)?;
        let number = HoldNumber::new(stamp.revision, placed.user.shard());
        self.beside.counting.insert(number, Counting { with: with.clone(), ..Counting::default() });
        Ok(())
    }

    pub fn vouchers_added(&mut self, stamp: Stamp, added: &VouchersAdded) -> Checked {
        self.key(stamp, added.by, Operation::Staff, added.keyed.as_ref())?;
        let legal = added.terms.check().is_ok()
            && added.terms.unlocks.is_none_or(|at| at.at() < self.manifest.allocations().len())
            && added.codes.len() <= VOUCHERS_PER_COMMAND_MAX
            && self.beside.vouchers.len() + added.codes.len() <= VOUCHERS_MAX;
        ensure(legal, Invariant::I8SameFacts, || format!("vouchers with {:?}", added.terms))?;
        let batch = self.beside.batches.entry(added.batch).or_insert((added.terms, false));
        ensure(batch.0 == added.terms, Invariant::I8SameFacts, || "a batch has other terms".to_owned())?;
        for code in &added.codes {
            let new = self.beside.codes.insert(*code);
            ensure(new, Invariant::I8SameFacts, || "a code is there twice".to_owned())?;
            self.beside.vouchers.push(AuditedVoucher { batch: added.batch, revoked: false, uses: 0 });
        }
        Ok(())
    }

    pub fn vouchers_revoked(&mut self, stamp: Stamp, revoked: &VouchersRevoked) -> Checked {
        self.key(stamp, revoked.by, Operation::Staff, revoked.keyed.as_ref())?;
        let fresh = match &revoked.which {
            Revoked::Batch(batch) => {
                self.beside.batches.get_mut(batch).is_some_and(|known| !std::mem::replace(&mut known.1, true))
            }
            Revoked::Vouchers(which) => which.iter().all(|at| {
                let voucher = self.beside.vouchers.get_mut(at.at());
                voucher.is_some_and(|known| !std::mem::replace(&mut known.revoked, true))
            }),
        };
        ensure(fresh, Invariant::I8SameFacts, || "revoked what is not there, or was revoked".to_owned())
    }

    /// Counts everything again.
    pub fn check_beside(&self) -> Checked {
        let mut uses = vec![0u32; self.beside.vouchers.len()];
        let mut identities: HashMap<Identity, u32> = HashMap::new();
        for (number, counting) in &self.beside.counting {
            let now = self.places_now(*number)?;
            let payer = self.orders.get(number).and_then(|order| order.till.payer());
            let same = (now, payer) == (counting.places, counting.payer);
            ensure(same, Invariant::I10Limits, || format!("{number:?} counts {counting:?}, has {now}"))?;
            if now > 0 {
                counting.identities().for_each(|of| *identities.entry(of).or_default() += now);
                counting.with.voucher.iter().for_each(|at| uses[at.at()] += 1);
            }
        }
        for (number, order) in self.orders.iter().filter(|(_, order)| order.till.payer().is_some()) {
            let counts = self.beside.counting.contains_key(number) || order.state == OrderState::Cancelled;
            ensure(counts, Invariant::I10Limits, || format!("who has paid {number:?} is not counted"))?;
        }
        let same = uses.iter().zip(&self.beside.vouchers).all(|(uses, voucher)| *uses == voucher.uses);
        ensure(same, Invariant::I2Conservation, || "uses of vouchers are off".to_owned())?;
        ensure(identities == self.beside.identities, Invariant::I10Limits, || {
            "counters of identities are off".to_owned()
        })
    }
}
