//! Whole purchases through `Checkout`, with lost answers at each call: the money adds up on the stand-in's books.

use std::sync::Arc;
use std::time::Duration;

use ticketcore::checkout::{Checkout, CheckoutOptions, Progress, Reconciler};
use ticketcore::gateway::{Backoff, BreakerOptions, PaymentGateway, Seen};
use ticketcore::order::{
    CheckoutRequest, PayRequest, RefundState, RefundWhat, StaffAction, StaffOrderRequest,
};
use ticketcore::plan::{PlanOptions, VenueKind, generate};
use ticketcore::store::MemoryStore;
use ticketcore::{
    BestAvailable, BoxOffice, Clock, EventId, HoldRequest, Item, Options, OrderId, OrderState, SaleState,
    TicketTypeIndex, UserId,
};
use ticketcore_server::stripe::{Report, Secret, Webhook, WebhookOptions, sign};

use crate::lists::plant_refunds;
use crate::shop::{Shop, word};
use crate::stub::{Asked, Fault};
use crate::webhooks::{SECRET, body};

struct Sale {
    shop: Shop,
    office: Arc<BoxOffice>,
    checkout: Arc<Checkout>,
    event: EventId,
    orders: Vec<OrderId>,
}

impl Sale {
    fn new() -> Self {
        let shop = Shop::new();
        shop.stub.clock.run();
        let options = Options { clock: Arc::new(shop.stub.clock.clone()), ..Options::default() };
        let office = Arc::new(BoxOffice::with_store(MemoryStore::new(), options).unwrap());
        let plan = generate(VenueKind::Theatre).to_definition(&PlanOptions::new("Hamlet")).unwrap();
        let event = office.add_event(&plan).unwrap();
        office.set_sale_state(event, SaleState::Onsale).wait().unwrap();
        let options = CheckoutOptions {
            callers_per_gateway: 0,
            backoff: Backoff { first_ms: 20, delay_ms_max: 100, retries_max: 30 },
            breaker: BreakerOptions { window: 64, failures: 64, open_ms: 100, probes: 2 },
            reconcile_every_ms: 0,
            patience_ms: 20_000,
            return_url: Some(word("https://shop.example/{order}")),
            ..CheckoutOptions::default()
        };
        let gateways: Vec<Arc<dyn PaymentGateway>> = vec![shop.gateway.clone()];
        let checkout = Arc::new(Checkout::new(Arc::clone(&office), gateways, options).unwrap());
        Self { shop, office, checkout, event, orders: Vec::new() }
    }

    fn buy(&mut self, by: u128, method: &str) -> Progress {
        let user = UserId::from(by);
        let best = Item::Best(BestAvailable::adjacent(2, TicketTypeIndex(0)));
        let hold = self.office.hold(HoldRequest::new(self.event, user, vec![best])).wait().unwrap();
        self.orders.push(hold.id.order());
        let bought = self.checkout.buy(CheckoutRequest::new(hold.id, user), "stripe", method);
        bought.wait_timeout(Duration::from_secs(60)).unwrap()
    }

    #[track_caller]
    fn sold(&mut self, by: u128, method: &str) -> OrderId {
        match self.buy(by, method) {
            Progress::Confirmed { order } => order,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn refund(&self, order: OrderId) {
        let action = StaffAction::Refund(RefundWhat::Full);
        let request = StaffOrderRequest { order, by: UserId::from(900), key: None, action };
        self.checkout.staff_order(request).wait().unwrap();
    }

    /// Waits until nothing is left to be done.
    #[track_caller]
    fn settle(&self) {
        let reconciler = Reconciler::new(&self.checkout);
        for _ in 0..600 {
            assert!(self.checkout.wait_idle(Duration::from_secs(60)));
            if self.office.due_orders(self.event, None, 10).unwrap().is_empty() {
                return;
            }
            reconciler.run_once(self.shop.now().plus_ms(60_000));
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("still due: {:?}", self.office.due_orders(self.event, None, 10));
    }

    /// The orders and the stand-in agree to the cent, and nothing is reserved any more.
    #[track_caller]
    fn books(&self) {
        self.settle();
        let (mut paid, mut back) = (0, 0);
        for order in &self.orders {
            let details = self.office.order_details(*order).unwrap();
            let captured: i64 = details.payments.iter().map(|payment| payment.captured_minor).sum();
            let refunds = details.refunds.iter().filter(|refund| refund.state == RefundState::Succeeded);
            let refunded: i64 = refunds.map(|refund| refund.amount_minor).sum();
            if details.order.state != OrderState::Confirmed {
                assert_eq!(captured, refunded, "money without tickets: {details:?}");
            }
            (paid, back) = (paid + captured, back + refunded);
        }
        assert_eq!(self.shop.stub.with(|bank| bank.totals()), [0, paid, back]);
        self.shop.stub.with(|bank| bank.check());
        // What nothing met is not for the question below.
        self.shop.stub.inner.lock().faults.clear();
        let report = Reconciler::new(&self.checkout).run_once(self.shop.now());
        assert!(report.unaccounted.is_empty() && report.errors.is_empty(), "{report:?}");
    }
}

#[test]
fn bought_declined_paid_again_and_refunded() {
    let mut sale = Sale::new();
    let first = sale.sold(1, "pm_card_visa");
    let Progress::Declined { order, code, pay_until: Some(_) } = sale.buy(2, "pm_card_insufficient") else {
        panic!()
    };
    assert_eq!(code.as_str(), "insufficient_funds");
    let (user, gateway, method) = (UserId::from(2), word("stripe"), word("pm_card_visa"));
    let again = sale.checkout.pay_again(PayRequest { order, user, key: None, gateway, method });
    assert_eq!(again.wait(), Ok(Progress::Confirmed { order }));
    sale.refund(first);
    sale.books();
    let [_, captured, refunded] = sale.shop.stub.with(|bank| bank.totals());
    assert!(captured > 0 && refunded * 2 == captured);
    let payment = sale.office.order_details(first).unwrap().payments[0].clone();
    assert!(payment.fingerprint.is_some() && payment.lapses_at.is_some());
}

#[test]
fn the_buyer_goes_to_his_bank_and_comes_back_or_not() {
    let mut sale = Sale::new();
    let Progress::ActionRequired { order, next_action } = sale.buy(1, "pm_card_3ds") else { panic!() };
    assert!(next_action.as_str().starts_with("https://hooks.stripe.com/"));
    let id = sale.shop.stub.with(|bank| bank.intents[0].id.clone());
    assert!(
        sale.shop.stub.with(|bank| bank.intents[0].return_url.clone().unwrap()).ends_with(&order.to_string())
    );
    sale.shop.stub.with(|bank| bank.decide(&id, true));
    assert_eq!(sale.checkout.returned(order).wait(), Ok(Progress::Confirmed { order }));
    let Progress::ActionRequired { order, .. } = sale.buy(2, "pm_card_3ds") else { panic!() };
    let id = sale.shop.stub.with(|bank| bank.intents[1].id.clone());
    sale.shop.stub.with(|bank| bank.decide(&id, false));
    assert!(matches!(sale.checkout.returned(order).wait(), Ok(Progress::Declined { .. })));
    // The third never comes back: his payment is kept from ever succeeding.
    let Progress::ActionRequired { .. } = sale.buy(3, "pm_card_3ds") else { panic!() };
    sale.shop.stub.clock.advance(30 * 60_000);
    sale.office.maintain();
    sale.books();
    assert_eq!(sale.shop.stub.with(|bank| bank.intents[2].status), "canceled");
}

#[test]
fn an_answer_lost_at_any_call_charges_nobody_twice() {
    for asked in [Asked::Create, Asked::Capture, Asked::Refund, Asked::Get, Asked::List, Asked::Search] {
        for fault in [
            Fault::LostBefore,
            Fault::LostAfter,
            Fault::Refused(429, "rate_limit"),
            Fault::Refused(429, "lock_timeout"),
            Fault::Refused(409, "idempotency_key_in_use"),
            Fault::Garbled,
        ] {
            let mut sale = Sale::new();
            sale.shop.stub.with(|bank| bank.search_lag_ms = u64::MAX);
            // Questions are asked when an answer was lost.
            let lost = if fault == Fault::LostBefore { Fault::LostBefore } else { Fault::LostAfter };
            if matches!(asked, Asked::List | Asked::Search) {
                sale.shop.stub.fault(Asked::Create, lost);
            }
            sale.shop.stub.fault(asked, fault);
            sale.shop.stub.fault(asked, fault);
            let order = sale.sold(1, "pm_card_visa");
            sale.settle();
            assert_eq!(sale.shop.stub.with(|bank| bank.intents.len()), 1, "{asked:?} {fault:?}");
            sale.refund(order);
            sale.books();
        }
    }
}

#[test]
fn a_refund_that_was_never_made_is_made_however_many_others_there_are() {
    let mut sale = Sale::new();
    sale.shop.stub.with(|bank| bank.search_lag_ms = u64::MAX);
    let order = sale.sold(1, "pm_card_visa");
    sale.settle();
    plant_refunds(&sale.shop);
    // Nobody knows whether it was heard. Only the list of its payment says that it was not.
    sale.shop.stub.fault(Asked::Refund, Fault::LostBefore);
    sale.refund(order);
    sale.books();
    let [_, captured, refunded] = sale.shop.stub.with(|bank| bank.totals());
    assert!(captured > 0 && refunded == captured);
}

#[test]
fn what_breaks_at_stripe_and_is_kept_does_not_stop_a_sale_for_good() {
    for (asked, fault) in [
        (Asked::Create, Fault::BrokenAfter),
        (Asked::Capture, Fault::Broken),
        (Asked::Capture, Fault::BrokenAfter),
        (Asked::Refund, Fault::BrokenAfter),
    ] {
        let mut sale = Sale::new();
        sale.shop.stub.fault(asked, fault);
        let order = sale.sold(1, "pm_card_visa");
        sale.settle();
        sale.refund(order);
        sale.books();
    }
}

#[test]
fn reports_twice_and_out_of_order_change_nothing() {
    let mut sale = Sale::new();
    let webhook =
        Webhook::new(WebhookOptions::new(vec![Secret::new(SECRET)]), Arc::new(sale.shop.stub.clock.clone()));
    let order = sale.sold(1, "pm_card_visa");
    let Progress::ActionRequired { order: acting, .. } = sale.buy(2, "pm_card_3ds") else { panic!() };
    let id = sale.shop.stub.with(|bank| bank.intents[1].id.clone());
    sale.shop.stub.with(|bank| bank.decide(&id, true));
    sale.settle_reports(&webhook);
    assert!(sale.checkout.wait_idle(Duration::from_secs(30)));
    assert_eq!(
        sale.office.order_details(acting).unwrap().order.state,
        OrderState::Confirmed,
        "by a report alone"
    );
    sale.refund(order);
    sale.settle();
    sale.settle_reports(&webhook);
    sale.books();
}

impl Sale {
    /// Delivers every report so far, the latest first, twice each.
    fn settle_reports(&self, webhook: &Webhook) {
        let events = self.shop.stub.with(|bank| bank.events.clone());
        for (at, (kind, object)) in events.iter().enumerate().rev() {
            for _ in 0..2 {
                let body = body(&format!("evt_{at}"), kind, object);
                let signature = sign(&Secret::new(SECRET), self.shop.stub.clock.now().0 / 1_000, &body);
                let delivery = webhook.receive(&signature, &body).unwrap();
                // As it was told, without another look.
                match delivery.report {
                    Some(Report::Seen { key, seen, .. }) => {
                        assert!(matches!(seen, Seen::Payment(_) | Seen::Refund(_)));
                        self.checkout.observe_notification(key, seen).wait().unwrap();
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}
