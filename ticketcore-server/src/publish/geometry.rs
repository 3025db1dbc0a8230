//! [`Geometry`]: where the seats of one manifest are. It does not change while the manifest does not.

use std::io;
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use ticketcore::manifest::{Manifest, Point};
use ticketcore::{EventId, SeatIndex};
use tokio::sync::OnceCell;
use utoipa::ToSchema;

use super::encoding::Effort;
use super::representation::Representation;
use crate::http::Problem;

use super::snapshot::{off_thread, unwritten};

/// Bytes of the hash that names a seat map, of 32.
const HASH_BYTES: usize = 12;

/// Where the seats of one manifest are, and what follows from the manifest alone. Made when first asked for.
#[derive(Debug)]
pub struct Geometry {
    /// The event.
    pub event: EventId,
    /// The manifest.
    pub manifest: Arc<Manifest>,
    by_section: OnceLock<Vec<Vec<SeatIndex>>>,
    map: OnceCell<Arc<DrawnMap>>,
}

/// A seat map ready to be sent.
#[derive(Debug)]
pub struct DrawnMap {
    /// Names its content.
    pub hash: String,
    /// For who asks for the map as it is now.
    pub current: Representation,
    /// For who asks for this very content.
    pub immutable: Representation,
}

impl Geometry {
    /// Of a manifest.
    #[must_use]
    pub fn new(event: EventId, manifest: Arc<Manifest>) -> Self {
        Self { event, manifest, by_section: OnceLock::new(), map: OnceCell::new() }
    }

    /// The same for another copy of its manifest, as an event has that was closed and opened again; `None` if it is another manifest.
    #[must_use]
    pub fn copied(&self, manifest: &Arc<Manifest>) -> Option<Self> {
        // Seats that are gone are not in definitions, but counted: equal numbers and definitions mean equal indices.
        let equal = self.manifest.seat_count() == manifest.seat_count()
            && self.manifest.definition() == manifest.definition();
        equal.then(|| Self {
            event: self.event,
            manifest: Arc::clone(manifest),
            by_section: self.by_section.clone(),
            map: self.map.clone(),
        })
    }

    /// Seats of each section, ascending, dropped ones included.
    pub fn by_section(&self) -> &[Vec<SeatIndex>] {
        self.by_section.get_or_init(|| {
            let mut seats = vec![Vec::new(); self.manifest.section_names().len()];
            for seat in (0..self.manifest.seat_count()).map(SeatIndex::of) {
                if let Some(section) = seats.get_mut(self.manifest.section_of(seat).at()) {
                    section.push(seat);
                }
            }
            seats
        })
    }

    /// The seat map.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::http::Code::Internal) if it can't be written.
    pub async fn map(self: &Arc<Self>) -> Result<Arc<DrawnMap>, Problem> {
        let draw = || {
            let this = Arc::clone(self);
            off_thread(move || this.draw().map(Arc::new).map_err(unwritten))
        };
        self.map.get_or_try_init(draw).await.map(Arc::clone)
    }

    fn draw(&self) -> io::Result<DrawnMap> {
        let body = bytes::Bytes::from(serde_json::to_vec(&SeatMap::of(self.event, &self.manifest))?);
        let digest = Sha256::digest(&body);
        let hash: String = digest.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let kind = "application/json";
        let current = Representation::new(kind, &hash, "public, max-age=60", body, Effort::Much)?;
        let immutable = current.cached("public, max-age=31536000, immutable");
        Ok(DrawnMap { hash, current, immutable })
    }
}

/// A seat map, in columns: what stands at one place of the lists of `seats` belongs to the seat with that index.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeatMap<'a> {
    /// The event.
    pub event_id: String,
    /// Seats, those included that are gone.
    pub seat_count: usize,
    /// Where everybody looks.
    pub focal_point: Option<PointShape>,
    /// Price levels.
    pub categories: Vec<MapCategory<'a>>,
    /// Names of the sections.
    #[schema(value_type = Vec<String>)]
    pub sections: &'a [String],
    /// Rows, in the order of their seats.
    pub rows: Rows<'a>,
    /// Seats, by index.
    pub seats: Seats<'a>,
    /// Areas without seats.
    pub areas: Vec<MapArea<'a>>,
}

/// A point of the drawing, in the plan's units; y grows downwards.
#[derive(Serialize, ToSchema)]
pub struct PointShape {
    #[schema(value_type = f64)]
    x: Coordinate,
    #[schema(value_type = f64)]
    y: Coordinate,
}

/// A price level.
#[derive(Serialize, ToSchema)]
pub struct MapCategory<'a> {
    #[schema(value_type = String)]
    name: &'a str,
    /// `#rrggbb`.
    #[schema(value_type = String)]
    color: &'a str,
}

/// Rows, in columns.
#[derive(Default, Serialize, ToSchema)]
pub struct Rows<'a> {
    /// Its section, by place in `sections`.
    section: Vec<u16>,
    /// Its label.
    #[schema(value_type = Vec<String>)]
    label: Vec<&'a str>,
    /// The index of its first seat; the others follow.
    first: Vec<u32>,
    /// How many seats it has.
    count: Vec<u32>,
}

/// Seats, in columns.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seats<'a> {
    /// Its id, which names it in requests.
    #[schema(value_type = Vec<String>)]
    id: Vec<&'a str>,
    /// Its number as people read it.
    #[schema(value_type = Vec<String>)]
    label: Vec<&'a str>,
    /// Where it is.
    #[schema(value_type = Vec<f64>)]
    x: Vec<Coordinate>,
    /// Where it is.
    #[schema(value_type = Vec<f64>)]
    y: Vec<Coordinate>,
    /// Its category, by place in `categories`, in runs: the category, and how many seats in succession have it.
    #[schema(value_type = Vec<Vec<u32>>)]
    category: Vec<(u16, u32)>,
    /// Indices of those for wheelchair users.
    accessible: Vec<u32>,
    /// Indices of those for their companions.
    companion: Vec<u32>,
    /// Indices of those with a restricted view.
    restricted_view: Vec<u32>,
    /// Indices of those that are gone and not to be drawn.
    dropped: Vec<u32>,
}

/// An area without seats.
#[derive(Serialize, ToSchema)]
pub struct MapArea<'a> {
    /// Its name, which is its id in requests.
    #[schema(value_type = String)]
    id: &'a str,
    /// Its category, by place in `categories`.
    category: u16,
    /// Places in all.
    capacity: u32,
    /// The left side.
    #[schema(value_type = f64)]
    x: Coordinate,
    /// The upper side.
    #[schema(value_type = f64)]
    y: Coordinate,
    /// How wide it is.
    #[schema(value_type = f64)]
    width: Coordinate,
    /// How high it is.
    #[schema(value_type = f64)]
    height: Coordinate,
}

/// A coordinate, written without `.0` where it is whole.
struct Coordinate(f32);

impl Serialize for Coordinate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Up to there every whole number is one of these.
        const WHOLE_MAX: f32 = 16_777_216.0;
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
        let whole = self.0 as i32;
        if self.0.fract() == 0.0 && self.0.abs() < WHOLE_MAX {
            serializer.serialize_i32(whole)
        } else {
            serializer.serialize_f32(self.0)
        }
    }
}

impl<'a> SeatMap<'a> {
    fn of(event: EventId, manifest: &'a Manifest) -> Self {
        let point = |point: Point| PointShape { x: Coordinate(point.x), y: Coordinate(point.y) };
        let area = |area: &'a ticketcore::manifest::Area| MapArea {
            id: &area.name,
            category: area.category.0,
            capacity: area.capacity,
            x: Coordinate(area.at.x),
            y: Coordinate(area.at.y),
            width: Coordinate(area.size.x),
            height: Coordinate(area.size.y),
        };
        let category =
            |one: &'a ticketcore::manifest::Category| MapCategory { name: &one.name, color: &one.color };
        Self {
            event_id: event.to_string(),
            seat_count: manifest.seat_count(),
            focal_point: manifest.focal_point().map(point),
            categories: manifest.categories().iter().map(category).collect(),
            sections: manifest.section_names(),
            rows: Rows::of(manifest),
            seats: Seats::of(manifest),
            areas: manifest.areas().iter().map(area).collect(),
        }
    }
}

impl<'a> Rows<'a> {
    fn of(manifest: &'a Manifest) -> Self {
        let mut rows = Self::default();
        let mut last = None;
        for seat in (0..manifest.seat_count()).map(SeatIndex::of) {
            let row = manifest.row_of(seat);
            if last != Some(row) {
                last = Some(row);
                rows.section.push(manifest.section_of(seat).0);
                rows.label.push(manifest.row_label(row));
                rows.first.push(seat.0);
                rows.count.push(0);
            }
            if let Some(count) = rows.count.last_mut() {
                *count += 1;
            }
        }
        rows
    }
}

impl<'a> Seats<'a> {
    fn of(manifest: &'a Manifest) -> Self {
        let mut seats = Self::default();
        for seat in (0..manifest.seat_count()).map(SeatIndex::of) {
            seats.id.push(manifest.seat_id(seat));
            seats.label.push(manifest.seat_label(seat));
            let Point { x, y } = manifest.point_of(seat);
            seats.x.push(Coordinate(x));
            seats.y.push(Coordinate(y));
            let category = manifest.category_of(seat).0;
            match seats.category.last_mut() {
                Some((last, count)) if *last == category => *count += 1,
                _ => seats.category.push((category, 1)),
            }
            let flags = manifest.flags_of(seat);
            for (is, list) in [
                (flags.accessible, &mut seats.accessible),
                (flags.companion, &mut seats.companion),
                (flags.restricted_view, &mut seats.restricted_view),
                (!manifest.is_real(seat), &mut seats.dropped),
            ] {
                if is {
                    list.push(seat.0);
                }
            }
        }
        seats
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use ticketcore::plan::{PlanOptions, VenueKind, generate};

    use super::super::testing::small;
    use super::*;

    #[tokio::test]
    async fn the_map_has_every_seat_where_it_is() {
        let manifest = Arc::new(Manifest::compile(&small()).unwrap());
        let geometry = Arc::new(Geometry::new(EventId(3), Arc::clone(&manifest)));
        let map = geometry.map().await.unwrap();
        assert!(Arc::ptr_eq(&map, &geometry.map().await.unwrap()));
        let drawn: Value = serde_json::from_slice(map.current.body()).unwrap();
        assert_eq!(drawn["eventId"], EventId(3).to_string());
        assert_eq!(drawn["seats"]["id"].as_array().unwrap().len(), manifest.seat_count());
        assert_eq!(drawn["rows"]["first"], serde_json::json!([0, 32, 52]));
        assert_eq!(drawn["rows"]["count"], serde_json::json!([32, 20, 20]));
        assert_eq!(drawn["rows"]["section"], serde_json::json!([0, 1, 1]));
        assert_eq!(drawn["seats"]["category"], serde_json::json!([[0, 32], [1, 40]]));
        assert_eq!(drawn["seats"]["accessible"], serde_json::json!([1]));
        assert_eq!((&drawn["seats"]["x"][2], &drawn["seats"]["y"][2]), (&2.into(), &0.5.into()));
        assert_eq!(drawn["areas"][0]["width"], 5);
        let same = Arc::new(Geometry::new(EventId(3), Arc::new(Manifest::compile(&small()).unwrap())));
        assert_eq!(same.map().await.unwrap().hash, map.hash);
        let mut moved = small();
        moved.sections[0].rows[0].seats[0].at.x += 1.0;
        let moved = Arc::new(Geometry::new(EventId(3), Arc::new(Manifest::compile(&moved).unwrap())));
        assert_ne!(moved.map().await.unwrap().hash, map.hash);
    }

    #[test]
    fn the_map_of_a_stadium_is_two_megabytes_and_packs_well() {
        let definition = generate(VenueKind::Stadium).to_definition(&PlanOptions::new("Final")).unwrap();
        let geometry = Geometry::new(EventId(1), Arc::new(Manifest::compile(&definition).unwrap()));
        let body = serde_json::to_vec(&SeatMap::of(EventId(1), &geometry.manifest)).unwrap();
        let packed =
            super::super::encoding::Encoding::Zstd.pack(&body.clone().into(), Effort::Little).unwrap();
        assert!(body.len() < 2_600_000 && packed.len() < 600_000, "{} {}", body.len(), packed.len());
        assert_eq!(geometry.by_section().iter().map(Vec::len).sum::<usize>(), 80_000);
    }
}
