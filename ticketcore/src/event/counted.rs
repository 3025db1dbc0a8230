//! What a hold or an order counts for beside places and quotas: a use of a voucher, and tickets of identities. It follows from the hold
//! and the order as they stand, so that whoever changes them counts the difference.

use smallvec::SmallVec;

use super::scope::{Layout, Scope};
use super::shard::HoldRecord;
use crate::fact::HoldWith;
use crate::id::{HoldNumber, VoucherIndex};
use crate::order::{Identity, OrderRecord, PaymentState};

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    Voucher(VoucherIndex),
    Identity(Identity),
}

/// Counters, each once, with how much of them.
pub(crate) type Counted = SmallVec<[(Counter, u32); 2]>;

/// What holding or owning `places` with `with` counts for.
pub(crate) fn counted_with(with: &HoldWith, places: u32) -> Counted {
    let mut counted = Counted::new();
    if places > 0 {
        counted.extend(with.voucher.map(|voucher| (Counter::Voucher(voucher), 1)));
        counted.extend(with.identities.iter().map(|identity| (Counter::Identity(*identity), places)));
    }
    counted
}

/// What a live hold and the order that pins it, or an order that is over, count for.
pub(crate) fn counted(hold: Option<&HoldRecord>, order: Option<&OrderRecord>) -> Counted {
    let with =
        hold.map_or_else(|| order.and_then(|order| order.with.as_deref()), |hold| hold.with.as_deref());
    let payer = order.and_then(payer);
    if with.is_none() && payer.is_none() {
        return Counted::new();
    }
    let places = match (hold, order) {
        (Some(hold), _) => hold.lines.places(),
        (None, Some(order)) => order.sold().places(),
        (None, None) => 0,
    };
    let mut counted = with.map_or_else(Counted::new, |with| counted_with(with, places));
    if let Some(payer) = payer.map(Counter::Identity)
        && places > 0
        && !counted.iter().any(|(known, _)| *known == payer)
    {
        counted.push((payer, places));
    }
    counted
}

/// Who has paid, or has had money reserved, as the gateway tells.
fn payer(order: &OrderRecord) -> Option<Identity> {
    let payment = order.last_payment()?;
    let paid = matches!(payment.state, PaymentState::Authorized | PaymentState::Captured);
    payment.fingerprint.filter(|_| paid)
}

/// As [`counted`], of a number in its locked shard.
pub(crate) fn counted_now(scope: &Scope<'_>, number: HoldNumber) -> Counted {
    let shard = scope.look(number.shard());
    counted(shard.holds.get(&number), shard.orders.get(&number).map(|order| &**order))
}

/// What `after` has more than `before`.
pub(crate) fn growth(before: &Counted, after: &Counted) -> Counted {
    let more = |(counter, count): &(Counter, u32)| {
        let had = before.iter().find(|(known, _)| known == counter).map_or(0, |(_, had)| *had);
        count.checked_sub(had).filter(|more| *more > 0).map(|more| (*counter, more))
    };
    after.iter().filter_map(more).collect()
}

impl Layout {
    /// Counts `count` more, whatever the limit of an identity is. False if the voucher has not so many uses.
    #[must_use]
    pub fn force_count(&self, counter: Counter, count: u32) -> bool {
        match counter {
            Counter::Identity(identity) => self.identities.take(identity, count, u32::MAX).is_ok(),
            Counter::Voucher(voucher) => {
                let max = self.vouchers.get(voucher).map(|known| known.terms.uses_max);
                max.is_some() && (0..count).all(|_| self.vouchers.take(voucher, max))
            }
        }
    }

    /// Counts `count` less. False if it was not so much.
    #[must_use]
    pub fn uncount(&self, counter: Counter, count: u32) -> bool {
        match counter {
            Counter::Identity(identity) => self.identities.give(identity, count),
            Counter::Voucher(voucher) => (0..count).all(|_| self.vouchers.give(voucher)),
        }
    }

    /// Counts what has changed; what a command under way has reserved of it is counted already and taken out of `reserved`. False if it
    /// does not fit.
    #[must_use]
    pub fn recount(&self, before: &Counted, after: &Counted, reserved: &mut Counted) -> bool {
        let less = growth(after, before).into_iter().all(|(counter, count)| self.uncount(counter, count));
        let more = growth(before, after).into_iter().all(|(counter, mut count)| {
            if let Some((_, held)) = reserved.iter_mut().find(|(known, _)| *known == counter) {
                let used = count.min(*held);
                *held -= used;
                count -= used;
            }
            self.force_count(counter, count)
        });
        reserved.retain(|(_, held)| *held > 0);
        less && more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_not_counted_twice_and_growth_is_one_way() {
        let (a, b) = (Counter::Identity(Identity(1)), Counter::Identity(Identity(2)));
        let of = |list: &[(Counter, u32)]| list.iter().copied().collect::<Counted>();
        assert_eq!(growth(&of(&[(a, 2)]), &of(&[(a, 5), (b, 1)])), of(&[(a, 3), (b, 1)]));
        assert_eq!(growth(&of(&[(a, 5)]), &of(&[(a, 2)])), of(&[]));
    }
}
