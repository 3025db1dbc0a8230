//! Double clicks: the same request under the same key from two threads at about the same time. Whoever is accepted
//! must get the same hold.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ticketcore::{BoxOffice, CommandError, Hold, HoldRequest};

use crate::tally::Violations;

/// What is known about a request that is sent twice.
#[derive(Default)]
struct Known {
    /// The hold that either was given.
    hold: Option<Hold>,
    /// The first click was refused: nobody waits for the hold.
    refused: bool,
}

/// The first click.
pub struct Click(Arc<Mutex<Known>>);

/// The second click.
pub struct Twin {
    request: HoldRequest,
    known: Arc<Mutex<Known>>,
}

impl Click {
    /// The two clicks of one request.
    pub fn twice(request: &HoldRequest) -> (Self, Twin) {
        let known = Arc::default();
        (Self(Arc::clone(&known)), Twin { request: request.clone(), known })
    }

    /// Whether the second click was accepted already.
    pub fn is_accepted(&self) -> bool {
        lock(&self.0).hold.is_some()
    }

    /// The first click was accepted.
    pub fn accepted(&self, hold: &Hold, violations: &mut Violations) {
        note(&mut lock(&self.0), hold, violations);
    }

    /// The first click was refused. The hold that the second was given meanwhile, if any: it must be given back.
    pub fn refused(&self) -> Option<Hold> {
        let mut known = lock(&self.0);
        known.refused = true;
        known.hold.clone()
    }
}

impl Twin {
    /// Sends the second click. A hold that nobody waits for is returned and must be given back: what was free again when the second
    /// click came was refused to the first.
    pub fn send(self, office: &BoxOffice, violations: &mut Violations) -> Option<Hold> {
        let first_was_accepted = lock(&self.known).hold.is_some();
        match office.hold(self.request).wait() {
            Ok(hold) => {
                let mut known = lock(&self.known);
                note(&mut known, &hold, violations);
                known.refused.then_some(hold)
            }
            Err(CommandError::Refused(refusal)) => {
                violations.check(!first_was_accepted, || format!("an accepted request, repeated: {refusal}"));
                None
            }
            Err(error) => {
                violations.add(format!("a hold request, repeated: {error}"));
                None
            }
        }
    }
}

fn note(known: &mut Known, hold: &Hold, violations: &mut Violations) {
    let same = known.hold.as_ref().is_none_or(|first| {
        (first.id, &first.lines, first.deadline) == (hold.id, &hold.lines, hold.deadline)
    });
    violations.check(same, || format!("one key was given two holds, {:?} and {:?}", known.hold, hold));
    known.hold.get_or_insert_with(|| hold.clone());
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
