//! [`Shop`]: a small sale, a sandbox and a driver that moves when the test says so.

use std::sync::Arc;

use ticketcore::checkout::{Checkout, CheckoutOptions, Progress, ReconcileReport, Reconciler, Underway};
use ticketcore::gateway::{
    Backoff, Entered, GatewayAction, GatewayKey, PaymentGateway, SandboxGateway, SandboxOptions,
};
use ticketcore::order::{
    CheckoutRequest, PayRequest, PaymentRules, PaymentRulesRequest, RefundState, RefundWhat, StaffAction,
    StaffOrderRequest,
};
use ticketcore::store::MemoryStore;
use ticketcore::testkit::SmallSale;
use ticketcore::{
    Clock, Currency, OrderDetails, OrderId, OrderState, SeatIndex, SeatState, Stepped, UserId, Word,
};

/// What one ticket costs.
pub const PRICE: i64 = 5_000;

/// One box office, one bank, one driver; time stands still.
pub struct Shop {
    pub sale: SmallSale,
    pub bank: Arc<SandboxGateway>,
    pub checkout: Checkout,
    pub reconciler: Reconciler,
    pub orders: Vec<OrderId>,
}

pub fn options() -> CheckoutOptions {
    let backoff = Backoff { first_ms: 200, delay_ms_max: 10_000, retries_max: 8 };
    CheckoutOptions { manual: true, seed: Some(7), backoff, ..CheckoutOptions::default() }
}

pub fn word(text: &str) -> Word {
    Word::new(text).unwrap()
}

impl Shop {
    pub fn new() -> Self {
        Self::with(SandboxOptions::default(), PaymentRules::default(), options())
    }

    pub fn with(bank: SandboxOptions, rules: PaymentRules, options: CheckoutOptions) -> Self {
        let sale = SmallSale::open(Arc::new(MemoryStore::new()), &SmallSale::definition(2, 20, 0));
        sale.office.set_payment_rules(PaymentRulesRequest { event: sale.event, rules }).wait().unwrap();
        let bank = Arc::new(SandboxGateway::new(bank, Arc::new(sale.clock.clone())));
        let checkout = driver(&sale, &bank, options);
        let reconciler = Reconciler::new(&checkout);
        Self { sale, bank, checkout, reconciler, orders: Vec::new() }
    }

    /// The process dies and another one starts: what is left is the journal, the bank and the clock.
    pub fn crash(self, options: CheckoutOptions) -> Self {
        let Self { sale, bank, checkout, reconciler, orders } = self;
        drop((checkout, reconciler));
        let again = sale.again(1);
        drop(sale);
        let checkout = driver(&again, &bank, options);
        let reconciler = Reconciler::new(&checkout);
        Self { sale: again, bank, checkout, reconciler, orders }
    }

    pub fn request(&mut self, by: u128, seats: &[u32]) -> CheckoutRequest {
        let hold = self.sale.hold(by, seats).wait().unwrap();
        self.orders.push(hold.id.order());
        CheckoutRequest::new(hold.id, hold.user)
    }

    /// Buys seats; returns the order to be.
    pub fn buy(&mut self, by: u128, seats: &[u32], method: &str) -> (OrderId, Underway<Progress>) {
        let request = self.request(by, seats);
        (request.hold.order(), self.checkout.buy(request, "sandbox", method))
    }

    pub fn pay_again(&self, order: OrderId, method: &str) -> Underway<Progress> {
        let user = self.details(order).order.user;
        let (gateway, method) = (word("sandbox"), word(method));
        self.checkout.pay_again(PayRequest { order, user, key: None, gateway, method })
    }

    /// Buys a seat and waits for the tickets.
    pub fn sold(&mut self, by: u128, seats: &[u32], method: &str) -> OrderId {
        let (order, bought) = self.buy(by, seats, method);
        self.run();
        assert_eq!(bought.try_take(), Some(Ok(Progress::Confirmed { order })), "{method}");
        order
    }

    pub fn refund(&self, order: OrderId, what: RefundWhat) -> Underway<Stepped> {
        self.staff(order, StaffAction::Refund(what))
    }

    pub fn staff(&self, order: OrderId, action: StaffAction) -> Underway<Stepped> {
        let by = UserId::from(900);
        self.checkout.staff_order(StaffOrderRequest { order, by, key: None, action })
    }

    /// Does all that can be done now.
    pub fn run(&self) {
        while self.checkout.step(self.sale.clock.now(), 1_000) > 0 {}
    }

    /// One step after the other until something is so.
    #[track_caller]
    pub fn run_until(&self, so: impl Fn(&Self) -> bool) {
        while !so(self) {
            assert_eq!(self.checkout.step(self.sale.clock.now(), 1), 1, "it never is");
        }
    }

    /// Lets time pass; everything that is due happens when it is.
    pub fn pass(&self, ms: u64) {
        let until = self.sale.clock.now().plus_ms(ms);
        loop {
            self.run();
            let now = self.sale.clock.now();
            let left = until.since_ms(now);
            if left == 0 {
                return;
            }
            let bank = self.bank.next_due().map(|due| due.since_ms(now));
            let next = [self.checkout.next_in_ms(), bank].into_iter().flatten().min();
            // Holds expire on time.
            let tick = next.unwrap_or(1_000).clamp(1, 1_000).min(left);
            self.sale.clock.advance(tick);
            self.bank.tick();
            self.sale.office.maintain();
        }
    }

    /// Time passes, with a round of the reconciler every so often.
    pub fn pass_reconciled(&self, ms: u64, every_ms: u64) -> ReconcileReport {
        let mut passed = 0;
        loop {
            let report = self.reconcile();
            self.run();
            if passed >= ms {
                return report;
            }
            self.pass(every_ms);
            passed += every_ms;
        }
    }

    pub fn reconcile(&self) -> ReconcileReport {
        self.reconciler.run_once(self.sale.clock.now())
    }

    pub fn details(&self, order: OrderId) -> OrderDetails {
        self.sale.office.order_details(order).unwrap()
    }

    pub fn state(&self, order: OrderId) -> OrderState {
        self.details(order).order.state
    }

    pub fn seat(&self, seat: u32) -> SeatState {
        self.sale.office.seats(self.sale.event, &[SeatIndex(seat)]).unwrap()[0].state
    }

    pub fn refund_state(&self, order: OrderId) -> RefundState {
        self.details(order).refunds[0].state
    }

    /// Authorised, captured, voided, refunded, outstanding.
    pub fn totals(&self) -> [i128; 5] {
        let t = self.bank.ledger().totals(Currency::EUR);
        [t.authorized_minor, t.captured_minor, t.voided_minor, t.refunded_minor, t.outstanding_minor]
    }

    pub fn key(order: OrderId, attempt: u32) -> GatewayKey {
        GatewayKey::new(order, GatewayAction::Authorize, attempt)
    }

    /// The bank's ledger and the orders agree to the cent: every charge is an attempt's and every attempt has at most one, what was taken
    /// paid for tickets or went back, and nothing was asked for that never may be.
    #[track_caller]
    pub fn books(&self) {
        let ledger = self.bank.ledger();
        for entry in ledger.entries() {
            assert!(!matches!(entry.entered, Entered::Refused { .. }), "{entry:?}");
        }
        let mut kept = 0;
        for order in &self.orders {
            let Ok(details) = self.sale.office.order_details(*order) else {
                assert_eq!(ledger.charges_of_order(*order).count(), 0, "{order}");
                continue;
            };
            for (payment, attempt) in details.payments.iter().zip(1..) {
                let charges: Vec<_> = ledger.charges_of(Self::key(*order, attempt)).collect();
                assert!(charges.len() <= 1, "{order}: {charges:?}");
                let captured = charges.iter().map(|charge| charge.captured_minor).sum::<i64>();
                assert_eq!(payment.captured_minor, captured, "{order}: {payment:?} {charges:?}");
                let back = details.refunds.iter().filter(|refund| refund.attempt == attempt);
                let back = back.filter(|refund| refund.state == RefundState::Succeeded);
                let refunded = charges.iter().map(|charge| charge.refunded_minor).sum::<i64>();
                assert_eq!(back.map(|refund| refund.amount_minor).sum::<i64>(), refunded, "{order}");
                kept += captured - refunded;
            }
            let paid = details.payments.iter().map(|payment| payment.captured_minor).sum::<i64>();
            let stuck = details.refunds.iter().any(|refund| refund.state == RefundState::Stuck);
            let back = details.refunds.iter().map(|refund| refund.amount_minor).sum::<i64>();
            if details.order.state != OrderState::Confirmed && !stuck {
                assert_eq!(paid, back, "{order}: money without tickets");
            }
        }
        let [authorized, captured, voided, refunded, outstanding] = self.totals();
        assert_eq!(authorized, captured + voided + outstanding);
        assert_eq!(captured - refunded, i128::from(kept));
    }

    /// The books agree, no money is reserved any more and nothing is left to be done.
    #[track_caller]
    pub fn closed_books(&self) {
        self.books();
        assert_eq!(self.totals()[4], 0, "reserved still: {:?}", self.bank.ledger());
        assert_eq!(self.sale.office.due_orders(self.sale.event, None, 1_000), Ok(Vec::new()));
        self.sale.assert_equals_journal();
    }
}

pub fn driver(sale: &SmallSale, bank: &Arc<SandboxGateway>, options: CheckoutOptions) -> Checkout {
    let gateways: Vec<Arc<dyn PaymentGateway>> = vec![Arc::clone(bank) as Arc<dyn PaymentGateway>];
    Checkout::new(Arc::clone(&sale.office), gateways, options).unwrap()
}
