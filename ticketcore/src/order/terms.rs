//! Under which terms an order is opened: how it is paid, until when, and what becomes of money that comes late.

use serde::{Deserialize, Serialize};

use super::word::Word;
use crate::time::UtcMs;

/// When the money of an authorised order is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureMode {
    /// Before the order is confirmed: tickets exist only when the money is in.
    #[default]
    Immediate,
    /// Right after the order is confirmed. If the capture is refused for good, the sale is reversed.
    OnConfirm,
    /// When the host says so, after the order is confirmed and before the authorisation lapses.
    Manual,
}

/// What a buyer agrees to in case the money comes after the seats are gone. The same seats are sold if they are still free, whatever this
/// says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateMoney {
    /// The money goes back.
    #[default]
    Refund,
    /// As many other seats of the same category at the same price, adjacent ones first; else the money goes back.
    Equivalent,
}

/// What a definite decline does to the seats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDecline {
    /// They stay the buyer's for what is left of the time to pay: another card may do.
    #[default]
    Keep,
    /// They are free at once; the order is cancelled.
    Free,
}

/// How orders of an event are paid. Set at any time; an order keeps the rules under which it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRules {
    /// Time to begin a payment, from the opening of the order, in milliseconds. An order without an intent dies then.
    pub intent_ttl_ms: u64,
    /// Time that an order's payment may take whatever is tried, from the opening of the order, in milliseconds. The hold's lifetime bounds
    /// it too.
    pub payment_deadline_ms_max: u64,
    /// Time staff has to decide an order in review, in milliseconds.
    pub review_ttl_ms: u64,
    /// A review ends this long before the authorisation lapses, in milliseconds.
    pub lapse_margin_ms: u64,
    /// When money is taken.
    pub capture: CaptureMode,
    /// What a decline does to the seats.
    pub on_decline: OnDecline,
    /// Whether a dispute takes the tickets out of use until it is won.
    pub disputes_revoke: bool,
}

impl Default for PaymentRules {
    fn default() -> Self {
        Self {
            intent_ttl_ms: 60_000,
            payment_deadline_ms_max: 20 * 60_000,
            review_ttl_ms: 24 * 3_600_000,
            lapse_margin_ms: 3_600_000,
            capture: CaptureMode::Immediate,
            on_decline: OnDecline::Keep,
            disputes_revoke: true,
        }
    }
}

/// The terms of one order, fixed when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The rules of the event at that time.
    pub rules: PaymentRules,
    /// What the buyer agrees to.
    pub late_money: LateMoney,
    /// Whether staff looks at the order before it is confirmed.
    pub review: bool,
    /// While no payment is under way the order lives until this, once a payment has begun.
    pub pay_until: UtcMs,
    /// Nothing but a review passes this.
    pub hard_deadline: UtcMs,
}

/// A line that the host adds to what the tickets cost: a fee, a tax, an insurance, a discount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraLine {
    /// What it is, in the host's words.
    pub code: Word,
    /// Minor units; negative for a discount.
    pub amount_minor: i64,
}
