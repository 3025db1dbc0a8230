//! [`Turn`]: what requests of one turn of the event loop have changed goes to the disk together.

use ticketcore::store::{Gather, Unsent};
use tokio::runtime::Handle;

/// Sends facts once the requests that were ready have been through the engine: they share one write and one sync. When nothing else is
/// ready that is at once.
pub struct Turn(Handle);

impl Turn {
    /// For the runtime that this is called on, if it is called on one.
    #[must_use]
    pub fn here() -> Option<Self> {
        Handle::try_current().ok().map(Self)
    }
}

impl Gather for Turn {
    fn gather(&self, unsent: Unsent) {
        // A runtime that is being shut down drops the task, and with it sends what waits.
        self.0.spawn(async move {
            tokio::task::yield_now().await;
            drop(unsent);
        });
    }
}
