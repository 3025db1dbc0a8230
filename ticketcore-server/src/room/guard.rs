//! [`admission`]: whether somebody may touch an event's inventory.

use std::sync::Arc;

use ticketcore::admission::{EntrantTag, Place, Token, TokenError, TokenKind};
use ticketcore::{EventId, UserId};

use super::desk::Desk;
use crate::api::room_problem;
use crate::app::App;
use crate::auth::Scope;
use crate::http::{Call, Code, Problem};

/// Somebody who was let in.
pub struct Passed {
    desk: Arc<Desk>,
    number: u32,
}

/// Whether a caller may hold and order: `None` if the event has no room at work, or he need not pass through it.
///
/// Who `holds` what he wants to pay for was inside when he placed it: he may, whether or not he shows an admission.
///
/// # Errors
/// [`Code::AdmissionRequired`], [`Code::AdmissionExpired`], [`Code::RoomToken`].
pub fn admission(
    app: &App,
    call: &Call,
    event: EventId,
    user: UserId,
    holds: bool,
) -> Result<Option<Passed>, Problem> {
    if holds {
        return Ok(None);
    }
    let Some(desk) = app.rooms.find(event) else { return Ok(None) };
    let look = desk.look_at(app.now(), |room, now| (room.phase().guards(), room.tagger().user(user), now));
    let (guards, tag, now) = match look {
        Ok(found) => found,
        Err(_) => return Ok(None),
    };
    if !guards || call.principal.has(Scope::PassRoom) {
        return Ok(None);
    }
    let link = format!("/v1/waiting-room/{event}");
    let needed = |code: Code, told: &str| Problem::new(code, told).with("waitingRoom", &link);
    let Some(text) = call.header("admission-token") else {
        return Err(needed(Code::AdmissionRequired, "Join the waiting room; send `Admission-Token`"));
    };
    let token = app.rooms.keys.read(text, TokenKind::Admission, event, now);
    let token = token.map_err(|error| needed(Code::RoomToken, &error.to_string()))?;
    if !belongs(&token, tag, device_of(call)) {
        return Err(needed(Code::RoomToken, &TokenError::Foreign.to_string()));
    }
    let number = u32::try_from(token.number).unwrap_or(u32::MAX);
    // The room knows how long he is inside: after a pause for longer than his token says.
    let inside = matches!(desk.look(|room| room.place(number, now)), Ok(Ok(Place::Inside { .. })));
    if inside {
        Ok(Some(Passed { desk, number }))
    } else {
        Err(needed(Code::AdmissionExpired, "The admission has ended: join the waiting room again"))
    }
}

/// Whose token it is: of who joined by himself by his tag, on the device it was given to; of who was invited by what stands in the device's place.
pub(crate) fn belongs(token: &Token, user: EntrantTag, device: [u8; 8]) -> bool {
    if token.tag == user { token.belongs_to(user, device).is_ok() } else { token.device == holder(user) }
}

/// What a token says of the device; zeros if that shows no cookie of ours.
pub(crate) fn device_of(call: &Call) -> [u8; 8] {
    let mut short = [0; 8];
    if let Some(device) = call.known.device {
        short.copy_from_slice(&device.0[..8]);
    }
    short
}

/// What a token of somebody who was invited says of who uses it.
pub(crate) fn holder(user: EntrantTag) -> [u8; 8] {
    let mut holder = [0; 8];
    holder.copy_from_slice(&user.0[..8]);
    // Zeros are "not known".
    holder[0] |= 1;
    holder
}

impl Passed {
    /// Uses tickets of his admission up, before they are held.
    ///
    /// # Errors
    /// [`Code::AdmissionTickets`], [`Code::AdmissionExpired`].
    pub fn use_tickets(&self, app: &App, tickets: u32) -> Result<(), Problem> {
        let used = self
            .desk
            .journal()
            .change(app.now(), |room, now| Ok(((), Some(room.use_tickets(self.number, tickets, now)?))));
        match used {
            // Nobody is told of it: after a crash he has a few more.
            Ok(_written) => Ok(()),
            Err(error) => Err(room_problem(error)),
        }
    }

    /// Gives tickets back that were not held after all.
    pub fn give_back(&self, app: &App, tickets: u32) {
        let given = self
            .desk
            .journal()
            .change(app.now(), |room, now| Ok(((), room.give_tickets_back(self.number, tickets, now))));
        if let Err(error) = given {
            tracing::warn!(%error, "tickets of an admission were not given back");
        }
    }
}
