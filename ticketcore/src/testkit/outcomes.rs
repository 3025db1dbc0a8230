//! Outcomes that a test expects.

use std::fmt::Debug;

use crate::answer::CommandError;
use crate::refusal::{Refusal, SeatState};

/// The refusal that an outcome is.
///
/// # Panics
/// If it is another.
#[track_caller]
pub fn refused<T: Debug>(outcome: Result<T, CommandError>) -> Refusal {
    match outcome {
        Err(CommandError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// The seats of a refusal because of held ones.
///
/// # Panics
/// If it is another, or one of them is not held.
#[track_caller]
pub fn held(refusal: &Refusal) -> Vec<u32> {
    match refusal {
        Refusal::SeatsUnavailable(conflicts) => {
            assert!(conflicts.iter().all(|conflict| conflict.state == SeatState::Held), "{conflicts:?}");
            conflicts.iter().map(|conflict| conflict.seat.0).collect()
        }
        other => panic!("{other:?}"),
    }
}
