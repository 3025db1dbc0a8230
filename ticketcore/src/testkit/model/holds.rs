//! Hold, amend, extend, release.

use super::beside::check_places;
use super::lines::{split, sum};
use super::place::Placing;
use super::{Answered, Decided, Model, ModelAnswer, request};
use crate::fact::{
    Fact, HoldAmended, HoldEnd, HoldEnded, HoldExtended, HoldPlaced, HoldPlacedWith, HoldWith, Lines,
};
use crate::key::Operation;
use crate::refusal::Refusal;
use crate::request::{AmendRequest, ExtendRequest, HoldRequest, ReleaseRequest};
use crate::sale::{Activity, SaleState};
use crate::time::UtcMs;

impl Model {
    /// Places a hold.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn hold(&mut self, request: &HoldRequest, at: UtcMs) -> Answered {
        request::hold(request)?;
        self.is_event(request.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_hold(request, t))
    }

    fn decide_hold(&self, request: &HoldRequest, t: UtcMs) -> Decided {
        let keyed = self.keyed(t, request.user, Operation::Hold, request.key.as_ref(), request)?;
        let rules = self.manifest.rules();
        let ttl_ms = request::ttl_ms(rules, request.ttl_ms)?;
        self.allowed(Activity::Hold)?;
        self.check_code(request.access_code.as_deref())?;
        let with = self.asked_beside(request, t)?;
        let terms = self.terms_of(&with);
        let asked = request.items.iter().map(request::asked).sum::<u32>();
        check_places(&terms, asked)?;
        self.check_names(&request.items)?;
        let nothing = Lines::default();
        self.check_user_limit(request.user, &request.items, &nothing)?;
        self.check_identities(&with.identities, asked)?;
        let (channel, code) = (request.channel.as_deref(), request.access_code.as_deref());
        let lines = self.place(Placing::new(&request.items, channel, code, &nothing).under(terms))?;
        self.check_use(&with)?;
        let placed = HoldPlaced {
            user: request.user,
            keyed,
            ttl_ms,
            lifetime_ms: rules.hold_lifetime_ms_max,
            extensions_left: rules.extensions_max,
            lines,
        };
        Ok(if with == HoldWith::default() {
            Fact::HoldPlaced(placed)
        } else {
            Fact::HoldPlacedWith(Box::new(HoldPlacedWith { placed, with }))
        })
    }

    /// What a hold would get if its user, its key and the sale state did not matter.
    ///
    /// # Errors
    /// The first refusal that is about the places.
    pub fn placed(&self, request: &HoldRequest) -> Result<Lines, Refusal> {
        self.check_names(&request.items)?;
        let (channel, code) = (request.channel.as_deref(), request.access_code.as_deref());
        let terms = self.terms_of_code(request.voucher.as_deref());
        self.place(Placing::new(&request.items, channel, code, &Lines::default()).under(terms))
    }

    /// The same seats, all of them for sale to everybody.
    #[must_use]
    pub fn with_every_seat_open(&self) -> Self {
        let mut open = self.clone();
        open.sale = SaleState::Onsale;
        open.seats.iter_mut().for_each(|seat| seat.allocation = None);
        open
    }

    /// Amends a hold.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn amend(&mut self, request: &AmendRequest, at: UtcMs) -> Answered {
        request::amend(request)?;
        self.is_event(request.hold.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_amend(request, t))
    }

    fn decide_amend(&self, request: &AmendRequest, t: UtcMs) -> Decided {
        let keyed = self.keyed(t, request.user, Operation::Amend, request.key.as_ref(), request)?;
        let hold = self.own_hold(request.hold.number, request.user)?;
        if !request.add.is_empty() {
            self.allowed(Activity::Hold)?;
        }
        hold.not_overdue(t)?;
        hold.not_pinned()?;
        if request.expected.is_some_and(|expected| expected != hold.version) {
            return Err(Refusal::StaleHold { version: hold.version }.into());
        }
        self.check_code(request.access_code.as_deref())?;
        // Of class 8 unknown seats come first, then what is about the hold, then the other names.
        let names = self.check_names(&request.add);
        if let Err(unknown @ Refusal::UnknownSeats(_)) = names {
            return Err(unknown.into());
        }
        let (kept, removed) = split(&hold.lines, request)?;
        if kept.places() == 0 && request.add.is_empty() {
            return Err(Refusal::HoldWouldBeEmpty.into());
        }
        names?;
        let asked = request.add.iter().map(request::asked).sum::<u32>();
        request::places(kept.places() + asked)?;
        let with = self.beside_of(request.hold.number);
        let terms = self.terms_of(&with);
        check_places(&terms, kept.places() + asked)?;
        self.check_user_limit(request.user, &request.add, &removed)?;
        self.check_identities(&with.identities, asked.saturating_sub(removed.places()))?;
        let (channel, code) = (request.channel.as_deref(), request.access_code.as_deref());
        let added = self.place(Placing::new(&request.add, channel, code, &removed).under(terms))?;
        Ok(Fact::HoldAmended(Box::new(HoldAmended {
            hold: request.hold.number,
            user: request.user,
            keyed,
            lines: sum(&kept, &added),
            added,
            removed,
            deadline: hold.deadline,
            extensions_left: hold.extensions_left,
        })))
    }

    /// Extends a hold.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn extend(&mut self, request: &ExtendRequest, at: UtcMs) -> Answered {
        self.is_event(request.hold.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_extend(request, t))
    }

    fn decide_extend(&self, request: &ExtendRequest, t: UtcMs) -> Decided {
        let keyed = self.keyed(t, request.user, Operation::Extend, request.key.as_ref(), request)?;
        let ttl_ms = request::ttl_ms(self.manifest.rules(), request.ttl_ms)?;
        let hold = self.own_hold(request.hold.number, request.user)?;
        self.allowed(Activity::Extend)?;
        hold.not_overdue(t)?;
        hold.not_pinned()?;
        let lifetime_end = hold.lifetime_end;
        if hold.extensions_left == 0 || hold.deadline == lifetime_end {
            return Err(Refusal::NoExtensionLeft { lifetime_end }.into());
        }
        Ok(Fact::HoldExtended(Box::new(HoldExtended {
            hold: request.hold.number,
            user: request.user,
            keyed,
            deadline: hold.deadline.max(t.plus_ms(ttl_ms).min(lifetime_end)),
            extensions_left: hold.extensions_left - 1,
            lines: hold.lines.clone(),
        })))
    }

    /// Gives a hold back.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn release(&mut self, request: &ReleaseRequest, at: UtcMs) -> Answered {
        self.is_event(request.hold.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_release(request, t))
    }

    fn decide_release(&self, request: &ReleaseRequest, t: UtcMs) -> Decided {
        let keyed = self.keyed(t, request.user, Operation::Release, request.key.as_ref(), request)?;
        let Ok(hold) = self.own_hold(request.hold.number, request.user) else {
            return Err(ModelAnswer::NotHeld.into());
        };
        if hold.payment_deadline.is_some() {
            hold.not_overdue(t)?;
        }
        hold.not_pinned()?;
        Ok(Fact::HoldEnded(HoldEnded {
            hold: request.hold.number,
            user: hold.user,
            end: HoldEnd::Released,
            by: keyed.map(|keyed| (request.user, keyed)),
            lines: hold.lines.clone(),
        }))
    }
}
