//! The till: how orders of the sale are paid. A sandbox gateway with faults, and the driver that calls it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ticketcore::checkout::{Checkout, CheckoutOptions};
use ticketcore::gateway::{Backoff, PaymentGateway, SandboxFaults, SandboxGateway, SandboxOptions};
use ticketcore::order::{OnDecline, PaymentRules, PaymentRulesRequest};
use ticketcore::{BoxOffice, Clock, CommandError, EventId, Refusal};

use crate::args::Args;

/// The gateway's name.
pub const BANK: &str = "bank";
/// How everybody pays; what comes of it is up to the gateway's faults.
pub const METHOD: &str = "pm_ok";
/// Late money comes when the order has been dead for a minute of the sale.
const LATE_MS: u64 = PAYMENT_DEADLINE_MS + 60_000;
/// No payment keeps its seats for longer, whatever is not known of it.
const PAYMENT_DEADLINE_MS: u64 = 20 * 60_000;
/// Real time that everything may take to be settled when the house is sold out.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// A gateway with the faults that were asked for.
pub fn bank(args: &Args, clock: Arc<dyn Clock>) -> Arc<SandboxGateway> {
    let lost = u32::from(args.gateway_timeouts);
    let faults = SandboxFaults {
        lost_before_pct: lost / 2,
        lost_after_pct: lost - lost / 2,
        declined_pct: u32::from(args.payment_failures),
        late_pct: u32::from(args.late_money),
        late_ms: LATE_MS,
        ..SandboxFaults::NONE
    };
    let options =
        SandboxOptions { name: BANK.to_owned(), seed: args.seed, faults, timer: true, ..Default::default() };
    Arc::new(SandboxGateway::new(options, clock))
}

/// The driver. Its pauses are real time, which passes slowly: that of the sale is many times as fast.
pub fn open(office: &Arc<BoxOffice>, gateway: Arc<dyn PaymentGateway>) -> Result<Checkout, CommandError> {
    let options = CheckoutOptions {
        callers_per_gateway: 0,
        in_flight_max: 512,
        patience_ms: 1_000,
        backoff: Backoff { first_ms: 5, delay_ms_max: 100, retries_max: 8 },
        reconcile_every_ms: 200,
        ..CheckoutOptions::default()
    };
    Checkout::new(Arc::clone(office), vec![gateway], options)
}

/// A decline frees the seats at once.
pub fn set_rules(office: &BoxOffice, event: EventId) -> Result<(), CommandError> {
    let rules = PaymentRules {
        on_decline: OnDecline::Free,
        payment_deadline_ms_max: PAYMENT_DEADLINE_MS,
        ..PaymentRules::default()
    };
    office.set_payment_rules(PaymentRulesRequest { event, rules }).wait().map(|_| ())
}

/// Whether a hold, or the order it became, is over.
pub fn is_over(error: &CommandError) -> bool {
    let over = |refusal: &Refusal| {
        matches!(
            refusal,
            Refusal::HoldExpired { .. }
                | Refusal::UnknownHold
                | Refusal::UnknownOrder
                | Refusal::OrderState { .. }
                | Refusal::Overloaded { .. }
        )
    };
    matches!(error, CommandError::Refused(refusal) if over(refusal))
}

/// Waits until nothing is left to be done about any order. False if that takes too long.
pub fn settle(office: &BoxOffice, event: EventId, checkout: &Checkout) -> Result<bool, CommandError> {
    let begun = Instant::now();
    while begun.elapsed() < SETTLED_WITHIN {
        checkout.wait_idle(Duration::from_secs(1));
        if office.due_orders(event, None, 1)?.is_empty() && checkout.status().driven == 0 {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(false)
}
