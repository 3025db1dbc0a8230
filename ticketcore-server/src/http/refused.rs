//! What the engine refuses, as problems: names of seats instead of their numbers, times that can be read.

use serde::Serialize;
use serde_json::json;
use ticketcore::manifest::Manifest;
use ticketcore::{CommandError, NotAdmitted, Refusal, SeatIndex, SeatState};

use super::code::Code;
use super::problem::Problem;
use crate::api::shapes::{rfc3339, seat_state};

/// Seats that a problem names at most; more are counted.
const SEATS_NAMED_MAX: usize = 100;

/// A seat that is taken.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conflict<'a> {
    seat_id: &'a str,
    state: &'static str,
    free_at_latest: Option<String>,
}

/// Gives names to what the engine knows by number.
pub trait Named {
    /// The manifest of the event, if it is at hand.
    fn manifest(&self) -> Option<&Manifest>;
}

impl Named for Manifest {
    fn manifest(&self) -> Option<&Manifest> {
        Some(self)
    }
}

/// For commands whose refusals name nothing of an event.
impl Named for () {
    fn manifest(&self) -> Option<&Manifest> {
        None
    }
}

/// The problem that a command's error is.
pub fn command_problem(error: CommandError, named: &impl Named) -> Problem {
    match error {
        CommandError::Refused(refusal) => refusal_problem(&refusal, named),
        CommandError::Unknown { .. } => {
            Problem::new(Code::OutcomeUnknown, "Nobody knows yet whether it was done").retry_after_ms(1_000)
        }
        CommandError::Failed { reason } => {
            tracing::error!(reason, "a command failed");
            Problem::new(Code::Unavailable, "It was not done: the store has failed").retry_after_ms(5_000)
        }
        _ => Problem::new(Code::Unavailable, "It was not done").retry_after_ms(5_000),
    }
}

/// The problem that a refusal is, with the next useful fact.
pub fn refusal_problem(refusal: &Refusal, named: &impl Named) -> Problem {
    let code = Code::from_name(refusal.code()).unwrap_or(Code::Internal);
    let manifest = named.manifest();
    let detail = |text: &str| Problem::new(code, text);
    let seats = |seats: &[SeatIndex]| seat_names(seats, manifest);
    match refusal {
        Refusal::Limit(limit) => detail(&limit.to_string()).with(
            "limit",
            json!({
                "what": limit.what, "found": limit.found, "min": limit.min, "max": limit.max,
            }),
        ),
        Refusal::Overloaded { retry_after_ms } => detail("Come back").retry_after_ms(*retry_after_ms),
        Refusal::UnknownCode { retry_after_ms } => {
            detail("No voucher and no allocation has this code, or it was not looked at")
                .retry_after_ms(*retry_after_ms)
        }
        Refusal::DuplicateSeat(seat) => detail(code.title()).with("seatIds", seats(&[*seat])),
        Refusal::UnknownSeats(list) | Refusal::AllocationLocked(list) | Refusal::OrphanSeat(list) => {
            detail(code.title()).with("seatIds", seats(list))
        }
        Refusal::SeatsUnavailable(list) => {
            let conflict = |conflict: &ticketcore::SeatConflict| Conflict {
                seat_id: manifest.map_or("", |m| m.seat_id(conflict.seat)),
                state: seat_state(conflict.state),
                free_at_latest: conflict.until.map(rfc3339),
            };
            let told = format!("{} of the seats asked for are taken", list.len());
            let list: Vec<_> = list.iter().take(SEATS_NAMED_MAX).map(conflict).collect();
            detail(&told).with("conflicts", list)
        }
        Refusal::SeatMismatch(list) => {
            let found = |seat: &ticketcore::SeatMismatch| {
                json!({
                    "seatId": manifest.map_or(String::new(), |m| m.seat_id(seat.seat).to_owned()),
                    "state": seat_state(seat.state),
                    "version": seat.version,
                })
            };
            detail(code.title())
                .with("seats", list.iter().take(SEATS_NAMED_MAX).map(found).collect::<Vec<_>>())
        }
        Refusal::InUse { seats: list, areas, quotas } => {
            let area = |area: &ticketcore::AreaIndex| manifest.map(|m| m.areas()[area.at()].name.clone());
            let quota =
                |quota: &ticketcore::QuotaIndex| manifest.map(|m| m.quotas()[quota.at()].name.clone());
            detail(code.title())
                .with("seatIds", seats(list))
                .with("areaIds", areas.iter().filter_map(area).collect::<Vec<_>>())
                .with("quotas", quotas.iter().filter_map(quota).collect::<Vec<_>>())
        }
        Refusal::SaleState { state, activity } => {
            detail(code.title()).with("saleState", state).with("activity", activity)
        }
        Refusal::SaleTransition { from, to } => detail(code.title()).with("from", from).with("to", to),
        Refusal::OrderState { state } => {
            detail(&format!("The order is {}", state.name())).with("orderStatus", state.name())
        }
        Refusal::TicketNotValid { ticket, status } => {
            detail(code.title()).with("ticket", ticket).with("ticketStatus", status)
        }
        Refusal::NotAdmitted(why) => {
            let since = match why {
                NotAdmitted::AlreadyInside { since } => Some(rfc3339(*since)),
                _ => None,
            };
            detail(code.title()).with("reason", not_admitted(*why)).with("since", since)
        }
        Refusal::RefundTooLarge { left_minor } => detail(code.title()).with("leftMinor", left_minor),
        Refusal::HoldExpired { deadline } => detail(code.title()).with("expiredAt", rfc3339(*deadline)),
        Refusal::HoldPinned { payment_deadline } => {
            detail(code.title()).with("paymentDeadline", rfc3339(*payment_deadline))
        }
        Refusal::StaleHold { version } => detail(code.title()).with("version", version.0),
        Refusal::NoExtensionLeft { lifetime_end } => {
            detail(code.title()).with("lifetimeEnd", rfc3339(*lifetime_end))
        }
        Refusal::Manifest(error) => detail(&error.to_string()),
        Refusal::PlacesMismatch { blocked } => detail(code.title()).with("blocked", blocked),
        Refusal::UserLimit { limit, used, asked } | Refusal::IdentityLimit { limit, used, asked, .. } => {
            detail(code.title()).with("max", limit).with("used", used).with("asked", asked)
        }
        Refusal::AreaExhausted { area, left } => {
            let name = manifest.map(|m| m.areas()[area.at()].name.clone());
            detail(code.title()).with("areaId", name).with("left", left)
        }
        Refusal::BestAvailableMiss { asked, matching, largest_adjacent } => detail(code.title())
            .with("asked", asked)
            .with("matching", matching)
            .with("largestAdjacent", largest_adjacent),
        Refusal::QuotaExhausted { quota, left } => {
            let name = manifest.map(|m| m.quotas()[quota.at()].name.clone());
            detail(code.title()).with("quota", name).with("left", left)
        }
        Refusal::VoucherUsedUp { uses_max } => detail(code.title()).with("usesMax", uses_max),
        Refusal::VoucherClosed { from, until } => {
            detail(code.title()).with("from", from.map(rfc3339)).with("until", until.map(rfc3339))
        }
        _ => detail(code.title()),
    }
}

/// The reason's name, as scanners know it.
fn not_admitted(why: NotAdmitted) -> &'static str {
    match why {
        NotAdmitted::NotSold => "not_sold",
        NotAdmitted::Superseded => "superseded",
        NotAdmitted::Refunded => "refunded",
        NotAdmitted::Exchanged => "exchanged",
        NotAdmitted::Disputed => "disputed",
        NotAdmitted::AlreadyInside { .. } => "already_inside",
        NotAdmitted::NotInside => "not_inside",
    }
}

fn seat_names(seats: &[SeatIndex], manifest: Option<&Manifest>) -> Vec<String> {
    let Some(manifest) = manifest else { return Vec::new() };
    let known = seats.iter().filter(|seat| seat.at() < manifest.seat_count());
    known.take(SEATS_NAMED_MAX).map(|seat| manifest.seat_id(*seat).to_owned()).collect()
}

const _: () = assert!(SeatState::Free as u8 == 0, "maps and problems name states alike");
