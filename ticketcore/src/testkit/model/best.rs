//! Best available and the orphan rule, by looking at every group of seats there is.

use std::collections::BTreeSet;

use super::Model;
use super::place::Placing;
use crate::id::SeatIndex;
use crate::refusal::Refusal;
use crate::request::BestAvailable;

impl Model {
    /// The seats for one best-available item.
    pub(super) fn best(
        &self,
        placing: &Placing<'_>,
        item: &BestAvailable,
    ) -> Result<Vec<SeatIndex>, Refusal> {
        let matching: BTreeSet<SeatIndex> =
            self.manifest.seats().filter(|seat| self.matches(placing, item, *seat)).collect();
        let mut taken = placing.taken.clone();
        let mut found = Vec::new();
        let mut missing = item.count as usize;
        while missing > 0 {
            let smallest = if item.allow_split { 1 } else { missing };
            let group = (smallest..=missing).rev().find_map(|size| {
                let groups =
                    self.manifest.seats().filter_map(|first| self.group(&matching, &taken, first, size));
                let allowed = groups.filter(|group| !self.refuses_group(placing, &taken, group));
                allowed.min_by_key(|group| {
                    let ranks: u64 = group.iter().map(|seat| u64::from(self.manifest.rank_of(*seat))).sum();
                    (!self.orphans_of(placing, &taken, group).is_empty(), ranks, group[0])
                })
            });
            let Some(group) = group else { return Err(self.miss(item, &matching)) };
            missing -= group.len();
            taken.extend(&group);
            found.extend(group);
        }
        Ok(found)
    }

    /// Free seats left alone that could have been avoided: what the orphan rule refuses.
    pub(super) fn avoidable_orphans(&self, placing: &Placing<'_>) -> Vec<SeatIndex> {
        let left = |seat: &SeatIndex| self.free_for(placing, *seat) && !placing.taken.contains(seat);
        let touched = |stretch: &[SeatIndex]| stretch.iter().any(|seat| placing.taken.contains(seat));
        let orphans = self.manifest.seats().filter(left).filter(|seat| {
            let stretch = self.stretch(placing, *seat);
            let count_left = stretch.iter().filter(|other| left(other)).count();
            touched(&stretch) && count_left >= 2 && self.is_alone(placing, &placing.taken, *seat)
        });
        orphans.collect()
    }

    fn matches(&self, placing: &Placing<'_>, item: &BestAvailable, seat: SeatIndex) -> bool {
        let (category, flags) = (self.manifest.category_of(seat), self.manifest.flags_of(seat));
        let price = self.manifest.price(item.ticket_type, category);
        self.free_for(placing, seat)
            && !placing.taken.contains(&seat)
            && self.is_open(placing, self.seats[seat.at()].allocation)
            && item.section.is_none_or(|section| self.manifest.section_of(seat) == section)
            && item.category.is_none_or(|wanted| category == wanted)
            && price.is_some_and(|price| item.price_minor_max.is_none_or(|max| price <= max))
            && (item.accessible || !flags.accessible && !flags.companion)
            && (item.restricted_view || !flags.restricted_view)
    }

    /// The `size` seats from `first` on, if they sit side by side, match, and are not taken.
    fn group(
        &self,
        matching: &BTreeSet<SeatIndex>,
        taken: &BTreeSet<SeatIndex>,
        first: SeatIndex,
        size: usize,
    ) -> Option<Vec<SeatIndex>> {
        let group: Vec<SeatIndex> = (first.at()..first.at() + size).map(SeatIndex::of).collect();
        let all = group.iter().all(|seat| matching.contains(seat) && !taken.contains(seat));
        (all && group.windows(2).all(|pair| self.manifest.next_is_adjacent(pair[0]))).then_some(group)
    }

    fn miss(&self, item: &BestAvailable, matching: &BTreeSet<SeatIndex>) -> Refusal {
        let nothing = BTreeSet::new();
        let sizes = 1..=matching.len();
        let exists = |size: &usize| {
            matching.iter().any(|first| self.group(matching, &nothing, *first, *size).is_some())
        };
        let largest = sizes.take_while(exists).last().unwrap_or_default();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Refusal::BestAvailableMiss {
            asked: item.count,
            matching: count(matching.len()),
            largest_adjacent: count(largest),
        }
    }

    /// Whether the orphan rule would refuse this group: it leaves a seat alone, and another free one in that stretch.
    fn refuses_group(&self, placing: &Placing<'_>, taken: &BTreeSet<SeatIndex>, group: &[SeatIndex]) -> bool {
        let stretch = self.stretch(placing, group[0]);
        let left = stretch.iter().filter(|seat| !taken.contains(seat) && !group.contains(seat)).count();
        let rule = self.manifest.rules().orphan_rule;
        rule && left >= 2 && !self.orphans_of(placing, taken, group).is_empty()
    }

    /// Neighbours of the group that it leaves alone.
    fn orphans_of(
        &self,
        placing: &Placing<'_>,
        taken: &BTreeSet<SeatIndex>,
        group: &[SeatIndex],
    ) -> Vec<SeatIndex> {
        let after: BTreeSet<SeatIndex> = taken.iter().chain(group).copied().collect();
        let ends = [self.left_of(group[0]), self.right_of(group[group.len() - 1])];
        let neighbours =
            ends.into_iter().flatten().filter(|seat| self.free_for(placing, *seat) && !after.contains(seat));
        neighbours.filter(|seat| self.is_alone(placing, &after, *seat)).collect()
    }

    /// Whether every neighbour of a free seat in its stretch is taken.
    fn is_alone(&self, placing: &Placing<'_>, taken: &BTreeSet<SeatIndex>, seat: SeatIndex) -> bool {
        let neighbours = [self.left_of(seat), self.right_of(seat)];
        neighbours.into_iter().flatten().all(|other| !self.free_for(placing, other) || taken.contains(&other))
    }

    /// The longest stretch of adjacent seats around `seat` that were free before the request.
    fn stretch(&self, placing: &Placing<'_>, seat: SeatIndex) -> Vec<SeatIndex> {
        let mut stretch = vec![seat];
        while let Some(left) = self.left_of(stretch[0]).filter(|left| self.free_for(placing, *left)) {
            stretch.insert(0, left);
        }
        while let Some(right) =
            self.right_of(stretch[stretch.len() - 1]).filter(|right| self.free_for(placing, *right))
        {
            stretch.push(right);
        }
        stretch
    }

    fn left_of(&self, seat: SeatIndex) -> Option<SeatIndex> {
        let left = SeatIndex(seat.0.checked_sub(1)?);
        self.manifest.next_is_adjacent(left).then_some(left)
    }

    fn right_of(&self, seat: SeatIndex) -> Option<SeatIndex> {
        self.manifest.next_is_adjacent(seat).then_some(SeatIndex(seat.0 + 1))
    }
}
