//! How a driver behaves.

use crate::gateway::{Backoff, BreakerOptions};
use crate::order::Word;

/// What becomes of money at a gateway that bears one of our keys and belongs to no order we know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orphans {
    /// It is reported, and staff sees to it. Anything else would take money away from another shop that uses the same account.
    #[default]
    Report,
    /// It is voided or refunded, and reported. Only for accounts that no other store uses.
    GiveBack,
}

/// How a [`Checkout`](super::Checkout) behaves.
#[derive(Clone, Debug)]
pub struct CheckoutOptions {
    /// Threads that take orders from step to step. A gateway that is slow takes none of them.
    pub workers: usize,
    /// Threads per gateway that make the calls, so that a gateway may block. With 0 the workers call: only for gateways that return at
    /// once and answer later.
    pub callers_per_gateway: usize,
    /// Calls that one gateway has at once.
    pub in_flight_max: u32,
    /// Orders that wait for room in a gateway's line; past it new purchases are refused as `overloaded`.
    pub waiting_max: usize,
    /// Orders that are driven at once; past it new purchases are refused as `overloaded`. Orders that are open already are not: they are
    /// resumed later.
    pub driven_max: usize,
    /// A call without an answer for so long counts as unknown, in milliseconds. It goes on, and its answer is found by looking it up.
    pub call_timeout_ms: u64,
    /// A buyer is told `pending` after so long, in milliseconds. His order goes on.
    pub patience_ms: u64,
    /// How often, and after which pauses, an effect that came to nothing is tried again. Then the order is left to the reconciler.
    pub backoff: Backoff,
    /// When a gateway in trouble is left alone, and for how long.
    pub breaker: BreakerOptions,
    /// A payment of which the gateway has never heard counts as declined when it is so old, in milliseconds, and nobody will send it (again):
    /// the order is over, or the gateway may have forgotten the key. It must be longer than a call can be on its way.
    pub not_found_grace_ms: u64,
    /// How often the reconciler looks at everything, in milliseconds; 0: never, the host calls
    /// [`Reconciler::run_once`](super::Reconciler::run_once).
    pub reconcile_every_ms: u64,
    /// What becomes of money that bears our key and that no order knows.
    pub orphans: Orphans,
    /// Where buyers go after what they must do on a gateway's page.
    pub return_url: Option<Word>,
    /// What jitter follows from; random if absent.
    pub seed: Option<u64>,
    /// No thread is started and `reconcile_every_ms` means nothing: the host calls [`Checkout::step`](super::Checkout::step) and the
    /// reconciler. Gateways are called on its thread.
    pub manual: bool,
}

impl Default for CheckoutOptions {
    fn default() -> Self {
        Self {
            workers: 4,
            callers_per_gateway: 4,
            in_flight_max: 64,
            waiting_max: 16_384,
            driven_max: 65_536,
            call_timeout_ms: 60_000,
            patience_ms: 30_000,
            backoff: Backoff::default(),
            breaker: BreakerOptions::default(),
            not_found_grace_ms: 10 * 60_000,
            reconcile_every_ms: 5_000,
            orphans: Orphans::Report,
            return_url: None,
            seed: None,
            manual: false,
        }
    }
}
