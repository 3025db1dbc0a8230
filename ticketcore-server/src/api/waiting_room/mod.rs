//! The waiting room of an event: join, look, come in, leave, and check the draw.

mod admit;
mod join;
mod look;
mod shapes;

use ticketcore::admission::{RoomError, RoomRefusal, TokenError};

use super::route;
use crate::http::{Access, Code, Problem, Route};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("POST" "/v1/waiting-room/join" "join_waiting_room" Access::Buyer, join::join),
    route!("POST" "/v1/waiting-room/admit" "admit" Access::Buyer, admit::admit),
    route!("POST" "/v1/waiting-room/leave" "leave_waiting_room" Access::Buyer, join::leave),
    route!("POST" "/v1/waiting-room/proof" "prove_entry" Access::Buyer, look::proof),
    route!("GET" "/v1/waiting-room/{eventId}" "get_waiting_room" Access::Public, look::status),
    route!("GET" "/v1/waiting-room/{eventId}/stream" "stream_waiting_room" Access::Public, look::stream),
    route!("GET" "/v1/waiting-room/{eventId}/draw" "get_draw" Access::Public, look::draw),
];

pub use admit::{__path_admit, admit};
pub use join::{__path_join, __path_leave, join, leave};
pub use look::{__path_draw, __path_proof, __path_status, __path_stream, draw, proof, status, stream};
pub use shapes::{
    AdmittedShape, DrawShape, JoinRoom, PlaceShape, ProofShape, StatusEvent, TokenOnly, WaitShape,
};

/// What is answered if a room refuses, or can't be used.
pub fn room_problem(error: RoomError) -> Problem {
    let told = error.to_string();
    match error {
        RoomError::Refused(refusal) => refused(refusal),
        RoomError::Stopped(_) | RoomError::Unreadable(_) | RoomError::Damaged { .. } => {
            tracing::error!(error = told, "a waiting room can't be used");
            let unknown = "The waiting room does not answer; whether it was done is not known: ask again";
            Problem::new(Code::OutcomeUnknown, unknown).retry_after_ms(1_000)
        }
    }
}

/// What is answered if a room refuses.
pub fn refused(refusal: RoomRefusal) -> Problem {
    let told = refusal.to_string();
    match refusal {
        RoomRefusal::NoRoom => Problem::new(Code::NoWaitingRoom, told),
        RoomRefusal::Phase { phase } => Problem::new(Code::RoomPhase, told).with("phase", phase),
        RoomRefusal::Full => Problem::new(Code::RoomFull, told),
        RoomRefusal::NotInside | RoomRefusal::NotCalled | RoomRefusal::Crowded => {
            Problem::new(Code::NotInRoom, told)
        }
        RoomRefusal::Lapsed { .. } => Problem::new(Code::PlaceLost, "Join again, at the end"),
        RoomRefusal::NoLottery => Problem::invalid("/entropySource", told),
        RoomRefusal::TooManyTickets { left } => {
            Problem::new(Code::AdmissionTickets, told).with("ticketsLeft", left)
        }
        RoomRefusal::Fixed { member } => Problem::invalid(format!("/{member}"), told),
    }
}

/// What is answered to a token that is not good.
pub fn token_problem(error: TokenError) -> Problem {
    Problem::new(Code::RoomToken, error.to_string())
}
