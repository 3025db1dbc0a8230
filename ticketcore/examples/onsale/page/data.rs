//! What the map of the page is drawn from: seats packed as bytes, everything else as JSON.

use serde_json::{Value, json};
use ticketcore::SeatIndex;
use ticketcore::plan::{Area, Shape, Zone};

use crate::house::House;
use crate::journal::Journal;

/// Empty border around the drawing, in shares of its larger side.
const MARGIN: f32 = 0.012;
/// Seconds of a seat that was never sold.
const NEVER: u16 = u16::MAX;

/// The part of the plan that is drawn.
struct Frame {
    left: f32,
    top: f32,
    width: f32,
    height: f32,
}

/// The seats, seven bytes each in base64 (x, y, second of the sale, category; two bytes little-endian but for the last), and the rest.
pub fn map(house: &House, journal: &Journal) -> (String, Value) {
    let frame = Frame::around(house);
    let manifest = &house.manifest;
    let mut bytes = Vec::new();
    let mut end = 0;
    for seat in manifest.seats() {
        let point = manifest.point_of(seat);
        let second = journal.sold_at[seat.at()].map_or(NEVER, second);
        end = if second == NEVER { end } else { end.max(second) };
        bytes.extend(share(point.x - frame.left, frame.width).to_le_bytes());
        bytes.extend(share(point.y - frame.top, frame.height).to_le_bytes());
        bytes.extend(second.to_le_bytes());
        bytes.push(u8::try_from(manifest.category_of(seat).0).unwrap_or(u8::MAX));
    }
    let areas: Vec<Value> =
        house.areas.iter().enumerate().map(|(at, _)| area(house, journal, at, &frame)).collect();
    for (_, at_ms, _) in &journal.area_sales {
        end = end.max(second(*at_ms));
    }
    let categories = manifest.categories().iter();
    let info = json!({
        "width": frame.width,
        "height": frame.height,
        "spacing": spacing(house),
        "seats": bytes.len() / 7,
        "capacity": house.capacity,
        "end": end,
        "categories": categories.map(|c| json!({"name": c.name, "color": c.color})).collect::<Vec<_>>(),
        "areas": areas,
        "shapes": shapes(house, &frame),
    });
    (base64(&bytes), info)
}

impl Frame {
    fn around(house: &House) -> Self {
        let manifest = &house.manifest;
        let seats = manifest.seats().map(|seat| manifest.point_of(seat)).map(|point| (point.x, point.y));
        let areas = manifest.areas().iter();
        let corners = areas.flat_map(|a| [(a.at.x, a.at.y), (a.at.x + a.size.x, a.at.y + a.size.y)]);
        let decoration = decoration(house).flat_map(|(zone, area)| outline(zone, area));
        let points: Vec<(f32, f32)> = seats.chain(corners).chain(decoration).collect();
        let least = |of: fn(&(f32, f32)) -> f32| points.iter().map(of).fold(f32::INFINITY, f32::min);
        let most = |of: fn(&(f32, f32)) -> f32| points.iter().map(of).fold(f32::NEG_INFINITY, f32::max);
        let (left, right, top, bottom) = (least(|p| p.0), most(|p| p.0), least(|p| p.1), most(|p| p.1));
        let margin = (right - left).max(bottom - top).max(100.0) * MARGIN;
        Self {
            left: left - margin,
            top: top - margin,
            width: right - left + 2.0 * margin,
            height: bottom - top + 2.0 * margin,
        }
    }
}

fn second(at_ms: u64) -> u16 {
    u16::try_from(at_ms / 1_000).unwrap_or(NEVER).min(NEVER - 1)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range")]
fn share(value: f32, all: f32) -> u16 {
    (f64::from(value) / f64::from(all) * 65_535.0).round().clamp(0.0, 65_535.0) as u16
}

/// The usual distance of two seats side by side.
fn spacing(house: &House) -> f32 {
    let manifest = &house.manifest;
    let pairs = manifest.seats().filter(|seat| manifest.next_is_adjacent(*seat));
    let mut gaps: Vec<f32> = pairs
        .step_by(17)
        .map(|seat| {
            let (one, two) = (manifest.point_of(seat), manifest.point_of(SeatIndex(seat.0 + 1)));
            (one.x - two.x).hypot(one.y - two.y)
        })
        .collect();
    gaps.sort_unstable_by(f32::total_cmp);
    gaps.get(gaps.len() / 2).copied().unwrap_or(20.0)
}

fn area(house: &House, journal: &Journal, at: usize, frame: &Frame) -> Value {
    let area = &house.manifest.areas()[at];
    let sales = journal.area_sales.iter().filter(|sale| sale.0.at() == at);
    json!({
        "name": area.name,
        "capacity": area.capacity,
        "category": area.category.0,
        "x": area.at.x - frame.left,
        "y": area.at.y - frame.top,
        "w": area.size.x,
        "h": area.size.y,
        "sales": sales.map(|(_, at_ms, places)| json!([second(*at_ms), places])).collect::<Vec<_>>(),
    })
}

/// Areas of the plan without places.
fn decoration(house: &House) -> impl Iterator<Item = (&Zone, &Area)> {
    let all = house.plan.zones.iter().flat_map(|zone| zone.areas.iter().map(move |area| (zone, area)));
    all.filter(|(_, area)| area.capacity.is_none())
}

/// Points between which the area lies, not counting its rotation.
fn outline(zone: &Zone, area: &Area) -> Vec<(f32, f32)> {
    let (x, y) = (zone.position.x + area.position.x, zone.position.y + area.position.y);
    match &area.shape {
        Shape::Rectangle(size) => vec![(x, y), (x + size.width, y + size.height)],
        Shape::Circle { radius } => vec![(x - radius, y - radius), (x + radius, y + radius)],
        Shape::Ellipse { radius } => vec![(x - radius.x, y - radius.y), (x + radius.x, y + radius.y)],
        Shape::Polygon { points } => points.iter().map(|point| (x + point.x, y + point.y)).collect(),
        _ => vec![(x, y)],
    }
}

/// Decoration as the page draws it.
fn shapes(house: &House, frame: &Frame) -> Vec<Value> {
    decoration(house)
        .filter_map(|(zone, area)| {
            let (x, y) = (
                zone.position.x + area.position.x - frame.left,
                zone.position.y + area.position.y - frame.top,
            );
            let points: Vec<[f32; 2]> = match &area.shape {
                Shape::Polygon { points } => points.iter().map(|point| [point.x, point.y]).collect(),
                _ => Vec::new(),
            };
            let (kind, w, h, middle) = match &area.shape {
                Shape::Rectangle(size) => {
                    ("rectangle", size.width, size.height, (size.width / 2.0, size.height / 2.0))
                }
                Shape::Circle { radius } => ("ellipse", *radius, *radius, (0.0, 0.0)),
                Shape::Ellipse { radius } => ("ellipse", radius.x, radius.y, (0.0, 0.0)),
                Shape::Polygon { .. } => ("polygon", 0.0, 0.0, (0.0, 0.0)),
                Shape::Text => ("text", 0.0, 0.0, (0.0, 0.0)),
                _ => return None,
            };
            let text = area.text.clone().unwrap_or_default();
            let place = text.position.map_or(middle, |point| (point.x, point.y));
            Some(json!({
                "kind": kind, "x": x, "y": y, "w": w, "h": h, "points": points, "turn": area.rotation,
                "color": area.color, "text": text.text, "textColor": text.color,
                "textSize": text.size.unwrap_or(16.0), "textX": x + place.0, "textY": y + place.1,
            }))
        })
        .collect()
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let shown = at <= chunk.len();
            let index = (word >> (18 - 6 * at) & 63) as usize;
            text.push(if shown { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let shown = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(
            shown,
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"].map(str::to_owned)
        );
    }
}
