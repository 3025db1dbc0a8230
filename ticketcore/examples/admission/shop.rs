//! [`Shop`]: what people who were let in do, and how long it takes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use ticketcore::UtcMs;
use ticketcore::admission::{Health, Stock};

/// Chance: SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.next() % most.max(1)
    }

    pub fn permille(&mut self, of: u32) -> bool {
        self.below(1_000) < u64::from(of)
    }
}

/// What somebody does next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Tries to hold so many tickets.
    Hold(u32),
    /// Goes to the checkout with so many.
    Pay(u32),
    /// Gives so many back, and goes.
    GiveBack(u32),
}

/// What has become of people.
#[derive(Default)]
pub struct Counts {
    pub sold: u32,
    pub bought: u32,
    pub found_nothing: u32,
    pub bots: u32,
}

/// A shop with so many checkouts a second and a gateway.
pub struct Shop {
    pub free: u32,
    pub held: u32,
    pub counts: Counts,
    due: BinaryHeap<Reverse<(u64, u32, Act)>>,
    /// Who waits for a checkout, since when, with how many tickets.
    paying: VecDeque<(u64, u32, u32)>,
    credit: f64,
    /// When checkouts of the last ten seconds ended, and how long they took, in milliseconds.
    took: VecDeque<(u64, u64)>,
}

/// How long a hold lasts, in seconds.
const HOLD_S: u64 = 480;

impl Shop {
    pub fn new(seats: u32) -> Self {
        Self {
            free: seats,
            held: 0,
            counts: Counts::default(),
            due: BinaryHeap::new(),
            paying: VecDeque::new(),
            credit: 0.0,
            took: VecDeque::new(),
        }
    }

    /// Somebody comes in.
    pub fn enter(&mut self, second: u64, number: u32, chance: &mut Chance) {
        let tickets = u32::try_from(1 + chance.below(4)).unwrap_or(1);
        self.due.push(Reverse((second + 5 + chance.below(60), number, Act::Hold(tickets))));
    }

    /// A second passes: who holds how many, who gives back how many, who leaves.
    pub fn step(
        &mut self,
        second: u64,
        (capacity, slower): (f64, f64),
        decide: &mut impl FnMut(u32, &mut Chance) -> (bool, bool),
        chance: &mut Chance,
    ) -> (Vec<(u32, u32)>, Vec<u32>) {
        let (mut holds, mut leaves) = (Vec::new(), Vec::new());
        while let Some(Reverse((at, number, act))) = self.due.peek().copied() {
            if at > second {
                break;
            }
            self.due.pop();
            match act {
                Act::Hold(tickets) if self.free >= tickets => {
                    self.free -= tickets;
                    self.held += tickets;
                    holds.push((number, tickets));
                    let (bot, buys) = decide(number, chance);
                    self.counts.bots += u32::from(bot);
                    let next = match (bot, buys) {
                        (true, _) => (HOLD_S, Act::GiveBack(tickets)),
                        (false, true) => (20 + chance.below(60), Act::Pay(tickets)),
                        (false, false) => (30 + chance.below(120), Act::GiveBack(tickets)),
                    };
                    self.due.push(Reverse((second + next.0, number, next.1)));
                }
                Act::Hold(_) => {
                    self.counts.found_nothing += 1;
                    leaves.push(number);
                }
                Act::Pay(tickets) => self.paying.push_back((second, number, tickets)),
                Act::GiveBack(tickets) => {
                    self.held -= tickets;
                    self.free += tickets;
                    leaves.push(number);
                }
            }
        }
        self.credit = (self.credit + capacity / slower).min(capacity);
        while self.credit >= 1.0 {
            let Some((since, number, tickets)) = self.paying.pop_front() else { break };
            self.credit -= 1.0;
            self.held -= tickets;
            self.counts.sold += tickets;
            self.counts.bought += 1;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds")]
            let gateway_ms = (300.0 * slower) as u64;
            self.took.push_back((second, (second - since) * 1_000 + gateway_ms));
            leaves.push(number);
        }
        while self.took.front().is_some_and(|(ended, _)| second - ended > 10) {
            self.took.pop_front();
        }
        (holds, leaves)
    }

    /// How it is doing.
    pub fn health(&self, at: UtcMs, slower: f64) -> Health {
        let mut took: Vec<u64> = self.took.iter().map(|(_, took)| *took).collect();
        // Who still waits is as slow as he has waited.
        took.extend(self.paying.front().map(|(since, ..)| at.0.saturating_sub(since * 1_000)));
        took.sort_unstable();
        let p99 = took.get(took.len().saturating_sub(1) * 99 / 100);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
        let p99 = p99.map(|ms| *ms as f64);
        let authorise_ms = slower.is_finite().then_some(300.0 * slower);
        Health {
            at,
            checkout_p99_ms: p99,
            authorise_ms,
            gateway_out: slower.is_infinite(),
            ..Health::default()
        }
    }

    pub fn stock(&self) -> Stock {
        Stock { free: self.free.into(), held: self.held.into() }
    }
}
