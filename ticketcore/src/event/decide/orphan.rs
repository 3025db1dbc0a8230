//! The orphan rule: a hold must not leave a single free seat that it could have avoided.

use super::super::scope::Scope;
use crate::fact::Lines;
use crate::id::SeatIndex;

/// Seats on both sides of a taken one that the orphan rule may have to look at.
pub(in crate::event) const ORPHAN_MARGIN: usize = 3;

/// Single free seats that taking `lines` would leave although it could be avoided. The stripes of the seats and of
/// [`ORPHAN_MARGIN`] seats around them are locked.
pub(super) fn orphans(scope: &Scope<'_>, lines: &Lines, removed: &Lines) -> Vec<SeatIndex> {
    let manifest = &scope.layout.manifest;
    let taken = |seat: SeatIndex| lines.seats.binary_search_by_key(&seat, |line| line.seat).is_ok();
    let before = |seat: SeatIndex| {
        scope.is_free(seat) || removed.seats.binary_search_by_key(&seat, |line| line.seat).is_ok()
    };
    let after = |seat: SeatIndex| !taken(seat) && before(seat);
    let left_of = |seat: SeatIndex| {
        let left = SeatIndex(seat.0.checked_sub(1)?);
        manifest.next_is_adjacent(left).then_some(left)
    };
    let right_of = |seat: SeatIndex| manifest.next_is_adjacent(seat).then_some(SeatIndex(seat.0 + 1));
    // Another free seat of the same stretch, beyond a run of taken ones.
    let more = |from: SeatIndex, step: &dyn Fn(SeatIndex) -> Option<SeatIndex>| {
        let mut at = step(from);
        while let Some(seat) = at.filter(|seat| taken(*seat)) {
            at = step(seat);
        }
        at.is_some_and(before)
    };
    let mut found = Vec::new();
    for line in &lines.seats {
        for seat in [left_of(line.seat), right_of(line.seat)].into_iter().flatten() {
            let lonely =
                after(seat) && !left_of(seat).is_some_and(after) && !right_of(seat).is_some_and(after);
            if lonely && (more(seat, &left_of) || more(seat, &right_of)) {
                found.push(seat);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
