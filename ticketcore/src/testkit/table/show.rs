//! Outcomes in the words of the tables.

use super::subject::{Outcome, Subject};
use super::{Case, START};
use crate::fact::Lines;
use crate::id::{
    AllocationIndex, AreaIndex, CategoryIndex, HoldNumber, QuotaIndex, SeatIndex, TicketTypeIndex,
};
use crate::order::OrderState;
use crate::refusal::{Refusal, SeatConflict, SeatMismatch};
use crate::time::UtcMs;

/// Every code of a refusal: the first word of its text.
#[cfg(test)]
pub(super) const CODES: [&str; 37] = [
    "limit_exceeded",
    "nothing_requested",
    "duplicate_seat",
    "unknown_event",
    "overloaded",
    "idempotency_key_reused",
    "unknown_hold",
    "unknown_order",
    "sale_state",
    "sale_transition",
    "order_state",
    "hold_expired",
    "hold_pinned",
    "stale_hold",
    "no_extension_left",
    "manifest",
    "in_use",
    "unknown_code",
    "unknown_seats",
    "not_in_hold",
    "hold_would_be_empty",
    "unknown_section",
    "unknown_category",
    "unknown_area",
    "unknown_allocation",
    "unknown_ticket_type",
    "not_sold",
    "allocation_released",
    "seat_mismatch",
    "places_mismatch",
    "user_limit",
    "allocation_locked",
    "seats_unavailable",
    "area_exhausted",
    "best_available_miss",
    "orphan_seat",
    "quota_exhausted",
];

impl<S: Subject> Case<S> {
    /// An outcome as rows write it.
    pub fn show(&self, outcome: &Result<Outcome, Refusal>, again: &str) -> String {
        match outcome {
            Ok(Outcome::Hold { number, lines, deadline, extensions_left, .. }) => {
                let (hold, lines) = (self.hold_name(*number), self.lines(lines));
                format!("{again}held {hold} {lines} until {} extensions {extensions_left}", time(*deadline))
            }
            Ok(Outcome::Order { number, state, lines, payment_deadline }) => {
                let state = OrderState::name(*state);
                let until = payment_deadline.map(|deadline| format!(" until {}", time(deadline)));
                let (hold, lines) = (self.hold_name(*number), self.lines(lines));
                format!("{again}{state} {hold} {lines}{}", until.unwrap_or_default())
            }
            Ok(Outcome::Done) => format!("{again}done"),
            Ok(Outcome::NotHeld) => "not_held".to_owned(),
            Err(refusal) => {
                let text = refusal.to_string();
                let code = text.split(':').next().unwrap_or_default();
                format!("refused {code} {}", self.carried(refusal))
            }
        }
    }

    /// What a refusal carries.
    fn carried(&self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::Limit(limit) => format!("{} {} {} {}", limit.what, limit.found, limit.min, limit.max),
            Refusal::NothingRequested
            | Refusal::UnknownEvent
            | Refusal::KeyReused { .. }
            | Refusal::UnknownHold
            | Refusal::UnknownOrder
            | Refusal::StaleHold { .. }
            | Refusal::NotInHold
            | Refusal::HoldWouldBeEmpty => String::new(),
            Refusal::Overloaded { retry_after_ms } => format!("{retry_after_ms}ms"),
            Refusal::DuplicateSeat(seat) => self.seat(*seat),
            Refusal::SaleState { state, activity } => format!("{state:?} {activity:?}").to_lowercase(),
            Refusal::SaleTransition { from, to } => format!("{from:?} {to:?}").to_lowercase(),
            Refusal::OrderState { state } => state.name().to_owned(),
            Refusal::HoldExpired { deadline } => time(*deadline),
            Refusal::HoldPinned { payment_deadline } => time(*payment_deadline),
            Refusal::UnknownPayment { attempt } => format!("#{attempt}"),
            Refusal::UnknownRefund { refund } => format!("#{refund}"),
            Refusal::UnknownTicket { ticket } => format!("#{ticket}"),
            Refusal::TicketNotValid { ticket, status } => format!("#{ticket} {status:?}").to_lowercase(),
            Refusal::NotAdmitted(why) => format!("{why:?}").to_lowercase(),
            Refusal::RefundTooLarge { left_minor } => format!("left {left_minor}"),
            Refusal::NotPaid { amount_minor } => format!("{amount_minor}"),
            Refusal::PriceDiffers { paid_minor, asked_minor } => format!("{paid_minor} {asked_minor}"),
            Refusal::NoExtensionLeft { lifetime_end } => time(*lifetime_end),
            Refusal::Manifest(error) => error.place.clone(),
            Refusal::InUse { seats, areas, quotas } => {
                let areas = areas.iter().map(|area| self.area(*area));
                let quotas = quotas.iter().map(|quota| self.quota(*quota));
                let names = seats.iter().map(|seat| self.seat(*seat)).chain(areas).chain(quotas);
                names.collect::<Vec<_>>().join(" ")
            }
            Refusal::UnknownSeats(seats) | Refusal::AllocationLocked(seats) | Refusal::OrphanSeat(seats) => {
                seats.iter().map(|seat| self.seat(*seat)).collect::<Vec<_>>().join(" ")
            }
            Refusal::UnknownSection(at) => format!("#{}", at.0),
            Refusal::UnknownCategory(at) => format!("#{}", at.0),
            Refusal::UnknownArea(at) => format!("#{}", at.0),
            Refusal::UnknownAllocation(at) | Refusal::AllocationReleased(at) => self.allocation(*at),
            Refusal::UnknownTicketType(at) => format!("#{}", at.0),
            Refusal::NotSold { ticket_type, category } => {
                format!("{} {}", self.ticket_type(*ticket_type), self.category(*category))
            }
            Refusal::SeatMismatch(seats) => join(seats, |seat| self.mismatch(seat)),
            Refusal::PlacesMismatch { blocked } => blocked.to_string(),
            Refusal::BatchDiffers { .. }
            | Refusal::UnknownBatch
            | Refusal::VoucherRevoked
            | Refusal::NotSoldOut => String::new(),
            Refusal::DuplicateCode { at } => format!("#{at}"),
            Refusal::UnknownCode { retry_after_ms } => format!("{retry_after_ms}ms"),
            Refusal::VoucherClosed { from, until } => {
                format!("{} {}", time(from.unwrap_or_default()), time(until.unwrap_or(UtcMs::NEVER)))
            }
            Refusal::VoucherUsedUp { uses_max } => uses_max.to_string(),
            Refusal::IdentityLimit { limit, used, asked, .. } => {
                format!("limit {limit} used {used} asked {asked}")
            }
            Refusal::UserLimit { limit, used, asked } => format!("limit {limit} used {used} asked {asked}"),
            Refusal::SeatsUnavailable(seats) => join(seats, |seat| self.conflict(seat)),
            Refusal::AreaExhausted { area, left } => format!("{} left {left}", self.area(*area)),
            Refusal::BestAvailableMiss { asked, matching, largest_adjacent } => {
                format!("asked {asked} matching {matching} largest {largest_adjacent}")
            }
            Refusal::QuotaExhausted { quota, left } => format!("{} left {left}", self.quota(*quota)),
        }
    }

    fn lines(&self, lines: &Lines) -> String {
        let as_type = |at: TicketTypeIndex| {
            if at.0 == 0 { String::new() } else { format!(":{}", self.ticket_type(at)) }
        };
        let seats = lines.seats.iter().map(|line| self.seat(line.seat) + &as_type(line.ticket_type));
        let areas = lines.areas.iter().map(|line| {
            let pool = line.allocation.map(|at| format!("/{}", self.allocation(at))).unwrap_or_default();
            format!("{}*{}{pool}{}", self.area(line.area), line.quantity, as_type(line.ticket_type))
        });
        let all: Vec<String> = seats.chain(areas).collect();
        format!("{} total {}", all.join(" "), lines.total_minor().unwrap_or(-1))
    }

    fn conflict(&self, conflict: &SeatConflict) -> String {
        let until = conflict.until.map(|until| format!("@{}", time(until))).unwrap_or_default();
        let state = format!("{:?}", conflict.state).to_lowercase();
        format!("{}={state}{until}", self.seat(conflict.seat))
    }

    fn mismatch(&self, mismatch: &SeatMismatch) -> String {
        let state = format!("{:?}", mismatch.state).to_lowercase();
        format!("{}={state}@{}", self.seat(mismatch.seat), mismatch.version)
    }

    fn hold_name(&self, number: HoldNumber) -> String {
        let at = self.holds.iter().position(|hold| hold.number == number);
        at.map_or_else(|| format!("{number:?}"), |at| format!("h{}", at + 1))
    }

    fn seat(&self, at: SeatIndex) -> String {
        named(self.setup.seats.get(at.at()), at.at())
    }

    fn area(&self, at: AreaIndex) -> String {
        named(self.setup.definition.areas.get(at.at()).map(|area| &area.name), at.at())
    }

    fn quota(&self, at: QuotaIndex) -> String {
        named(self.setup.definition.quotas.get(at.at()).map(|quota| &quota.name), at.at())
    }

    fn allocation(&self, at: AllocationIndex) -> String {
        named(self.setup.definition.allocations.get(at.at()).map(|allocation| &allocation.name), at.at())
    }

    fn category(&self, at: CategoryIndex) -> String {
        named(self.setup.definition.categories.get(at.at()).map(|category| &category.name), at.at())
    }

    fn ticket_type(&self, at: TicketTypeIndex) -> String {
        named(self.setup.definition.ticket_types.get(at.at()).map(|ticket_type| &ticket_type.name), at.at())
    }
}

fn named(name: Option<&String>, at: usize) -> String {
    name.cloned().unwrap_or_else(|| format!("#{at}"))
}

fn join<T>(list: &[T], show: impl Fn(&T) -> String) -> String {
    list.iter().map(show).collect::<Vec<_>>().join(" ")
}

/// A time from the start of the case: whole seconds, or milliseconds.
fn time(at: UtcMs) -> String {
    match at.since_ms(START) {
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}
