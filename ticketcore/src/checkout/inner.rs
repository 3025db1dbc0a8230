//! What the tasks of a driver share.

use std::sync::Arc;

use hashbrown::HashMap;

use super::drive::{Drive, Fresh, Join};
use super::line::Line;
use super::options::CheckoutOptions;
use super::pool::Shared;
use super::progress::Progress;
use super::underway::Teller;
use crate::answer::{CommandError, Stepped};
use crate::id::OrderId;
use crate::office::BoxOffice;
use crate::order::{Effect, PayRequest, Word};
use crate::refusal::Refusal;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::Clock;

/// See the module.
pub(super) struct Inner {
    pub office: Arc<BoxOffice>,
    pub clock: Arc<dyn Clock>,
    pub lines: Vec<Arc<Line>>,
    pub pool: Arc<Shared>,
    pub options: CheckoutOptions,
    pub drives: Mutex<HashMap<OrderId, Arc<Drive>>>,
    pub seed: u64,
    pub drawn: AtomicU64,
}

impl Inner {
    pub fn line(&self, gateway: &Word) -> Option<Arc<Line>> {
        self.lines.iter().find(|line| line.name == *gateway).map(Arc::clone)
    }

    /// Any number, for jitter (splitmix64 by Sebastiano Vigna, public domain).
    pub fn random(&self, order: OrderId) -> u64 {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut z = self.seed ^ order.number.0.rotate_left(32) ^ drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Why no new payment is begun through a gateway now.
    pub fn refusal(&self, line: &Line) -> Option<CommandError> {
        let full = (self.drives.lock().len() >= self.options.driven_max).then_some(1_000);
        let retry_after_ms = line.retry_after_ms().or(full)?;
        Some(Refusal::Overloaded { retry_after_ms }.into())
    }

    /// Begins a payment of an order that is open, and drives it.
    pub async fn pay(
        self: Arc<Self>,
        request: PayRequest,
        return_url: Option<Word>,
        mut teller: Teller<Progress>,
    ) {
        let order = request.order;
        teller.otherwise(Ok(Progress::Pending { order }));
        let late = teller.unless_told(Ok(Progress::Pending { order }));
        self.pool.after(self.options.patience_ms, late);
        let (fresh, attempt) = match self.office.pay(request).await {
            Ok(Stepped { revision: Some(_), number, replayed: false, .. }) => {
                (Some(Fresh::Payment(number)), Some(number))
            }
            // It came again: another call of the same buyer began it.
            Ok(Stepped { number, .. }) => (None, Some(number)),
            // It is further already, or costs nothing.
            Err(CommandError::Refused(Refusal::OrderState { .. } | Refusal::NotPaid { amount_minor: 0 })) => {
                (None, None)
            }
            Err(CommandError::Unknown { .. }) => (None, None),
            Err(error) => return teller.tell(Err(error)),
        };
        let return_url = attempt.zip(return_url);
        self.start(order, Join { fresh, teller: Some(teller), return_url, patient: true });
    }

    /// Whether somebody must be called for an effect whom we do not know.
    pub fn is_foreign(&self, effect: &Effect) -> bool {
        match effect {
            Effect::Authorize(charge)
            | Effect::LookUp(charge)
            | Effect::Capture(charge)
            | Effect::Void(charge)
            | Effect::Refund { charge, .. }
            | Effect::LookUpRefund { charge, .. } => self.line(&charge.gateway).is_none(),
            Effect::Confirm
            | Effect::Drop(_)
            | Effect::SettleLate
            | Effect::StartRefund { .. }
            | Effect::Reverse => false,
        }
    }
}
