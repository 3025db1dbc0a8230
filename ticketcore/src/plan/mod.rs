//! Seating plans: the venue as it is drawn, before there is an event.
//!
//! The document is the open seating-plan JSON that seats.pretix.eu exports: categories, and zones of rows of
//! seats and of areas, with positions relative to the row, the zone and the plan. Members this module does not
//! know are ignored, and members of our own (other tools ignore them) carry what the document has no word for:
//!
//! | on | member | meaning |
//! |---|---|---|
//! | the plan | `focal_point` `{x, y}` | what people look at: seats are ranked by their distance to it |
//! | a seat | `accessible`, `companion`, `restricted_view` | true or false |
//! | a seat | `rank` | quality, lower is better; on all seats or on none |
//! | an area | `capacity` | places for sale; an area without it is decoration: a stage, a text |
//! | an area | `name`, `category` | as it is sold |
//!
//! [`SeatingPlan::parse`] reads a document, [`SeatingPlan::to_json`] writes it, [`SeatingPlan::to_definition`]
//! makes an event's [`Definition`](crate::manifest::Definition) of it, and [`generate()`] draws venues of three
//! kinds. Generated plans take the same path as imported ones.

mod check;
mod definition;
mod error;
mod generate;
mod import;
mod json;

use serde::{Deserialize, Serialize};

pub use definition::PlanOptions;
pub use error::PlanError;
pub use generate::{VenueKind, generate};

use crate::manifest::Point;
use json::{JsonArea, or_default, skip};

/// Furthest from the origin that anything may be drawn, and the largest size, in the plan's units.
pub const COORDINATE_MAX: f32 = 1_000_000.0;

/// The plan of a venue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SeatingPlan {
    /// Its name.
    pub name: String,
    /// Categories of seats, best first.
    pub categories: Vec<Category>,
    /// Zones: parts of the venue with a name, such as "Balcony" or "114".
    pub zones: Vec<Zone>,
    /// Size of the drawing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// What people look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_point: Option<Point>,
}

/// A category of seats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Its name, unique in the plan.
    pub name: String,
    /// The colour it is drawn in, usually `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

/// A width and a height in the plan's units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// To the right.
    pub width: f32,
    /// Downwards.
    pub height: f32,
}

/// A part of the venue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// Its name; may be empty or double.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// Where its origin is in the plan.
    pub position: Point,
    /// Its rows.
    #[serde(default, deserialize_with = "or_default")]
    pub rows: Vec<Row>,
    /// Its areas.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub areas: Vec<Area>,
}

/// A row of seats.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its label.
    #[serde(default, deserialize_with = "or_default")]
    pub row_number: String,
    /// Where its origin is in the zone.
    #[serde(default, deserialize_with = "or_default")]
    pub position: Point,
    /// Its seats from one end to the other.
    pub seats: Vec<Seat>,
}

/// A seat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seat {
    /// Its machine name, unique in the plan.
    pub seat_guid: String,
    /// Its label.
    #[serde(default, deserialize_with = "or_default")]
    pub seat_number: String,
    /// Where its centre is in the row.
    pub position: Point,
    /// The name of its category.
    pub category: String,
    /// The radius it is drawn with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radius: Option<f32>,
    /// For wheelchair users.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "skip")]
    pub accessible: bool,
    /// For the companion of a wheelchair user.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "skip")]
    pub companion: bool,
    /// With a restricted view.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "skip")]
    pub restricted_view: bool,
    /// Quality, lower is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
}

/// An area: places without seats if it has a capacity, else decoration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "JsonArea", into = "JsonArea")]
pub struct Area {
    /// The name it is sold under.
    pub name: Option<String>,
    /// Where it is in the zone: the upper left corner of a rectangle, the centre of a circle or an ellipse,
    /// the origin of a polygon.
    pub position: Point,
    /// Its form.
    pub shape: Shape,
    /// Clockwise, in degrees, around its position.
    pub rotation: f32,
    /// The colour it is filled with.
    pub color: Option<String>,
    /// The colour of its border.
    pub border_color: Option<String>,
    /// What is written on it.
    pub text: Option<Text>,
    /// The name of its category.
    pub category: Option<String>,
    /// Places for sale.
    pub capacity: Option<u32>,
}

/// The form of an area.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// Nothing but its text.
    #[default]
    Text,
    /// A rectangle.
    Rectangle(Size),
    /// A circle.
    Circle {
        /// Its radius.
        radius: f32,
    },
    /// An ellipse.
    Ellipse {
        /// Its horizontal and vertical radius.
        radius: Point,
    },
    /// A polygon.
    Polygon {
        /// Its corners.
        points: Vec<Point>,
    },
    /// A form this version does not know, by its name in the document; it is kept as decoration.
    Other(String),
}

/// What is written on an area.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Text {
    /// The words.
    pub text: String,
    /// Where their middle is, from the area's position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Point>,
    /// Their colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Their size in the plan's units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<f32>,
}
