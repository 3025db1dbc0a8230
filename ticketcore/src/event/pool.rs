//! Pools: the places of areas and the caps of quotas, one atomic word each.

use crossbeam_utils::CachePadded;

use crate::id::{AllocationIndex, AreaIndex, QuotaIndex};
use crate::manifest::Manifest;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The places of one area that belong to one allocation, or to none; or what a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PoolName {
    Area(AreaIndex, Option<AllocationIndex>),
    Quota(QuotaIndex),
}

/// A counter with a cap. The word is `taken << 32 | blocked`; taken = held + sold + reserved by a command under way.
#[derive(Debug)]
struct Pool {
    places: u32,
    word: AtomicU64,
}

/// What is in a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PoolLevel {
    pub places: u32,
    pub taken: u32,
    pub blocked: u32,
}

/// All pools of an event: per area the public pool and one per allocation, then the quotas.
#[derive(Debug)]
pub(crate) struct Pools {
    areas: Vec<Vec<(Option<AllocationIndex>, CachePadded<Pool>)>>,
    quotas: Vec<CachePadded<Pool>>,
}

impl Pools {
    pub fn new(manifest: &Manifest) -> Self {
        let pool = |places| CachePadded::new(Pool { places, word: AtomicU64::new(0) });
        let of_area = |at: usize| {
            let area = AreaIndex::of(at);
            let allocated = manifest.areas()[at].allocated.iter();
            let mut pools = vec![(None, pool(manifest.area_places(area, None)))];
            pools.extend(allocated.map(|(allocation, places)| (Some(*allocation), pool(*places))));
            pools
        };
        Self {
            areas: (0..manifest.areas().len()).map(of_area).collect(),
            quotas: manifest.quotas().iter().map(|quota| pool(quota.cap)).collect(),
        }
    }

    /// The same levels under a changed manifest. Nothing may be reserved meanwhile.
    pub fn changed(&self, manifest: &Manifest) -> Self {
        let next = Self::new(manifest);
        for name in self.names() {
            if let (Some(old), Some(new)) = (self.find(name), next.find(name)) {
                new.word.store(old.word.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        next
    }

    /// Every pool.
    pub fn names(&self) -> impl Iterator<Item = PoolName> + '_ {
        let areas = self.areas.iter().enumerate().flat_map(|(at, pools)| {
            pools.iter().map(move |(allocation, _)| PoolName::Area(AreaIndex::of(at), *allocation))
        });
        areas.chain((0..self.quotas.len()).map(|at| PoolName::Quota(QuotaIndex::of(at))))
    }

    /// The allocations with a pool in `area`.
    pub fn allocations_in(&self, area: AreaIndex) -> impl Iterator<Item = AllocationIndex> + '_ {
        self.areas[area.at()].iter().filter_map(|(allocation, _)| *allocation)
    }

    fn find(&self, name: PoolName) -> Option<&Pool> {
        match name {
            PoolName::Area(area, allocation) => {
                let pools = self.areas.get(area.at())?;
                pools.iter().find(|(of, _)| *of == allocation).map(|(_, pool)| &**pool)
            }
            PoolName::Quota(quota) => self.quotas.get(quota.at()).map(|pool| &**pool),
        }
    }

    /// What is in a pool; nothing if there is no such pool.
    pub fn level(&self, name: PoolName) -> PoolLevel {
        self.find(name).map_or(PoolLevel::default(), |pool| {
            let word = pool.word.load(Ordering::Acquire);
            PoolLevel {
                places: pool.places,
                taken: (word >> 32) as u32,
                blocked: (word & 0xffff_ffff) as u32,
            }
        })
    }

    /// Takes `count` places if that many are left; else says how many are. `credit` places that the caller is about to
    /// give back count as left.
    pub fn take(&self, name: PoolName, count: u32, credit: u32) -> Result<(), u32> {
        let Some(pool) = self.find(name) else { return Err(0) };
        let mut word = pool.word.load(Ordering::Relaxed);
        loop {
            let used = (word >> 32) + (word & 0xffff_ffff);
            let left = (u64::from(pool.places) + u64::from(credit)).saturating_sub(used);
            if left < u64::from(count) {
                return Err(u32::try_from(left).unwrap_or(u32::MAX));
            }
            let next = word + (u64::from(count) << 32);
            match pool.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// Takes `count` places whatever is left. True if they were.
    #[must_use]
    pub fn force_take(&self, name: PoolName, count: u32) -> bool {
        let Some(pool) = self.find(name) else { return false };
        let before = pool.word.fetch_add(u64::from(count) << 32, Ordering::AcqRel);
        (before >> 32) + (before & 0xffff_ffff) + u64::from(count) <= u64::from(pool.places)
    }

    /// Gives `count` places back. False if so many were not taken.
    #[must_use]
    pub fn give(&self, name: PoolName, count: u32) -> bool {
        let Some(pool) = self.find(name) else { return false };
        let before = pool.word.fetch_sub(u64::from(count) << 32, Ordering::AcqRel);
        before >> 32 >= u64::from(count)
    }

    /// Sets how many places are blocked, whatever is left. True if there is room.
    #[must_use]
    pub fn force_block(&self, name: PoolName, blocked: u32) -> bool {
        let Some(pool) = self.find(name) else { return false };
        let set = |word: u64| Some(word >> 32 << 32 | u64::from(blocked));
        let before = pool.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, set).unwrap_or_default();
        (before >> 32) + u64::from(blocked) <= u64::from(pool.places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Definition, Quota, Rules};

    fn one_quota(cap: u32) -> Pools {
        let quota = Quota { name: "q".into(), cap, ticket_types: vec![], categories: vec![], areas: vec![] };
        let definition = Definition { quotas: vec![quota], ..Definition::empty(Rules::new("e")) };
        Pools::new(&Manifest::compile(&definition).unwrap())
    }

    #[test]
    fn a_pool_never_gives_more_than_it_has() {
        let pools = one_quota(5);
        let name = PoolName::Quota(QuotaIndex(0));
        assert_eq!(pools.take(name, 3, 0), Ok(()));
        assert_eq!(pools.take(name, 3, 0), Err(2));
        assert!(pools.force_block(name, 2));
        assert_eq!(pools.take(name, 1, 0), Err(0));
        assert_eq!(pools.take(name, 1, 1), Ok(()), "one is about to come back");
        assert!(pools.give(name, 1));
        assert!(pools.give(name, 3));
        assert_eq!(pools.level(name), PoolLevel { places: 5, taken: 0, blocked: 2 });
    }
}
