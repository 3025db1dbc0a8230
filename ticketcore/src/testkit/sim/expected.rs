//! What the answer to a command must say, made from its fact alone.

use crate::answer::{Answer, Done, Hold, Order};
use crate::fact::{Fact, Stamp};
use crate::id::{EventId, HoldId, HoldNumber, Revision};
use crate::order::OrderState;
use crate::testkit::model::ModelOrder;
use crate::waiting::WaitingEntry;

/// The answer that tells of `fact`.
pub(super) fn answer_of(event: EventId, stamp: Stamp, fact: &Fact, replayed: bool) -> Answer {
    let version = stamp.revision;
    let (id, user, lines, deadline, at, extensions_left) = match fact {
        Fact::HoldPlaced(f) => {
            let number = HoldNumber::new(version, f.user.shard());
            (number, f.user, &f.lines, stamp.at.plus_ms(f.ttl_ms), stamp.at, f.extensions_left)
        }
        Fact::HoldPlacedWith(f) => {
            let f = &f.placed;
            let number = HoldNumber::new(version, f.user.shard());
            (number, f.user, &f.lines, stamp.at.plus_ms(f.ttl_ms), stamp.at, f.extensions_left)
        }
        Fact::WaitingJoined(f) => {
            return Answer::Waiting(WaitingEntry { entry: version, wish: f.wish, replayed });
        }
        Fact::HoldAmended(f) => (f.hold, f.user, &f.lines, f.deadline, stamp.at, f.extensions_left),
        Fact::HoldExtended(f) => (f.hold, f.user, &f.lines, f.deadline, stamp.at, f.extensions_left),
        Fact::OrderOpened(f) => {
            let order = order(event, f.hold, OrderState::Open, f.user, &f.lines, version, replayed);
            return Answer::Order(Box::new(Order { payment_deadline: Some(f.payment_deadline), ..order }));
        }
        Fact::CheckoutOpened(f) => {
            let (state, f) = (f.state(), &f.opened);
            let order = order(event, f.hold, state, f.user, &f.lines, version, replayed);
            return Answer::Order(Box::new(Order { payment_deadline: Some(f.payment_deadline), ..order }));
        }
        Fact::OrderConfirmed(f) => {
            let state = OrderState::Confirmed;
            return Answer::Order(Box::new(order(
                event, f.order, state, f.user, &f.lines, version, replayed,
            )));
        }
        Fact::OrderCancelled(f) => {
            let state = OrderState::Cancelled;
            return Answer::Order(Box::new(order(
                event, f.order, state, f.user, &f.lines, version, replayed,
            )));
        }
        Fact::ManifestChanged(change) => return Answer::Change(change.clone()),
        _ => return Answer::Done(Done { revision: Some(version), replayed }),
    };
    let (id, lines) = (HoldId { event, number: id }, lines.clone());
    let total_minor = total(&lines);
    Answer::Hold(Box::new(Hold {
        id,
        user,
        lines,
        total_minor,
        deadline,
        at,
        extensions_left,
        version,
        replayed,
    }))
}

/// The answer for an order that is like that already; `version` is the revision of the last fact about it.
pub(super) fn order_as_it_is(
    event: EventId,
    number: HoldNumber,
    found: &ModelOrder,
    lines: &crate::fact::Lines,
    version: Revision,
) -> Answer {
    let order = order(event, number, found.state, found.user, lines, version, true);
    let payment_deadline = found.state.is_live().then_some(found.payment_deadline);
    Answer::Order(Box::new(Order { payment_deadline, ..order }))
}

fn order(
    event: EventId,
    number: HoldNumber,
    state: OrderState,
    user: crate::id::UserId,
    lines: &crate::fact::Lines,
    version: Revision,
    replayed: bool,
) -> Order {
    Order {
        id: HoldId { event, number }.order(),
        user,
        state,
        lines: lines.clone(),
        total_minor: total(lines),
        payment_deadline: None,
        version,
        replayed,
    }
}

fn total(lines: &crate::fact::Lines) -> i64 {
    let seats: i64 = lines.seats.iter().map(|line| line.price_minor).sum();
    lines.areas.iter().fold(seats, |sum, line| sum + line.price_minor * i64::from(line.quantity))
}

/// The order or hold a fact is about.
pub(super) fn order_of(fact: &Fact) -> Option<HoldNumber> {
    match fact {
        Fact::OrderOpened(f) => Some(f.hold),
        Fact::CheckoutOpened(f) => Some(f.opened.hold),
        Fact::OrderStepped(f) => Some(f.order),
        Fact::OrderConfirmed(f) => Some(f.order),
        Fact::OrderCancelled(f) => Some(f.order),
        Fact::HoldEnded(f) => Some(f.hold),
        _ => None,
    }
}
