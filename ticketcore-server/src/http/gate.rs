//! [`Gate`]: how many requests are worked on at once, who waits for a place, and who is sent away.
//!
//! More at once than the machine can do makes everybody slow and nothing faster, so there are so many places and no more. Who finds none
//! waits: being sent away costs a good part of what being served does, and who is sent away comes again. The first to come is the first to be
//! let in, as long as nobody waits for longer than the target. Beyond that there is more to do than can be done, and whom to disappoint is all
//! that can be chosen: the latest is let in first, because whoever has waited for long is the likeliest to have given up, and is sent away
//! when his patience is over. So what is done at all is done in time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// So many times as many as there are places are waited for at once.
const OUTSIDE_PER_PLACE: usize = 4;

/// How many, and how long.
#[derive(Clone, Copy, Debug)]
pub struct GateOptions {
    /// Requests that are worked on at once.
    pub places: usize,
    /// Requests that wait at most; more are sent away at once.
    pub waiting_max: usize,
    /// As long as nobody waits for longer, the first to come is the first to be let in.
    pub target: Duration,
    /// Nobody waits for longer.
    pub patience: Duration,
}

/// See the module.
pub struct Gate {
    options: GateOptions,
    state: Mutex<State>,
    /// How many have left their places, to come back.
    outside: AtomicUsize,
}

struct State {
    free: usize,
    /// The oldest first.
    waiting: VecDeque<Waiter>,
    /// The number of the next who waits.
    next: u64,
}

struct Waiter {
    number: u64,
    since: Instant,
    place: oneshot::Sender<Place>,
}

/// A place, until it is dropped.
pub struct Place(Option<Arc<Gate>>);

impl Gate {
    /// A gate with all places free.
    #[must_use]
    pub fn new(options: GateOptions) -> Arc<Self> {
        let state = State { free: options.places, waiting: VecDeque::new(), next: 0 };
        Arc::new(Self { options, state: Mutex::new(state), outside: AtomicUsize::new(0) })
    }

    /// A place, at once or after a while; `None` for who is sent away.
    pub async fn enter(self: &Arc<Self>) -> Option<Place> {
        let (number, coming) = {
            let mut state = self.state.lock();
            if state.free > 0 {
                state.free -= 1;
                return Some(Place(Some(Arc::clone(self))));
            }
            if state.waiting.len() >= self.options.waiting_max {
                return None;
            }
            let (place, coming) = oneshot::channel();
            let number = state.next;
            state.next += 1;
            state.waiting.push_back(Waiter { number, since: Instant::now(), place });
            (number, coming)
        };
        // Who hangs up while he waits does not wait any more.
        let leave = Leave { gate: self, number };
        let place = tokio::time::timeout(self.options.patience, coming).await;
        match place {
            Ok(Ok(place)) => {
                std::mem::forget(leave);
                Some(place)
            }
            // A place that comes in this very moment goes on to the next when the channel is dropped.
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// Somebody leaves a place: the next takes it.
    fn pass_on(self: Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state.lock();
                let late =
                    state.waiting.front().is_some_and(|first| first.since.elapsed() > self.options.target);
                let next = if late { state.waiting.pop_back() } else { state.waiting.pop_front() };
                match next {
                    Some(next) => next,
                    None => {
                        state.free += 1;
                        return;
                    }
                }
            };
            match next.place.send(Place(Some(Arc::clone(&self)))) {
                Ok(()) => return,
                // He has just hung up: the place is still to be given away.
                Err(mut place) => drop(place.0.take()),
            }
        }
    }
}

impl Place {
    /// Gives the place back for a while; `None`, and the place is gone, if too many have done so already.
    #[must_use]
    pub fn leave(mut self) -> Option<Outside> {
        let gate = self.0.take()?;
        let before = gate.outside.fetch_add(1, Ordering::Relaxed);
        let room = before < gate.options.places.saturating_mul(OUTSIDE_PER_PLACE);
        let outside = Outside(Arc::clone(&gate));
        gate.pass_on();
        room.then_some(outside)
    }
}

/// Somebody who has left his place, to come back. Until it is dropped he is one of those that are waited for.
pub struct Outside(Arc<Gate>);

impl Outside {
    /// Another place, as for everybody else: at once or after a while; `None` for who is sent away.
    pub async fn come_back(self) -> Option<Place> {
        let gate = Arc::clone(&self.0);
        drop(self);
        gate.enter().await
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.0.outside.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.pass_on();
        }
    }
}

struct Leave<'a> {
    gate: &'a Gate,
    number: u64,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        if let Ok(at) = state.waiting.binary_search_by_key(&self.number, |waiter| waiter.number) {
            state.waiting.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn options(places: usize, waiting_max: usize, target_ms: u64, patience_ms: u64) -> GateOptions {
        let (target, patience) = (Duration::from_millis(target_ms), Duration::from_millis(patience_ms));
        GateOptions { places, waiting_max, target, patience }
    }

    /// Somebody who wants in, and says his name when he is.
    fn wants(
        gate: &Arc<Gate>,
        name: u32,
        into: &Arc<Mutex<Vec<u32>>>,
    ) -> tokio::task::JoinHandle<Option<Place>> {
        let (gate, into) = (Arc::clone(gate), Arc::clone(into));
        tokio::spawn(async move {
            let place = gate.enter().await;
            if place.is_some() {
                into.lock().push(name);
            }
            place
        })
    }

    async fn settle() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    #[tokio::test]
    async fn the_first_to_come_is_the_first_to_be_let_in() {
        let (gate, into) = (Gate::new(options(1, 10, 60_000, 60_000)), Arc::default());
        let first = gate.enter().await.unwrap();
        let mut others = Vec::new();
        for name in 0..3 {
            others.push(wants(&gate, name, &into));
            settle().await;
        }
        assert_eq!((gate.waiting(), into.lock().len()), (3, 0));
        drop(first);
        for other in others {
            drop(other.await.unwrap());
        }
        assert_eq!((&*into.lock(), gate.waiting()), (&vec![0, 1, 2], 0));
        assert!(gate.enter().await.is_some());
    }

    #[tokio::test]
    async fn beyond_the_target_the_latest_is_let_in_and_the_oldest_sent_away() {
        let (gate, into) = (Gate::new(options(1, 10, 50, 400)), Arc::default());
        let first = gate.enter().await.unwrap();
        let began = Instant::now();
        let oldest = wants(&gate, 0, &into);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let latest = wants(&gate, 1, &into);
        settle().await;
        drop(first);
        let place = latest.await.unwrap();
        assert_eq!(*into.lock(), [1]);
        assert!(oldest.await.unwrap().is_none());
        assert!(began.elapsed() >= Duration::from_millis(400));
        drop(place);
        assert!(gate.enter().await.is_some());
    }

    #[tokio::test]
    async fn no_place_is_lost_by_who_hangs_up_or_comes_too_late() {
        let (gate, into) = (Gate::new(options(2, 3, 60_000, 30)), Arc::default());
        for _ in 0..50 {
            let places = [gate.enter().await.unwrap(), gate.enter().await.unwrap()];
            let waiting: Vec<_> = (0..3).map(|name| wants(&gate, name, &into)).collect();
            tokio::task::yield_now().await;
            // One more than may wait.
            assert!(gate.waiting() < 3 || gate.enter().await.is_none());
            waiting[1].abort();
            // Some places come in the moment in which patience ends.
            tokio::time::sleep(Duration::from_millis(29)).await;
            drop(places);
            for one in waiting {
                drop(one.await);
            }
            let state = gate.state.lock();
            assert_eq!((state.free, state.waiting.len()), (2, 0));
        }
    }
}
