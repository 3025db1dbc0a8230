//! [`Snapshot`]: what everybody may read of an event at one revision, ready to be sent.

use std::io;
use std::sync::Arc;

use serde::Serialize;
use ticketcore::{EventId, Revision, SaleState};
use utoipa::ToSchema;

use super::change::{Change, Side};
use super::encoding::Effort;
use super::geometry::Geometry;
use super::history::History;
use super::look::{Look, map_bytes};
use super::options::PublishOptions;
use super::representation::Representation;
use super::seats::{MAP_KIND, Parts, SeatList};
use crate::api::shapes::rfc3339;
use crate::http::{Code, Problem};

/// How answers are cached.
pub const CACHED: &str = "public, max-age=1";

/// What everybody may read of an event at one revision, ready to be sent, with the changes that led to it. Immutable.
#[derive(Debug)]
pub struct Snapshot {
    /// The revision.
    pub revision: Revision,
    /// Where the sale stands.
    pub sale_state: SaleState,
    /// What follows from the manifest alone.
    pub geometry: Arc<Geometry>,
    /// What is left: [`Left`].
    pub sections: Representation,
    /// All seats, two bits each.
    pub bitmap: Representation,
    /// The changes that led to it.
    pub history: History,
    areas_left: Vec<u32>,
    pub(super) parts: Parts,
}

/// What `GET .../availability` answers as JSON, depending on `level`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Shown<'a> {
    /// By section, area and price level.
    Left(Left<'a>),
    /// Seat by seat.
    Seats(SeatList<'a>),
}

/// Two bits a seat.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct SeatBits(#[expect(dead_code, reason = "only described")] Vec<u8>);

/// What is left of an event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Left<'a> {
    /// The event.
    pub event_id: String,
    /// The revision it shows.
    pub revision: u64,
    /// When that was, RFC 3339 in UTC.
    pub at: String,
    /// Where the sale stands.
    #[schema(value_type = crate::api::words::SaleWord)]
    pub sale_state: SaleState,
    /// Sections.
    pub sections: Vec<SectionLeft<'a>>,
    /// Areas.
    pub areas: Vec<PlacesLeft<'a>>,
    /// Price levels, over seats and areas.
    pub categories: Vec<CategoryLeft<'a>>,
}

/// What is left of a section.
#[derive(Serialize, ToSchema)]
pub struct SectionLeft<'a> {
    /// Its name, which names it in requests.
    #[schema(value_type = String)]
    pub id: &'a str,
    /// Seats that are free.
    pub left: u32,
    /// Seats in all.
    pub capacity: u32,
}

/// What is left of an area.
#[derive(Serialize, ToSchema)]
pub struct PlacesLeft<'a> {
    /// Its name, which is its id in requests.
    #[schema(value_type = String)]
    pub id: &'a str,
    /// Places that are free.
    pub left: u32,
    /// Places in all.
    pub capacity: u32,
}

/// What is left of a price level.
#[derive(Serialize, ToSchema)]
pub struct CategoryLeft<'a> {
    /// Its name, which names it in requests.
    #[schema(value_type = String)]
    pub name: &'a str,
    /// Seats and places that are free.
    pub left: u32,
}

impl Snapshot {
    /// Of a look at an event, after another snapshot if there is one. Takes a few milliseconds for 80,000 seats.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn build(
        event: EventId,
        look: &Look,
        before: Option<&Snapshot>,
        options: &PublishOptions,
    ) -> io::Result<Self> {
        let known = before.and_then(|before| {
            let same = Arc::ptr_eq(&before.geometry.manifest, &look.manifest);
            if same {
                Some(Arc::clone(&before.geometry))
            } else {
                before.geometry.copied(&look.manifest).map(Arc::new)
            }
        });
        let same = known.is_some();
        let geometry = known.unwrap_or_else(|| Arc::new(Geometry::new(event, Arc::clone(&look.manifest))));
        let (revision, sale_state) = (look.left.revision, look.left.sale_state);
        let map = map_bytes(&look.words);
        let areas_left = areas_left(look);
        let history = match before {
            None => History::default(),
            Some(before) => {
                let from = before.history.next_from(before.revision);
                let change = if same {
                    let new = Side { revision, sale_state, map: &map, areas: &areas_left };
                    Change::between(from, before.side(), new, &look.manifest)
                } else {
                    Change::reload(from, revision, sale_state, &look.manifest)
                };
                before.history.with(change?, options.changes_max, options.changes_bytes_max)
            }
        };
        let left = serde_json::to_vec(&left(event, look, &areas_left))?;
        let version = revision.0.to_string();
        let sections = Representation::new("application/json", &version, CACHED, left, Effort::Little)?;
        let bitmap = Representation::new(MAP_KIND, &format!("{version}-map"), CACHED, map, Effort::Little)?;
        let parts = Parts::default();
        Ok(Self { revision, sale_state, geometry, sections, bitmap, history, areas_left, parts })
    }

    /// The map of all seats, as it is sent.
    #[must_use]
    pub fn map(&self) -> &[u8] {
        self.bitmap.body()
    }

    /// Places left of each area.
    #[must_use]
    pub fn areas_left(&self) -> &[u32] {
        &self.areas_left
    }

    /// The change that led to it from the snapshot before.
    #[must_use]
    pub fn last_change(&self) -> Option<&Change> {
        self.history.last()
    }

    fn side(&self) -> Side<'_> {
        Side {
            revision: self.revision,
            sale_state: self.sale_state,
            map: self.map(),
            areas: &self.areas_left,
        }
    }
}

fn areas_left(look: &Look) -> Vec<u32> {
    let mut left = vec![0; look.manifest.areas().len()];
    for pool in &look.left.places {
        if let Some(left) = left.get_mut(pool.area.at()) {
            *left += pool.counts.free;
        }
    }
    left
}

fn left<'a>(event: EventId, look: &'a Look, areas_left: &[u32]) -> Left<'a> {
    let manifest = &*look.manifest;
    let mut categories = vec![0; manifest.categories().len()];
    for seat in look.free() {
        categories[manifest.category_of(seat).at()] += 1;
    }
    for (area, left) in manifest.areas().iter().zip(areas_left) {
        categories[area.category.at()] += left;
    }
    let sections = manifest.section_names().iter().zip(&look.left.sections);
    let areas = manifest.areas().iter().zip(areas_left);
    Left {
        event_id: event.to_string(),
        revision: look.left.revision.0,
        at: rfc3339(look.left.at),
        sale_state: look.left.sale_state,
        sections: sections
            .map(|(id, counts)| SectionLeft { id, left: counts.free, capacity: counts.capacity() })
            .collect(),
        areas: areas
            .map(|(area, left)| PlacesLeft { id: &area.name, left: *left, capacity: area.capacity })
            .collect(),
        categories: manifest
            .categories()
            .iter()
            .zip(categories)
            .map(|(category, left)| CategoryLeft { name: &category.name, left })
            .collect(),
    }
}

/// Does what takes long beside the threads that serve requests.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => Err(Problem::new(Code::Internal, "It can't be made")),
        Err(_) => Err(Problem::new(Code::Unavailable, "The server is stopping")),
    }
}

/// What could not be written is a fault of ours.
pub(super) fn unwritten(error: io::Error) -> Problem {
    Problem::new(Code::Internal, error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use ticketcore::{SeatIndex, SeatState};

    use super::super::look::state_at;
    use super::super::testing::{Shop, small};
    use super::*;

    #[test]
    fn a_snapshot_is_what_the_durable_view_shows_and_adds_up() {
        let shop = Shop::new(&small());
        shop.hold(1, &[0, 1, 40]);
        shop.hold_places(2, 3);
        let look = Look::at(&shop.office, shop.event).unwrap();
        let snapshot = Snapshot::build(shop.event, &look, None, &PublishOptions::default()).unwrap();
        let mut words = Vec::new();
        assert_eq!(shop.office.seat_map(shop.event, &mut words).unwrap(), snapshot.revision);
        assert_eq!(snapshot.map(), map_bytes(&words));
        assert_eq!(snapshot.map().len(), look.manifest.seat_count().div_ceil(32) * 8);
        let left: Value = serde_json::from_slice(snapshot.sections.body()).unwrap();
        let sum = |list: &str| {
            left[list].as_array().unwrap().iter().map(|one| one["left"].as_u64().unwrap()).sum::<u64>()
        };
        let free =
            look.manifest.seats().filter(|seat| state_at(snapshot.map(), *seat) == SeatState::Free).count();
        assert_eq!(sum("sections"), free as u64);
        assert_eq!(sum("areas"), 97);
        assert_eq!(sum("categories"), sum("sections") + sum("areas"));
        assert_eq!(left["sections"][0]["left"], 30);
        assert_eq!(left["sections"][1]["capacity"], 40);
        assert_eq!(left["saleState"], "onsale");
        assert_eq!(state_at(snapshot.map(), SeatIndex(40)), SeatState::Held);
        assert!(snapshot.last_change().is_none());
        // Another copy of the same manifest is no other manifest.
        shop.hold(3, &[2]);
        let mut later = Look::at(&shop.office, shop.event).unwrap();
        later.manifest = Arc::new(ticketcore::manifest::Manifest::clone(&later.manifest));
        let next = Snapshot::build(shop.event, &later, Some(&snapshot), &PublishOptions::default()).unwrap();
        let change = next.last_change().unwrap();
        assert!(!change.reload && change.seats == [(SeatIndex(2), SeatState::Held)]);
    }
}
