//! Facts about holds.

use std::collections::BTreeMap;

use super::accounts::places;
use super::books::{AuditedHold, Books, Broken, Checked, ensure};
use crate::fact::{
    AreaLine, HoldAmended, HoldEnd, HoldEnded, HoldExtended, HoldPlaced, Lines, SeatLine, Stamp,
};
use crate::id::{AllocationIndex, AreaIndex, HoldNumber, TicketTypeIndex, UserId};
use crate::invariant::Invariant;
use crate::key::Operation;
use crate::limits::PLACES_PER_HOLD_MAX;
use crate::order::StepKind;
use crate::sale::{Activity, SaleState};

impl Books {
    pub fn hold_placed(&mut self, stamp: Stamp, placed: &HoldPlaced) -> Checked {
        self.key(stamp, placed.user, Operation::Hold, placed.keyed.as_ref())?;
        self.allowed(Activity::Hold)?;
        let rules = self.manifest.rules();
        let ttl = placed.ttl_ms;
        let (ttls, lifetime_ms) = self.times_of_hold();
        let ttl_fits = ttls.contains(&ttl);
        ensure(ttl_fits, Invariant::I4DeadIsDead, || format!("a hold may not last {ttl} ms"))?;
        let lifetime_fits = placed.lifetime_ms == lifetime_ms;
        ensure(lifetime_fits, Invariant::I4DeadIsDead, || {
            format!("a lifetime of {} ms", placed.lifetime_ms)
        })?;
        let extensions_fit = placed.extensions_left == rules.extensions_max;
        ensure(extensions_fit, Invariant::I4DeadIsDead, || format!("{} extensions", placed.extensions_left))?;
        ensure(places(&placed.lines)? > 0, Invariant::I8SameFacts, || "a hold of nothing".to_owned())?;
        let number = HoldNumber::new(stamp.revision, placed.user.shard());
        self.new_lines(&placed.lines)?;
        self.within_hold_limit(&placed.lines)?;
        self.take(number, &placed.lines)?;
        self.accounts.add_user(placed.user, places(&placed.lines)?, 0)?;
        self.within_user_limit(placed.user)?;
        let hold = AuditedHold {
            user: placed.user,
            lines: placed.lines.clone(),
            deadline: stamp.at.plus_ms(ttl),
            lifetime_end: stamp.at.plus_ms(placed.lifetime_ms),
            extensions_left: placed.extensions_left,
            payment_deadline: None,
        };
        self.holds.insert(number, hold);
        self.tally.holds_placed += 1;
        Ok(())
    }

    pub fn hold_amended(&mut self, stamp: Stamp, amended: &HoldAmended) -> Checked {
        let number = amended.hold;
        self.key(stamp, amended.user, Operation::Amend, amended.keyed.as_ref())?;
        let hold = self.live_hold(stamp, number, amended.user)?;
        unpinned(number, hold)?;
        let same_times = (hold.deadline, hold.extensions_left) == (amended.deadline, amended.extensions_left);
        ensure(same_times, Invariant::I4DeadIsDead, || format!("amending changed the times of {number:?}"))?;
        let (added, removed) = (places(&amended.added)?, places(&amended.removed)?);
        ensure(added + removed > 0, Invariant::I8SameFacts, || "an amendment of nothing".to_owned())?;
        ensure(places(&amended.lines)? > 0, Invariant::I2Conservation, || {
            format!("{number:?} keeps nothing")
        })?;
        in_order(&amended.removed)?;
        in_order(&amended.lines)?;
        let left = bag(&hold.lines)?.less(&amended.removed);
        let left =
            left.ok_or_else(|| (Invariant::I2Conservation, format!("{number:?} gives back what it lacks")))?;
        let adds_up = left.plus(&amended.added)? == bag(&amended.lines)?;
        ensure(adds_up, Invariant::I2Conservation, || format!("the lines of {number:?} do not add up"))?;
        if added > 0 {
            self.allowed(Activity::Hold)?;
            self.new_lines(&amended.added)?;
            self.within_hold_limit(&amended.lines)?;
        }
        self.give_back(number, &amended.removed)?;
        self.take(number, &amended.added)?;
        self.accounts.add_user(amended.user, added - removed, 0)?;
        if added > removed {
            self.within_user_limit(amended.user)?;
        }
        if let Some(hold) = self.holds.get_mut(&number) {
            hold.lines = amended.lines.clone();
        }
        Ok(())
    }

    pub fn hold_extended(&mut self, stamp: Stamp, extended: &HoldExtended) -> Checked {
        let number = extended.hold;
        self.key(stamp, extended.user, Operation::Extend, extended.keyed.as_ref())?;
        self.allowed(Activity::Extend)?;
        let longest = stamp.at.plus_ms(self.manifest.rules().hold_ttl_ms_max);
        let hold = self.live_hold(stamp, number, extended.user)?;
        unpinned(number, hold)?;
        let one_less = hold.extensions_left.checked_sub(1) == Some(extended.extensions_left);
        let open_ended = hold.deadline < hold.lifetime_end;
        ensure(one_less && open_ended, Invariant::I4DeadIsDead, || {
            format!("{number:?} had no extension left")
        })?;
        let latest = longest.min(hold.lifetime_end).max(hold.deadline);
        let fits = (hold.deadline..=latest).contains(&extended.deadline);
        ensure(fits, Invariant::I4DeadIsDead, || {
            format!("{number:?} may not last until {}", extended.deadline)
        })?;
        same_lines(number, &hold.lines, &extended.lines)?;
        if let Some(hold) = self.holds.get_mut(&number) {
            hold.deadline = extended.deadline;
            hold.extensions_left = extended.extensions_left;
        }
        Ok(())
    }

    pub fn hold_ended(&mut self, stamp: Stamp, ended: &HoldEnded) -> Checked {
        let number = ended.hold;
        let hold = self.hold_of(number, ended.user)?;
        same_lines(number, &hold.lines, &ended.lines)?;
        let (deadline, pinned) = (hold.effective_deadline(), hold.payment_deadline.is_some());
        let by = ended.by.as_ref();
        match ended.end {
            HoldEnd::Expired => {
                ensure(stamp.at >= deadline, Invariant::I4DeadIsDead, || {
                    format!("{number:?} expired at {}, its deadline is {deadline}", stamp.at)
                })?;
                ensure(by.is_none(), Invariant::I8SameFacts, || "an expiry under a key".to_owned())?;
                self.tally.holds_expired += 1;
            }
            HoldEnd::Released | HoldEnd::ForceReleased => {
                ensure(!pinned, Invariant::I12OneOrder, || {
                    format!("{number:?} was taken from its open order")
                })?;
                let force = ended.end == HoldEnd::ForceReleased;
                let operation = if force { Operation::Staff } else { Operation::Release };
                if let Some((user, keyed)) = by {
                    let own = force || *user == ended.user;
                    ensure(own, Invariant::I1OneOwner, || format!("{number:?} was released by {user:?}"))?;
                    self.key(stamp, *user, operation, Some(keyed))?;
                }
                let tally = &mut self.tally;
                *(if force { &mut tally.holds_force_released } else { &mut tally.holds_released }) += 1;
            }
        }
        if pinned {
            self.steps(number, ended.user, StepKind::Expired)?;
            self.order_mut(number)?.wanted = ended.lines.clone();
            self.tally.orders_expired += 1;
        }
        self.free_hold(number)
    }

    /// Takes the hold away and frees its lines.
    pub fn free_hold(&mut self, number: HoldNumber) -> Checked {
        let Some(hold) = self.holds.remove(&number) else { return Ok(()) };
        self.give_back(number, &hold.lines)?;
        self.accounts.add_user(hold.user, -places(&hold.lines)?, 0)
    }

    /// The hold, which has not ended and belongs to `user`.
    pub fn hold_of(&self, number: HoldNumber, user: UserId) -> Result<&AuditedHold, Broken> {
        let dead = || (Invariant::I4DeadIsDead, format!("{number:?} is no hold or has ended"));
        let hold = self.holds.get(&number).ok_or_else(dead)?;
        let own = hold.user == user;
        ensure(own, Invariant::I1OneOwner, || {
            format!("{number:?} belongs to {:?}, not {user:?}", hold.user)
        })?;
        Ok(hold)
    }

    /// As [`hold_of`](Self::hold_of), and its effective deadline is still to come.
    pub fn live_hold(&self, stamp: Stamp, number: HoldNumber, user: UserId) -> Result<&AuditedHold, Broken> {
        let hold = self.hold_of(number, user)?;
        let deadline = hold.effective_deadline();
        ensure(stamp.at < deadline, Invariant::I4DeadIsDead, || {
            format!("{number:?} was dead at {}, its deadline was {deadline}", stamp.at)
        })?;
        Ok(hold)
    }

    /// Lines that somebody may take now: in order, at the prices on sale, from places that can be open.
    fn new_lines(&self, lines: &Lines) -> Checked {
        in_order(lines)?;
        for line in &lines.seats {
            if !self.manifest.is_real(line.seat) {
                return Err((Invariant::I2Conservation, format!("there is no seat {}", line.seat.0)));
            }
            let price = self.manifest.price(line.ticket_type, self.manifest.category_of(line.seat));
            let price = price.map(|price| self.beside.price.apply(price));
            priced(price, line.price_minor, || format!("seat {}", line.seat.0))?;
            self.can_be_open(self.seats[line.seat.at()].allocation, || format!("seat {}", line.seat.0))?;
        }
        for line in &lines.areas {
            let Some(area) = self.manifest.areas().get(line.area.at()) else {
                return Err((Invariant::I2Conservation, format!("there is no area {}", line.area.0)));
            };
            let price = self.manifest.price(line.ticket_type, area.category);
            let price = price.map(|price| self.beside.price.apply(price));
            priced(price, line.price_minor, || format!("area {}", line.area.0))?;
            let pool = (line.area, line.allocation);
            let there = self.accounts.pools.contains_key(&pool);
            ensure(there, Invariant::I2Conservation, || format!("there is no pool {pool:?}"))?;
            self.can_be_open(line.allocation, || format!("area {}", line.area.0))?;
        }
        Ok(())
    }

    fn within_hold_limit(&self, lines: &Lines) -> Checked {
        let count = places(lines)?;
        let fits = count <= i64::try_from(PLACES_PER_HOLD_MAX).unwrap_or(i64::MAX);
        ensure(fits, Invariant::I10Limits, || format!("a hold of {count} places"))
    }

    /// There is a channel or a code that opens the allocation, or it is open to everybody.
    fn can_be_open(&self, allocation: Option<AllocationIndex>, place: impl Fn() -> String) -> Checked {
        let public = self.sale == SaleState::Onsale;
        let open = match allocation {
            None => public,
            Some(at) => {
                let entry = self.manifest.allocations().get(at.at());
                let unlockable = entry.is_some_and(|a| !a.channels.is_empty() || a.access_code.is_some());
                let by_voucher = self.beside.unlocks == Some(at);
                unlockable || by_voucher || public && self.released.contains(&at)
            }
        };
        let sale = self.sale;
        ensure(open, Invariant::I8SameFacts, || {
            format!("{} of allocation {allocation:?} was open to nobody while {sale:?}", place())
        })
    }
}

fn unpinned(number: HoldNumber, hold: &AuditedHold) -> Checked {
    let pinned = hold.payment_deadline.is_some();
    ensure(!pinned, Invariant::I12OneOrder, || format!("{number:?} is pinned by its open order"))
}

pub(super) fn same_lines(number: HoldNumber, has: &Lines, found: &Lines) -> Checked {
    ensure(has == found, Invariant::I2Conservation, || format!("the lines are not those of {number:?}"))
}

fn priced(price: Option<i64>, found: i64, place: impl Fn() -> String) -> Checked {
    ensure(price == Some(found), Invariant::I7Money, || {
        format!("{} at {found}, the price is {price:?}", place())
    })
}

type AreaKey = (AreaIndex, Option<AllocationIndex>, TicketTypeIndex, i64);

fn area_key(line: &AreaLine) -> AreaKey {
    (line.area, line.allocation, line.ticket_type, line.price_minor)
}

/// Lines are ascending and distinct, and none is empty.
fn in_order(lines: &Lines) -> Checked {
    let seats = lines.seats.windows(2).all(|pair| pair[0].seat < pair[1].seat);
    let areas = lines.areas.windows(2).all(|pair| area_key(&pair[0]) < area_key(&pair[1]));
    let full = lines.areas.iter().all(|line| line.quantity > 0);
    ensure(seats && areas && full, Invariant::I8SameFacts, || {
        "lines are not ascending and distinct".to_owned()
    })
}

/// Lines without their order.
#[derive(PartialEq)]
struct Bag {
    seats: BTreeMap<u32, SeatLine>,
    areas: BTreeMap<AreaKey, u32>,
}

fn bag(lines: &Lines) -> Result<Bag, Broken> {
    Bag { seats: BTreeMap::new(), areas: BTreeMap::new() }.plus(lines)
}

impl Bag {
    fn plus(mut self, lines: &Lines) -> Result<Self, Broken> {
        for line in &lines.seats {
            let before = self.seats.insert(line.seat.0, *line);
            ensure(before.is_none(), Invariant::I1OneOwner, || {
                format!("seat {} is there twice", line.seat.0)
            })?;
        }
        for line in &lines.areas {
            *self.areas.entry(area_key(line)).or_default() += line.quantity;
        }
        Ok(self)
    }

    fn less(mut self, lines: &Lines) -> Option<Self> {
        for line in &lines.seats {
            self.seats.remove(&line.seat.0).filter(|had| had == line)?;
        }
        for line in &lines.areas {
            let count = self.areas.get_mut(&area_key(line))?;
            *count = count.checked_sub(line.quantity)?;
            if *count == 0 {
                self.areas.remove(&area_key(line));
            }
        }
        Some(self)
    }
}
