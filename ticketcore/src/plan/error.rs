//! What is wrong with a plan.

use crate::manifest::ManifestError;

/// A seating plan, or the definition asked of it, is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct PlanError {
    /// Where, for example `zones[3].rows[12].seats[4].seat_guid`, or `plan` for the whole document.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

impl PlanError {
    pub(super) fn at(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

impl From<ManifestError> for PlanError {
    fn from(error: ManifestError) -> Self {
        Self { place: error.place, problem: error.problem }
    }
}
