//! What each fact changes.

use super::Model;
use super::state::{KeyRecord, ModelHold, ModelOrder};
use crate::fact::{
    AreaLine, Fact, HoldEnd, HoldPlaced, Keyed, Lines, OrderOpened, OrderStep, OrderStepped, SeatChange,
    Stamp,
};
use crate::id::{HoldNumber, SeatIndex, UserId};
use crate::key::Operation;
use crate::order::{Move, OrderState};
use crate::refusal::SeatState;

impl Model {
    pub(super) fn apply(&mut self, stamp: Stamp, fact: &Fact) {
        match fact {
            Fact::EventDefined(_) => {}
            Fact::ManifestChanged(change) => {
                self.manifest = self.manifest.changed(change).expect("decided with the same manifest");
                for seat in &change.dropped {
                    self.seats[seat.at()].state = SeatState::Blocked;
                }
                self.add_seats();
            }
            Fact::SaleStateChanged { to } => self.sale = *to,
            Fact::AllocationReleased { allocation } => {
                self.released.insert(*allocation);
            }
            Fact::SeatsChanged(f) => {
                self.remember(stamp, f.by, Operation::Staff, f.keyed.as_ref());
                f.seats.iter().for_each(|seat| self.change_seat(*seat, f.change));
            }
            Fact::PlacesChanged(f) => {
                self.remember(stamp, f.by, Operation::Staff, f.keyed.as_ref());
                self.blocked_places.insert((f.area, f.allocation), f.blocked);
            }
            Fact::HoldPlaced(_) | Fact::HoldAmended(_) | Fact::HoldExtended(_) | Fact::HoldEnded(_) => {
                self.apply_to_hold(stamp, fact);
            }
            Fact::OrderOpened(_) | Fact::OrderConfirmed(_) | Fact::OrderCancelled(_) => {
                self.apply_to_order(stamp, fact);
            }
            // The model follows these and decides none of them: orders that a gateway pays are judged by the auditor and by the gateway's
            // ledger.
            Fact::PaymentRulesSet(_) => {}
            Fact::CheckoutOpened(f) => {
                self.order_opened(stamp, &f.opened, true);
                let order = self.orders.get_mut(&f.opened.hold).expect("it was just opened");
                order.state = f.state();
            }
            Fact::OrderStepped(f) => self.order_stepped(stamp, f),
            Fact::HoldPlacedWith(f) => {
                self.hold_placed(stamp, &f.placed);
                self.said_beside(HoldNumber::new(stamp.revision, f.placed.user.shard()), &f.with);
            }
            Fact::VouchersAdded(f) => {
                self.remember(stamp, f.by, Operation::Staff, f.keyed.as_ref());
                self.vouchers_added(f);
            }
            Fact::VouchersRevoked(f) => {
                self.remember(stamp, f.by, Operation::Staff, f.keyed.as_ref());
                self.vouchers_revoked(&f.which);
            }
            Fact::WaitingRulesSet(rules) => self.waiting.rules = *rules,
            Fact::WaitingJoined(f) => {
                self.remember(stamp, f.user, Operation::Waiting, f.keyed.as_ref());
                self.waiting.joined(stamp.revision, f);
            }
            Fact::WaitingLeft(f) => {
                self.remember(stamp, f.user, Operation::Waiting, f.keyed.as_ref());
                self.waiting.over(f.entry);
            }
        }
    }

    fn apply_to_hold(&mut self, stamp: Stamp, fact: &Fact) {
        match fact {
            Fact::HoldPlaced(f) => self.hold_placed(stamp, f),
            Fact::HoldAmended(f) => {
                self.remember(stamp, f.user, Operation::Amend, f.keyed.as_ref());
                self.set_seats(&f.removed, SeatState::Free, None);
                self.set_seats(&f.added, SeatState::Held, Some(f.hold));
                let hold = self.holds.get_mut(&f.hold).expect("decided for a live hold");
                hold.lines = f.lines.clone();
                hold.version = stamp.revision;
            }
            Fact::HoldExtended(f) => {
                self.remember(stamp, f.user, Operation::Extend, f.keyed.as_ref());
                let hold = self.holds.get_mut(&f.hold).expect("decided for a live hold");
                hold.deadline = f.deadline;
                hold.extensions_left = f.extensions_left;
                hold.version = stamp.revision;
            }
            Fact::HoldEnded(f) => {
                let force = f.end == HoldEnd::ForceReleased;
                let operation = if force { Operation::Staff } else { Operation::Release };
                if let Some((user, keyed)) = &f.by {
                    self.remember(stamp, *user, operation, Some(keyed));
                }
                self.set_seats(&f.lines, SeatState::Free, None);
                self.holds.remove(&f.hold);
                if let Some(order) = self.orders.get_mut(&f.hold) {
                    order.state = OrderState::Expired;
                    order.ended_at = Some(stamp.at);
                }
            }
            _ => unreachable!("called with facts about holds only"),
        }
    }

    fn hold_placed(&mut self, stamp: Stamp, f: &HoldPlaced) {
        self.remember(stamp, f.user, Operation::Hold, f.keyed.as_ref());
        let number = HoldNumber::new(stamp.revision, f.user.shard());
        self.set_seats(&f.lines, SeatState::Held, Some(number));
        let hold = ModelHold {
            user: f.user,
            lines: f.lines.clone(),
            deadline: stamp.at.plus_ms(f.ttl_ms),
            lifetime_end: stamp.at.plus_ms(f.lifetime_ms),
            extensions_left: f.extensions_left,
            version: stamp.revision,
            payment_deadline: None,
        };
        self.holds.insert(number, hold);
    }

    fn apply_to_order(&mut self, stamp: Stamp, fact: &Fact) {
        match fact {
            Fact::OrderOpened(f) => self.order_opened(stamp, f, false),
            Fact::OrderConfirmed(f) => {
                self.remember(stamp, f.user, Operation::ConfirmOrder, f.keyed.as_ref());
                self.set_seats(&f.lines, SeatState::Sold, None);
                self.holds.remove(&f.order);
                let order = self.orders.get_mut(&f.order).expect("decided for an open order");
                order.state = OrderState::Confirmed;
                order.owned = f.lines.clone();
            }
            Fact::OrderCancelled(f) => {
                self.remember(stamp, f.user, Operation::CancelOrder, f.keyed.as_ref());
                self.set_seats(&f.lines, SeatState::Free, None);
                self.holds.remove(&f.order);
                let order = self.orders.get_mut(&f.order).expect("decided for an open order");
                order.state = OrderState::Cancelled;
                order.ended_at = Some(stamp.at);
            }
            _ => unreachable!("called with facts about orders only"),
        }
    }

    fn order_opened(&mut self, stamp: Stamp, f: &OrderOpened, checkout: bool) {
        self.remember(stamp, f.user, Operation::OpenOrder, f.keyed.as_ref());
        let hold = self.holds.get_mut(&f.hold).expect("decided for a live hold");
        hold.payment_deadline = Some(f.payment_deadline);
        let order = ModelOrder {
            user: f.user,
            state: OrderState::Open,
            lines: f.lines.clone(),
            owned: Lines::default(),
            checkout,
            payment_deadline: f.payment_deadline,
            ended_at: None,
        };
        self.orders.insert(f.hold, order);
    }

    fn order_stepped(&mut self, stamp: Stamp, f: &OrderStepped) {
        if let Some((user, keyed)) = &f.by {
            self.remember(stamp, *user, f.step.operation(), Some(keyed));
        }
        for moved in f.step.moves() {
            let (lines, state) = match moved {
                Move::HeldToSold(lines) | Move::FreeToSold(lines) => (lines, SeatState::Sold),
                Move::HeldToFree(lines) | Move::SoldToFree(lines) => (lines, SeatState::Free),
            };
            self.set_seats(lines, state, None);
            if matches!(moved, Move::HeldToSold(_) | Move::HeldToFree(_)) {
                self.holds.remove(&f.order);
            }
            let order = self.orders.get_mut(&f.order).expect("decided for an order");
            match moved {
                Move::HeldToSold(_) | Move::FreeToSold(_) => add(&mut order.owned, lines),
                Move::SoldToFree(_) => take(&mut order.owned, lines),
                Move::HeldToFree(_) => {}
            }
        }
        self.payer_stepped(f.order, &f.step);
        let order = self.orders.get_mut(&f.order).expect("decided for an order");
        order.state = f.state;
        if let OrderStep::LateConfirmed { lines } = &f.step {
            order.lines = lines.clone();
        }
        let over = matches!(f.state, OrderState::Cancelled | OrderState::Expired);
        order.ended_at = over.then_some(stamp.at);
        if let Some(deadline) = f.step.deadline() {
            order.payment_deadline = deadline;
            self.holds.get_mut(&f.order).expect("it pins its hold").payment_deadline = Some(deadline);
        }
    }

    fn remember(&mut self, stamp: Stamp, user: UserId, operation: Operation, keyed: Option<&Keyed>) {
        if let Some(Keyed { key, fingerprint }) = keyed {
            let record = KeyRecord { fingerprint: *fingerprint, revision: stamp.revision, at: stamp.at };
            self.keys.insert((user, operation, key.clone()), record);
        }
    }

    fn set_seats(&mut self, lines: &Lines, state: SeatState, owner: Option<HoldNumber>) {
        for line in &lines.seats {
            let seat = &mut self.seats[line.seat.at()];
            seat.state = state;
            seat.owner = owner;
            seat.version += 1;
        }
    }

    fn change_seat(&mut self, seat: SeatIndex, change: SeatChange) {
        let seat = &mut self.seats[seat.at()];
        match change {
            SeatChange::Block => seat.state = SeatState::Blocked,
            SeatChange::Unblock => seat.state = SeatState::Free,
            SeatChange::Reallocate(to) => seat.allocation = to,
        }
        seat.version += 1;
    }
}

fn same_kind(a: &AreaLine, b: &AreaLine) -> bool {
    let kind = |line: &AreaLine| (line.area, line.allocation, line.ticket_type, line.price_minor);
    kind(a) == kind(b)
}

fn add(owned: &mut Lines, more: &Lines) {
    owned.seats.extend(more.seats.iter().copied());
    for line in &more.areas {
        match owned.areas.iter_mut().find(|other| same_kind(other, line)) {
            Some(other) => other.quantity += line.quantity,
            None => owned.areas.push(*line),
        }
    }
}

fn take(owned: &mut Lines, less: &Lines) {
    owned.seats.retain(|line| !less.seats.contains(line));
    for line in &less.areas {
        let other = owned.areas.iter_mut().find(|other| same_kind(other, line));
        other.expect("what is given back was owned").quantity -= line.quantity;
    }
    owned.areas.retain(|line| line.quantity > 0);
}
