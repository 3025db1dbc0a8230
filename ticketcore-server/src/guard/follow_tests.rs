//! What becomes of holds and orders, by a clock that is set.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ticketcore::guard::{Activity, Counted, Keyed, Rules, Solved, Subject, VelocityRule};
use ticketcore::order::{CheckoutRequest, News, ObserveRequest, PayRequest, PaymentSeen, Word};
use ticketcore::store::MemoryStore;
use ticketcore::{
    Clock, CloseOrderRequest, ExtendRequest, HoldRequest, Item, OpenOrderRequest, Options, ReleaseRequest,
    SaleState, SeatIndex, TicketTypeIndex,
};

use super::*;
use crate::auth::Secrets;
use crate::guard::remembered::Kept;
use crate::guard::{AuditConfig, GuardConfig};
use crate::publish::testing::small;

/// A clock that is set.
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> UtcMs {
        UtcMs(self.0.load(Ordering::SeqCst))
    }
}

struct House {
    office: Arc<BoxOffice>,
    guard: Arc<Guard>,
    clock: Arc<Hands>,
    event: ticketcore::EventId,
    folder: PathBuf,
}

impl Drop for House {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// A house where every abandoned hold and every unpaid order is worth a point.
fn house() -> House {
    let clock = Arc::new(Hands(AtomicU64::new(1_800_000_000_000)));
    let options = Options { clock: Arc::clone(&clock) as _, manual_expiry: true, ..Options::default() };
    let office = Arc::new(BoxOffice::with_store(MemoryStore::new(), options).unwrap());
    let event = office.add_event(&small()).unwrap();
    office.set_sale_state(event, SaleState::Onsale).wait().unwrap();
    static HOUSES: AtomicU64 = AtomicU64::new(0);
    let number = HOUSES.fetch_add(1, Ordering::SeqCst);
    let folder = std::env::temp_dir().join(format!("ticketcore-follow-{}-{number}", std::process::id()));
    let guard = guard(&folder, &office, &clock);
    House { office, guard, clock, event, folder }
}

fn guard(folder: &Path, office: &Arc<BoxOffice>, clock: &Arc<Hands>) -> Arc<Guard> {
    let rule = |name: &str, counts| VelocityRule {
        name: name.to_owned(),
        counts,
        by: Subject::User,
        seconds: 86_400,
        over: 0,
        points: 1,
        each: 1,
        points_max: 100,
        at: Vec::new(),
        deny: false,
    };
    let velocity = vec![
        rule("abandons", Counted::Abandons),
        rule("unpaid", Counted::UnpaidOrders),
        rule("failures", Counted::PaymentFailures),
        VelocityRule { by: Subject::Payment, ..rule("cards", Counted::PaymentFailures) },
    ];
    let config = GuardConfig {
        // Its task is not wanted here: what it does is done by hand.
        enabled: false,
        risk: Rules { velocity, new_device: 0, ..Rules::default() },
        audit: AuditConfig { enabled: false, ..AuditConfig::default() },
        ..GuardConfig::default()
    };
    let secrets = Secrets::open(&folder.join("secrets")).unwrap();
    let (_stop, stopping) = watch::channel(false);
    let around = (&secrets, folder, false);
    Guard::start(&config, around, office, Arc::clone(clock) as _, stopping).unwrap()
}

impl House {
    /// The guard's process ends, and another begins.
    fn restart(&mut self) {
        self.guard.keep();
        self.guard = guard(&self.folder, &self.office, &self.clock);
    }

    fn judged(&self, user: u128) -> Judged {
        let key = Keyed::new([1; 16]).key(Subject::User, 0, &user.to_be_bytes());
        Judged { who: Who { user: Some(key), ..Who::default() }, ..Judged::default() }
    }

    fn hold(&self, user: u128, seat: u32) -> Hold {
        let item = Item::Seats { seats: vec![SeatIndex(seat)], ticket_type: TicketTypeIndex(0) };
        let request = HoldRequest::new(self.event, UserId::from(user), vec![item]);
        let hold = self.office.hold(request).wait().unwrap();
        self.guard.held(&self.judged(user), UserId::from(user), &hold);
        hold
    }

    /// Time goes on, and what is due is looked at.
    async fn pass(&self, ms: u64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
        self.office.maintain();
        let due = self.guard.followed.lock().due(self.clock.now(), DUE_MAX);
        for (hold, followed) in due {
            self.guard.look_at(&self.office, hold, followed).await;
        }
    }

    /// Points for abandoned holds and unpaid orders.
    fn points(&self, user: u128) -> [i32; 2] {
        ["abandons", "unpaid"].map(|rule| self.points_by(rule, user))
    }

    fn points_by(&self, rule: &str, user: u128) -> i32 {
        let now = self.clock.now();
        let found = self.guard.judge.assess(Activity::Hold, &self.judged(user).who, Solved::No, now);
        found.signals.iter().find(|signal| &*signal.name == rule).map_or(0, |signal| signal.points)
    }
}

#[tokio::test]
async fn holds_that_run_out_are_abandoned_and_prolonged_ones_are_not_yet() {
    let house = house();
    let hold = house.hold(1, 0);
    let left = hold.deadline.since_ms(house.clock.now());
    house.pass(left - 1_000).await;
    assert_eq!(house.points(1), [0, 0]);
    let asked = ExtendRequest { hold: hold.id, user: UserId::from(1), ttl_ms: None, key: None };
    let longer = house.office.extend(asked).wait().unwrap();
    house.pass(HOLD_MS + 1_000).await;
    assert_eq!(
        (house.points(1), house.guard.followed.lock().len()),
        ([0, 0], 1),
        "looked at, and still live"
    );
    house.pass(longer.deadline.since_ms(house.clock.now()) + HOLD_MS).await;
    assert_eq!((house.points(1), house.guard.followed.lock().len()), ([1, 0], 0));
}

#[tokio::test]
async fn what_was_counted_and_what_is_followed_outlive_the_process() {
    let mut house = house();
    let gone = house.hold(1, 0);
    house.office.release(ReleaseRequest { hold: gone.id, user: UserId::from(1), key: None }).wait().unwrap();
    house.guard.released(gone.id);
    let left = house.hold(2, 1);
    assert_eq!([house.points(1), house.points(2)], [[1, 0], [0, 0]]);
    house.restart();
    assert_eq!([house.points(1), house.points(2)], [[1, 0], [0, 0]]);
    assert_eq!(house.guard.followed.lock().len(), 1);
    house.pass(left.deadline.since_ms(house.clock.now()) + HOLD_MS).await;
    assert_eq!([house.points(1), house.points(2)], [[1, 0], [1, 0]]);
}

#[test]
fn what_is_remembered_keeps_its_bytes() {
    let key = Key::of_bits;
    let who = Who { user: Some(key(300)), payment: Some(key(2)), new_device: true, ..Who::default() };
    let mut followed = Followed::new(who, UserId::from(7));
    (followed.ordered, followed.declined) = (true, 5);
    followed.methods[0] = Some((key(8), key(9)));
    let hold = HoldId { event: ticketcore::EventId(3), number: ticketcore::HoldNumber(4) };
    let all = [
        Kept::At(UtcMs(1)),
        Kept::Reputation(key(5), -6),
        Kept::Counter((key(1), [2, 3, 4, 5])),
        Kept::Followed(hold, UtcMs(6), followed),
    ];
    let bytes = all.map(|kept| postcard::to_extend(&kept, Vec::new()).unwrap());
    let text = bytes.concat().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(
        text,
        "000101050b0201020304050303040601ac020000010201100000000000000000000000000000000701050108090000",
        "another shape has another magic"
    );
}

#[tokio::test]
async fn a_payment_that_is_declined_after_its_answer_counts_once() {
    let house = house();
    let hold = house.hold(1, 0);
    let asked = CheckoutRequest::new(hold.id, UserId::from(1));
    let order = house.office.checkout(asked).wait().unwrap().id;
    let (gateway, method) = (Word::cut("other"), Word::cut("card"));
    let pay = PayRequest { order, user: UserId::from(1), key: None, gateway, method };
    house.office.pay(pay).wait().unwrap();
    let details = house.office.order_details_async(order).await.unwrap();
    house.guard.bought(&house.judged(1), &details, &Progress::Pending { order });
    let seen = PaymentSeen::Declined { code: Word::cut("no") };
    let news = News::Payment { attempt: 1, seen };
    house.office.observe(ObserveRequest { order, news }).wait().unwrap();
    assert_eq!(house.points_by("failures", 1), 0);
    house.pass(ORDER_MS).await;
    assert_eq!(house.points_by("failures", 1), 1);
    house.pass(ORDER_MS).await;
    assert_eq!(house.points_by("failures", 1), 1);
}

#[tokio::test]
async fn a_failure_counts_against_the_card_that_failed_whoever_is_named_meanwhile() {
    let house = house();
    let hold = house.hold(1, 0);
    let order = house.office.checkout(CheckoutRequest::new(hold.id, UserId::from(1))).wait().unwrap().id;
    let (gateway, method) = (Word::cut("other"), Word::cut("pm_a"));
    let pay = PayRequest { order, user: UserId::from(1), key: None, gateway, method };
    house.office.pay(pay).wait().unwrap();
    let details = house.office.order_details_async(order).await.unwrap();
    let card = |bits| Some(Key::of_bits(bits));
    let pays = |method: &str, instrument: u64| {
        let mut judged = house.judged(1);
        (judged.method, judged.who.payment) = (Some(house.guard.method(method)), card(instrument));
        judged
    };
    house.guard.bought(&pays("pm_a", 1_001), &details, &Progress::Pending { order });
    // Another card is named while the first is under way, and then the first is declined.
    house.guard.bought(&pays("pm_b", 1_002), &details, &Progress::Pending { order });
    let news = News::Payment { attempt: 1, seen: PaymentSeen::Declined { code: Word::cut("no") } };
    house.office.observe(ObserveRequest { order, news }).wait().unwrap();
    let details = house.office.order_details_async(order).await.unwrap();
    house.guard.bought(&pays("pm_b", 1_002), &details, &Progress::Pending { order });
    let counted = |instrument| {
        let who = Who { payment: card(instrument), ..Who::default() };
        let found = house.guard.judge.assess(Activity::Order, &who, Solved::No, house.clock.now());
        found.signals.iter().any(|signal| &*signal.name == "cards")
    };
    assert_eq!([counted(1_001), counted(1_002)], [true, false]);
}

#[tokio::test]
async fn orders_are_followed_until_they_are_paid_or_over() {
    let house = house();
    for (user, seat) in [(1, 0), (2, 1), (3, 2)] {
        let hold = house.hold(user, seat);
        let asked = OpenOrderRequest { hold: hold.id, user: UserId::from(user), key: None };
        let order = house.office.open_order(asked).wait().unwrap();
        let details = house.office.order_details_async(order.id).await.unwrap();
        let progress = Progress::Pending { order: order.id };
        house.guard.bought(&house.judged(user), &details, &progress);
        // Told again, it is the same order.
        house.guard.bought(&house.judged(user), &details, &progress);
        assert_eq!(house.points(user), [0, 1], "it is not paid yet");
        let close = CloseOrderRequest { order: order.id, user: UserId::from(user), key: None };
        match user {
            1 => drop(house.office.confirm_order(close).wait().unwrap()),
            2 => drop(house.office.cancel_order(close).wait().unwrap()),
            _ => {}
        }
    }
    house.pass(ORDER_MS).await;
    assert_eq!([1, 2, 3].map(|user| house.points(user)), [[0, 0], [0, 1], [0, 1]]);
    assert_eq!(house.guard.followed.lock().len(), 1, "one is still open");
    house.pass(3_600_000).await;
    assert_eq!((house.points(3), house.guard.followed.lock().len()), ([0, 1], 0));
}
