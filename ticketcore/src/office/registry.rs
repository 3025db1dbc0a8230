//! Which events are open, and how they become so. One thread opens an event; commands that come meanwhile queue up (bounded).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::HashMap;

use super::Office;
use super::maintenance::Job;
use crate::answer::{CommandError, FromAnswer};
use crate::command::Command;
use crate::event::{EventCore, OpenError, Outcome, Submitted};
use crate::id::EventId;
use crate::limits::OPENING_QUEUE_MAX;
use crate::log::{Slot, Stop};
use crate::refusal::Refusal;

use super::Pending;

/// Commands that wait for an event to open.
#[derive(Default)]
pub(super) struct Opening {
    waiting: Vec<(Command, Arc<Slot<Outcome>>)>,
}

impl Office {
    /// Hands a command to its event, opening it if need be.
    pub(super) fn submit<T: FromAnswer>(self: &Arc<Self>, event: EventId, command: Command) -> Pending<T> {
        Pending::new(self.hand_in(event, command))
    }

    fn hand_in(self: &Arc<Self>, event: EventId, mut command: Command) -> Submitted {
        loop {
            if let Some(core) = self.events.load().get(&event) {
                if !core.log.stopped().is_some_and(Stop::is_over_when_opened) {
                    match core.submit(&command, None) {
                        Submitted::Closed => {}
                        done => return done,
                    }
                }
                self.forget(core);
            }
            if self.manual {
                match self.open_event(event) {
                    Ok(_) => continue,
                    Err(error) => return Submitted::Ready(Err(command.kept_from(error))),
                }
            }
            match self.queue(event, command) {
                Ok(submitted) => return submitted,
                Err(back) => command = back,
            }
        }
    }

    /// Lets a command wait for its event; gives it back if the event has been opened meanwhile.
    #[expect(clippy::result_large_err, reason = "the command is handed back, moved once")]
    fn queue(&self, event: EventId, command: Command) -> Result<Submitted, Command> {
        let mut opening = self.opening.lock();
        if self.events.load().contains_key(&event) {
            return Err(command);
        }
        let entry = opening.entry(event).or_insert_with(|| {
            self.jobs.push(Job::Open(event));
            Opening::default()
        });
        if entry.waiting.len() >= OPENING_QUEUE_MAX {
            return Ok(Submitted::Ready(Err(Refusal::Overloaded { retry_after_ms: 1_000 }.into())));
        }
        let slot = Slot::new();
        entry.waiting.push((command, Arc::clone(&slot)));
        Ok(Submitted::Waiting(slot))
    }

    /// Opens an event for the commands that wait for it. Runs on the maintenance thread.
    pub(super) fn open_queued(self: &Arc<Self>, event: EventId) {
        let opened = self.open_event(event);
        loop {
            let waiting = {
                let mut opening = self.opening.lock();
                match opening.get_mut(&event) {
                    Some(entry) if !entry.waiting.is_empty() => std::mem::take(&mut entry.waiting),
                    _ => {
                        opening.remove(&event);
                        return;
                    }
                }
            };
            for (command, slot) in waiting {
                match &opened {
                    Ok(core) => match core.submit(&command, Some(Arc::clone(&slot))) {
                        Submitted::Closed => {
                            let reason = "the event was closed".to_owned();
                            slot.fill(Err(command.not_decided(reason)));
                        }
                        Submitted::Ready(outcome) => slot.fill(outcome),
                        Submitted::Waiting(_) => {}
                    },
                    Err(error) => slot.fill(Err(command.kept_from(error.clone()))),
                }
            }
        }
    }

    /// The open event, opened on this thread if need be.
    pub(super) fn open_event(self: &Arc<Self>, event: EventId) -> Result<Arc<EventCore>, CommandError> {
        if let Some(core) = self.events.load().get(&event) {
            return Ok(Arc::clone(core));
        }
        if self.catalogue.entries().event(event).is_none() {
            self.catalogue.refresh()?;
            if self.catalogue.entries().event(event).is_none() {
                return Err(Refusal::UnknownEvent.into());
            }
        }
        let jobs = Arc::clone(&self.jobs);
        let ask = Arc::new(move |ask| jobs.push(Job::Ask(event, ask)));
        // Every opening names its batches anew: an append of an earlier one that is still under way must not look like ours.
        let opening = self.openings.fetch_add(1, Ordering::Relaxed);
        let node = self.node.wrapping_add(opening.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let clock = Arc::clone(&self.clock);
        let core = match EventCore::open(event, &self.store, clock, node, self.canaries, ask, self.manual) {
            Ok(core) => core,
            Err(OpenError::Undefined) => return Err(Refusal::UnknownEvent.into()),
            Err(error) => return Err(CommandError::Failed { reason: error.to_string() }),
        };
        let _opening = self.opening.lock();
        let mut events = HashMap::clone(&self.events.load());
        // Another thread may have been faster; its event is as good.
        let core = Arc::clone(events.entry(event).or_insert(core));
        self.events.store(Arc::new(events));
        Ok(core)
    }

    /// Takes an event out of the open ones.
    pub(super) fn forget(&self, core: &Arc<EventCore>) {
        let _opening = self.opening.lock();
        let mut events = HashMap::clone(&self.events.load());
        if events.get(&core.id).is_some_and(|open| Arc::ptr_eq(open, core)) {
            events.remove(&core.id);
            self.events.store(Arc::new(events));
        }
    }
}
