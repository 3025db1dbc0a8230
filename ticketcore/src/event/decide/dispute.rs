//! Disputes: known by the gateway's name, whatever comes first, and however often.

use super::{Decide, Decided, Instead};
use crate::fact::{Keyed, Lines, OrderStep};
use crate::id::{HoldNumber, UserId};
use crate::limits::{DISPUTES_PER_ORDER_MAX, within};
use crate::order::{OrderRecord, PaymentState, StepKind, Word};
use crate::refusal::Refusal;
use crate::time::UtcMs;

type By = Option<(UserId, Keyed)>;

/// What a gateway says is disputed.
pub(super) struct Disputed<'a> {
    pub attempt: u32,
    pub reference: &'a Word,
    pub amount_minor: i64,
}

impl Decide<'_, '_> {
    pub(super) fn open_dispute(&mut self, number: HoldNumber, by: By, said: &Disputed<'_>) -> Decided {
        let order = self.any_order(number)?;
        Self::legal(order, StepKind::DisputeOpened)?;
        if order.dispute(said.reference).is_some() {
            return Err(self.as_it_stands(number, order));
        }
        let amount_minor = disputed_minor(order, said)?;
        let (attempt, reference) = (said.attempt, said.reference.clone());
        let step = OrderStep::DisputeBegun { attempt, reference, amount_minor };
        self.step(number, order, by, step, UtcMs::NEVER)
    }

    pub(super) fn close_dispute(
        &mut self,
        number: HoldNumber,
        by: By,
        said: &Disputed<'_>,
        won: bool,
    ) -> Decided {
        let order = self.any_order(number)?;
        Self::legal(order, StepKind::DisputeClosed)?;
        let (attempt, amount_minor) = match order.dispute(said.reference) {
            Some(known) if known.is_open() => (known.attempt, said.amount_minor.min(known.amount_minor)),
            Some(_) => return Err(self.as_it_stands(number, order)),
            // The news that it began comes later, or never.
            None => (said.attempt, disputed_minor(order, said)?),
        };
        let left_minor = order.left_minor(attempt);
        let lost_minor = if won { 0 } else { amount_minor.min(left_minor) };
        let dies = !won && order.pays(attempt) && lost_minor == left_minor;
        let back = if dies { order.sold() } else { Lines::default() };
        let seats = back.seats.clone();
        let reference = said.reference.clone();
        let step = OrderStep::DisputeEnded { attempt, reference, won, amount_minor, lost_minor, back };
        let fact = self.stepped(number, order, by, step)?;
        self.scope.lock_lines(&seats);
        Self::always(fact)
    }
}

/// What of a new dispute is money of the order's.
fn disputed_minor(order: &OrderRecord, said: &Disputed<'_>) -> Result<i64, Instead> {
    let attempt = said.attempt;
    let payment = order.payment(attempt).ok_or(Refusal::UnknownPayment { attempt })?;
    if payment.state != PaymentState::Captured {
        return Err(Refusal::NotPaid { amount_minor: payment.amount_minor }.into());
    }
    let disputes = order.disputes().len() as u64 + 1;
    within("disputes", disputes, 1, DISPUTES_PER_ORDER_MAX as u64).map_err(Refusal::Limit)?;
    Ok(said.amount_minor.min(payment.captured_minor))
}
