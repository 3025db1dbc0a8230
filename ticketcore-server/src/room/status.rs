//! [`Status`]: what everybody may know of a room; the same bytes for all.

use bytes::Bytes;
use serde::Serialize;
use ticketcore::admission::{Entry, Hash, Phase, Room, Step, WaitEstimate};
use ticketcore::{EventId, UtcMs};
use utoipa::ToSchema;

use crate::api::shapes::rfc3339;

/// How much is left, for people who decide whether to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StockHint {
    /// Not known yet.
    Unknown,
    /// Enough for everybody who waits.
    Enough,
    /// Not for everybody: from `soldOutLikelyFrom` on, sold out is likely.
    Short,
    /// Sold out.
    SoldOut,
}

/// What makes the lottery checkable, as far as it has come.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LotteryShape {
    /// SHA-256 of the key, hexadecimal; published before anybody joins.
    pub commitment: String,
    /// Where the entropy comes from.
    pub entropy_source: String,
    /// How many take part, once the prequeue has closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrants: Option<u32>,
    /// The root of the join log, hexadecimal, once the prequeue has closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The entropy, once it is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entropy: Option<String>,
    /// The key, hexadecimal, once it is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What everybody may know of a waiting room.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomStatus {
    /// Its event.
    pub event_id: String,
    /// `closed`, `prequeue`, `drawing`, `queue`, `open` or `ended`.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// What it takes to join: `account`, `invite` or `challenge`.
    #[schema(value_type = String)]
    pub entry: Entry,
    /// How many have joined.
    pub joined: u64,
    /// Positions below this may come in.
    pub serving_number: u64,
    /// Positions called a second, lately.
    pub rate_per_second: f64,
    /// How much is left.
    pub stock: StockHint,
    /// From this position on nothing is likely to be left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sold_out_likely_from: Option<u64>,
    /// Ask again after so long, in milliseconds.
    pub poll_after_ms: u64,
    /// The lottery, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lottery: Option<LotteryShape>,
    /// When it was so.
    pub as_of: String,
}

/// The newest status: its bytes, and what answers to single people are made of.
pub struct Status {
    /// Grows with every status.
    pub number: u64,
    /// The JSON.
    pub json: Bytes,
    /// The same as a server-sent event.
    pub frame: Bytes,
    /// How fast it goes.
    pub pace: WaitEstimate,
    /// From this position on nothing is likely to be left.
    pub sold_out_likely_from: Option<u64>,
    /// Ask again after so long, in milliseconds.
    pub poll_after_ms: u64,
}

/// Polls a second that all who wait may make together.
const POLLS_PER_S_MAX: u64 = 10_000;

impl Status {
    /// The status of a room after a step.
    #[must_use]
    pub fn new(number: u64, room: &Room, step: &Step, pace: WaitEstimate, now: UtcMs) -> Self {
        let waiting = room.joined() - room.called();
        let poll_after_ms = room.config().poll_ms.max(waiting * 1_000 / POLLS_PER_S_MAX);
        let poll_after_ms = poll_after_ms.min(room.config().position_ttl_ms / 2);
        let from = step.enough_for.map(|more| room.called() + more);
        let from = from.filter(|from| room.phase() == Phase::Open && *from < room.joined());
        let stock = match step.bound {
            ticketcore::admission::Bound::SoldOut => StockHint::SoldOut,
            _ if step.enough_for.is_none() => StockHint::Unknown,
            _ if from.is_some() => StockHint::Short,
            _ => StockHint::Enough,
        };
        let shape = RoomStatus {
            event_id: room.event().to_string(),
            phase: room.phase(),
            entry: room.config().entry,
            joined: room.joined(),
            serving_number: room.called(),
            rate_per_second: (pace.rate_per_s() * 100.0).round() / 100.0,
            stock,
            sold_out_likely_from: from,
            poll_after_ms,
            lottery: lottery(room),
            as_of: rfc3339(now),
        };
        // Text and numbers can always be written into memory.
        let json = serde_json::to_vec(&shape).unwrap_or_default();
        let mut frame = format!("id: {number}\nevent: status\ndata: ").into_bytes();
        frame.extend_from_slice(&json);
        frame.extend_from_slice(b"\n\n");
        let (json, frame) = (json.into(), frame.into());
        Self { number, json, frame, pace, sold_out_likely_from: from, poll_after_ms }
    }
}

fn lottery(room: &Room) -> Option<LotteryShape> {
    if room.config().entropy_source.is_empty() {
        return None;
    }
    let (entrants, root) = room.entrants().unzip();
    let (entropy, key) = room.draw_record().map(|record| (record.entropy, hex(&record.key))).unzip();
    Some(LotteryShape {
        commitment: hex(&room.commitment()),
        entropy_source: room.config().entropy_source.clone(),
        entrants,
        root: root.map(|root| hex(&root)),
        entropy,
        key,
    })
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an event's status can be before the first.
impl Status {
    /// Of a room that nobody has stepped yet.
    #[must_use]
    pub fn first(event: EventId) -> Self {
        let json = Bytes::from(format!("{{\"eventId\":\"{event}\"}}"));
        Self {
            number: 0,
            frame: Bytes::new(),
            json,
            pace: WaitEstimate::default(),
            sold_out_likely_from: None,
            poll_after_ms: 1_000,
        }
    }
}
