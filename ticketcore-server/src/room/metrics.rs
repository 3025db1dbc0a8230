//! [`RoomMetrics`]: how each waiting room stands.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::rooms::Rooms;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEvent {
    event: String,
}

/// How each waiting room stands, by event.
#[derive(Default)]
pub struct RoomMetrics {
    active: Family<OfEvent, Gauge>,
    limit: Family<OfEvent, Gauge>,
    waiting: Family<OfEvent, Gauge>,
    joined: Family<OfEvent, Gauge>,
    called: Family<OfEvent, Gauge>,
}

impl RoomMetrics {
    /// All rooms, as they will be [noted](Self::note).
    pub fn new(registry: &mut Registry) -> Self {
        let rooms = Self::default();
        registry.register("room_active", "People inside", rooms.active.clone());
        registry.register("room_limit", "People who may be inside", rooms.limit.clone());
        registry.register("room_waiting", "People who wait to be called", rooms.waiting.clone());
        registry.register("room_joined", "Places given out", rooms.joined.clone());
        registry.register("room_called", "Places called", rooms.called.clone());
        rooms
    }

    /// Notes how they stand now.
    pub fn note(&self, rooms: &Rooms) {
        for desk in rooms.all() {
            let label = OfEvent { event: desk.event().to_string() };
            let now = desk.now(rooms.now());
            let Ok((joined, called, active)) =
                desk.look(|room| (room.joined(), room.called(), room.active(now)))
            else {
                continue;
            };
            let set = |family: &Family<OfEvent, Gauge>, value: u64| {
                family.get_or_create(&label).set(i64::try_from(value).unwrap_or(i64::MAX));
            };
            set(&self.joined, joined);
            set(&self.called, called);
            set(&self.active, active.into());
            set(&self.waiting, joined.saturating_sub(called));
            if let Some(step) = desk.last() {
                set(&self.limit, step.limit.into());
            }
        }
    }
}
