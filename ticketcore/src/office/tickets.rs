//! Ticket codes from orders: signing them, the list of dead ones, and the door.

use super::{BoxOffice, Pending};
use crate::answer::{CommandError, Stepped};
use crate::id::{EventId, HoldNumber, OrderId, TicketId, UserId};
use crate::key::IdempotencyKey;
use crate::order::{OrderRecord, OrderState, Place, RedeemRequest, TicketStatus, Way};
use crate::refusal::Refusal;
use crate::ticket::{
    DeadTicket, KeyError, NotValid, PublicKeys, RevocationList, TicketClaims, TicketCode, TicketKeys,
    TicketPlace, verify,
};
use crate::time::UtcMs;

/// Codes could not be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// The order can't be read, is somebody else's, or has no tickets.
    #[error(transparent)]
    Order(#[from] CommandError),
    /// The key can't sign now.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A scan at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The scanner, or who works it.
    pub by: UserId,
    /// The scanner's nonce: repeated when an offline scan is sent again.
    pub key: Option<IdempotencyKey>,
    /// In or out.
    pub way: Way,
    /// When the device did it, if it was not connected.
    pub device_at: Option<UtcMs>,
    /// Let it through although it was used before or is in dispute; never one that is dead.
    pub force: bool,
}

impl BoxOffice {
    /// Codes of the valid tickets of an order that a user holds, signed now, good from `valid_from` until `valid_until`. Waits until what it
    /// saw is durable: a code is never of a sale that a crash could undo.
    ///
    /// # Errors
    /// [`CodeError`]; [`Refusal::OrderState`] if the order is not confirmed.
    pub fn ticket_codes(
        &self,
        order: OrderId,
        user: UserId,
        keys: &TicketKeys,
        (valid_from, valid_until): (UtcMs, UtcMs),
    ) -> Result<Vec<(TicketId, TicketCode)>, CodeError> {
        let details = self.order_details(order)?;
        let buyer = details.order.user;
        let refused = |refusal: Refusal| CodeError::Order(refusal.into());
        let own: Vec<_> = (0u32..)
            .zip(&details.tickets)
            .filter(|(_, (_, ticket))| ticket.holder.unwrap_or(buyer) == user)
            .collect();
        if buyer != user && own.is_empty() {
            return Err(refused(Refusal::UnknownOrder));
        }
        if details.order.state != OrderState::Confirmed {
            return Err(refused(Refusal::OrderState { state: details.order.state }));
        }
        let signed_at = self.office.clock.now();
        let valid = own.into_iter().filter(|(_, (_, ticket))| ticket.status == TicketStatus::Valid);
        valid
            .map(|(index, (place, ticket))| {
                let id = TicketId { order, index };
                let (place, ticket_type) = match place {
                    Place::Seat(line) => (TicketPlace::Seat(line.seat), line.ticket_type),
                    Place::Area(line) => (TicketPlace::Area(line.area), line.ticket_type),
                };
                let issue = ticket.issue;
                let claims = TicketClaims {
                    ticket: id,
                    issue,
                    place,
                    ticket_type,
                    signed_at,
                    valid_from,
                    valid_until,
                };
                Ok((id, keys.sign(&claims)?))
            })
            .collect()
    }

    /// Every dead ticket of an event: what scanners that are offline must know. Waits until what it saw is durable. O(orders).
    ///
    /// # Errors
    /// If the event is unknown or can't be opened, or there are too many.
    pub fn revocations(&self, event: EventId) -> Result<RevocationList, CommandError> {
        let core = self.office.open_event(event)?;
        let (revision, dead) = core.read_durably(|core| {
            let revision = core.log.sequenced();
            let mut dead = Vec::new();
            core.each_order(|number, order| dead_tickets(number, order, &mut dead));
            (revision, dead)
        })?;
        RevocationList::new(event, revision, self.office.clock.now(), dead)
            .map_err(|limit| Refusal::Limit(limit).into())
    }

    /// Verifies a code and uses its ticket: [`redeem`](Self::redeem) for what a camera has read.
    ///
    /// # Errors
    /// Why the code itself is not valid; whether the ticket lets its bearer through is in the outcome.
    pub fn redeem_code(
        &self,
        code: &TicketCode,
        keys: &PublicKeys,
        scan: Scan,
    ) -> Result<Pending<Stepped>, NotValid> {
        // A scan made offline is judged by the time it was made.
        let at = scan.device_at.unwrap_or_else(|| self.office.clock.now());
        let claims = verify(code, keys, at)?;
        let Scan { by, key, way, device_at, force } = scan;
        let request =
            RedeemRequest { ticket: claims.ticket, issue: claims.issue, by, key, way, device_at, force };
        Ok(self.redeem(request))
    }
}

fn dead_tickets(number: HoldNumber, order: &OrderRecord, dead: &mut Vec<DeadTicket>) {
    // Only what is or was sold has tickets; an expired order still knows what it wanted.
    if !matches!(order.state, OrderState::Confirmed | OrderState::Cancelled) {
        return;
    }
    for index in 0..order.ticket_count() {
        let Some(ticket) = order.ticket(index) else { continue };
        // The tickets of a cancelled order were sold and have died, or never were.
        let issue = if ticket.status == TicketStatus::Valid { ticket.issue - 1 } else { ticket.issue };
        if issue > 0 {
            dead.push(DeadTicket { order: number, index, issue });
        }
    }
}
