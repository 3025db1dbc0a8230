//! [`Room`]: how many requests may be worked on at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Places for requests. Taking and leaving one is one atomic step each; nobody waits for one.
pub struct Room {
    left: AtomicUsize,
}

/// A place, until it is dropped.
pub struct Place<'a>(&'a Room);

impl Room {
    /// Room for so many.
    #[must_use]
    pub const fn new(places: usize) -> Self {
        Self { left: AtomicUsize::new(places) }
    }

    /// A place, if there is one.
    pub fn enter(&self) -> Option<Place<'_>> {
        let fewer = |left: usize| left.checked_sub(1);
        // Nothing is published with it: it only counts.
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).ok()?;
        Some(Place(self))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.left.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_and_again_when_one_leaves() {
        let room = Room::new(2);
        let (first, second) = (room.enter(), room.enter());
        assert!(first.is_some() && second.is_some() && room.enter().is_none());
        drop(first);
        let third = room.enter();
        assert!(third.is_some() && room.enter().is_none());
    }
}
