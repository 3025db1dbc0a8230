//! The end of a run: the faults stop, and everything must come right within a bounded number of steps.

use super::expected::order_of;
use super::history::violation;
use super::judge::{Sent, about_paid};
use super::world::World;
use crate::fact::{Fact, HoldEnd};
use crate::id::{HoldId, Revision, SeatIndex, TicketTypeIndex, UserId};
use crate::invariant::{Invariant, Violation};
use crate::request::{CloseOrderRequest, HoldRequest, Item, OpenOrderRequest, SaleStateRequest};
use crate::sale::SaleState;
use crate::testkit::{BesideCommand, Command, Model, ModelAnswer};
use crate::time::{Clock, UtcMs};

/// Rounds of landing, maintenance and polling in which everything must be answered.
const ROUNDS_MAX: u32 = 64;

impl World {
    /// Ends the faults and brings everything to an end.
    pub fn finish(&mut self) -> Result<(), Violation> {
        self.trace.line("the faults end".to_owned());
        self.end_disk_trouble()?;
        let latest = self.nodes.iter().map(|node| node.clock.now()).max().unwrap_or_default();
        for node in &mut self.nodes {
            node.set_faults(false);
            node.store.clear_script();
            node.moved_ms += latest.since_ms(node.clock.now());
            node.clock.set(latest);
            if node.office.is_none() {
                node.start();
            }
        }
        self.let_clocks_catch_up();
        self.settle()?;
        self.explain_facts()?;
        self.empty_waiting_list()?;
        self.cancel_in_the_middle()?;
        self.expire_everything()?;
        self.settle_money()?;
        self.buy_something()?;
        self.audit()?;
        for at in 0..self.nodes.len() {
            self.look(at)?;
            self.look_closely(at)?;
        }
        self.tally.store(match (self.plan.local, self.plan.shared) {
            (true, _) => "local",
            (false, true) => "memory, shared",
            (false, false) => "memory",
        });
        for (_, fact) in self.history.facts() {
            self.tally.fact(fact);
        }
        for (_, order) in self.history.model().orders() {
            self.tally.order(order.state);
        }
        self.nodes.iter().for_each(|node| node.bury(&mut self.tally));
        Ok(())
    }

    /// Logged time that is ahead of the clocks goes on at half speed: once they have moved on twice as far, all offices agree on the time
    /// again. Until then one may see overdue what has just begun in another.
    fn let_clocks_catch_up(&mut self) {
        let logged = self.history.facts().last().map(|(stamp, _)| stamp.at);
        let shown =
            self.nodes.iter().filter_map(|node| node.progress(self.event)).map(|progress| progress.now);
        let latest = shown.chain(logged).max().unwrap_or_default();
        for node in &mut self.nodes {
            let ahead_ms = latest.since_ms(node.clock.now());
            node.clock.advance(2 * ahead_ms);
            node.moved_ms += 2 * ahead_ms;
        }
    }

    /// Everything that is under way lands, and everybody is answered.
    pub fn settle(&mut self) -> Result<(), Violation> {
        for _ in 0..ROUNDS_MAX {
            for at in 0..self.nodes.len() {
                self.nodes[at].store.release_all();
                // An event is opened by who asks for it; only then does anything expire.
                let _opened = self.nodes[at].progress(self.event);
                self.maintain(at)?;
                let office = self.nodes[at].office.as_ref();
                if office.is_some_and(|office| office.stopped(self.event).is_some()) {
                    self.nodes[at].reopen(self.event, self.plan.shared);
                }
            }
            self.keep_store()?;
            self.look_for_stops()?;
            self.poll()?;
            if self.pending.is_empty()
                && self.paid.is_empty()
                && self.nodes.iter().all(|node| node.store.pending() == 0)
            {
                return Ok(());
            }
        }
        let first = self.pending.first().map(|(sent, _)| &sent.command);
        let (plain, paid) = (self.pending.len(), self.paid.len());
        let what = format!("{plain} and {paid} commands are never answered: {first:?}");
        Err(violation(Invariant::I5Durable, self.history.end(), what))
    }

    /// Every fact is that of a command that was sent and may have been carried out: nothing is half there, nothing appears.
    fn explain_facts(&mut self) -> Result<(), Violation> {
        let mut lost = std::mem::take(&mut self.lost);
        let unclaimed: Vec<Revision> = self.history.unclaimed().collect();
        for revision in unclaimed {
            if self.is_due_release(revision) {
                self.history.claim(revision);
            } else if self.explained_by_paid(revision) {
                self.history.claim(revision);
                self.tally.event("paid: lost and found in the journal");
            } else if let Some(found) = lost.iter().position(|sent| self.explains(sent, revision)) {
                self.history.claim(revision);
                self.tally.event("lost and found in the journal");
                lost.swap_remove(found);
            } else {
                let fact = self.history.fact(revision);
                let what = format!("{fact:?} is in the journal, but nobody asked for it, or was told no");
                return Err(violation(Invariant::I5Durable, revision, what));
            }
        }
        Ok(())
    }

    fn is_due_release(&self, revision: Revision) -> bool {
        let (Some((stamp, fact)), Some(model)) =
            (self.history.fact(revision), self.history.model_at(Revision(revision.0 - 1)))
        else {
            return false;
        };
        let Fact::AllocationReleased { allocation } = fact else { return false };
        model.clone().release_due(*allocation, stamp.at).as_ref() == Some(&(*stamp, fact.clone()))
    }

    fn explains(&self, sent: &Sent, revision: Revision) -> bool {
        let Some((answered, stamp, fact)) = self.history.asked(&sent.command, revision) else { return false };
        if let Some(asked) = about_paid(&self.history, &sent.command) {
            return revision > sent.from && may_become(&sent.command, fact) && order_of(fact) == Some(asked);
        }
        revision > sent.from
            && may_become(&sent.command, fact)
            && matches!(answered, Ok(ModelAnswer::Logged(at, logged)) if at == stamp && logged == *fact)
    }

    /// All holds come to their deadlines; maintenance ends them within as many calls as there are batches.
    fn expire_everything(&mut self) -> Result<(), Violation> {
        let last = self
            .history
            .model()
            .holds()
            .map(|(_, hold)| hold.payment_deadline.unwrap_or(hold.deadline))
            .max();
        let now = self.nodes.iter().map(|node| node.clock.now()).max().unwrap_or_default();
        let to = last.unwrap_or_default().max(now).plus_ms(1);
        for node in &mut self.nodes {
            node.moved_ms += to.since_ms(node.clock.now());
            node.clock.set(to);
        }
        self.bank.advance_to(to);
        for _ in 0..3 {
            self.settle()?;
        }
        match self.history.model().holds().next() {
            None => Ok(()),
            Some((number, hold)) => {
                let what = format!("{number:?} is overdue and never expires: {hold:?}");
                Err(violation(Invariant::I4DeadIsDead, self.history.end(), what))
            }
        }
    }

    /// A fresh buyer buys something that is free, if the model says that he may.
    fn buy_something(&mut self) -> Result<(), Violation> {
        let (event, now) = (self.event, self.nodes[0].clock.now());
        if self.history.model().sale_state() != SaleState::Onsale {
            let on_sale = Command::SaleState(SaleStateRequest { event, to: SaleState::Onsale });
            self.send(self.freshest(), on_sale)?;
            self.settle()?;
        }
        let Some(request) = self.possible_hold(now) else { return Ok(()) };
        let user = request.user;
        let held = |world: &Self| {
            let found = world.history.model().holds().find(|(_, hold)| hold.user == user);
            found.map(|(number, _)| number)
        };
        // A late batch of an earlier life may have stopped the event: then the first command opens it again, and fails.
        for _ in 0..2 {
            if held(self).is_none() {
                self.send(self.freshest(), Command::Hold(request.clone()))?;
                self.settle()?;
            }
        }
        let bought = held(self);
        let Some(number) = bought else { return Err(self.no_sale("a free place can't be held")) };
        let hold = HoldId { event, number };
        self.send(self.freshest(), Command::OpenOrder(OpenOrderRequest { hold, user, key: None }))?;
        self.settle()?;
        self.send(
            self.freshest(),
            Command::ConfirmOrder(CloseOrderRequest { order: hold.order(), user, key: None }),
        )?;
        self.settle()?;
        let sold = |(stamp, fact): &(crate::fact::Stamp, Fact)| {
            stamp.revision > number.placed_at()
                && matches!(fact, Fact::OrderConfirmed(f) if f.order == number)
        };
        if self.history.facts().iter().any(sold) {
            Ok(())
        } else {
            Err(self.no_sale("a hold can't be bought"))
        }
    }

    /// The office that knows most: one that does not write learns nothing of what others have written.
    pub fn freshest(&self) -> usize {
        let known = |at: &usize| {
            let progress = self.nodes[*at].progress(self.event);
            progress.map_or(Revision::ZERO, |progress| progress.durable)
        };
        (0..self.nodes.len()).max_by_key(known).unwrap_or(0)
    }

    fn no_sale(&self, what: &str) -> Violation {
        violation(Invariant::I8SameFacts, self.history.end(), what)
    }

    fn possible_hold(&self, now: UtcMs) -> Option<HoldRequest> {
        let model: &Model = self.history.model();
        let types = 0..model.manifest().ticket_types().len();
        let user = UserId::from(99);
        let mut requests = types.flat_map(|at| {
            let ticket_type = TicketTypeIndex::of(at);
            let seat = |seat: SeatIndex| Item::Seats { seats: vec![seat], ticket_type };
            let seats = model.manifest().seats().map(seat);
            let areas = (0..model.manifest().areas().len()).map(crate::id::AreaIndex::of);
            let area = areas.map(move |area| Item::Area { area, quantity: 1, ticket_type });
            seats.chain(area).map(|item| HoldRequest::new(self.event, user, vec![item])).collect::<Vec<_>>()
        });
        requests.find(|request| model.clone().hold(request, now).is_ok())
    }
}

/// Whether a command can become a fact of this kind.
fn may_become(command: &Command, fact: &Fact) -> bool {
    matches!(
        (command, fact),
        (Command::Hold(_), Fact::HoldPlaced(_))
            | (Command::Amend(_), Fact::HoldAmended(_))
            | (Command::Extend(_), Fact::HoldExtended(_))
            | (Command::OpenOrder(_), Fact::OrderOpened(_))
            | (Command::ConfirmOrder(_), Fact::OrderConfirmed(_))
            | (Command::CancelOrder(_), Fact::OrderCancelled(_))
            | (Command::ChangeSeats(_), Fact::SeatsChanged(_))
            | (Command::BlockPlaces(_), Fact::PlacesChanged(_))
            | (Command::ReleaseAllocation(_), Fact::AllocationReleased { .. })
            | (Command::SaleState(_), Fact::SaleStateChanged { .. })
            | (Command::ChangeManifest(_), Fact::ManifestChanged(_))
            | (Command::Hold(_), Fact::HoldPlacedWith(_))
    ) || match (command, fact) {
        (Command::Beside(command), fact) => matches!(
            (&**command, fact),
            (BesideCommand::AddVouchers(_), Fact::VouchersAdded(_))
                | (BesideCommand::RevokeVouchers(_), Fact::VouchersRevoked(_))
                | (BesideCommand::WaitingRules(_), Fact::WaitingRulesSet(_))
                | (BesideCommand::Join(_), Fact::WaitingJoined(_))
                | (BesideCommand::Leave(_), Fact::WaitingLeft(_))
        ),
        (Command::Release(_), Fact::HoldEnded(ended)) => ended.end == HoldEnd::Released,
        (Command::ForceRelease(_), Fact::HoldEnded(ended)) => ended.end == HoldEnd::ForceReleased,
        _ => false,
    }
}
