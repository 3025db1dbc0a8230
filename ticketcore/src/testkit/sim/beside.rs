//! What clients and staff do about vouchers, identities and the waiting list.

use super::history::violation;
use super::propose::key_of;
use super::venue::{self, between};
use super::world::World;
use crate::id::{AllocationIndex, CategoryIndex, EventId, Revision, TicketTypeIndex, UserId};
use crate::invariant::{Invariant, Violation};
use crate::order::{Identity, News};
use crate::request::HoldRequest;
use crate::testkit::small_sale::key;
use crate::testkit::{BesideCommand, Command, Rng, START};
use crate::voucher::{
    AddVouchersRequest, PriceEffect, RevokeVouchersRequest, RevokeWhat, VoucherBatch, VoucherTerms,
};
use crate::waiting::{
    JoinWaitingRequest, LeaveWaitingRequest, WaitingEntry, WaitingRules, WaitingRulesRequest, Wish,
};

/// Codes there may be; few, so that they are met again.
const CODES: u32 = 12;
/// Batches there may be.
const BATCHES: u32 = 3;
/// Who users may be beside themselves.
const IDENTITIES: u32 = 3;

/// Commands that were sent under a key.
#[derive(Default)]
pub(super) struct Besides {
    serial: u64,
    keyed: Vec<Command>,
}

impl World {
    /// Somebody asks for something.
    pub fn ask_beside(&mut self, at: usize) -> Result<(), Violation> {
        self.besides.serial += 1;
        if self.rng.chance(10) && !self.besides.keyed.is_empty() {
            let recent = self.besides.keyed.len().saturating_sub(12);
            let again = recent + self.rng.index(self.besides.keyed.len() - recent);
            let command = self.besides.keyed[again].clone();
            return self.send(at, command);
        }
        let mut command = self.beside_command();
        if let Some(slot) = key_of(&mut command)
            && self.rng.chance(50)
        {
            let same = self.rng.chance(5);
            *slot =
                Some(key(&if same { "the same".to_owned() } else { format!("b{}", self.besides.serial) }));
            self.besides.keyed.push(command.clone());
        }
        self.send(at, command)
    }

    fn beside_command(&mut self) -> Command {
        let (event, by) = (self.event, UserId::from(1_002));
        let batch = VoucherBatch(between(&mut self.rng, 1, BATCHES));
        let command = match self.rng.below(100) {
            0..=54 => return Command::Hold(self.hold_with()),
            55..=66 => BesideCommand::AddVouchers(AddVouchersRequest {
                event: self.perhaps_event(),
                by,
                key: None,
                batch,
                terms: self.terms(batch),
                codes: (0..1 + self.rng.index(3)).map(|_| self.code()).collect(),
            }),
            67..=70 => {
                let which = if self.rng.chance(20) {
                    RevokeWhat::Batch(VoucherBatch(between(&mut self.rng, 1, BATCHES + 1)))
                } else {
                    RevokeWhat::Codes((0..1 + self.rng.index(2)).map(|_| self.code()).collect())
                };
                BesideCommand::RevokeVouchers(RevokeVouchersRequest { event, by, key: None, which })
            }
            71..=72 => {
                let offer_ttl_ms = 1 + self.rng.below(40 * 60_000);
                let rules = WaitingRules { offer_ttl_ms };
                BesideCommand::WaitingRules(WaitingRulesRequest { event: self.perhaps_event(), rules })
            }
            73..=94 => BesideCommand::Join(self.join()),
            _ => BesideCommand::Leave(self.leave()),
        };
        Command::Beside(Box::new(command))
    }

    fn perhaps_event(&mut self) -> EventId {
        if self.rng.chance(1) { EventId(4_711) } else { self.event }
    }

    fn code(&mut self) -> String {
        // Some are used by everybody.
        let most = if self.rng.chance(65) { 2 } else { CODES };
        format!("V{}", between(&mut self.rng, 1, most))
    }

    /// Who somebody says he is: one of a few, or the owner of a card that somebody has paid with.
    fn identities(&mut self) -> Vec<Identity> {
        let cards = self.bank.news.iter().filter_map(|(_, news)| match news {
            News::Payment { seen, .. } => seen.fingerprint(),
            _ => None,
        });
        let cards: Vec<Identity> = cards.collect();
        let of = |rng: &mut Rng| match cards.last() {
            Some(card) if rng.chance(50) => *card,
            _ => Identity(u128::from(between(rng, 1, IDENTITIES))),
        };
        (0..self.rng.index(3)).map(|_| of(&mut self.rng)).collect()
    }

    fn hold_with(&mut self) -> HoldRequest {
        let mut hold = self.crowd.hold(&mut self.rng, self.history.model());
        hold.voucher = self.rng.chance(75).then(|| self.code());
        hold.identities = self.identities();
        hold
    }

    /// The terms of most batches are drawn from their numbers, so that vouchers can be added to them.
    fn terms(&mut self, batch: VoucherBatch) -> VoucherTerms {
        let manifest = self.history.model().manifest();
        let (allocations, secret) = (manifest.allocations().len(), manifest.rules().key_secret.0);
        let (others, other) = (self.rng.chance(10), self.rng.next_u64());
        let rng = &mut Rng::new(if others { other } else { secret.wrapping_add(batch.0.into()) });
        let unknown = usize::from(others && allocations < 60);
        let minor = i64::from(between(rng, 0, 6)) * 400;
        VoucherTerms {
            uses_max: between(rng, 1, 3),
            places_max: rng.chance(40).then(|| between(rng, 1, 4)),
            from: rng.chance(20).then(|| START.plus_ms(rng.below(30 * 60_000))),
            until: rng.chance(40).then(|| START.plus_ms(30 * 60_000 + rng.below(12 * 3_600_000))),
            unlocks: (allocations + unknown > 0 && rng.chance(40))
                .then(|| AllocationIndex::of(rng.index(allocations + unknown))),
            price: match rng.below(4) {
                0 => PriceEffect::Keep,
                1 => PriceEffect::Set { minor },
                2 => PriceEffect::Subtract { minor },
                _ => PriceEffect::Percent { basis_points: 1_250 },
            },
        }
    }

    fn join(&mut self) -> JoinWaitingRequest {
        let manifest = self.history.model().manifest();
        let (categories, types) = (manifest.categories().len(), manifest.ticket_types().len());
        let nonsense = usize::from(self.rng.chance(3));
        let wish = Wish {
            places: if self.rng.chance(2) { 0 } else { between(&mut self.rng, 1, 4) },
            category: self.rng.chance(70).then(|| CategoryIndex::of(self.rng.index(categories + nonsense))),
            ticket_type: TicketTypeIndex::of(self.rng.index(types + nonsense)),
            together: self.rng.chance(50),
        };
        let user = venue::user(between(&mut self.rng, 1, 7));
        JoinWaitingRequest {
            event: self.perhaps_event(),
            user,
            key: None,
            wish,
            identities: self.identities(),
        }
    }

    fn leave(&mut self) -> LeaveWaitingRequest {
        let waiting: Vec<_> = self.history.model().waiting().collect();
        let (event, somebody) = (self.event, venue::user(between(&mut self.rng, 1, 7)));
        if waiting.is_empty() || self.rng.chance(5) {
            let entry = Revision(self.rng.below(self.history.end().0 + 3));
            return LeaveWaitingRequest { event, user: somebody, key: None, entry };
        }
        let (entry, own, _) = *self.rng.pick(&waiting);
        let user = if self.rng.chance(5) { somebody } else { own };
        LeaveWaitingRequest { event, user, key: None, entry }
    }

    /// Nobody waits in vain: what is there is offered. Then everybody leaves.
    pub fn empty_waiting_list(&mut self) -> Result<(), Violation> {
        for _ in 0..3 {
            self.settle()?;
        }
        if let Some(entry) = self.history.model().left_waiting() {
            let what = format!("{entry} waits for what is there");
            return Err(violation(Invariant::I11Fair, self.history.end(), what));
        }
        // Some entries get an offer instead, and who is over the limit leaves by himself.
        loop {
            let next = self.history.model().waiting().next();
            let Some((entry, user, _)) = next else { return Ok(()) };
            let before = self.history.end();
            let request = LeaveWaitingRequest { event: self.event, user, key: None, entry };
            let leave = Command::Beside(Box::new(BesideCommand::Leave(request)));
            self.send(self.freshest(), leave)?;
            self.settle()?;
            if self.history.end() == before {
                let what = format!("{entry} can't leave the waiting list");
                return Err(violation(Invariant::I8SameFacts, before, what));
            }
        }
    }

    /// Staff is told of vouchers, and users of their entries, what the journal says.
    pub fn look_beside(&self, at: usize) -> Result<(), Violation> {
        let Some(office) = &self.nodes[at].office else { return Ok(()) };
        let (model, end) = (self.history.model(), self.history.end());
        let wrong = |what: String| Err(violation(Invariant::I6NoGhosts, end, what));
        for code in (1..=CODES).map(|at| format!("V{at}")) {
            let found = office.find_voucher(self.event, &code);
            let told = found.as_ref().map(|found| found.map(|info| (info.uses, info.revoked)));
            if told.ok() != Some(model.voucher(&code)) {
                return wrong(format!("of {code} staff is told {found:?}, not {:?}", model.voucher(&code)));
            }
        }
        for user in (1..=venue::USERS).map(venue::user) {
            let own = model.waiting().filter(|(_, of, _)| *of == user);
            let expected: Vec<WaitingEntry> =
                own.map(|(entry, _, wish)| WaitingEntry { entry, wish, replayed: false }).collect();
            match office.waiting_of(self.event, user) {
                Ok((told, _)) if told == expected => {}
                other => return wrong(format!("{user:?} waits for {expected:?}, and is told {other:?}")),
            }
        }
        Ok(())
    }
}
