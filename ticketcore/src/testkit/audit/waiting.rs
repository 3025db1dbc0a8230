//! Facts about the waiting list: who joined first is offered first among those who wish for the same, and gets what the wish says, from
//! places on public sale.

use std::collections::BTreeMap;

use super::beside::Beside;
use super::books::{Books, Checked, ensure};
use crate::fact::{HoldPlacedWith, Stamp, WaitingJoined, WaitingLeft, WaitingRules, Wish};
use crate::id::{Revision, UserId};
use crate::invariant::Invariant;
use crate::key::Operation;
use crate::limits::{HOLD_LIFETIME_MS_MAX, PLACES_PER_HOLD_MAX, WAITING_MAX, WAITING_PER_USER_MAX};
use crate::order::Identity;
use crate::sale::{Activity, SaleState};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    rules: WaitingRules,
    entries: BTreeMap<Revision, (UserId, Wish, Vec<Identity>)>,
}

impl Books {
    pub fn waiting_rules_set(&mut self, rules: WaitingRules) -> Checked {
        self.waiting.rules = rules;
        Ok(())
    }

    pub fn waiting_joined(&mut self, stamp: Stamp, joined: &WaitingJoined) -> Checked {
        self.key(stamp, joined.user, Operation::Waiting, joined.keyed.as_ref())?;
        self.allowed(Activity::Join)?;
        let entries = &self.waiting.entries;
        let own = entries.values().filter(|(user, ..)| *user == joined.user).count();
        let legal = (1..=PLACES_PER_HOLD_MAX).contains(&(joined.wish.places as usize))
            && entries.len() < WAITING_MAX
            && own < WAITING_PER_USER_MAX as usize;
        ensure(legal, Invariant::I8SameFacts, || format!("{:?} may not wait for that", joined.user))?;
        let entry = (joined.user, joined.wish, joined.identities.clone());
        self.waiting.entries.insert(stamp.revision, entry);
        Ok(())
    }

    pub fn waiting_left(&mut self, stamp: Stamp, left: &WaitingLeft) -> Checked {
        self.key(stamp, left.user, Operation::Waiting, left.keyed.as_ref())?;
        let entry = self.waiting.entries.remove(&left.entry);
        let own = entry.is_some_and(|(user, ..)| user == left.user);
        ensure(own, Invariant::I8SameFacts, || format!("{} does not wait", left.entry))
    }

    /// An offered hold is what its entry waited for, and it was its turn.
    pub fn offered(&mut self, entry: Revision, f: &HoldPlacedWith) -> Checked {
        let Some((user, wish, identities)) = self.waiting.entries.remove(&entry) else {
            return Err((Invariant::I11Fair, format!("{entry} does not wait")));
        };
        let before = self.waiting.entries.iter().find(|(_, (_, other, _))| *other == wish);
        ensure(before.is_none_or(|(first, _)| *first > entry), Invariant::I11Fair, || {
            format!("{entry} is offered before {before:?}")
        })?;
        let lines = &f.placed.lines;
        let (manifest, released) = (&self.manifest, &self.released);
        let seats = lines.seats.iter().map(|line| {
            let allocation = self.seats.get(line.seat.at()).and_then(|seat| seat.allocation);
            (manifest.category_of(line.seat), line.ticket_type, allocation)
        });
        let areas = lines
            .areas
            .iter()
            .map(|line| (manifest.areas()[line.area.at()].category, line.ticket_type, line.allocation));
        let fits = |(category, ticket_type, allocation)| {
            wish.category.is_none_or(|wanted| wanted == category)
                && wish.ticket_type == ticket_type
                && Option::is_none_or(allocation, |at| released.contains(&at))
        };
        let right = user == f.placed.user
            && identities == f.with.identities
            && lines.places() == wish.places
            && self.sale == SaleState::Onsale
            && seats.chain(areas).all(fits);
        ensure(right, Invariant::I11Fair, || format!("{entry} waited for {wish:?}, not {lines:?}"))
    }

    /// The time a hold may have, and its lifetime: of an offer, or of any other hold.
    pub fn times_of_hold(&self) -> (std::ops::RangeInclusive<u64>, u64) {
        let rules = self.manifest.rules();
        let Beside { is_offer: true, .. } = self.beside else {
            return (rules.hold_ttl_ms_min..=rules.hold_ttl_ms_max, rules.hold_lifetime_ms_max);
        };
        let ttl_ms = self.waiting.rules.offer_ttl_ms;
        (ttl_ms..=ttl_ms, (ttl_ms + rules.hold_lifetime_ms_max).min(HOLD_LIFETIME_MS_MAX))
    }
}
