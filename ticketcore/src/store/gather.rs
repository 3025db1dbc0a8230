//! [`Gather`]: who says when facts that have piled up are sent to a store.

use std::sync::Arc;

/// Says when what has piled up for a store is sent to it.
///
/// Without one that is at once, or when the append in flight has ended. Where requests are served by an event loop it pays to send once the
/// loop has been through all that was ready: those requests then share one append and one sync of the disk, and a loop that has nothing else
/// to do loses nothing by it.
pub trait Gather: Send + Sync {
    /// Called when facts begin to pile up; they are sent when `unsent` is dropped. That must be soon, and must not wait for anybody who
    /// may be waiting for them: a thread that blocks on a command, say. Must not block.
    fn gather(&self, unsent: Unsent);
}

/// Facts that wait to be sent: they are when this is dropped.
#[must_use = "they are sent when it is dropped"]
pub struct Unsent(Arc<dyn Outbox>);

/// Where facts pile up.
pub(crate) trait Outbox: Send + Sync {
    /// Sends what has piled up.
    fn send_off(&self);
}

impl Unsent {
    pub(crate) const fn new(outbox: Arc<dyn Outbox>) -> Self {
        Self(outbox)
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.0.send_off();
    }
}
