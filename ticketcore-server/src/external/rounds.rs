//! [`Rounds`]: how far the orders of an event have been gone round, so that none is always the last.

use std::collections::HashMap;

use parking_lot::Mutex;
use ticketcore::{EventId, HoldNumber};

/// How far the orders of each event have been gone round. Memory only: after a restart every round begins anew.
#[derive(Default)]
pub struct Rounds {
    begun: Mutex<HashMap<EventId, Round>>,
}

/// One way round the orders of an event, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// The order of which something was handed out last.
    at: HoldNumber,
    /// Orders after this one wait for the next round: in a rush, new ones would keep this one from ever ending.
    end: HoldNumber,
}

/// Orders that are looked at one after the other.
#[derive(Debug, PartialEq, Eq)]
pub struct Stretch {
    /// They come after this one.
    pub after: HoldNumber,
    /// None comes after this one.
    pub to: HoldNumber,
    /// The end of the round that they belong to.
    end: HoldNumber,
}

impl Round {
    /// Nothing has been handed out.
    const NEW: Self = Self { at: HoldNumber(0), end: HoldNumber(0) };

    /// All orders, each in one stretch, whoever was looked at last at the end: what is left of this round, then the next, of which what came
    /// meanwhile is the last. That ends at `newest`.
    pub fn stretches(self, newest: HoldNumber) -> impl Iterator<Item = Stretch> {
        let (first, last) = (HoldNumber(0), HoldNumber(u64::MAX));
        let end = self.end.max(self.at);
        let all = [
            Stretch { after: self.at, to: end, end },
            Stretch { after: first, to: self.at, end: newest },
            Stretch { after: end, to: last, end: newest },
        ];
        all.into_iter().filter(|stretch| stretch.after < stretch.to)
    }
}

impl Rounds {
    /// How far the orders of an event have been gone round.
    #[must_use]
    pub fn of(&self, event: EventId) -> Round {
        self.begun.lock().get(&event).copied().unwrap_or(Round::NEW)
    }

    /// Something of the order `at` was handed out by somebody who went as far as `seen`; says how far he is now. If somebody else went on
    /// meanwhile, that counts: who is slow takes nobody back.
    pub fn go_on(&self, event: EventId, seen: Round, stretch: &Stretch, at: HoldNumber) -> Round {
        let now = Round { at, end: stretch.end };
        let mut begun = self.begun.lock();
        if begun.get(&event).copied().unwrap_or(Round::NEW) == seen {
            begun.insert(event, now);
        }
        now
    }

    /// Nothing is due of an event; whoever found that out had seen it as `seen`.
    pub fn forget(&self, event: EventId, seen: Round) {
        let mut begun = self.begun.lock();
        if begun.get(&event) == Some(&seen) {
            begun.remove(&event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: EventId = EventId(1);

    /// What one call is handed out of `due`, none of which is leased, if it takes at most `limit`.
    fn call(rounds: &Rounds, due: &[u64], limit: usize) -> Vec<u64> {
        let newest = HoldNumber(due.iter().copied().max().unwrap_or(0));
        let begun = rounds.of(EVENT);
        let (mut round, mut taken) = (begun, Vec::new());
        for stretch in begun.stretches(newest) {
            let lies_in = |number: &&u64| stretch.after.0 < **number && **number <= stretch.to.0;
            for number in due.iter().filter(lies_in) {
                if taken.len() < limit {
                    taken.push(*number);
                    round = rounds.go_on(EVENT, round, &stretch, HoldNumber(*number));
                }
            }
        }
        taken
    }

    #[test]
    fn calls_go_round_all_orders_and_none_has_one_twice() {
        let rounds = Rounds::default();
        let due = [1, 2, 3, 5, 8];
        let calls = || call(&rounds, &due, 2);
        assert_eq!([calls(), calls(), calls(), calls()], [[1, 2], [3, 5], [8, 1], [2, 3]]);
        assert_eq!(call(&rounds, &due, 100), [5, 8, 1, 2, 3]);
        // What was looked at last may be gone.
        assert_eq!(call(&rounds, &[1, 2, 8], 2), [8, 1]);
    }

    #[test]
    fn new_orders_keep_no_round_from_ending() {
        let rounds = Rounds::default();
        let due = [1, 2, 3, 4, 5, 6, 7];
        assert_eq!(call(&rounds, &due[..2], 1), [1]);
        assert_eq!(call(&rounds, &due[..3], 1), [2]);
        assert_eq!(call(&rounds, &due[..4], 1), [1]);
        assert_eq!(call(&rounds, &due[..5], 3), [2, 3, 4]);
        // That round is over, for whoever came during it is of the next.
        assert_eq!(call(&rounds, &due[..6], 1), [1]);
        // Who takes everything takes what is newer, too.
        assert_eq!(call(&rounds, &due, 9), [2, 3, 4, 5, 6, 1, 7]);
    }

    #[test]
    fn who_is_slow_takes_nobody_back() {
        let rounds = Rounds::default();
        let slow = rounds.of(EVENT);
        assert_eq!(call(&rounds, &[1, 2, 3, 4], 3), [1, 2, 3]);
        let stretch = slow.stretches(HoldNumber(4)).next().unwrap();
        let behind = rounds.go_on(EVENT, slow, &stretch, HoldNumber(1));
        rounds.forget(EVENT, behind);
        assert_eq!(call(&rounds, &[1, 2, 3, 4], 1), [4]);
        rounds.forget(EVENT, rounds.of(EVENT));
        assert_eq!(call(&rounds, &[1, 2, 3, 4], 1), [1]);
    }
}
