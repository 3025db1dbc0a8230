//! Two drivers that race on the same orders: each lists what is due, looks outcomes up, calls the gateway and tells the order, one step at
//! a time, and may be gone between any two.

use super::Flaw;
use super::paid::PaidCommand;
use super::world::World;
use crate::answer::DueOrder;
use crate::canary::Canary;
use crate::gateway::{
    Answer, Answered, Authorize, Capture, GatewayAction, GatewayKey, LookUp, PaymentGateway, Refund, Reply,
    Void,
};
use crate::id::OrderId;
use crate::invariant::Violation;
use crate::money::Money;
use crate::order::{Charge, Effect, News, ObserveRequest, PaymentSeen, RefundSeen, Word};
use crate::time::{Clock, UtcMs};

/// A driver lets go of what took it longer: somebody else may have done it since.
const TASK_MS_MAX: u64 = 10 * 60_000;
/// Orders listed at once.
const LISTED: usize = 8;

/// See the module.
#[derive(Default)]
pub(super) struct Driver {
    /// The office it reads from and tells.
    pub node: usize,
    task: Option<Task>,
}

struct Task {
    due: DueOrder,
    since: UtcMs,
    stage: Stage,
}

enum Stage {
    /// Ask what became of it.
    LookUp,
    /// It was refused for good, with this code: ask what became of it, once more.
    LookAgain(Word),
    /// Call the gateway.
    Call,
    /// Wait for a payment's answer.
    Payment(GatewayKey, Answered<PaymentSeen>),
    /// Wait for a refund's answer.
    Refund(GatewayKey, Answered<RefundSeen>),
    /// Tell the order.
    Tell(News),
}

impl Driver {
    /// The process is gone.
    pub fn crash(&mut self) {
        self.task = None;
    }
}

impl World {
    /// One step of a driver. Says whether there was anything to do.
    pub fn drive(&mut self, at: usize) -> Result<bool, Violation> {
        let Some(mut task) = self.drivers[at].task.take() else {
            let found = self.find_due(at);
            let busy = found.is_some();
            self.drivers[at].task = found;
            return Ok(busy);
        };
        if self.bank.clock.now().since_ms(task.since) > TASK_MS_MAX {
            return Ok(true);
        }
        let next = match task.stage {
            Stage::LookUp => self.looked_up(&task.due, None),
            Stage::LookAgain(code) => self.looked_up(&task.due, Some(code)),
            Stage::Call => self.call(&task.due),
            Stage::Payment(key, answered) => match answered.try_take() {
                Some(answer) => self.payment_answered(&task.due, key, answer),
                None => self.rng.chance(60).then_some(Stage::Payment(key, answered)),
            },
            Stage::Refund(key, answered) => match answered.try_take() {
                Some(answer) => self.refund_answered(&task.due, key, answer),
                None => self.rng.chance(60).then_some(Stage::Refund(key, answered)),
            },
            Stage::Tell(news) => {
                self.tally.news(&news);
                let request = ObserveRequest { order: task.due.order, news };
                self.send_paid(self.drivers[at].node, PaidCommand::Observe(request))?;
                None
            }
        };
        if let Some(stage) = next {
            task.stage = stage;
            self.drivers[at].task = Some(task);
        }
        Ok(true)
    }

    /// Picks one of the orders that are due in the driver's office, if that can be asked without waiting.
    fn find_due(&mut self, at: usize) -> Option<Task> {
        let node = &self.nodes[self.drivers[at].node];
        node.progress(self.event)?;
        let listed = node.office.as_ref()?.due_orders_now(self.event, LISTED);
        if listed.is_empty() {
            return None;
        }
        let due = listed[self.rng.index(listed.len())].clone();
        self.trace.line(format!("d{at} {:?}: {:?}", due.order.number, due.effect));
        self.tally.effect(&due.effect);
        let stage = match &due.effect {
            Effect::Authorize(_) if self.is_on(Canary::RetryPastKeyRetention) => Stage::Call,
            Effect::Authorize(_) if self.is_on(Canary::ReleaseBeforeLookup) => Stage::Call,
            Effect::Capture(_) if self.is_on(Canary::DoubleCapture) => Stage::Call,
            Effect::Void(charge) if self.is_on(Canary::SkipVoid) => {
                Stage::Tell(News::Payment { attempt: charge.attempt, seen: PaymentSeen::Voided })
            }
            Effect::Refund { refund, tries, .. } if self.is_on(Canary::ForgetRefund) => {
                let seen = RefundSeen::Succeeded { reference: Word::cut("surely") };
                Stage::Tell(News::Refund { refund: *refund, tries: *tries, seen })
            }
            Effect::Void(_) => Stage::Call,
            Effect::Authorize(_)
            | Effect::LookUp(_)
            | Effect::Capture(_)
            | Effect::Refund { .. }
            | Effect::LookUpRefund { .. } => Stage::LookUp,
            Effect::Confirm => Stage::Tell(News::Confirm),
            Effect::Drop(reason) => Stage::Tell(News::Drop(*reason)),
            Effect::SettleLate => Stage::Tell(News::SettleLate),
            Effect::StartRefund { attempt, reason } => {
                Stage::Tell(News::StartRefund { attempt: *attempt, reason: *reason })
            }
            Effect::Reverse => Stage::Tell(News::Reverse),
        };
        Some(Task { due, since: self.bank.clock.now(), stage })
    }

    pub(super) fn is_on(&self, canary: Canary) -> bool {
        self.flaw == Some(Flaw::Engine(canary))
    }

    /// Asks the gateway what became of a payment or refund, and says what follows.
    fn looked_up(&mut self, due: &DueOrder, refused: Option<Word>) -> Option<Stage> {
        match &due.effect {
            Effect::Refund { refund, tries, .. } | Effect::LookUpRefund { refund, tries, .. } => {
                let key = refund_key(due.order, *refund, *tries);
                let (reply, answered) = Reply::pair();
                self.bank.gateway.look_up_refund(LookUp::by_key(key), reply);
                let seen = self.bank.hears_refund(key, answered.wait()).yes()?;
                self.tally.refund_seen(&seen);
                self.refund_found(due, key, seen, refused)
            }
            Effect::Authorize(charge)
            | Effect::LookUp(charge)
            | Effect::Capture(charge)
            | Effect::Void(charge) => {
                let key = GatewayKey::new(due.order, GatewayAction::Authorize, charge.attempt);
                let seen = self.look_up(key)?;
                self.payment_found(due, charge, key, seen, refused)
            }
            _ => None,
        }
    }

    /// What the gateway says of a payment, if it says anything.
    pub fn look_up(&mut self, key: GatewayKey) -> Option<PaymentSeen> {
        let (reply, answered) = Reply::pair();
        self.bank.gateway.look_up(LookUp::by_key(key), reply);
        self.bank.hears(key, answered.wait()).yes()
    }

    fn payment_found(
        &mut self,
        due: &DueOrder,
        charge: &Charge,
        key: GatewayKey,
        seen: PaymentSeen,
        refused: Option<Word>,
    ) -> Option<Stage> {
        let attempt = charge.attempt;
        match (&due.effect, seen) {
            (Effect::Authorize(_), PaymentSeen::NotFound) if self.bank.may_send(key) => Some(Stage::Call),
            (Effect::Authorize(_) | Effect::LookUp(_), PaymentSeen::NotFound)
                if !self.bank.may_give_up(key) =>
            {
                None
            }
            // Nobody waits for the buyer any more.
            (Effect::LookUp(_), PaymentSeen::ActionRequired { .. }) if self.is_over(due.order) => {
                Some(Stage::Call)
            }
            (Effect::Capture(_), PaymentSeen::Authorized { .. }) => Some(match refused {
                Some(code) => Stage::Tell(News::CaptureRefused { attempt, code }),
                None => Stage::Call,
            }),
            (Effect::Void(_), PaymentSeen::Authorized { .. }) => None,
            (_, seen) => Some(Stage::Tell(News::Payment { attempt, seen })),
        }
    }

    fn is_over(&self, order: OrderId) -> bool {
        let state = self.history.order_state(order.number);
        state.is_none_or(|state| !state.is_live())
    }

    fn refund_found(
        &mut self,
        due: &DueOrder,
        key: GatewayKey,
        seen: RefundSeen,
        refused: Option<Word>,
    ) -> Option<Stage> {
        let (refund, tries) = (key.number, key.tries);
        let tell = |seen| Some(Stage::Tell(News::Refund { refund, tries, seen }));
        match (&due.effect, seen, refused) {
            (Effect::Refund { .. }, RefundSeen::NotFound, Some(code)) => {
                tell(RefundSeen::Failed { code, retry: false })
            }
            (Effect::Refund { .. }, RefundSeen::NotFound, None) if self.bank.may_send(key) => {
                Some(Stage::Call)
            }
            // Under this key it may not be sent any more; the next try has another.
            (Effect::Refund { .. }, RefundSeen::NotFound, None) => {
                tell(RefundSeen::Failed { code: Word::cut("not_found"), retry: true })
            }
            (Effect::LookUpRefund { .. }, RefundSeen::NotFound | RefundSeen::Submitted { .. }, _) => None,
            (_, seen, _) => tell(seen),
        }
    }

    /// Calls the gateway.
    fn call(&mut self, due: &DueOrder) -> Option<Stage> {
        let order = due.order;
        let key = |action, attempt| GatewayKey::new(order, action, attempt);
        let amount = |minor| Money { minor, currency: self.history.model().manifest().rules().currency };
        match &due.effect {
            Effect::Authorize(charge) => {
                let key = key(GatewayAction::Authorize, charge.attempt);
                if !self.bank.may_send(key) && !self.is_on(Canary::RetryPastKeyRetention) {
                    return None;
                }
                let (amount, method) = (amount(charge.amount_minor), charge.method.clone());
                // Some methods can't be reserved. One attempt is always paid in one way: the key stands for it.
                let capture_now = charge.method.as_str().ends_with('7');
                let call = Authorize { key, amount, method, capture_now, return_url: None };
                let (reply, answered) = Reply::pair();
                self.bank.gateway.authorize(call, reply);
                Some(Stage::Payment(key, answered))
            }
            Effect::Capture(charge) => {
                let key = key(GatewayAction::Capture, charge.attempt);
                let (amount, reference) = (amount(charge.amount_minor), charge.reference.clone());
                if self.is_on(Canary::DoubleCapture) {
                    let again = Capture { key: key.again(), reference: reference.clone(), amount };
                    self.bank.gateway.capture(again, Reply::new(|_unheard| ()));
                }
                let (reply, answered) = Reply::pair();
                self.bank.gateway.capture(Capture { key, reference, amount }, reply);
                Some(Stage::Payment(key, answered))
            }
            Effect::Void(charge) | Effect::LookUp(charge) => {
                let key = key(GatewayAction::Void, charge.attempt);
                let reference = Some(charge.reference.clone()).filter(|name| !name.as_str().is_empty());
                let (reply, answered) = Reply::pair();
                self.bank.gateway.void(Void { key, reference }, reply);
                Some(Stage::Payment(key, answered))
            }
            Effect::Refund { refund, tries, amount_minor, charge, .. } => {
                let payment = key(GatewayAction::Authorize, charge.attempt);
                let key = refund_key(order, *refund, *tries);
                if !self.bank.may_send(key) {
                    return None;
                }
                let (reference, amount) = (charge.reference.clone(), amount(*amount_minor));
                let (reply, answered) = Reply::pair();
                self.bank.gateway.refund(Refund { key, payment, reference, amount }, reply);
                Some(Stage::Refund(key, answered))
            }
            _ => None,
        }
    }

    fn payment_answered(
        &mut self,
        due: &DueOrder,
        key: GatewayKey,
        answer: Answer<PaymentSeen>,
    ) -> Option<Stage> {
        let attempt = key.number;
        let tell = |seen| Some(Stage::Tell(News::Payment { attempt, seen }));
        match self.bank.hears(key, answer) {
            Answer::Yes(seen) => tell(seen),
            Answer::No { code, retry_may_help: false } => match &due.effect {
                Effect::Authorize(_) => tell(PaymentSeen::Declined { code }),
                _ => Some(Stage::LookAgain(code)),
            },
            Answer::Unknown { .. } if self.is_on(Canary::ReleaseBeforeLookup) => {
                tell(PaymentSeen::Declined { code: Word::cut("no_answer") })
            }
            Answer::No { .. } | Answer::Unknown { .. } => None,
        }
    }

    fn refund_answered(
        &mut self,
        _due: &DueOrder,
        key: GatewayKey,
        answer: Answer<RefundSeen>,
    ) -> Option<Stage> {
        match self.bank.hears_refund(key, answer) {
            Answer::Yes(seen) => {
                Some(Stage::Tell(News::Refund { refund: key.number, tries: key.tries, seen }))
            }
            Answer::No { code, retry_may_help: false } => Some(Stage::LookAgain(code)),
            Answer::No { .. } | Answer::Unknown { .. } => None,
        }
    }
}

const fn refund_key(order: OrderId, refund: u32, tries: u32) -> GatewayKey {
    GatewayKey { order, number: refund, action: GatewayAction::Refund, tries }
}
