//! A purchase under way: what its buyer waits for, and what he makes of the answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use ticketcore::checkout::{Checkout, Progress, Underway};
use ticketcore::order::{CheckoutRequest, RefundWhat, StaffAction, StaffOrderRequest};
use ticketcore::{CommandError, Hold, IdempotencyKey, Stepped, UserId};

use crate::tally::{Sale, Tally};
use crate::till::{BANK, METHOD, is_over};

type Told = Result<Progress, CommandError>;

/// When an answer came: its buyer may look later.
#[derive(Default)]
struct Came(OnceLock<Instant>);

impl Wake for Came {
    fn wake(self: Arc<Self>) {
        let _first = self.0.set(Instant::now());
    }
}

/// See the module.
pub struct Purchase {
    hold: Hold,
    begun: Instant,
    came: Arc<Came>,
    told: Option<Underway<Progress>>,
    /// The answer, if it was there at once.
    at_once: Option<Told>,
    /// The same hold ordered once more, under another key.
    twin: Option<Underway<Progress>>,
}

impl Purchase {
    /// Begins to buy what is held, twice for those who click twice.
    pub fn begin(checkout: &Checkout, hold: Hold, twice: bool) -> Self {
        let begun = Instant::now();
        let click = |window: u32| {
            let key = IdempotencyKey::new(&format!("order-{}-{window}", hold.id.number.0)).ok();
            checkout.buy(CheckoutRequest { key, ..CheckoutRequest::new(hold.id, hold.user) }, BANK, METHOD)
        };
        let mut told = click(1);
        let twin = twice.then(|| click(2));
        let came = Arc::<Came>::default();
        let waker = Waker::from(Arc::clone(&came));
        let at_once = match Pin::new(&mut told).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => {
                Arc::clone(&came).wake();
                Some(answer)
            }
            Poll::Pending => None,
        };
        Self { hold, begun, came, told: Some(told), at_once, twin }
    }

    /// Hears what became of it, if that is known by now; else it goes on. True in the first case if it was sold.
    #[expect(clippy::result_large_err, reason = "the purchase is handed back, moved once")]
    pub fn hear(mut self, tally: &mut Tally) -> Result<Option<Sale>, Self> {
        let told = self.at_once.take().or_else(|| self.told.as_ref()?.try_take());
        let Some(told) = told else { return Err(self) };
        Ok(self.heard(told, tally))
    }

    /// Waits for it.
    pub fn wait(mut self, tally: &mut Tally) -> Option<Sale> {
        // Polled before, it wakes the one who polled: who waits now looks himself.
        let told = match self.at_once.take() {
            Some(told) => told,
            None => self.told.take().map_or(Err(gone()), Underway::wait),
        };
        self.heard(told, tally)
    }

    fn heard(self, told: Told, tally: &mut Tally) -> Option<Sale> {
        let Self { hold, begun, came, twin, .. } = self;
        let took = came.0.get().map_or_else(|| begun.elapsed(), |at| *at - begun);
        let number = hold.id.number;
        if let Some(twin) = twin {
            tally.duplicates += 1;
            let twin = twin.wait();
            tally.violations.check(agree(&told, &twin), || format!("clicked twice: {told:?} and {twin:?}"));
        }
        match told {
            Ok(Progress::Confirmed { order }) => {
                tally.confirm_times.add(took);
                let same = order == hold.id.order();
                tally.violations.check(same, || format!("{hold:?} became {order}"));
                let sale =
                    Sale { order: number, user: hold.user, lines: hold.lines, total_minor: hold.total_minor };
                tally.sales.push(sale.clone());
                return Some(sale);
            }
            Ok(Progress::Declined { pay_until: None, .. }) => {
                tally.decline_times.add(took);
                tally.declined.push(number);
            }
            Ok(Progress::Pending { .. } | Progress::Ended { .. }) => tally.pending += 1,
            Err(error) if is_over(&error) => tally.lapsed.push(number),
            other => tally.violations.add(format!("at the checkout: {other:?}")),
        }
        None
    }
}

fn gone() -> CommandError {
    CommandError::Unknown { reason: "the answer was taken before".to_owned() }
}

/// Whether two answers about one hold may both be given.
fn agree(first: &Told, second: &Told) -> bool {
    match (first, second) {
        (Ok(Progress::Confirmed { order: a }), Ok(Progress::Confirmed { order: b })) => a == b,
        (Ok(Progress::Confirmed { .. }), other) | (other, Ok(Progress::Confirmed { .. })) => {
            matches!(other, Ok(Progress::Pending { .. }))
        }
        _ => true,
    }
}

/// Sends all money of a sold order back; its seats are free again.
pub fn refund(checkout: &Checkout, sale: &Sale, event: ticketcore::EventId) -> Underway<Stepped> {
    let order = ticketcore::OrderId { event, number: sale.order };
    let action = StaffAction::Refund(RefundWhat::Full);
    checkout.staff_order(StaffOrderRequest { order, by: UserId::from(u128::MAX), key: None, action })
}
