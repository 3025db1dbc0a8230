//! Holds that break an invariant.

use super::journal::*;
use crate::fact::{HoldEnd, Lines, SeatChange};
use crate::id::UserId;
use crate::invariant::Invariant;
use crate::sale::SaleState;
use crate::time::UtcMs;

#[test]
fn holds_that_break_an_invariant() {
    use Invariant as I;
    caught(&[
        (I::I1OneOwner, "a held seat", |j| {
            j.hold(0, ANN, seats(&[0]));
            j.hold(1, BOB, seats(&[0]));
        }),
        (I::I1OneOwner, "a sold seat", |j| {
            let order = j.order();
            j.confirm(0, order, seats(&[0])).hold(1, BOB, seats(&[0]));
        }),
        (I::I2Conservation, "a blocked seat", |j| {
            j.staff(SeatChange::Block, &[0]).hold(0, ANN, seats(&[0]));
        }),
        (I::I2Conservation, "no such seat", |j| {
            j.hold(0, ANN, seats(&[6]));
        }),
        (I::I2Conservation, "a dropped seat", |j| {
            j.manifest(|d| drop(d.sections[0].rows[0].seats.remove(0))).hold(0, ANN, seats(&[0]));
        }),
        (I::I2Conservation, "more places than a pool has", |j| {
            j.hold(0, ANN, places(4, Some(0)));
        }),
        (I::I2Conservation, "more than a quota", |j| {
            j.hold(0, ANN, places(3, None));
            j.hold(0, BOB, places(2, None));
        }),
        (I::I2Conservation, "no such pool", |j| {
            j.hold(0, ANN, places(1, Some(7)));
        }),
        (I::I7Money, "another price", |j| {
            j.place(0, ANN, seats(&[0]), |placed| placed.lines.seats[0].price_minor = 1);
        }),
        (I::I8SameFacts, "seats in disorder", |j| {
            j.hold(0, ANN, seats(&[1, 0]));
        }),
        (I::I8SameFacts, "a line of no places", |j| {
            j.hold(0, ANN, places(0, None));
        }),
        (I::I8SameFacts, "nothing", |j| {
            j.hold(0, ANN, Lines::default());
        }),
        (I::I8SameFacts, "a seat that nobody can open", |j| {
            j.hold(0, ANN, seats(&[5]));
        }),
        (I::I8SameFacts, "a public seat in the presale", |j| {
            j.facts.pop();
            j.sale(0, SaleState::Presale).hold(0, ANN, seats(&[0]));
        }),
        (I::I8SameFacts, "while paused", |j| {
            j.sale(0, SaleState::Paused).hold(0, ANN, seats(&[0]));
        }),
        (I::I4DeadIsDead, "too long", |j| {
            j.place(0, ANN, seats(&[0]), |h| h.ttl_ms = 11 * MINUTE);
        }),
        (I::I4DeadIsDead, "too short", |j| {
            j.place(0, ANN, seats(&[0]), |h| h.ttl_ms = 1);
        }),
        (I::I4DeadIsDead, "a longer life", |j| {
            j.place(0, ANN, seats(&[0]), |h| h.lifetime_ms += 1);
        }),
        (I::I4DeadIsDead, "more extensions", |j| {
            j.place(0, ANN, seats(&[0]), |h| h.extensions_left = 3);
        }),
        (I::I10Limits, "more than a user may have", |j| {
            j.hold(0, ANN, seats(&[0, 1, 2, 3]));
            j.hold(0, ANN, places(3, None));
        }),
        (I::I3OneAnswer, "a key twice", |j| {
            j.place(0, ANN, seats(&[0]), |placed| placed.keyed = keyed("k"));
            j.place(72 * 60 * MINUTE, ANN, seats(&[1]), |placed| placed.keyed = keyed("k"));
        }),
    ]);
}

#[test]
fn changes_of_holds_that_break_an_invariant() {
    use Invariant as I;
    caught(&[
        (I::I4DeadIsDead, "amended at its deadline", |j| {
            j.amend(8 * MINUTE, seats(&[0, 1]), |f| (f.removed, f.lines) = (seats(&[0]), seats(&[1])));
        }),
        (I::I4DeadIsDead, "amended to a later deadline", |j| {
            j.amend(1, seats(&[0, 1]), |f| {
                (f.removed, f.lines) = (seats(&[0]), seats(&[1]));
                f.deadline = f.deadline.plus_ms(1);
            });
        }),
        (I::I2Conservation, "lines that do not add up", |j| {
            j.amend(1, seats(&[0, 1]), |f| f.removed = seats(&[0]));
        }),
        (I::I2Conservation, "gives back what it lacks", |j| {
            j.amend(1, seats(&[0, 1]), |f| (f.removed, f.lines) = (seats(&[2]), seats(&[0, 1])));
        }),
        (I::I2Conservation, "keeps nothing", |j| {
            j.amend(1, seats(&[0]), |f| (f.removed, f.lines) = (seats(&[0]), Lines::default()));
        }),
        (I::I1OneOwner, "adds a held seat", |j| {
            j.hold(0, BOB, seats(&[1]));
            j.amend(1, seats(&[0]), |f| (f.added, f.lines) = (seats(&[1]), seats(&[0, 1])));
        }),
        (I::I1OneOwner, "somebody else's", |j| {
            j.amend(1, seats(&[0, 1]), |f| {
                (f.removed, f.lines, f.user) = (seats(&[0]), seats(&[1]), UserId::from(BOB));
            });
        }),
        (I::I10Limits, "amended past the limit", |j| {
            j.amend(1, seats(&[0, 1, 2, 3, 4]), |f| {
                f.added = places(2, None);
                f.lines.areas = f.added.areas.clone();
            });
        }),
        (I::I8SameFacts, "adds while paused", |j| {
            j.amend(0, seats(&[0]), |f| (f.added, f.lines) = (seats(&[1]), seats(&[0, 1])));
            let amendment = j.facts.pop().unwrap();
            j.sale(0, SaleState::Paused).add(0, amendment.1);
        }),
        (I::I4DeadIsDead, "extended when dead", |j| {
            j.extend(8 * MINUTE, |_| {});
        }),
        (I::I4DeadIsDead, "extended by too much", |j| {
            j.extend(1, |f| f.deadline = UtcMs(10 * MINUTE + 2));
        }),
        (I::I4DeadIsDead, "extended to an earlier deadline", |j| {
            j.extend(1, |f| f.deadline = UtcMs(8 * MINUTE - 1));
        }),
        (I::I4DeadIsDead, "an extension that costs nothing", |j| {
            j.extend(1, |f| f.extensions_left = 2);
        }),
        (I::I2Conservation, "extended with other lines", |j| {
            j.extend(1, |f| f.lines = seats(&[0, 1]));
        }),
        (I::I4DeadIsDead, "expired too early", |j| {
            let hold = j.hold(0, ANN, seats(&[0]));
            j.end(8 * MINUTE - 1, hold, HoldEnd::Expired, seats(&[0]));
        }),
        (I::I4DeadIsDead, "expired at the deadline before its extension", |j| {
            let hold = j.extend(MINUTE, |_| {});
            j.end(8 * MINUTE, hold, HoldEnd::Expired, seats(&[0]));
        }),
        (I::I4DeadIsDead, "expired while pinned", |j| {
            let order = j.order();
            j.end(15 * MINUTE - 1, order, HoldEnd::Expired, seats(&[0]));
        }),
        (I::I2Conservation, "frees too little", |j| {
            let hold = j.hold(0, ANN, seats(&[0, 1]));
            j.end(1, hold, HoldEnd::Released, seats(&[0]));
        }),
        (I::I4DeadIsDead, "ends twice", |j| {
            let hold = j.hold(0, ANN, seats(&[0]));
            j.end(1, hold, HoldEnd::Released, seats(&[0])).end(1, hold, HoldEnd::Released, seats(&[0]));
        }),
        (I::I12OneOrder, "released while pinned", |j| {
            let order = j.order();
            j.end(1, order, HoldEnd::Released, seats(&[0]));
        }),
        (I::I12OneOrder, "taken back while pinned", |j| {
            let order = j.order();
            j.end(1, order, HoldEnd::ForceReleased, seats(&[0]));
        }),
    ]);
}
