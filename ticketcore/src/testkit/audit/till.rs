//! The money of one order, as its facts tell it: payment attempts, refunds, disputes. The auditor's own books.

use std::collections::BTreeSet;

use super::books::{Broken, Checked, ensure};
use super::quarrel::Quarrel;
use crate::invariant::Invariant;
use crate::limits::REFUND_TRIES_MAX;
use crate::order::{Identity, PaymentSeen, RefundSeen, Terms};

/// Where the money of one attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// Nobody knows.
    Unknown,
    /// The buyer must act; nobody knows what becomes of it.
    Acting,
    /// Reserved.
    Reserved,
    /// Ours.
    Taken,
    /// It never moved.
    Nowhere,
    /// It was reserved and is not any more, or never was.
    LetGo,
}

/// One payment attempt.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub money: Where,
    /// What the buyer must do, the last time that was said.
    acting: String,
    pub asked_minor: i64,
    /// Whether it was reserved or taken at some time.
    pub reserved: bool,
    pub taken_minor: i64,
    pub capture_refused: bool,
    /// The payer's instrument, once the gateway has told it.
    pub instrument: Option<Identity>,
}

/// One refund.
#[derive(Clone, Debug)]
pub(super) struct Back {
    pub attempt: u32,
    pub amount_minor: i64,
    pub stage: Stage,
    tries: u32,
    /// The try that is through.
    through: Option<u32>,
    /// Tries that were through, and are not any more.
    undone: BTreeSet<u32>,
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Wanted,
    Submitted,
    Through,
    Stuck,
}

/// All the money of one order.
#[derive(Clone, Debug, Default)]
pub(super) struct Till {
    /// `None` if the host sees to its money.
    pub terms: Option<Terms>,
    pub amount_minor: i64,
    pub attempts: Vec<Attempt>,
    pub backs: Vec<Back>,
    pub approved: bool,
    pub capture_requested: bool,
    /// It was paid elsewhere: no money of any attempt is owed to it.
    pub outside: bool,
    /// Every dispute there has been.
    pub(super) quarrels: Vec<Quarrel>,
}

pub(super) fn money<T>(what: impl Into<String>) -> Result<T, Broken> {
    Err((Invariant::I7Money, what.into()))
}

impl Till {
    /// The number of the last attempt; 0 if there is none.
    pub fn last(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX)
    }

    pub fn attempt(&self, number: u32) -> Result<&Attempt, Broken> {
        let at = (number as usize).checked_sub(1).and_then(|at| self.attempts.get(at));
        at.ok_or_else(|| (Invariant::I7Money, format!("there is no attempt {number}")))
    }

    fn attempt_mut(&mut self, number: u32) -> Result<&mut Attempt, Broken> {
        let at = (number as usize).checked_sub(1).and_then(|at| self.attempts.get_mut(at));
        at.ok_or_else(|| (Invariant::I7Money, format!("there is no attempt {number}")))
    }

    /// Whether the tickets of a confirmed order are there for this attempt's money.
    pub fn serves(&self, number: u32) -> bool {
        !self.outside && number == self.last()
    }

    /// Who has paid, or has had money reserved, as far as the gateway tells.
    pub fn payer(&self) -> Option<Identity> {
        let last = self.attempts.last()?;
        last.instrument.filter(|_| matches!(last.money, Where::Reserved | Where::Taken))
    }

    /// The money of the last attempt, if there was one.
    pub fn last_money(&self) -> Option<Where> {
        self.attempts.last().map(|attempt| attempt.money)
    }

    /// Begins an attempt.
    pub fn start(&mut self, number: u32, asked_minor: i64) -> Checked {
        ensure(self.last() + 1 == number, Invariant::I7Money, || {
            format!("attempt {number} follows {}", self.last())
        })?;
        let open = self.attempts.iter().any(|a| matches!(a.money, Where::Unknown | Where::Acting));
        ensure(!open, Invariant::I7Money, || "two attempts are under way at once".to_owned())?;
        ensure(asked_minor == self.amount_minor && asked_minor > 0, Invariant::I7Money, || {
            format!("{asked_minor} are asked for, {} are to be paid", self.amount_minor)
        })?;
        self.attempts.push(Attempt {
            money: Where::Unknown,
            acting: String::new(),
            asked_minor,
            reserved: false,
            taken_minor: 0,
            capture_refused: false,
            instrument: None,
        });
        Ok(())
    }

    /// Takes what a gateway said of an attempt. Money only becomes more certain: nothing is said twice, nothing is taken back.
    pub fn observe(&mut self, number: u32, seen: &PaymentSeen) -> Checked {
        use Where as W;
        let attempt = self.attempt_mut(number)?;
        let open = matches!(attempt.money, W::Unknown | W::Acting);
        let next = match seen {
            PaymentSeen::ActionRequired { next_action } => {
                let new = attempt.money == W::Unknown || attempt.acting != next_action.as_str();
                attempt.acting = next_action.as_str().to_owned();
                (open && new).then_some(W::Acting)
            }
            PaymentSeen::Authorized { .. } => (open || attempt.money == W::Nowhere).then_some(W::Reserved),
            PaymentSeen::Captured { .. } => (attempt.money != W::Taken).then_some(W::Taken),
            PaymentSeen::Declined { .. } | PaymentSeen::NotFound => open.then_some(W::Nowhere),
            PaymentSeen::Voided => {
                (open || matches!(attempt.money, W::Reserved | W::Nowhere)).then_some(W::LetGo)
            }
        };
        let Some(next) = next else {
            return money(format!("attempt {number} was {:?} and becomes {seen:?}", attempt.money));
        };
        attempt.money = next;
        attempt.reserved |= matches!(next, W::Reserved | W::Taken);
        attempt.instrument = seen.fingerprint().or(attempt.instrument);
        if let PaymentSeen::Captured { amount_minor, .. } = seen {
            ensure(*amount_minor >= 0, Invariant::I7Money, || format!("{amount_minor} were captured"))?;
            attempt.taken_minor = *amount_minor;
            attempt.capture_refused = false;
        }
        Ok(())
    }

    /// The gateway will never capture an attempt.
    pub fn refuse_capture(&mut self, number: u32) -> Checked {
        let attempt = self.attempt_mut(number)?;
        let reserved = attempt.money == Where::Reserved && !attempt.capture_refused;
        ensure(reserved, Invariant::I7Money, || format!("attempt {number} had nothing to capture"))?;
        attempt.capture_refused = true;
        Ok(())
    }

    /// What is left of an attempt's money: taken, on no way back, and not lost in a dispute.
    pub fn left_minor(&self, number: u32) -> i64 {
        let taken = self.attempt(number).map_or(0, |attempt| attempt.taken_minor);
        let of = |attempt: u32| attempt == number;
        let back: i64 = self.backs.iter().filter(|b| of(b.attempt)).map(|b| b.amount_minor).sum();
        taken - back - self.lost_minor(number)
    }

    /// Begins a refund.
    pub fn start_refund(&mut self, number: u32, attempt: u32, amount_minor: i64, tickets: usize) -> Checked {
        let next = self.backs.len() + 1;
        ensure(next == number as usize, Invariant::I7Money, || {
            format!("refund {number} is counted as {next}")
        })?;
        let left = self.left_minor(attempt);
        ensure((0..=left.max(0)).contains(&amount_minor), Invariant::I7Money, || {
            format!("{amount_minor} go back of attempt {attempt}, of which {left} are left")
        })?;
        ensure(amount_minor > 0 || tickets > 0, Invariant::I7Money, || "a refund of nothing".to_owned())?;
        let stage = if amount_minor == 0 { Stage::Through } else { Stage::Wanted };
        let (through, undone) = (None, BTreeSet::new());
        self.backs.push(Back { attempt, amount_minor, stage, tries: 0, through, undone });
        Ok(())
    }

    fn back_mut(&mut self, number: u32) -> Result<&mut Back, Broken> {
        let at = (number as usize).checked_sub(1).and_then(|at| self.backs.get_mut(at));
        at.ok_or_else(|| (Invariant::I7Money, format!("there is no refund {number}")))
    }

    /// Takes what a gateway said of a try of a refund; of the latest, if it is not said of which. Money that went back may come back, once for
    /// each try: then it is tried again, or stuck.
    pub fn observe_refund(&mut self, number: u32, of: Option<u32>, seen: &RefundSeen) -> Checked {
        use Stage as S;
        let back = self.back_mut(number)?;
        let of = of.unwrap_or(back.tries);
        let there = of <= back.tries;
        ensure(there, Invariant::I7Money, || format!("refund {number} was tried {} times", back.tries))?;
        let latest = of == back.tries;
        let under_way = matches!(back.stage, S::Wanted | S::Submitted);
        let came_back = back.stage == S::Through && back.through == Some(of);
        let next = match seen {
            RefundSeen::Submitted { .. } => (back.stage == S::Wanted && latest).then_some(S::Submitted),
            RefundSeen::Succeeded { .. } => {
                (back.stage != S::Through && !back.undone.contains(&of)).then_some(S::Through)
            }
            // A newer try, if there is one, has its own answer.
            RefundSeen::Failed { .. } if came_back && !latest => Some(S::Wanted),
            RefundSeen::Failed { retry, .. } => {
                let again = *retry && back.tries + 1 < REFUND_TRIES_MAX;
                let fails = under_way && latest || came_back;
                fails.then_some(if again { S::Wanted } else { S::Stuck })
            }
            RefundSeen::NotFound => None,
        };
        let Some(next) = next else {
            return money(format!("refund {number} is {:?} and try {of} becomes {seen:?}", back.stage));
        };
        if came_back {
            back.undone.insert(of);
        }
        if latest && matches!(seen, RefundSeen::Failed { .. }) {
            back.tries += 1;
        }
        back.through = (next == S::Through).then_some(of);
        back.stage = next;
        Ok(())
    }

    /// A stuck refund is tried again.
    pub fn retry_refund(&mut self, number: u32) -> Checked {
        let back = self.back_mut(number)?;
        ensure(back.stage == Stage::Stuck, Invariant::I7Money, || {
            format!("refund {number} is {:?}, not stuck", back.stage)
        })?;
        back.stage = Stage::Wanted;
        Ok(())
    }

    /// Whether staff must still look at it.
    pub fn waits_for_review(&self) -> bool {
        self.terms.is_some_and(|terms| terms.review) && !self.approved
    }

    /// Refunds of an attempt that are through.
    pub fn refunded_minor(&self, number: u32) -> i64 {
        let through = |back: &&Back| back.attempt == number && back.stage == Stage::Through;
        self.backs.iter().filter(through).map(|back| back.amount_minor).sum()
    }
}
