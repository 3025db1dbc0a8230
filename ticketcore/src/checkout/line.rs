//! The line to one gateway: how many calls are out, who waits for room, and whether it is left alone for a while.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::callers::Callers;
use super::lately::Lately;
use super::options::CheckoutOptions;
use super::pool::Shared;
use super::status::GatewayStatus;
use super::waits::{either, take_turns};
use crate::answer::CommandError;
use crate::gateway::{Answer, CircuitBreaker, InFlight, Pass, PaymentGateway, Permit, Reply};
use crate::log::Slot;
use crate::order::Word;
use crate::refusal::Refusal;
use crate::sync::Mutex;
use crate::time::{Clock, UtcMs};

/// See the module.
pub(super) struct Line {
    pub gateway: Arc<dyn PaymentGateway>,
    pub name: Word,
    clock: Arc<dyn Clock>,
    in_flight: InFlight,
    waiting_max: usize,
    call_timeout_ms: u64,
    state: Mutex<LineState>,
    callers: Callers,
}

struct LineState {
    breaker: CircuitBreaker,
    /// Who waits for room, in the order in which they came.
    waiting: BTreeMap<u64, Waker>,
    tickets: u64,
    authorizations: Lately,
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// To have money reserved.
    Money,
    /// To have something else done.
    Deed,
    /// To learn where something stands.
    News,
}

/// Why a call was not made. Nobody has heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotCalled {
    /// The gateway is left alone until then.
    Shut(UtcMs),
    /// Too many wait already.
    Full,
}

/// Room for one call, given to the next in line when it is dropped.
struct Room {
    permit: Option<Permit>,
    line: Arc<Line>,
}

impl Drop for Room {
    fn drop(&mut self) {
        let next = {
            let mut state = self.line.state.lock();
            drop(self.permit.take());
            state.waiting.pop_first()
        };
        if let Some((_, waker)) = next {
            waker.wake();
        }
    }
}

impl Line {
    pub fn new(
        gateway: Arc<dyn PaymentGateway>,
        clock: Arc<dyn Clock>,
        options: &CheckoutOptions,
    ) -> Result<Self, CommandError> {
        let name = Word::new(gateway.name()).map_err(Refusal::Limit)?;
        let callers = if options.manual { 0 } else { options.callers_per_gateway };
        let callers = Callers::start(name.as_str(), callers)?;
        let breaker = CircuitBreaker::new(options.breaker);
        Ok(Self {
            gateway,
            name,
            clock,
            in_flight: InFlight::new(options.in_flight_max),
            waiting_max: options.waiting_max,
            call_timeout_ms: options.call_timeout_ms,
            state: Mutex::new(LineState {
                breaker,
                waiting: BTreeMap::new(),
                tickets: 0,
                authorizations: Lately::default(),
            }),
            callers,
        })
    }

    /// Calls the gateway when there is room. Unknown after the timeout; the call goes on, and has its room until it is answered.
    pub async fn call<T: Send + 'static>(
        self: &Arc<Self>,
        pool: &Arc<Shared>,
        asks: Asks,
        call: impl FnOnce(&dyn PaymentGateway, Reply<T>) + Send + 'static,
    ) -> Result<Answer<T>, NotCalled> {
        let room = self.room().await?;
        let began = self.clock.now();
        let pass = self.state.lock().breaker.enter(began).map_err(NotCalled::Shut)?;
        let slot = Slot::new();
        let told = Arc::clone(&slot);
        let line = Arc::clone(self);
        let reply = Reply::new(move |answer: Answer<T>| {
            let unknown = matches!(answer, Answer::Unknown { .. });
            line.leave((pass, began), answer.is_healthy(), asks, unknown);
            drop(room);
            told.fill(answer);
        });
        let gateway = Arc::clone(&self.gateway);
        self.callers.call(Box::new(move || call(&*gateway, reply)));
        if let Some(answer) = slot.try_take() {
            take_turns().await;
            return Ok(answer);
        }
        let ms = self.call_timeout_ms;
        let mut sleep = pool.sleep(ms);
        let late = poll_fn(move |context| {
            let late = |()| Answer::unknown(format!("no answer within {ms} ms"));
            std::pin::Pin::new(&mut sleep).poll(context).map(late)
        });
        Ok(either(late, Waiting(slot)).await)
    }

    /// Why a new payment should not be begun now: the time after which it may be, in milliseconds from now.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let now = self.clock.now();
        let state = self.state.lock();
        let shut = state.breaker.shut_until(now).map(|until| until.since_ms(now).max(1));
        shut.or_else(|| (state.waiting.len() >= self.waiting_max).then_some(1_000))
    }

    /// How it does.
    pub fn status(&self) -> GatewayStatus {
        let now = self.clock.now();
        let state = self.state.lock();
        GatewayStatus {
            name: self.name.clone(),
            in_flight: self.in_flight.count(),
            waiting: state.waiting.len(),
            is_well: state.breaker.is_closed(),
            is_shut: state.breaker.shut_until(now).is_some(),
            authorize_ms: state.authorizations.mean_ms(now),
        }
    }

    /// Ends the threads that call; waits for the calls they are in.
    pub fn end(&self) {
        self.callers.end();
    }

    /// Notes how a call ended. News that are unknown: a payment that is being worked on can't be told from a gateway that does not answer, so
    /// that counts only if the gateway is on trial.
    fn leave(&self, (pass, began): (Pass, UtcMs), went_well: bool, asks: Asks, unknown: bool) {
        let now = self.clock.now();
        let vague = asks == Asks::News && unknown;
        let mut state = self.state.lock();
        if asks == Asks::Money {
            state.authorizations.record(now, now.since_ms(began));
        }
        if !vague || !state.breaker.is_closed() {
            state.breaker.leave(pass, now, went_well);
        }
    }

    async fn room(self: &Arc<Self>) -> Result<Room, NotCalled> {
        let mut ticket = None;
        let permit = poll_fn(|context| {
            let mut state = self.state.lock();
            if let Some(permit) = self.in_flight.enter() {
                if let Some(ticket) = ticket {
                    state.waiting.remove(&ticket);
                }
                return Poll::Ready(Ok(permit));
            }
            let mine = match ticket {
                Some(ticket) => ticket,
                None if state.waiting.len() >= self.waiting_max => return Poll::Ready(Err(NotCalled::Full)),
                None => {
                    state.tickets += 1;
                    *ticket.insert(state.tickets)
                }
            };
            state.waiting.insert(mine, context.waker().clone());
            Poll::Pending
        });
        Ok(Room { permit: Some(permit.await?), line: Arc::clone(self) })
    }
}

/// Waits for a slot that it owns.
struct Waiting<T>(Arc<Slot<T>>);

impl<T> Future for Waiting<T> {
    type Output = T;
    fn poll(self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<T> {
        std::pin::Pin::new(&mut crate::log::SlotFuture(&self.0)).poll(context)
    }
}
