//! Journals that break an invariant, each caught by its name at its last fact; and some that break none.

mod checkout;
mod disputes;
mod holds;
mod journal;
mod money;
mod orders;
mod staff;
mod tickets;

use self::journal::*;
use super::*;
use crate::fact::*;
use crate::id::*;
use crate::manifest::*;
use crate::store::Records;
use crate::testkit::{Model, table};

#[test]
fn gaps_and_damaged_records_are_caught() {
    let journal = Journal::onsale();
    let mut auditor = Auditor::new();
    let stamp = |revision| Stamp { revision: Revision(revision), at: UtcMs(0) };
    auditor.fact(stamp(1), &journal.facts[0].1).unwrap();
    let gap = auditor.fact(stamp(3), &journal.facts[1].1).unwrap_err();
    assert_eq!((gap.invariant, gap.revision), (Invariant::I8SameFacts, Revision(3)));
    let mut records = Records::default();
    records.push(UtcMs(0), b"\x01nonsense");
    let record = records.iter(Revision(1)).next().unwrap();
    let damaged = Auditor::new().record(record).unwrap_err();
    assert_eq!((damaged.invariant, damaged.revision), (Invariant::I5Durable, Revision(1)));
}

/// Each row of counters is bent by hand; the recount names it.
#[test]
fn a_recount_finds_counters_that_are_off() {
    type Bend = fn(&mut Books);
    let bends: [(Invariant, Bend); 8] = [
        (Invariant::I2Conservation, |b| b.accounts.sections[0].free += 1),
        (Invariant::I2Conservation, |b| b.accounts.allocations[0].held += 1),
        (Invariant::I2Conservation, |b| b.accounts.quotas[0].sold += 1),
        (Invariant::I2Conservation, |b| b.accounts.pools.values_mut().for_each(|pool| pool.free -= 1)),
        (Invariant::I10Limits, |b| b.accounts.users.clear()),
        (Invariant::I1OneOwner, |b| b.seats[0].owner = None),
        (Invariant::I1OneOwner, |b| b.seats[1].state = SeatState::Sold),
        (Invariant::I2Conservation, |b| b.blocked_places.extend([((AreaIndex(0), None), 9)])),
    ];
    for (at, (invariant, bend)) in bends.into_iter().enumerate() {
        let mut journal = Journal::onsale();
        journal.hold(0, ANN, seats(&[0]));
        let mut auditor = journal.audit().0;
        auditor.check_all().unwrap();
        bend(auditor.books.as_mut().unwrap());
        assert_eq!(auditor.check_all().unwrap_err().invariant, invariant, "bend {at}");
    }
}

#[test]
fn a_journal_that_breaks_nothing_is_summed_up() {
    let mut journal = Journal::onsale();
    let first = journal.hold(0, ANN, seats(&[0, 1]));
    journal.open(MINUTE, first, seats(&[0, 1])).confirm(MINUTE, first, seats(&[0, 1]));
    let second = journal.hold(MINUTE, ANN, places(2, Some(0)));
    journal.open(MINUTE, second, places(2, Some(0)));
    journal.end(16 * MINUTE, second, HoldEnd::Expired, places(2, Some(0)));
    journal.hold(17 * MINUTE, BOB, seats(&[2]));
    let third = journal.hold(17 * MINUTE, ANN, seats(&[3]));
    journal.end(17 * MINUTE, third, HoldEnd::Released, seats(&[3]));
    let (mut auditor, taken) = journal.audit();
    taken.unwrap();
    auditor.check_all().unwrap();
    let found = auditor.summary();
    let wanted = AuditSummary {
        revision: Revision(11),
        at: UtcMs(17 * MINUTE),
        facts: 11,
        holds_placed: 4,
        holds_live: 1,
        holds_released: 1,
        holds_expired: 1,
        orders_opened: 2,
        orders_confirmed: 1,
        orders_expired: 1,
        free: 13,
        held: 1,
        sold: 2,
        money_minor: 2_000,
        ..AuditSummary::default()
    };
    assert_eq!(found, wanted);
    assert_eq!(auditor.order_state(second), Some(OrderState::Expired));
    assert_eq!(auditor.user(UserId::from(ANN)), UserCounts { held: 0, owned: 2 });
}

/// Every journal that the tables lead to breaks nothing.
#[test]
fn the_tables_break_nothing() {
    use std::cell::RefCell;
    use std::rc::Rc;

    /// Audits its model whenever asked for its revision.
    struct Audited(Model, Rc<RefCell<u64>>);
    impl table::Subject for Audited {
        fn run(
            &mut self,
            command: &crate::testkit::Command,
            at: UtcMs,
        ) -> Result<table::Outcome, crate::Refusal> {
            let outcome = table::Subject::run(&mut self.0, command, at);
            let mut auditor = Auditor::new();
            for (stamp, fact) in self.0.log() {
                auditor.fact(*stamp, fact).unwrap();
            }
            auditor.check_all().unwrap();
            *self.1.borrow_mut() += 1;
            outcome
        }
        fn maintain(&mut self, at: UtcMs) -> u64 {
            table::Subject::maintain(&mut self.0, at)
        }
        fn seat_state(&self, seat: SeatIndex) -> SeatState {
            table::Subject::seat_state(&self.0, seat)
        }
        fn revision(&self) -> Revision {
            self.0.revision()
        }
    }
    let audits = Rc::new(RefCell::new(0));
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tables")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let define = |event, definition: &Definition, at| {
            Audited(Model::new(event, definition, at).unwrap(), audits.clone())
        };
        table::run_table(&text, define).unwrap();
    }
    assert!(*audits.borrow() > 400);
}

/// Holds, amendments, orders and expiries all over a stadium.
fn stadium(facts: u64) -> Auditor {
    let mut definition = definition();
    definition.quotas.clear();
    definition.rules.tickets_per_user_max = u32::MAX;
    let blank = definition.sections[0].rows[0].seats[0].clone();
    definition.sections = (0..80u32)
        .map(|section| {
            let seats = |row: u32| {
                (0..40).map(|n| Seat { id: format!("{section}-{row}-{n}"), ..blank.clone() }).collect()
            };
            let rows = (0..25).map(|row| Row { label: row.to_string(), seats: seats(row) }).collect();
            Section { name: section.to_string(), rows }
        })
        .collect();
    let mut auditor = Auditor::new();
    let mut revision = 0;
    let mut take = |ms: u64, fact: Fact| {
        revision += 1;
        auditor.fact(Stamp { revision: Revision(revision), at: UtcMs(ms) }, &fact).unwrap();
        Revision(revision)
    };
    take(0, Fact::EventDefined(Box::new(definition)));
    let mut at = take(0, Fact::SaleStateChanged { to: SaleState::Onsale }).0;
    let (lifetime_ms, extensions_left) = (30 * MINUTE, 2);
    while at < facts {
        let (seat, user) =
            (u32::try_from(at * 7919 % 40_000).unwrap() * 2, UserId::from(u128::from(at % 50_000)));
        let (lines, keyed) = (seats(&[seat, seat + 1]), keyed(&format!("{at}")));
        let ttl_ms = 8 * MINUTE;
        let (ms, placed) =
            (at, HoldPlaced { user, keyed, ttl_ms, lifetime_ms, extensions_left, lines: lines.clone() });
        let hold = HoldNumber::new(take(ms, Fact::HoldPlaced(placed)), user.shard());
        let payment_deadline = UtcMs(ms + 15 * MINUTE);
        take(
            ms,
            Fact::OrderOpened(OrderOpened {
                hold,
                user,
                keyed: None,
                payment_deadline,
                lines: lines.clone(),
            }),
        );
        at = take(ms, Fact::OrderCancelled(OrderCancelled { order: hold, user, keyed: None, lines })).0;
    }
    auditor.check_all().unwrap();
    auditor
}

#[test]
fn a_stadium_is_audited() {
    let found = stadium(30_000).summary();
    assert_eq!((found.free, found.held, found.orders_cancelled), (80_010, 0, found.holds_placed));
}

#[test]
#[ignore = "long: a million facts over 80,000 seats, for `cargo test --release -- --ignored`"]
fn a_million_facts_over_a_stadium() {
    assert!(stadium(1_000_000).summary().facts >= 1_000_000);
}
