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
pub(crate) fn pool_counts(manifest: &Manifest, lines: &Lines) -> PoolCounts {
    let mut counts = PoolCounts::new();
    let mut add = |name, count| match counts.iter_mut().find(|(pool, _)| *pool == name) {
        Some((_, sum)) => *sum += count,
        None => counts.push((name, count)),
    };
    // Lines that follow each other mostly count in the same quotas: they are counted together.
    let (mut mask, mut same) = (0, 0);
    for line in &lines.seats {
        let next = manifest.seat_quotas(line.ticket_type, manifest.category_of(line.seat));
        if next != mask {
            quota_indices(mask).for_each(|quota| add(PoolName::Quota(quota), same));
            (mask, same) = (next, 0);
        }
        same += 1;
    }
    quota_indices(mask).for_each(|quota| add(PoolName::Quota(quota), same));
    for line in &lines.areas {
        add(PoolName::Area(line.area, line.allocation), line.quantity);
        let mask = manifest.area_quotas(line.ticket_type, line.area);
        quota_indices(mask).for_each(|quota| add(PoolName::Quota(quota), line.quantity));
    }
    counts
}

/// Pools, each once, with how many of their places.
pub(crate) type PoolCounts = SmallVec<[(PoolName, u32); 4]>;
