//! [`TwoNodes`]: two box offices that sell one event from one shared store.

use std::sync::Arc;

use super::{FaultyStore, SmallSale};
use crate::answer::Hold;
use crate::manifest::Definition;
use crate::office::Pending;
use crate::store::{MemoryStore, Store};

/// Two nodes with an event that both have open, at the same revision. The second one's way to the store can be disturbed.
pub struct TwoNodes {
    /// The first.
    pub a: SmallSale,
    /// The second.
    pub b: SmallSale,
    /// The second node's way to the store.
    pub way: Arc<FaultyStore<Arc<MemoryStore>>>,
}

impl TwoNodes {
    /// Two nodes on one memory store.
    #[must_use]
    pub fn new(definition: &Definition) -> Self {
        Self::on(definition, |store| FaultyStore::inline(store, 1))
    }

    /// Two rows of ten seats and 20 places, and a second way that can answer late.
    #[must_use]
    pub fn late() -> Self {
        Self::on(&SmallSale::definition(2, 10, 20), |store| FaultyStore::new(store, 1))
    }

    fn on(
        definition: &Definition,
        way: impl FnOnce(Arc<MemoryStore>) -> FaultyStore<Arc<MemoryStore>>,
    ) -> Self {
        let store = Arc::new(MemoryStore::shared());
        let a = SmallSale::open(Arc::clone(&store) as Arc<dyn Store>, definition);
        let way = Arc::new(way(store));
        let b = SmallSale { store: Arc::clone(&way) as Arc<dyn Store>, ..a.again(2) }.again(2);
        let two = Self { a, b, way };
        two.meet();
        two
    }

    /// Two rows of ten seats and 20 places.
    #[must_use]
    pub fn small() -> Self {
        Self::new(&SmallSale::definition(2, 10, 20))
    }

    /// Both nodes write something, so that both know everything.
    ///
    /// # Panics
    /// If they can't.
    pub fn meet(&self) {
        for node in [&self.a, &self.b] {
            let hold = rebased(node, node.hold_places(1_000, 1)).wait().expect("nothing is in its way");
            node.release(hold.id, hold.user).wait().expect("nothing is in its way");
        }
        self.a.office.maintain();
    }

    /// The first node appends a fact that is in nobody's way.
    ///
    /// # Panics
    /// If it can't.
    pub fn foreign(&self) -> Hold {
        rebased(&self.a, self.a.hold_places(99, 1)).wait().expect("nothing is in its way")
    }

    /// Lets the second node rebase, and compares it with the journal.
    ///
    /// # Panics
    /// If they differ.
    pub fn settle(&self) {
        self.b.office.maintain();
        self.b.assert_equals_journal();
    }
}

/// Maintains `node` until the outcome is there.
///
/// # Panics
/// If it takes more than ten rounds.
#[track_caller]
pub fn rebased<T>(node: &SmallSale, pending: Pending<T>) -> Pending<T> {
    for _ in 0..10 {
        if pending.is_ready() {
            return pending;
        }
        node.office.maintain();
    }
    panic!("no outcome after ten rounds");
}
