//! The seats of a snapshot one by one: whole or by section, as JSON and as a map. Asked for seldom, so made when first asked for and then
//! shared.

use std::io;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use ticketcore::{SEATS_PER_MAP_WORD, SaleState, SeatIndex};
use tokio::sync::OnceCell;
use utoipa::ToSchema;

use super::encoding::Effort;
use super::look::{map_bytes, state_at};
use super::representation::Representation;
use super::snapshot::{CACHED, Snapshot, off_thread, unwritten};
use crate::api::shapes::seat_state;
use crate::http::{Code, Problem};

/// Which seats, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All, as JSON.
    List,
    /// Those of a section, by its place, as JSON.
    SectionList(usize),
    /// Those of a section, by its place, as a map.
    SectionMap(usize),
}

/// Seats with their states.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeatList<'a> {
    /// The event.
    pub event_id: String,
    /// The revision it shows.
    pub revision: u64,
    /// Where the sale stands.
    #[schema(value_type = crate::api::words::SaleWord)]
    pub sale_state: SaleState,
    /// The section; absent if it is all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub section: Option<&'a str>,
    /// Each seat as its id and its state: `free`, `held`, `sold`, `blocked`.
    #[schema(value_type = Vec<Vec<String>>)]
    pub seats: Vec<(&'a str, &'static str)>,
}

/// What has been made of a snapshot's seats.
#[derive(Debug, Default)]
pub struct Parts {
    list: Cell,
    sections: OnceLock<Box<[SectionParts]>>,
}

type Cell = OnceCell<Arc<Representation>>;

#[derive(Debug, Default)]
struct SectionParts {
    list: Cell,
    map: Cell,
}

impl Snapshot {
    /// A part of its seats, ready to be sent.
    ///
    /// # Errors
    /// [`Code::UnknownSection`]; [`Code::Internal`] if it can't be written.
    pub async fn part(self: &Arc<Self>, part: Part) -> Result<Arc<Representation>, Problem> {
        let make = || {
            let this = Arc::clone(self);
            off_thread(move || this.make(part).map(Arc::new).map_err(unwritten))
        };
        self.cell(part)?.get_or_try_init(make).await.map(Arc::clone)
    }

    fn cell(&self, part: Part) -> Result<&Cell, Problem> {
        let section = |at: usize| {
            let count = self.geometry.manifest.section_names().len();
            let sections =
                self.parts.sections.get_or_init(|| (0..count).map(|_| SectionParts::default()).collect());
            sections.get(at).ok_or_else(|| Problem::new(Code::UnknownSection, "There is no such section"))
        };
        Ok(match part {
            Part::List => &self.parts.list,
            Part::SectionList(at) => &section(at)?.list,
            Part::SectionMap(at) => &section(at)?.map,
        })
    }

    fn make(&self, part: Part) -> io::Result<Representation> {
        let manifest = &self.geometry.manifest;
        let of = |at: usize| self.geometry.by_section().get(at).map_or(&[][..], Vec::as_slice);
        let list = |section: Option<usize>, seats: &mut dyn Iterator<Item = SeatIndex>| {
            let state = |seat| (manifest.seat_id(seat), seat_state(state_at(self.map(), seat)));
            serde_json::to_vec(&SeatList {
                event_id: self.geometry.event.to_string(),
                revision: self.revision.0,
                sale_state: self.sale_state,
                section: section.and_then(|at| manifest.section_names().get(at)).map(String::as_str),
                seats: seats.filter(|seat| manifest.is_real(*seat)).map(state).collect(),
            })
        };
        let (kind, body) = match part {
            Part::List => ("application/json", list(None, &mut manifest.seats())?),
            Part::SectionList(at) => ("application/json", list(Some(at), &mut of(at).iter().copied())?),
            Part::SectionMap(at) => {
                let seats = of(at);
                let mut words = vec![0; seats.len().div_ceil(SEATS_PER_MAP_WORD)];
                for (place, seat) in seats.iter().enumerate() {
                    let state = state_at(self.map(), *seat) as u64;
                    words[place / SEATS_PER_MAP_WORD] |= state << (place % SEATS_PER_MAP_WORD * 2);
                }
                (MAP_KIND, map_bytes(&words))
            }
        };
        let version =
            if kind == MAP_KIND { format!("{}-map", self.revision.0) } else { self.revision.0.to_string() };
        Representation::new(kind, &version, CACHED, body, Effort::Little)
    }
}

/// The media type of maps.
pub const MAP_KIND: &str = "application/octet-stream";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{Shop, small};
    use super::*;

    #[tokio::test]
    async fn every_part_shows_what_the_map_shows() {
        let shop = Shop::new(&small());
        shop.hold(1, &[1, 33, 71]);
        let snapshot = shop.published.snapshot(shop.event).await.unwrap();
        let list = snapshot.part(Part::List).await.unwrap();
        let list: Value = serde_json::from_slice(list.body()).unwrap();
        assert_eq!(list["revision"], snapshot.revision.0);
        let states: Vec<&Value> = list["seats"].as_array().unwrap().iter().collect();
        assert_eq!(states.len(), 72);
        assert_eq!(*states[33], json!(["B-1-2", "held"]));
        let section = snapshot.part(Part::SectionList(1)).await.unwrap();
        let section: Value = serde_json::from_slice(section.body()).unwrap();
        assert_eq!(section["section"], "B");
        let section: Vec<&Value> = section["seats"].as_array().unwrap().iter().collect();
        assert_eq!(section, states[32..]);
        let map = snapshot.part(Part::SectionMap(1)).await.unwrap();
        assert_eq!(map.body().len(), 16);
        for (at, state) in section.iter().enumerate() {
            assert_eq!(seat_state(state_at(map.body(), SeatIndex::of(at))), state[1]);
        }
        assert!(Arc::ptr_eq(&map, &snapshot.part(Part::SectionMap(1)).await.unwrap()));
        assert_eq!(snapshot.part(Part::SectionMap(2)).await.unwrap_err().code(), Code::UnknownSection);
    }
}
