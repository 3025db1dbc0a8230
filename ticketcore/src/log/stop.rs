//! [`Stop`]: why a stream stands still.

use crate::answer::CommandError;
use crate::invariant::Violation;

/// Why a stream takes no more commands until it is opened again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// An invariant does not hold.
    Violated(Violation),
    /// The store failed and nobody knows what it kept.
    Unknown(String),
    /// The store failed and certainly kept nothing of what was sent last.
    Failed(String),
    /// Another writer has written what can't be followed from here. Nothing of what was sent last was kept, but what the other one wrote
    /// may be the outcome of the same keys: it may be an earlier life of this one.
    Foreign(String),
}

impl Stop {
    /// Whether reading the journal again puts everything right.
    pub const fn is_over_when_opened(&self) -> bool {
        matches!(self, Stop::Failed(_) | Stop::Foreign(_))
    }

    /// What a waiting caller is told.
    pub fn error(&self) -> CommandError {
        match self {
            Stop::Violated(violation) => CommandError::Unknown { reason: violation.to_string() },
            Stop::Unknown(reason) | Stop::Foreign(reason) => CommandError::Unknown { reason: reason.clone() },
            Stop::Failed(reason) => CommandError::Failed { reason: reason.clone() },
        }
    }

    /// What a caller is told who comes later.
    pub fn refusal(&self) -> CommandError {
        let reason = match self {
            Stop::Violated(violation) => violation.to_string(),
            Stop::Unknown(reason) | Stop::Failed(reason) | Stop::Foreign(reason) => reason.clone(),
        };
        CommandError::Failed { reason: format!("stopped before: {reason}") }
    }
}
