//! The durable view of one event: everything that may be told to anybody. It is folded from what the store has accepted, batch by
//! batch, and published before anybody who waits for a batch is woken. Maps, counters and lists read only this.

mod counts;
mod state;

use std::sync::Arc;

pub use counts::{Availability, Counts, PlaceCounts};
use hashbrown::HashMap;
use state::ViewState;

use crate::fact::{Fact, Lines, SeatChange, Stamp};
use crate::id::{AllocationIndex, AreaIndex, HoldNumber, QuotaIndex, Revision, SeatIndex};
use crate::invariant::{Invariant, Violation};
use crate::log::Sent;
use crate::manifest::Manifest;
use crate::refusal::{SeatConflict, SeatState};
use crate::sale::SaleState;
use crate::store::{Record, Records};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{ArcSwap, Mutex};
use crate::time::UtcMs;

/// Seats of a 2-bit map per word.
pub const SEATS_PER_MAP_WORD: usize = 32;

/// See the module.
pub(crate) struct View {
    /// Two bits a seat. Written under `state`'s lock, read without for single seats.
    map: ArcSwap<Vec<AtomicU64>>,
    state: Mutex<ViewState>,
}

/// What a view is made of when it does not start at the first fact.
pub(crate) struct Restored<'a> {
    pub stamp: Stamp,
    pub manifest: &'a Arc<Manifest>,
    pub sale_state: SaleState,
    /// Every real seat with its allocation and whether it is blocked.
    pub seats: Vec<(SeatIndex, Option<AllocationIndex>, bool)>,
    pub blocked_places: Vec<(AreaIndex, Option<AllocationIndex>, u32)>,
    /// Live holds; those that an order pins with its deadline.
    pub holds: Vec<(HoldNumber, &'a Lines, Option<UtcMs>)>,
    /// Lines of confirmed orders.
    pub sold: Vec<&'a Lines>,
}

impl View {
    /// The view of an event that has just been defined.
    pub fn new(stamp: Stamp, manifest: Arc<Manifest>) -> Self {
        let mut state = ViewState {
            map: Arc::default(),
            revision: stamp.revision,
            at: stamp.at,
            manifest: Arc::clone(&manifest),
            sale_state: SaleState::Draft,
            allocation_of: Vec::new(),
            sections: Vec::new(),
            allocations: Vec::new(),
            places: Vec::new(),
            quotas: Vec::new(),
            holds: 0,
            open_orders: HashMap::new(),
        };
        let map = ArcSwap::from_pointee(Vec::new());
        state.grow(&map, &manifest);
        Self { map, state: Mutex::new(state) }
    }

    /// The view of an event read from a snapshot.
    pub fn restored(from: &Restored<'_>) -> Result<Self, Violation> {
        use SeatState::{Blocked, Free, Held, Sold};
        let view = Self::new(from.stamp, Arc::clone(from.manifest));
        let mut state = view.state.lock();
        state.sale_state = from.sale_state;
        let mut fits = true;
        for (seat, allocation, blocked) in &from.seats {
            fits &= state.reallocate(*seat, *allocation);
            fits &= !blocked || state.shift_seat(*seat, Free, Blocked);
        }
        for (area, allocation, blocked) in &from.blocked_places {
            fits &= state.block_places(*area, *allocation, *blocked);
        }
        for (number, lines, deadline) in &from.holds {
            state.holds += 1;
            if let Some(deadline) = deadline {
                state.open_orders.insert(*number, *deadline);
            }
            fits &= state.shift_lines(lines, Free, Held);
        }
        for lines in &from.sold {
            fits &= state.shift_lines(lines, Free, Sold);
        }
        drop(state);
        let what = "the snapshot's counters do not add up";
        if fits {
            Ok(view)
        } else {
            Err(Violation::new(Invariant::I2Conservation, from.stamp.revision, what))
        }
    }

    /// Whether every seat of the list is in the state the list says, all at one revision. No lock for a single seat.
    pub fn shows(&self, conflicts: &[SeatConflict]) -> bool {
        let state = (conflicts.len() > 1).then(|| self.state.lock());
        let map = self.map.load();
        let shown = |seat: SeatIndex| {
            let word = map.get(seat.at() / SEATS_PER_MAP_WORD)?.load(Ordering::Acquire);
            Some(SeatState::from_bits(word >> (seat.at() % SEATS_PER_MAP_WORD * 2)))
        };
        let all = conflicts.iter().all(|conflict| shown(conflict.seat) == Some(conflict.state));
        drop(state);
        all
    }

    /// Copies the 2-bit map of all seats and says which revision it shows, and under which manifest.
    pub fn copy_map(&self, into: &mut Vec<u64>) -> (Revision, Arc<Manifest>) {
        let state = self.state.lock();
        into.clear();
        into.extend(state.map.iter().map(|word| word.load(Ordering::Relaxed)));
        (state.revision, Arc::clone(&state.manifest))
    }

    /// What is left.
    pub fn availability(&self) -> Availability {
        self.state.lock().availability()
    }

    /// What is left, the map of all seats and the manifest, all at one revision.
    pub fn look(&self, into: &mut Vec<u64>) -> (Availability, Arc<Manifest>) {
        let state = self.state.lock();
        into.clear();
        into.extend(state.map.iter().map(|word| word.load(Ordering::Relaxed)));
        (state.availability(), Arc::clone(&state.manifest))
    }

    /// The manifest at the durable revision.
    pub fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.state.lock().manifest)
    }

    /// Where the event stands.
    pub fn sale_state(&self) -> SaleState {
        self.state.lock().sale_state
    }

    /// Tickets left of a quota, if there is one.
    pub fn quota_left(&self, quota: QuotaIndex) -> Option<u32> {
        self.state.lock().quotas.get(quota.at()).map(|counts| counts.free)
    }

    /// Places left of an area, over all its pools, if there is one.
    pub fn area_left(&self, area: AreaIndex) -> Option<u32> {
        let of = |pool: &PlaceCounts| (pool.area == area).then_some(pool.counts.free);
        self.state.lock().places.iter().filter_map(of).reduce(|all, free| all + free)
    }

    /// Whether any seat is free.
    pub fn has_free_seats(&self) -> bool {
        self.state.lock().sections.iter().any(|counts| counts.free > 0)
    }

    /// Folds records, the first of which has revision `first`. `facts` are the same, decoded, or empty.
    pub fn fold(&self, first: Revision, records: &Records, facts: &[Sent]) -> Result<(), Violation> {
        let mut state = self.state.lock();
        if facts.is_empty() {
            return records.iter(first).try_for_each(|record| self.fold_record(&mut state, record));
        }
        let mut revision = first;
        for Sent { at, fact } in facts {
            self.fold_fact(&mut state, Stamp { revision, at: *at }, fact)?;
            revision = revision.next();
        }
        Ok(())
    }

    /// Folds one fact.
    pub fn fold_one(&self, stamp: Stamp, fact: &Fact) -> Result<(), Violation> {
        self.fold_fact(&mut self.state.lock(), stamp, fact)
    }

    fn fold_record(&self, state: &mut ViewState, record: Record<'_>) -> Result<(), Violation> {
        let broken = |what: String| Violation::new(Invariant::I8SameFacts, record.stamp.revision, what);
        let fact = Fact::decode(record.body).map_err(|error| broken(error.to_string()))?;
        self.fold_fact(state, record.stamp, &fact)
    }

    fn fold_fact(&self, state: &mut ViewState, stamp: Stamp, fact: &Fact) -> Result<(), Violation> {
        use SeatState::{Blocked, Free, Held, Sold};
        let broken = |what: &str| Violation::new(Invariant::I2Conservation, stamp.revision, what);
        if stamp.revision != state.revision.next() {
            return Err(broken(&format!("the view is at {}", state.revision)));
        }
        let fits = match fact {
            Fact::HoldPlaced(placed) => {
                state.holds += 1;
                state.shift_lines(&placed.lines, Free, Held)
            }
            Fact::HoldPlacedWith(f) => {
                state.holds += 1;
                state.shift_lines(&f.placed.lines, Free, Held)
            }
            Fact::HoldAmended(amended) => {
                state.shift_lines(&amended.removed, Held, Free)
                    && state.shift_lines(&amended.added, Free, Held)
            }
            Fact::HoldExtended(_) => true,
            Fact::HoldEnded(ended) => {
                state.end_hold(ended.hold) && state.shift_lines(&ended.lines, Held, Free)
            }
            Fact::OrderOpened(opened) => {
                state.open_orders.insert(opened.hold, opened.payment_deadline).is_none()
            }
            Fact::CheckoutOpened(f) => {
                state.open_orders.insert(f.opened.hold, f.opened.payment_deadline).is_none()
            }
            Fact::OrderStepped(f) => state.step(f),
            Fact::OrderConfirmed(f) => state.end_hold(f.order) && state.shift_lines(&f.lines, Held, Sold),
            Fact::OrderCancelled(f) => state.end_hold(f.order) && state.shift_lines(&f.lines, Held, Free),
            Fact::SeatsChanged(changed) => changed.seats.iter().all(|&seat| match changed.change {
                SeatChange::Block => state.shift_seat(seat, Free, Blocked),
                SeatChange::Unblock => state.shift_seat(seat, Blocked, Free),
                SeatChange::Reallocate(to) => state.reallocate(seat, to),
            }),
            Fact::PlacesChanged(f) => state.block_places(f.area, f.allocation, f.blocked),
            Fact::SaleStateChanged { to } => {
                state.sale_state = *to;
                true
            }
            Fact::AllocationReleased { .. }
            | Fact::PaymentRulesSet(_)
            | Fact::WaitingRulesSet(_)
            | Fact::WaitingJoined(_)
            | Fact::WaitingLeft(_)
            | Fact::VouchersAdded(_)
            | Fact::VouchersRevoked(_) => true,
            Fact::ManifestChanged(change) => match state.manifest.changed(change) {
                Ok(manifest) => {
                    for &seat in &change.dropped {
                        state.drop_seat(seat);
                    }
                    let known = state.quotas.len();
                    state.grow(&self.map, &Arc::new(manifest))
                        && state.count_quotas(known, &change.new_quotas)
                }
                Err(_) => false,
            },
            Fact::EventDefined(_) => false,
        };
        state.revision = stamp.revision;
        state.at = stamp.at;
        if fits { Ok(()) } else { Err(broken("the durable counters do not add up")) }
    }
}
