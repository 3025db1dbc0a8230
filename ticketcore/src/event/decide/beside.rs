//! What a request for places says beside them: codes and identities.

use smallvec::SmallVec;

use super::{Decide, Decided, Instead};
use crate::canary::Canary;
use crate::command::CommandKey;
use crate::event::counted::{Counted, Counter, counted, growth};
use crate::event::vouchers::Voucher;
use crate::fact::{Fact, HoldWith, Lines, OrderStep, Revoked, VouchersAdded, VouchersRevoked};
use crate::id::{HoldNumber, Revision, SHARDS, VoucherIndex};
use crate::limits::{VOUCHER_BATCHES_MAX, VOUCHERS_MAX, within};
use crate::order::{EndReason, Identity, OrderRecord};
use crate::refusal::Refusal;
use crate::request::HoldRequest;
use crate::time::UtcMs;
use crate::voucher::{AddVouchersRequest, CodeHash, PriceEffect, RevokeVouchersRequest, RevokeWhat};

/// What a hold counts for, or is about to, and what its voucher does.
#[derive(Clone, Debug, Default)]
pub(super) struct With {
    pub voucher: Option<VoucherIndex>,
    /// Whether a use of the voucher is still to be taken.
    pub fresh: bool,
    pub identities: SmallVec<[Identity; 4]>,
    pub price: PriceEffect,
    /// Allocations that the voucher opens.
    pub unlocked: u64,
    pub places_max: Option<u32>,
    /// The voucher is not good at this instant or later.
    pub until: UtcMs,
    /// The entry of the waiting list.
    pub waiting: Option<Revision>,
    /// It is being offered now.
    pub is_offer: bool,
}

impl With {
    /// As facts say it.
    pub fn fact(&self) -> HoldWith {
        HoldWith { voucher: self.voucher, identities: self.identities.to_vec(), waiting: self.waiting }
    }

    /// What the voucher makes of the prices.
    pub fn reprice(&self, lines: &mut Lines) {
        if self.price == PriceEffect::Keep {
            return;
        }
        lines.seats.iter_mut().for_each(|line| line.price_minor = self.price.apply(line.price_minor));
        lines.areas.iter_mut().for_each(|line| line.price_minor = self.price.apply(line.price_minor));
        lines.put_areas_in_order();
    }

    /// Refuses more places than a use of the voucher may be for.
    pub fn within_places(&self, places: u32) -> Result<(), Refusal> {
        let Some(max) = self.places_max else { return Ok(()) };
        within("voucher: places", places.into(), 0, max.into()).map_err(Refusal::Limit)
    }
}

impl Decide<'_, '_> {
    /// What a hold request says beside its places, if anything.
    pub(super) fn with(&self, request: &HoldRequest) -> Result<Option<With>, Refusal> {
        self.known_access_code(request.access_code.as_deref())?;
        if request.voucher.is_none() && request.identities.is_empty() {
            return Ok(None);
        }
        let mut with = With { until: UtcMs::NEVER, ..With::default() };
        with.identities.extend_from_slice(&request.identities);
        with.identities.sort_unstable();
        with.identities.dedup();
        if let Some(code) = &request.voucher {
            self.code_allowed()?;
            let secret = self.scope.layout.manifest.rules().key_secret;
            let vouchers = &self.scope.layout.vouchers;
            let found = vouchers.find(CodeHash::of(secret, code));
            let found = found.and_then(|voucher| Some((voucher, vouchers.get(voucher)?)));
            let (index, voucher) = found.ok_or(Refusal::UnknownCode { retry_after_ms: 0 })?;
            if voucher.revoked || voucher.batch_revoked {
                return Err(Refusal::VoucherRevoked);
            }
            let (from, until) = (voucher.terms.from, voucher.terms.until);
            if from.is_some_and(|from| self.now < from) || until.is_some_and(|until| self.now >= until) {
                return Err(Refusal::VoucherClosed { from, until });
            }
            with.fresh = true;
            with.until = until.unwrap_or(UtcMs::NEVER);
            with.set_voucher(index, voucher);
        }
        let places: u32 = request.items.iter().map(crate::request::Item::places).sum();
        with.within_places(places)?;
        Ok(Some(with))
    }

    /// What a hold said when it was placed: what is added to it is under the same terms, whatever has become of its voucher.
    pub(super) fn with_of(&self, said: Option<&HoldWith>) -> Option<With> {
        let said = said?;
        let mut with = With { until: UtcMs::NEVER, waiting: said.waiting, ..With::default() };
        with.identities.extend_from_slice(&said.identities);
        if let Some(index) = said.voucher
            && let Some(voucher) = self.scope.layout.vouchers.get(index)
        {
            with.set_voucher(index, voucher);
        }
        Some(with)
    }

    /// The voucher alone, for places that an order gets instead of others: what it counts for is counted by the step it takes.
    pub(super) fn voucher_of(&self, order: &OrderRecord) -> Option<With> {
        let mut with = self.with_of(order.with.as_deref())?;
        with.identities.clear();
        Some(with)
    }

    /// Refuses an access code that no allocation has.
    pub(super) fn known_access_code(&self, code: Option<&str>) -> Result<(), Refusal> {
        let Some(code) = code else { return Ok(()) };
        self.code_allowed()?;
        let allocations = self.scope.layout.manifest.allocations();
        if allocations.iter().any(|allocation| allocation.access_code.as_deref() == Some(code)) {
            return Ok(());
        }
        Err(Refusal::UnknownCode { retry_after_ms: 0 })
    }

    /// Refuses any code while its user has to wait.
    fn code_allowed(&self) -> Result<(), Refusal> {
        match self.scope.guess_delay_ms {
            0 => Ok(()),
            retry_after_ms => Err(Refusal::UnknownCode { retry_after_ms }),
        }
    }

    /// Reserves tickets of identities for `asked` more places.
    pub(super) fn reserve_identities(&mut self, with: &With, asked: u32) -> Result<(), Instead> {
        if asked == 0 {
            return Ok(());
        }
        for identity in &with.identities {
            self.reserve_counter(Counter::Identity(*identity), asked)
                .map_err(|refusal| Instead::Overdue(refusal, Vec::new()))?;
        }
        Ok(())
    }

    /// Reserves a use of the voucher, if it has not been taken before.
    pub(super) fn reserve_use(&mut self, with: &With) -> Result<(), Instead> {
        let Some(voucher) = with.voucher.filter(|_| with.fresh) else { return Ok(()) };
        let reserved = self.reserve_counter(Counter::Voucher(voucher), 1);
        reserved.map_err(|refusal| Instead::Overdue(refusal, Vec::new()))
    }

    fn reserve_counter(&mut self, counter: Counter, asked: u32) -> Result<(), Refusal> {
        let layout = self.scope.layout;
        match counter {
            Counter::Identity(identity) => {
                let limit = layout.manifest.rules().tickets_per_user_max;
                let kept = if self.canaries.on(Canary::ForgetIdentity) { u32::MAX } else { limit };
                let taken = layout.identities.take(identity, asked, kept);
                taken.map_err(|used| Refusal::IdentityLimit { identity, limit, used, asked })?;
            }
            Counter::Voucher(voucher) => {
                let uses_max = layout.vouchers.get(voucher).map_or(0, |known| known.terms.uses_max);
                let kept = (!self.canaries.on(Canary::OverdrawVoucher)).then_some(uses_max);
                if !layout.vouchers.take(voucher, kept) {
                    return Err(Refusal::VoucherUsedUp { uses_max });
                }
            }
        }
        if asked > 0 {
            self.scope.counted.push((counter, asked));
        }
        Ok(())
    }

    /// Reserves what an order counts for once `step` has been taken and does not yet. `None` if that can be had; a reason to end the order
    /// if it can't. The reason is only given once nothing that may come back stands against it.
    pub(super) fn count_after(
        &mut self,
        number: HoldNumber,
        order: &OrderRecord,
        step: &OrderStep,
    ) -> Result<Option<EndReason>, Instead> {
        let hold = self.scope.look(number.shard()).holds.get(&number);
        let before = counted(hold, Some(order));
        let mut after = order.clone();
        if after.step(step, self.now).is_err() {
            return Ok(None);
        }
        let more = growth(&before, &counted(hold.filter(|_| after.state.is_live()), Some(&after)));
        self.reserve_all(&more)
    }

    fn reserve_all(&mut self, more: &Counted) -> Result<Option<EndReason>, Instead> {
        for (counter, count) in more {
            let Err(refusal) = self.reserve_counter(*counter, *count) else { continue };
            self.scope.give_back();
            if !self.scope.is_exclusive() || self.any_overdue() {
                return Err(Instead::Overdue(refusal, Vec::new()));
            }
            return Ok(Some(match counter {
                Counter::Identity(_) => EndReason::OverLimit,
                Counter::Voucher(_) => EndReason::TooLate,
            }));
        }
        Ok(None)
    }

    /// Whether any hold of the event, which the caller has to itself, is overdue.
    pub(super) fn any_overdue(&self) -> bool {
        let in_shard = |at: usize| {
            let shard = self.scope.look(at);
            // The wheel knows it roughly, and nearly always that nothing is.
            shard.wheel.next_due() <= self.now && shard.holds.values().any(|hold| hold.deadline <= self.now)
        };
        (0..SHARDS).any(in_shard)
    }

    pub(super) fn add_vouchers(
        &mut self,
        request: &AddVouchersRequest,
        keyed: Option<CommandKey<'_>>,
    ) -> Decided {
        let layout = self.scope.layout;
        if let Some(allocation) = request.terms.unlocks
            && allocation.at() >= layout.manifest.allocations().len()
        {
            return Err(Refusal::UnknownAllocation(allocation).into());
        }
        let batches = layout.vouchers.batches();
        match batches.get(&request.batch) {
            Some(batch) if batch.terms != request.terms => {
                return Err(Refusal::BatchDiffers { terms: batch.terms }.into());
            }
            Some(_) => {}
            None => within("batches", batches.len() as u64 + 1, 0, VOUCHER_BATCHES_MAX as u64)
                .map_err(Refusal::Limit)?,
        }
        let all = u64::from(layout.vouchers.len()) + request.codes.len() as u64;
        within("vouchers", all, 0, VOUCHERS_MAX as u64).map_err(Refusal::Limit)?;
        let secret = layout.manifest.rules().key_secret;
        let codes: Vec<CodeHash> = request.codes.iter().map(|code| CodeHash::of(secret, code)).collect();
        let mut seen: Vec<(CodeHash, u32)> = codes.iter().copied().zip(0..).collect();
        seen.sort_unstable();
        let twice = seen.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min();
        let known = codes.iter().zip(0..).find(|(code, _)| layout.vouchers.find(**code).is_some());
        if let Some(at) = twice.into_iter().chain(known.map(|(_, at)| at)).min() {
            return Err(Refusal::DuplicateCode { at }.into());
        }
        let added = VouchersAdded {
            by: request.by,
            keyed: keyed.map(CommandKey::keyed),
            batch: request.batch,
            terms: request.terms,
            codes,
        };
        Self::always(Fact::VouchersAdded(Box::new(added)))
    }

    pub(super) fn revoke_vouchers(
        &mut self,
        request: &RevokeVouchersRequest,
        keyed: Option<CommandKey<'_>>,
    ) -> Decided {
        let layout = self.scope.layout;
        let nothing = || Err(Instead::Answer(super::hold::nothing_done()));
        let which = match &request.which {
            RevokeWhat::Batch(batch) => match layout.vouchers.batches().get(batch) {
                None => return Err(Refusal::UnknownBatch.into()),
                Some(known) if known.revoked => return nothing(),
                Some(_) => Revoked::Batch(*batch),
            },
            RevokeWhat::Codes(codes) => {
                let secret = layout.manifest.rules().key_secret;
                let find = |code: &String| layout.vouchers.find(CodeHash::of(secret, code));
                let found: Option<Vec<VoucherIndex>> = codes.iter().map(find).collect();
                let mut found = found.ok_or(Refusal::UnknownCode { retry_after_ms: 0 })?;
                found.retain(|voucher| layout.vouchers.get(*voucher).is_some_and(|known| !known.revoked));
                found.sort_unstable();
                found.dedup();
                if found.is_empty() {
                    return nothing();
                }
                Revoked::Vouchers(found)
            }
        };
        let revoked = VouchersRevoked { by: request.by, keyed: keyed.map(CommandKey::keyed), which };
        Self::always(Fact::VouchersRevoked(Box::new(revoked)))
    }
}

impl With {
    fn set_voucher(&mut self, index: VoucherIndex, voucher: Voucher) {
        self.voucher = Some(index);
        self.price = voucher.terms.price;
        self.places_max = voucher.terms.places_max;
        self.unlocked = voucher.terms.unlocks.map_or(0, |allocation| 1 << allocation.0);
    }
}
