//! What is asked for, in names, as the engine knows it, in numbers.

use serde::Deserialize;
use ticketcore::manifest::Manifest;
use ticketcore::{AreaIndex, BestAvailable, CategoryIndex, Item, SeatIndex, SectionIndex, TicketTypeIndex};
use utoipa::ToSchema;

use crate::http::{Code, Problem};

/// Names of one kind that a request lists at most; the engine's own limits are lower.
const NAMES_MAX: usize = 1_000;

/// One thing to hold: exactly one of `seatIds`, `areaId` with `quantity`, and `bestAvailable`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ItemShape {
    /// Named seats.
    pub seat_ids: Option<Vec<String>>,
    /// An area without seats.
    pub area_id: Option<String>,
    /// How many places of the area.
    pub quantity: Option<u32>,
    /// The best seats that are left.
    pub best_available: Option<BestShape>,
    /// Who the tickets are for; the event's first ticket type if absent.
    pub ticket_type: Option<String>,
}

/// The best seats that are left.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BestShape {
    /// How many.
    pub quantity: u32,
    /// Only in this section.
    pub section: Option<String>,
    /// Only in this category.
    pub category: Option<String>,
    /// Only at this price or below, in minor units.
    pub max_price: Option<i64>,
    /// If they can't all be side by side, in as large groups as there are.
    #[serde(default)]
    pub allow_split: bool,
    /// Whether places for wheelchair users and their companions count.
    #[serde(default)]
    pub accessible: bool,
    /// Whether seats with a restricted view count; they do if absent.
    pub restricted_view: Option<bool>,
}

/// Places of an area to give back.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemovedPlaces {
    /// The area.
    pub area_id: String,
    /// Sold as; the event's first ticket type if absent.
    pub ticket_type: Option<String>,
    /// How many.
    pub quantity: u32,
}

impl ItemShape {
    /// The same in the engine's numbers. `pointer` says where it stands in the request.
    ///
    /// # Errors
    /// What names nothing, or what is said twice or not at all.
    pub fn resolve(&self, manifest: &Manifest, pointer: &str) -> Result<Item, Problem> {
        let ticket_type = ticket_type(manifest, self.ticket_type.as_deref())?;
        match (&self.seat_ids, &self.area_id, &self.best_available) {
            (Some(ids), None, None) if self.quantity.is_none() => {
                Ok(Item::Seats { seats: seats(manifest, ids)?, ticket_type })
            }
            (None, Some(id), None) => {
                let quantity = self.quantity.ok_or_else(|| {
                    Problem::invalid(format!("{pointer}/quantity"), "say how many places of the area")
                })?;
                Ok(Item::Area { area: area(manifest, id)?, quantity, ticket_type })
            }
            (None, None, Some(best)) if self.quantity.is_none() => best.resolve(manifest, ticket_type),
            _ => Err(Problem::invalid(
                pointer,
                "exactly one of `seatIds`, `areaId` with `quantity`, and `bestAvailable`",
            )),
        }
    }
}

impl BestShape {
    fn resolve(&self, manifest: &Manifest, ticket_type: TicketTypeIndex) -> Result<Item, Problem> {
        let section = self.section.as_deref().map(|name| section(manifest, name)).transpose()?;
        let category = self.category.as_deref().map(|name| category(manifest, name)).transpose()?;
        Ok(Item::Best(BestAvailable {
            count: self.quantity,
            ticket_type,
            section,
            category,
            price_minor_max: self.max_price,
            allow_split: self.allow_split,
            accessible: self.accessible,
            restricted_view: self.restricted_view.unwrap_or(true),
        }))
    }
}

/// Seats by their ids.
///
/// # Errors
/// [`Code::UnknownSeats`] with those that there are not.
pub fn seats(manifest: &Manifest, ids: &[String]) -> Result<Vec<SeatIndex>, Problem> {
    if ids.len() > NAMES_MAX {
        return Err(Problem::invalid("seatIds", format!("at most {NAMES_MAX}")));
    }
    let mut unknown = Vec::new();
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        match manifest.find_seat(id) {
            Some(seat) => found.push(seat),
            None => unknown.push(id),
        }
    }
    if unknown.is_empty() {
        return Ok(found);
    }
    Err(Problem::new(Code::UnknownSeats, Code::UnknownSeats.title()).with("seatIds", unknown))
}

/// A section by its name.
///
/// # Errors
/// [`Code::UnknownSection`].
pub fn section(manifest: &Manifest, name: &str) -> Result<SectionIndex, Problem> {
    position(manifest.section_names(), |known| known == name, Code::UnknownSection, name)
        .map(SectionIndex::of)
}

/// A category by its name.
///
/// # Errors
/// [`Code::UnknownCategory`].
pub fn category(manifest: &Manifest, name: &str) -> Result<CategoryIndex, Problem> {
    let known = manifest.categories();
    position(known, |known| known.name == name, Code::UnknownCategory, name).map(CategoryIndex::of)
}

/// An area by its id.
///
/// # Errors
/// [`Code::UnknownArea`].
pub fn area(manifest: &Manifest, id: &str) -> Result<AreaIndex, Problem> {
    position(manifest.areas(), |area| area.name == id, Code::UnknownArea, id).map(AreaIndex::of)
}

/// A ticket type by its name; the first one if nothing is said.
///
/// # Errors
/// [`Code::UnknownTicketType`].
pub fn ticket_type(manifest: &Manifest, name: Option<&str>) -> Result<TicketTypeIndex, Problem> {
    let Some(name) = name else { return Ok(TicketTypeIndex(0)) };
    let known = manifest.ticket_types();
    position(known, |known| known.name == name, Code::UnknownTicketType, name).map(TicketTypeIndex::of)
}

fn position<T>(list: &[T], is: impl Fn(&T) -> bool, code: Code, name: &str) -> Result<usize, Problem> {
    let unknown = || Problem::new(code, format!("`{name:.64}` names nothing here"));
    list.iter().position(is).ok_or_else(unknown)
}
