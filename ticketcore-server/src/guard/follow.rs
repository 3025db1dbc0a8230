//! What becomes of holds and orders: abandoned, paid or not. Nothing tells when a hold ends by itself; so it is looked at again when it should
//! have, and an order a while after its hold.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ticketcore::checkout::Progress;
use ticketcore::guard::{Happening, Key, Who};
use ticketcore::order::PaymentState;
use ticketcore::{BoxOffice, CommandError, Hold, HoldId, OrderDetails, OrderState, UserId, UtcMs};
use tokio::sync::watch;

use super::Guard;
use super::check::Judged;

/// How often it is looked for what is due.
const LOOK: Duration = Duration::from_secs(1);
/// What is known is written down so often.
const KEEP: Duration = Duration::from_secs(60);
/// Holds and orders that are looked at in one go.
const DUE_MAX: usize = 1_000;
/// An order is looked at again so long after its hold should end, and so on until it has ended, in milliseconds.
const ORDER_MS: u64 = 60_000;
/// A hold that should have ended is looked at a little later, in milliseconds: clocks and timers are not exact.
const HOLD_MS: u64 = 2_000;

/// Payment methods of one order that are remembered.
const METHODS: usize = 3;

/// A hold, or the order that it became.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Followed {
    /// Who held, and once there is an order who opened it.
    who: Who,
    user: UserId,
    /// Whether there is an order.
    ordered: bool,
    /// Payment attempts of it that were declined and are counted, a bit each.
    declined: u16,
    /// Payment methods by which was asked to pay, the last first, and whose instruments they are.
    methods: [Option<(Key, Key)>; METHODS],
}

impl Followed {
    const fn new(who: Who, user: UserId) -> Self {
        Self { who, user, ordered: false, declined: 0, methods: [None; METHODS] }
    }

    /// Somebody asks to pay.
    fn pays(&mut self, judged: &Judged) {
        if let Some(paying) = judged.method.zip(judged.who.payment)
            && !self.methods.contains(&Some(paying))
        {
            self.methods.rotate_right(1);
            self.methods[0] = Some(paying);
        }
    }

    /// To whom payments count that were declined and are not counted yet: what the caller of the moment would pay with says nothing of what
    /// an earlier attempt was made with.
    fn failures(&mut self, details: &OrderDetails, method: impl Fn(&str) -> Key) -> Vec<Who> {
        let mut failed = Vec::new();
        let attempts = details.payments.iter().zip(0..u16::BITS);
        for (payment, at) in attempts.filter(|(payment, _)| payment.state == PaymentState::Declined) {
            if self.declined & 1 << at == 0 {
                self.declined |= 1 << at;
                let method = method(payment.method.as_str());
                let known = self.methods.iter().flatten().find(|(known, _)| *known == method);
                let payment = Some(known.map_or(method, |(_, instrument)| *instrument));
                failed.push(Who { payment, ..self.who });
            }
        }
        failed
    }
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
        self.follow(hold.id, Followed::new(judged.who, user), hold.deadline.plus_ms(HOLD_MS));
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
        let mut watch = self.followed.lock();
        // Not known: it has come to its end, or had to make room. What happened to it is not counted twice.
        let Some(mut followed) = watch.remove(hold) else { return };
        let opened = !followed.ordered;
        if opened {
            // By the device and card with which he pays, rather than held.
            (followed.ordered, followed.who) = (true, judged.who);
        }
        followed.pays(judged);
        let failed = followed.failures(details, |method| self.method(method));
        let ended = match progress {
            Progress::Confirmed { .. } => Some(Happening::OrderPaid),
            Progress::Ended { .. } => Some(Happening::OrderUnpaid),
            _ => {
                let _gone = watch.put(hold, followed, now.plus_ms(ORDER_MS));
                None
            }
        };
        drop(watch);
        for happening in opened.then_some(Happening::OrderOpened).into_iter().chain(ended) {
            self.judge.note(happening, &followed.who, now);
        }
        self.failed(&failed, now);
    }

    fn failed(&self, failed: &[Who], now: UtcMs) {
        for who in failed {
            self.judge.note(Happening::PaymentFailed, who, now);
        }
    }

    fn follow(&self, hold: HoldId, followed: Followed, at: UtcMs) {
        // One that had to go is not followed to its end: it counts for nothing.
        let _gone = self.followed.lock().put(hold, followed, at);
    }

    async fn look_at(&self, office: &BoxOffice, hold: HoldId, mut followed: Followed) {
        let now = self.clock.now();
        let became = if followed.ordered {
            match office.order_details_async(hold.order()).await {
                Ok(details) => {
                    self.failed(&followed.failures(&details, |method| self.method(method)), now);
                    order(details.order.state, now)
                }
                Err(CommandError::Refused(_)) => Became::Nothing,
                Err(_) => Became::Later(now.plus_ms(ORDER_MS)),
            }
        } else {
            match office.find_hold_async(hold, followed.user).await {
                // It was prolonged.
                Ok(found) => Became::Later(found.deadline.plus_ms(HOLD_MS).max(now.plus_ms(HOLD_MS))),
                Err(CommandError::Refused(_)) => match office.order_details_async(hold.order()).await {
                    Err(CommandError::Refused(_)) => Became::Said(Happening::HoldAbandoned),
                    Ok(details) => match order(details.order.state, now) {
                        // Its opening was not counted either.
                        Became::Said(_) => Became::Nothing,
                        became => became,
                    },
                    Err(_) => Became::Later(now.plus_ms(ORDER_MS)),
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

/// What became of an order in a state.
fn order(state: OrderState, now: UtcMs) -> Became {
    match state {
        OrderState::Confirmed => Became::Said(Happening::OrderPaid),
        OrderState::Cancelled | OrderState::Expired => Became::Said(Happening::OrderUnpaid),
        _ => Became::Later(now.plus_ms(ORDER_MS)),
    }
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
                tracing::error!(%error, "writing down what is known");
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
#[path = "follow_tests.rs"]
mod tests;
