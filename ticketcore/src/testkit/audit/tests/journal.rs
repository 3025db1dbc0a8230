//! Journals in the making, fact by fact.

use smallvec::smallvec;

use super::super::*;
use crate::fact::*;
use crate::id::*;
use crate::key::IdempotencyKey;
use crate::manifest::*;
use crate::order::{EndReason, LateMoney, PaymentSeen, Terms, Word};

pub const ANN: u128 = 1;
pub const BOB: u128 = 2;
pub const MINUTE: u64 = 60_000;
pub const ADULT: TicketTypeIndex = TicketTypeIndex(0);

/// Six seats, the last of which nobody can open; an area of 10 with 3 places for a channel; a quota of 4 on it.
pub fn definition() -> Definition {
    let mut definition = Definition::empty(Rules::new("Audit"));
    definition.rules.tickets_per_user_max = 6;
    definition.categories =
        ["gold", "silver"].map(|name| Category { name: name.into(), color: String::new() }).into();
    definition.ticket_types = vec![TicketType { name: "adult".into() }];
    definition.prices = vec![Price { ticket_type: ADULT, category: CategoryIndex(0), minor: 1_000 }];
    let allocation = |name: &str, channels: Vec<String>| Allocation {
        name: name.into(),
        channels,
        access_code: None,
        release_at: None,
    };
    definition.allocations =
        vec![allocation("press", vec!["press".into()]), allocation("sponsors", Vec::new())];
    let seat = |n: u16| Seat {
        id: format!("s{n}"),
        label: n.to_string(),
        category: CategoryIndex(0),
        allocation: (n == 5).then_some(AllocationIndex(1)),
        flags: SeatFlags::default(),
        after_aisle: false,
        at: Point::default(),
        rank: None,
    };
    let row = Row { label: "1".into(), seats: (0..6).map(seat).collect() };
    definition.sections = vec![Section { name: "A".into(), rows: vec![row] }];
    definition.areas = vec![Area {
        name: "GA".into(),
        category: CategoryIndex(0),
        capacity: 10,
        allocated: vec![(AllocationIndex(0), 3)],
        at: Point::default(),
        size: Point::default(),
    }];
    let areas = vec![AreaIndex(0)];
    definition.quotas =
        vec![Quota { name: "floor".into(), cap: 4, ticket_types: Vec::new(), categories: Vec::new(), areas }];
    definition
}

pub fn seats(list: &[u32]) -> Lines {
    let line = |&at: &u32| SeatLine { seat: SeatIndex(at), ticket_type: ADULT, price_minor: 1_000 };
    Lines { seats: list.iter().map(line).collect(), areas: Vec::new() }
}

pub fn places(quantity: u32, allocation: Option<u16>) -> Lines {
    let allocation = allocation.map(AllocationIndex);
    let line = AreaLine { area: AreaIndex(0), allocation, ticket_type: ADULT, quantity, price_minor: 1_000 };
    Lines { seats: smallvec![], areas: vec![line] }
}

pub fn keyed(key: &str) -> Option<Keyed> {
    Some(Keyed { key: IdempotencyKey::new(key).unwrap(), fingerprint: 0 })
}

/// A journal in the making: facts with their times.
pub struct Journal {
    pub facts: Vec<(u64, Fact)>,
}

impl Journal {
    /// The definition, then on sale.
    pub fn onsale() -> Self {
        let mut journal = Self { facts: vec![(0, Fact::EventDefined(Box::new(definition())))] };
        journal.sale(0, SaleState::Onsale);
        journal
    }

    pub fn add(&mut self, at: u64, fact: Fact) -> &mut Self {
        self.facts.push((at, fact));
        self
    }

    pub fn sale(&mut self, at: u64, to: SaleState) -> &mut Self {
        self.add(at, Fact::SaleStateChanged { to })
    }

    pub fn place(
        &mut self,
        at: u64,
        user: u128,
        lines: Lines,
        change: impl FnOnce(&mut HoldPlaced),
    ) -> HoldNumber {
        let user = UserId::from(user);
        let (ttl_ms, lifetime_ms, extensions_left) = (8 * MINUTE, 30 * MINUTE, 2);
        let mut placed = HoldPlaced { user, keyed: None, ttl_ms, lifetime_ms, extensions_left, lines };
        change(&mut placed);
        self.add(at, Fact::HoldPlaced(placed));
        HoldNumber::new(Revision(self.facts.len() as u64), user.shard())
    }

    pub fn hold(&mut self, at: u64, user: u128, lines: Lines) -> HoldNumber {
        self.place(at, user, lines, |_| {})
    }

    /// A hold of `has` at 0, then an amendment at `at`.
    pub fn amend(&mut self, at: u64, has: Lines, change: impl FnOnce(&mut HoldAmended)) {
        let hold = self.hold(0, ANN, has.clone());
        let (added, removed, lines) = (Lines::default(), Lines::default(), has);
        let (user, deadline) = (UserId::from(ANN), UtcMs(8 * MINUTE));
        let mut amended =
            HoldAmended { hold, user, keyed: None, added, removed, lines, deadline, extensions_left: 2 };
        change(&mut amended);
        self.add(at, Fact::HoldAmended(Box::new(amended)));
    }

    /// A hold of seat 0 at 0, then an extension at `at`.
    pub fn extend(&mut self, at: u64, change: impl FnOnce(&mut HoldExtended)) -> HoldNumber {
        let hold = self.hold(0, ANN, seats(&[0]));
        let (user, deadline) = (UserId::from(ANN), UtcMs(at + 8 * MINUTE));
        let mut extended =
            HoldExtended { hold, user, keyed: None, deadline, extensions_left: 1, lines: seats(&[0]) };
        change(&mut extended);
        self.add(at, Fact::HoldExtended(Box::new(extended)));
        hold
    }

    pub fn end(&mut self, at: u64, hold: HoldNumber, end: HoldEnd, lines: Lines) -> &mut Self {
        self.add(at, Fact::HoldEnded(HoldEnded { hold, user: UserId::from(ANN), end, by: None, lines }))
    }

    pub fn open(&mut self, at: u64, hold: HoldNumber, lines: Lines) -> &mut Self {
        let payment_deadline = UtcMs((at + 15 * MINUTE).min(30 * MINUTE));
        self.add(
            at,
            Fact::OrderOpened(OrderOpened {
                hold,
                user: UserId::from(ANN),
                keyed: None,
                payment_deadline,
                lines,
            }),
        )
    }

    /// A hold of seat 0 with an open order, both at 0.
    pub fn order(&mut self) -> HoldNumber {
        let hold = self.hold(0, ANN, seats(&[0]));
        self.open(0, hold, seats(&[0]));
        hold
    }

    pub fn confirm(&mut self, at: u64, order: HoldNumber, lines: Lines) -> &mut Self {
        self.add(
            at,
            Fact::OrderConfirmed(OrderConfirmed { order, user: UserId::from(ANN), keyed: None, lines }),
        )
    }

    pub fn cancel(&mut self, at: u64, order: HoldNumber, lines: Lines) -> &mut Self {
        self.add(
            at,
            Fact::OrderCancelled(OrderCancelled { order, user: UserId::from(ANN), keyed: None, lines }),
        )
    }

    pub fn staff(&mut self, change: SeatChange, list: &[u32]) -> &mut Self {
        let seats = list.iter().map(|at| SeatIndex(*at)).collect();
        let changed = SeatsChanged { by: UserId::from(9), keyed: None, change, seats };
        self.add(0, Fact::SeatsChanged(Box::new(changed)))
    }

    pub fn block_places(&mut self, allocation: Option<u16>, blocked: u32) -> &mut Self {
        let (by, area, allocation) = (UserId::from(9), AreaIndex(0), allocation.map(AllocationIndex));
        self.add(
            0,
            Fact::PlacesChanged(Box::new(PlacesChanged { by, keyed: None, area, allocation, blocked })),
        )
    }

    /// A change made from the first definition.
    pub fn manifest(&mut self, edit: impl FnOnce(&mut Definition)) -> &mut Self {
        let mut asked = definition();
        edit(&mut asked);
        let change = Manifest::compile(&definition()).unwrap().diff(&asked).unwrap();
        self.add(0, Fact::ManifestChanged(Box::new(change)))
    }

    pub fn audit(&self) -> (Auditor, Result<(), Violation>) {
        let mut auditor = Auditor::new();
        for (at, (ms, fact)) in self.facts.iter().enumerate() {
            let stamp = Stamp { revision: Revision(at as u64 + 1), at: UtcMs(*ms) };
            let taken = auditor.fact(stamp, fact);
            let last = at + 1 == self.facts.len();
            assert!(taken.is_ok() || last, "too early: {taken:?}");
            if last {
                return (auditor, taken);
            }
        }
        unreachable!("a journal has facts")
    }
}

pub type Breach = (Invariant, &'static str, fn(&mut Journal));

/// What every row does with the journal breaks the invariant, in a violation that says so.
pub fn caught(rows: &[Breach]) {
    for (invariant, what, make) in rows {
        let mut journal = Journal::onsale();
        make(&mut journal);
        let (mut auditor, taken) = journal.audit();
        let violation = taken.expect_err(what);
        assert_eq!(violation.invariant, *invariant, "{what}: {violation}");
        assert_eq!(violation.revision, Revision(journal.facts.len() as u64), "{what}");
        assert_eq!(auditor.check_all(), Err(violation), "the first violation stays");
    }
}

/// The hard deadline of an order opened at 0 under the rules there are.
pub const HARD: UtcMs = UtcMs(20 * MINUTE);

/// Orders that a gateway pays.
impl Journal {
    /// A hold of seats 0 and 1 at 0, 1,000 each, and an order from it under the rules there are, changed so.
    pub fn checkout(&mut self, change: impl FnOnce(&mut CheckoutOpened)) -> HoldNumber {
        let lines = seats(&[0, 1]);
        let hold = self.hold(0, ANN, lines.clone());
        let rules = PaymentRules::default();
        let terms = Terms {
            rules,
            late_money: LateMoney::Refund,
            review: false,
            pay_until: UtcMs(15 * MINUTE),
            hard_deadline: HARD,
        };
        let (user, payment_deadline) = (UserId::from(ANN), UtcMs(MINUTE));
        let opened = OrderOpened { hold, user, keyed: None, payment_deadline, lines };
        let mut checkout = CheckoutOpened { opened, terms, extra: Vec::new(), amount_minor: 2_000 };
        change(&mut checkout);
        self.add(0, Fact::CheckoutOpened(Box::new(checkout)));
        hold
    }

    pub fn step(&mut self, at: u64, order: HoldNumber, state: OrderState, step: OrderStep) -> &mut Self {
        let stepped = OrderStepped { order, user: UserId::from(ANN), by: None, state, step };
        self.add(at, Fact::OrderStepped(Box::new(stepped)))
    }

    /// An attempt begins.
    pub fn pay(&mut self, at: u64, order: HoldNumber, attempt: u32) -> &mut Self {
        let (gateway, method) = (Word::cut("sandbox"), Word::cut("pm_ok"));
        let step =
            OrderStep::PaymentStarted { attempt, gateway, method, amount_minor: 2_000, deadline: HARD };
        self.step(at, order, OrderState::Paying, step)
    }

    /// The gateway says something of an attempt.
    pub fn seen(
        &mut self,
        order: HoldNumber,
        state: OrderState,
        attempt: u32,
        seen: PaymentSeen,
        deadline: Option<UtcMs>,
    ) -> &mut Self {
        self.step(0, order, state, OrderStep::PaymentObserved { attempt, seen, deadline })
    }

    /// A checkout whose money is in.
    pub fn captured(&mut self) -> HoldNumber {
        let order = self.checkout(|_| {});
        self.pay(0, order, 1).seen(order, OrderState::Captured, 1, captured(2_000), Some(HARD));
        order
    }

    /// A checkout that is paid and sold.
    pub fn sold(&mut self) -> HoldNumber {
        let order = self.captured();
        self.confirm(0, order, seats(&[0, 1]));
        order
    }

    /// Money goes back of attempt 1, and tickets die.
    pub fn refund(
        &mut self,
        order: HoldNumber,
        refund: u32,
        amount_minor: i64,
        tickets: &[u32],
        back: Lines,
    ) -> &mut Self {
        let tickets = tickets.to_vec();
        let step = OrderStep::RefundStarted {
            refund,
            attempt: 1,
            amount_minor,
            tickets,
            back,
            reason: EndReason::Asked,
        };
        self.step(0, order, OrderState::Confirmed, step)
    }
}

pub fn captured(amount_minor: i64) -> PaymentSeen {
    PaymentSeen::Captured { reference: Word::cut("ch_1"), amount_minor, fingerprint: None }
}

pub fn authorized() -> PaymentSeen {
    PaymentSeen::Authorized { reference: Word::cut("ch_1"), lapses_at: None, fingerprint: None }
}

pub fn declined() -> PaymentSeen {
    PaymentSeen::Declined { code: Word::cut("no") }
}
