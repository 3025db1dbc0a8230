//! What becomes of holds and orders: abandoned, paid or not. Nothing tells when a hold ends by itself; so it is looked at again when it should
//! have, and an order a while after its hold.

use std::sync::{Arc, Weak};
use std::time::Duration;

use ticketcore::checkout::Progress;
use ticketcore::guard::{Happening, Who};
use ticketcore::order::PaymentState;
use ticketcore::{BoxOffice, CommandError, Hold, HoldId, OrderDetails, OrderState, UserId, UtcMs};
use tokio::sync::watch;

use super::Guard;
use super::check::Judged;

/// How often it is looked for what is due.
const LOOK: Duration = Duration::from_secs(1);
/// Reputations are written down so often.
const KEEP: Duration = Duration::from_secs(60);
/// Holds and orders that are looked at in one go.
const DUE_MAX: usize = 1_000;
/// An order is looked at again so long after its hold should end, and so on until it has ended, in milliseconds.
const ORDER_MS: u64 = 60_000;
/// A hold that should have ended is looked at a little later, in milliseconds: clocks and timers are not exact.
const HOLD_MS: u64 = 2_000;

/// A hold, or the order that it became.
#[derive(Clone, Copy, Debug)]
pub(super) struct Followed {
    who: Who,
    user: UserId,
    /// Whether there is an order.
    ordered: bool,
    /// Payments of it that were declined.
    declined: usize,
}

/// What became of it.
enum Became {
    Nothing,
    Said(Happening),
    /// Look again.
    Later(UtcMs),
}

impl Guard {
    /// Somebody has a hold now.
    pub fn held(&self, judged: &Judged, user: UserId, hold: &Hold) {
        if judged.exempt || hold.replayed {
            return;
        }
        self.note(Happening::HoldPlaced, judged);
        let followed = Followed { who: judged.who, user, ordered: false, declined: 0 };
        self.follow(hold.id, followed, hold.deadline.plus_ms(HOLD_MS));
    }

    /// A buyer gave a hold back.
    pub fn released(&self, hold: HoldId) {
        let mut watch = self.followed.lock();
        if watch.get(hold).is_some_and(|followed| !followed.ordered)
            && let Some(followed) = watch.remove(hold)
        {
            drop(watch);
            self.judge.note(Happening::HoldAbandoned, &followed.who, self.clock.now());
        }
    }

    /// A purchase went on.
    pub fn bought(&self, judged: &Judged, details: &OrderDetails, progress: &Progress) {
        if judged.exempt {
            return;
        }
        let hold = details.order.id.hold();
        let now = self.clock.now();
        let mut said = Vec::new();
        let mut watch = self.followed.lock();
        // Not known: it was held before a restart, or has come to its end. What happened to it is not counted twice.
        let Some(mut followed) = watch.remove(hold) else { return };
        if !followed.ordered {
            followed.ordered = true;
            said.push(Happening::OrderOpened);
        }
        let declined = declined(details);
        said.extend((followed.declined..declined).map(|_| Happening::PaymentFailed));
        followed.declined = declined.max(followed.declined);
        match progress {
            Progress::Confirmed { .. } => said.push(Happening::OrderPaid),
            Progress::Ended { .. } => said.push(Happening::OrderUnpaid),
            _ => {
                let _gone = watch.put(hold, followed, now.plus_ms(ORDER_MS));
            }
        }
        drop(watch);
        // By the device and card with which he pays, rather than held.
        for happening in said {
            self.note(happening, judged);
        }
    }

    fn follow(&self, hold: HoldId, followed: Followed, at: UtcMs) {
        // One that had to go is not followed to its end: it counts for nothing.
        let _gone = self.followed.lock().put(hold, followed, at);
    }

    async fn look_at(&self, office: &BoxOffice, hold: HoldId, followed: Followed) {
        let now = self.clock.now();
        let became = if followed.ordered {
            order(office, hold, now).await
        } else {
            match office.find_hold_async(hold, followed.user).await {
                // It was prolonged.
                Ok(found) => Became::Later(found.deadline.plus_ms(HOLD_MS).max(now.plus_ms(HOLD_MS))),
                Err(CommandError::Refused(_)) => match order(office, hold, now).await {
                    Became::Nothing => Became::Said(Happening::HoldAbandoned),
                    // Its opening was not counted either.
                    Became::Said(_) => Became::Nothing,
                    later @ Became::Later(_) => later,
                },
                Err(_) => Became::Later(now.plus_ms(ORDER_MS)),
            }
        };
        match became {
            Became::Nothing => {}
            Became::Said(happening) => self.judge.note(happening, &followed.who, now),
            Became::Later(at) => self.follow(hold, followed, at),
        }
    }
}

/// What became of the order of a hold; nothing if there is none.
async fn order(office: &BoxOffice, hold: HoldId, now: UtcMs) -> Became {
    match office.order_details_async(hold.order()).await {
        Ok(details) => match details.order.state {
            OrderState::Confirmed => Became::Said(Happening::OrderPaid),
            OrderState::Cancelled | OrderState::Expired => Became::Said(Happening::OrderUnpaid),
            _ => Became::Later(now.plus_ms(ORDER_MS)),
        },
        Err(CommandError::Refused(_)) => Became::Nothing,
        Err(_) => Became::Later(now.plus_ms(ORDER_MS)),
    }
}

fn declined(details: &OrderDetails) -> usize {
    details.payments.iter().filter(|payment| payment.state == PaymentState::Declined).count()
}

/// Looks again at what is due, until the server stops or the guard is gone.
pub(super) async fn look_again(
    guard: Weak<Guard>,
    office: Arc<BoxOffice>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut kept = tokio::time::Instant::now();
    loop {
        let stopped = tokio::select! {
            () = tokio::time::sleep(LOOK) => false,
            _ = stopping.wait_for(|stop| *stop) => true,
        };
        let Some(guard) = guard.upgrade() else { return };
        if stopped || kept.elapsed() >= KEEP {
            kept = tokio::time::Instant::now();
            let guard = Arc::clone(&guard);
            if let Err(error) = tokio::task::spawn_blocking(move || guard.keep()).await {
                tracing::error!(%error, "writing reputations down");
            }
        }
        if stopped {
            return;
        }
        let due = guard.followed.lock().due(guard.clock.now(), DUE_MAX);
        for (hold, followed) in due {
            guard.look_at(&office, hold, followed).await;
        }
        let [counters, reputations] = guard.judge.fullness();
        guard.metrics.fullness("limits", &guard.limiter.fullness());
        guard.metrics.fullness("counters", &counters);
        guard.metrics.fullness("reputations", &reputations);
        guard.metrics.followed.set(i64::try_from(guard.followed.lock().len()).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use ticketcore::guard::{Activity, Counted, Keyed, Rules, Solved, Subject, VelocityRule};
    use ticketcore::store::MemoryStore;
    use ticketcore::{
        Clock, CloseOrderRequest, ExtendRequest, HoldRequest, Item, OpenOrderRequest, Options, SaleState,
        SeatIndex, TicketTypeIndex,
    };

    use super::*;
    use crate::auth::Secrets;
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
    }

    /// A house where every abandoned hold and every unpaid order is worth a point.
    fn house() -> House {
        let clock = Arc::new(Hands(AtomicU64::new(1_800_000_000_000)));
        let options = Options { clock: Arc::clone(&clock) as _, manual_expiry: true, ..Options::default() };
        let office = Arc::new(BoxOffice::with_store(MemoryStore::new(), options).unwrap());
        let event = office.add_event(&small()).unwrap();
        office.set_sale_state(event, SaleState::Onsale).wait().unwrap();
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
        let velocity = vec![rule("abandons", Counted::Abandons), rule("unpaid", Counted::UnpaidOrders)];
        let config = GuardConfig {
            // Its task is not wanted here: what it does is done by hand.
            enabled: false,
            risk: Rules { velocity, new_device: 0, ..Rules::default() },
            audit: AuditConfig { enabled: false, ..AuditConfig::default() },
            ..GuardConfig::default()
        };
        static HOUSES: AtomicU64 = AtomicU64::new(0);
        let number = HOUSES.fetch_add(1, Ordering::SeqCst);
        let folder = std::env::temp_dir().join(format!("ticketcore-follow-{}-{number}", std::process::id()));
        let secrets = Secrets::open(&folder.join("secrets")).unwrap();
        let (_stop, stopping) = watch::channel(false);
        let around = (&secrets, folder.as_path(), false);
        let guard = Guard::start(&config, around, &office, Arc::clone(&clock) as _, stopping).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        House { office, guard, clock, event }
    }

    impl House {
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
            let now = self.clock.now();
            let found = self.guard.judge.assess(Activity::Hold, &self.judged(user).who, Solved::No, now);
            ["abandons", "unpaid"].map(|name| {
                found.signals.iter().find(|signal| &*signal.name == name).map_or(0, |signal| signal.points)
            })
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
}
