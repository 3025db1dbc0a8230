//! The waiting list: who waits for what, and what is there for him.

use std::collections::BTreeMap;

use super::place::Placing;
use super::{Answered, Decided, Model, ModelAnswer};
use crate::fact::{
    Fact, HoldPlaced, HoldPlacedWith, HoldWith, LeftWhy, Lines, Stamp, WaitingJoined, WaitingLeft,
    WaitingRules, Wish,
};
use crate::id::{AreaIndex, CategoryIndex, Revision, UserId};
use crate::key::Operation;
use crate::limits::{
    HOLD_LIFETIME_MS_MAX, IDENTITIES_PER_HOLD_MAX, PLACES_PER_HOLD_MAX, WAITING_MAX, WAITING_PER_USER_MAX,
    WAITING_WISHES_MAX, within,
};
use crate::order::Identity;
use crate::refusal::Refusal;
use crate::request::{BestAvailable, Item};
use crate::sale::{Activity, SaleState};
use crate::time::UtcMs;
use crate::waiting::{JoinWaitingRequest, LeaveWaitingRequest, WaitingRulesRequest};

/// One entry.
#[derive(Clone, Debug)]
struct ModelEntry {
    user: UserId,
    wish: Wish,
    identities: Vec<Identity>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    pub rules: WaitingRules,
    entries: BTreeMap<Revision, ModelEntry>,
}

impl Waiting {
    pub fn joined(&mut self, entry: Revision, f: &WaitingJoined) {
        let (user, wish, identities) = (f.user, f.wish, f.identities.clone());
        self.entries.insert(entry, ModelEntry { user, wish, identities });
    }

    pub fn over(&mut self, entry: Revision) {
        self.entries.remove(&entry).expect("decided for an entry");
    }

    /// Whether nobody waits for the same and joined before.
    fn is_first(&self, entry: Revision, wish: &Wish) -> bool {
        self.entries.range(..entry).all(|(_, other)| other.wish != *wish)
    }
}

impl Model {
    /// Sets the rules of the waiting list.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn set_waiting_rules(&mut self, request: WaitingRulesRequest, at: UtcMs) -> Answered {
        self.is_event(request.event)?;
        let t = self.time(at);
        let max = HOLD_LIFETIME_MS_MAX.saturating_sub(self.manifest.rules().hold_lifetime_ms_max);
        within("offer_ttl_ms", request.rules.offer_ttl_ms, 0, max).map_err(Refusal::Limit)?;
        Ok(self.logged(t, Fact::WaitingRulesSet(request.rules)))
    }

    /// Joins the waiting list. What is due to those who wait already is not a part of the model: while anybody waits, what fits may be
    /// his, and `leaves_it_to_others` says whether it is.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn join_waiting(
        &mut self,
        request: &JoinWaitingRequest,
        at: UtcMs,
        leaves_it_to_others: bool,
    ) -> Answered {
        let places = u64::from(request.wish.places);
        within("wish.places", places, 1, PLACES_PER_HOLD_MAX as u64).map_err(Refusal::Limit)?;
        let identities = request.identities.len() as u64;
        within("identities", identities, 0, IDENTITIES_PER_HOLD_MAX as u64).map_err(Refusal::Limit)?;
        self.is_event(request.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_join(request, t, leaves_it_to_others))
    }

    fn decide_join(&self, request: &JoinWaitingRequest, t: UtcMs, leaves_it_to_others: bool) -> Decided {
        let keyed = self.keyed(t, request.user, Operation::Waiting, request.key.as_ref(), request)?;
        self.allowed(Activity::Join)?;
        let wish = request.wish;
        self.check_wish(&wish)?;
        let entries = &self.waiting.entries;
        let own = entries.values().filter(|entry| entry.user == request.user).count();
        within("waiting list", entries.len() as u64 + 1, 0, WAITING_MAX as u64).map_err(Refusal::Limit)?;
        within("waiting list: of one user", own as u64 + 1, 0, WAITING_PER_USER_MAX.into())
            .map_err(Refusal::Limit)?;
        let mut wishes: Vec<Wish> = entries.values().map(|entry| entry.wish).collect();
        wishes.push(wish);
        wishes.sort_unstable();
        wishes.dedup();
        within("waiting list: different wishes", wishes.len() as u64, 0, WAITING_WISHES_MAX as u64)
            .map_err(Refusal::Limit)?;
        let limit = self.manifest.rules().tickets_per_user_max;
        let (used, asked) = (self.used_by(request.user), wish.places);
        if used + asked > limit {
            return Err(Refusal::UserLimit { limit, used, asked }.into());
        }
        let mut identities = request.identities.clone();
        identities.sort_unstable();
        identities.dedup();
        let others = leaves_it_to_others && !entries.is_empty();
        if (!others || self.sale != SaleState::Onsale) && self.wished(&wish).is_some() {
            self.check_identities(&identities, asked)?;
            return Err(Refusal::NotSoldOut.into());
        }
        Ok(Fact::WaitingJoined(Box::new(WaitingJoined { user: request.user, keyed, wish, identities })))
    }

    fn check_wish(&self, wish: &Wish) -> Result<(), Refusal> {
        let Wish { category, ticket_type, .. } = *wish;
        if let Some(unknown) = category.filter(|at| at.at() >= self.manifest.categories().len()) {
            return Err(Refusal::UnknownCategory(unknown));
        }
        if ticket_type.at() >= self.manifest.ticket_types().len() {
            return Err(Refusal::UnknownTicketType(ticket_type));
        }
        match category.filter(|category| self.manifest.price(ticket_type, *category).is_none()) {
            Some(category) => Err(Refusal::NotSold { ticket_type, category }),
            None => Ok(()),
        }
    }

    /// Leaves the waiting list.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn leave_waiting(&mut self, request: &LeaveWaitingRequest, at: UtcMs) -> Answered {
        self.is_event(request.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| {
            let keyed = model.keyed(t, request.user, Operation::Waiting, request.key.as_ref(), request)?;
            let entry = model.waiting.entries.get(&request.entry).filter(|entry| entry.user == request.user);
            if entry.is_none() {
                return Err(ModelAnswer::NotHeld.into());
            }
            let (entry, user, why) = (request.entry, request.user, LeftWhy::Asked);
            Ok(Fact::WaitingLeft(Box::new(WaitingLeft { entry, user, keyed, why })))
        })
    }

    /// Holds for an entry what it waits for, or takes it off the list if its user has too much for that. `None` if it is not its turn, if
    /// there is nothing for it, or if what its user has too much is overdue.
    pub fn offer(&mut self, entry: Revision, at: UtcMs) -> Option<(Stamp, Fact)> {
        let t = self.time(at);
        let ModelEntry { user, wish, identities } = self.waiting.entries.get(&entry)?.clone();
        if self.sale != SaleState::Onsale || !self.waiting.is_first(entry, &wish) {
            return None;
        }
        let lines = self.wished(&wish)?;
        let rules = self.manifest.rules();
        let overdue = |of: Option<UserId>| {
            let mut holds = self.holds.values().filter(|hold| of.is_none_or(|user| hold.user == user));
            holds.any(|hold| hold.effective_deadline() <= t)
        };
        let identity_over = self.check_identities(&identities, wish.places).is_err();
        let fact = if identity_over || self.used_by(user) + wish.places > rules.tickets_per_user_max {
            if overdue(Some(user).filter(|_| !identity_over)) {
                return None;
            }
            Fact::WaitingLeft(Box::new(WaitingLeft { entry, user, keyed: None, why: LeftWhy::OverLimit }))
        } else {
            let ttl_ms = self.waiting.rules.offer_ttl_ms;
            let placed = HoldPlaced {
                user,
                keyed: None,
                ttl_ms,
                lifetime_ms: (ttl_ms + rules.hold_lifetime_ms_max).min(HOLD_LIFETIME_MS_MAX),
                extensions_left: rules.extensions_max,
                lines,
            };
            let with = HoldWith { voucher: None, identities, waiting: Some(entry) };
            Fact::HoldPlacedWith(Box::new(HoldPlacedWith { placed, with }))
        };
        self.logged(t, fact);
        self.log.last().cloned()
    }

    /// What fits a wish: seats, else places of one area, all on public sale.
    fn wished(&self, wish: &Wish) -> Option<Lines> {
        let Wish { places, category, ticket_type, together } = *wish;
        let best = BestAvailable {
            category,
            allow_split: !together,
            ..BestAvailable::adjacent(places, ticket_type)
        };
        let sold = |of: CategoryIndex| {
            category.is_none_or(|wanted| wanted == of) && self.manifest.price(ticket_type, of).is_some()
        };
        let areas = (0..self.manifest.areas().len()).filter(|at| sold(self.manifest.areas()[*at].category));
        let areas = areas.map(|at| Item::Area { area: AreaIndex::of(at), quantity: places, ticket_type });
        let nothing = Lines::default();
        let place = |item| self.place(Placing::new(&[item], None, None, &nothing)).ok();
        std::iter::once(Item::Best(best)).chain(areas).find_map(place)
    }

    /// An entry that waits for places of one category, has them before it, and comes before who takes `lines` now. Nothing is said where
    /// seats that are taken may make others fit: under the orphan rule.
    #[must_use]
    pub fn passed_over(&self, lines: &Lines) -> Option<Revision> {
        let seats = lines.seats.iter().map(|line| self.manifest.category_of(line.seat));
        let areas = lines.areas.iter().map(|line| self.manifest.areas()[line.area.at()].category);
        let categories: Vec<CategoryIndex> = seats.chain(areas).collect();
        self.could_be_offered(|category| categories.contains(&category))
    }

    /// An entry that waits for places of one category, and has them before it.
    #[must_use]
    pub fn left_waiting(&self) -> Option<Revision> {
        self.could_be_offered(|_| true)
    }

    fn could_be_offered(&self, of: impl Fn(CategoryIndex) -> bool) -> Option<Revision> {
        if self.sale != SaleState::Onsale || self.manifest.rules().orphan_rule {
            return None;
        }
        let entries = self.waiting.entries.iter().filter(|(_, entry)| entry.wish.category.is_some_and(&of));
        let mut firsts = entries.filter(|(at, entry)| self.waiting.is_first(**at, &entry.wish));
        firsts.find(|(_, entry)| self.wished(&entry.wish).is_some()).map(|(at, _)| *at)
    }

    /// Who waits for what, by entry.
    pub fn waiting(&self) -> impl Iterator<Item = (Revision, UserId, Wish)> {
        self.waiting.entries.iter().map(|(entry, waiter)| (*entry, waiter.user, waiter.wish))
    }
}
