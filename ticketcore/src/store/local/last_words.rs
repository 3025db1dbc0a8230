//! The end of a writer.

use std::sync::Arc;

use super::shared::Shared;

/// However the writer ends, nobody may wait for it any more.
pub(super) struct LastWords(Option<Arc<Shared>>);

impl LastWords {
    pub fn of(shared: &Arc<Shared>) -> Self {
        Self(Some(Arc::clone(shared)))
    }

    /// The writer goes on.
    pub fn unsaid(mut self) {
        self.0 = None;
    }
}

impl Drop for LastWords {
    fn drop(&mut self) {
        let Some(shared) = self.0.take() else { return };
        let waiting = {
            let mut queue = shared.queue.lock();
            queue.dead = true;
            std::mem::take(&mut queue.waiting)
        };
        if std::thread::panicking() {
            shared.poison.get_or_init(|| "whoever writes has panicked".to_owned());
        }
        // Each is answered by being dropped.
        drop(waiting);
    }
}
