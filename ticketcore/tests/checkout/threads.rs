//! The driver with its threads: from many callers at once, from async code, with gateways that block, and when it is dropped.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use ticketcore::checkout::{Checkout, CheckoutOptions, Progress};
use ticketcore::gateway::{
    Answer, Authorize, BreakerOptions, Capture, LookUp, PaymentGateway, Refund, Reply, SandboxGateway,
    SandboxOptions, Void,
};
use ticketcore::order::{
    CheckoutRequest, OnDecline, PaymentRules, PaymentRulesRequest, PaymentSeen, RefundSeen, RefundWhat,
    StaffAction, StaffOrderRequest,
};
use ticketcore::store::MemoryStore;
use ticketcore::testkit::{ADULT, SmallSale};
use ticketcore::*;

const LONG: Duration = Duration::from_secs(60);

struct Live {
    office: Arc<BoxOffice>,
    event: EventId,
    bank: Arc<SandboxGateway>,
}

impl Live {
    fn new() -> Self {
        let office = Arc::new(BoxOffice::with_store(MemoryStore::new(), Options::default()).unwrap());
        let event = office.add_event(&SmallSale::definition(4, 64, 0)).unwrap();
        office.set_sale_state(event, SaleState::Onsale).wait().unwrap();
        let options = SandboxOptions { timer: true, ..SandboxOptions::default() };
        Self { office, event, bank: Arc::new(SandboxGateway::new(options, Arc::new(SystemClock))) }
    }

    fn driver(&self, options: CheckoutOptions) -> Checkout {
        self.driver_with(vec![Arc::clone(&self.bank) as Arc<dyn PaymentGateway>], options)
    }

    fn driver_with(&self, gateways: Vec<Arc<dyn PaymentGateway>>, options: CheckoutOptions) -> Checkout {
        Checkout::new(Arc::clone(&self.office), gateways, options).unwrap()
    }

    fn request(&self, by: u128, seats: &[u32]) -> CheckoutRequest {
        let seats = seats.iter().copied().map(SeatIndex).collect();
        let items = vec![Item::Seats { seats, ticket_type: ADULT }];
        let hold = self.office.hold(HoldRequest::new(self.event, UserId::from(by), items)).wait().unwrap();
        CheckoutRequest::new(hold.id, hold.user)
    }

    fn captured(&self) -> (i128, i128, i128) {
        let totals = self.bank.ledger().totals(Currency::EUR);
        (totals.captured_minor, totals.refunded_minor, totals.outstanding_minor)
    }
}

#[test]
fn sixty_four_double_clicks_are_one_purchase() {
    for keyed in [true, false] {
        let live = Live::new();
        let checkout = live.driver(CheckoutOptions::default());
        let key = keyed.then(|| IdempotencyKey::new("basket").unwrap());
        let request = CheckoutRequest { key, ..live.request(1, &[0, 1]) };
        let order = request.hold.order();
        let start = Barrier::new(64);
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    start.wait();
                    let told = checkout.buy(request.clone(), "sandbox", "pm_slow:20").wait_timeout(LONG);
                    assert_eq!(told, Ok(Progress::Confirmed { order }));
                });
            }
        });
        assert!(checkout.wait_idle(LONG));
        assert_eq!(live.captured(), (10_000, 0, 0));
        assert_eq!(live.bank.ledger().charges().count(), 1);
        assert_eq!(live.office.order_details(order).unwrap().payments.len(), 1);
    }
}

#[test]
fn many_buyers_at_once() {
    let live = Live::new();
    // Two of five answers are lost on purpose: no reason to leave the gateway alone.
    let breaker = BreakerOptions { failures: u32::MAX, ..BreakerOptions::default() };
    let checkout = live.driver(CheckoutOptions { in_flight_max: 4, breaker, ..CheckoutOptions::default() });
    let methods = ["pm_ok", "pm_timeout_after", "pm_timeout_before", "pm_slow:5", "pm_declined"];
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let (live, checkout) = (&live, &checkout);
            scope.spawn(move || {
                for at in 0..20 {
                    let seat = thread * 20 + at;
                    let method = methods[seat as usize % methods.len()];
                    let told = checkout
                        .buy(live.request(u128::from(seat), &[seat]), "sandbox", method)
                        .wait_timeout(LONG);
                    match told.unwrap() {
                        Progress::Confirmed { .. } => assert_ne!(method, "pm_declined"),
                        Progress::Declined { .. } => assert_eq!(method, "pm_declined"),
                        other => panic!("{method}: {other:?}"),
                    }
                }
            });
        }
    });
    assert_eq!(live.captured(), (128 * 5_000, 0, 0));
}

#[test]
fn a_decline_frees_the_seats_within_a_second() {
    let live = Live::new();
    let rules = PaymentRules { on_decline: OnDecline::Free, ..PaymentRules::default() };
    live.office.set_payment_rules(PaymentRulesRequest { event: live.event, rules }).wait().unwrap();
    let checkout = live.driver(CheckoutOptions::default());
    for seat in 0..50 {
        let begun = Instant::now();
        let told = checkout.buy(live.request(1, &[seat]), "sandbox", "pm_declined").wait_timeout(LONG);
        assert!(matches!(told, Ok(Progress::Declined { pay_until: None, .. })), "{told:?}");
        assert_eq!(live.office.seats(live.event, &[SeatIndex(seat)]).unwrap()[0].state, SeatState::Free);
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// As small as an async runtime gets.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park_timeout(LONG),
        }
    }
}

#[test]
fn from_async_code_without_a_runtime() {
    let live = Live::new();
    let checkout = live.driver(CheckoutOptions::default());
    block_on(async {
        let told = checkout.buy(live.request(1, &[0]), "sandbox", "pm_slow:10").await.unwrap();
        let order = told.order();
        assert_eq!(told, Progress::Confirmed { order });
        let by = UserId::from(9);
        let action = StaffAction::Refund(RefundWhat::Full);
        let refund = checkout.staff_order(StaffOrderRequest { order, by, key: None, action }).await.unwrap();
        assert_eq!(refund.number, 1);
    });
    assert!(checkout.wait_idle(LONG));
    assert_eq!(live.captured(), (5_000, 5_000, 0));
}

/// A gateway whose calls block until they are let go.
struct Blocking {
    gate: parking::Gate,
    entered: AtomicU32,
}

mod parking {
    use std::sync::{Condvar, Mutex};

    #[derive(Default)]
    pub struct Gate(Mutex<bool>, Condvar);

    impl Gate {
        pub fn open(&self) {
            *self.0.lock().unwrap() = true;
            self.1.notify_all();
        }
        pub fn pass(&self) {
            let mut open = self.0.lock().unwrap();
            while !*open {
                open = self.1.wait(open).unwrap();
            }
        }
    }
}

impl PaymentGateway for Blocking {
    fn name(&self) -> &str {
        "blocking"
    }
    fn key_retention_ms(&self) -> u64 {
        3_600_000
    }
    fn authorize(&self, _: Authorize, reply: Reply<PaymentSeen>) {
        self.entered.fetch_add(1, Ordering::SeqCst);
        self.gate.pass();
        reply.answer(Answer::Yes(PaymentSeen::Declined { code: Word::cut("no") }));
    }
    fn capture(&self, _: Capture, _: Reply<PaymentSeen>) {}
    fn void(&self, _: Void, _: Reply<PaymentSeen>) {}
    fn refund(&self, _: Refund, _: Reply<RefundSeen>) {}
    fn look_up(&self, _: LookUp, _: Reply<PaymentSeen>) {}
    fn look_up_refund(&self, _: LookUp, _: Reply<RefundSeen>) {}
}

#[test]
fn a_gateway_that_blocks_keeps_no_other_waiting() {
    let live = Live::new();
    let blocking = Arc::new(Blocking { gate: parking::Gate::default(), entered: AtomicU32::new(0) });
    let gateways = vec![
        Arc::clone(&blocking) as Arc<dyn PaymentGateway>,
        Arc::clone(&live.bank) as Arc<dyn PaymentGateway>,
    ];
    let options = CheckoutOptions { workers: 1, callers_per_gateway: 2, ..CheckoutOptions::default() };
    let checkout = live.driver_with(gateways, options);
    let stuck: Vec<_> =
        (0..10).map(|seat| checkout.buy(live.request(1, &[seat]), "blocking", "card")).collect();
    for seat in 10..20 {
        let told = checkout.buy(live.request(2, &[seat]), "sandbox", "pm_ok").wait_timeout(LONG);
        assert!(matches!(told, Ok(Progress::Confirmed { .. })), "{told:?}");
    }
    assert!(stuck.iter().all(|told| told.try_take().is_none()));
    assert!(blocking.entered.load(Ordering::SeqCst) <= 2);
    blocking.gate.open();
    for told in stuck {
        assert!(matches!(told.wait_timeout(LONG), Ok(Progress::Declined { .. })));
    }
}

#[test]
fn dropped_it_leaves_no_thread_and_loses_nothing() {
    let live = Live::new();
    let before = Arc::strong_count(&live.office);
    let checkout = live.driver(CheckoutOptions::default());
    let told: Vec<_> =
        (0..20).map(|seat| checkout.buy(live.request(1, &[seat]), "sandbox", "pm_slow:3600000")).collect();
    // All are sent, none is answered.
    let sent = Instant::now();
    while live.bank.ledger().charges().count() < 20 {
        assert!(sent.elapsed() < LONG);
        std::thread::sleep(Duration::from_millis(1));
    }
    let orders: Vec<OrderId> = live.bank.ledger().charges().map(|charge| charge.key.unwrap().order).collect();
    drop(checkout);
    for told in told {
        let told = told.try_take().expect("told at once");
        assert!(matches!(told, Ok(Progress::Pending { .. })), "{told:?}");
    }
    // The gateway still has the replies of its slow calls; nothing else is left.
    drop(live.bank);
    assert_eq!(Arc::strong_count(&live.office), before, "nobody else has the box office");
    assert!(orders.iter().all(|order| live.office.order_details(*order).unwrap().payments.len() == 1));
}

#[test]
fn the_next_driver_finishes_what_the_last_one_began() {
    let live = Live::new();
    let checkout = live.driver(CheckoutOptions::default());
    let (sender, told) = mpsc::channel();
    for seat in 0..30 {
        let _kept = sender.send(checkout.buy(live.request(1, &[seat]), "sandbox", "pm_slow:30"));
    }
    drop(checkout);
    drop(sender);
    // Its own reconciler resumes what it finds at once.
    let next = live.driver(CheckoutOptions { reconcile_every_ms: 50, ..CheckoutOptions::default() });
    let begun = Instant::now();
    let paid = |live: &Live| live.office.due_orders(live.event, None, 100).unwrap().is_empty();
    // A report from before the end still lists what is under way; the first one after it must be clean.
    let clean = || next.last_report().is_some_and(|report| report.is_clean());
    while !paid(&live) || !next.wait_idle(LONG) || !clean() {
        assert!(begun.elapsed() < LONG, "{:?}", next.last_report());
        std::thread::sleep(Duration::from_millis(5));
    }
    let (captured, refunded, outstanding) = live.captured();
    assert_eq!((refunded, outstanding), (0, 0));
    let sold = live.office.availability(live.event).unwrap().sections[0].sold;
    assert_eq!(captured, i128::from(sold) * 5_000);
    assert_eq!(told.into_iter().count(), 30);
}
