//! Money of an order that goes back.

use serde::{Deserialize, Serialize};

use super::observed::RefundSeen;
use super::step::EndReason;
use super::word::Word;
use crate::limits::REFUND_TRIES_MAX;
use crate::time::UtcMs;

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// The intent is written; the gateway may not have heard of it.
    Requested,
    /// The gateway has it.
    Submitted,
    /// The money is on its way to the payer. It may come back: then the refund is requested again, or stuck.
    Succeeded,
    /// The gateway refuses for good, or has refused too often: staff must see to it. Never forgotten.
    Stuck,
}

/// Money that goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Where it stands.
    pub state: RefundState,
    /// Of which attempt's money, from 1.
    pub attempt: u32,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// Tickets that died with it.
    pub tickets: Vec<u32>,
    /// Why.
    pub reason: EndReason,
    /// Definite failures so far: each try has a key of its own.
    pub tries: u32,
    /// When this try's intent was written.
    pub started_at: UtcMs,
    /// The gateway's name of it, once known.
    pub reference: Word,
    /// Why it failed last, in the gateway's words.
    pub note: Word,
    /// The try that went through, if one has. None of a refund of nothing: no gateway ever heard of it.
    #[serde(default)]
    pub through: Option<u32>,
    /// Tries that had gone through when their money came back.
    #[serde(default)]
    pub came_back: Vec<u32>,
}

impl Refund {
    /// Takes an observation of the try after so many definite failures; false if it says nothing new.
    pub(crate) fn observe(&mut self, tries: u32, seen: &RefundSeen, at: UtcMs) -> bool {
        use RefundState as R;
        if tries > self.tries {
            // There has been no such try: if one was lost, it will be found again when its turn comes.
            return false;
        }
        let current = tries == self.tries;
        match (self.state, seen) {
            (R::Requested, RefundSeen::Submitted { reference }) if current => {
                self.state = R::Submitted;
                self.reference = reference.clone();
            }
            // By whichever try: money that went back went back, unless it is known to have come back since.
            (R::Requested | R::Submitted | R::Stuck, RefundSeen::Succeeded { reference })
                if !self.came_back.contains(&tries) =>
            {
                self.state = R::Succeeded;
                self.reference = reference.clone();
                self.through = Some(tries);
            }
            (R::Requested | R::Submitted, RefundSeen::Failed { code, retry }) if current => {
                self.fail(code, *retry, at);
            }
            (R::Succeeded, RefundSeen::Failed { code, retry }) if self.through == Some(tries) => {
                self.through = None;
                self.came_back.push(tries);
                if current {
                    self.fail(code, *retry, at);
                } else {
                    // The newer try may have been sent: it goes on under its key, as old as it is.
                    self.state = R::Requested;
                    self.note = code.clone();
                }
            }
            _ => return false,
        }
        true
    }

    /// This try has failed: there is another, or staff must see to it.
    fn fail(&mut self, code: &Word, retry: bool, at: UtcMs) {
        self.tries += 1;
        self.started_at = at;
        self.note = code.clone();
        let again = retry && self.tries < REFUND_TRIES_MAX;
        self.state = if again { RefundState::Requested } else { RefundState::Stuck };
    }

    /// A stuck refund is tried again; false if it is not stuck.
    pub(crate) fn retry(&mut self, at: UtcMs) -> bool {
        let stuck = self.state == RefundState::Stuck;
        if stuck {
            self.state = RefundState::Requested;
            self.started_at = at;
        }
        stuck
    }
}
