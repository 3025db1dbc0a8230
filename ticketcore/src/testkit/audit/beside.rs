//! Facts about vouchers, and what holds and orders count for beside their places. Who pays is known to the gateway: such identities are
//! not counted here.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::accounts::places;
use super::books::{Books, Broken, Checked, ensure};
use crate::fact::{CodeHash, Fact, HoldPlacedWith, HoldWith, Revoked, Stamp, VouchersAdded, VouchersRevoked};
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

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Beside {
    batches: BTreeMap<VoucherBatch, (VoucherTerms, bool)>,
    vouchers: Vec<AuditedVoucher>,
    codes: HashSet<CodeHash>,
    /// What holds said when they were placed, and the places that count for it now.
    with: BTreeMap<HoldNumber, (HoldWith, u32)>,
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
            Fact::HoldAmended(f) => self.beside.with.get(&f.hold).and_then(|(with, _)| with.voucher),
            _ => return,
        };
        self.beside.under(voucher);
    }

    /// After the fact was folded: counts what it changed.
    pub fn after_beside(&mut self, stamp: Stamp, fact: &Fact) -> Checked {
        self.beside.under(None);
        self.beside.is_offer = false;
        if self.beside.with.is_empty() {
            return Ok(());
        }
        let Some(number) = number_of(stamp, fact) else { return Ok(()) };
        let now = self.places_now(number)?;
        let Some((with, before)) = self.beside.with.get_mut(&number) else { return Ok(()) };
        let before = std::mem::replace(before, now);
        let with = with.clone();
        self.count_identities(&with, before, now)?;
        self.count_use(&with, before, now)?;
        let over = !self.holds.contains_key(&number)
            && self.orders.get(&number).is_none_or(|order| order.state == OrderState::Cancelled);
        if over {
            self.beside.with.remove(&number);
        }
        Ok(())
    }

    /// Places that a hold keeps, or its order owns.
    fn places_now(&self, number: HoldNumber) -> Result<u32, Broken> {
        let sold = self.orders.get(&number).filter(|order| order.state == OrderState::Confirmed);
        let lines = self.holds.get(&number).map(|hold| &hold.lines).or(sold.map(|order| &order.lines));
        Ok(u32::try_from(lines.map_or(Ok(0), places)?).unwrap_or(u32::MAX))
    }

    fn count_identities(&mut self, with: &HoldWith, before: u32, now: u32) -> Checked {
        let limit = self.manifest.rules().tickets_per_user_max;
        for identity in &with.identities {
            let count = self.beside.identities.entry(*identity).or_default();
            *count = (*count + now).saturating_sub(before);
            let count = *count;
            ensure(now <= before || count <= limit, Invariant::I10Limits, || {
                format!("{identity:?} has {count} of {limit}")
            })?;
            if count == 0 {
                self.beside.identities.remove(identity);
            }
        }
        Ok(())
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
        self.beside.with.insert(number, (with.clone(), 0));
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
        for (number, (with, counted)) in &self.beside.with {
            let now = self.places_now(*number)?;
            ensure(now == *counted, Invariant::I10Limits, || {
                format!("{number:?} counts {counted}, has {now}")
            })?;
            if now > 0 {
                with.identities.iter().for_each(|of| *identities.entry(*of).or_default() += now);
                with.voucher.iter().for_each(|at| uses[at.at()] += 1);
            }
        }
        let same = uses.iter().zip(&self.beside.vouchers).all(|(uses, voucher)| *uses == voucher.uses);
        ensure(same, Invariant::I2Conservation, || "uses of vouchers are off".to_owned())?;
        ensure(identities == self.beside.identities, Invariant::I10Limits, || {
            "counters of identities are off".to_owned()
        })
    }
}
