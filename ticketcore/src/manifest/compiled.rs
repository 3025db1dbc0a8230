//! The compiled manifest: dense columns by [`SeatIndex`] and bit words by stripe.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::check::{ManifestError, fail};
use super::definition::{
    Allocation, Area, Category, Definition, ManifestChange, Point, Price, Quota, Row, Rules, Seat, SeatFlags,
    Section, TicketType,
};
use crate::id::{
    AllocationIndex, AreaIndex, CategoryIndex, QuotaIndex, RowIndex, SeatIndex, SectionIndex, TicketTypeIndex,
};
use crate::limits::SEATS_MAX;

/// Seats per stripe: one machine word of them.
pub const STRIPE_SEATS: usize = 64;

const NO_ALLOCATION: u16 = u16::MAX;
const NO_PRICE: i64 = -1;
const DROPPED: u8 = 8;

/// What is for sale. Immutable; a change makes a new one.
#[derive(Clone, Debug)]
pub struct Manifest {
    rules: Rules,
    categories: Vec<Category>,
    ticket_types: Vec<TicketType>,
    prices: Vec<Price>,
    areas: Vec<Area>,
    allocations: Vec<Allocation>,
    quotas: Vec<Quota>,
    focal_point: Option<Point>,
    section_names: Vec<String>,
    rows: Vec<(SectionIndex, String)>,
    seats: Columns,
    derived: Derived,
}

/// One entry per seat, dropped ones included.
#[derive(Clone, Debug, Default)]
struct Columns {
    ids: Texts,
    labels: Texts,
    row: Vec<RowIndex>,
    category: Vec<CategoryIndex>,
    allocation: Vec<u16>,
    flags: Vec<u8>,
    after_aisle: Vec<bool>,
    at: Vec<Point>,
    given_rank: Vec<u32>,
    ranked: bool,
}

/// Computed from the rest.
#[derive(Clone, Debug, Default)]
struct Derived {
    by_id: HashTable<u32>,
    hasher: DefaultHashBuilder,
    rank: Vec<u32>,
    rank_sums: Vec<u64>,
    breaks: Vec<u64>,
    real: Vec<u64>,
    ordinary: Vec<u64>,
    full_view: Vec<u64>,
    category_words: Vec<Vec<u64>>,
    section_words: Vec<(u32, Vec<u64>)>,
    stripe_order: Vec<(u32, u32)>,
    price_table: Vec<i64>,
    seat_quotas: Vec<u64>,
    area_quotas: Vec<u64>,
    section_capacity: Vec<u32>,
}

/// Many short texts in one buffer.
#[derive(Clone, Debug, Default)]
struct Texts {
    bytes: String,
    ends: Vec<u32>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    fn get(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.bytes[start..self.ends[at] as usize]
    }
}

impl Manifest {
    /// Checks and compiles a definition. O(seats log seats).
    ///
    /// # Errors
    /// The first problem of the definition, with its place.
    pub fn compile(definition: &Definition) -> Result<Self, ManifestError> {
        definition.check()?;
        let mut manifest = Self {
            rules: definition.rules.clone(),
            categories: definition.categories.clone(),
            ticket_types: definition.ticket_types.clone(),
            prices: definition.prices.clone(),
            areas: definition.areas.clone(),
            allocations: definition.allocations.clone(),
            quotas: definition.quotas.clone(),
            focal_point: definition.focal_point,
            section_names: Vec::new(),
            rows: Vec::new(),
            seats: Columns::default(),
            derived: Derived::default(),
        };
        for section in &definition.sections {
            manifest.add_section(section);
        }
        manifest.derive();
        Ok(manifest)
    }

    /// The manifest after `change`. Existing seats keep their index.
    ///
    /// # Errors
    /// If the change refers to what is not there or makes names double.
    pub fn changed(&self, change: &ManifestChange) -> Result<Self, ManifestError> {
        let mut next = self.clone();
        next.rules = Rules { key_secret: self.rules.key_secret, ..change.rules.clone() };
        next.categories.clone_from(&change.categories);
        next.ticket_types.clone_from(&change.ticket_types);
        next.prices.clone_from(&change.prices);
        next.areas.clone_from(&change.areas);
        next.allocations.clone_from(&change.allocations);
        next.quotas.clone_from(&change.quotas);
        next.focal_point = change.focal_point;
        let shrinks = next.categories.len() < self.categories.len()
            || next.ticket_types.len() < self.ticket_types.len()
            || next.areas.len() < self.areas.len()
            || next.allocations.len() < self.allocations.len()
            || next.quotas.len() < self.quotas.len();
        if shrinks {
            return Err(fail(
                "change",
                "a list became shorter: entries may be changed or added, not removed",
            ));
        }
        let recounts = self.quotas.iter().zip(&next.quotas).any(|(old, new)| {
            (&old.ticket_types, &old.categories, &old.areas)
                != (&new.ticket_types, &new.categories, &new.areas)
        });
        if recounts {
            return Err(fail("change.quotas", "an existing quota would count other tickets"));
        }
        if self.areas.iter().zip(&next.areas).any(|(old, new)| old.category != new.category) {
            return Err(fail("change.areas", "an existing area would change its category"));
        }
        for &seat in &change.dropped {
            let flags = next.seats.flags.get_mut(seat.at());
            *flags.ok_or_else(|| fail("change.dropped", format!("there is no seat {}", seat.0)))? |= DROPPED;
        }
        let mut labels: Vec<Option<&str>> = vec![None; next.seats.row.len()];
        for (seat, entry) in &change.changed {
            let at = seat.at();
            if at >= labels.len() {
                return Err(fail("change.changed", format!("there is no seat {}", seat.0)));
            }
            labels[at] = Some(&entry.label);
            next.seats.category[at] = entry.category;
            next.seats.flags[at] = pack_flags(entry.flags) | next.seats.flags[at] & DROPPED;
            next.seats.at[at] = entry.at;
            next.seats.given_rank[at] = entry.rank.unwrap_or_default();
        }
        if !change.changed.is_empty() {
            let mut texts = Texts::default();
            for (at, label) in labels.iter().enumerate() {
                texts.push(label.unwrap_or_else(|| self.seats.labels.get(at)));
            }
            next.seats.labels = texts;
        }
        for section in &change.added {
            next.add_section(section);
        }
        if next.seats.row.len() > SEATS_MAX {
            return Err(fail("change.added", format!("more than {SEATS_MAX} seats, dropped ones included")));
        }
        next.definition().check()?;
        next.derive();
        Ok(next)
    }

    /// The definition this manifest was compiled from, without dropped seats.
    #[must_use]
    pub fn definition(&self) -> Definition {
        let mut sections: Vec<Section> =
            self.section_names.iter().map(|name| Section { name: name.clone(), rows: Vec::new() }).collect();
        let mut open_row = None;
        for seat in self.seats() {
            let row = self.seats.row[seat.at()];
            let (section, label) = &self.rows[row.at()];
            if open_row != Some(row) {
                sections[section.at()].rows.push(Row { label: label.clone(), seats: Vec::new() });
                open_row = Some(row);
            }
            if let Some(row) = sections[section.at()].rows.last_mut() {
                row.seats.push(self.seat_definition(seat));
            }
        }
        Definition {
            rules: self.rules.clone(),
            categories: self.categories.clone(),
            ticket_types: self.ticket_types.clone(),
            prices: self.prices.clone(),
            sections,
            areas: self.areas.clone(),
            allocations: self.allocations.clone(),
            quotas: self.quotas.clone(),
            focal_point: self.focal_point,
        }
    }

    /// A seat as it was defined.
    #[must_use]
    pub fn seat_definition(&self, seat: SeatIndex) -> Seat {
        let at = seat.at();
        Seat {
            id: self.seat_id(seat).to_owned(),
            label: self.seat_label(seat).to_owned(),
            category: self.category_of(seat),
            allocation: self.first_allocation_of(seat),
            flags: self.flags_of(seat),
            after_aisle: self.seats.after_aisle[at],
            at: self.seats.at[at],
            rank: self.seats.ranked.then_some(self.seats.given_rank[at]),
        }
    }

    /// Rules of the sale.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Categories, by [`CategoryIndex`].
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// Ticket types, by [`TicketTypeIndex`].
    #[must_use]
    pub fn ticket_types(&self) -> &[TicketType] {
        &self.ticket_types
    }

    /// Areas, by [`AreaIndex`].
    #[must_use]
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// Allocations, by [`AllocationIndex`].
    #[must_use]
    pub fn allocations(&self) -> &[Allocation] {
        &self.allocations
    }

    /// Quotas, by [`QuotaIndex`].
    #[must_use]
    pub fn quotas(&self) -> &[Quota] {
        &self.quotas
    }

    /// Names of the sections, by [`SectionIndex`].
    #[must_use]
    pub fn section_names(&self) -> &[String] {
        &self.section_names
    }

    /// Seats of a section that are for sale or blocked: its capacity.
    #[must_use]
    pub fn section_capacity(&self, section: SectionIndex) -> u32 {
        self.derived.section_capacity[section.at()]
    }

    /// One past the largest [`SeatIndex`], dropped seats included.
    #[must_use]
    pub fn seat_count(&self) -> usize {
        self.seats.row.len()
    }

    /// Stripes of 64 seats, the last perhaps partly filled.
    #[must_use]
    pub fn stripe_count(&self) -> usize {
        self.seat_count().div_ceil(STRIPE_SEATS)
    }

    /// Every seat that has not been dropped.
    pub fn seats(&self) -> impl Iterator<Item = SeatIndex> + '_ {
        (0..self.seat_count()).map(SeatIndex::of).filter(|seat| self.is_real(*seat))
    }

    /// Whether there is such a seat and it has not been dropped.
    #[must_use]
    pub fn is_real(&self, seat: SeatIndex) -> bool {
        self.seats.flags.get(seat.at()).is_some_and(|flags| flags & DROPPED == 0)
    }

    /// The seat with this machine name, dropped seats not counted. O(1).
    #[must_use]
    pub fn find_seat(&self, id: &str) -> Option<SeatIndex> {
        let hash = self.derived.hasher.hash_one(id);
        let found = self.derived.by_id.find(hash, |at| self.seats.ids.get(*at as usize) == id)?;
        Some(SeatIndex(*found))
    }

    /// The machine name of a seat.
    #[must_use]
    pub fn seat_id(&self, seat: SeatIndex) -> &str {
        self.seats.ids.get(seat.at())
    }

    /// The number of a seat as people read it.
    #[must_use]
    pub fn seat_label(&self, seat: SeatIndex) -> &str {
        self.seats.labels.get(seat.at())
    }

    /// The row of a seat.
    #[must_use]
    pub fn row_of(&self, seat: SeatIndex) -> RowIndex {
        self.seats.row[seat.at()]
    }

    /// The label of a row.
    #[must_use]
    pub fn row_label(&self, row: RowIndex) -> &str {
        &self.rows[row.at()].1
    }

    /// The section of a seat.
    #[must_use]
    pub fn section_of(&self, seat: SeatIndex) -> SectionIndex {
        self.rows[self.seats.row[seat.at()].at()].0
    }

    /// The category of a seat.
    #[must_use]
    pub fn category_of(&self, seat: SeatIndex) -> CategoryIndex {
        self.seats.category[seat.at()]
    }

    /// The allocation a seat was defined with; staff may have moved it since.
    #[must_use]
    pub fn first_allocation_of(&self, seat: SeatIndex) -> Option<AllocationIndex> {
        match self.seats.allocation[seat.at()] {
            NO_ALLOCATION => None,
            at => Some(AllocationIndex(at)),
        }
    }

    /// What a buyer must know about a seat.
    #[must_use]
    pub fn flags_of(&self, seat: SeatIndex) -> SeatFlags {
        let flags = self.seats.flags[seat.at()];
        SeatFlags { accessible: flags & 1 != 0, companion: flags & 2 != 0, restricted_view: flags & 4 != 0 }
    }

    /// Where a seat is drawn.
    #[must_use]
    pub fn point_of(&self, seat: SeatIndex) -> Point {
        self.seats.at[seat.at()]
    }

    /// The dense rank of a seat: 0 is the best of the event, no two seats share one.
    #[must_use]
    pub fn rank_of(&self, seat: SeatIndex) -> u32 {
        self.derived.rank[seat.at()]
    }

    /// The sum of the ranks of `count` seats from `first` on.
    #[must_use]
    pub(crate) fn rank_sum(&self, first: usize, count: usize) -> u64 {
        self.derived.rank_sums[first + count] - self.derived.rank_sums[first]
    }

    /// Whether `seat` and the seat with the next index sit side by side: same row, no aisle, none dropped.
    #[must_use]
    pub fn next_is_adjacent(&self, seat: SeatIndex) -> bool {
        let next = seat.at() + 1;
        next < self.seat_count() && self.derived.breaks[next / STRIPE_SEATS] >> (next % STRIPE_SEATS) & 1 == 0
    }

    /// Bit i of word w is set if seat 64 w + i is not adjacent to the seat before it.
    pub(crate) fn breaks(&self) -> &[u64] {
        &self.derived.breaks
    }

    /// Seats that have not been dropped.
    pub(crate) fn real_words(&self) -> &[u64] {
        &self.derived.real
    }

    /// Seats that are neither accessible nor companion seats.
    pub(crate) fn ordinary_words(&self) -> &[u64] {
        &self.derived.ordinary
    }

    /// Seats without a restricted view.
    pub(crate) fn full_view_words(&self) -> &[u64] {
        &self.derived.full_view
    }

    /// Seats of a category.
    pub(crate) fn category_words(&self, category: CategoryIndex) -> &[u64] {
        &self.derived.category_words[category.at()]
    }

    /// Seats of a section: the words from the first given stripe on.
    pub(crate) fn section_words(&self, section: SectionIndex) -> (usize, &[u64]) {
        let (first, words) = &self.derived.section_words[section.at()];
        (*first as usize, words)
    }

    /// Stripes with their best rank, best first.
    pub(crate) fn stripe_order(&self) -> &[(u32, u32)] {
        &self.derived.stripe_order
    }

    /// The price of a ticket type in a category, in minor units.
    #[must_use]
    pub fn price(&self, ticket_type: TicketTypeIndex, category: CategoryIndex) -> Option<i64> {
        if ticket_type.at() >= self.ticket_types.len() || category.at() >= self.categories.len() {
            return None;
        }
        match self.derived.price_table[ticket_type.at() * self.categories.len() + category.at()] {
            NO_PRICE => None,
            minor => Some(minor),
        }
    }

    /// The quotas that count a seat of `category` sold as `ticket_type`: bit q for [`QuotaIndex`] q.
    #[must_use]
    pub fn seat_quotas(&self, ticket_type: TicketTypeIndex, category: CategoryIndex) -> u64 {
        self.derived.seat_quotas[ticket_type.at() * self.categories.len() + category.at()]
    }

    /// The quotas that count a place of `area` sold as `ticket_type`: bit q for [`QuotaIndex`] q.
    #[must_use]
    pub fn area_quotas(&self, ticket_type: TicketTypeIndex, area: AreaIndex) -> u64 {
        self.derived.area_quotas[ticket_type.at() * self.areas.len() + area.at()]
    }

    /// Places of an area that belong to `allocation`, or to none.
    #[must_use]
    pub fn area_places(&self, area: AreaIndex, allocation: Option<AllocationIndex>) -> u32 {
        let area = &self.areas[area.at()];
        match allocation {
            Some(wanted) => area.allocated.iter().find(|(at, _)| *at == wanted).map_or(0, |(_, n)| *n),
            None => area.capacity - area.allocated.iter().map(|(_, n)| n).sum::<u32>(),
        }
    }

    fn add_section(&mut self, section: &Section) {
        let known = self.section_names.iter().position(|name| *name == section.name);
        let index = SectionIndex::of(known.unwrap_or_else(|| {
            self.section_names.push(section.name.clone());
            self.section_names.len() - 1
        }));
        for row in &section.rows {
            let row_index = RowIndex::of(self.rows.len());
            self.rows.push((index, row.label.clone()));
            for (at, seat) in row.seats.iter().enumerate() {
                let columns = &mut self.seats;
                columns.ids.push(&seat.id);
                columns.labels.push(&seat.label);
                columns.row.push(row_index);
                columns.category.push(seat.category);
                columns.allocation.push(seat.allocation.map_or(NO_ALLOCATION, |a| a.0));
                columns.flags.push(pack_flags(seat.flags));
                columns.after_aisle.push(seat.after_aisle || at == 0);
                columns.at.push(seat.at);
                columns.given_rank.push(seat.rank.unwrap_or_default());
                columns.ranked = seat.rank.is_some();
            }
        }
    }

    fn derive(&mut self) {
        self.derive_ranks();
        self.derive_words();
        self.derive_tables();
    }

    fn derive_ranks(&mut self) {
        let count = self.seat_count();
        let mut order: Vec<u32> = (0..count).map(|at| SeatIndex::of(at).0).collect();
        let seats = &self.seats;
        if seats.ranked {
            order.sort_by_key(|&at| (seats.given_rank[at as usize], at));
        } else if let Some(focal) = self.focal_point {
            let distance = |at: u32| {
                let point = seats.at[at as usize];
                (point.x - focal.x).powi(2) + (point.y - focal.y).powi(2)
            };
            order.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)).then(a.cmp(&b)));
        }
        let mut rank = vec![0u32; count];
        for (place, &at) in order.iter().enumerate() {
            rank[at as usize] = SeatIndex::of(place).0;
        }
        let mut sums = Vec::with_capacity(count + 1);
        let mut sum = 0u64;
        sums.push(sum);
        for &one in &rank {
            sum += u64::from(one);
            sums.push(sum);
        }
        let mut stripe_order: Vec<(u32, u32)> = rank
            .chunks(STRIPE_SEATS)
            .enumerate()
            .map(|(stripe, ranks)| (SeatIndex::of(stripe).0, ranks.iter().copied().min().unwrap_or_default()))
            .collect();
        stripe_order.sort_by_key(|&(stripe, best)| (best, stripe));
        self.derived.rank = rank;
        self.derived.rank_sums = sums;
        self.derived.stripe_order = stripe_order;
    }

    fn derive_words(&mut self) {
        let stripes = self.stripe_count();
        let words = || vec![0u64; stripes];
        let mut breaks = words();
        let (mut real, mut ordinary, mut full_view) = (words(), words(), words());
        let mut category_words = vec![words(); self.categories.len()];
        let mut section_ranges: Vec<Option<(usize, usize)>> = vec![None; self.section_names.len()];
        let mut capacity = vec![0u32; self.section_names.len()];
        let mut by_id = HashTable::with_capacity(self.seat_count());
        let hasher = DefaultHashBuilder::default();
        let seats = &self.seats;
        for at in 0..seats.row.len() {
            let (word, bit) = (at / STRIPE_SEATS, 1u64 << (at % STRIPE_SEATS));
            let dropped = |at: usize| seats.flags[at] & DROPPED != 0;
            let starts_row = at == 0 || seats.row[at - 1] != seats.row[at];
            if starts_row || seats.after_aisle[at] || dropped(at) || dropped(at - 1) {
                breaks[word] |= bit;
            }
            let section = self.rows[seats.row[at].at()].0.at();
            let range = section_ranges[section].get_or_insert((word, word));
            range.1 = word;
            if dropped(at) {
                continue;
            }
            real[word] |= bit;
            capacity[section] += 1;
            category_words[seats.category[at].at()][word] |= bit;
            if seats.flags[at] & 3 == 0 {
                ordinary[word] |= bit;
            }
            if seats.flags[at] & 4 == 0 {
                full_view[word] |= bit;
            }
            let hash = |id: &str| hasher.hash_one(id);
            by_id.insert_unique(hash(seats.ids.get(at)), SeatIndex::of(at).0, |other| {
                hash(seats.ids.get(*other as usize))
            });
        }
        let mut section_words: Vec<(u32, Vec<u64>)> = section_ranges
            .iter()
            .map(|range| range.map_or((0, Vec::new()), |(a, b)| (SeatIndex::of(a).0, vec![0; b - a + 1])))
            .collect();
        for at in 0..seats.row.len() {
            let (first, words) = &mut section_words[self.rows[seats.row[at].at()].0.at()];
            words[at / STRIPE_SEATS - *first as usize] |= 1 << (at % STRIPE_SEATS);
        }
        let derived = &mut self.derived;
        derived.breaks = breaks;
        derived.real = real;
        derived.ordinary = ordinary;
        derived.full_view = full_view;
        derived.category_words = category_words;
        derived.section_words = section_words;
        derived.section_capacity = capacity;
        derived.by_id = by_id;
        derived.hasher = hasher;
    }

    fn derive_tables(&mut self) {
        let categories = self.categories.len();
        let mut table = vec![NO_PRICE; self.ticket_types.len() * categories];
        for price in &self.prices {
            // Out of range only in a change that is refused right after.
            if let Some(slot) = table.get_mut(price.ticket_type.at() * categories + price.category.at()) {
                *slot = price.minor;
            }
        }
        let mask = |ticket_type: usize, category: usize, area: Option<usize>| {
            let matches = |quota: &Quota| {
                let types = &quota.ticket_types;
                let (categories, areas) = (&quota.categories, &quota.areas);
                (types.is_empty() || types.iter().any(|t| t.at() == ticket_type))
                    && (categories.is_empty() || categories.iter().any(|c| c.at() == category))
                    && (areas.is_empty() || area.is_some_and(|at| areas.iter().any(|a| a.at() == at)))
            };
            let quotas = self.quotas.iter().enumerate();
            quotas.filter(|(_, quota)| matches(quota)).fold(0u64, |mask, (at, _)| mask | 1 << at)
        };
        let types = 0..self.ticket_types.len();
        let seat_quotas =
            types.clone().flat_map(|t| (0..categories).map(move |c| (t, c))).map(|(t, c)| mask(t, c, None));
        let area_of =
            |t: usize| self.areas.iter().enumerate().map(move |(at, area)| (t, at, area.category.at()));
        let area_quotas = types.flat_map(area_of).map(|(t, at, category)| mask(t, category, Some(at)));
        let (seat_quotas, area_quotas) = (seat_quotas.collect(), area_quotas.collect());
        self.derived.price_table = table;
        self.derived.seat_quotas = seat_quotas;
        self.derived.area_quotas = area_quotas;
    }
}

fn pack_flags(flags: SeatFlags) -> u8 {
    u8::from(flags.accessible) | u8::from(flags.companion) << 1 | u8::from(flags.restricted_view) << 2
}

/// The quotas of a mask.
pub(crate) fn quota_indices(mut mask: u64) -> impl Iterator<Item = QuotaIndex> {
    std::iter::from_fn(move || {
        let at = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (at < 64).then(|| QuotaIndex::of(at as usize))
    })
}
