//! [`Controller`]: how many people to call, second by second.
//!
//! Additive increase, multiplicative decrease (D. Chiu, R. Jain, *Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in
//! Computer Networks*, 1989) of the number of people inside, bounded by what is left to sell.

mod config;
mod measured;
mod meter;
mod sums;
#[cfg(test)]
mod tests;

pub use config::ControlConfig;
pub use measured::{Health, Measured, Stock};
pub use meter::Meter;
use serde::Serialize;
use sums::Share;

use crate::time::UtcMs;

/// What keeps more people from being called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Nobody waits.
    NobodyWaits,
    /// As many are inside as may be.
    Active,
    /// As many are called a second as may be.
    Rate,
    /// The shop is slow or fails: the limit was cut.
    Health,
    /// The gateway is out.
    Gateway,
    /// Who is inside will buy what is left.
    Stock,
    /// Everything is sold.
    SoldOut,
    /// The operator has said so.
    Operator,
}

/// What a step says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// How many positions to call.
    pub call: u64,
    /// How many may be inside.
    pub limit: u32,
    /// Why not more.
    pub bound: Bound,
    /// The part of people called who come, 0 to 1.
    pub show: f64,
    /// Tickets that somebody who is let in takes.
    pub tickets_per_person: f64,
    /// Who is called only after so many more are, will likely find nothing; absent if that is not known.
    pub enough_for: Option<u64>,
}

/// Steps that are further apart count as so far, in milliseconds: nobody is let in for time that nobody watched.
const STEP_MS_MAX: u64 = 5_000;
/// What is believed of people before any are known is worth so many of them.
const PRIOR: f64 = 25.0;

/// The controller of one room: a pure function of what is measured, and of what it has seen before.
#[derive(Clone, Debug)]
pub struct Controller {
    limit: f64,
    last: Option<UtcMs>,
    last_cut: Option<UtcMs>,
    /// Calls that may still be made by the rate.
    calls: f64,
    show: Share,
    tickets: Share,
}

impl Controller {
    /// A controller that has seen nothing yet. It begins at a quarter of the target.
    #[must_use]
    pub fn new(config: &ControlConfig) -> Self {
        let start = (config.target_active / 4).max(config.floor_active);
        let tickets = f64::from(config.tickets_per_person_centi) / 100.0;
        Self {
            limit: f64::from(start),
            last: None,
            last_cut: None,
            calls: 0.0,
            show: Share::new(1.0, PRIOR),
            tickets: Share::new(tickets, PRIOR),
        }
    }

    /// How many may be inside, as far as it is known.
    #[must_use]
    pub fn limit(&self) -> u32 {
        u32::try_from(whole(self.limit)).unwrap_or(u32::MAX)
    }

    /// What to do now. Call it about once a second, whatever is known.
    pub fn step(&mut self, config: &ControlConfig, measured: &Measured) -> Step {
        let passed_ms = self.last.map_or(1_000, |last| measured.at.since_ms(last).min(STEP_MS_MAX));
        self.last = Some(measured.at);
        self.show.add(count(measured.came), count(measured.calls_ended));
        self.tickets.add(count(measured.taken), count(measured.went));
        let rate = f64::from(config.calls_per_s_max);
        // A second's worth may be saved up, so that steps of any length come to the same.
        self.calls = (self.calls + rate * count(passed_ms) / 1_000.0).min(rate.max(1.0));
        let unwell = self.adapt(config, measured);
        let show = self.show.get().clamp(0.05, 1.0);
        let tickets_per_person = self.tickets.get().clamp(0.1, 100.0);
        // Who was called and has not come may still.
        let coming = count(measured.called_lately.saturating_sub(measured.came_lately)) * show;
        let trial = measured.health.is_some_and(|health| health.gateway_on_trial);
        let reckoned = if trial { f64::from(config.floor_active) } else { self.limit.floor() };
        let limit = config.fixed_active.map_or(reckoned, f64::from);
        let by_limit = limit - f64::from(measured.active) - coming;
        let browsing = f64::from(measured.browsing.unwrap_or(measured.active).min(measured.active));
        // Somebody may want the last one.
        let enough = |free: u64| (count(free) / tickets_per_person).max(f64::from(u8::from(free > 0)));
        let by_stock = measured.stock.map(|stock| enough(stock.free) - browsing - coming);
        let room = by_limit.min(by_stock.unwrap_or(f64::INFINITY)).max(0.0) / show;
        let call = room.min(self.calls).floor().min(count(measured.waiting));
        let bound = bound(config, measured, unwell, (by_limit, by_stock, self.calls, show));
        let call = if matches!(bound, Bound::Gateway | Bound::SoldOut) { 0.0 } else { call };
        self.calls -= call;
        Step {
            call: whole(call),
            limit: u32::try_from(whole(limit)).unwrap_or(u32::MAX),
            bound,
            show,
            tickets_per_person,
            enough_for: by_stock.map(|room| whole((room / show).max(0.0))),
        }
    }

    /// Moves the limit. Whether something is wrong.
    fn adapt(&mut self, config: &ControlConfig, measured: &Measured) -> bool {
        let (floor, target) = (f64::from(config.floor_active), f64::from(config.target_active));
        let fresh = measured.health.filter(|health| measured.at.since_ms(health.at) <= config.stale_ms);
        let unwell = fresh.is_none_or(|health| is_unwell(config, &health));
        if unwell {
            let due = self.last_cut.is_none_or(|cut| {
                // A clock that went back starts the pause again.
                cut > measured.at || measured.at.since_ms(cut) >= config.cooldown_ms
            });
            if due {
                self.limit *= f64::from(config.decrease_permille) / 1_000.0;
                self.last_cut = Some(measured.at);
            }
        } else {
            self.limit += f64::from(config.increase_per_step);
        }
        self.limit = self.limit.clamp(floor, target.max(floor));
        unwell
    }
}

fn is_unwell(config: &ControlConfig, health: &Health) -> bool {
    let over = |value: Option<f64>, most: f64| known(value).is_some_and(|value| value > most);
    health.gateway_out
        || health.gateway_on_trial
        || over(health.checkout_p99_ms, f64::from(config.checkout_p99_ms_max))
        || over(health.errors, f64::from(config.errors_permille_max) / 1_000.0)
        || over(health.shed, f64::from(config.shed_permille_max) / 1_000.0)
        || over(health.authorise_ms, f64::from(config.authorise_ms_max))
}

/// A measured number that can be one.
fn known(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value >= 0.0)
}

fn bound(
    config: &ControlConfig,
    measured: &Measured,
    unwell: bool,
    (by_limit, by_stock, calls, show): (f64, Option<f64>, f64, f64),
) -> Bound {
    let sold_out = measured.stock.is_some_and(|stock| stock.free == 0 && stock.held == 0);
    let waiting = count(measured.waiting);
    let by_stock = by_stock.unwrap_or(f64::INFINITY);
    if sold_out {
        Bound::SoldOut
    } else if measured.health.is_some_and(|health| health.gateway_out) && config.fixed_active.is_none() {
        Bound::Gateway
    } else if waiting <= by_limit.min(by_stock).max(0.0) / show && waiting <= calls {
        Bound::NobodyWaits
    } else if by_stock < by_limit && by_stock / show < calls {
        Bound::Stock
    } else if by_limit / show >= calls {
        Bound::Rate
    } else if config.fixed_active.is_some() {
        Bound::Operator
    } else if unwell {
        Bound::Health
    } else {
        Bound::Active
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of people and tickets are far below 2^52")]
fn count(value: u64) -> f64 {
    value as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and of no number makes 0"
)]
fn whole(value: f64) -> u64 {
    value as u64
}
