//! The wheel against a model that is obviously right, and at its borders.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const START: UtcMs = UtcMs(1_800_000_000_000);
const HOUR_MS: u64 = 3_600_000;
const YEAR_MS: u64 = 365 * 24 * HOUR_MS;

impl<T: Copy + Ord> TimingWheel<T> {
    /// Everything that must hold between two calls.
    fn check(&self) {
        let mut filed = 0;
        for (number, level) in (0u8..).zip(&self.levels) {
            for (slot, &head) in (0u8..).zip(&level.heads) {
                assert_eq!(level.occupied >> slot & 1 == 1, head != NIL, "level {number} slot {slot}");
                let (mut prev, mut index) = (NIL, head);
                while index != NIL {
                    let entry = self.slab.peek(index);
                    assert_eq!(entry.prev, prev);
                    assert_eq!(entry.place, Place::Slot { level: number, slot });
                    assert!(tick_of(entry.deadline) > self.tick);
                    assert_eq!(slot_of(tick_of(entry.deadline), self.tick), (number, slot));
                    (prev, index) = (index, entry.next);
                    filed += 1;
                }
            }
        }
        assert_eq!(filed + self.due.len() - self.stale, self.len());
        assert!(self.stale <= STALE_MIN || self.stale <= self.due.len() / 2);
        self.slab.check();
    }
}

#[derive(Clone, Debug)]
enum Call {
    /// At the model's time plus this, or at an absolute time.
    Insert(When),
    /// Any key ever given out, mostly a stale one.
    Cancel(Index),
    CancelRecent(usize),
    Advance(When, usize),
}

#[derive(Clone, Debug)]
enum When {
    Past(u64),
    Ahead(u64),
    /// Near the `n`th next border of a slot of this level (level 0: of a tick).
    Border {
        level: u32,
        n: u64,
        offset: u64,
    },
    At(u64),
}

impl When {
    fn from(&self, now: u64) -> UtcMs {
        UtcMs(match *self {
            When::Past(ms) => now.saturating_sub(ms),
            When::Ahead(ms) => now.saturating_add(ms),
            When::Border { level, n, offset } => {
                let shift = TICK_MS_BITS + level * SLOT_BITS;
                let border = ((now >> shift) + n).saturating_mul(1 << shift);
                border.saturating_add(offset).saturating_sub(1)
            }
            When::At(time) => time,
        })
    }
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        2 => (0..300u64).prop_map(When::Past),
        8 => (0..300u64).prop_map(When::Ahead),
        6 => (0..600_000u64).prop_map(When::Ahead),
        2 => (0..100 * HOUR_MS).prop_map(When::Ahead),
        6 => (0..6u32, 0..66u64, 0..3u64).prop_map(|(level, n, offset)| When::Border { level, n, offset }),
    ]
}

fn far() -> impl Strategy<Value = When> {
    prop_oneof![
        (0..300 * YEAR_MS).prop_map(When::Ahead),
        (0..10u32, 0..3u64, 0..3u64).prop_map(|(level, n, offset)| When::Border { level, n, offset }),
        (0..300u64).prop_map(|back| When::At(u64::MAX - back)),
        Just(When::At(0)),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        80 => when().prop_map(Call::Insert),
        10 => far().prop_map(Call::Insert),
        15 => any::<Index>().prop_map(Call::Cancel),
        25 => (0..8usize).prop_map(Call::CancelRecent),
        30 => (when(), 0..20usize).prop_map(|(when, limit)| Call::Advance(when, limit)),
        1 => (far(), 0..20usize).prop_map(|(when, limit)| Call::Advance(when, limit)),
    ]
}

/// Two wheels given the same calls, and the set they must agree with.
struct Model {
    wheel: TimingWheel<u64>,
    twin: TimingWheel<u64>,
    set: BTreeSet<(UtcMs, u64)>,
    keys: Vec<(WheelKey, (UtcMs, u64))>,
    now: UtcMs,
}

impl Model {
    fn new() -> Self {
        let (wheel, twin) = (TimingWheel::new(START), TimingWheel::new(START));
        Model { wheel, twin, set: BTreeSet::new(), keys: Vec::new(), now: START }
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Insert(when) => self.insert(when.from(self.now.0)),
            Call::Cancel(index) if !self.keys.is_empty() => self.cancel(index.index(self.keys.len())),
            Call::CancelRecent(back) if *back < self.keys.len() => self.cancel(self.keys.len() - 1 - back),
            Call::Cancel(_) | Call::CancelRecent(_) => {}
            Call::Advance(when, limit) => self.advance(when.from(self.now.0), *limit),
        }
        self.wheel.check();
        assert_eq!(self.wheel.len(), self.set.len());
        assert_eq!(self.wheel.is_empty(), self.set.is_empty());
        match self.set.first() {
            Some(&(first, _)) => assert!(self.wheel.next_due() <= first),
            None => assert_eq!(self.wheel.next_due(), UtcMs::NEVER),
        }
    }

    fn insert(&mut self, deadline: UtcMs) {
        // Items in another order than inserts, so that ties show.
        let item = (self.keys.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let key = self.wheel.insert(deadline, item);
        assert_eq!(key, self.twin.insert(deadline, item));
        self.keys.push((key, (deadline, item)));
        self.set.insert((deadline, item));
    }

    fn cancel(&mut self, number: usize) {
        let (key, entry) = self.keys[number];
        let expected = self.set.remove(&entry).then_some(entry.1);
        assert_eq!(self.wheel.cancel(key), expected);
        assert_eq!(self.twin.cancel(key), expected);
    }

    fn advance(&mut self, now: UtcMs, limit: usize) {
        self.now = self.now.max(now);
        let mut expected = vec![7];
        while expected.len() <= limit && self.set.first().is_some_and(|&(deadline, _)| deadline <= self.now) {
            expected.extend(self.set.pop_first().map(|(_, item)| item));
        }
        let more = self.set.first().is_some_and(|&(deadline, _)| deadline <= self.now);
        for wheel in [&mut self.wheel, &mut self.twin] {
            let mut due = vec![7];
            assert_eq!(wheel.advance(now, limit, &mut due), more);
            assert_eq!(due, expected, "appended in order");
        }
    }

    /// Sleeps until `next_due` again and again: everything fires at its deadline, without many idle wakes.
    fn drain(&mut self) {
        let wakes_max = 11 * (self.set.len() + 1);
        for _ in 0..wakes_max {
            if self.set.is_empty() {
                return assert_eq!(self.wheel.next_due(), UtcMs::NEVER);
            }
            let next = self.wheel.next_due();
            self.advance(next, usize::MAX);
            self.wheel.check();
        }
        panic!("not empty after {wakes_max} wakes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn agrees_with_an_ordered_set(calls in prop::collection::vec(call(), 1..400)) {
        let mut model = Model::new();
        calls.iter().for_each(|call| model.call(call));
        model.drain();
    }
}

fn fire(wheel: &mut TimingWheel<u64>, now: UtcMs, limit: usize) -> (Vec<u64>, bool) {
    let mut due = Vec::new();
    let more = wheel.advance(now, limit, &mut due);
    (due, more)
}

#[test]
fn fires_at_the_millisecond_and_not_before() {
    let wide = |level: u32| 1u64 << (TICK_MS_BITS + level * SLOT_BITS);
    let distances = (0..9).flat_map(|level| (1..=64).map(move |n| n * wide(level)));
    for distance in distances.flat_map(|border| [border - 1, border, border + 1]) {
        let mut wheel = TimingWheel::new(START);
        let deadline = START.plus_ms(distance);
        wheel.insert(deadline, 1);
        assert_eq!(fire(&mut wheel, UtcMs(deadline.0 - 1), 9), (vec![], false), "{distance} ms ahead");
        assert_eq!(fire(&mut wheel, deadline, 9), (vec![1], false), "{distance} ms ahead");
    }
}

#[test]
fn time_never_moves_backward() {
    let mut wheel = TimingWheel::new(START);
    wheel.insert(START.plus_ms(5_000), 1);
    assert_eq!(fire(&mut wheel, START.plus_ms(4_000), 9), (vec![], false));
    wheel.insert(START.plus_ms(3_000), 2);
    assert_eq!(fire(&mut wheel, UtcMs(0), 9), (vec![2], false));
    assert_eq!(fire(&mut wheel, START.plus_ms(5_000), 9), (vec![1], false));
}

#[test]
fn a_jump_over_all_levels_fires_everything_in_order() {
    let mut wheel = TimingWheel::new(UtcMs(0));
    for bit in (0..64).rev() {
        wheel.insert(UtcMs(1 << bit), bit);
    }
    wheel.insert(UtcMs::NEVER, 64);
    assert_eq!(wheel.next_due(), UtcMs(1));
    assert_eq!(fire(&mut wheel, UtcMs(u64::MAX - 1), 10), ((0..10).collect(), true));
    assert_eq!(fire(&mut wheel, UtcMs(0), 99), ((10..64).collect(), false), "NEVER is not yet");
    assert_eq!(fire(&mut wheel, UtcMs::NEVER, 0), (vec![], true));
    assert_eq!(fire(&mut wheel, UtcMs::NEVER, 1), (vec![64], false));
    assert_eq!(wheel.next_due(), UtcMs::NEVER);
}

#[test]
fn a_burst_is_taken_out_in_bounded_steps() {
    let mut wheel = TimingWheel::new(START);
    let deadline = START.plus_ms(600_000);
    for item in (0..80_000).rev() {
        wheel.insert(deadline, item);
    }
    let mut fired = Vec::new();
    let mut calls = 1;
    while wheel.advance(deadline, 256, &mut fired) {
        assert_eq!(fired.len(), 256 * calls);
        assert_eq!(wheel.next_due(), deadline);
        calls += 1;
    }
    assert_eq!(calls, 80_000usize.div_ceil(256));
    assert!(fired.iter().copied().eq(0..80_000));
    assert!(wheel.memory() < 1_000, "{}", wheel.memory());
}

#[test]
fn stale_keys_are_recognised() {
    let mut wheel = TimingWheel::new(START);
    let fired = wheel.insert(START, 1);
    let cancelled = wheel.insert(START.plus_ms(999), 2);
    assert_eq!(fire(&mut wheel, START, 9), (vec![1], false));
    assert_eq!(wheel.cancel(cancelled), Some(2));
    let reused = [wheel.insert(START, 3), wheel.insert(START.plus_ms(999), 4)];
    assert_eq!(reused.map(|key| key.index), [0, 1], "the places are in use again");
    assert_eq!([fired, cancelled].map(|key| wheel.cancel(key)), [None, None]);
    assert_eq!(reused.map(|key| wheel.cancel(key)), [Some(3), Some(4)]);
}

impl TimingWheel<u64> {
    /// Entries and records there is room for.
    fn memory(&self) -> usize {
        self.slab.capacity() + self.due.capacity()
    }
}

/// Small numbers that look random (Lehmer), the same in every run.
fn dice(state: &mut u64, sides: u64) -> u64 {
    *state = *state * 48_271 % 0x7FFF_FFFF;
    *state % sides
}

#[test]
fn a_million_random_inserts_and_cancels_keep_the_memory_bounded() {
    let (mut wheel, mut state, mut keys) = (TimingWheel::new(START), 1, Vec::new());
    for _ in 0..1_000_000 {
        // A third of the deadlines is past: those are cancelled out of the heap.
        if keys.len() < 1_000 && (keys.is_empty() || dice(&mut state, 2) == 0) {
            let ahead = dice(&mut state, 900_000).saturating_sub(300_000);
            keys.push(wheel.insert(START.plus_ms(ahead), 0));
        } else {
            let number = usize::try_from(dice(&mut state, keys.len() as u64)).unwrap();
            assert_eq!(wheel.cancel(keys.swap_remove(number)), Some(0));
        }
    }
    wheel.check();
    assert_eq!(wheel.len(), keys.len());
    assert!(wheel.memory() < 8_000, "{}", wheel.memory());
}

#[test]
fn memory_comes_back_after_a_peak_though_some_entries_stay() {
    let (mut wheel, mut state) = (TimingWheel::new(START), 1);
    let mut keys: Vec<_> = (0..100_000).map(|n| wheel.insert(START.plus_ms(n), 0)).collect();
    // The peak goes, all but entries at both ends and in between; then a small steady traffic.
    for number in (0..100).rev() {
        for key in keys.drain(number * 1_000 + 1..(number + 1) * 1_000 - 1) {
            assert_eq!(wheel.cancel(key), Some(0));
        }
    }
    assert_eq!(wheel.len(), 200);
    for _ in 0..10_000 {
        let number = usize::try_from(dice(&mut state, keys.len() as u64)).unwrap();
        assert_eq!(wheel.cancel(keys.swap_remove(number)), Some(0));
        keys.push(wheel.insert(START.plus_ms(dice(&mut state, 600_000)), 0));
    }
    wheel.check();
    assert!(wheel.memory() < 4_000, "{}", wheel.memory());
}

#[test]
fn memory_comes_back_when_the_oldest_go_first() {
    let mut wheel = TimingWheel::new(START);
    for stay in [0, 1] {
        let keys: Vec<_> = (0..100_000).map(|n| wheel.insert(START.plus_ms(600_000), n)).collect();
        assert!(wheel.memory() >= 100_000);
        for &key in &keys[stay..] {
            assert!(wheel.cancel(key).is_some());
        }
        wheel.check();
        assert_eq!(wheel.len(), stay);
        (0..100 * stay).for_each(|_| assert!(!wheel.advance(START, 256, &mut Vec::new())));
        assert!(wheel.memory() < 1_000, "{}", wheel.memory());
    }
}

#[test]
fn an_entry_takes_32_bytes() {
    assert_eq!(size_of::<Entry<u64>>(), 32);
}
