//! How busy a driver is.

use crate::order::Word;

/// How busy a driver is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckoutStatus {
    /// Orders that are driven now.
    pub driven: usize,
    /// Each gateway.
    pub gateways: Vec<GatewayStatus>,
}

/// How a gateway does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayStatus {
    /// Its name.
    pub name: Word,
    /// Calls under way.
    pub in_flight: u32,
    /// Orders that wait for room for a call.
    pub waiting: usize,
    /// Whether calls go out as usual; if not, its circuit breaker is open or lets a few calls through to try it.
    pub is_well: bool,
    /// Whether no call goes out now. Neither well nor shut: the next calls try it.
    pub is_shut: bool,
    /// How long it took to answer when money was to be reserved: the mean of the last ten seconds, in milliseconds. `None` if there was no
    /// answer in that time.
    pub authorize_ms: Option<u64>,
}
