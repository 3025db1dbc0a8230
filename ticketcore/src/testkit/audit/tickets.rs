//! The tickets of one order: which there are, what each is for, and which live. The auditor's own books.

use super::books::{Broken, Checked, ensure};
use crate::fact::{AreaLine, Lines};
use crate::id::UserId;
use crate::invariant::Invariant;
use crate::order::Way;

/// What a ticket is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Good {
    /// It lets somebody in.
    Yes,
    /// Not while its payment is disputed.
    Disputed,
    /// Never again.
    No,
}

/// A ticket, for one seat or one place.
#[derive(Clone, Debug)]
pub(super) struct AuditedTicket {
    /// A single line for a single place.
    place: Lines,
    pub good: Good,
    holder: UserId,
    inside: bool,
}

/// The tickets of an order, made when they are first asked about.
#[derive(Clone, Debug, Default)]
pub(super) struct Tickets(Vec<AuditedTicket>);

/// One line for each place: seats first, then places.
fn one_by_one(lines: &Lines) -> impl Iterator<Item = Lines> + '_ {
    let seats =
        lines.seats.iter().map(|line| Lines { seats: [*line].into_iter().collect(), areas: Vec::new() });
    let places = lines.areas.iter().flat_map(|line| {
        let one = AreaLine { quantity: 1, ..*line };
        (0..line.quantity).map(move |_| Lines { seats: Default::default(), areas: vec![one] })
    });
    seats.chain(places)
}

impl Tickets {
    /// Whether there are any yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Issues tickets for `lines`: their numbers count on.
    pub fn issue(&mut self, lines: &Lines, to: UserId) {
        self.0.extend(one_by_one(lines).map(|place| AuditedTicket {
            place,
            good: Good::Yes,
            holder: to,
            inside: false,
        }));
    }

    fn get(&mut self, index: u32) -> Result<&mut AuditedTicket, Broken> {
        let found = self.0.get_mut(index as usize);
        found.ok_or_else(|| (Invariant::I1OneOwner, format!("there is no ticket {index}")))
    }

    /// What all tickets that are not dead are for.
    pub fn sold(&self) -> Lines {
        gather(self.0.iter().filter(|ticket| ticket.good != Good::No).map(|ticket| &ticket.place))
    }

    /// The tickets are there, each once, in order, and none is dead; if `valid`, none is disputed either.
    pub fn living(&mut self, tickets: &[u32], valid: bool) -> Checked {
        ensure(tickets.is_sorted_by(|a, b| a < b), Invariant::I8SameFacts, || {
            "tickets are not ascending and distinct".to_owned()
        })?;
        for &index in tickets {
            let good = self.get(index)?.good;
            let fine = good == Good::Yes || !valid && good == Good::Disputed;
            ensure(fine, Invariant::I1OneOwner, || format!("ticket {index} is good: {good:?}"))?;
        }
        Ok(())
    }

    /// The tickets die; `back` must be what they were for.
    pub fn kill(&mut self, tickets: &[u32], back: &Lines) -> Checked {
        self.living(tickets, false)?;
        for &index in tickets {
            self.get(index)?.good = Good::No;
        }
        let places = gather(tickets.iter().filter_map(|index| Some(&self.0.get(*index as usize)?.place)));
        ensure(places == *back, Invariant::I2Conservation, || {
            format!("tickets {tickets:?} die, and {back:?} is free, not {places:?}")
        })
    }

    /// All that live die.
    pub fn kill_all(&mut self, back: &Lines) -> Checked {
        let live =
            self.0.iter().zip(0..).filter(|(ticket, _)| ticket.good != Good::No).map(|(_, index)| index);
        let live: Vec<u32> = live.collect();
        self.kill(&live, back)
    }

    /// The tickets go to somebody else, from `by` if it is known who gave them away.
    pub fn transfer(&mut self, tickets: &[u32], by: Option<UserId>, to: UserId) -> Checked {
        self.living(tickets, true)?;
        ensure(!tickets.is_empty(), Invariant::I8SameFacts, || "nothing is transferred".to_owned())?;
        for &index in tickets {
            let ticket = self.get(index)?;
            let holder = std::mem::replace(&mut ticket.holder, to);
            ensure(by.is_none_or(|by| by == holder), Invariant::I1OneOwner, || {
                format!("ticket {index} is {holder:?}'s, and {by:?} gives it away")
            })?;
        }
        Ok(())
    }

    /// A ticket is used at the door.
    pub fn redeem(&mut self, index: u32, way: Way, forced: bool) -> Checked {
        let ticket = self.get(index)?;
        let good = ticket.good == Good::Yes || forced && ticket.good == Good::Disputed;
        ensure(good, Invariant::I1OneOwner, || format!("ticket {index} is used, good: {:?}", ticket.good))?;
        let again = ticket.inside == (way == Way::Entry);
        ensure(forced || !again, Invariant::I1OneOwner, || format!("ticket {index} is used twice: {way:?}"))?;
        ticket.inside = way == Way::Entry;
        Ok(())
    }

    /// What is disputed is out of use, or comes back into it.
    pub fn dispute(&mut self, open: bool) {
        let (from, to) = if open { (Good::Yes, Good::Disputed) } else { (Good::Disputed, Good::Yes) };
        self.0.iter_mut().filter(|ticket| ticket.good == from).for_each(|ticket| ticket.good = to);
    }
}

/// Lines of single places, put together and in order.
fn gather<'a>(places: impl Iterator<Item = &'a Lines>) -> Lines {
    let mut all = Lines::default();
    for place in places {
        all.seats.extend(place.seats.iter().copied());
        for line in &place.areas {
            let same = |other: &&mut AreaLine| {
                (other.area, other.allocation, other.ticket_type, other.price_minor)
                    == (line.area, line.allocation, line.ticket_type, line.price_minor)
            };
            match all.areas.iter_mut().find(same) {
                Some(other) => other.quantity += line.quantity,
                None => all.areas.push(*line),
            }
        }
    }
    all.seats.sort_unstable_by_key(|line| line.seat);
    all.areas.sort_unstable_by_key(|line| (line.area, line.allocation, line.ticket_type, line.price_minor));
    all
}
