//! [`Change`]: what is different from one snapshot to a later one.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use serde::Serialize;
use ticketcore::manifest::Manifest;
use ticketcore::{AreaIndex, Revision, SaleState, SeatIndex, SeatState};
use utoipa::ToSchema;

use crate::api::shapes::seat_state;

/// What is different from one snapshot to a later one, and how everybody is told so: written once, shared by all.
#[derive(Clone, Debug)]
pub struct Change {
    /// The revision it starts from.
    pub from: Revision,
    /// The revision it leads to.
    pub to: Revision,
    /// What the event sells is another, or is not known to be the same: read the whole again.
    pub reload: bool,
    /// Where the sale stands at its end.
    pub sale_state: SaleState,
    /// Seats with their state at its end; ascending.
    pub seats: Vec<(SeatIndex, SeatState)>,
    /// Areas with what is left of them at its end; ascending.
    pub areas: Vec<(AreaIndex, u32)>,
    /// Whether anything is different at all.
    pub silent: bool,
    /// As a server-sent event.
    pub frame: Bytes,
    json: (usize, usize),
}

/// What a change says.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Changes<'a> {
    /// The revision they start from: the one asked for, or one shortly before it.
    pub from: u64,
    /// The revision they lead to.
    pub to: u64,
    /// Where the sale stands.
    #[schema(value_type = crate::api::words::SaleWord)]
    pub sale_state: SaleState,
    /// Seats that changed, each as its id and its state: `free`, `held`, `sold`, `blocked`.
    #[schema(value_type = Vec<Vec<String>>)]
    pub seats: Vec<(&'a str, &'static str)>,
    /// Areas that changed.
    pub areas: Vec<AreaLeft<'a>>,
    /// The seat map is another one: read it and the whole availability again.
    pub reload: bool,
}

/// What is left of an area.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AreaLeft<'a> {
    /// Its name, which is its id in requests.
    #[schema(value_type = String)]
    pub area_id: &'a str,
    /// Places left.
    pub left: u32,
}

/// The two sides of a comparison.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The revision.
    pub revision: Revision,
    /// Where the sale stands.
    pub sale_state: SaleState,
    /// The map, as it is sent.
    pub map: &'a [u8],
    /// What is left of each area.
    pub areas: &'a [u32],
}

impl Change {
    /// What is different between two sides of one manifest. `from` is where the change starts, at the older side or before it.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn between(from: Revision, old: Side<'_>, new: Side<'_>, manifest: &Manifest) -> io::Result<Self> {
        let mut seats = Vec::new();
        for (at, (was, is)) in old.map.chunks(8).zip(new.map.chunks(8)).enumerate() {
            if was == is {
                continue;
            }
            let changed = was.iter().zip(is).enumerate().filter(|(_, (was, is))| was != is);
            for (byte, (was, is)) in changed {
                for seat in 0..4 {
                    let bits = |byte: u8| u64::from(byte) >> (seat * 2) & 3;
                    if bits(*was) != bits(*is) {
                        seats.push((
                            SeatIndex::of(at * 32 + byte * 4 + seat),
                            SeatState::from_bits(bits(*is)),
                        ));
                    }
                }
            }
        }
        let both = old.areas.iter().zip(new.areas).enumerate();
        let areas: Vec<_> =
            both.filter(|(_, (was, is))| was != is).map(|(at, (_, is))| (AreaIndex::of(at), *is)).collect();
        let silent = seats.is_empty() && areas.is_empty() && old.sale_state == new.sale_state;
        Self::written(
            Self { seats, areas, silent, ..Self::empty(from, new.revision, new.sale_state) },
            manifest,
        )
    }

    /// That the whole must be read again.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn reload(
        from: Revision,
        to: Revision,
        sale_state: SaleState,
        manifest: &Manifest,
    ) -> io::Result<Self> {
        Self::written(Self { reload: true, silent: false, ..Self::empty(from, to, sale_state) }, manifest)
    }

    /// That all is as at `at`.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn none(at: Revision, sale_state: SaleState, manifest: &Manifest) -> io::Result<Self> {
        Self::written(Self::empty(at, at, sale_state), manifest)
    }

    /// Changes that follow each other as one; `None` if there is none.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn merged<'a>(
        changes: impl IntoIterator<Item = &'a Change>,
        manifest: &Manifest,
    ) -> io::Result<Option<Self>> {
        let (mut seats, mut areas) = (BTreeMap::new(), BTreeMap::new());
        let mut merged: Option<Self> = None;
        for change in changes {
            seats.extend(change.seats.iter().copied());
            areas.extend(change.areas.iter().copied());
            let from = merged.as_ref().map_or(change.from, |merged| merged.from);
            let reload = change.reload || merged.as_ref().is_some_and(|merged| merged.reload);
            let silent = change.silent && merged.as_ref().is_none_or(|merged| merged.silent);
            merged = Some(Self { reload, silent, ..Self::empty(from, change.to, change.sale_state) });
        }
        let Some(mut merged) = merged else { return Ok(None) };
        merged.seats = seats.into_iter().collect();
        merged.areas = areas.into_iter().collect();
        Self::written(merged, manifest).map(Some)
    }

    /// As JSON: [`Changes`].
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.frame.slice(self.json.0..self.json.1)
    }

    /// Bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let seats = self.seats.len() * size_of::<(SeatIndex, SeatState)>();
        let areas = self.areas.len() * size_of::<(AreaIndex, u32)>();
        size_of::<Self>() + self.frame.len() + seats + areas
    }

    fn empty(from: Revision, to: Revision, sale_state: SaleState) -> Self {
        let (seats, areas) = (Vec::new(), Vec::new());
        let frame = Bytes::new();
        Self { from, to, reload: false, sale_state, seats, areas, silent: true, frame, json: (0, 0) }
    }

    fn written(mut self, manifest: &Manifest) -> io::Result<Self> {
        let known = |seat: &&(SeatIndex, SeatState)| seat.0.at() < manifest.seat_count();
        let changes = Changes {
            from: self.from.0,
            to: self.to.0,
            sale_state: self.sale_state,
            seats: self
                .seats
                .iter()
                .filter(known)
                .map(|(seat, to)| (manifest.seat_id(*seat), seat_state(*to)))
                .collect(),
            areas: self
                .areas
                .iter()
                .filter_map(|(area, left)| {
                    manifest.areas().get(area.at()).map(|area| AreaLeft { area_id: &area.name, left: *left })
                })
                .collect(),
            reload: self.reload,
        };
        let name = if self.reload { "reload" } else { "change" };
        let mut frame = format!("id: {}\nevent: {name}\ndata: ", self.to.0).into_bytes();
        let start = frame.len();
        // JSON has no line breaks, so one line of data is all.
        serde_json::to_writer(&mut frame, &changes)?;
        self.json = (start, frame.len());
        frame.extend_from_slice(b"\n\n");
        self.frame = frame.into();
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use ticketcore::manifest::Manifest;

    use super::super::testing::small;
    use super::*;

    #[test]
    fn what_differs_is_found_written_and_merged() {
        let manifest = Manifest::compile(&small()).unwrap();
        let side = |revision, map, areas| Side {
            revision: Revision(revision),
            sale_state: SaleState::Onsale,
            map,
            areas,
        };
        let (empty, first, second) =
            ([0; 16], [1, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0], [0b1000; 16]);
        let one =
            Change::between(Revision(1), side(1, &empty, &[5]), side(4, &first, &[3]), &manifest).unwrap();
        assert_eq!(one.seats, [(SeatIndex(0), SeatState::Held), (SeatIndex(35), SeatState::Sold)]);
        assert_eq!(one.areas, [(AreaIndex(0), 3)]);
        let expected = "{\"from\":1,\"to\":4,\"saleState\":\"onsale\",\"seats\":[[\"A-1-1\",\"held\"],[\"B-1-4\",\"sold\"]],\
            \"areas\":[{\"areaId\":\"Floor\",\"left\":3}],\"reload\":false}";
        assert_eq!(one.json(), expected);
        assert_eq!(one.frame, format!("id: 4\nevent: change\ndata: {expected}\n\n"));
        let two =
            Change::between(Revision(4), side(4, &first, &[3]), side(6, &second, &[3]), &manifest).unwrap();
        let merged = Change::merged([&one, &two], &manifest).unwrap().unwrap();
        assert_eq!((merged.from, merged.to), (Revision(1), Revision(6)));
        let mut direct =
            Change::between(Revision(1), side(1, &empty, &[5]), side(6, &second, &[3]), &manifest).unwrap();
        // A seat that went and came back is told with the state it has.
        direct.seats.push((SeatIndex(0), SeatState::Free));
        direct.seats.push((SeatIndex(35), SeatState::Free));
        direct.seats.sort_by_key(|(seat, _)| *seat);
        assert_eq!(merged.seats, direct.seats);
        let same =
            Change::between(Revision(6), side(6, &second, &[3]), side(9, &second, &[3]), &manifest).unwrap();
        assert!(same.silent && !one.silent && !merged.silent);
        let reload = Change::reload(Revision(6), Revision(9), SaleState::Paused, &manifest).unwrap();
        assert!(reload.frame.starts_with(b"id: 9\nevent: reload\n") && !reload.silent);
        assert!(Change::merged([], &manifest).unwrap().is_none());
    }
}
