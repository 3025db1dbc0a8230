//! [`Phase`]: where a waiting room stands.

use serde::{Deserialize, Serialize};

use crate::sale::SaleState;

/// Where a waiting room stands.
///
/// | phase | join | position | admission | sale states it goes with |
/// |---|---|---|---|---|
/// | `closed` | no | - | no | draft, scheduled, presale, onsale, paused |
/// | `prequeue` | yes, in the lottery | not before the draw | no | scheduled |
/// | `drawing` | yes, behind the lottery | late joiners know theirs | no | scheduled, presale, onsale, paused |
/// | `queue` | yes, at the end | known | no | scheduled, presale, onsale, paused |
/// | `open` | yes, at the end | known | as the controller says | presale, onsale |
/// | `ended` | no | - | no | all |
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
    /// Whether an event in this sale state can have a room in this phase.
    #[must_use]
    pub const fn goes_with(self, sale: SaleState) -> bool {
        match self {
            Self::Closed => !matches!(sale, SaleState::Closed | SaleState::Cancelled),
            Self::Prequeue => matches!(sale, SaleState::Scheduled),
            Self::Drawing | Self::Queue => {
                matches!(
                    sale,
                    SaleState::Scheduled | SaleState::Presale | SaleState::Onsale | SaleState::Paused
                )
            }
            Self::Open => matches!(sale, SaleState::Presale | SaleState::Onsale),
            Self::Ended => true,
        }
    }

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
    fn what_a_sale_makes_of_a_phase_goes_with_it() {
        let sales = [
            SaleState::Draft,
            SaleState::Scheduled,
            SaleState::Presale,
            SaleState::Onsale,
            SaleState::Paused,
            SaleState::Closed,
            SaleState::Cancelled,
        ];
        for sale in sales {
            for phase in PHASES {
                let next = phase.follow(sale);
                assert_eq!(next.follow(sale), next, "{phase:?} {sale:?}: it settles at once");
                let waits = matches!(phase, Phase::Prequeue | Phase::Drawing | Phase::Queue | Phase::Open)
                    && matches!(
                        sale,
                        SaleState::Draft | SaleState::Presale | SaleState::Onsale | SaleState::Paused
                    );
                assert!(next.goes_with(sale) || waits, "{phase:?} {sale:?}");
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
