//! [`Fault`]: what can go wrong between an engine and its store, and how often.

use super::Rng;

/// What happens to one submitted batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Fault {
    /// Nothing: the inner store answers.
    Pass,
    /// Answered `Failed`, not appended. Becomes `Pass` if that might be a lie, because an earlier submission of the
    /// same batch is in the journal or may still get there.
    Fail,
    /// Appended, answered `Unknown`.
    UnknownLanded,
    /// Not appended, answered `Unknown`.
    UnknownLost,
    /// Answered `Unknown`; held, and appended when released (if the journal then still ends where it must).
    UnknownLate,
    /// Held: not in the journal, not answered. Appended and answered when released.
    DelayBefore,
    /// Held: in the journal, answered when released.
    DelayAfter,
    /// Answered `Conflict` with the journal's true tail though nobody else appended. A caller must bear that: it reads,
    /// finds nothing new and submits again. `Pass` unless the inner store is shared, and where `Fail` would be a lie.
    Conflict,
    /// Appended, and the completion dropped, which answers `Unknown`.
    DropLanded,
    /// Not appended, and the completion dropped, which answers `Unknown`.
    DropLost,
}

impl Fault {
    /// All of them, in order.
    pub const ALL: [Fault; 10] = [
        Fault::Pass,
        Fault::Fail,
        Fault::UnknownLanded,
        Fault::UnknownLost,
        Fault::UnknownLate,
        Fault::DelayBefore,
        Fault::DelayAfter,
        Fault::Conflict,
        Fault::DropLanded,
        Fault::DropLost,
    ];
}

/// A call that can fail with a [`StoreFailure`](crate::store::StoreFailure).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Call {
    /// `read`, before the first record.
    Read,
    /// `read`, after the first record was visited.
    ReadMidway,
    /// `save_snapshot`; nothing is saved.
    SaveSnapshot,
    /// `load_snapshot`.
    LoadSnapshot,
    /// `streams`.
    Streams,
}
pub(super) const CALLS: usize = 5;

/// How often each fault is drawn, in percent. None by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultOdds {
    submit_pct: [u32; Fault::ALL.len()],
    call_pct: [u32; CALLS],
}

impl FaultOdds {
    /// `fault` in `pct` of 100 submits.
    ///
    /// # Panics
    /// If all of them add up to more than 100.
    #[must_use]
    pub fn with(mut self, fault: Fault, pct: u32) -> Self {
        self.submit_pct[fault as usize] = pct;
        assert!(self.submit_pct.iter().sum::<u32>() <= 100, "odds add up to more than 100 percent");
        self
    }

    /// `call` fails in `pct` of 100 cases.
    #[must_use]
    pub fn with_call(mut self, call: Call, pct: u32) -> Self {
        self.call_pct[call as usize] = pct;
        self
    }

    /// Odds drawn at random: each fault either never or in 1 to 8 percent of the calls.
    #[must_use]
    pub fn swarm(rng: &mut Rng) -> Self {
        let mut draw = || if rng.chance(50) { 1 + u32::try_from(rng.below(8)).unwrap_or(0) } else { 0 };
        let mut odds =
            Self { submit_pct: std::array::from_fn(|_| draw()), call_pct: std::array::from_fn(|_| draw()) };
        odds.submit_pct[Fault::Pass as usize] = 0;
        odds
    }

    /// Whether this call fails. Draws nothing if it never does.
    pub(super) fn draw_call(&self, call: Call, rng: &mut Rng) -> bool {
        let pct = self.call_pct[call as usize];
        pct > 0 && rng.chance(pct)
    }

    /// What happens to the next submit.
    pub(super) fn draw(&self, rng: &mut Rng) -> Fault {
        let mut roll = rng.below(100);
        for fault in Fault::ALL {
            let pct = u64::from(self.submit_pct[fault as usize]);
            if roll < pct {
                return fault;
            }
            roll -= pct;
        }
        Fault::Pass
    }
}
