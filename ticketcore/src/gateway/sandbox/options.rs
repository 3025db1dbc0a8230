//! How a sandbox behaves, apart from what payment methods ask for.

/// Faults by chance, in percent of calls. Which call meets which follows from the seed, the call's key and how often it was made: neither
/// threads nor other calls change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SandboxFaults {
    /// Calls that never arrive: [`Unknown`](crate::gateway::Answer::Unknown), without effect.
    pub lost_before_pct: u32,
    /// Calls whose answer is lost: `Unknown`, with effect.
    pub lost_after_pct: u32,
    /// `pm_ok` that behaves as `pm_declined`.
    pub declined_pct: u32,
    /// `pm_ok` that behaves as `pm_late`.
    pub late_pct: u32,
    /// `pm_ok` that behaves as `pm_arrives_late`.
    pub arrives_late_pct: u32,
    /// `pm_ok` that behaves as `pm_slow`.
    pub slow_pct: u32,
    /// Refunds that fail and may be tried again.
    pub refund_fails_pct: u32,
    /// Refunds that go through and come back after `late_ms`.
    pub refund_bounces_pct: u32,
    /// How late is late, in milliseconds.
    pub late_ms: u64,
    /// How slow is slow, in milliseconds.
    pub slow_ms: u64,
    /// Each notification comes twice.
    pub notify_twice: bool,
    /// Notifications come in any order.
    pub notify_shuffled: bool,
    /// Notifications that never come.
    pub notify_lost_pct: u32,
}

impl SandboxFaults {
    /// None.
    pub const NONE: SandboxFaults = SandboxFaults {
        lost_before_pct: 0,
        lost_after_pct: 0,
        declined_pct: 0,
        late_pct: 0,
        arrives_late_pct: 0,
        slow_pct: 0,
        refund_fails_pct: 0,
        refund_bounces_pct: 0,
        late_ms: 60_000,
        slow_ms: 2_000,
        notify_twice: false,
        notify_shuffled: false,
        notify_lost_pct: 0,
    };
}

impl Default for SandboxFaults {
    fn default() -> Self {
        Self::NONE
    }
}

/// What a sandbox is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxOptions {
    /// Its name.
    pub name: String,
    /// What chance follows from.
    pub seed: u64,
    /// How long it remembers keys, in milliseconds. Afterwards a used key is as good as new, and charges again.
    pub key_retention_ms: u64,
    /// How long money stays reserved, in milliseconds.
    pub authorization_ms: u64,
    /// Faults to begin with.
    pub faults: SandboxFaults,
    /// Start a thread that answers slow calls when their time has come. Without one somebody calls
    /// [`tick`](super::SandboxGateway::tick); every call does so too.
    pub timer: bool,
}

impl Default for SandboxOptions {
    /// `sandbox`, seed 0; keys for a day, authorisations for a week; no faults, no thread.
    fn default() -> Self {
        Self {
            name: "sandbox".to_owned(),
            seed: 0,
            key_retention_ms: 24 * 3_600_000,
            authorization_ms: 7 * 24 * 3_600_000,
            faults: SandboxFaults::NONE,
            timer: false,
        }
    }
}

/// The gateway is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Nobody answers: every call is `Unknown`, without effect.
    Silent,
    /// Every call is refused for now.
    Refusing,
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFault {
    /// It is refused for now.
    Refused,
    /// It never arrives.
    LostBefore,
    /// It has its effect, and the answer is lost.
    LostAfter,
}

/// How the buyer's part ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ActionEnd {
    /// He did what he was asked for.
    Done,
    /// He did not, or it went wrong: the payment is declined.
    Failed,
}
