//! What every answer and every end state must fulfil, whatever the rules: see `shadow` for those.

use std::collections::{BTreeMap, BTreeSet};

use ticketcore::{
    BoxOffice, EventId, Hold, HoldId, IdempotencyKey, Operation, Order, OrderState, SEATS_PER_MAP_WORD,
    SeatIndex, SeatState, UserId, UtcMs,
};

use crate::event::SEATS;

/// User, operation, key.
type Keyed = (UserId, Operation, IdempotencyKey);

/// See the module.
#[derive(Default)]
pub struct Judge {
    /// The latest time the clock has ever shown.
    pub latest: UtcMs,
    sold: BTreeMap<SeatIndex, HoldId>,
    owned: BTreeMap<UserId, BTreeSet<HoldId>>,
    places: BTreeMap<HoldId, u32>,
    keys: BTreeMap<(UserId, u8, String), HoldId>,
}

impl Judge {
    /// Nothing has been answered yet and the clock shows `now`.
    pub fn new(now: UtcMs) -> Self {
        Self { latest: now, ..Self::default() }
    }

    /// Somebody was told that this is held.
    pub fn hold(&mut self, hold: &Hold, keyed: Option<Keyed>) {
        assert!(hold.at <= self.latest, "I8: logged at {}, the clock never passed {}", hold.at, self.latest);
        assert!(hold.deadline > hold.at, "I4: a hold is alive when it is answered first");
        assert!(hold.lines.seats.is_sorted_by(|a, b| a.seat < b.seat), "seats ascend");
        assert_eq!(hold.total_minor, hold.lines.total_minor().expect("small prices"));
        self.key(keyed, hold.id, hold.replayed);
        for line in &hold.lines.seats {
            let owner = self.sold.get(&line.seat);
            let mine = owner.is_none_or(|owner| *owner == hold.id);
            assert!(mine || hold.replayed, "I1: {:?} was sold to {owner:?}", line.seat);
        }
    }

    /// Somebody was told that this is ordered.
    pub fn order(&mut self, order: &Order, keyed: Option<Keyed>) {
        let hold = order.id.hold();
        self.key(keyed, hold, false);
        if order.state != OrderState::Confirmed {
            assert_eq!(order.tickets().count(), 0, "no ticket before the sale");
            return;
        }
        let places = order.lines.places();
        assert_eq!(
            order.tickets().count(),
            usize::try_from(places).expect("few"),
            "a ticket for every place"
        );
        for line in &order.lines.seats {
            let before = self.sold.insert(line.seat, hold);
            assert!(before.is_none_or(|before| before == hold), "I1: {:?} was sold twice", line.seat);
        }
        self.owned.entry(order.user).or_default().insert(hold);
        self.places.insert(hold, places);
        let owned: u32 = self.owned[&order.user].iter().map(|hold| self.places[hold]).sum();
        assert!(owned <= 5, "I10: {:?} owns {owned}", order.user);
    }

    /// One key, one outcome.
    fn key(&mut self, keyed: Option<Keyed>, id: HoldId, replayed: bool) {
        let Some((user, operation, key)) = keyed else { return };
        let name = (user, operation as u8, key.as_str().to_owned());
        let known = self.keys.insert(name, id);
        assert!(
            !replayed || known.is_none_or(|known| known == id),
            "I3: {key:?} named {known:?}, now {id:?}"
        );
    }

    /// What is left at the end: the live state is what the journal leads to, and the counters are those of the map.
    pub fn state(&self, office: &BoxOffice, event: EventId) {
        assert_eq!(office.stopped(event), None, "the event goes on");
        let live = office.state_bytes(event).expect("the event is open");
        let folded = office.folded_bytes(event).expect("the journal can be folded");
        assert!(live == folded, "I8: the live state is not what the journal leads to");
        let mut map = Vec::new();
        let revision = office.seat_map(event, &mut map).expect("the event is open");
        let left = office.availability(event).expect("the event is open");
        assert_eq!(left.revision, revision, "map and counters show the same revision");
        let manifest = office.manifest(event).expect("the event is open");
        let state = |seat: SeatIndex| {
            SeatState::from_bits(map[seat.at() / SEATS_PER_MAP_WORD] >> (seat.at() % SEATS_PER_MAP_WORD * 2))
        };
        let count = |wanted| manifest.seats().filter(|seat| state(*seat) == wanted).count();
        let sum = |of: fn(&ticketcore::Counts) -> u32| left.sections.iter().map(of).sum::<u32>() as usize;
        assert_eq!(count(SeatState::Free), sum(|counts| counts.free), "I2: free");
        assert_eq!(count(SeatState::Held), sum(|counts| counts.held), "I2: held");
        assert_eq!(count(SeatState::Sold), sum(|counts| counts.sold), "I2: sold");
        assert_eq!(count(SeatState::Blocked), sum(|counts| counts.blocked), "I2: blocked");
        assert!(manifest.seats().count() <= SEATS as usize);
        for seat in self.sold.keys() {
            assert_eq!(state(*seat), SeatState::Sold, "I5: {seat:?} was sold");
        }
    }
}
