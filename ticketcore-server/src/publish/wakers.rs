//! [`Wakers`]: who waits for a change.

use std::task::Waker;

use parking_lot::Mutex;

/// Who waits for a change: 16 bytes each. A lock is held for moments, never while anybody is woken.
#[derive(Debug, Default)]
pub struct Wakers(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    places: Vec<Option<Waker>>,
    free: Vec<u32>,
    retired: bool,
}

impl Wakers {
    /// A place for one more; `None` if nobody will ever be woken here again.
    pub fn join(&self) -> Option<u32> {
        let mut list = self.0.lock();
        if list.retired {
            return None;
        }
        if let Some(place) = list.free.pop() {
            return Some(place);
        }
        let place = u32::try_from(list.places.len()).ok()?;
        list.places.push(None);
        Some(place)
    }

    /// Gives a place back.
    pub fn leave(&self, place: u32) {
        let mut list = self.0.lock();
        let waker = list.places.get_mut(place as usize).and_then(Option::take);
        list.free.push(place);
        if list.free.len() == list.places.len() {
            list.free = Vec::new();
            list.places = Vec::new();
        }
        drop(list);
        drop(waker);
    }

    /// Whom to wake at a place. Look again after this: what came before it wakes nobody.
    pub fn wait(&self, place: u32, waker: &Waker) {
        let mut list = self.0.lock();
        if let Some(known) = list.places.get_mut(place as usize)
            && !known.as_ref().is_some_and(|known| known.will_wake(waker))
        {
            *known = Some(waker.clone());
        }
    }

    /// Wakes everybody who waits.
    pub fn wake(&self) {
        let woken: Vec<Waker> = {
            let mut list = self.0.lock();
            list.places.iter_mut().filter_map(Option::take).collect()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Whether nobody is there; then nobody can come any more.
    pub fn retire(&self) -> bool {
        let mut list = self.0.lock();
        list.retired |= list.free.len() == list.places.len();
        list.retired
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let list = self.0.lock();
        list.places.len() - list.free.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Bell(AtomicU32);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_waits_is_woken_once_and_places_are_used_again() {
        let wakers = Wakers::default();
        let bell = Arc::new(Bell::default());
        let (first, second) = (wakers.join().unwrap(), wakers.join().unwrap());
        wakers.wait(first, &Arc::clone(&bell).into());
        wakers.wait(first, &Arc::clone(&bell).into());
        wakers.wait(second, &Arc::clone(&bell).into());
        wakers.wake();
        wakers.wake();
        assert_eq!(bell.0.load(Ordering::Relaxed), 2);
        wakers.wait(first, &Arc::clone(&bell).into());
        wakers.leave(first);
        wakers.wake();
        assert_eq!((bell.0.load(Ordering::Relaxed), wakers.len()), (2, 1));
        assert!(!wakers.retire());
        assert_eq!(wakers.join(), Some(first));
        wakers.leave(second);
        wakers.leave(first);
        assert!(wakers.is_empty() && wakers.retire());
        assert_eq!(wakers.join(), None);
    }
}
