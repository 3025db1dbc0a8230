//! The parts of the document whose JSON differs from our structs, and a look at its size before it is read.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Area, PlanError, Shape, Size, Text};
use crate::limits::{PLAN_BYTES_MAX, PLAN_DEPTH_MAX, ROWS_MAX, SEATS_MAX};
use crate::manifest::Point;

/// Objects and lists a document may have: a seat is two, and there is room for members we do not know.
const CONTAINERS_MAX: usize = 4 * (SEATS_MAX + ROWS_MAX);

/// Bounds the memory and the stack that reading the document can take: its bytes, its depth, its objects
/// and lists. Texts may hold brackets. One pass, no allocation.
pub(super) fn measure(bytes: &[u8]) -> Result<(), PlanError> {
    if bytes.len() > PLAN_BYTES_MAX {
        let problem = format!("has {} bytes, {PLAN_BYTES_MAX} at most are allowed", bytes.len());
        return Err(PlanError::at("plan", problem));
    }
    let (mut depth, mut containers) = (0usize, 0usize);
    let (mut in_text, mut escaped) = (false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                containers += 1;
                if depth > PLAN_DEPTH_MAX {
                    let problem = format!("is nested more than {PLAN_DEPTH_MAX} deep at byte {at}");
                    return Err(PlanError::at("plan", problem));
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if containers > CONTAINERS_MAX {
        let problem = format!("has {containers} objects and lists, {CONTAINERS_MAX} at most are allowed");
        return Err(PlanError::at("plan", problem));
    }
    Ok(())
}

/// Reads `null` like a member that is not there.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn skip(flag: &bool) -> bool {
    !flag
}

/// An area as the document has it: today's `shape` with an object of that name, or just width and height.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct JsonArea {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<String>,
    position: Point,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    border_color: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text>,
    #[serde(skip_serializing)]
    width: Option<f32>,
    #[serde(skip_serializing)]
    height: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rectangle: Option<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    circle: Option<Circle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ellipse: Option<Ellipse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    polygon: Option<Polygon>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u32>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Circle {
    radius: f32,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Ellipse {
    radius: Point,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Polygon {
    points: Vec<Point>,
}

impl JsonArea {
    fn shape(&mut self) -> Shape {
        let sides = self.width.zip(self.height).map(|(width, height)| Size { width, height });
        let rectangle = self.rectangle.or(sides);
        // A shape without its object is drawn as a shape of no size.
        match self.shape.take().as_deref() {
            Some("rectangle") => Shape::Rectangle(rectangle.unwrap_or_default()),
            Some("circle") => Shape::Circle { radius: self.circle.take().unwrap_or_default().radius },
            Some("ellipse") => Shape::Ellipse { radius: self.ellipse.take().unwrap_or_default().radius },
            Some("polygon") => Shape::Polygon { points: self.polygon.take().unwrap_or_default().points },
            Some("text") => Shape::Text,
            Some(other) => Shape::Other(other.to_owned()),
            None => rectangle.map_or(Shape::Text, Shape::Rectangle),
        }
    }
}

impl From<JsonArea> for Area {
    fn from(mut json: JsonArea) -> Self {
        Self {
            shape: json.shape(),
            name: json.name,
            position: json.position,
            rotation: json.rotation.unwrap_or_default(),
            color: json.color,
            border_color: json.border_color,
            text: json.text,
            category: json.category,
            capacity: json.capacity,
        }
    }
}

impl From<Area> for JsonArea {
    fn from(area: Area) -> Self {
        let mut json = JsonArea {
            name: area.name,
            position: area.position,
            rotation: Some(area.rotation).filter(|rotation| *rotation != 0.0),
            color: area.color,
            border_color: area.border_color,
            text: area.text,
            category: area.category,
            capacity: area.capacity,
            ..JsonArea::default()
        };
        let shape = match area.shape {
            Shape::Text => "text".to_owned(),
            Shape::Rectangle(size) => {
                json.rectangle = Some(size);
                "rectangle".to_owned()
            }
            Shape::Circle { radius } => {
                json.circle = Some(Circle { radius });
                "circle".to_owned()
            }
            Shape::Ellipse { radius } => {
                json.ellipse = Some(Ellipse { radius });
                "ellipse".to_owned()
            }
            Shape::Polygon { points } => {
                json.polygon = Some(Polygon { points });
                "polygon".to_owned()
            }
            Shape::Other(name) => name,
        };
        json.shape = Some(shape);
        json
    }
}

/// Older documents have a plain text, newer ones an object.
impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Object {
            #[serde(default, deserialize_with = "or_default")]
            text: String,
            #[serde(default)]
            position: Option<Point>,
            #[serde(default)]
            color: Option<String>,
            #[serde(default)]
            size: Option<f32>,
        }

        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or an object with one")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text { text: text.to_owned(), ..Text::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
                let Object { text, position, color, size } =
                    Object::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Text { text, position, color, size })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_measured_outside_texts() {
        let deep = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert_eq!(measure(&deep(PLAN_DEPTH_MAX)), Ok(()));
        let error = measure(&deep(PLAN_DEPTH_MAX + 1)).unwrap_err();
        assert_eq!(error.problem, "is nested more than 16 deep at byte 16");
        assert_eq!(measure(br#"["\"[[[[[[[[[[[[[[[[[[[[", "\\", "]]]]"]"#), Ok(()));
        assert_eq!(measure(&b"[]".repeat(1_000)), Ok(()));
    }

    #[test]
    fn more_objects_and_lists_than_any_plan_needs_are_refused() {
        assert!(measure(&b"[]".repeat(CONTAINERS_MAX)).is_ok());
        assert!(measure(&b"[]".repeat(CONTAINERS_MAX + 1)).is_err());
    }

    fn area(json: &str) -> Area {
        let area: Area = serde_json::from_str(json).unwrap();
        let again: Area = serde_json::from_str(&serde_json::to_string(&area).unwrap()).unwrap();
        assert_eq!(again, area, "writing and reading again gives the same");
        area
    }

    #[test]
    fn areas_are_read_as_old_and_new_tools_write_them() {
        let size = Size { width: 5.0, height: 2.5 };
        let old = area(r#"{"width":5,"height":2.5,"position":{"x":1,"y":2},"text":"Stage","rotation":90}"#);
        assert_eq!((old.shape, old.rotation), (Shape::Rectangle(size), 90.0));
        assert_eq!(old.text.map(|text| text.text).as_deref(), Some("Stage"));
        let new = area(
            r#"{"shape":"rectangle","uuid":"u","rectangle":{"width":5,"height":2.5},"position":{"x":1,"y":2},
                "text":{"text":"Bar","position":{"x":3,"y":4},"color":"red","size":12},"capacity":20,"name":null}"#,
        );
        assert_eq!((new.shape, new.capacity, new.name), (Shape::Rectangle(size), Some(20), None));
        let position = Some(Point { x: 3.0, y: 4.0 });
        let text = Text { text: "Bar".to_owned(), position, color: Some("red".to_owned()), size: Some(12.0) };
        assert_eq!(new.text, Some(text));
        let shape = |json: &str| area(json).shape;
        assert_eq!(shape(r#"{"shape":"circle","circle":{"radius":3}}"#), Shape::Circle { radius: 3.0 });
        let radius = Point { x: 3.0, y: 4.0 };
        assert_eq!(
            shape(r#"{"shape":"ellipse","ellipse":{"radius":{"x":3,"y":4}}}"#),
            Shape::Ellipse { radius }
        );
        let points = vec![radius];
        assert_eq!(
            shape(r#"{"shape":"polygon","polygon":{"points":[{"x":3,"y":4}]}}"#),
            Shape::Polygon { points }
        );
        assert_eq!(shape(r#"{"shape":"text"}"#), Shape::Text);
        assert_eq!(shape(r#"{"shape":"spline"}"#), Shape::Other("spline".to_owned()));
    }
}
