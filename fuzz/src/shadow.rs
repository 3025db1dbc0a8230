//! The reference model beside the engine: on one node, and while the clock does not go back, every fact and every refusal of the
//! engine must be the model's.

use std::ops::ControlFlow;

use ticketcore::fact::{Fact, HoldEnd, Stamp};
use ticketcore::store::{Store, StreamId};
use ticketcore::testkit::{Command, Model, ModelAnswer};
use ticketcore::{EventId, Refusal, SaleState, SaleStateRequest, UtcMs};

use crate::asked::Outcome;
use crate::event::{START, definition};

/// See the module.
pub struct Shadow {
    model: Model,
}

impl Shadow {
    /// The shadow of an event that is defined and on public sale.
    pub fn new(event: EventId) -> Self {
        let mut model = Model::new(event, &definition(0), START).expect("the definition is valid");
        let onsale = SaleStateRequest { event, to: SaleState::Onsale };
        model.set_sale_state(onsale, START).expect("a draft goes on sale");
        Self { model }
    }

    /// Follows what maintenance has ended, in the engine's order, and finds nothing left to end.
    pub fn maintained(&mut self, store: &dyn Store, now: UtcMs) {
        for (stamp, fact) in facts(store, &self.model) {
            let logged = match &fact {
                Fact::HoldEnded(ended) if ended.end == HoldEnd::Expired => self.model.expire(ended.hold, now),
                Fact::AllocationReleased { allocation } => self.model.release_due(*allocation, now),
                other => panic!("maintenance logged {other:?}"),
            };
            assert_eq!(logged, Some((stamp, fact)), "maintenance ends what is due, in full");
        }
        let left = self.model.expire_due(now);
        assert!(left.is_empty(), "maintenance left {left:?}");
    }

    /// Carries out a command as the engine has done.
    pub fn command(&mut self, store: &dyn Store, command: &Command, now: UtcMs, outcome: &Outcome) {
        let before = self.model.log().len();
        let answer = self.model.run(command, now);
        match (&answer, outcome) {
            (Err(model), Outcome::Refused(engine)) => {
                assert!(same(model, engine), "{command:?}: the model says {model}, the engine {engine}");
            }
            (Err(model), _) => panic!("{command:?}: the model says {model}, the engine yes"),
            (Ok(model), Outcome::Refused(engine)) => {
                panic!("{command:?}: the model says {model:?}, the engine {engine}");
            }
            (Ok(model), Outcome::Hold(hold)) => {
                assert_eq!(matches!(model, ModelAnswer::Again(..)), hold.replayed, "{command:?}");
            }
            (Ok(ModelAnswer::Again(..)), Outcome::Other(replayed)) => assert!(replayed, "{command:?}"),
            (Ok(_), _) => {}
        }
        let model = &self.model.log()[before..];
        let engine = facts_from(store, &self.model, before);
        assert_eq!(model, engine, "{command:?}: the model's facts, then the engine's");
    }
}

/// Requests that are wrong by themselves may be so in several ways; which is said first is nobody's business.
fn same(model: &Refusal, engine: &Refusal) -> bool {
    let by_itself =
        |r: &Refusal| matches!(r, Refusal::Limit(_) | Refusal::NothingRequested | Refusal::DuplicateSeat(_));
    model == engine || by_itself(model) && by_itself(engine)
}

/// The facts that the engine has and the model has not.
fn facts(store: &dyn Store, model: &Model) -> Vec<(Stamp, Fact)> {
    facts_from(store, model, model.log().len())
}

fn facts_from(store: &dyn Store, model: &Model, known: usize) -> Vec<(Stamp, Fact)> {
    let after = model.log()[known - 1].0.revision;
    let mut found = Vec::new();
    let read = store.read(StreamId::Event(model.event()), after, &mut |record| {
        found.push((record.stamp, Fact::decode(record.body).expect("a stored fact is a fact")));
        ControlFlow::Continue(())
    });
    read.expect("a memory store can be read");
    found
}
