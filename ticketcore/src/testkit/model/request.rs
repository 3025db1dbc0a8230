//! Checks of a request that need no state.

use crate::fact::SeatChange;
use crate::id::SeatIndex;
use crate::limits::{
    CODE_BYTES_MAX, IDENTITIES_PER_HOLD_MAX, ITEMS_PER_HOLD_MAX, PLACES_PER_HOLD_MAX,
    SEATS_PER_STAFF_COMMAND_MAX, VOUCHERS_PER_COMMAND_MAX, within,
};
use crate::manifest::Rules;
use crate::refusal::Refusal;
use crate::request::{AmendRequest, HoldRequest, Item, SeatsRequest};

fn limit(what: &str, found: usize, min: u64, max: usize) -> Result<(), Refusal> {
    within(what, found as u64, min, max as u64).map_err(Refusal::Limit)
}

fn small(what: &str, found: u32) -> Result<(), Refusal> {
    within(what, u64::from(found), 1, PLACES_PER_HOLD_MAX as u64).map_err(Refusal::Limit)
}

/// Places an item asks for.
pub(super) fn asked(item: &Item) -> u32 {
    match item {
        Item::Seats { seats, .. } => u32::try_from(seats.len()).unwrap_or(u32::MAX),
        Item::Area { quantity, .. } => *quantity,
        Item::Best(best) => best.count,
    }
}

fn items(items: &[Item]) -> Result<(), Refusal> {
    limit("items", items.len(), 0, ITEMS_PER_HOLD_MAX)?;
    for item in items {
        match item {
            Item::Seats { seats, .. } => limit("items.seats", seats.len(), 1, PLACES_PER_HOLD_MAX)?,
            Item::Area { quantity, .. } => small("items.quantity", *quantity)?,
            Item::Best(best) => small("items.best_available.count", best.count)?,
        }
    }
    places(items.iter().map(asked).sum())
}

/// Places of a hold.
pub(super) fn places(count: u32) -> Result<(), Refusal> {
    within("items: places", u64::from(count), 0, PLACES_PER_HOLD_MAX as u64).map_err(Refusal::Limit)
}

fn codes(channel: Option<&str>, access_code: Option<&str>) -> Result<(), Refusal> {
    limit("channel", channel.map_or(1, str::len), 1, CODE_BYTES_MAX)?;
    limit("access_code", access_code.map_or(1, str::len), 1, CODE_BYTES_MAX)
}

/// The lowest seat that is there twice.
fn distinct(mut seats: Vec<SeatIndex>) -> Result<(), Refusal> {
    seats.sort_unstable();
    match seats.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Refusal::DuplicateSeat(pair[0])),
        None => Ok(()),
    }
}

fn named(items: &[Item]) -> Vec<SeatIndex> {
    let seats = items.iter().filter_map(|item| match item {
        Item::Seats { seats, .. } => Some(seats),
        Item::Area { .. } | Item::Best(_) => None,
    });
    seats.flatten().copied().collect()
}

pub(super) fn hold(request: &HoldRequest) -> Result<(), Refusal> {
    codes(request.channel.as_deref(), request.access_code.as_deref())?;
    limit("identities", request.identities.len(), 0, IDENTITIES_PER_HOLD_MAX)?;
    limit("voucher", request.voucher.as_deref().map_or(1, str::len), 1, CODE_BYTES_MAX)?;
    items(&request.items)?;
    if request.items.is_empty() {
        return Err(Refusal::NothingRequested);
    }
    distinct(named(&request.items))
}

/// Codes of vouchers.
pub(super) fn voucher_codes(codes: &[String]) -> Result<(), Refusal> {
    limit("codes", codes.len(), 1, VOUCHERS_PER_COMMAND_MAX)?;
    codes.iter().try_for_each(|code| limit("codes", code.len(), 1, CODE_BYTES_MAX))
}

pub(super) fn amend(request: &AmendRequest) -> Result<(), Refusal> {
    codes(request.channel.as_deref(), request.access_code.as_deref())?;
    limit("remove_seats", request.remove_seats.len(), 0, PLACES_PER_HOLD_MAX)?;
    limit("remove_places", request.remove_places.len(), 0, ITEMS_PER_HOLD_MAX)?;
    request
        .remove_places
        .iter()
        .try_for_each(|(_, _, quantity)| small("remove_places.quantity", *quantity))?;
    items(&request.add)?;
    if request.add.is_empty() && request.remove_seats.is_empty() && request.remove_places.is_empty() {
        return Err(Refusal::NothingRequested);
    }
    distinct(named(&request.add))?;
    distinct(request.remove_seats.clone())
}

pub(super) fn seats(request: &SeatsRequest) -> Result<(), Refusal> {
    limit("seats", request.seats.len(), 0, SEATS_PER_STAFF_COMMAND_MAX)?;
    if request.seats.is_empty() {
        return Err(Refusal::NothingRequested);
    }
    distinct(request.seats.iter().map(|(seat, _)| *seat).collect())
}

/// The time asked for, or the event's default, within the event's rules.
pub(super) fn ttl_ms(rules: &Rules, asked: Option<u64>) -> Result<u64, Refusal> {
    let ttl_ms = asked.unwrap_or(rules.hold_ttl_ms);
    within("ttl_ms", ttl_ms, rules.hold_ttl_ms_min, rules.hold_ttl_ms_max).map_err(Refusal::Limit)?;
    Ok(ttl_ms)
}

/// Whether the change is from this state.
pub(super) const fn fits(change: SeatChange, state: crate::SeatState) -> bool {
    use crate::SeatState as S;
    match change {
        SeatChange::Block => matches!(state, S::Free),
        SeatChange::Unblock => matches!(state, S::Blocked),
        SeatChange::Reallocate(_) => matches!(state, S::Free | S::Blocked),
    }
}
