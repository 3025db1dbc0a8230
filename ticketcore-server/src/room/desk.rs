//! [`Desk`]: one waiting room at work.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use ticketcore::admission::{
    Bound, Controller, Health, Meter, Phase, Room, RoomError, RoomJournal, RoomRefusal, Step, WaitEstimate,
};
use ticketcore::store::Store;
use ticketcore::{BoxOffice, EventId, UtcMs};
use tokio::sync::watch;

use super::measure::stock;
use super::status::Status;

/// One waiting room at work: its journal, its controller, and what everybody is told.
pub struct Desk {
    event: EventId,
    journal: ArcSwap<RoomJournal>,
    run: Mutex<Run>,
    status: watch::Sender<Arc<Status>>,
    last: Mutex<Option<Step>>,
}

struct Run {
    controller: Option<Controller>,
    pace: WaitEstimate,
    meter: Meter,
    number: u64,
}

impl Desk {
    /// The desk of an event's room. Waits for the store.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn open(store: Arc<dyn Store>, event: EventId, node: u64) -> Result<Arc<Self>, RoomError> {
        let journal = RoomJournal::open(store, event, node)?;
        let run = Run { controller: None, pace: WaitEstimate::default(), meter: Meter::default(), number: 0 };
        Ok(Arc::new(Self {
            event,
            journal: ArcSwap::new(journal),
            run: Mutex::new(run),
            status: watch::Sender::new(Arc::new(Status::first(event))),
            last: Mutex::new(None),
        }))
    }

    /// The event.
    #[must_use]
    pub const fn event(&self) -> EventId {
        self.event
    }

    /// The room's journal.
    #[must_use]
    pub fn journal(&self) -> Arc<RoomJournal> {
        self.journal.load_full()
    }

    /// Looks at the room.
    ///
    /// # Errors
    /// [`RoomRefusal::NoRoom`].
    pub fn look<T>(&self, look: impl FnOnce(&Room) -> T) -> Result<T, RoomRefusal> {
        self.journal.load().look(look).ok_or(RoomRefusal::NoRoom)
    }

    /// What everybody is told now.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.borrow())
    }

    /// What everybody is told, from now on.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Arc<Status>> {
        self.status.subscribe()
    }

    /// What the last step said.
    #[must_use]
    pub fn last(&self) -> Option<Step> {
        *self.last.lock()
    }

    /// One step: measures, calls people, and tells everybody. Waits for the store.
    ///
    /// # Errors
    /// If the room has stopped; then it is opened again at the next step.
    pub fn step(
        &self,
        store: &Arc<dyn Store>,
        office: &BoxOffice,
        health: Option<Health>,
        (now, node): (UtcMs, u64),
    ) -> Result<(), RoomError> {
        let mut run = self.run.lock();
        if self.journal.load().stopped().is_some() {
            self.journal.store(RoomJournal::open(Arc::clone(store), self.event, node)?);
            run.meter = Meter::default();
        }
        let journal = self.journal();
        let left = office.availability(self.event).ok();
        let (sale, stock) = (left.as_ref().map(|left| left.sale_state), left.as_ref().map(stock));
        let mut told = None;
        let written = journal.change(now, |room, now| {
            room.forget_ended(now);
            room.grow_tree();
            // The sale leads: when it opens the room does, when it is over so is the room.
            if let Some(next) =
                sale.map(|sale| room.phase().follow(sale)).filter(|next| *next != room.phase())
            {
                return Ok((true, Some(room.become_phase(next)?)));
            }
            let measured = run.meter.measure(room, now, health, stock);
            let config = room.config().control;
            let controller = run.controller.get_or_insert_with(|| Controller::new(&config));
            let step = if room.phase() == Phase::Open {
                controller.step(&config, &measured)
            } else {
                idle(controller, &measured)
            };
            told = Some(step);
            let call = if room.phase() == Phase::Open { room.call(step.call)? } else { None };
            Ok((false, call))
        })?;
        let moved = written.wait()?;
        if moved {
            drop(run);
            return self.step(store, office, health, (now, node));
        }
        let Some(step) = told else { return Ok(()) };
        *self.last.lock() = told;
        run.number += 1;
        let (number, pace) = (run.number, &mut run.pace);
        let made = journal.look(|room| {
            if room.phase() == Phase::Open {
                pace.record(now, room.called());
            }
            Status::new(number, room, &step, pace.clone(), now)
        });
        if let Some(status) = made {
            self.status.send_replace(Arc::new(status));
        }
        Ok(())
    }
}

/// What a controller says that is not asked.
fn idle(controller: &Controller, measured: &ticketcore::admission::Measured) -> Step {
    let sold_out = measured.stock.is_some_and(|stock| stock.free == 0 && stock.held == 0);
    Step {
        call: 0,
        limit: controller.limit(),
        bound: if sold_out { Bound::SoldOut } else { Bound::Operator },
        show: 1.0,
        tickets_per_person: 0.0,
        enough_for: None,
    }
}
