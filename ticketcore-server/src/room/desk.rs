//! [`Desk`]: one waiting room at work.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use ticketcore::admission::{
    Bound, Controller, Health, Measured, Meter, Phase, Room, RoomError, RoomJournal, RoomRefusal, Step,
    WaitEstimate,
};
use ticketcore::store::Store;
use ticketcore::{BoxOffice, EventId, UtcMs};
use tokio::sync::watch;

use super::measure::stock;
use super::status::Status;

/// One waiting room at work: its journal, its controller, and what everybody is told.
pub struct Desk {
    event: EventId,
    /// Random: what this desk numbers no other has numbered, before a restart or after.
    series: u64,
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
    /// The desk of an event's room. Waits for the store. `node` is a random number that was never used before.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn open(store: Arc<dyn Store>, event: EventId, node: u64) -> Result<Arc<Self>, RoomError> {
        let journal = RoomJournal::open(store, event, node)?;
        let run = Run { controller: None, pace: WaitEstimate::default(), meter: Meter::default(), number: 0 };
        Ok(Arc::new(Self {
            event,
            series: node,
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

    /// The room's time when a clock says `clock`: by it is told who is inside, and how long tokens are good.
    #[must_use]
    pub fn now(&self, clock: UtcMs) -> UtcMs {
        self.journal.load().now(clock)
    }

    /// Looks at the room.
    ///
    /// # Errors
    /// [`RoomRefusal::NoRoom`].
    pub fn look<T>(&self, look: impl FnOnce(&Room) -> T) -> Result<T, RoomRefusal> {
        self.journal.load().look(look).ok_or(RoomRefusal::NoRoom)
    }

    /// Looks at the room, at its time when a clock says `clock`.
    ///
    /// # Errors
    /// [`RoomRefusal::NoRoom`].
    pub fn look_at<T>(&self, clock: UtcMs, look: impl FnOnce(&Room, UtcMs) -> T) -> Result<T, RoomRefusal> {
        self.journal.load().look_at(clock, look).ok_or(RoomRefusal::NoRoom)
    }

    /// What everybody is told now.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.borrow())
    }

    /// The name of what everybody is told, as `ETag` says it: other bytes have another name, in another process, too.
    #[must_use]
    pub fn etag(&self, status: &Status) -> String {
        format!("\"{:x}-{}\"", self.series, status.number)
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
        (clock, node): (UtcMs, u64),
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
        let written = journal.change(clock, |room, now| {
            room.forget_ended(now);
            room.grow_tree();
            // The sale leads: when it opens the room does, when it is over so is the room.
            if let Some(next) =
                sale.map(|sale| room.phase().follow(sale)).filter(|next| *next != room.phase())
            {
                return Ok((true, Some(room.become_phase(next)?)));
            }
            // The controller goes by the clock that the shop was measured by: for who waits time must pass, though the room's time
            // stands until a clock that was set back has caught up.
            let measured = Measured { at: clock, ..run.meter.measure(room, now, health, stock) };
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
            return self.step(store, office, health, (clock, node));
        }
        let Some(step) = told else { return Ok(()) };
        *self.last.lock() = told;
        run.number += 1;
        let (number, pace) = (run.number, &mut run.pace);
        let made = journal.look(|room| {
            if room.phase() == Phase::Open {
                pace.record(clock, room.called());
            }
            Status::new(number, room, &step, pace.clone(), clock)
        });
        if let Some(status) = made {
            self.status.send_replace(Arc::new(status));
        }
        Ok(())
    }
}

/// What a controller says that is not asked.
fn idle(controller: &Controller, measured: &Measured) -> Step {
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

#[cfg(test)]
mod tests {
    use ticketcore::admission::{Joined, RoomConfig, RoomFact};
    use ticketcore::store::MemoryStore;
    use ticketcore::{Options, UserId};

    use super::*;

    const EVENT: EventId = EventId(3);

    fn desk(store: &Arc<dyn Store>, node: u64) -> Arc<Desk> {
        Desk::open(Arc::clone(store), EVENT, node).unwrap()
    }

    #[test]
    fn a_status_after_a_restart_is_not_taken_for_one_of_before() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let (before, after) = (desk(&store, 1), desk(&store, 0xab));
        assert_eq!(before.status().number, after.status().number);
        assert_eq!(before.etag(&before.status()), "\"1-0\"");
        assert_eq!(after.etag(&after.status()), "\"ab-0\"");
    }

    #[test]
    fn people_are_called_after_the_clock_was_set_back() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let options = Options { manual_expiry: true, ..Options::default() };
        let office = BoxOffice::open_shared(Arc::clone(&store), options).unwrap();
        let desk = desk(&store, 1);
        let config = RoomConfig::default();
        let first = RoomFact::RoomOpened { config: Box::new(config), draw_key: [1; 32], tag_key: [2; 32] };
        assert!(desk.journal().set_up(UtcMs(1), first).unwrap().wait().unwrap());
        let decide = |decide: &dyn Fn(&Room) -> Result<Option<RoomFact>, RoomRefusal>| {
            desk.journal().change(UtcMs(2), |room, _| Ok(((), decide(room)?))).unwrap().wait().unwrap();
        };
        decide(&|room| room.become_phase(Phase::Open).map(Some));
        for person in 0..1_000_u128 {
            decide(&|room| match room.join(room.tagger().user(UserId::from(person)), UtcMs(2))? {
                Joined::Now(_, fact) => Ok(Some(fact)),
                Joined::Before(_) => Ok(None),
            });
        }
        let step = |at: u64| {
            let health = Health { at: UtcMs(at), ..Health::default() };
            desk.step(&store, &office, Some(health), (UtcMs(at), 2)).unwrap();
            (desk.look(Room::called).unwrap(), desk.last().unwrap())
        };
        let (before, _) = step(1_000_000_000);
        assert!((1..1_000).contains(&before));
        step(5_000);
        let (after, told) = step(6_000);
        assert!(after > before, "{told:?}");
        assert!(told.bound != Bound::Health, "what was just measured is not old: {told:?}");
        assert_eq!(desk.now(UtcMs(6_000)), UtcMs(1_000_000_000));
    }
}
