//! Which events are open, and how they become so. One thread opens an event; commands that come meanwhile queue up (bounded).

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hashbrown::HashMap;

use super::Office;
use super::maintenance::Job;
use crate::answer::{CommandError, FromAnswer};
use crate::command::Command;
use crate::event::{EventCore, OpenError, Submitted, Verdict};
use crate::id::EventId;
use crate::limits::OPENING_QUEUE_MAX;
use crate::log::{Slot, SlotFuture, Stop};
use crate::refusal::Refusal;
use crate::sync::atomic::Ordering;

use super::Pending;

/// Why nothing is opened any more.
const CLOSED: &str = "the box office was closed";

/// Who waits for an event to open.
pub(super) enum Waiter {
    Command(Box<Command>, Arc<Slot<Verdict>>),
    Reader(Arc<Slot<Opened>>),
}

/// What becomes of an opening.
pub(super) type Opened = Result<Arc<EventCore>, CommandError>;

/// Those who wait for an event to open, in the order they came.
pub(super) type Opening = VecDeque<Waiter>;

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
            if self.settings.manual {
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
        let Some(waiting) = self.waiting(&mut opening, event) else {
            return Ok(Submitted::Ready(Err(overloaded())));
        };
        let slot = Slot::new();
        waiting.push_back(Waiter::Command(Box::new(command), Arc::clone(&slot)));
        Ok(Submitted::Waiting(slot))
    }

    /// Where those wait who want `event` opened, which it will be; `None` if there are too many already.
    fn waiting<'a>(
        &self,
        opening: &'a mut HashMap<EventId, Opening>,
        event: EventId,
    ) -> Option<&'a mut Opening> {
        let waiting = opening.entry(event).or_insert_with(|| {
            self.jobs.push(Job::Open(event));
            Opening::default()
        });
        (waiting.len() < OPENING_QUEUE_MAX).then_some(waiting)
    }

    /// The open event, for a caller that must not block: the maintenance thread opens it. Without that thread it is opened here.
    pub(super) async fn open_soon(self: Arc<Self>, event: EventId) -> Opened {
        if let Some(core) = self.events.load().get(&event) {
            return Ok(Arc::clone(core));
        }
        if self.settings.manual {
            return self.open_event(event);
        }
        let slot = {
            let mut opening = self.opening.lock();
            if let Some(core) = self.events.load().get(&event) {
                return Ok(Arc::clone(core));
            }
            // A future may outlive the office. Whoever ends it says so before it tells those who wait.
            if self.jobs.has_ended() {
                return Err(CommandError::Failed { reason: CLOSED.to_owned() });
            }
            let waiting = self.waiting(&mut opening, event).ok_or_else(overloaded)?;
            let slot = Slot::new();
            waiting.push_back(Waiter::Reader(Arc::clone(&slot)));
            slot
        };
        SlotFuture(&slot).await
    }

    /// Opens an event for the commands that wait for it. Runs on the maintenance thread.
    pub(super) fn open_queued(self: &Arc<Self>, event: EventId) {
        let panicked =
            |_| Err(CommandError::Failed { reason: "a panic while the event was opened".to_owned() });
        loop {
            let opened = catch_unwind(AssertUnwindSafe(|| self.open_event(event))).unwrap_or_else(panicked);
            loop {
                let (command, slot) = match self.next_waiting(event) {
                    Some(Waiter::Command(command, slot)) => (*command, slot),
                    Some(Waiter::Reader(slot)) => {
                        slot.fill(opened.clone());
                        continue;
                    }
                    None => return,
                };
                let core = match &opened {
                    Ok(core) => core,
                    Err(error) => {
                        slot.fill(Err(command.kept_from(error.clone())));
                        continue;
                    }
                };
                let submit = || core.submit(&command, Some(Arc::clone(&slot)));
                match catch_unwind(AssertUnwindSafe(submit)) {
                    Ok(Submitted::Closed) => {
                        self.forget(core);
                        let again = Waiter::Command(Box::new(command), slot);
                        self.opening.lock().entry(event).or_default().push_front(again);
                        break;
                    }
                    Ok(Submitted::Ready(outcome)) => slot.fill(outcome),
                    Ok(Submitted::Waiting(_)) => {}
                    Err(_) => slot.fill(Err(CommandError::Unknown { reason: "a panic".to_owned() })),
                }
            }
        }
    }

    /// The next that waits for `event`. If there is none, the event counts as open from now on.
    fn next_waiting(&self, event: EventId) -> Option<Waiter> {
        let mut opening = self.opening.lock();
        let next = opening.get_mut(&event).and_then(VecDeque::pop_front);
        if next.is_none() {
            opening.remove(&event);
        }
        next
    }

    /// Tells those who wait for an event to open that it will not.
    pub(super) fn end_openings(&self) {
        let waiting: Vec<_> = self.opening.lock().drain().flat_map(|(_, waiting)| waiting).collect();
        let reason = || CLOSED.to_owned();
        for waiter in waiting {
            match waiter {
                Waiter::Command(command, slot) => slot.fill(Err(command.not_decided(reason()))),
                Waiter::Reader(slot) => slot.fill(Err(CommandError::Failed { reason: reason() })),
            }
        }
    }

    /// The open event, opened on this thread if need be.
    pub(super) fn open_event(self: &Arc<Self>, event: EventId) -> Result<Arc<EventCore>, CommandError> {
        if let Some(core) = self.events.load().get(&event) {
            return Ok(Arc::clone(core));
        }
        let opener = Arc::clone(self.openers.lock().entry(event).or_default());
        let opened = {
            // One at a time: an event that was read before another thread opened, used and closed it would be out of date.
            let _alone = opener.lock();
            self.open_alone(event)
        };
        let mut openers = self.openers.lock();
        if Arc::strong_count(&opener) == 2 {
            openers.remove(&event);
        }
        opened
    }

    fn open_alone(self: &Arc<Self>, event: EventId) -> Result<Arc<EventCore>, CommandError> {
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
        let core = match EventCore::open(event, &self.store, clock, node, self.settings, ask) {
            Ok(core) => core,
            Err(OpenError::Undefined) => return Err(Refusal::UnknownEvent.into()),
            Err(error) => return Err(CommandError::Failed { reason: error.to_string() }),
        };
        let _opening = self.opening.lock();
        let mut events = HashMap::clone(&self.events.load());
        events.insert(event, Arc::clone(&core));
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

fn overloaded() -> CommandError {
    Refusal::Overloaded { retry_after_ms: 1_000 }.into()
}
