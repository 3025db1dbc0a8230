//! [`Phase`]: where a waiting room stands.

use serde::{Deserialize, Serialize};

use crate::sale::SaleState;

/// Where a waiting room stands.
///
/// | phase | join | position | admission |
/// |---|---|---|---|
/// | `closed` | no | - | no |
/// | `prequeue` | yes, in the lottery | not before the draw | no |
/// | `drawing` | yes, behind the lottery | late joiners know theirs | no |
/// | `queue` | yes, at the end | known | no |
/// | `open` | yes, at the end | known | as the controller says |
/// | `ended` | no | - | no; nobody needs one |
///
/// What the state of the sale makes of it: [`follow`](Self::follow).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nobody can join yet.
    #[default]
    Closed,
    /// Who joins now takes part in the lottery.
    Prequeue,
    /// The lottery is closed; its entropy is awaited.
    Drawing,
    /// Everybody has a position; nobody is admitted.
    Queue,
    /// People are admitted, in order.
    Open,
    /// It is over. Nobody needs an admission any more, unless the sale itself is over.
    Ended,
}

/// All of them, in order.
pub const PHASES: [Phase; 6] =
    [Phase::Closed, Phase::Prequeue, Phase::Drawing, Phase::Queue, Phase::Open, Phase::Ended];

impl Phase {
    /// The phase that the sale's state makes of this one: a room opens with the sale, stands while it is paused, ends with it. What an
    /// operator decides (closing the prequeue, the draw) is not done by it: then nothing changes.
    #[must_use]
    pub const fn follow(self, sale: SaleState) -> Phase {
        match (self, sale) {
            (Self::Queue, SaleState::Presale | SaleState::Onsale) => Self::Open,
            (Self::Open, SaleState::Paused | SaleState::Scheduled | SaleState::Draft) => Self::Queue,
            (_, SaleState::Closed | SaleState::Cancelled) => Self::Ended,
            _ => self,
        }
    }

    /// Whether an operator may take a room from this phase to `next` by saying so. The draw has its own steps: closing the prequeue leads to
    /// `drawing`, the entropy to `queue`.
    #[must_use]
    pub const fn may_become(self, next: Phase) -> bool {
        matches!(
            (self, next),
            (Self::Closed, Self::Prequeue | Self::Queue | Self::Open)
                | (Self::Queue, Self::Open)
                | (Self::Open, Self::Queue)
                | (_, Self::Ended)
        ) && !matches!(self, Self::Ended)
    }

    /// Whether holds and orders take an admission.
    #[must_use]
    pub const fn guards(self) -> bool {
        matches!(self, Self::Prequeue | Self::Drawing | Self::Queue | Self::Open)
    }

    /// Whether one can join.
    #[must_use]
    pub const fn takes_joins(self) -> bool {
        self.guards()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sale_makes_of_a_phase_settles_at_once_and_opens_no_draw() {
        for sale in SaleState::ALL {
            let over = matches!(sale, SaleState::Closed | SaleState::Cancelled);
            let selling = matches!(sale, SaleState::Presale | SaleState::Onsale);
            for phase in PHASES {
                let next = phase.follow(sale);
                assert_eq!(next.follow(sale), next, "{phase:?} {sale:?}");
                assert!(
                    selling || next != Phase::Open,
                    "{phase:?} {sale:?}: nobody is let in to what is not on sale"
                );
                assert!(!over || next == Phase::Ended, "{phase:?} {sale:?}");
                let operator =
                    matches!(phase, Phase::Closed | Phase::Prequeue | Phase::Drawing | Phase::Ended);
                assert!(!operator || over || next == phase, "{phase:?} {sale:?}: the operator's to leave");
            }
        }
    }

    #[test]
    fn nothing_leaves_the_end_and_nothing_skips_the_draw() {
        for phase in PHASES {
            assert!(!Phase::Ended.may_become(phase));
            assert_eq!(phase.may_become(Phase::Ended), phase != Phase::Ended);
            assert!(!Phase::Prequeue.may_become(phase) || phase == Phase::Ended);
            assert!(!Phase::Drawing.may_become(phase) || phase == Phase::Ended);
        }
    }
}
