//! The engine against the tables, and step by step against the reference model.

#![cfg(feature = "testkit")]

use std::fs;
use std::sync::Arc;

use ticketcore::fact::Fact;
use ticketcore::manifest::Definition;
use ticketcore::store::{MemoryStore, Store, StreamId};
use ticketcore::testkit::table::{self, Outcome, Subject, run_table};
use ticketcore::testkit::{Auditor, Command, Generator, ManualClock, Model, ModelAnswer, SmallSale};
use ticketcore::{
    BoxOffice, CommandError, Done, EventId, Hold, Options, Order, Refusal, Revision, SeatIndex, SeatState,
    UtcMs,
};

/// One event of a box office that keeps the time it is told.
struct Engine {
    sale: SmallSale,
    /// What commands call the event.
    alias: EventId,
}

impl Engine {
    fn new(alias: Option<EventId>, definition: &Definition, at: UtcMs) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = ManualClock::new(at);
        let options = Options {
            guess_delay_ms: 0,
            clock: Arc::new(clock.clone()),
            manual_expiry: true,
            node: Some(1),
            close_idle_after_ms: u64::MAX,
            ..Options::default()
        };
        let office = Arc::new(BoxOffice::open_shared(Arc::clone(&store), options).expect("a new store"));
        let event = office.add_event(definition).expect("a valid definition");
        // Maintenance looks at open events only.
        office.availability(event).expect("the event opens");
        Self { sale: SmallSale { office, event, clock, store }, alias: alias.unwrap_or(event) }
    }

    fn event(&self, asked: EventId) -> EventId {
        if asked == self.alias { self.sale.event } else { EventId(999) }
    }

    fn audit(&self) {
        Auditor::audit(&*self.sale.store, StreamId::Event(self.sale.event)).expect("no invariant is broken");
    }

    fn answer(&self, command: &Command) -> Result<Outcome, CommandError> {
        let office = &self.sale.office;
        match command.clone() {
            Command::Hold(mut r) => {
                r.event = self.event(r.event);
                office.hold(r).wait().map(held)
            }
            Command::Amend(mut r) => {
                r.hold.event = self.event(r.hold.event);
                office.amend(r).wait().map(held)
            }
            Command::Extend(mut r) => {
                r.hold.event = self.event(r.hold.event);
                office.extend(r).wait().map(held)
            }
            Command::Release(mut r) => {
                r.hold.event = self.event(r.hold.event);
                office.release(r).wait().map(done)
            }
            Command::OpenOrder(mut r) => {
                r.hold.event = self.event(r.hold.event);
                office.open_order(r).wait().map(ordered)
            }
            Command::ConfirmOrder(mut r) => {
                r.order.event = self.event(r.order.event);
                office.confirm_order(r).wait().map(ordered)
            }
            Command::CancelOrder(mut r) => {
                r.order.event = self.event(r.order.event);
                office.cancel_order(r).wait().map(ordered)
            }
            Command::ChangeSeats(mut r) => {
                r.event = self.event(r.event);
                office.change_seats(r).wait().map(done)
            }
            Command::BlockPlaces(mut r) => {
                r.event = self.event(r.event);
                office.block_places(r).wait().map(done)
            }
            Command::ForceRelease(mut r) => {
                r.hold.event = self.event(r.hold.event);
                office.force_release(r).wait().map(done)
            }
            Command::ReleaseAllocation(allocation) => {
                office.release_allocation(self.sale.event, allocation).wait().map(done)
            }
            Command::SaleState(r) => office.set_sale_state(self.event(r.event), r.to).wait().map(done),
            Command::ChangeManifest(mut r) => {
                r.event = self.event(r.event);
                office.change_manifest(*r).wait().map(|_| Outcome::Done)
            }
            // Only maintenance expires holds.
            Command::Expire(_) => Ok(Outcome::NotHeld),
            Command::Beside(_) => panic!("the language of tables has no words for it"),
        }
    }
}

fn held(hold: Hold) -> Outcome {
    let Hold { id, lines, deadline, extensions_left, version, .. } = hold;
    Outcome::Hold { number: id.number, lines, deadline, extensions_left, version }
}

fn ordered(order: Order) -> Outcome {
    let Order { id, state, lines, payment_deadline, .. } = order;
    Outcome::Order { number: id.number, state, lines, payment_deadline }
}

fn done(done: Done) -> Outcome {
    if done.revision.is_some() { Outcome::Done } else { Outcome::NotHeld }
}

impl Subject for Engine {
    fn run(&mut self, command: &Command, at: UtcMs) -> Result<Outcome, Refusal> {
        self.sale.clock.set(at);
        self.answer(command).map_err(|error| match error {
            CommandError::Refused(refusal) => refusal,
            other => panic!("{command:?}: {other}"),
        })
    }

    fn maintain(&mut self, at: UtcMs) -> u64 {
        self.sale.clock.set(at);
        let before = self.revision();
        while self.sale.office.maintain().more {}
        self.revision().0 - before.0
    }

    fn seat_state(&self, seat: SeatIndex) -> SeatState {
        let mut map = Vec::new();
        self.sale.office.seat_map(self.sale.event, &mut map).expect("the event is open");
        SeatState::from_bits(map[seat.at() / 32] >> (2 * (seat.at() % 32)))
    }

    fn revision(&self) -> Revision {
        Revision(self.sale.journal().len() as u64)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.audit();
            self.sale.assert_equals_journal();
        }
    }
}

#[test]
fn the_engine_does_what_the_tables_say() {
    let mut wrong = Vec::new();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tables")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        if let Err(error) = run_table(&text, |alias, definition, at| Engine::new(Some(alias), definition, at))
        {
            wrong.push(format!("{}, {error}", path.file_name().unwrap().display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same commands at the same times: the same facts, the same refusals.
#[test]
fn the_engine_and_the_model_log_the_same_facts() {
    let mut wrong = Vec::new();
    for seed in 0..60 {
        if let Err(difference) = lockstep(seed, 400) {
            wrong.push(format!("seed {seed}, {difference}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn lockstep(seed: u64, steps: usize) -> Result<(), String> {
    let mut generator = Generator::new(seed);
    let mut at = table::START;
    let definition = generator.definition(at);
    let mut engine = Engine::new(None, &definition, at);
    let mut model = Model::new(engine.sale.event, &definition, at).expect("a valid definition");
    for step in 0..steps {
        at = at.plus_ms(generator.pause_ms());
        // Maintenance has no order of its own over users: the model does what the engine did, all of it.
        engine.maintain(at);
        for (_, fact) in &engine.sale.journal()[model.log().len()..] {
            let same = match fact {
                Fact::HoldEnded(ended) => model.expire(ended.hold, at),
                Fact::AllocationReleased { allocation } => model.release_due(*allocation, at),
                _ => None,
            };
            assert_eq!(same.as_ref().map(|(_, fact)| fact), Some(fact), "seed {seed}, step {step}");
        }
        assert_eq!(model.expire_due(at), [], "seed {seed}, step {step}");
        let command = generator.command(&model);
        if let Command::Expire(_) = command {
            continue;
        }
        let wanted = model.run(&command, at);
        let found = engine.run(&command, at);
        let fits = match (&wanted, &found) {
            (Err(wanted), Err(found)) => wanted == found,
            (Ok(wanted), Ok(found)) => (*wanted == ModelAnswer::NotHeld) == (*found == Outcome::NotHeld),
            _ => false,
        };
        let journal = engine.sale.journal();
        if !fits || (journal.len(), journal.last()) != (model.log().len(), model.log().last()) {
            let last = journal.last();
            return Err(format!(
                "step {step}: {command:?}\n  wanted {wanted:?}\n  found {found:?}\n  last logged {last:?}"
            ));
        }
    }
    Ok(())
}
