//! What a fact touches: shards, seats, its key, pools.

use smallvec::SmallVec;

use super::pool::PoolName;
use super::scope::ShardSet;
use crate::fact::{Fact, HoldEnd, Keyed, Lines, SeatLine};
use crate::id::{QuotaIndex, SeatIndex, UserId};
use crate::key::Operation;
use crate::limits::QUOTAS_MAX;
use crate::manifest::{Manifest, quota_indices};

/// The shards a fact touches.
pub(crate) fn shards_of(fact: &Fact) -> ShardSet {
    match fact {
        Fact::EventDefined(_)
        | Fact::ManifestChanged(_)
        | Fact::SaleStateChanged { .. }
        | Fact::PlacesChanged(_)
        | Fact::PaymentRulesSet(_)
        | Fact::VouchersAdded(_)
        | Fact::VouchersRevoked(_)
        | Fact::WaitingRulesSet(_)
        | Fact::AllocationReleased { .. } => ShardSet::All,
        Fact::WaitingJoined(f) => ShardSet::One(f.user.shard()),
        Fact::WaitingLeft(f) => ShardSet::One(f.user.shard()),
        Fact::CheckoutOpened(checkout) => ShardSet::One(checkout.opened.hold.shard()),
        Fact::OrderStepped(stepped) => match &stepped.by {
            Some((by, _)) => ShardSet::two(by.shard(), stepped.order.shard()),
            None => ShardSet::One(stepped.order.shard()),
        },
        Fact::HoldPlaced(placed) => ShardSet::One(placed.user.shard()),
        Fact::HoldPlacedWith(f) => ShardSet::One(f.placed.user.shard()),
        Fact::HoldEnded(ended) => match &ended.by {
            Some((by, _)) => ShardSet::two(by.shard(), ended.hold.shard()),
            None => ShardSet::One(ended.hold.shard()),
        },
        Fact::HoldAmended(amended) => ShardSet::One(amended.hold.shard()),
        Fact::HoldExtended(extended) => ShardSet::One(extended.hold.shard()),
        Fact::OrderOpened(opened) => ShardSet::One(opened.hold.shard()),
        Fact::OrderConfirmed(confirmed) => ShardSet::One(confirmed.order.shard()),
        Fact::OrderCancelled(cancelled) => ShardSet::One(cancelled.order.shard()),
        Fact::SeatsChanged(changed) => ShardSet::One(changed.by.shard()),
    }
}

/// The seats a fact touches.
pub(crate) fn seats_of(fact: &Fact) -> Vec<SeatIndex> {
    let of = |lines: &Lines| lines.seats.iter().map(|line| line.seat).collect::<Vec<_>>();
    match fact {
        Fact::HoldPlaced(placed) => of(&placed.lines),
        Fact::HoldPlacedWith(f) => of(&f.placed.lines),
        Fact::HoldAmended(amended) => {
            let mut seats = of(&amended.added);
            seats.extend(amended.removed.seats.iter().map(|line| line.seat));
            seats
        }
        Fact::HoldEnded(ended) => of(&ended.lines),
        Fact::OrderConfirmed(confirmed) => of(&confirmed.lines),
        Fact::OrderCancelled(cancelled) => of(&cancelled.lines),
        Fact::OrderStepped(stepped) => {
            stepped.step.moves().iter().flat_map(|step| of(step.lines())).collect()
        }
        Fact::SeatsChanged(changed) => changed.seats.clone(),
        _ => Vec::new(),
    }
}

/// The key under which a fact was asked for: user, operation, key.
pub(crate) fn key_of(fact: &Fact) -> Option<(UserId, Operation, &Keyed)> {
    match fact {
        Fact::HoldPlaced(f) => f.keyed.as_ref().map(|k| (f.user, Operation::Hold, k)),
        Fact::HoldPlacedWith(f) => f.placed.keyed.as_ref().map(|k| (f.placed.user, Operation::Hold, k)),
        Fact::HoldAmended(f) => f.keyed.as_ref().map(|k| (f.user, Operation::Amend, k)),
        Fact::HoldExtended(f) => f.keyed.as_ref().map(|k| (f.user, Operation::Extend, k)),
        Fact::HoldEnded(f) => f.by.as_ref().map(|(by, k)| {
            (*by, if f.end == HoldEnd::ForceReleased { Operation::Staff } else { Operation::Release }, k)
        }),
        Fact::OrderOpened(f) => f.keyed.as_ref().map(|k| (f.user, Operation::OpenOrder, k)),
        Fact::OrderConfirmed(f) => f.keyed.as_ref().map(|k| (f.user, Operation::ConfirmOrder, k)),
        Fact::OrderCancelled(f) => f.keyed.as_ref().map(|k| (f.user, Operation::CancelOrder, k)),
        Fact::CheckoutOpened(f) => f.opened.keyed.as_ref().map(|k| (f.opened.user, Operation::OpenOrder, k)),
        Fact::OrderStepped(f) => f.by.as_ref().map(|(by, k)| (*by, f.step.operation(), k)),
        Fact::SeatsChanged(f) => f.keyed.as_ref().map(|k| (f.by, Operation::Staff, k)),
        Fact::PlacesChanged(f) => f.keyed.as_ref().map(|k| (f.by, Operation::Staff, k)),
        Fact::VouchersAdded(f) => f.keyed.as_ref().map(|k| (f.by, Operation::Staff, k)),
        Fact::VouchersRevoked(f) => f.keyed.as_ref().map(|k| (f.by, Operation::Staff, k)),
        Fact::WaitingJoined(f) => f.keyed.as_ref().map(|k| (f.user, Operation::Waiting, k)),
        Fact::WaitingLeft(f) => f.keyed.as_ref().map(|k| (f.user, Operation::Waiting, k)),
        Fact::EventDefined(_)
        | Fact::ManifestChanged(_)
        | Fact::SaleStateChanged { .. }
        | Fact::PaymentRulesSet(_)
        | Fact::WaitingRulesSet(_)
        | Fact::AllocationReleased { .. } => None,
    }
}

/// What `lines` count for: places of areas, then quotas in ascending order.
pub(crate) fn pool_counts(manifest: &Manifest, lines: &Lines) -> PoolCounts {
    let mut counts = PoolCounts::new();
    for line in &lines.areas {
        let name = PoolName::Area(line.area, line.allocation);
        match counts.iter_mut().find(|(pool, _)| *pool == name) {
            Some((_, sum)) => *sum += line.quantity,
            None => counts.push((name, line.quantity)),
        }
    }
    each_quota(manifest, lines, |quota, count| {
        counts.push((PoolName::Quota(quota), count));
        true
    });
    counts
}

/// Says for every quota that counts some of `lines`, in ascending order, how many. Stops, and is false, when `each` is.
pub(crate) fn each_quota(
    manifest: &Manifest,
    lines: &Lines,
    mut each: impl FnMut(QuotaIndex, u32) -> bool,
) -> bool {
    let mask_of = |line: &SeatLine| {
        manifest
            .class_of(line.seat)
            .map_or(0, |class| manifest.seat_quotas(line.ticket_type, class.category()))
    };
    // Nearly always all lines count in the same quotas.
    let mask = lines.seats.first().map_or(0, mask_of);
    let same = lines.areas.is_empty() && lines.seats.iter().skip(1).all(|line| mask_of(line) == mask);
    if same {
        let count = u32::try_from(lines.seats.len()).unwrap_or(u32::MAX);
        return quota_indices(mask).all(|quota| each(quota, count));
    }
    let mut counts = [0; QUOTAS_MAX];
    let mut any = 0;
    let mut add = |mask, count| {
        any |= mask;
        quota_indices(mask).for_each(|quota| counts[quota.at()] += count);
    };
    lines.seats.iter().for_each(|line| add(mask_of(line), 1));
    lines.areas.iter().for_each(|line| add(manifest.area_quotas(line.ticket_type, line.area), line.quantity));
    quota_indices(any).all(|quota| each(quota, counts[quota.at()]))
}

/// Pools, each once, with how many of their places.
pub(crate) type PoolCounts = SmallVec<[(PoolName, u32); 4]>;
