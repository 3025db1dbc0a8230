//! What a fact touches: shards, seats, its key, pools.

use smallvec::SmallVec;

use super::pool::PoolName;
use super::scope::ShardSet;
use crate::fact::{Fact, HoldEnd, Keyed, Lines};
use crate::id::{SeatIndex, UserId};
use crate::key::Operation;
use crate::manifest::{Manifest, quota_indices};

/// The shards a fact touches.
pub(crate) fn shards_of(fact: &Fact) -> ShardSet {
    match fact {
        Fact::EventDefined(_)
        | Fact::ManifestChanged(_)
        | Fact::SaleStateChanged { .. }
        | Fact::PlacesChanged(_)
        | Fact::AllocationReleased { .. } => ShardSet::All,
        Fact::HoldPlaced(placed) => ShardSet::One(placed.user.shard()),
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
        Fact::HoldAmended(amended) => {
            let mut seats = of(&amended.added);
            seats.extend(amended.removed.seats.iter().map(|line| line.seat));
            seats
        }
        Fact::HoldEnded(ended) => of(&ended.lines),
        Fact::OrderConfirmed(confirmed) => of(&confirmed.lines),
        Fact::OrderCancelled(cancelled) => of(&cancelled.lines),
        Fact::SeatsChanged(changed) => changed.seats.clone(),
        _ => Vec::new(),
    }
}

/// The key under which a fact was asked for: user, operation, key.
pub(crate) fn key_of(fact: &Fact) -> Option<(UserId, Operation, &Keyed)> {
    match fact {
        Fact::HoldPlaced(f) => f.keyed.as_ref().map(|k| (f.user, Operation::Hold, k)),
        Fact::HoldAmended(f) => f.keyed.as_ref().map(|k| (f.user, Operation::Amend, k)),
        Fact::HoldExtended(f) => f.keyed.as_ref().map(|k| (f.user, Operation::Extend, k)),
        Fact::HoldEnded(f) => f.by.as_ref().map(|(by, k)| {
            (*by, if f.end == HoldEnd::ForceReleased { Operation::Staff } else { Operation::Release }, k)
        }),
        Fact::OrderOpened(f) => f.keyed.as_ref().map(|k| (f.user, Operation::OpenOrder, k)),
        Fact::OrderConfirmed(f) => f.keyed.as_ref().map(|k| (f.user, Operation::ConfirmOrder, k)),
        Fact::OrderCancelled(f) => f.keyed.as_ref().map(|k| (f.user, Operation::CancelOrder, k)),
        Fact::SeatsChanged(f) => f.keyed.as_ref().map(|k| (f.by, Operation::Staff, k)),
        Fact::PlacesChanged(f) => f.keyed.as_ref().map(|k| (f.by, Operation::Staff, k)),
        Fact::EventDefined(_)
        | Fact::ManifestChanged(_)
        | Fact::SaleStateChanged { .. }
        | Fact::AllocationReleased { .. } => None,
    }
}

/// What `lines` count for: places of areas and quotas.
pub(crate) fn pool_counts(manifest: &Manifest, lines: &Lines) -> impl Iterator<Item = (PoolName, u32)> {
    let quotas = |mask, count| quota_indices(mask).map(move |quota| (PoolName::Quota(quota), count));
    let mut counts: SmallVec<[(PoolName, u32); 8]> = SmallVec::new();
    let mut add = |name, count| match counts.iter_mut().find(|(pool, _)| *pool == name) {
        Some((_, sum)) => *sum += count,
        None => counts.push((name, count)),
    };
    for line in &lines.seats {
        let mask = manifest.seat_quotas(line.ticket_type, manifest.category_of(line.seat));
        quotas(mask, 1).for_each(|(name, count)| add(name, count));
    }
    for line in &lines.areas {
        add(PoolName::Area(line.area, line.allocation), line.quantity);
        let mask = manifest.area_quotas(line.ticket_type, line.area);
        quotas(mask, line.quantity).for_each(|(name, count)| add(name, count));
    }
    counts.into_iter()
}
