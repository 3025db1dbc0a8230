//! The end of the money of a run: the gateway's faults stop, time passes, drivers run until nothing is due; then every order's money has
//! come to its end, and the gateway's own ledger says the same (I7).

use super::history::violation;
use super::paid::PaidCommand;
use super::world::World;
use crate::id::UserId;
use crate::invariant::{Invariant, Violation};
use crate::order::{StaffAction, StaffOrderRequest};
use crate::request::SaleStateRequest;
use crate::sale::SaleState;
use crate::testkit::Command;
use crate::testkit::audit::MoneySummary;
use crate::time::Clock;

/// Rounds within which everything must be done: an hour passes in each.
const ROUNDS_MAX: u32 = 100;
const ROUND_MS: u64 = 3_600_000;
/// Rounds in which stuck refunds are tried again.
const RETRIED_ROUNDS: u32 = 8;
/// Steps without a fact after which a round is over.
const STEPS_IN_VAIN_MAX: u32 = 100;

impl World {
    /// See the module.
    pub fn settle_money(&mut self) -> Result<(), Violation> {
        if !self.plan.paid {
            return Ok(());
        }
        self.bank.end_faults();
        self.call_off()?;
        self.drivers.iter_mut().for_each(super::driver::Driver::crash);
        let mut quiet = 0;
        for round in 0..ROUNDS_MAX {
            if round < RETRIED_ROUNDS {
                self.retry_stuck()?;
            }
            let before = self.history.end();
            for driver in 0..self.drivers.len() {
                self.drivers[driver].node = self.freshest();
            }
            self.reconcile(self.freshest())?;
            self.settle()?;
            let (mut idle, mut vain, mut end) = (0, 0, before);
            while idle <= self.drivers.len() && vain < STEPS_IN_VAIN_MAX {
                let driver = self.rng.index(self.drivers.len());
                idle = if self.drive(driver)? { 0 } else { idle + 1 };
                // What is due and waits for time to pass is listed again and again.
                vain = if self.history.end() == end { vain + 1 } else { 0 };
                end = self.history.end();
            }
            self.settle()?;
            quiet = if self.history.end() == before && idle > 0 { quiet + 1 } else { 0 };
            if quiet >= 2
                && self
                    .bank
                    .gateway
                    .next_due()
                    .is_none_or(|due| due.since_ms(self.bank.clock.now()) > 2 * ROUND_MS)
            {
                break;
            }
            self.pass_time(ROUND_MS);
        }
        self.drivers.iter_mut().for_each(super::driver::Driver::crash);
        self.judge_money()
    }

    /// Now and then the event is called off while orders are under way.
    pub fn cancel_in_the_middle(&mut self) -> Result<(), Violation> {
        if self.plan.paid && self.rng.chance(30) {
            for _ in 0..self.rng.below(12) {
                self.drive(0)?;
            }
            self.call_off()?;
        }
        Ok(())
    }

    /// Now and then the event is called off: every order's money goes back.
    fn call_off(&mut self) -> Result<(), Violation> {
        if !self.rng.chance(30) {
            return Ok(());
        }
        let request = SaleStateRequest { event: self.event, to: SaleState::Cancelled };
        self.send(self.freshest(), Command::SaleState(request))?;
        self.settle()
    }

    /// Staff has refunds that are stuck tried again.
    fn retry_stuck(&mut self) -> Result<(), Violation> {
        let Some((order, refund)) = self.stuck() else { return Ok(()) };
        let action = StaffAction::RetryRefund { refund };
        let request = StaffOrderRequest { order, by: UserId::from(1_000), key: None, action };
        self.send_paid(self.freshest(), PaidCommand::Staff(request))
    }

    fn pass_time(&mut self, ms: u64) {
        for node in &mut self.nodes {
            node.clock.advance(ms);
            node.moved_ms += ms;
        }
        self.bank.advance_to(self.bank.clock.now().plus_ms(ms));
    }

    fn judge_money(&mut self) -> Result<(), Violation> {
        let end = self.history.end();
        if let Some(too_much) = self.bank.asked_too_much() {
            return Err(violation(Invariant::I7Money, end, too_much));
        }
        let office = self.nodes[self.freshest()].office.as_ref();
        let due = office.map(|office| office.due_orders_now(self.event, 1)).unwrap_or_default();
        if let Some(first) = due.first() {
            return Err(violation(Invariant::I7Money, end, format!("due for ever: {first:?}")));
        }
        let auditor = self.history.auditor();
        auditor.settled()?;
        auditor.against_ledger(&self.bank.rows())?;
        let money: MoneySummary = auditor.summary().money;
        let balanced =
            money.authorized_minor == money.captured_minor + money.voided_minor + money.outstanding_minor;
        if !balanced {
            return Err(violation(Invariant::I7Money, end, format!("it does not add up: {money:?}")));
        }
        if money.refunds_stuck > 0 {
            self.tally.event("refund stuck and listed");
        }
        Ok(())
    }
}
