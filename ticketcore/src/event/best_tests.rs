//! Best available against its definition: every group of every map is enumerated and the best one must be found.

use super::best::{Miss, Overlay, Search, SeatWords};
use crate::id::{CategoryIndex, SeatIndex, TicketTypeIndex};
use crate::manifest::{
    Category, Definition, Manifest, Point, Price, Row, Rules, STRIPE_SEATS, Seat, SeatFlags, Section,
    TicketType,
};
use crate::request::BestAvailable;

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ z >> 31) % bound as u64).unwrap()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

struct Map {
    free: Vec<bool>,
}

impl SeatWords for Map {
    fn free(&self, stripe: usize) -> u64 {
        let seats = self.free.iter().skip(stripe * STRIPE_SEATS).take(STRIPE_SEATS);
        seats.enumerate().fold(0, |word, (bit, free)| word | u64::from(*free) << bit)
    }

    fn open(&self, _: usize, free: u64) -> u64 {
        free
    }
}

fn manifest(random: &mut Random) -> Manifest {
    let ranked = random.chance(50);
    let mut sections = Vec::new();
    let mut id = 0;
    for section in 0..1 + random.below(2) {
        let mut rows = Vec::new();
        for row in 0..1 + random.below(4) {
            let mut seats = Vec::new();
            // Now and then a row that reaches over several stripes.
            let len = if random.chance(3) { 1 + random.below(200) } else { 1 + random.below(14) };
            for at in 0..len {
                id += 1;
                let place = |n: usize| f32::from(u16::try_from(n).unwrap());
                seats.push(Seat {
                    id: format!("s{id}"),
                    label: String::new(),
                    category: CategoryIndex::of(random.below(2)),
                    allocation: None,
                    flags: SeatFlags {
                        accessible: random.chance(5),
                        companion: random.chance(5),
                        restricted_view: random.chance(10),
                    },
                    after_aisle: random.chance(10),
                    at: Point { x: place(at), y: place(row + 10 * section) },
                    rank: ranked.then(|| u32::try_from(random.below(50)).unwrap()),
                });
            }
            rows.push(Row { label: row.to_string(), seats });
        }
        sections.push(Section { name: format!("section {section}"), rows });
    }
    let category = |name: &str| Category { name: name.to_owned(), color: "#112233".to_owned() };
    let price =
        |category, minor| Price { ticket_type: TicketTypeIndex(0), category: CategoryIndex(category), minor };
    let definition = Definition {
        categories: vec![category("a"), category("b")],
        ticket_types: vec![TicketType { name: "adult".to_owned() }],
        prices: vec![price(0, 100), price(1, 50)],
        sections,
        focal_point: random.chance(80).then_some(Point { x: 5.5, y: -3.0 }),
        ..Definition::empty(Rules::new("e"))
    };
    Manifest::compile(&definition).unwrap()
}

/// The definition, seat by seat.
struct Naive<'a> {
    manifest: &'a Manifest,
    request: &'a BestAvailable,
    orphan_rule: bool,
    free: Vec<bool>,
    /// Before the request took anything.
    before: Vec<bool>,
}

impl Naive<'_> {
    fn matches(&self, seat: usize) -> bool {
        let (seat, request) = (SeatIndex::of(seat), self.request);
        let (flags, category) = (self.manifest.flags_of(seat), self.manifest.category_of(seat));
        let price = self.manifest.price(request.ticket_type, category);
        self.free[seat.at()]
            && request.section.is_none_or(|section| section == self.manifest.section_of(seat))
            && request.category.is_none_or(|wanted| wanted == category)
            && price.is_some_and(|price| request.price_minor_max.is_none_or(|max| price <= max))
            && (request.accessible || !(flags.accessible || flags.companion))
            && (request.restricted_view || !flags.restricted_view)
    }

    fn joined(&self, seat: usize) -> bool {
        self.manifest.next_is_adjacent(SeatIndex::of(seat))
    }

    fn largest_adjacent(&self) -> usize {
        let (mut largest, mut run) = (0, 0);
        for seat in 0..self.free.len() {
            let goes_on = seat > 0 && self.joined(seat - 1);
            run = if self.matches(seat) { if goes_on { run + 1 } else { 1 } } else { 0 };
            largest = largest.max(run);
        }
        largest
    }

    /// The stretch around `seat` of seats that were free before the request.
    fn stretch(&self, seat: usize) -> std::ops::RangeInclusive<usize> {
        let (mut first, mut last) = (seat, seat);
        while first > 0 && self.joined(first - 1) && self.before[first - 1] {
            first -= 1;
        }
        while self.joined(last) && self.before[last + 1] {
            last += 1;
        }
        first..=last
    }

    fn group(&self, first: usize, count: usize) -> Option<(bool, u64, usize)> {
        let last = first + count - 1;
        let whole = last < self.free.len()
            && (first..=last).all(|seat| self.matches(seat))
            && (first..last).all(|seat| self.joined(seat));
        if !whole {
            return None;
        }
        let stretch = self.stretch(first);
        let left_over: Vec<usize> =
            stretch.clone().filter(|at| self.free[*at] && !(first..=last).contains(at)).collect();
        let alone = |at: usize| !left_over.contains(&(at.wrapping_sub(1))) && !left_over.contains(&(at + 1));
        let neighbours = [first.wrapping_sub(1), last + 1];
        let orphan = neighbours.iter().any(|at| left_over.contains(at) && alone(*at));
        if orphan && self.orphan_rule && left_over.len() >= 2 {
            return None;
        }
        let ranks = (first..=last).map(|seat| u64::from(self.manifest.rank_of(SeatIndex::of(seat))));
        Some((orphan, ranks.sum(), first))
    }

    fn take_best(&mut self, count: usize) -> Option<Vec<SeatIndex>> {
        let (_, _, first) = (0..self.free.len()).filter_map(|first| self.group(first, count)).min()?;
        self.free[first..first + count].fill(false);
        Some((first..first + count).map(SeatIndex::of).collect())
    }

    fn run(&mut self) -> Option<Vec<SeatIndex>> {
        let count = self.request.count as usize;
        if let Some(seats) = self.take_best(count) {
            return Some(seats);
        }
        let mut seats = Vec::new();
        while self.request.allow_split && seats.len() < count {
            let left = count - seats.len();
            seats.extend((1..=left.min(count - 1)).rev().find_map(|size| self.take_best(size))?);
        }
        (!seats.is_empty()).then_some(seats)
    }
}

#[test]
fn best_available_is_what_enumerating_every_group_finds_on_ten_thousand_maps() {
    let (mut found, mut split, mut missed) = (0, 0, 0);
    for seed in 0..10_000 {
        let mut random = Random(seed);
        let manifest = manifest(&mut random);
        let percent = random.below(101);
        let free: Vec<bool> = (0..manifest.seat_count()).map(|_| random.chance(percent)).collect();
        let request = BestAvailable {
            count: 1 + u32::try_from(if random.chance(2) { random.below(90) } else { random.below(7) })
                .unwrap(),
            section: random
                .chance(20)
                .then(|| crate::id::SectionIndex::of(random.below(manifest.section_names().len()))),
            category: random.chance(20).then(|| CategoryIndex::of(random.below(2))),
            price_minor_max: random.chance(20).then(|| if random.chance(50) { 60 } else { 10 }),
            allow_split: random.chance(50),
            accessible: random.chance(30),
            restricted_view: random.chance(70),
            ..BestAvailable::adjacent(1, TicketTypeIndex(0))
        };
        let orphan_rule = random.chance(50);
        let words = Map { free: free.clone() };
        let search = Search { manifest: &manifest, words: &words, request: &request, orphan_rule };
        let mut naive =
            Naive { manifest: &manifest, request: &request, orphan_rule, before: free.clone(), free };
        let matching = (0..manifest.seat_count()).filter(|seat| naive.matches(*seat)).count();
        let adjacent = naive.largest_adjacent();
        let answer = search.run(&mut Overlay::default()).map(|seats| seats.to_vec());
        match (&answer, naive.run()) {
            (Ok(seats), expected) => {
                assert_eq!(Some(seats), expected.as_ref(), "seed {seed}: {request:?}");
                found += 1;
                split += usize::from(seats.windows(2).any(|pair| pair[0].0 + 1 != pair[1].0));
            }
            (Err(miss), expected) => {
                assert_eq!(expected, None, "seed {seed}: {request:?}");
                let Miss { matching: said, largest_adjacent } = miss;
                assert_eq!((*said as usize, *largest_adjacent as usize), (matching, adjacent), "seed {seed}");
                missed += 1;
            }
        }
    }
    assert!(found > 1_000 && split > 100 && missed > 1_000, "{found} found, {split} split, {missed} missed");
}

#[test]
fn seats_that_the_request_takes_or_gives_back_count_so() {
    let mut random = Random(1);
    let manifest = loop {
        let manifest = manifest(&mut random);
        if (0..3).all(|at| at + 1 < manifest.seat_count() && manifest.next_is_adjacent(SeatIndex::of(at))) {
            break manifest;
        }
    };
    let mut free = vec![false; manifest.seat_count()];
    free[1] = true;
    free[2] = true;
    let words = Map { free };
    let request = BestAvailable { accessible: true, ..BestAvailable::adjacent(2, TicketTypeIndex(0)) };
    let search = Search { manifest: &manifest, words: &words, request: &request, orphan_rule: false };
    let mut overlay = Overlay::default();
    overlay.take(SeatIndex(1));
    assert!(search.run(&mut overlay).is_err());
    overlay.free(SeatIndex(3));
    assert_eq!(search.run(&mut overlay).unwrap().to_vec(), [SeatIndex(2), SeatIndex(3)]);
}
