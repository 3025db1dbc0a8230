//! The reference model: one event, decided literally as `docs/SEMANTICS.md` says, with plain maps and brute force.
//! Slow and obviously right; it shares nothing with the engine but manifest, requests, refusals and facts.
//!
//! Time comes with every command; a command is decided at the later of that time and the last logged one. Overdue
//! holds and due allocations that may stand in the way of a command are dealt with first, then it is decided again.
//! An engine may deal with fewer of them; a test that compares facts one by one calls [`Model::expire_due`], and the
//! engine's like, before every command.

mod apply;
mod beside;
mod best;
mod command;
mod compare;
mod generate;
mod holds;
mod lines;
mod maintenance;
mod orders;
mod place;
mod request;
mod staff;
mod state;
#[cfg(test)]
mod tests;
mod waiting;

pub use self::command::{BesideCommand, Command};
pub use self::generate::Generator;
pub use self::state::{ModelHold, ModelOrder};

use std::collections::{BTreeMap, BTreeSet, HashMap};

use self::beside::Beside;
use self::state::{KeyRecord, ModelSeat};
use self::waiting::Waiting;
use crate::fact::{Fact, Keyed, Stamp};
use crate::id::{AllocationIndex, EventId, HoldNumber, Revision, UserId};
use crate::key::{Fingerprinted, IdempotencyKey, Operation};
use crate::manifest::{Definition, Manifest, ManifestError};
use crate::refusal::Refusal;
use crate::sale::{Activity, SaleState};
use crate::testkit::audit::PoolKey;
use crate::time::UtcMs;

/// Idempotency records are cut into generations of this length of logged time...
const GENERATION_MS: u64 = 18 * 3_600_000;
/// ...of which so many are kept.
const GENERATIONS: u64 = 5;

/// What an accepted command leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelAnswer {
    /// This fact was logged.
    Logged(Stamp, Fact),
    /// The key is known: the outcome of the first time, whose fact this is.
    Again(Stamp, Fact),
    /// No fact: the order exists and is like that already.
    Order(HoldNumber, ModelOrder),
    /// No fact: what should be ended is not held.
    NotHeld,
}

/// The answer to a command.
pub type Answered = Result<ModelAnswer, Refusal>;

/// The reference model of one event.
#[derive(Clone, Debug)]
pub struct Model {
    event: EventId,
    manifest: Manifest,
    sale: SaleState,
    seats: Vec<ModelSeat>,
    blocked_places: BTreeMap<PoolKey, u32>,
    released: BTreeSet<AllocationIndex>,
    holds: BTreeMap<HoldNumber, ModelHold>,
    orders: BTreeMap<HoldNumber, ModelOrder>,
    keys: HashMap<(UserId, Operation, IdempotencyKey), KeyRecord>,
    beside: Beside,
    waiting: Waiting,
    log: Vec<(Stamp, Fact)>,
}

impl Model {
    /// An event whose definition is logged at `at`.
    ///
    /// # Errors
    /// If the definition is not valid.
    pub fn new(event: EventId, definition: &Definition, at: UtcMs) -> Result<Self, ManifestError> {
        let manifest = Manifest::compile(definition)?;
        let mut model = Self {
            event,
            manifest,
            sale: SaleState::Draft,
            seats: Vec::new(),
            blocked_places: BTreeMap::new(),
            released: BTreeSet::new(),
            holds: BTreeMap::new(),
            orders: BTreeMap::new(),
            keys: HashMap::new(),
            beside: Beside::default(),
            waiting: Waiting::default(),
            log: Vec::new(),
        };
        model.add_seats();
        model
            .log
            .push((Stamp { revision: Revision(1), at }, Fact::EventDefined(Box::new(definition.clone()))));
        Ok(model)
    }

    /// Every fact so far.
    #[must_use]
    pub fn log(&self) -> &[(Stamp, Fact)] {
        &self.log
    }

    /// The revision of the last fact.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.log.last().map(|(stamp, _)| stamp.revision).unwrap_or_default()
    }

    /// The time at which a command that comes at `at` is decided.
    #[must_use]
    pub fn time(&self, at: UtcMs) -> UtcMs {
        self.log.last().map_or(at, |(stamp, _)| stamp.at.max(at))
    }

    /// The event.
    #[must_use]
    pub const fn event(&self) -> EventId {
        self.event
    }

    /// What is for sale now.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The sale state.
    #[must_use]
    pub const fn sale_state(&self) -> SaleState {
        self.sale
    }

    /// Logs and applies a fact.
    fn logged(&mut self, t: UtcMs, fact: Fact) -> ModelAnswer {
        let stamp = Stamp { revision: self.revision().next(), at: t };
        self.apply(stamp, &fact);
        self.log.push((stamp, fact.clone()));
        ModelAnswer::Logged(stamp, fact)
    }

    /// Decides; if that is refused for what overdue holds or due allocations may be the reason of, deals with them and
    /// decides again.
    fn decide_and_log(&mut self, t: UtcMs, decide: impl Fn(&Self) -> Decided) -> Answered {
        let mut decided = decide(self);
        if let Err(Instead::Refused(refusal)) = &decided
            && may_clear(refusal)
            && !self.expire_due(t).is_empty()
        {
            decided = decide(self);
        }
        match decided {
            Ok(fact) => Ok(self.logged(t, fact)),
            Err(Instead::Refused(refusal)) => Err(refusal),
            Err(Instead::Answered(answer)) => Ok(*answer),
        }
    }

    fn is_event(&self, event: EventId) -> Result<(), Refusal> {
        if event == self.event { Ok(()) } else { Err(Refusal::UnknownEvent) }
    }

    fn allowed(&self, activity: Activity) -> Result<(), Refusal> {
        let state = self.sale;
        if state.allows(activity) { Ok(()) } else { Err(Refusal::SaleState { state, activity }) }
    }

    /// The outcome remembered under the key, or what to remember with the fact.
    fn keyed<T: Fingerprinted>(
        &self,
        t: UtcMs,
        user: UserId,
        operation: Operation,
        key: Option<&IdempotencyKey>,
        request: &T,
    ) -> Result<Option<Keyed>, Instead> {
        let Some(key) = key else { return Ok(None) };
        let fingerprint = request.fingerprint();
        let known = self.keys.get(&(user, operation, key.clone())).filter(|record| remembered(record.at, t));
        match known {
            None => Ok(Some(Keyed { key: key.clone(), fingerprint })),
            Some(record) if record.fingerprint == fingerprint => {
                let at = usize::try_from(record.revision.0 - 1).unwrap_or(usize::MAX);
                let (stamp, fact) = self.log[at].clone();
                Err(Instead::Answered(Box::new(ModelAnswer::Again(stamp, fact))))
            }
            Some(record) => Err(Refusal::KeyReused { revision: record.revision }.into()),
        }
    }
}

/// Why no fact is logged.
enum Instead {
    Refused(Refusal),
    Answered(Box<ModelAnswer>),
}

type Decided = Result<Fact, Instead>;

impl From<Refusal> for Instead {
    fn from(refusal: Refusal) -> Self {
        Instead::Refused(refusal)
    }
}

impl From<ModelAnswer> for Instead {
    fn from(answer: ModelAnswer) -> Self {
        Instead::Answered(Box::new(answer))
    }
}

/// Whether something of logged time `then` is still remembered at `t`.
fn remembered(then: UtcMs, t: UtcMs) -> bool {
    t.0 / GENERATION_MS < then.0 / GENERATION_MS + GENERATIONS
}

/// Whether the end of overdue holds, or the release of due allocations, may turn the refusal into a yes.
fn may_clear(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::InUse { .. }
            | Refusal::SeatMismatch(_)
            | Refusal::UserLimit { .. }
            | Refusal::IdentityLimit { .. }
            | Refusal::VoucherUsedUp { .. }
            | Refusal::AllocationLocked(_)
            | Refusal::SeatsUnavailable(_)
            | Refusal::AreaExhausted { .. }
            | Refusal::BestAvailableMiss { .. }
            | Refusal::OrphanSeat(_)
            | Refusal::QuotaExhausted { .. }
    )
}
