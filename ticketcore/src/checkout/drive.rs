//! Driving one order: its next effect, what became of it, the next one; until nothing can be done about it now.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::inner::Inner;
use super::progress::{Progress, progress};
use super::underway::Teller;
use super::waits::take_turns;
use crate::answer::{CommandError, OrderDetails, Stepped};
use crate::id::OrderId;
use crate::order::{Effect, News, ObserveRequest, Word};
use crate::refusal::Refusal;
use crate::sync::Mutex;
use crate::time::UtcMs;

/// An intent that this process has just written and that nobody else can have sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fresh {
    /// This payment attempt.
    Payment(u32),
    /// This refund, after so many definite failures.
    Refund(u32, u32),
}

/// Who wants an order driven.
#[derive(Default)]
pub(super) struct Join {
    pub fresh: Option<Fresh>,
    pub teller: Option<Teller<Progress>>,
    /// Where the buyer of a payment attempt comes back to, if not where all do.
    pub return_url: Option<(u32, Word)>,
    /// Try again as often as the options say; else once.
    pub patient: bool,
}

/// An order that is being driven. There is one drive per order and process.
pub(super) struct Drive {
    pub order: OrderId,
    state: Mutex<DriveState>,
}

#[derive(Default)]
struct DriveState {
    fresh: Vec<Fresh>,
    tellers: Vec<Teller<Progress>>,
    return_url: Option<(u32, Word)>,
    patient: bool,
    /// Somebody came: look again from the start.
    again: bool,
    resting: Option<Waker>,
}

impl DriveState {
    fn join(&mut self, join: Join) {
        self.fresh.extend(join.fresh);
        self.tellers.extend(join.teller);
        self.return_url = join.return_url.or(self.return_url.take());
        self.patient |= join.patient;
    }
}

impl Drive {
    /// Whether this intent was just written here. Whoever asks sends it.
    pub fn take_fresh(&self, fresh: Fresh) -> bool {
        let mut state = self.state.lock();
        let before = state.fresh.len();
        state.fresh.retain(|known| *known != fresh);
        state.fresh.len() < before
    }

    /// Where the buyer of a payment attempt comes back to, if that was said to this drive.
    pub fn return_url(&self, attempt: u32) -> Option<Word> {
        let state = self.state.lock();
        state.return_url.as_ref().filter(|(said, _)| *said == attempt).map(|(_, url)| url.clone())
    }

    pub fn note_fresh(&self, fresh: Fresh) {
        self.state.lock().fresh.push(fresh);
    }

    fn take_again(&self) -> bool {
        std::mem::take(&mut self.state.lock().again)
    }

    fn tell(&self, outcome: &Result<Progress, CommandError>) {
        let tellers = std::mem::take(&mut self.state.lock().tellers);
        tellers.into_iter().for_each(|teller| teller.tell(outcome.clone()));
    }

    /// Waits, or until somebody comes.
    async fn rest(&self, inner: &Inner, ms: u64) {
        let mut sleep = inner.pool.sleep(ms);
        poll_fn(|context| {
            let mut state = self.state.lock();
            if state.again {
                return Poll::Ready(());
            }
            state.resting = Some(context.waker().clone());
            drop(state);
            Pin::new(&mut sleep).poll(context)
        })
        .await;
    }
}

impl Inner {
    /// Has an order driven; if it is already, whoever drives it looks again. False if too many are.
    pub fn start(self: &Arc<Self>, order: OrderId, join: Join) -> bool {
        let mut drives = self.drives.lock();
        if let Some(drive) = drives.get(&order) {
            let resting = {
                let mut state = drive.state.lock();
                state.join(join);
                state.again = true;
                state.resting.take()
            };
            drop(drives);
            if let Some(resting) = resting {
                resting.wake();
            }
            return true;
        }
        if drives.len() >= self.options.driven_max {
            // Told outside the lock that he is to ask later.
            drop(drives);
            drop(join);
            return false;
        }
        let mut state = DriveState::default();
        state.join(join);
        let drive = Arc::new(Drive { order, state: Mutex::new(state) });
        drives.insert(order, Arc::clone(&drive));
        drop(drives);
        let leave = Leave { inner: Arc::clone(self), drive };
        self.pool.spawn(async move { leave.drive().await });
        true
    }

    /// Whether an order is being driven here.
    pub fn is_driven(&self, order: OrderId) -> bool {
        self.drives.lock().contains_key(&order)
    }
}

/// Takes a drive out of the list, however it ends; who waits for news is told to ask later.
struct Leave {
    inner: Arc<Inner>,
    drive: Arc<Drive>,
}

impl Leave {
    async fn drive(self) {
        let mut hand = Hand::new(&self.inner, &self.drive);
        loop {
            hand.go().await;
            let mut drives = self.inner.drives.lock();
            if !self.drive.state.lock().again {
                drives.remove(&self.drive.order);
                return;
            }
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let mut drives = self.inner.drives.lock();
        if drives.get(&self.drive.order).is_some_and(|known| Arc::ptr_eq(known, &self.drive)) {
            drives.remove(&self.drive.order);
        }
        drop(drives);
        let tellers = std::mem::take(&mut self.drive.state.lock().tellers);
        drop(tellers);
    }
}

/// What became of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Did {
    /// The order has moved.
    Moved,
    /// Nothing new was learnt: somebody else was faster, or it stands as it stood.
    Nothing,
    /// It came to nothing for now, or nobody knows.
    Failed,
    /// The gateway is left alone until then.
    Shut(UtcMs),
    /// It is not for us, or not for now.
    Leave,
}

/// Does what is due about one order.
pub(super) struct Hand<'a> {
    pub inner: &'a Arc<Inner>,
    pub drive: &'a Drive,
    /// The gateway has just said that the buyer must act.
    pub looked: bool,
    /// The attempt of which the gateway has just said that its money is reserved.
    pub reserved: Option<u32>,
    /// The highest attempt that was sent or looked up here: it is not fresh any more.
    pub sent: u32,
    retries: u32,
}

impl<'a> Hand<'a> {
    const fn new(inner: &'a Arc<Inner>, drive: &'a Drive) -> Self {
        Self { inner, drive, looked: false, reserved: None, sent: 0, retries: 0 }
    }

    /// Takes the order as far as it goes now.
    async fn go(&mut self) {
        self.retries = 0;
        loop {
            if self.drive.take_again() {
                self.looked = false;
            }
            let (at, details) = match self.inner.office.order_soon(self.drive.order).await {
                Ok(found) => found,
                Err(error @ CommandError::Refused(Refusal::UnknownOrder | Refusal::UnknownEvent)) => {
                    return self.drive.tell(&Err(error));
                }
                Err(_) if self.pause(false).await => continue,
                Err(_) => return,
            };
            if let Some(progress) = progress(&details, self.looked) {
                self.drive.tell(&Ok(progress));
            }
            let Some(effect) = details.next.clone() else { return };
            take_turns().await;
            let go_on = match self.effect(at, &details, effect).await {
                Did::Moved => {
                    self.retries = 0;
                    true
                }
                Did::Nothing => self.pause(true).await,
                Did::Failed => self.pause(false).await,
                Did::Shut(until) => {
                    let ms = until.since_ms(self.inner.clock.now());
                    // Who waited together does not come back together.
                    let spread = 1 + self.inner.random(self.drive.order) % 250;
                    self.drive.rest(self.inner, ms + spread).await;
                    true
                }
                Did::Leave => return,
            };
            if !go_on {
                return;
            }
        }
    }

    /// Waits before the next try; false if there is to be none. `at_once`: the first one need not wait.
    async fn pause(&mut self, at_once: bool) -> bool {
        self.retries += 1;
        if at_once && self.retries == 1 {
            return true;
        }
        if !self.drive.state.lock().patient {
            return false;
        }
        let Some(ms) = self.inner.options.backoff.delay_ms(self.retries, self.inner.random(self.drive.order))
        else {
            return false;
        };
        self.drive.rest(self.inner, ms).await;
        true
    }

    async fn effect(&mut self, at: UtcMs, details: &OrderDetails, effect: Effect) -> Did {
        match effect {
            Effect::Authorize(charge) => self.authorize(at, &charge).await,
            Effect::LookUp(charge) => self.look(at, details, &charge).await,
            Effect::Capture(charge) => self.capture(&charge).await,
            Effect::Void(charge) => self.void(details, &charge).await,
            Effect::Refund { refund, tries, amount_minor, started_at, charge } => {
                let due = super::refunds::Due { refund, tries, started_at };
                self.refund(at, due, amount_minor, &charge).await
            }
            Effect::LookUpRefund { refund, tries, charge, .. } => {
                self.look_at_refunds(details, (refund, tries, &charge)).await
            }
            Effect::Confirm => self.house(News::Confirm).await,
            Effect::Drop(reason) => self.house(News::Drop(reason)).await,
            Effect::SettleLate => self.house(News::SettleLate).await,
            Effect::Reverse => self.house(News::Reverse).await,
            Effect::StartRefund { attempt, reason } => {
                match self.observe(News::StartRefund { attempt, reason }).await {
                    Ok(Stepped { revision: Some(_), number, .. }) => {
                        self.drive.note_fresh(Fresh::Refund(number, 0));
                        Did::Moved
                    }
                    Ok(_) => Did::Nothing,
                    Err(_) => Did::Failed,
                }
            }
        }
    }

    /// What the house itself must do.
    async fn house(&self, news: News) -> Did {
        done(&self.observe(news).await)
    }

    pub async fn observe(&self, news: News) -> Result<Stepped, CommandError> {
        self.inner.office.observe(ObserveRequest { order: self.drive.order, news }).await
    }
}

/// What an observation came to.
pub(super) fn done(observed: &Result<Stepped, CommandError>) -> Did {
    match observed {
        Ok(Stepped { revision: Some(_), .. }) => Did::Moved,
        Ok(_) => Did::Nothing,
        Err(_) => Did::Failed,
    }
}
