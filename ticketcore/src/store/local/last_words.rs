//! The end of a writer, and of a keeper.

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

/// If the keeper ends by a panic, somebody must hear of it: nothing is archived any more.
pub(super) struct KeeperGone(Option<Arc<Shared>>);

impl KeeperGone {
    pub fn of(shared: &Arc<Shared>) -> Self {
        Self(Some(Arc::clone(shared)))
    }

    /// It ends because the store does.
    pub fn unsaid(mut self) {
        self.0 = None;
    }
}

impl Drop for KeeperGone {
    fn drop(&mut self) {
        let Some(shared) = self.0.take() else { return };
        shared.keeper_gone.get_or_init(|| {
            "the keeper has panicked: nothing is archived until the store is opened again".to_owned()
        });
        shared.archived.notify_all();
    }
}
