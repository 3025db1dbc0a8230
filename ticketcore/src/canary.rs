//! Canaries: deliberate faults of the engine, which the simulator must catch by the name of the invariant they break.
//! They exist only with the `testkit` feature; without it none can be on.

use crate::fact::Fact;
#[cfg(feature = "testkit")]
use crate::invariant::Invariant;

/// A deliberate fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Canary {
    /// Staff writes do not compare versions (I8: the engine's facts are not those of the model).
    SkipVersionCheck,
    /// A hold stays usable after its deadline (I4).
    LateExpiry,
    /// Idempotency keys are not looked up (I3).
    ForgetIdempotency,
    /// A hold of several seats takes all but the last (I1: a seat is promised that is not held).
    HalfHold,
    /// Outcomes are acknowledged before the store has them (I5).
    AckEarly,
    /// Refusals are answered although what caused them may still be undone (I6).
    StaleRefusal,
    /// Rebase does not put seats back before it decides again (I8).
    LostUndo,
    /// A voucher is used more often than its terms allow (I2).
    OverdrawVoucher,
    /// Tickets of an identity are counted, and no limit is kept (I10).
    ForgetIdentity,
    /// Who pays is not counted when the gateway tells it (I10).
    ForgetCard,
    /// What comes back is not offered before others may take it (I11).
    JumpQueue,
    /// Commands are decided together although they meet: their users and seats are not compared (I1).
    MixedRun,
    /// Of drivers: a reservation is said to be given back, and is not (I7).
    #[cfg(feature = "testkit")]
    SkipVoid,
    /// Of drivers: a refund is said to be through, and was never sent (I7).
    #[cfg(feature = "testkit")]
    ForgetRefund,
    /// Of drivers: money is taken under two keys (I7).
    #[cfg(feature = "testkit")]
    DoubleCapture,
    /// Of drivers: a payment without an answer is said to be declined, and its seats are released, before anybody has looked (I7).
    #[cfg(feature = "testkit")]
    ReleaseBeforeLookup,
    /// Of drivers: a payment without an answer is sent again for ever, also when the gateway has forgotten its key (I7).
    #[cfg(feature = "testkit")]
    RetryPastKeyRetention,
}

#[cfg(feature = "testkit")]
impl Canary {
    /// Every canary.
    pub const ALL: [Canary; 17] = [
        Canary::SkipVersionCheck,
        Canary::LateExpiry,
        Canary::ForgetIdempotency,
        Canary::HalfHold,
        Canary::AckEarly,
        Canary::StaleRefusal,
        Canary::LostUndo,
        Canary::OverdrawVoucher,
        Canary::ForgetIdentity,
        Canary::ForgetCard,
        Canary::JumpQueue,
        Canary::MixedRun,
        Canary::SkipVoid,
        Canary::ForgetRefund,
        Canary::DoubleCapture,
        Canary::ReleaseBeforeLookup,
        Canary::RetryPastKeyRetention,
    ];

    /// Its name, as given on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Canary::SkipVersionCheck => "skip_version_check",
            Canary::LateExpiry => "late_expiry",
            Canary::ForgetIdempotency => "forget_idempotency",
            Canary::HalfHold => "half_hold",
            Canary::AckEarly => "ack_early",
            Canary::StaleRefusal => "stale_refusal",
            Canary::LostUndo => "lost_undo",
            Canary::OverdrawVoucher => "overdraw_voucher",
            Canary::ForgetIdentity => "forget_identity",
            Canary::ForgetCard => "forget_card",
            Canary::JumpQueue => "jump_queue",
            Canary::MixedRun => "mixed_run",
            Canary::SkipVoid => "skip_void",
            Canary::ForgetRefund => "forget_refund",
            Canary::DoubleCapture => "double_capture",
            Canary::ReleaseBeforeLookup => "release_before_lookup",
            Canary::RetryPastKeyRetention => "retry_past_key_retention",
        }
    }

    /// The invariant by whose name it must be caught, then those that what follows from it may break first.
    #[must_use]
    pub const fn breaks(self) -> &'static [Invariant] {
        use Invariant as I;
        match self {
            // Where it can't be known which state was decided on, the refusal that should have come is missing on all of them.
            Canary::SkipVersionCheck => &[I::I8SameFacts, I::I6NoGhosts],
            Canary::LateExpiry => &[I::I4DeadIsDead],
            Canary::ForgetIdempotency => &[I::I3OneAnswer],
            Canary::HalfHold => &[I::I1OneOwner, I::I2Conservation, I::I8SameFacts, I::I10Limits],
            // What is acknowledged and then lost is also a map that never was, and a key that is taken twice.
            Canary::AckEarly => &[I::I5Durable, I::I3OneAnswer, I::I6NoGhosts],
            Canary::StaleRefusal => &[I::I6NoGhosts],
            Canary::LostUndo => &[I::I8SameFacts, I::I1OneOwner, I::I6NoGhosts],
            // Whoever reads the journal counts the uses, too; and a refusal that should have come is missing, or another comes.
            Canary::OverdrawVoucher => &[I::I2Conservation, I::I10Limits, I::I8SameFacts, I::I6NoGhosts],
            Canary::ForgetIdentity => &[I::I10Limits, I::I8SameFacts, I::I6NoGhosts],
            Canary::ForgetCard => &[I::I10Limits],
            Canary::JumpQueue => &[I::I11Fair],
            // Which of what they share is broken first: seats, a hold that is given back twice, a user's limit.
            Canary::MixedRun => &[I::I1OneOwner, I::I2Conservation, I::I8SameFacts, I::I10Limits],
            Canary::SkipVoid
            | Canary::ForgetRefund
            | Canary::DoubleCapture
            | Canary::ReleaseBeforeLookup
            | Canary::RetryPastKeyRetention => &[I::I7Money],
        }
    }
}

/// The canary that is on, if any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Canaries {
    #[cfg(feature = "testkit")]
    on: Option<Canary>,
}

impl Canaries {
    /// Only this one.
    #[cfg(feature = "testkit")]
    pub const fn only(canary: Canary) -> Self {
        Self { on: Some(canary) }
    }

    /// Whether `canary` is on.
    #[cfg(feature = "testkit")]
    pub fn on(self, canary: Canary) -> bool {
        self.on == Some(canary)
    }

    /// Whether another than `canary` is on.
    #[cfg(feature = "testkit")]
    pub fn other_than(self, canary: Canary) -> bool {
        self.on.is_some_and(|on| on != canary)
    }

    /// No.
    #[cfg(not(feature = "testkit"))]
    #[expect(clippy::unused_self, reason = "the same call with and without the feature")]
    pub const fn other_than(self, _: Canary) -> bool {
        false
    }

    /// No.
    #[cfg(not(feature = "testkit"))]
    #[expect(clippy::unused_self, reason = "the same call with and without the feature")]
    pub const fn on(self, _: Canary) -> bool {
        false
    }
}

/// The canary `half_hold`: what is applied of a hold leaves out its last seat.
pub(crate) fn half_of(fact: &Fact) -> Fact {
    let mut half = fact.clone();
    if let Fact::HoldPlaced(placed) = &mut half
        && placed.lines.seats.len() > 1
    {
        placed.lines.seats.pop();
    }
    half
}
