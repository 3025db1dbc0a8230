//! Best available: the adjacent free seats with the lowest sum of ranks, found on words of 64 seats.
//!
//! The search reads availability words without locks; what it finds is verified under locks by the caller. On a map that nobody
//! changes meanwhile its answer is exactly that of enumerating every group.

use smallvec::SmallVec;

use crate::id::SeatIndex;
use crate::manifest::{Manifest, STRIPE_SEATS};
use crate::request::BestAvailable;

/// A map to search: which seats are free, and which of those the request may have.
pub(crate) trait SeatWords {
    /// Free seats of a stripe.
    fn free(&self, stripe: usize) -> u64;
    /// Those of `free` (a word of free seats of the stripe) whose allocation is open to the request.
    fn open(&self, stripe: usize, free: u64) -> u64;
}

/// Seats that the request itself takes or gives back, over the map.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overlay {
    taken: SmallVec<[(u32, u64); 8]>,
    freed: SmallVec<[(u32, u64); 2]>,
}

impl Overlay {
    /// The request takes `seat`.
    pub fn take(&mut self, seat: SeatIndex) {
        add(&mut self.taken, seat);
    }

    /// The request gives `seat` back.
    pub fn free(&mut self, seat: SeatIndex) {
        add(&mut self.freed, seat);
    }

    /// What is free once the request has taken and given back.
    #[inline]
    fn over(&self, stripe: usize, free: u64) -> u64 {
        if self.taken.is_empty() && self.freed.is_empty() {
            return free;
        }
        self.before(stripe, free) & !Self::of(&self.taken, stripe)
    }

    /// What is free to the request before it takes anything.
    fn before(&self, stripe: usize, free: u64) -> u64 {
        free | Self::of(&self.freed, stripe)
    }

    fn of(list: &[(u32, u64)], stripe: usize) -> u64 {
        list.iter().filter(|(at, _)| *at as usize == stripe).fold(0, |word, (_, bits)| word | bits)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "64 fits")]
fn add<A: smallvec::Array<Item = (u32, u64)>>(list: &mut SmallVec<A>, seat: SeatIndex) {
    let (stripe, bit) = (seat.0 / STRIPE_SEATS as u32, 1u64 << (seat.at() % STRIPE_SEATS));
    match list.iter_mut().find(|(at, _)| *at == stripe) {
        Some((_, bits)) => *bits |= bit,
        None => list.push((stripe, bit)),
    }
}

/// Nothing matches: what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Miss {
    pub matching: u32,
    pub largest_adjacent: u32,
}

/// One search over one map.
pub(crate) struct Search<'a, W> {
    pub manifest: &'a Manifest,
    pub words: &'a W,
    pub request: &'a BestAvailable,
    pub orphan_rule: bool,
}

/// A found group: better ones compare as less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    leaves_orphan: bool,
    rank_sum: u64,
    first: usize,
}

impl<W: SeatWords> Search<'_, W> {
    /// The seats for the request, in the order they were chosen; they are marked as taken in `overlay`.
    ///
    /// Cost: one visit per stripe that may hold a better group than the best found, at most all of them.
    pub fn run(&self, overlay: &mut Overlay) -> Result<SmallVec<[SeatIndex; 4]>, Miss> {
        let mut seats = SmallVec::new();
        let count = self.request.count as usize;
        let filter = self.filter();
        if let Some(group) = self.best_group(count, overlay, &filter) {
            take(&mut seats, overlay, group.first, count);
            return Ok(seats);
        }
        let miss = self.miss(overlay, &filter);
        if !self.request.allow_split || (miss.matching as usize) < count {
            return Err(miss);
        }
        let before = overlay.clone();
        let mut size = count - 1;
        while seats.len() < count && size > 0 {
            size = size.min(count - seats.len());
            match self.best_group(size, overlay, &filter) {
                Some(group) => take(&mut seats, overlay, group.first, size),
                None => size -= 1,
            }
        }
        if seats.len() == count {
            Ok(seats)
        } else {
            *overlay = before;
            Err(miss)
        }
    }

    /// Categories that match, as a set of bits.
    fn filter(&self) -> Filter<'_> {
        let manifest = self.manifest;
        let request = self.request;
        let in_price = |category: usize| {
            let category = crate::id::CategoryIndex::of(category);
            let price = manifest.price(request.ticket_type, category);
            price.is_some_and(|price| request.price_minor_max.is_none_or(|max| price <= max))
                && request.category.is_none_or(|wanted| wanted == category)
        };
        let all = manifest.categories().len();
        let matching: SmallVec<[usize; 8]> = (0..all).filter(|at| in_price(*at)).collect();
        let words = matching.iter().map(|at| manifest.category_words(crate::id::CategoryIndex::of(*at)));
        Filter {
            categories: (matching.len() < all).then(|| words.collect()),
            section: request.section.map(|section| manifest.section_words(section)),
            ordinary: (!request.accessible).then(|| manifest.ordinary_words()),
            full_view: (!request.restricted_view).then(|| manifest.full_view_words()),
        }
    }

    fn free(&self, stripe: usize, overlay: &Overlay) -> u64 {
        if stripe < self.manifest.stripe_count() { overlay.over(stripe, self.words.free(stripe)) } else { 0 }
    }

    fn matching(&self, stripe: usize, overlay: &Overlay, filter: &Filter<'_>) -> u64 {
        self.matching_of(stripe, self.free(stripe, overlay), filter)
    }

    fn matching_of(&self, stripe: usize, free: u64, filter: &Filter<'_>) -> u64 {
        let wanted = if free == 0 { 0 } else { filter.apply(stripe, free) };
        if wanted == 0 { 0 } else { self.words.open(stripe, wanted) }
    }

    fn best_group(&self, count: usize, overlay: &Overlay, filter: &Filter<'_>) -> Option<Group> {
        let mut best: Option<Group> = None;
        for &(stripe, bound) in self.manifest.search_order(count) {
            let stripe = stripe as usize;
            if best.is_some_and(|b| !b.leaves_orphan && u64::from(bound) > b.rank_sum) {
                break;
            }
            // Most stripes of a map that is nearly sold out end here.
            let free = self.free(stripe, overlay);
            if !may_start(free, count) {
                continue;
            }
            let first_word = self.matching_of(stripe, free, filter);
            if first_word == 0 {
                continue;
            }
            if count > STRIPE_SEATS {
                self.long_groups(stripe, first_word, count, overlay, filter, &mut best);
                continue;
            }
            let mut starts = self.starts(stripe, first_word, count, overlay, filter);
            while starts != 0 {
                let first = stripe * STRIPE_SEATS + starts.trailing_zeros() as usize;
                starts &= starts - 1;
                self.consider(first, count, overlay, &mut best);
            }
        }
        best
    }

    /// Bit i: a group of `count <= 64` adjacent matching seats starts at seat i of the stripe.
    fn starts(&self, stripe: usize, word: u64, count: usize, overlay: &Overlay, filter: &Filter<'_>) -> u64 {
        if count == 1 {
            return word;
        }
        let breaks = self.manifest.breaks();
        // A group reaches into the next stripe only if its last seats here match and no break lies between.
        let reaches = word >> (STRIPE_SEATS - 1) == 1 && breaks.get(stripe + 1).is_some_and(|b| b & 1 == 0);
        let next = if reaches { self.matching(stripe + 1, overlay, filter) } else { 0 };
        let next_breaks = breaks.get(stripe + 1).copied().unwrap_or(1);
        let run = u128::from(word) | u128::from(next) << STRIPE_SEATS;
        let joined = !(u128::from(breaks[stripe]) | u128::from(next_breaks) << STRIPE_SEATS);
        let linked = run & joined;
        let mut groups = run;
        for step in 1..count {
            groups &= linked >> step;
            if groups == 0 {
                break;
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is this stripe")]
        let here = groups as u64;
        here
    }

    /// Groups longer than a stripe: seat by seat.
    fn long_groups(
        &self,
        stripe: usize,
        word: u64,
        count: usize,
        overlay: &Overlay,
        filter: &Filter<'_>,
        best: &mut Option<Group>,
    ) {
        for bit in (0..STRIPE_SEATS).filter(|bit| word >> bit & 1 == 1) {
            let first = stripe * STRIPE_SEATS + bit;
            let fits = (first..first + count - 1).all(|at| {
                let next = at + 1;
                self.manifest.next_is_adjacent(SeatIndex::of(at))
                    && self.matching(next / STRIPE_SEATS, overlay, filter) >> (next % STRIPE_SEATS) & 1 == 1
            });
            if fits {
                self.consider(first, count, overlay, best);
            }
        }
    }

    fn consider(&self, first: usize, count: usize, overlay: &Overlay, best: &mut Option<Group>) {
        let rank_sum = self.manifest.rank_sum(first, count);
        if best.is_some_and(|b| !b.leaves_orphan && (b.rank_sum, b.first) <= (rank_sum, first)) {
            return;
        }
        let leaves_orphan = self.leaves_orphan(first, count, overlay);
        if leaves_orphan && self.orphan_rule && self.leaves_more_than_one(first, count, overlay) {
            return;
        }
        let group = Group { leaves_orphan, rank_sum, first };
        if best.is_none_or(|b| group < b) {
            *best = Some(group);
        }
    }

    /// Whether a neighbour of the group is left alone.
    fn leaves_orphan(&self, first: usize, count: usize, overlay: &Overlay) -> bool {
        let free = |at: usize| self.free(at / STRIPE_SEATS, overlay) >> (at % STRIPE_SEATS) & 1 == 1;
        let joined = |at: usize| self.manifest.next_is_adjacent(SeatIndex::of(at));
        let left = |at: usize| at > 0 && joined(at - 1) && free(at - 1);
        let right = |at: usize| joined(at) && free(at + 1);
        let last = first + count - 1;
        (left(first) && !left(first - 1)) || (right(last) && !right(last + 1))
    }

    /// Whether the group and what the request has taken before leave at least two free seats of the group's stretch.
    fn leaves_more_than_one(&self, first: usize, count: usize, overlay: &Overlay) -> bool {
        let bit = |word: u64, at: usize| word >> (at % STRIPE_SEATS) & 1 == 1;
        let before = |at: usize| {
            let stripe = at / STRIPE_SEATS;
            bit(overlay.before(stripe, self.words.free(stripe)), at)
        };
        let free = |at: usize| bit(self.free(at / STRIPE_SEATS, overlay), at);
        let joined = |at: usize| self.manifest.next_is_adjacent(SeatIndex::of(at));
        let mut left = 0;
        let mut at = first;
        while at > 0 && joined(at - 1) && before(at - 1) {
            at -= 1;
            left += u32::from(free(at));
        }
        let mut at = first + count - 1;
        while left < 2 && joined(at) && before(at + 1) {
            at += 1;
            left += u32::from(free(at));
        }
        left >= 2
    }

    fn miss(&self, overlay: &Overlay, filter: &Filter<'_>) -> Miss {
        let (mut matching, mut longest, mut tail, mut before) = (0, 0, 0, 0);
        for (stripe, breaks) in self.manifest.breaks().iter().enumerate() {
            let word = self.matching(stripe, overlay, filter);
            // Seats that match and sit beside one that does.
            let links = word & (word << 1 | before >> (STRIPE_SEATS - 1)) & !breaks;
            matching += word.count_ones();
            longest = longest.max(tail + links.trailing_ones()).max(longest_run(links));
            tail = if links == u64::MAX { tail + 64 } else { links.leading_ones() };
            before = word;
        }
        Miss { matching, largest_adjacent: if matching == 0 { 0 } else { longest + 1 } }
    }
}

/// Whether a group of `count` seats may start in a stripe with these free seats, for all one can tell from them: rows are not looked at,
/// and the next stripe counts as free.
fn may_start(free: u64, count: usize) -> bool {
    let mut groups = free;
    let mut size = 1;
    while size < count.min(STRIPE_SEATS) && groups != 0 {
        let step = size.min(count - size).min(STRIPE_SEATS - 1);
        groups &= groups >> step | !(u64::MAX >> step);
        size += step;
    }
    groups != 0
}

/// The length of the longest run of ones.
fn longest_run(mut word: u64) -> u32 {
    let mut len = 0;
    while word != 0 {
        word &= word << 1;
        len += 1;
    }
    len
}

fn take(seats: &mut SmallVec<[SeatIndex; 4]>, overlay: &mut Overlay, first: usize, count: usize) {
    for seat in (first..first + count).map(SeatIndex::of) {
        overlay.take(seat);
        seats.push(seat);
    }
}

/// What a request restricts beyond allocations.
struct Filter<'a> {
    categories: Option<SmallVec<[&'a [u64]; 8]>>,
    section: Option<(usize, &'a [u64])>,
    ordinary: Option<&'a [u64]>,
    full_view: Option<&'a [u64]>,
}

impl Filter<'_> {
    fn apply(&self, stripe: usize, mut word: u64) -> u64 {
        if let Some(categories) = &self.categories {
            word &= categories.iter().fold(0, |any, words| any | words[stripe]);
        }
        if let Some((first, words)) = self.section {
            word &= stripe.checked_sub(first).and_then(|at| words.get(at)).copied().unwrap_or(0);
        }
        if let Some(words) = self.ordinary {
            word &= words[stripe];
        }
        if let Some(words) = self.full_view {
            word &= words[stripe];
        }
        word
    }
}
