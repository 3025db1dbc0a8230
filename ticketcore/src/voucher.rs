//! Vouchers: codes that unlock an allocation or change prices, and what a hold says of the one it uses.
//!
//! The text of a code is never stored: facts and memory have a keyed hash of it. It keeps a code from being read where the journal is
//! read; it does not keep short codes from being tried one by one by whoever has the journal, as the key is in it too.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::fact::{HoldPlaced, Keyed};
use crate::id::{AllocationIndex, EventId, Revision, UserId, VoucherIndex};
use crate::key::IdempotencyKey;
use crate::limits::{LimitExceeded, PLACES_PER_HOLD_MAX, PRICE_MINOR_MAX, VOUCHER_USES_MAX, within};
use crate::order::Identity;
use crate::time::UtcMs;

/// Vouchers of one kind, under a number that the host chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VoucherBatch(pub u32);

/// What a voucher does to the price of each place of its hold. Never below 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceEffect {
    /// Nothing.
    #[default]
    Keep,
    /// The price is this.
    Set {
        /// Minor units.
        minor: i64,
    },
    /// The price is less by this, and not below 0.
    Subtract {
        /// Minor units.
        minor: i64,
    },
    /// The price is less by so many ten-thousandths of it; the rest is rounded down to a whole minor unit.
    Percent {
        /// 0 to 10,000: 1,250 is 12.5 %.
        basis_points: u16,
    },
}

impl PriceEffect {
    /// The price that `minor` (0 or more) becomes.
    #[must_use]
    pub const fn apply(self, minor: i64) -> i64 {
        match self {
            PriceEffect::Keep => minor,
            PriceEffect::Set { minor } => minor,
            PriceEffect::Subtract { minor: less } => {
                let left = minor.saturating_sub(less);
                if left > 0 { left } else { 0 }
            }
            PriceEffect::Percent { basis_points } => {
                // Prices are at most 10^12: the product fits.
                minor.saturating_mul(WHOLE as i64 - basis_points as i64) / WHOLE as i64
            }
        }
    }
}

/// All of a price, in ten-thousandths.
const WHOLE: u16 = 10_000;

/// What the vouchers of one batch are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherTerms {
    /// Holds and orders that may use a code at the same time; 1 is a code for one order.
    pub uses_max: u32,
    /// Places one use may be for, if that is less than what a hold may have.
    pub places_max: Option<u32>,
    /// Not before.
    pub from: Option<UtcMs>,
    /// Not at this instant or later.
    pub until: Option<UtcMs>,
    /// The allocation it opens. Its places are kept back for who has a code, until the allocation is released.
    pub unlocks: Option<AllocationIndex>,
    /// What it does to prices.
    pub price: PriceEffect,
}

impl Default for VoucherTerms {
    /// One use, at any time, that opens nothing and leaves prices alone.
    fn default() -> Self {
        Self {
            uses_max: 1,
            places_max: None,
            from: None,
            until: None,
            unlocks: None,
            price: PriceEffect::Keep,
        }
    }
}

impl VoucherTerms {
    /// Checks what needs no event.
    ///
    /// # Errors
    /// [`LimitExceeded`] with the name of the number.
    pub fn check(&self) -> Result<(), LimitExceeded> {
        within("terms.uses_max", self.uses_max.into(), 1, VOUCHER_USES_MAX.into())?;
        let places = self.places_max.map_or(1, u64::from);
        within("terms.places_max", places, 1, PLACES_PER_HOLD_MAX as u64)?;
        if let (Some(from), Some(until)) = (self.from, self.until) {
            within("terms.until", until.0, from.0.saturating_add(1), u64::MAX)?;
        }
        let price = |minor: i64| {
            let found = u64::try_from(minor).unwrap_or(u64::MAX);
            within("terms.price", found, 0, PRICE_MINOR_MAX.unsigned_abs())
        };
        match self.price {
            PriceEffect::Keep => Ok(()),
            PriceEffect::Set { minor } | PriceEffect::Subtract { minor } => price(minor),
            PriceEffect::Percent { basis_points } => {
                within("terms.price.basis_points", basis_points.into(), 0, WHOLE.into())
            }
        }
    }
}

/// The keyed hash of a code: all that is kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeHash(pub [u8; 16]);

impl CodeHash {
    /// SipHash-2-4 with 128 bits under the event's secret. Codes are compared byte by byte: upper and lower case differ.
    pub(crate) fn of(secret: (u64, u64), code: &str) -> Self {
        let mut hasher = SipHasher24::new_with_keys(secret.0, secret.1);
        hasher.write(b"voucher\0");
        hasher.write(code.as_bytes());
        Self(hasher.finish128().as_bytes())
    }
}

/// Vouchers were added to a batch, which may have been new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VouchersAdded {
    /// Who.
    pub by: UserId,
    /// The request's idempotency key.
    pub keyed: Option<Keyed>,
    /// To which batch.
    pub batch: VoucherBatch,
    /// The terms of the batch.
    pub terms: VoucherTerms,
    /// The codes; the first gets the next [`VoucherIndex`].
    pub codes: Vec<CodeHash>,
}

/// Vouchers can't be used any more. What holds and orders have of them stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VouchersRevoked {
    /// Who.
    pub by: UserId,
    /// The request's idempotency key.
    pub keyed: Option<Keyed>,
    /// Which.
    pub which: Revoked,
}

/// See [`VouchersRevoked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revoked {
    /// A batch, with what is added to it later.
    Batch(VoucherBatch),
    /// Single vouchers that were not revoked before, ascending.
    Vouchers(Vec<VoucherIndex>),
}

/// What a hold says beside its places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldWith {
    /// The voucher of which it has a use.
    pub voucher: Option<VoucherIndex>,
    /// The identities that it counts for, ascending and distinct.
    pub identities: Vec<Identity>,
    /// The entry of the waiting list that it was offered to, by the revision at which that joined.
    pub waiting: Option<Revision>,
}

/// A hold was placed that says more than its places. Its number is as that of [`HoldPlaced`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldPlacedWith {
    /// As every hold.
    pub placed: HoldPlaced,
    /// And this.
    pub with: HoldWith,
}

/// Adds vouchers. A batch that is there already must have the same terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddVouchersRequest {
    /// The event.
    pub event: EventId,
    /// The member of staff.
    pub by: UserId,
    /// Repeated on every retry; without one a retry is refused, as the codes are there.
    pub key: Option<IdempotencyKey>,
    /// The batch, a number of the host's choice.
    pub batch: VoucherBatch,
    /// Its terms.
    pub terms: VoucherTerms,
    /// The codes, compared byte by byte: bring them into one form before.
    pub codes: Vec<String>,
}

/// Revokes vouchers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeVouchersRequest {
    /// The event.
    pub event: EventId,
    /// The member of staff.
    pub by: UserId,
    /// Repeated on every retry.
    pub key: Option<IdempotencyKey>,
    /// Which.
    pub which: RevokeWhat,
}

/// See [`RevokeVouchersRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RevokeWhat {
    /// A whole batch.
    Batch(VoucherBatch),
    /// Single codes.
    Codes(Vec<String>),
}

/// What staff may know about a voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherInfo {
    /// Its number.
    pub voucher: VoucherIndex,
    /// Its batch.
    pub batch: VoucherBatch,
    /// What it is good for.
    pub terms: VoucherTerms,
    /// Uses that holds and orders have now.
    pub uses: u32,
    /// Whether it, or its batch, was revoked.
    pub revoked: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_whole_and_never_below_0() {
        let percent = |basis_points| PriceEffect::Percent { basis_points };
        for (effect, from, to) in [
            (PriceEffect::Keep, 999, 999),
            (PriceEffect::Set { minor: 0 }, 999, 0),
            (PriceEffect::Set { minor: 1_500 }, 999, 1_500),
            (PriceEffect::Subtract { minor: 100 }, 999, 899),
            (PriceEffect::Subtract { minor: 1_000 }, 999, 0),
            (percent(0), 999, 999),
            (percent(1_000), 999, 899),
            (percent(3_333), 100, 66),
            (percent(9_999), 999, 0),
            (percent(10_000), PRICE_MINOR_MAX, 0),
            (percent(5_000), PRICE_MINOR_MAX, PRICE_MINOR_MAX / 2),
        ] {
            assert_eq!(effect.apply(from), to, "{effect:?} of {from}");
        }
    }

    #[test]
    fn terms_without_sense_are_refused_by_name() {
        let terms = VoucherTerms::default();
        assert_eq!(terms.check(), Ok(()));
        let at = |ms| Some(UtcMs(ms));
        for (terms, what) in [
            (VoucherTerms { uses_max: 0, ..terms }, "terms.uses_max"),
            (VoucherTerms { uses_max: VOUCHER_USES_MAX + 1, ..terms }, "terms.uses_max"),
            (VoucherTerms { places_max: Some(0), ..terms }, "terms.places_max"),
            (VoucherTerms { from: at(5), until: at(5), ..terms }, "terms.until"),
            (VoucherTerms { price: PriceEffect::Set { minor: -1 }, ..terms }, "terms.price"),
            (
                VoucherTerms { price: PriceEffect::Percent { basis_points: 10_001 }, ..terms },
                "terms.price.basis_points",
            ),
        ] {
            assert_eq!(terms.check().unwrap_err().what, what);
        }
    }

    #[test]
    fn a_code_hash_never_changes_and_depends_on_the_secret() {
        let hash = CodeHash::of((1, 2), "SUMMER");
        assert_eq!(hash, CodeHash::of((1, 2), "SUMMER"));
        assert_ne!(hash, CodeHash::of((1, 3), "SUMMER"));
        assert_ne!(hash, CodeHash::of((1, 2), "Summer"));
    }
}
