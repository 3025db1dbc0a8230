//! Holds: place, amend, extend, release, expire.

use super::basket::{Basket, join, unlocked};
use super::known::{known, known_seats};
use super::{Decide, Decided, Instead};
use crate::answer::{Done, Reply};
use crate::canary::Canary;
use crate::command::CommandKey;
use crate::event::shard::HoldRecord;
use crate::fact::{
    AreaLine, Fact, HoldAmended, HoldEnd, HoldEnded, HoldExtended, HoldPlaced, HoldPlacedWith, Lines,
    SeatLine,
};
use crate::id::{AreaIndex, HoldNumber, SeatIndex, TicketTypeIndex, UserId};
use crate::limits::{PLACES_PER_HOLD_MAX, within};
use crate::refusal::Refusal;
use crate::request::{AmendRequest, ExtendRequest, HoldRequest, ReleaseRequest};
use crate::sale::Activity;

impl Decide<'_, '_> {
    pub(super) fn hold(&mut self, request: &HoldRequest, keyed: Option<CommandKey<'_>>) -> Decided {
        let ttl_ms = self.ttl(request.ttl_ms)?;
        self.allowed(Activity::Hold)?;
        let with = if request.is_plain() { None } else { self.with(request)? };
        let manifest = &self.scope.layout.manifest;
        let unlocked = unlocked(manifest, request.channel.as_deref(), request.access_code.as_deref());
        let removed = Lines::default();
        let basket = Basket {
            items: &request.items,
            removed: &removed,
            owner: None,
            user: request.user,
            unlocked,
            with: with.as_ref(),
        };
        let lines = self.fill(&basket)?;
        let rules = self.scope.layout.manifest.rules();
        let placed = HoldPlaced {
            user: request.user,
            keyed: keyed.map(CommandKey::keyed),
            ttl_ms,
            lifetime_ms: rules.hold_lifetime_ms_max,
            extensions_left: rules.extensions_max,
            lines,
        };
        match with {
            None => Self::always(Fact::HoldPlaced(placed)),
            Some(with) => {
                let f = HoldPlacedWith { placed, with: with.fact() };
                Self::until(Fact::HoldPlacedWith(Box::new(f)), with.until)
            }
        }
    }

    /// The time asked for, checked against the event's rules. Checked before anything else about the state.
    fn ttl(&self, asked: Option<u64>) -> Result<u64, Refusal> {
        let rules = self.scope.layout.manifest.rules();
        let Some(ttl_ms) = asked else { return Ok(rules.hold_ttl_ms) };
        within("ttl_ms", ttl_ms, rules.hold_ttl_ms_min, rules.hold_ttl_ms_max).map_err(Refusal::Limit)?;
        Ok(ttl_ms)
    }

    pub(super) fn amend(&mut self, request: &AmendRequest, keyed: Option<CommandKey<'_>>) -> Decided {
        let number = request.hold.number;
        let hold = self.own_hold(number, request.user)?.clone();
        if !request.add.is_empty() {
            self.allowed(Activity::Hold)?;
        }
        self.live(&hold)?;
        if request.expected.is_some_and(|expected| expected != hold.version) {
            return Err(Refusal::StaleHold { version: hold.version }.into());
        }
        self.known_access_code(request.access_code.as_deref())?;
        known_seats(&self.scope.layout.manifest, &request.add)?;
        let (kept, removed) = split(&hold.lines, request)?;
        if kept.places() == 0 && request.add.is_empty() {
            return Err(Refusal::HoldWouldBeEmpty.into());
        }
        known(&self.scope.layout.manifest, &request.add)?;
        let places =
            u64::from(kept.places()) + request.add.iter().map(|item| u64::from(item.places())).sum::<u64>();
        within("items: places", places, 0, PLACES_PER_HOLD_MAX as u64).map_err(Refusal::Limit)?;
        let with = self.with_of(hold.with.as_deref());
        if let Some(with) = &with {
            with.within_places(u32::try_from(places).unwrap_or(u32::MAX))?;
        }
        let manifest = &self.scope.layout.manifest;
        let unlocked = unlocked(manifest, request.channel.as_deref(), request.access_code.as_deref());
        let basket = Basket {
            items: &request.add,
            removed: &removed,
            owner: Some(number),
            user: request.user,
            unlocked,
            with: with.as_ref(),
        };
        let added = self.fill(&basket)?;
        let amended = HoldAmended {
            hold: number,
            user: request.user,
            keyed: keyed.map(CommandKey::keyed),
            lines: join(kept, &added),
            added,
            removed,
            deadline: hold.deadline,
            extensions_left: hold.extensions_left,
        };
        Self::until(Fact::HoldAmended(Box::new(amended)), hold.deadline)
    }

    pub(super) fn extend(&mut self, request: &ExtendRequest, keyed: Option<CommandKey<'_>>) -> Decided {
        let ttl_ms = self.ttl(request.ttl_ms)?;
        let number = request.hold.number;
        let hold = self.own_hold(number, request.user)?;
        self.allowed(Activity::Extend)?;
        self.live(hold)?;
        if hold.extensions_left == 0 || hold.deadline >= hold.lifetime_end {
            return Err(Refusal::NoExtensionLeft { lifetime_end: hold.lifetime_end }.into());
        }
        let extended = HoldExtended {
            hold: number,
            user: request.user,
            keyed: keyed.map(CommandKey::keyed),
            deadline: self.now.plus_ms(ttl_ms).min(hold.lifetime_end).max(hold.deadline),
            extensions_left: hold.extensions_left - 1,
            lines: hold.lines.clone(),
        };
        Self::until(Fact::HoldExtended(Box::new(extended)), hold.deadline.min(self.this_instant()))
    }

    pub(super) fn release(&mut self, request: &ReleaseRequest, keyed: Option<CommandKey<'_>>) -> Decided {
        let Ok(hold) = self.own_hold(request.hold.number, request.user) else {
            return Err(Instead::Answer(nothing_done()));
        };
        if hold.pinned {
            self.live(hold)?;
        }
        let lines = hold.lines.clone();
        let by = keyed.map(|asked| (request.user, asked.keyed()));
        self.ended(HoldEnded {
            hold: request.hold.number,
            user: request.user,
            end: HoldEnd::Released,
            by,
            lines,
        })
    }

    pub(super) fn expire(&mut self, number: HoldNumber) -> Decided {
        let now = self.now;
        match self.scope.look(number.shard()).holds.get(&number) {
            Some(hold) if hold.deadline <= now => {
                let (user, lines) = (hold.user, hold.lines.clone());
                self.ended(HoldEnded { hold: number, user, end: HoldEnd::Expired, by: None, lines })
            }
            _ => Err(Instead::Answer(nothing_done())),
        }
    }

    pub(super) fn ended(&mut self, ended: HoldEnded) -> Decided {
        self.scope.lock_lines(&ended.lines.seats);
        Self::always(Fact::HoldEnded(ended))
    }

    /// The hold, if it is the user's.
    pub(super) fn own_hold(&self, number: HoldNumber, user: UserId) -> Result<&HoldRecord, Refusal> {
        if number.shard() != user.shard() {
            return Err(Refusal::UnknownHold);
        }
        let hold = self.scope.look(number.shard()).holds.get(&number);
        hold.filter(|hold| hold.user == user).ok_or(Refusal::UnknownHold)
    }

    /// Refuses what is overdue, then what is pinned.
    fn live(&self, hold: &HoldRecord) -> Result<(), Refusal> {
        self.not_overdue(hold)?;
        if hold.pinned { Err(Refusal::HoldPinned { payment_deadline: hold.deadline }) } else { Ok(()) }
    }

    pub(super) fn not_overdue(&self, hold: &HoldRecord) -> Result<(), Refusal> {
        if hold.deadline <= self.now && !self.canaries.on(Canary::LateExpiry) {
            return Err(Refusal::HoldExpired { deadline: hold.deadline });
        }
        Ok(())
    }
}

pub(super) fn nothing_done() -> Reply {
    Reply::Done(Done { revision: None, replayed: false })
}

/// What a hold keeps and what it gives back.
fn split(lines: &Lines, request: &AmendRequest) -> Result<(Lines, Lines), Refusal> {
    let mut kept = lines.clone();
    let mut removed = Lines::default();
    for &seat in &request.remove_seats {
        removed.seats.push(remove_seat(&mut kept, seat).ok_or(Refusal::NotInHold)?);
    }
    for &(area, ticket_type, quantity) in &request.remove_places {
        remove_places(&mut kept, &mut removed, area, ticket_type, quantity)?;
    }
    // Through `join`, so that the lines are in order and merged.
    let removed = join(Lines::default(), &removed);
    Ok((kept, removed))
}

fn remove_seat(kept: &mut Lines, seat: SeatIndex) -> Option<SeatLine> {
    let at = kept.seats.iter().position(|line| line.seat == seat)?;
    Some(kept.seats.remove(at))
}

fn remove_places(
    kept: &mut Lines,
    removed: &mut Lines,
    area: AreaIndex,
    ticket_type: TicketTypeIndex,
    quantity: u32,
) -> Result<(), Refusal> {
    let mut missing = quantity;
    for line in kept.areas.iter_mut().rev().filter(|l| (l.area, l.ticket_type) == (area, ticket_type)) {
        let taken = missing.min(line.quantity);
        if taken > 0 {
            removed.areas.push(AreaLine { quantity: taken, ..*line });
        }
        line.quantity -= taken;
        missing -= taken;
    }
    kept.areas.retain(|line| line.quantity > 0);
    if missing == 0 { Ok(()) } else { Err(Refusal::NotInHold) }
}
