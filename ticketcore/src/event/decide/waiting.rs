//! The waiting list: joining, leaving, offers.

use super::basket::Basket;
use super::beside::With;
use super::hold::nothing_done;
use super::{Decide, Decided, Instead};
use crate::command::CommandKey;
use crate::event::waiting::Waiter;
use crate::fact::{Fact, HoldPlaced, HoldPlacedWith, Lines, WaitingJoined, WaitingLeft};
use crate::id::{AreaIndex, Revision, UserId};
use crate::limits::{HOLD_LIFETIME_MS_MAX, WAITING_MAX, WAITING_PER_USER_MAX, WAITING_WISHES_MAX, within};
use crate::refusal::Refusal;
use crate::request::{BestAvailable, Item};
use crate::sale::{Activity, SaleState};
use crate::time::UtcMs;
use crate::waiting::{JoinWaitingRequest, LeaveWaitingRequest, LeftWhy, WaitingRulesRequest, Wish};

impl Decide<'_, '_> {
    pub(super) fn waiting_rules(&mut self, request: &WaitingRulesRequest) -> Decided {
        let lifetime_ms = self.scope.layout.manifest.rules().hold_lifetime_ms_max;
        let max = HOLD_LIFETIME_MS_MAX.saturating_sub(lifetime_ms);
        within("offer_ttl_ms", request.rules.offer_ttl_ms, 0, max).map_err(Refusal::Limit)?;
        Self::always(Fact::WaitingRulesSet(request.rules))
    }

    /// Decided with the event to itself, so that entries come into the list in the order of their revisions.
    pub(super) fn join_waiting(
        &mut self,
        request: &JoinWaitingRequest,
        keyed: Option<CommandKey<'_>>,
    ) -> Decided {
        self.allowed(Activity::Join)?;
        let layout = self.scope.layout;
        let wish = request.wish;
        self.known_wish(&wish)?;
        let (all, wishes, own) = layout.waiting.counts(request.user);
        within("waiting list", all as u64 + 1, 0, WAITING_MAX as u64).map_err(Refusal::Limit)?;
        within("waiting list: of one user", u64::from(own) + 1, 0, WAITING_PER_USER_MAX.into())
            .map_err(Refusal::Limit)?;
        if !layout.waiting.has(&wish) {
            within("waiting list: different wishes", wishes as u64 + 1, 0, WAITING_WISHES_MAX as u64)
                .map_err(Refusal::Limit)?;
        }
        if self.is_over_limit(request.user, wish.places) {
            return Err(Instead::Overdue(self.user_limit_of(request.user, wish.places), Vec::new()));
        }
        let mut identities = request.identities.clone();
        identities.sort_unstable();
        identities.dedup();
        let waiter = Waiter { user: request.user, wish, identities };
        // What is due is for those who wait already. While there is no sale nobody gets in before it by waiting for what is free.
        if layout.sale_state != SaleState::Onsale || layout.waiting.due() == 0 {
            let fits = self.place_wish(&waiter, None);
            self.scope.give_back_quietly();
            self.scope.unlock_stripes();
            match fits {
                Ok(Some(_)) => return Err(Refusal::NotSoldOut.into()),
                Ok(None) => {}
                Err(instead) => return Err(instead),
            }
        }
        let Waiter { user, identities, .. } = waiter;
        let joined = WaitingJoined { user, keyed: keyed.map(CommandKey::keyed), wish, identities };
        Self::always(Fact::WaitingJoined(Box::new(joined)))
    }

    pub(super) fn leave_waiting(
        &mut self,
        request: &LeaveWaitingRequest,
        keyed: Option<CommandKey<'_>>,
    ) -> Decided {
        let own = self.scope.layout.waiting.get(request.entry);
        if own.is_none_or(|waiter| waiter.user != request.user) {
            return Err(Instead::Answer(nothing_done()));
        }
        Self::left(request.entry, request.user, keyed, LeftWhy::Asked)
    }

    fn left(entry: Revision, user: UserId, keyed: Option<CommandKey<'_>>, why: LeftWhy) -> Decided {
        let left = WaitingLeft { entry, user, keyed: keyed.map(CommandKey::keyed), why };
        Self::always(Fact::WaitingLeft(Box::new(left)))
    }

    /// Holds for an entry what fits its wish, if anything does and its turn has come.
    pub(super) fn offer(&mut self, entry: Revision, user: UserId) -> Decided {
        let layout = self.scope.layout;
        let nothing = Err(Instead::Answer(nothing_done()));
        let waiter = layout.waiting.get_first(entry).filter(|waiter| waiter.user == user);
        let Some(waiter) = waiter.filter(|_| layout.sale_state == SaleState::Onsale) else { return nothing };
        let lines = match self.place_wish(&waiter, Some(entry)) {
            Ok(Some(lines)) => lines,
            Ok(None) => return nothing,
            Err(Instead::Overdue(Refusal::IdentityLimit { .. }, _))
                if self.scope.is_exclusive() && !self.any_overdue() =>
            {
                return Self::left(entry, user, None, LeftWhy::OverLimit);
            }
            Err(instead) => return Err(instead),
        };
        let places = waiter.wish.places;
        if self.is_over_limit(user, places) {
            self.scope.give_back_quietly();
            self.scope.unlock_stripes();
            let shard = self.scope.look(user.shard());
            let mut holds = shard.holds.values();
            if holds.any(|hold| hold.user == user && hold.deadline <= self.now) {
                return Err(Instead::Overdue(self.user_limit_of(user, places), Vec::new()));
            }
            return Self::left(entry, user, None, LeftWhy::OverLimit);
        }
        let rules = layout.manifest.rules();
        let ttl_ms = layout.waiting_rules.offer_ttl_ms;
        let placed = HoldPlaced {
            user,
            keyed: None,
            ttl_ms,
            lifetime_ms: (ttl_ms + rules.hold_lifetime_ms_max).min(HOLD_LIFETIME_MS_MAX),
            extensions_left: rules.extensions_max,
            lines,
        };
        let with = offered(&waiter, Some(entry)).fact();
        Self::always(Fact::HoldPlacedWith(Box::new(HoldPlacedWith { placed, with })))
    }

    /// Places for a wish, from those on public sale: seats, or places of one area. Nothing that is in its way is expired first.
    fn place_wish(&mut self, waiter: &Waiter, entry: Option<Revision>) -> Result<Option<Lines>, Instead> {
        let Wish { places, category, ticket_type, together } = waiter.wish;
        let with = offered(waiter, entry);
        let manifest = std::sync::Arc::clone(&self.scope.layout.manifest);
        let best = BestAvailable {
            category,
            allow_split: !together,
            ..BestAvailable::adjacent(places, ticket_type)
        };
        let sold_in = |at: &usize| {
            let of = manifest.areas()[*at].category;
            category.is_none_or(|wanted| wanted == of) && manifest.price(ticket_type, of).is_some()
        };
        let areas = (0..manifest.areas().len()).filter(sold_in);
        let areas = areas.map(|at| Item::Area { area: AreaIndex::of(at), quantity: places, ticket_type });
        for item in std::iter::once(Item::Best(best)).chain(areas) {
            let removed = Lines::default();
            let basket = Basket {
                items: &[item],
                removed: &removed,
                owner: None,
                user: waiter.user,
                unlocked: 0,
                with: Some(&with),
            };
            match self.fill(&basket) {
                Ok(lines) => return Ok(Some(lines)),
                Err(Instead::Changed) => return Err(Instead::Changed),
                Err(over @ Instead::Overdue(Refusal::IdentityLimit { .. }, _)) => return Err(over),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    fn known_wish(&self, wish: &Wish) -> Result<(), Refusal> {
        let manifest = &self.scope.layout.manifest;
        if let Some(category) = wish.category.filter(|at| at.at() >= manifest.categories().len()) {
            return Err(Refusal::UnknownCategory(category));
        }
        let ticket_type = wish.ticket_type;
        if ticket_type.at() >= manifest.ticket_types().len() {
            return Err(Refusal::UnknownTicketType(ticket_type));
        }
        match wish.category {
            Some(category) if manifest.price(ticket_type, category).is_none() => {
                Err(Refusal::NotSold { ticket_type, category })
            }
            _ => Ok(()),
        }
    }

    fn is_over_limit(&self, user: UserId, asked: u32) -> bool {
        let usage = self.scope.look(user.shard()).usage(user);
        let limit = self.scope.layout.manifest.rules().tickets_per_user_max;
        (usage.held + usage.owned).saturating_add(asked) > limit
    }

    fn user_limit_of(&self, user: UserId, asked: u32) -> Refusal {
        let usage = self.scope.look(user.shard()).usage(user);
        let limit = self.scope.layout.manifest.rules().tickets_per_user_max;
        Refusal::UserLimit { limit, used: usage.held + usage.owned, asked }
    }
}

/// What an offered hold says beside its places.
fn offered(waiter: &Waiter, entry: Option<Revision>) -> With {
    let identities = waiter.identities.iter().copied().collect();
    With { identities, waiting: entry, is_offer: true, until: UtcMs::NEVER, ..With::default() }
}
