//! Lines of holds, orders and tickets, in names.

use serde::Serialize;
use ticketcore::fact::{AreaLine, Lines, SeatLine};
use ticketcore::manifest::Manifest;
use ticketcore::order::Place;
use ticketcore::{AreaIndex, CategoryIndex, SeatIndex, TicketTypeIndex};
use utoipa::ToSchema;

use super::shapes::{Currency, MoneyShape};

/// One line: a seat, or places of an area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineShape<'a> {
    /// The seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat_id: Option<&'a str>,
    /// Its section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<&'a str>,
    /// Its row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<&'a str>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<&'a str>,
    /// The area.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area_id: Option<&'a str>,
    /// Places of the area.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// The price level.
    pub category: &'a str,
    /// Who it is for.
    pub ticket_type: &'a str,
    /// What one costs.
    pub price: MoneyShape,
}

/// The place of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketPlace<'a> {
    /// The seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat_id: Option<&'a str>,
    /// Its section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<&'a str>,
    /// Its row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<&'a str>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<&'a str>,
    /// The area.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area_id: Option<&'a str>,
    /// The price level.
    pub category: &'a str,
    /// Who it is for.
    pub ticket_type: &'a str,
    /// What it cost. For the order's buyer and for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<MoneyShape>,
}

/// The lines of a hold or an order.
#[must_use]
pub fn lines<'a>(lines: &Lines, manifest: &'a Manifest) -> Vec<LineShape<'a>> {
    let seats = lines.seats.iter().map(|line| seat_line(line, manifest));
    seats.chain(lines.areas.iter().map(|line| area_line(line, manifest))).collect()
}

/// The place of a ticket, with its price if that is to be told.
#[must_use]
pub fn place<'a>(place: &Place, manifest: &'a Manifest, priced: bool) -> TicketPlace<'a> {
    let line = match place {
        Place::Seat(line) => seat_line(line, manifest),
        Place::Area(line) => area_line(line, manifest),
    };
    TicketPlace {
        seat_id: line.seat_id,
        section: line.section,
        row: line.row,
        label: line.label,
        area_id: line.area_id,
        category: line.category,
        ticket_type: line.ticket_type,
        price: priced.then_some(line.price),
    }
}

/// A price in the event's currency.
#[must_use]
pub fn money(minor: i64, manifest: &Manifest) -> MoneyShape {
    MoneyShape { amount: minor, currency: Currency(manifest.rules().currency) }
}

fn seat_line<'a>(line: &SeatLine, manifest: &'a Manifest) -> LineShape<'a> {
    let seat: SeatIndex = line.seat;
    LineShape {
        seat_id: Some(manifest.seat_id(seat)),
        section: Some(&manifest.section_names()[manifest.section_of(seat).at()]),
        row: Some(manifest.row_label(manifest.row_of(seat))),
        label: Some(manifest.seat_label(seat)),
        area_id: None,
        quantity: None,
        category: category(manifest, manifest.category_of(seat)),
        ticket_type: ticket_type(manifest, line.ticket_type),
        price: money(line.price_minor, manifest),
    }
}

fn area_line<'a>(line: &AreaLine, manifest: &'a Manifest) -> LineShape<'a> {
    let area: AreaIndex = line.area;
    LineShape {
        seat_id: None,
        section: None,
        row: None,
        label: None,
        area_id: Some(&manifest.areas()[area.at()].name),
        quantity: Some(line.quantity),
        category: category(manifest, manifest.areas()[area.at()].category),
        ticket_type: ticket_type(manifest, line.ticket_type),
        price: money(line.price_minor, manifest),
    }
}

fn category(manifest: &Manifest, category: CategoryIndex) -> &str {
    &manifest.categories()[category.at()].name
}

fn ticket_type(manifest: &Manifest, kind: TicketTypeIndex) -> &str {
    &manifest.ticket_types()[kind.at()].name
}
