//! Vouchers and identities: what they are good for, and what they count, by looking at every hold and order.

use std::collections::BTreeMap;

use super::{Answered, Decided, Model, ModelAnswer, request};
use crate::fact::{CodeHash, Fact, HoldWith, OrderStep, Revoked, VouchersAdded, VouchersRevoked};
use crate::id::{HoldNumber, VoucherIndex};
use crate::key::Operation;
use crate::limits::{VOUCHER_BATCHES_MAX, VOUCHERS_MAX, within};
use crate::order::{Identity, PaymentSeen};
use crate::refusal::Refusal;
use crate::request::HoldRequest;
use crate::time::UtcMs;
use crate::voucher::{AddVouchersRequest, RevokeVouchersRequest, RevokeWhat, VoucherBatch, VoucherTerms};

/// One voucher.
#[derive(Clone, Copy, Debug)]
struct ModelVoucher {
    code: CodeHash,
    batch: VoucherBatch,
    revoked: bool,
}

/// What is known of a payment attempt: whether its money is reserved or taken, and by whom.
#[derive(Clone, Copy, Debug, Default)]
struct Payer {
    has_money: bool,
    instrument: Option<Identity>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside {
    /// Terms of each batch, and whether it was revoked.
    batches: BTreeMap<VoucherBatch, (VoucherTerms, bool)>,
    vouchers: Vec<ModelVoucher>,
    /// What each hold said when it was placed, however it ended.
    with: BTreeMap<HoldNumber, HoldWith>,
    /// The payment attempts of each order.
    payers: BTreeMap<HoldNumber, Vec<Payer>>,
}

/// Refused for more places than a use of the voucher may be for.
pub(super) fn check_places(terms: &VoucherTerms, places: u32) -> Result<(), Refusal> {
    let max = terms.places_max.unwrap_or(u32::MAX);
    within("voucher: places", places.into(), 0, max.into()).map_err(Refusal::Limit)
}

impl Model {
    /// Adds vouchers.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn add_vouchers(&mut self, request: &AddVouchersRequest, at: UtcMs) -> Answered {
        request::voucher_codes(&request.codes)?;
        request.terms.check().map_err(Refusal::Limit)?;
        self.is_event(request.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_add(request, t))
    }

    fn decide_add(&self, request: &AddVouchersRequest, t: UtcMs) -> Decided {
        let keyed = self.keyed(t, request.by, Operation::Staff, request.key.as_ref(), request)?;
        let allocations = self.manifest.allocations().len();
        if let Some(unknown) = request.terms.unlocks.filter(|at| at.at() >= allocations) {
            return Err(Refusal::UnknownAllocation(unknown).into());
        }
        let Beside { batches, vouchers, .. } = &self.beside;
        match batches.get(&request.batch) {
            Some((terms, _)) if *terms != request.terms => {
                return Err(Refusal::BatchDiffers { terms: *terms }.into());
            }
            Some(_) => {}
            None => within("batches", batches.len() as u64 + 1, 0, VOUCHER_BATCHES_MAX as u64)
                .map_err(Refusal::Limit)?,
        }
        let all = (vouchers.len() + request.codes.len()) as u64;
        within("vouchers", all, 0, VOUCHERS_MAX as u64).map_err(Refusal::Limit)?;
        let codes: Vec<CodeHash> = request.codes.iter().map(|code| self.hash(code)).collect();
        let again = |at: &usize| {
            codes[..*at].contains(&codes[*at]) || vouchers.iter().any(|known| known.code == codes[*at])
        };
        if let Some(at) = (0..codes.len()).find(again) {
            return Err(Refusal::DuplicateCode { at: u32::try_from(at).unwrap_or(u32::MAX) }.into());
        }
        let (by, batch, terms) = (request.by, request.batch, request.terms);
        Ok(Fact::VouchersAdded(Box::new(VouchersAdded { by, keyed, batch, terms, codes })))
    }

    /// Revokes vouchers.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn revoke_vouchers(&mut self, request: &RevokeVouchersRequest, at: UtcMs) -> Answered {
        if let RevokeWhat::Codes(codes) = &request.which {
            request::voucher_codes(codes)?;
        }
        self.is_event(request.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_revoke(request, t))
    }

    fn decide_revoke(&self, request: &RevokeVouchersRequest, t: UtcMs) -> Decided {
        let keyed = self.keyed(t, request.by, Operation::Staff, request.key.as_ref(), request)?;
        let which = match &request.which {
            RevokeWhat::Batch(batch) => match self.beside.batches.get(batch) {
                None => return Err(Refusal::UnknownBatch.into()),
                Some((_, true)) => return Err(ModelAnswer::NotHeld.into()),
                Some((_, false)) => Revoked::Batch(*batch),
            },
            RevokeWhat::Codes(codes) => {
                let mut found = Vec::new();
                for code in codes {
                    found.push(self.find_code(code).ok_or(Refusal::UnknownCode { retry_after_ms: 0 })?);
                }
                found.sort_unstable();
                found.dedup();
                found.retain(|at| !self.beside.vouchers[at.at()].revoked);
                if found.is_empty() {
                    return Err(ModelAnswer::NotHeld.into());
                }
                Revoked::Vouchers(found)
            }
        };
        Ok(Fact::VouchersRevoked(Box::new(VouchersRevoked { by: request.by, keyed, which })))
    }

    fn hash(&self, code: &str) -> CodeHash {
        CodeHash::of(self.manifest.rules().key_secret, code)
    }

    fn find_code(&self, code: &str) -> Option<VoucherIndex> {
        let hash = self.hash(code);
        self.beside.vouchers.iter().position(|voucher| voucher.code == hash).map(VoucherIndex::of)
    }

    /// What a request says beside its places, if its voucher may be used now.
    pub(super) fn asked_beside(&self, request: &HoldRequest, t: UtcMs) -> Result<HoldWith, Refusal> {
        let mut identities = request.identities.clone();
        identities.sort_unstable();
        identities.dedup();
        let mut with = HoldWith { voucher: None, identities, waiting: None };
        let Some(code) = &request.voucher else { return Ok(with) };
        let at = self.find_code(code).ok_or(Refusal::UnknownCode { retry_after_ms: 0 })?;
        let voucher = self.beside.vouchers[at.at()];
        let (terms, revoked) = self.beside.batches[&voucher.batch];
        if revoked || voucher.revoked {
            return Err(Refusal::VoucherRevoked);
        }
        let (from, until) = (terms.from, terms.until);
        if from.is_some_and(|from| t < from) || until.is_some_and(|until| t >= until) {
            return Err(Refusal::VoucherClosed { from, until });
        }
        with.voucher = Some(at);
        Ok(with)
    }

    /// What a hold said when it was placed.
    pub(super) fn beside_of(&self, number: HoldNumber) -> HoldWith {
        self.beside.with.get(&number).cloned().unwrap_or_default()
    }

    /// The terms of the voucher of a hold; terms that do nothing if it has none.
    pub(super) fn terms_of(&self, with: &HoldWith) -> VoucherTerms {
        let batch = with.voucher.map(|at| self.beside.vouchers[at.at()].batch);
        batch.map_or_else(VoucherTerms::default, |batch| self.beside.batches[&batch].0)
    }

    /// The terms of the voucher with a code, whether it may be used or not.
    pub(super) fn terms_of_code(&self, code: Option<&str>) -> VoucherTerms {
        let voucher = code.and_then(|code| self.find_code(code));
        self.terms_of(&HoldWith { voucher, ..HoldWith::default() })
    }

    /// Refused if an identity would have too many tickets with `asked` more.
    pub(super) fn check_identities(&self, identities: &[Identity], asked: u32) -> Result<(), Refusal> {
        let limit = self.manifest.rules().tickets_per_user_max;
        for identity in identities.iter().filter(|_| asked > 0) {
            let used = self.tickets_of(*identity);
            if used + asked > limit {
                return Err(Refusal::IdentityLimit { identity: *identity, limit, used, asked });
            }
        }
        Ok(())
    }

    /// Refused if no use of the voucher is left.
    pub(super) fn check_use(&self, with: &HoldWith) -> Result<(), Refusal> {
        let Some(at) = with.voucher else { return Ok(()) };
        let uses_max = self.terms_of(with).uses_max;
        if self.uses(at) < uses_max { Ok(()) } else { Err(Refusal::VoucherUsedUp { uses_max }) }
    }

    /// Places that a hold keeps, or its order owns.
    fn places_of(&self, number: HoldNumber) -> u32 {
        let held = self.holds.get(&number).map(|hold| &hold.lines);
        held.or_else(|| self.orders.get(&number).map(|order| &order.owned))
            .map_or(0, crate::fact::Lines::places)
    }

    /// Uses of a voucher that holds and orders have.
    fn uses(&self, voucher: VoucherIndex) -> u32 {
        let with = self.beside.with.iter().filter(|(_, with)| with.voucher == Some(voucher));
        with.map(|(number, _)| u32::from(self.places_of(*number) > 0)).sum()
    }

    /// Tickets that count for an identity: named by the hold, or that of who has paid.
    fn tickets_of(&self, identity: Identity) -> u32 {
        let mut numbers: Vec<HoldNumber> = self.holds.keys().chain(self.orders.keys()).copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let counts = |number: &HoldNumber| {
            let named = self.beside.with.get(number).is_some_and(|with| with.identities.contains(&identity));
            let last = self.beside.payers.get(number).and_then(|attempts| attempts.last());
            named || last.is_some_and(|payer| payer.has_money && payer.instrument == Some(identity))
        };
        numbers.iter().filter(|number| counts(number)).map(|number| self.places_of(*number)).sum()
    }

    /// What staff may know of the voucher with a code: uses, and whether it or its batch was revoked.
    #[must_use]
    pub fn voucher(&self, code: &str) -> Option<(u32, bool)> {
        let at = self.find_code(code)?;
        let voucher = self.beside.vouchers[at.at()];
        Some((self.uses(at), voucher.revoked || self.beside.batches[&voucher.batch].1))
    }

    pub(super) fn said_beside(&mut self, number: HoldNumber, with: &HoldWith) {
        self.beside.with.insert(number, with.clone());
        if let Some(entry) = with.waiting {
            self.waiting.over(entry);
        }
    }

    pub(super) fn vouchers_added(&mut self, added: &VouchersAdded) {
        let VouchersAdded { batch, terms, ref codes, .. } = *added;
        self.beside.batches.entry(batch).or_insert((terms, false));
        let new = codes.iter().map(|code| ModelVoucher { code: *code, batch, revoked: false });
        self.beside.vouchers.extend(new);
    }

    pub(super) fn vouchers_revoked(&mut self, which: &Revoked) {
        match which {
            Revoked::Batch(batch) => {
                self.beside.batches.get_mut(batch).expect("decided for a known batch").1 = true;
            }
            Revoked::Vouchers(which) => {
                which.iter().for_each(|at| self.beside.vouchers[at.at()].revoked = true);
            }
        }
    }

    /// Follows who pays an order.
    pub(super) fn payer_stepped(&mut self, number: HoldNumber, step: &OrderStep) {
        let payers = self.beside.payers.entry(number).or_default();
        match step {
            OrderStep::PaymentStarted { .. } => payers.push(Payer::default()),
            OrderStep::PaymentObserved { attempt, seen, .. } => {
                let at = *attempt as usize - 1;
                match seen {
                    PaymentSeen::Authorized { fingerprint, .. }
                    | PaymentSeen::Captured { fingerprint, .. } => {
                        payers[at].has_money = true;
                        payers[at].instrument = fingerprint.or(payers[at].instrument);
                    }
                    PaymentSeen::Declined { .. } | PaymentSeen::Voided | PaymentSeen::NotFound => {
                        payers[at].has_money = false;
                    }
                    PaymentSeen::ActionRequired { .. } => {}
                }
            }
            _ => {}
        }
    }
}
