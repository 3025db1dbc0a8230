//! What is computed from a manifest's columns: ranks, bit words by stripe, tables.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::compiled::{Manifest, STRIPE_SEATS};
use super::definition::Quota;
use crate::id::{CategoryIndex, SeatIndex, SectionIndex};
use crate::limits::CATEGORIES_MAX;

/// In the price table: not sold.
pub(super) const NO_PRICE: i64 = -1;

/// Sizes of groups that have a search order of their own.
const SEARCH_ORDERS: usize = 8;

/// What most commands ask of a seat, in one word: its section, its category, and whether it has been dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeatClass {
    section: SectionIndex,
    /// The highest bit says that the seat has been dropped.
    category: u16,
}

const DROPPED: u16 = 1 << 15;
const _: () = assert!(CATEGORIES_MAX < DROPPED as usize && size_of::<SeatClass>() == 4);

impl SeatClass {
    pub const fn section(self) -> SectionIndex {
        self.section
    }

    pub const fn category(self) -> CategoryIndex {
        CategoryIndex(self.category & !DROPPED)
    }

    pub const fn is_real(self) -> bool {
        self.category & DROPPED == 0
    }
}

/// Computed from the rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Derived {
    pub(super) by_id: HashTable<u32>,
    pub(super) hasher: DefaultHashBuilder,
    pub(super) classes: Vec<SeatClass>,
    pub(super) rank: Vec<u32>,
    pub(super) rank_sums: Vec<u64>,
    pub(super) breaks: Vec<u64>,
    pub(super) ordinary: Vec<u64>,
    pub(super) full_view: Vec<u64>,
    pub(super) category_words: Vec<Vec<u64>>,
    pub(super) section_words: Vec<(u32, Vec<u64>)>,
    pub(super) search_orders: Vec<Vec<(u32, u32)>>,
    pub(super) price_table: Vec<i64>,
    pub(super) seat_quotas: Vec<u64>,
    pub(super) area_quotas: Vec<u64>,
    pub(super) section_capacity: Vec<u32>,
}

impl Manifest {
    /// Computes everything again. O(seats log seats).
    pub(super) fn derive(&mut self) {
        self.derive_ranks();
        self.derive_words();
        self.derive_classes();
        self.derive_search_orders();
        self.derive_names();
        self.derive_tables();
    }

    /// Ranks seats: those on sale before dropped ones, then by given rank or distance to the focal point,
    /// then by index.
    fn derive_ranks(&mut self) {
        let seats = &self.seats;
        let count = seats.len();
        let worth = |at: usize| match (seats.rank[at], self.focal_point) {
            (Some(rank), _) => f64::from(rank),
            (None, Some(focal)) => {
                let (x, y) = (seats.at[at].x - focal.x, seats.at[at].y - focal.y);
                f64::from(x).powi(2) + f64::from(y).powi(2)
            }
            (None, None) => 0.0,
        };
        let mut order: Vec<(bool, f64, u32)> =
            (0..count).map(|at| (seats.is_dropped(at), worth(at), SeatIndex::of(at).0)).collect();
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        let mut rank = vec![0u32; count];
        for (place, &(_, _, at)) in order.iter().enumerate() {
            rank[at as usize] = SeatIndex::of(place).0;
        }
        let mut sums = Vec::with_capacity(count + 1);
        let mut sum = 0u64;
        sums.push(sum);
        for &one in &rank {
            sum += u64::from(one);
            sums.push(sum);
        }
        self.derived.rank = rank;
        self.derived.rank_sums = sums;
    }

    /// For groups of 1, 2, .. seats: the stripes in which one may start, those with the lowest sum of ranks first. Needs ranks and breaks.
    fn derive_search_orders(&mut self) {
        let joined = |at: usize| self.next_is_adjacent(SeatIndex::of(at));
        let order = |size: usize| {
            let mut best = vec![u64::MAX; self.stripe_count()];
            // How many seats up to this one sit side by side.
            let mut run = 0;
            for last in 0..self.seat_count() {
                run = if last > 0 && joined(last - 1) { run + 1 } else { 1 };
                if run >= size {
                    let first = last + 1 - size;
                    let best = &mut best[first / STRIPE_SEATS];
                    *best = self.rank_sum(first, size).min(*best);
                }
            }
            let stripes = best.iter().enumerate().filter(|(_, bound)| **bound < u64::MAX);
            let mut order: Vec<(u32, u32)> = stripes
                .map(|(stripe, bound)| (SeatIndex::of(stripe).0, u32::try_from(*bound).unwrap_or(u32::MAX)))
                .collect();
            order.sort_unstable_by_key(|&(stripe, bound)| (bound, stripe));
            order
        };
        self.derived.search_orders = (1..=SEARCH_ORDERS).map(order).collect();
    }

    fn derive_classes(&mut self) {
        let seats = &self.seats;
        let class = |at: usize| SeatClass {
            section: self.rows[seats.row[at].at()].0,
            category: seats.category[at].0 | if seats.is_dropped(at) { DROPPED } else { 0 },
        };
        self.derived.classes = (0..seats.len()).map(class).collect();
    }

    fn derive_words(&mut self) {
        let words = || vec![0u64; self.stripe_count()];
        let (mut breaks, mut ordinary, mut full_view) = (words(), words(), words());
        let mut category_words = vec![words(); self.categories.len()];
        let mut section_words = self.empty_section_words();
        let mut capacity = vec![0u32; self.section_names.len()];
        let seats = &self.seats;
        for at in 0..seats.len() {
            let (word, bit) = (at / STRIPE_SEATS, 1u64 << (at % STRIPE_SEATS));
            let starts_row = at == 0 || seats.row[at - 1] != seats.row[at];
            if starts_row || seats.after_aisle[at] || seats.is_dropped(at) || seats.is_dropped(at - 1) {
                breaks[word] |= bit;
            }
            if seats.is_dropped(at) {
                continue;
            }
            let flags = seats.flags(at);
            if !(flags.accessible || flags.companion) {
                ordinary[word] |= bit;
            }
            if !flags.restricted_view {
                full_view[word] |= bit;
            }
            category_words[seats.category[at].at()][word] |= bit;
            let section = self.rows[seats.row[at].at()].0.at();
            capacity[section] += 1;
            let (first, words) = &mut section_words[section];
            words[word - *first as usize] |= bit;
        }
        let derived = &mut self.derived;
        derived.breaks = breaks;
        derived.ordinary = ordinary;
        derived.full_view = full_view;
        derived.category_words = category_words;
        derived.section_words = section_words;
        derived.section_capacity = capacity;
    }

    /// For each section its first stripe and zeroes up to its last stripe.
    fn empty_section_words(&self) -> Vec<(u32, Vec<u64>)> {
        let mut ranges: Vec<Option<(usize, usize)>> = vec![None; self.section_names.len()];
        for seat in self.seats() {
            let word = seat.at() / STRIPE_SEATS;
            ranges[self.section_of(seat).at()].get_or_insert((word, word)).1 = word;
        }
        let zeroes = |(first, last): (usize, usize)| (SeatIndex::of(first).0, vec![0; last - first + 1]);
        ranges.into_iter().map(|range| range.map_or((0, Vec::new()), zeroes)).collect()
    }

    fn derive_names(&mut self) {
        let hasher = DefaultHashBuilder::default();
        let mut by_id = HashTable::with_capacity(self.seats.len());
        for seat in self.seats() {
            by_id.insert_unique(hasher.hash_one(self.seat_id(seat)), seat.0, |other| {
                hasher.hash_one(self.seat_id(SeatIndex(*other)))
            });
        }
        self.derived.by_id = by_id;
        self.derived.hasher = hasher;
    }

    fn derive_tables(&mut self) {
        let categories = self.categories.len();
        let types = self.ticket_types.len();
        let mut prices = vec![NO_PRICE; types * categories];
        for price in &self.prices {
            prices[price.ticket_type.at() * categories + price.category.at()] = price.minor;
        }
        let mut seat_quotas = Vec::with_capacity(types * categories);
        let mut area_quotas = Vec::with_capacity(types * self.areas.len());
        for ticket_type in 0..types {
            let mask = |category, area| quota_mask(&self.quotas, ticket_type, category, area);
            seat_quotas.extend((0..categories).map(|category| mask(category, None)));
            let areas = self.areas.iter().enumerate();
            area_quotas.extend(areas.map(|(at, area)| mask(area.category.at(), Some(at))));
        }
        self.derived.price_table = prices;
        self.derived.seat_quotas = seat_quotas;
        self.derived.area_quotas = area_quotas;
    }
}

/// Bit q is set if quota q counts the ticket type in the category: at a place of the area, or at a seat.
fn quota_mask(quotas: &[Quota], ticket_type: usize, category: usize, area: Option<usize>) -> u64 {
    let counts = |quota: &Quota| {
        let types = &quota.ticket_types;
        let (categories, areas) = (&quota.categories, &quota.areas);
        (types.is_empty() || types.iter().any(|t| t.at() == ticket_type))
            && (categories.is_empty() || categories.iter().any(|c| c.at() == category))
            && (areas.is_empty() || area.is_some_and(|at| areas.iter().any(|a| a.at() == at)))
    };
    let counting = quotas.iter().enumerate().filter(|(_, quota)| counts(quota));
    counting.fold(0, |mask, (at, _)| mask | 1 << at)
}

#[cfg(test)]
mod tests {
    use super::{SEARCH_ORDERS, STRIPE_SEATS};
    use crate::id::{AreaIndex, CategoryIndex, SeatIndex, SectionIndex, TicketTypeIndex};
    use crate::manifest::fixture::{definition, quota, row, unranked, wide};
    use crate::manifest::{Manifest, ManifestChange, Point, Section};

    fn dropping(manifest: &Manifest, ids: &[&str]) -> Manifest {
        let dropped = ids.iter().map(|id| manifest.find_seat(id).unwrap()).collect();
        let keep = manifest.diff(&manifest.definition()).unwrap();
        manifest.changed(&ManifestChange { dropped, ..keep }).unwrap()
    }

    #[test]
    fn rows_aisles_and_dropped_seats_break_adjacency() {
        let mut definition = unranked(vec![Section {
            name: "A".to_owned(),
            rows: vec![row("1", &["a", "b", "c", "d", "e"]), row("2", &["f", "g"])],
        }]);
        definition.sections[0].rows[0].seats[2].after_aisle = true;
        let manifest = Manifest::compile(&definition).unwrap();
        let adjacent = |manifest: &Manifest| -> String {
            let pairs = (0..8).map(|at| manifest.next_is_adjacent(SeatIndex(at)));
            pairs.map(|is| if is { '-' } else { '|' }).collect()
        };
        assert_eq!(adjacent(&manifest), "-|--|-||");
        assert_eq!(adjacent(&dropping(&manifest, &["d"])), "-||||-||");
        assert_eq!(manifest.breaks(), [0b010_0101]);
    }

    #[test]
    fn adjacency_goes_on_across_stripes() {
        let manifest = Manifest::compile(&wide(200)).unwrap();
        let breaks: Vec<u32> = (0..199).filter(|at| !manifest.next_is_adjacent(SeatIndex(*at))).collect();
        assert_eq!(breaks, Vec::<u32>::new());
        assert!(!manifest.next_is_adjacent(SeatIndex(199)));
        assert_eq!(manifest.stripe_count(), 4);
    }

    #[test]
    fn seats_without_ranks_are_ranked_by_distance_then_index() {
        let mut definition = wide(5);
        definition.focal_point = Some(Point { x: 2.0, y: -1.0 });
        let manifest = Manifest::compile(&definition).unwrap();
        let ranks: Vec<u32> = manifest.seats().map(|seat| manifest.rank_of(seat)).collect();
        assert_eq!(ranks, [3, 1, 0, 2, 4]);
        assert_eq!((manifest.rank_sum(0, 5), manifest.rank_sum(1, 2)), (10, 1));
        definition.focal_point = None;
        let manifest = Manifest::compile(&definition).unwrap();
        let ranks: Vec<u32> = manifest.seats().map(|seat| manifest.rank_of(seat)).collect();
        assert_eq!(ranks, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn given_ranks_rule_and_dropped_seats_come_last() {
        let mut definition = wide(4);
        for (seat, rank) in definition.sections[0].rows[0].seats.iter_mut().zip([7, u32::MAX, 7, 0]) {
            seat.rank = Some(rank);
        }
        let manifest = Manifest::compile(&definition).unwrap();
        let ranks: Vec<u32> = manifest.seats().map(|seat| manifest.rank_of(seat)).collect();
        assert_eq!(ranks, [1, 3, 2, 0]);
        let manifest = dropping(&manifest, &["s3"]);
        let ranks: Vec<u32> = (0..4).map(|at| manifest.rank_of(SeatIndex(at))).collect();
        assert_eq!(ranks, [0, 2, 1, 3]);
    }

    #[test]
    fn stripes_are_ordered_by_the_best_group_that_starts_in_them() {
        let mut definition = wide(200);
        definition.focal_point = Some(Point { x: 191.5, y: 0.0 });
        let manifest = Manifest::compile(&definition).unwrap();
        assert_eq!(manifest.search_order(1)[..2], [(2, 0), (3, 1)]);
        assert_eq!(manifest.search_order(2)[0], (2, 1), "it reaches into stripe 3");
        for size in 1..=SEARCH_ORDERS {
            let sum =
                |first| (first..first + size).map(|at| manifest.rank_of(SeatIndex::of(at))).sum::<u32>();
            let best = |stripe: usize| {
                let firsts = stripe * STRIPE_SEATS..((stripe + 1) * STRIPE_SEATS).min(201 - size);
                firsts.map(sum).min().unwrap()
            };
            let mut order: Vec<(u32, u32)> =
                (0..4).map(|stripe| (u32::try_from(stripe).unwrap(), best(stripe))).collect();
            order.sort_by_key(|&(stripe, bound)| (bound, stripe));
            assert_eq!(manifest.search_order(size), order, "{size}");
        }
        assert_eq!(manifest.search_order(100), manifest.search_order(SEARCH_ORDERS));
    }

    #[test]
    fn words_hold_what_their_name_says_and_no_dropped_seat() {
        let definition = definition();
        let manifest = dropping(&Manifest::compile(&definition).unwrap(), &["A-1-2"]);
        let has = |words: &[u64], seat: SeatIndex| words[seat.at() / 64] >> (seat.at() % 64) & 1 == 1;
        for seat in (0..manifest.seat_count()).map(SeatIndex::of) {
            let (real, flags) = (manifest.is_real(seat), manifest.flags_of(seat));
            let ordinary = real && !flags.accessible && !flags.companion;
            assert_eq!(has(manifest.ordinary_words(), seat), ordinary);
            assert_eq!(has(manifest.full_view_words(), seat), real && !flags.restricted_view);
            for category in 0..definition.categories.len() {
                let category = CategoryIndex::of(category);
                let is = real && manifest.category_of(seat) == category;
                assert_eq!(has(manifest.category_words(category), seat), is);
            }
            for section in 0..definition.sections.len() {
                let section = SectionIndex::of(section);
                let (first, words) = manifest.section_words(section);
                assert_eq!(first, 0);
                assert_eq!(has(words, seat), real && manifest.section_of(seat) == section);
            }
        }
        assert_eq!(manifest.find_seat("A-1-2"), None);
        assert_eq!(manifest.section_capacity(SectionIndex(0)), 4);
    }

    #[test]
    fn prices_are_found_only_where_there_is_one() {
        let manifest = Manifest::compile(&definition()).unwrap();
        let price = |t, c| manifest.price(TicketTypeIndex(t), CategoryIndex(c));
        assert_eq!(
            [price(0, 0), price(0, 1), price(1, 0), price(1, 1)],
            [Some(5_000), Some(0), None, Some(900)]
        );
        assert_eq!([price(2, 0), price(0, 2)], [None, None]);
    }

    #[test]
    fn quotas_count_by_type_category_and_area() {
        let mut definition = definition();
        definition.quotas = vec![
            quota("all", &[], &[], &[]),
            quota("children", &[1], &[], &[]),
            quota("best", &[], &[0], &[]),
            quota("floor", &[], &[], &[0]),
            quota("adults in the second category", &[0], &[1], &[]),
        ];
        let manifest = Manifest::compile(&definition).unwrap();
        let seat = |t, c| manifest.seat_quotas(TicketTypeIndex(t), CategoryIndex(c));
        assert_eq!([seat(0, 0), seat(0, 1)], [0b00101, 0b10001]);
        assert_eq!([seat(1, 0), seat(1, 1)], [0b00111, 0b00011]);
        let area = |t| manifest.area_quotas(TicketTypeIndex(t), AreaIndex(0));
        assert_eq!([area(0), area(1)], [0b11001, 0b01011]);
    }
}
