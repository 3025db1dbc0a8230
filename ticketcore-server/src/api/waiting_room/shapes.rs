//! What is asked and answered about places in a room.

use serde::{Deserialize, Serialize};
use ticketcore::admission::Phase;
use utoipa::ToSchema;

/// Who wants to join which room.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinRoom {
    /// The event.
    pub event_id: String,
    /// A solved challenge, if that is what it takes.
    pub challenge: Option<String>,
    /// An invitation, if that is what it takes.
    pub invitation: Option<String>,
}

/// Somebody's place, as its token says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenOnly {
    /// The position token.
    pub position_token: String,
}

/// How long it will take.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitShape {
    /// One of two waits no longer, in milliseconds.
    pub p50_ms: u64,
    /// Nine of ten wait no longer, in milliseconds.
    pub p90_ms: u64,
}

/// Somebody's place.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceShape {
    /// The event.
    pub event_id: String,
    /// Shows it when asking to come in. Each answer has a new one.
    pub position_token: String,
    /// Until when the token is good; the place outlives it.
    pub position_token_expires_at: String,
    /// Where the room stands.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// The number in the join log.
    pub number: u32,
    /// The name in the join log: a keyed hash, hexadecimal.
    pub entrant: String,
    /// The place in the whole queue, from 0; absent before the draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// How many are to be called before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u64>,
    /// He is called: ask to come in, until this time at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub come_until: Option<String>,
    /// How long it will take; absent while that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitShape>,
    /// Nothing is likely to be left when he is called.
    pub sold_out_likely: bool,
    /// Ask again after so long, in milliseconds.
    pub poll_after_ms: u64,
    /// The server's time.
    pub server_time: String,
}

/// The right to touch inventory.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdmittedShape {
    /// The event.
    pub event_id: String,
    /// For the header `Admission-Token` of holds and orders.
    pub admission_token: String,
    /// When it ends.
    pub expires_at: String,
    /// When it ends, from `serverTime` on, in milliseconds.
    pub expires_in_ms: u64,
    /// Tickets that may still be held with it.
    pub tickets_left: u32,
    /// The server's time.
    pub server_time: String,
}

/// One event of the stream.
#[derive(ToSchema)]
pub struct StatusEvent {
    /// `status`; what has another name may come one day and is nothing to act on.
    pub event: String,
    /// Grows with every status.
    pub id: String,
    /// The JSON text of what `GET /v1/waiting-room/{eventId}` says.
    pub data: String,
}

/// The proof that an entry took part in the lottery.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProofShape {
    /// The event.
    pub event_id: String,
    /// The number in the join log.
    pub number: u32,
    /// The name in the join log, hexadecimal.
    pub entrant: String,
    /// Hashes from the leaf to the root, hexadecimal.
    pub path: Vec<String>,
    /// How many took part.
    pub entrants: u32,
    /// The root of the join log, hexadecimal.
    pub root: String,
}

/// Everything that makes a draw checkable.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrawShape {
    /// The event.
    pub event_id: String,
    /// SHA-256 of the key, hexadecimal.
    pub commitment: String,
    /// Where the entropy came from.
    pub entropy_source: String,
    /// How many took part.
    pub entrants: u32,
    /// The root of the join log, hexadecimal.
    pub root: String,
    /// The entropy.
    pub entropy: String,
    /// The key, hexadecimal.
    pub key: String,
}
