//! [`Checkout`]: what hosts call.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::drive::{Fresh, Join};
use super::inner::Inner;
use super::line::Line;
use super::options::CheckoutOptions;
use super::pool::Pool;
use super::progress::Progress;
use super::reconcile::{ReconcileReport, Rounds};
use super::status::CheckoutStatus;
use super::underway::{Underway, stopped};
use super::waits::take_turns;
use crate::answer::{CommandError, DueOrder, Order, Stepped};
use crate::gateway::{GatewayAction, GatewayKey, PaymentGateway, Seen};
use crate::id::{EventId, OrderId};
use crate::office::BoxOffice;
use crate::order::{
    CheckoutRequest, News, ObserveRequest, PayRequest, PaymentSeen, StaffAction, StaffOrderRequest, Word,
};
use crate::refusal::Refusal;
use crate::request::CloseOrderRequest;
use crate::sync::Mutex;
use crate::sync::atomic::AtomicU64;
use crate::time::UtcMs;

/// Takes orders from the hold to the tickets, through gateways. See the [module](super). Cheap to share behind an [`Arc`].
pub struct Checkout {
    pub(super) inner: Arc<Inner>,
    pool: Pool,
    rounds: Option<Rounds>,
}

impl Checkout {
    /// A driver for the orders of `office` that are paid through `gateways`.
    ///
    /// # Errors
    /// [`CommandError::Failed`] if a thread can't be started or two gateways have one name, [`Refusal::Limit`] if a name is too long.
    pub fn new(
        office: Arc<BoxOffice>,
        gateways: Vec<Arc<dyn PaymentGateway>>,
        options: CheckoutOptions,
    ) -> Result<Self, CommandError> {
        let workers = if options.manual { 0 } else { options.workers.max(1) };
        let pool = Pool::start("ticketcore-checkout", workers)?;
        let clock = office.clock();
        for (at, gateway) in gateways.iter().enumerate() {
            if gateways[..at].iter().any(|other| other.name() == gateway.name()) {
                let reason = format!("two gateways have the name `{}`", gateway.name());
                return Err(CommandError::Failed { reason });
            }
        }
        let line = |gateway| Line::new(gateway, Arc::clone(&clock), &options).map(Arc::new);
        let inner = Arc::new(Inner {
            lines: gateways.into_iter().map(line).collect::<Result<_, _>>()?,
            office,
            clock,
            pool: Arc::clone(pool.shared()),
            drives: Mutex::new(HashMap::new()),
            seed: options.seed.unwrap_or_else(|| RandomState::new().hash_one(std::process::id())),
            drawn: AtomicU64::new(0),
            options,
        });
        let every_ms = inner.options.reconcile_every_ms;
        let looked_after = !inner.options.manual && every_ms > 0;
        let rounds = if looked_after { Some(Rounds::start(&inner, every_ms)?) } else { None };
        Ok(Self { inner, pool, rounds })
    }

    /// Opens an order from a hold and pays it. Asked again, with the same key or while the first is under way, it is the same purchase; with
    /// the same key always, so have one.
    ///
    /// Answers what the buyer is to be told: see [`Progress`]. Refused as [`Refusal::Overloaded`], before anything is begun, while the gateway
    /// is in trouble or too much is under way; [`CommandError::Failed`] if this driver has no such gateway; else as
    /// [`BoxOffice::checkout`] and [`BoxOffice::pay`] are.
    pub fn buy(&self, request: CheckoutRequest, gateway: &str, method: &str) -> Underway<Progress> {
        self.buy_returning(request, gateway, method, None)
    }

    /// As [`buy`](Self::buy); from a page of the gateway's the buyer comes back to `return_url` and not where the
    /// [options](CheckoutOptions::return_url) say. That is kept until the payment has been sent: one that a crash kept from being sent, or
    /// whose answer is lost for longer than the [`backoff`](CheckoutOptions::backoff) goes on, is sent again with the options' address.
    pub fn buy_returning(
        &self,
        request: CheckoutRequest,
        gateway: &str,
        method: &str,
        return_url: Option<Word>,
    ) -> Underway<Progress> {
        let (gateway, method) = match self.may_begin(gateway, method) {
            Ok(named) => named,
            Err(error) => return Underway::ready(Err(error)),
        };
        let inner = Arc::clone(&self.inner);
        let (underway, teller) = Underway::begin(Err(stopped()));
        self.inner.pool.spawn(async move {
            let (user, key) = (request.user, request.key.clone());
            match inner.office.checkout(request).await {
                Err(error) => teller.tell(Err(error)),
                Ok(order) => {
                    take_turns().await;
                    let request = PayRequest { order: order.id, user, key, gateway, method };
                    inner.pay(request, return_url, teller).await;
                }
            }
        });
        underway
    }

    /// Pays an open order, after a decline for example. Refused as [`buy`](Self::buy) is.
    pub fn pay_again(&self, request: PayRequest) -> Underway<Progress> {
        self.pay_again_returning(request, None)
    }

    /// As [`pay_again`](Self::pay_again), with an address to come back to as in [`buy_returning`](Self::buy_returning).
    pub fn pay_again_returning(&self, request: PayRequest, return_url: Option<Word>) -> Underway<Progress> {
        if let Err(error) = self.may_begin(request.gateway.as_str(), request.method.as_str()) {
            return Underway::ready(Err(error));
        }
        let (underway, teller) = Underway::begin(Err(stopped()));
        self.inner.pool.spawn(Arc::clone(&self.inner).pay(request, return_url, teller));
        underway
    }

    /// The buyer comes back from what he had to do at the gateway: looks up what became of it.
    pub fn returned(&self, order: OrderId) -> Underway<Progress> {
        self.resume(order)
    }

    /// Takes an order as far as it goes and says what its buyer is to be told.
    pub fn resume(&self, order: OrderId) -> Underway<Progress> {
        let pending = Ok(Progress::Pending { order });
        let (underway, teller) = Underway::begin(pending.clone());
        self.inner.pool.after(self.inner.options.patience_ms, teller.unless_told(pending));
        self.inner.start(order, Join { teller: Some(teller), patient: true, ..Join::default() });
        underway
    }

    /// Has an order taken as far as it goes. False if too many are driven already: then the reconciler resumes it.
    pub fn run(&self, order: OrderId) -> bool {
        self.inner.start(order, Join { patient: true, ..Join::default() })
    }

    /// Cancels an order, and gives its money back if there is any: [`BoxOffice::cancel_order`].
    pub fn cancel(&self, request: CloseOrderRequest) -> Underway<Order> {
        let inner = Arc::clone(&self.inner);
        let order = request.order;
        self.then_run(order, async move { (inner.office.cancel_order(request).await, None) })
    }

    /// What staff does to an order, and what follows from it: [`BoxOffice::staff_order`]. Answered when it is decided; a refund's money is then
    /// on its way.
    pub fn staff_order(&self, request: StaffOrderRequest) -> Underway<Stepped> {
        let inner = Arc::clone(&self.inner);
        let order = request.order;
        let refunds = matches!(request.action, StaffAction::Refund(_));
        self.then_run(order, async move {
            let outcome = inner.office.staff_order(request).await;
            let fresh = match &outcome {
                Ok(Stepped { revision: Some(_), number: 1.., replayed: false, .. }) if refunds => {
                    outcome.as_ref().ok().map(|stepped| Fresh::Refund(stepped.number, 0))
                }
                _ => None,
            };
            (outcome, fresh)
        })
    }

    /// A gateway reports something of its own accord: a webhook. Whether it is true is for the host to check (a signature), or
    /// [`resume`](Self::resume) the order instead. May come twice, late and out of order. Answered when it is noted.
    ///
    /// Reports of captures and voids are about the payment: their key is the payment's.
    pub fn observe_notification(&self, key: GatewayKey, seen: Seen) -> Underway<Stepped> {
        let order = key.order;
        let news = match (key.action, seen) {
            (GatewayAction::Refund, Seen::Refund(seen)) => {
                News::Refund { refund: key.number, tries: key.tries, seen }
            }
            // Nobody reports what he has never heard of.
            (_, Seen::Payment(PaymentSeen::NotFound))
            | (GatewayAction::Refund, Seen::Payment(_))
            | (_, Seen::Refund(_)) => {
                let reason = format!("a report that says nothing of {key}");
                return Underway::ready(Err(CommandError::Failed { reason }));
            }
            (_, Seen::Payment(seen)) => News::Payment { attempt: key.number, seen },
        };
        let inner = Arc::clone(&self.inner);
        let observe = ObserveRequest { order, news };
        self.then_run(order, async move { (inner.office.observe(observe).await, None) })
    }

    /// Orders of an event with an effect for which somebody must be called whom this driver does not know, at most `limit`, in ascending
    /// order after `after`. For hosts that talk to a gateway themselves.
    ///
    /// # Errors
    /// As [`BoxOffice::due_orders`].
    pub fn foreign_due(
        &self,
        event: EventId,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<DueOrder>, CommandError> {
        let mut found = Vec::new();
        let mut after = after;
        while found.len() < limit {
            let page = self.inner.office.due_orders(event, after, limit.max(DUE_PAGE))?;
            let Some(last) = page.last() else { break };
            after = Some(last.order);
            let foreign = |due: &DueOrder| due.effects().any(|effect| self.inner.is_foreign(effect));
            found.extend(page.into_iter().filter(foreign));
        }
        found.truncate(limit);
        Ok(found)
    }

    /// How busy it is.
    #[must_use]
    pub fn status(&self) -> CheckoutStatus {
        let driven = self.inner.drives.lock().len();
        CheckoutStatus { driven, gateways: self.inner.lines.iter().map(|line| line.status()).collect() }
    }

    /// What the last round of its own reconciler found, if it has one.
    #[must_use]
    pub fn last_report(&self) -> Option<Arc<ReconcileReport>> {
        self.rounds.as_ref()?.last()
    }

    /// Waits until nothing is under way here, at most this long; true if nothing is. Orders that wait for their buyer, for a gateway in
    /// trouble or for the reconciler may still be open.
    pub fn wait_idle(&self, timeout: Duration) -> bool {
        self.inner.pool.wait_idle(timeout)
    }

    /// With [`CheckoutOptions::manual`]: does up to `max` things that are ready at `now`, in the same order each time, and says how many
    /// there were. Between two of them everything that matters is durable.
    pub fn step(&self, now: UtcMs, max: usize) -> usize {
        self.pool.step(now, max)
    }

    /// With [`CheckoutOptions::manual`]: in how many milliseconds there will be something to do: 0 now, `None` never by itself.
    #[must_use]
    pub fn next_in_ms(&self) -> Option<u64> {
        self.inner.pool.next_in_ms()
    }

    fn may_begin(&self, gateway: &str, method: &str) -> Result<(Word, Word), CommandError> {
        let named = Word::new(gateway).map_err(Refusal::Limit)?;
        let method = Word::new(method).map_err(Refusal::Limit)?;
        let none = || CommandError::Failed { reason: format!("there is no gateway `{gateway}` here") };
        let line = self.inner.line(&named).ok_or_else(none)?;
        self.inner.refusal(&line).map_or(Ok((named, method)), Err)
    }

    /// Does something about an order, then takes the order as far as it goes.
    fn then_run<T: Send + 'static>(
        &self,
        order: OrderId,
        work: impl Future<Output = (Result<T, CommandError>, Option<Fresh>)> + Send + 'static,
    ) -> Underway<T> {
        let inner = Arc::clone(&self.inner);
        let (underway, teller) = Underway::begin(Err(stopped()));
        self.inner.pool.spawn(async move {
            let (outcome, fresh) = work.await;
            if outcome.is_ok() {
                inner.start(order, Join { fresh, patient: true, ..Join::default() });
            }
            teller.tell(outcome);
        });
        underway
    }
}

/// Orders that are read at once.
pub(super) const DUE_PAGE: usize = 256;

impl Drop for Checkout {
    fn drop(&mut self) {
        // First who begins, then who goes on, then who calls.
        drop(self.rounds.take());
        self.pool.end();
        self.inner.lines.iter().for_each(|line| line.end());
    }
}
