//! [`Leases`]: what was handed out, and until when nobody else gets it.

use std::collections::HashMap;

use parking_lot::Mutex;
use ticketcore::gateway::{GatewayAction, GatewayKey};
use ticketcore::{OrderId, UtcMs};

use super::effect::{EffectId, EffectKind};

/// Effects that are remembered as handed out or put off at most. What is over goes first; then everything counts as what may have been handed
/// out.
const REMEMBERED_MAX: usize = 100_000;

/// What was handed out, or is put off.
pub struct Leases {
    state: Mutex<State>,
    remembered_max: usize,
}

/// An order has one effect of a slot at a time: 0 is what is to be done next, the others are look-ups of the refunds of those numbers, which
/// wait for nothing.
type Slot = (OrderId, u32);

const fn slot(id: EffectId) -> Slot {
    let number = if matches!(id.kind, EffectKind::LookUpRefund) { id.key.number } else { 0 };
    (id.key.order, number)
}

struct State {
    given: HashMap<Slot, Given>,
    /// Of intents that are younger it is known whether they were handed out.
    known_since: UtcMs,
    /// How often something was handed out or put off.
    count: u64,
}

/// How much had been handed out when somebody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(u64);

#[derive(Clone, Copy)]
struct Given {
    id: EffectId,
    until: UtcMs,
    /// Whether anybody had it: it may only have been put off.
    handed: bool,
    /// The how manieth it is of all that were handed out or put off.
    number: u64,
}

impl State {
    /// What is remembered of an effect.
    fn of(&self, id: EffectId) -> Option<Given> {
        self.given.get(&slot(id)).filter(|given| given.id == id).copied()
    }

    fn give(&mut self, id: EffectId, until: UtcMs, handed: bool) {
        self.count += 1;
        self.given.insert(slot(id), Given { id, until, handed, number: self.count });
    }

    /// Whether something can be remembered of a slot, of which there may be `max`. If need be, what is over is forgotten for it.
    fn has_room(&mut self, slot: Slot, now: UtcMs, max: usize) -> bool {
        if self.given.len() < max || self.given.contains_key(&slot) {
            return true;
        }
        self.given.retain(|_, given| given.until > now);
        self.known_since = now;
        self.given.len() < max
    }
}

/// What was just handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handed {
    /// Whether it may have been handed out before, here or before a restart.
    pub again: bool,
}

impl Leases {
    /// Nothing is handed out; of what was intended before `now` nobody knows.
    #[must_use]
    pub fn new(now: UtcMs) -> Self {
        Self::remembering(now, REMEMBERED_MAX)
    }

    fn remembering(now: UtcMs, remembered_max: usize) -> Self {
        let state = State { given: HashMap::new(), known_since: now, count: 0 };
        Self { state: Mutex::new(state), remembered_max }
    }

    /// Hands an effect out until `until`; `None` if somebody has it, or was handed what has become due in its place after `seen`, when nobody
    /// had yet read what is due.
    pub fn hand(
        &self,
        id: EffectId,
        intended_at: UtcMs,
        seen: Seen,
        now: UtcMs,
        until: UtcMs,
    ) -> Option<Handed> {
        let mut state = self.state.lock();
        let newer = |given: &Given| given.id != id && given.number > seen.0 && given.until > now;
        if state.given.get(&slot(id)).is_some_and(newer) {
            return None;
        }
        let before = state.of(id);
        if before.is_some_and(|given| given.until > now) {
            return None;
        }
        if !state.has_room(slot(id), now, self.remembered_max) {
            return None;
        }
        // The same instant is not younger: whoever ran before may have been that fast.
        let again = before.is_some_and(|given| given.handed) || intended_at <= state.known_since;
        state.give(id, until, true);
        Some(Handed { again })
    }

    /// Whoever has an effect lets it go, and nobody gets it until `until`. Without room for that it is not put off, nor if somebody has what has
    /// become due in its place.
    pub fn put_off(&self, id: EffectId, now: UtcMs, until: UtcMs) {
        let mut state = self.state.lock();
        let other = state.given.get(&slot(id)).filter(|given| given.id != id);
        if other.is_some_and(|other| other.until > now) {
            return;
        }
        let handed = state.of(id).map(|given| given.handed);
        let says_something = handed.is_some() || until > now;
        if says_something && state.has_room(slot(id), now, self.remembered_max) {
            state.give(id, until, handed.unwrap_or(false));
        }
    }

    /// Until when an effect was somebody's last, or put off; long ago if nobody knows.
    #[must_use]
    pub fn until(&self, id: EffectId) -> UtcMs {
        self.state.lock().of(id).map_or(UtcMs(0), |given| given.until)
    }

    /// How much has been handed out until now.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen(self.state.lock().count)
    }

    /// What is due of an order after news of what a key names: what was handed out or put off of that, or of what was to be done next, and is
    /// not due has been seen to. Look-ups of its other refunds have news of their own, which may be newer than this; and so may be what was
    /// handed out after `seen`, when nobody had yet read what is due.
    pub fn settle(&self, named: GatewayKey, seen: Seen, due: &[EffectId]) {
        let mut state = self.state.lock();
        let refund = if named.action == GatewayAction::Refund { named.number } else { 0 };
        for slot in [(named.order, 0), (named.order, refund)] {
            let over = |given: &Given| given.number <= seen.0 && !due.contains(&given.id);
            if state.given.get(&slot).is_some_and(over) {
                state.given.remove(&slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ticketcore::{EventId, HoldNumber, Revision};

    use super::super::EffectKind;
    use super::*;

    fn effect(order: u64, kind: EffectKind) -> EffectId {
        let order = OrderId { event: EventId(1), number: HoldNumber::new(Revision(order), 0) };
        EffectId { kind, key: GatewayKey::new(order, GatewayAction::Authorize, 1) }
    }

    /// Of what is due now.
    fn hand(leases: &Leases, id: EffectId, intended_at: UtcMs, now: UtcMs, until: UtcMs) -> Option<Handed> {
        leases.hand(id, intended_at, leases.seen(), now, until)
    }

    #[test]
    fn what_is_handed_out_is_nobody_elses_until_its_time_is_over() {
        let leases = Leases::new(UtcMs(100));
        let (pay, look) = (effect(1, EffectKind::Authorize), effect(1, EffectKind::LookUp));
        assert_eq!(hand(&leases, pay, UtcMs(101), UtcMs(110), UtcMs(200)), Some(Handed { again: false }));
        assert_eq!(hand(&leases, pay, UtcMs(101), UtcMs(199), UtcMs(300)), None);
        assert_eq!(hand(&leases, pay, UtcMs(101), UtcMs(200), UtcMs(300)), Some(Handed { again: true }));
        // Another effect of the order is not what was handed out.
        assert_eq!(hand(&leases, look, UtcMs(101), UtcMs(210), UtcMs(300)), Some(Handed { again: false }));
        leases.put_off(look, UtcMs(210), UtcMs(220));
        assert_eq!(hand(&leases, look, UtcMs(101), UtcMs(219), UtcMs(300)), None);
        assert_eq!(hand(&leases, look, UtcMs(101), UtcMs(220), UtcMs(300)), Some(Handed { again: true }));
        leases.settle(look.key, leases.seen(), &[look]);
        assert_eq!(hand(&leases, look, UtcMs(101), UtcMs(230), UtcMs(300)), None);
        leases.settle(look.key, leases.seen(), &[]);
        assert_eq!(hand(&leases, pay, UtcMs(101), UtcMs(230), UtcMs(300)), Some(Handed { again: false }));
    }

    #[test]
    fn look_ups_of_refunds_are_handed_out_and_put_off_each_for_itself() {
        let leases = Leases::new(UtcMs(100));
        let order = effect(1, EffectKind::Void).key.order;
        let key = |number| GatewayKey::new(order, GatewayAction::Refund, number);
        let send = EffectId { kind: EffectKind::Refund, key: key(3) };
        let look = |number| EffectId { kind: EffectKind::LookUpRefund, key: key(number) };
        let hand = |id, at| hand(&leases, id, UtcMs(101), UtcMs(at), UtcMs(at + 100));
        for id in [send, look(1), look(2)] {
            assert_eq!(leases.until(id), UtcMs(0));
            assert_eq!(hand(id, 110), Some(Handed { again: false }));
            assert_eq!((hand(id, 110), leases.until(id)), (None, UtcMs(210)));
        }
        leases.put_off(look(1), UtcMs(120), UtcMs(500));
        assert_eq!(hand(look(1), 400), None);
        assert_eq!(hand(look(2), 210), Some(Handed { again: true }));
        // What was to be sent is sent, and the gateway has it.
        leases.settle(key(3), leases.seen(), &[look(1), look(2), look(3)]);
        assert_eq!((leases.until(send), hand(look(1), 400)), (UtcMs(0), None));
        // Another try is another effect.
        let again = EffectId { key: GatewayKey { tries: 1, ..key(2) }, ..look(2) };
        assert_eq!(hand(again, 220), Some(Handed { again: false }));
        // News of one that had not heard of the others yet takes them from nobody.
        leases.settle(key(3), leases.seen(), &[]);
        assert_eq!((leases.until(look(1)), leases.until(again)), (UtcMs(500), UtcMs(320)));
        leases.settle(key(1), leases.seen(), &[again]);
        assert_eq!((leases.until(look(1)), leases.until(again)), (UtcMs(0), UtcMs(320)));
    }

    #[test]
    fn what_is_put_off_is_nobodys_and_was_not_handed_out() {
        let leases = Leases::new(UtcMs(100));
        let look = effect(1, EffectKind::LookUp);
        leases.put_off(look, UtcMs(110), UtcMs(200));
        assert_eq!(hand(&leases, look, UtcMs(101), UtcMs(199), UtcMs(300)), None);
        assert_eq!(hand(&leases, look, UtcMs(101), UtcMs(200), UtcMs(300)), Some(Handed { again: false }));
        // For longer than it was handed out for; whoever had it had it.
        leases.put_off(look, UtcMs(210), UtcMs(400));
        assert_eq!(hand(&leases, look, UtcMs(101), UtcMs(399), UtcMs(500)), None);
        assert_eq!(hand(&leases, look, UtcMs(101), UtcMs(400), UtcMs(500)), Some(Handed { again: true }));
        // Another effect of the order is not put off.
        leases.put_off(look, UtcMs(410), UtcMs(900));
        let void = effect(1, EffectKind::Void);
        assert_eq!(hand(&leases, void, UtcMs(101), UtcMs(410), UtcMs(500)), Some(Handed { again: false }));
    }

    #[test]
    fn what_was_handed_out_after_somebody_looked_stays_with_whoever_has_it() {
        let leases = Leases::new(UtcMs(100));
        let (look, capture) = (effect(1, EffectKind::LookUp), effect(1, EffectKind::Capture));
        assert_eq!(hand(&leases, look, UtcMs(101), UtcMs(110), UtcMs(200)), Some(Handed { again: false }));
        // One report reads that the look-up is still due; another makes the capture due, which is handed out.
        let seen = leases.seen();
        assert_eq!(hand(&leases, capture, UtcMs(101), UtcMs(120), UtcMs(220)), Some(Handed { again: false }));
        leases.settle(look.key, seen, &[look]);
        leases.put_off(look, UtcMs(130), UtcMs(900));
        assert_eq!(leases.hand(look, UtcMs(101), seen, UtcMs(140), UtcMs(900)), None);
        assert_eq!(hand(&leases, capture, UtcMs(101), UtcMs(219), UtcMs(300)), None);
        // Who looks now knows better.
        leases.settle(look.key, leases.seen(), &[]);
        assert_eq!(leases.until(capture), UtcMs(0));
    }

    #[test]
    fn what_is_put_off_until_now_takes_no_room() {
        let leases = Leases::remembering(UtcMs(100), 1);
        leases.put_off(effect(1, EffectKind::LookUp), UtcMs(110), UtcMs(110));
        assert!(leases.state.lock().given.is_empty());
        leases.put_off(effect(1, EffectKind::LookUp), UtcMs(110), UtcMs(200));
        let second = effect(2, EffectKind::LookUp);
        // There is no room for the wish, nor to hand it out.
        leases.put_off(second, UtcMs(120), UtcMs(300));
        assert_eq!(hand(&leases, second, UtcMs(101), UtcMs(199), UtcMs(300)), None);
        assert_eq!(hand(&leases, second, UtcMs(101), UtcMs(200), UtcMs(300)), Some(Handed { again: true }));
    }

    #[test]
    fn what_was_intended_before_this_process_may_have_been_done() {
        let leases = Leases::new(UtcMs(100));
        let pay = effect(1, EffectKind::Authorize);
        assert_eq!(hand(&leases, pay, UtcMs(100), UtcMs(100), UtcMs(200)), Some(Handed { again: true }));
    }

    #[test]
    fn what_is_forgotten_for_want_of_room_may_have_been_done() {
        let leases = Leases::remembering(UtcMs(100), 2);
        for order in [1, 2] {
            let handed =
                hand(&leases, effect(order, EffectKind::Authorize), UtcMs(101), UtcMs(110), UtcMs(200));
            assert_eq!(handed, Some(Handed { again: false }));
        }
        let third = effect(3, EffectKind::Authorize);
        assert_eq!(hand(&leases, third, UtcMs(102), UtcMs(120), UtcMs(200)), None);
        assert_eq!(hand(&leases, third, UtcMs(102), UtcMs(200), UtcMs(300)), Some(Handed { again: true }));
        let first = effect(1, EffectKind::Authorize);
        assert_eq!(hand(&leases, first, UtcMs(101), UtcMs(201), UtcMs(300)), Some(Handed { again: true }));
    }
}
