//! Manifests read from where they are stored. A definition of many seats takes ten times the room of its columns, so that it is never
//! built: sections become columns as they are read, and columns are checked row by row, as a definition of them would be.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::check::{ManifestError, fail, names};
use super::columns::Columns;
use super::compiled::Manifest;
use super::definition::{
    Allocation, Area, Category, Definition, Point, Price, Quota, Row, Rules, Section, TicketType,
};
use super::derive::Derived;
use crate::id::SectionIndex;
use crate::limits;

/// A definition as it is stored, read into columns. Its members are those of [`Definition`], in that order.
#[derive(Deserialize)]
struct Stored {
    rules: Rules,
    categories: Vec<Category>,
    ticket_types: Vec<TicketType>,
    prices: Vec<Price>,
    sections: Seating,
    areas: Vec<Area>,
    allocations: Vec<Allocation>,
    quotas: Vec<Quota>,
    focal_point: Option<Point>,
}

/// Sections as columns.
#[derive(Default)]
pub(super) struct Seating {
    pub names: Vec<String>,
    pub rows: Vec<(SectionIndex, String)>,
    pub seats: Columns,
}

impl<'de> Deserialize<'de> for Seating {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Sections)
    }
}

struct Sections;

impl<'de> Visitor<'de> for Sections {
    type Value = Seating;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sections")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seating, A::Error> {
        let mut seating = Seating::default();
        while let Some(section) = list.next_element::<Section>()? {
            // Their indices must fit; all other limits are looked at later.
            let rows = seating.rows.len() + section.rows.len();
            let seats = section.rows.iter().fold(seating.seats.len(), |sum, row| sum + row.seats.len());
            if seating.names.len() == limits::SECTIONS_MAX
                || rows > limits::ROWS_MAX
                || seats > limits::SEATS_MAX
                || seating.names.contains(&section.name)
            {
                return Err(A::Error::custom("too many sections, rows or seats, or a section twice"));
            }
            seating.add(&section);
        }
        Ok(seating)
    }
}

impl Manifest {
    /// The manifest of a stored definition, which ends where `bytes` do.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn of_stored_definition(bytes: &[u8]) -> Result<Self, String> {
        let (stored, rest) = postcard::take_from_bytes::<Stored>(bytes).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err(format!("{} bytes after the definition", rest.len()));
        }
        let mut manifest = Self {
            rules: stored.rules,
            categories: stored.categories,
            ticket_types: stored.ticket_types,
            prices: stored.prices,
            areas: stored.areas,
            allocations: stored.allocations,
            quotas: stored.quotas,
            focal_point: stored.focal_point,
            section_names: stored.sections.names,
            rows: stored.sections.rows,
            seats: stored.sections.seats,
            derived: Derived::default(),
        };
        manifest.seats.shrink_to_fit();
        manifest.restored().map_err(|error| error.to_string())
    }

    /// A manifest that was just deserialised, with all that is computed from the rest.
    ///
    /// # Errors
    /// If its columns do not fit together, or their definition would not be valid.
    pub(crate) fn restored(mut self) -> Result<Self, ManifestError> {
        self.seats.check(self.rows.len(), self.categories.len(), self.allocations.len())?;
        if self.rows.iter().any(|(section, _)| section.at() >= self.section_names.len()) {
            return Err(fail("rows", "a row is in no section"));
        }
        let shell = self.definition_of(Vec::new());
        shell.check()?;
        names("sections", "name", self.section_names.iter().map(String::as_str))?;
        self.check_seats(&shell)?;
        self.derive();
        Ok(self)
    }

    /// Checks all seats that have not been dropped, row by row.
    fn check_seats(&self, shell: &Definition) -> Result<(), ManifestError> {
        let mut ranked = None;
        let mut seats = self.seats().peekable();
        while let Some(&first) = seats.peek() {
            let index = self.row_of(first);
            let in_row = std::iter::from_fn(|| seats.next_if(|seat| self.row_of(*seat) == index));
            let row = Row {
                label: self.row_label(index).to_owned(),
                seats: in_row.map(|seat| self.seat_definition(seat)).collect(),
            };
            shell.check_row(&row, || format!("rows[{}]", index.at()), &mut HashSet::new(), &mut ranked)?;
        }
        let mut ids: Vec<&str> = self.seats().map(|seat| self.seat_id(seat)).collect();
        if ids.len() > limits::SEATS_MAX || self.rows.len() > limits::ROWS_MAX {
            return Err(fail("seats", "there are too many"));
        }
        ids.sort_unstable();
        match ids.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(fail("seats", format!("`{}` is there twice", pair[0]))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Fact;
    use crate::manifest::fixture::{definition, wide};

    fn read(definition: &Definition) -> Result<Manifest, String> {
        let bytes = Fact::encoded_definition(definition);
        Manifest::of_stored_definition(Fact::stored_definition(&bytes).unwrap())
    }

    #[test]
    fn a_stored_definition_becomes_the_manifest_it_would_be_compiled_to() {
        for definition in [definition(), wide(200)] {
            let (stored, compiled) = (read(&definition).unwrap(), Manifest::compile(&definition).unwrap());
            assert_eq!(stored.definition(), definition);
            let bytes = Fact::encoded_definition(&definition);
            assert_eq!(Fact::decode(&bytes), Ok(Fact::EventDefined(Box::new(definition))));
            let bytes = |manifest: &Manifest| postcard::to_allocvec(manifest).unwrap();
            assert_eq!(bytes(&stored), bytes(&compiled));
        }
    }

    #[test]
    fn what_does_not_compile_is_not_read_either() {
        let breaks: [fn(&mut Definition); 6] = [
            |d| d.rules.name.clear(),
            |d| d.sections[0].rows[0].seats[0].id.clear(),
            |d| d.sections[0].rows[0].seats[0].category = crate::id::CategoryIndex(60_000),
            |d| d.sections[0].rows[0].seats[0].at.x = f32::NAN,
            |d| {
                let twin = d.sections[0].rows[0].seats[0].clone();
                d.sections.last_mut().unwrap().rows.last_mut().unwrap().seats.push(twin);
            },
            |d| {
                let twin = d.sections[0].name.clone();
                d.sections.push(Section { name: twin, rows: Vec::new() });
            },
        ];
        for (at, break_it) in breaks.iter().enumerate() {
            let mut broken = definition();
            break_it(&mut broken);
            assert!(broken.check().is_err() && read(&broken).is_err(), "{at}");
        }
        let mut bytes = postcard::to_allocvec(&definition()).unwrap();
        assert!(Manifest::of_stored_definition(&bytes[..bytes.len() - 1]).is_err());
        bytes.push(0);
        assert!(Manifest::of_stored_definition(&bytes).is_err());
    }
}
