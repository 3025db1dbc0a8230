//! Other places for those an order has, or had: exchanges, and equivalent places for late money.

use super::basket::Basket;
use super::{Decide, Decided, Instead};
use crate::command::CommandKey;
use crate::fact::{Lines, OrderStep};
use crate::id::{CategoryIndex, HoldNumber, TicketTypeIndex};
use crate::limits::{EXCHANGES_PER_ORDER_MAX, within};
use crate::order::{ExchangeRequest, OrderRecord, StepKind};
use crate::refusal::Refusal;
use crate::request::{BestAvailable, Item};
use crate::sale::Activity;

impl Decide<'_, '_> {
    pub(super) fn exchange(&mut self, request: &ExchangeRequest, keyed: Option<CommandKey<'_>>) -> Decided {
        let number = request.order.number;
        let order = self.own_order(number, request.user)?.clone();
        Self::legal(&order, StepKind::Exchanged)?;
        self.allowed(Activity::Hold)?;
        self.valid_tickets(&order, &request.tickets)?;
        let given_away = |index: &&u32| order.ticket(**index).is_some_and(|ticket| ticket.holder.is_some());
        if let Some(&ticket) = request.tickets.iter().find(given_away) {
            return Err(Refusal::UnknownTicket { ticket }.into());
        }
        let exchanges = order.account.as_ref().map_or(0, |account| account.exchanged.len()) as u64 + 1;
        within("exchanges", exchanges, 1, EXCHANGES_PER_ORDER_MAX as u64).map_err(Refusal::Limit)?;
        // Never more places than are given back: limits, of vouchers and identities too, stay where they are.
        let asked = request.items.iter().map(|item| u64::from(item.places())).sum();
        within("items: places", asked, 1, request.tickets.len() as u64).map_err(Refusal::Limit)?;
        let back = order.places_of(&request.tickets);
        let with = self.voucher_of(&order);
        let basket = Basket {
            items: &request.items,
            removed: &back,
            owner: Some(number),
            user: request.user,
            unlocked: 0,
            with: with.as_ref(),
        };
        let taken = self.fill(&basket)?;
        let price = |lines: &Lines| lines.total_minor().unwrap_or(i64::MAX);
        let (paid_minor, asked_minor) = (price(&back), price(&taken));
        if paid_minor != asked_minor {
            self.scope.give_back();
            return Err(Refusal::PriceDiffers { paid_minor, asked_minor }.into());
        }
        let by = keyed.map(|asked| (request.user, asked.keyed()));
        let step = OrderStep::Exchanged { tickets: request.tickets.clone(), back, taken };
        match self.stepped(number, &order, by, step) {
            Ok(fact) => Self::always(fact),
            Err(instead) => {
                self.scope.give_back();
                Err(instead)
            }
        }
    }

    /// As many places of the same categories and ticket types at the same price as the order wanted, reserved and locked; `None` if there are
    /// none. Adjacent ones come first.
    pub(super) fn take_equivalent(
        &mut self,
        number: HoldNumber,
        order: &OrderRecord,
    ) -> Result<Option<Lines>, Instead> {
        let removed = Lines::default();
        let items = self.like(&order.lines);
        let with = self.voucher_of(order);
        let basket = Basket {
            items: &items,
            removed: &removed,
            owner: Some(number),
            user: order.user,
            unlocked: 0,
            with: with.as_ref(),
        };
        match self.fill(&basket) {
            Ok(lines) if lines.total_minor() == order.lines.total_minor() => Ok(Some(lines)),
            Ok(_) => {
                self.scope.give_back();
                Ok(None)
            }
            Err(Instead::Changed) => Err(Instead::Changed),
            Err(_) => Ok(None),
        }
    }

    /// Requests for places like these: for seats the best there are of their category.
    fn like(&self, lines: &Lines) -> Vec<Item> {
        let manifest = &self.scope.layout.manifest;
        let mut seats: Vec<(CategoryIndex, TicketTypeIndex, u32)> = Vec::new();
        for line in &lines.seats {
            let category = manifest.category_of(line.seat);
            match seats.iter_mut().find(|(c, t, _)| (*c, *t) == (category, line.ticket_type)) {
                Some((.., count)) => *count += 1,
                None => seats.push((category, line.ticket_type, 1)),
            }
        }
        let best = |(category, ticket_type, count)| {
            let adjacent = BestAvailable::adjacent(count, ticket_type);
            Item::Best(BestAvailable { category: Some(category), allow_split: true, ..adjacent })
        };
        let areas = lines.areas.iter().map(|line| Item::Area {
            area: line.area,
            quantity: line.quantity,
            ticket_type: line.ticket_type,
        });
        seats.into_iter().map(best).chain(areas).collect()
    }
}
