//! [`Pulse`]: how requests have fared lately, for who decides how many more people can be let in.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use ticketcore::UtcMs;
use ticketcore::admission::Health;
use ticketcore::checkout::GatewayStatus;

/// How far back is looked, in milliseconds.
const WINDOW_MS: u64 = 10_000;
/// Checkouts of one step whose time is kept; of more, the first.
const CHECKOUTS_MAX: usize = 8_192;

/// What was counted since it was last taken.
#[derive(Default)]
struct Sample {
    requests: u64,
    errors: u64,
    shed: u64,
    checkouts_ms: Vec<u32>,
}

/// Counts requests, and tells how the last ten seconds were. Counting takes no lock but for checkouts.
#[derive(Default)]
pub struct Pulse {
    requests: AtomicU64,
    errors: AtomicU64,
    shed: AtomicU64,
    checkouts_ms: Mutex<Vec<u32>>,
    lately: Mutex<VecDeque<(UtcMs, Sample)>>,
}

impl Pulse {
    /// Counts an answer. `shed`: it was turned away for load.
    pub fn count(&self, operation: &str, status: u16, shed: bool, took: Duration) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if shed {
            self.shed.fetch_add(1, Ordering::Relaxed);
        } else if status >= 500 {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        if matches!(operation, "place_order" | "pay_order") && status < 400 {
            let mut checkouts = self.checkouts_ms.lock();
            if checkouts.len() < CHECKOUTS_MAX {
                checkouts.push(u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
            }
        }
    }

    /// How the shop is doing, by the last ten seconds, if its gateways do so. Call it once a step.
    pub fn health(&self, now: UtcMs, gateways: &[GatewayStatus]) -> Health {
        let sample = Sample {
            requests: self.requests.swap(0, Ordering::Relaxed),
            errors: self.errors.swap(0, Ordering::Relaxed),
            shed: self.shed.swap(0, Ordering::Relaxed),
            checkouts_ms: std::mem::take(&mut *self.checkouts_ms.lock()),
        };
        let mut lately = self.lately.lock();
        lately.push_back((now, sample));
        // Of a clock that was set back, what was counted later than now is old, too.
        while lately.front().is_some_and(|(at, _)| *at > now || now.since_ms(*at) > WINDOW_MS) {
            lately.pop_front();
        }
        let sum = |of: fn(&Sample) -> u64| lately.iter().map(|(_, sample)| of(sample)).sum::<u64>();
        let requests = sum(|sample| sample.requests);
        let mut checkouts: Vec<u32> =
            lately.iter().flat_map(|(_, sample)| sample.checkouts_ms.iter().copied()).collect();
        checkouts.sort_unstable();
        let p99 = checkouts.get(checkouts.len().saturating_sub(1) * 99 / 100);
        Health {
            at: now,
            checkout_p99_ms: p99.map(|ms| f64::from(*ms)),
            errors: part(sum(|sample| sample.errors), requests),
            shed: part(sum(|sample| sample.shed), requests),
            // The slowest, since nobody knows which one the next buyer uses.
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of a call")]
            authorise_ms: gateways.iter().filter_map(|line| line.authorize_ms).max().map(|ms| ms as f64),
            gateway_out: gateways.iter().any(|line| line.is_shut),
            // It is well again only when somebody has paid: for that, some must be let in.
            gateway_on_trial: gateways.iter().any(|line| !line.is_well && !line.is_shut),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "requests of ten seconds")]
fn part(some: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| some as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use ticketcore::order::Word;

    use super::*;

    fn gateway(is_well: bool, is_shut: bool, authorize_ms: Option<u64>) -> GatewayStatus {
        let name = Word::new("sandbox").unwrap();
        GatewayStatus { name, in_flight: 0, waiting: 0, is_well, is_shut, authorize_ms }
    }

    #[test]
    fn a_gateway_is_out_only_while_no_call_goes_out() {
        let pulse = Pulse::default();
        let told = |gateways: &[GatewayStatus]| {
            let health = pulse.health(UtcMs(1_000), gateways);
            (health.gateway_out, health.gateway_on_trial)
        };
        assert_eq!(told(&[gateway(true, false, None)]), (false, false));
        assert_eq!(told(&[gateway(false, true, None)]), (true, false));
        assert_eq!(told(&[gateway(false, false, None)]), (false, true), "it waits for somebody who pays");
        assert_eq!(told(&[gateway(true, false, None), gateway(false, false, None)]), (false, true));
    }

    #[test]
    fn a_clock_set_back_keeps_nothing_for_longer() {
        let pulse = Pulse::default();
        pulse.count("get_event", 500, false, Duration::ZERO);
        assert_eq!(pulse.health(UtcMs(1_000_000), &[]).errors, Some(1.0));
        assert_eq!(pulse.health(UtcMs(1_000), &[]).errors, None);
    }

    #[test]
    fn what_is_older_than_ten_seconds_is_forgotten() {
        let pulse = Pulse::default();
        let quiet = pulse.health(UtcMs(1_000), &[gateway(true, false, None)]);
        assert_eq!((quiet.errors, quiet.checkout_p99_ms, quiet.authorise_ms), (None, None, None));
        assert!(!quiet.gateway_out);
        for ms in 1..=100 {
            pulse.count("place_order", 201, false, Duration::from_millis(ms));
        }
        pulse.count("get_event", 500, false, Duration::ZERO);
        pulse.count("place_hold", 503, true, Duration::ZERO);
        let gateways = [gateway(true, false, Some(300)), gateway(false, true, Some(200))];
        let busy = pulse.health(UtcMs(2_000), &gateways);
        assert_eq!(busy.authorise_ms, Some(300.0));
        assert_eq!(busy.checkout_p99_ms, Some(99.0));
        assert_eq!((busy.errors, busy.shed), (Some(1.0 / 102.0), Some(1.0 / 102.0)));
        assert!(busy.gateway_out);
        let later = pulse.health(UtcMs(12_001), &[]);
        assert_eq!((later.errors, later.checkout_p99_ms), (None, None));
    }
}
