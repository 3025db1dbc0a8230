//! What staff do, and the journal itself, breaking an invariant.

use super::journal::*;
use crate::fact::{Fact, SeatChange};
use crate::id::{AllocationIndex, CategoryIndex};
use crate::invariant::Invariant;
use crate::sale::SaleState;

#[test]
fn staff_and_the_journal_itself_break_an_invariant() {
    use Invariant as I;
    caught(&[
        (I::I1OneOwner, "blocks a held seat", |j| {
            j.hold(0, ANN, seats(&[0]));
            j.staff(SeatChange::Block, &[0]);
        }),
        (I::I2Conservation, "blocks a blocked seat", |j| {
            j.staff(SeatChange::Block, &[0]).staff(SeatChange::Block, &[0]);
        }),
        (I::I2Conservation, "unblocks a free seat", |j| {
            j.staff(SeatChange::Unblock, &[0]);
        }),
        (I::I2Conservation, "changes no such seat", |j| {
            j.staff(SeatChange::Block, &[6]);
        }),
        (I::I8SameFacts, "seats in disorder", |j| {
            j.staff(SeatChange::Block, &[1, 0]);
        }),
        (I::I1OneOwner, "moves a sold seat", |j| {
            let order = j.order();
            j.confirm(0, order, seats(&[0])).staff(SeatChange::Reallocate(None), &[0]);
        }),
        (I::I8SameFacts, "moves to a released allocation", |j| {
            j.add(0, Fact::AllocationReleased { allocation: AllocationIndex(0) });
            j.staff(SeatChange::Reallocate(Some(AllocationIndex(0))), &[0]);
        }),
        (I::I2Conservation, "blocks more places than are free", |j| {
            j.hold(0, ANN, places(3, None));
            j.block_places(None, 5);
        }),
        (I::I2Conservation, "blocks places of no pool", |j| {
            j.block_places(Some(1), 0);
        }),
        (I::I8SameFacts, "releases twice", |j| {
            let allocation = AllocationIndex(0);
            j.add(0, Fact::AllocationReleased { allocation }).add(0, Fact::AllocationReleased { allocation });
        }),
        (I::I8SameFacts, "an illegal transition", |j| {
            j.sale(0, SaleState::Draft);
        }),
        (I::I1OneOwner, "drops a held seat", |j| {
            j.hold(0, ANN, seats(&[0]));
            j.manifest(|d| drop(d.sections[0].rows[0].seats.remove(0)));
        }),
        (I::I1OneOwner, "another category for a held seat", |j| {
            j.hold(0, ANN, seats(&[0]));
            j.manifest(|d| d.sections[0].rows[0].seats[0].category = CategoryIndex(1));
        }),
        (I::I2Conservation, "an area below what is in it", |j| {
            j.hold(0, ANN, places(4, None));
            j.manifest(|d| d.areas[0].capacity = 6);
        }),
        (I::I2Conservation, "a quota below what it counts", |j| {
            j.hold(0, ANN, places(4, None));
            j.manifest(|d| d.quotas[0].cap = 3);
        }),
        (I::I8SameFacts, "a change that is not valid", |j| {
            j.manifest(|_| {});
            let Some((_, Fact::ManifestChanged(change))) = j.facts.last_mut() else { unreachable!() };
            change.quotas.clear();
        }),
        (I::I8SameFacts, "the event again", |j| {
            j.add(0, Fact::EventDefined(Box::new(definition())));
        }),
        (I::I8SameFacts, "no event at first", |j| {
            j.facts.remove(0);
        }),
        (I::I8SameFacts, "time runs backwards", |j| {
            j.hold(5, ANN, seats(&[0]));
            j.hold(4, ANN, seats(&[1]));
        }),
    ]);
}
