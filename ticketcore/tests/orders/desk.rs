//! [`Desk`]: a small sale, and short words for what tests do with orders that a gateway pays.

use std::sync::Arc;

use ticketcore::manifest::Definition;
use ticketcore::order::{
    CaptureMode, CheckoutRequest, Effect, News, ObserveRequest, OnDecline, PayRequest, PaymentRules,
    PaymentRulesRequest, PaymentSeen, RedeemRequest, RefundSeen, RefundWhat, StaffAction, StaffOrderRequest,
    TicketStatus, TransferRequest, Way,
};
use ticketcore::store::{MemoryStore, StreamId};
use ticketcore::testkit::{Auditor, SmallSale};
use ticketcore::{
    CommandError, HoldId, OrderDetails, OrderId, OrderState, Refusal, SaleState, SeatIndex, SeatState,
    Stepped, TicketId, UserId, Word,
};

/// What one ticket costs.
pub const PRICE: i64 = 5_000;
/// Staff, and whoever works the door.
pub const STAFF: u128 = 900;

pub type Answer = Result<Stepped, CommandError>;

pub fn word(text: &str) -> Word {
    Word::new(text).unwrap()
}

pub fn user(number: u128) -> UserId {
    UserId::from(number)
}

pub fn refused(refusal: Refusal) -> CommandError {
    CommandError::Refused(refusal)
}

pub fn in_state<T>(state: OrderState) -> Result<T, CommandError> {
    Err(refused(Refusal::OrderState { state }))
}

pub fn authorized() -> PaymentSeen {
    PaymentSeen::Authorized { reference: word("auth"), lapses_at: None, fingerprint: None }
}

pub fn captured(amount_minor: i64) -> PaymentSeen {
    PaymentSeen::Captured { reference: word("charge"), amount_minor, fingerprint: None }
}

pub fn declined() -> PaymentSeen {
    PaymentSeen::Declined { code: word("no_funds") }
}

pub fn succeeded() -> RefundSeen {
    RefundSeen::Succeeded { reference: word("re") }
}

pub fn failed(retry: bool) -> RefundSeen {
    RefundSeen::Failed { code: word("closed_account"), retry }
}

pub fn rules() -> PaymentRules {
    PaymentRules::default()
}

pub fn capture(capture: CaptureMode) -> PaymentRules {
    PaymentRules { capture, ..rules() }
}

pub fn on_decline(on_decline: OnDecline) -> PaymentRules {
    PaymentRules { on_decline, ..rules() }
}

/// A sale whose orders are paid through a gateway.
pub struct Desk {
    pub sale: SmallSale,
}

impl Desk {
    /// One row of ten seats and 20 places.
    pub fn new() -> Self {
        Self::of(&SmallSale::definition(1, 10, 20))
    }

    pub fn of(definition: &Definition) -> Self {
        Self { sale: SmallSale::open(Arc::new(MemoryStore::new()), definition) }
    }

    pub fn with(rules: PaymentRules) -> Self {
        let desk = Self::new();
        desk.rules(rules);
        desk
    }

    /// Tickets for nothing.
    pub fn free() -> Self {
        let mut definition = SmallSale::definition(1, 10, 20);
        definition.prices[0].minor = 0;
        Self::of(&definition)
    }

    pub fn rules(&self, rules: PaymentRules) {
        self.sale
            .office
            .set_payment_rules(PaymentRulesRequest { event: self.sale.event, rules })
            .wait()
            .unwrap();
    }

    pub fn checkout_request(&self, by: u128, seats: &[u32]) -> CheckoutRequest {
        let hold = self.sale.hold(by, seats).wait().unwrap();
        CheckoutRequest::new(hold.id, hold.user)
    }

    /// An order for seats.
    pub fn open(&self, by: u128, seats: &[u32]) -> OrderId {
        self.sale.office.checkout(self.checkout_request(by, seats)).wait().unwrap().id
    }

    /// An order that staff looks at.
    pub fn reviewed(&self, by: u128, seats: &[u32]) -> OrderId {
        let request = CheckoutRequest { review: true, ..self.checkout_request(by, seats) };
        self.sale.office.checkout(request).wait().unwrap().id
    }

    pub fn owner(&self, order: OrderId) -> UserId {
        self.details(order).order.user
    }

    /// Begins a payment.
    pub fn pay(&self, order: OrderId) -> Answer {
        let user = self.owner(order);
        let (gateway, method) = (word("bank"), word("card"));
        self.sale.office.pay(PayRequest { order, user, key: None, gateway, method }).wait()
    }

    pub fn observe(&self, order: OrderId, news: News) -> Answer {
        self.sale.office.observe(ObserveRequest { order, news }).wait()
    }

    pub fn seen(&self, order: OrderId, attempt: u32, seen: PaymentSeen) -> Answer {
        self.observe(order, News::Payment { attempt, seen })
    }

    pub fn refund_seen(&self, order: OrderId, refund: u32, seen: RefundSeen) -> Answer {
        let tries = self.details(order).refunds[refund as usize - 1].tries;
        self.observe(order, News::Refund { refund, tries, seen })
    }

    pub fn staff(&self, order: OrderId, action: StaffAction) -> Answer {
        self.sale.office.staff_order(StaffOrderRequest { order, by: user(STAFF), key: None, action }).wait()
    }

    pub fn refund(&self, order: OrderId, what: RefundWhat) -> Answer {
        self.staff(order, StaffAction::Refund(what))
    }

    /// All of an attempt's money is disputed.
    pub fn dispute(&self, order: OrderId, attempt: u32) -> Answer {
        self.disputed(order, attempt, "dp", i64::MAX)
    }

    pub fn disputed(&self, order: OrderId, attempt: u32, name: &str, amount_minor: i64) -> Answer {
        self.staff(order, StaffAction::OpenDispute { attempt, reference: word(name), amount_minor })
    }

    /// The dispute of all of the first attempt's money is over.
    pub fn dispute_over(&self, order: OrderId, won: bool) -> Answer {
        self.settled(order, "dp", i64::MAX, won)
    }

    pub fn settled(&self, order: OrderId, name: &str, amount_minor: i64, won: bool) -> Answer {
        self.staff(order, StaffAction::CloseDispute { attempt: 1, reference: word(name), amount_minor, won })
    }

    pub fn outside(&self, order: OrderId) -> Answer {
        self.staff(order, StaffAction::ConfirmOutside { reference: word("cash desk") })
    }

    pub fn cancel(&self, order: OrderId) -> Result<OrderState, CommandError> {
        self.sale.cancel(order, self.owner(order)).wait().map(|order| order.state)
    }

    pub fn confirm(&self, order: OrderId) -> Result<OrderState, CommandError> {
        self.sale.confirm(order, self.owner(order)).wait().map(|order| order.state)
    }

    pub fn transfer(&self, order: OrderId, by: u128, tickets: &[u32], to: u128) -> Answer {
        let tickets = tickets.to_vec();
        let request = TransferRequest { order, user: user(by), key: None, tickets, to: user(to) };
        self.sale.office.transfer(request).wait()
    }

    pub fn redeem(&self, order: OrderId, index: u32, issue: u32, way: Way) -> Answer {
        let ticket = TicketId { order, index };
        let request =
            RedeemRequest { ticket, issue, by: user(STAFF), key: None, way, device_at: None, force: false };
        self.sale.office.redeem(request).wait()
    }

    /// Takes what is due about an order, which must be `effect`.
    #[track_caller]
    pub fn due(&self, order: OrderId, effect: &Effect) -> OrderState {
        assert_eq!(self.next(order).as_ref(), Some(effect));
        let news = match effect {
            Effect::Confirm => News::Confirm,
            Effect::Drop(reason) => News::Drop(*reason),
            Effect::SettleLate => News::SettleLate,
            Effect::StartRefund { attempt, reason } => {
                News::StartRefund { attempt: *attempt, reason: *reason }
            }
            Effect::Reverse => News::Reverse,
            other => panic!("{other:?} is a gateway's business"),
        };
        let stepped = self.observe(order, news).unwrap();
        assert!(stepped.revision.is_some(), "it was due");
        stepped.state
    }

    /// An order whose money is in and whose seats are sold.
    pub fn sold(&self, by: u128, seats: &[u32]) -> OrderId {
        let order = self.open(by, seats);
        self.pay(order).unwrap();
        self.seen(order, 1, captured(self.details(order).amount_minor)).unwrap();
        assert_eq!(self.due(order, &Effect::Confirm), OrderState::Confirmed);
        order
    }

    /// An order whose time has run out while a payment is under way.
    pub fn too_late(&self, by: u128, seats: &[u32]) -> OrderId {
        let order = self.open(by, seats);
        self.pay(order).unwrap();
        self.run_out();
        assert_eq!(self.state(order), OrderState::Expired);
        order
    }

    /// Passes every payment deadline.
    pub fn run_out(&self) {
        self.sale.clock.advance(rules().payment_deadline_ms_max);
        self.sale.office.maintain();
    }

    pub fn cancel_event(&self) {
        self.sale.office.set_sale_state(self.sale.event, SaleState::Cancelled).wait().unwrap();
    }

    pub fn details(&self, order: OrderId) -> OrderDetails {
        self.sale.office.order_details(order).unwrap()
    }

    pub fn state(&self, order: OrderId) -> OrderState {
        self.details(order).order.state
    }

    pub fn next(&self, order: OrderId) -> Option<Effect> {
        self.details(order).next
    }

    pub fn seat(&self, seat: u32) -> SeatState {
        self.sale.office.seats(self.sale.event, &[SeatIndex(seat)]).unwrap()[0].state
    }

    pub fn statuses(&self, order: OrderId) -> Vec<TicketStatus> {
        self.details(order).tickets.iter().map(|(_, ticket)| ticket.status).collect()
    }

    pub fn due_count(&self) -> usize {
        self.sale.office.due_orders(self.sale.event, None, 1_000).unwrap().len()
    }

    /// The hold that became an order.
    pub fn hold_of(order: OrderId) -> HoldId {
        HoldId { event: order.event, number: order.number }
    }

    /// The journal breaks nothing; the state is what it says, and a snapshot of it says the same: also which orders are due.
    pub fn check(&self) {
        Auditor::audit(&*self.sale.store, StreamId::Event(self.sale.event)).unwrap();
        self.sale.assert_equals_journal();
        let due = |sale: &SmallSale| sale.office.due_orders(sale.event, None, 1_000).unwrap();
        let before = due(&self.sale);
        self.sale.office.save_snapshot(self.sale.event).unwrap();
        let again = self.sale.again(2);
        assert_eq!(due(&again), before, "a snapshot keeps what is due");
        again.assert_equals_journal();
    }
}
