//! The conformance suite: every promise of the [`Store`] trait as a check that any store can be put through.
//!
//! ```
//! # use std::sync::Arc;
//! # use ticketcore::{store::MemoryStore, testkit::conformance};
//! conformance::run_all(&|| Arc::new(MemoryStore::new()));
//! ```

mod append;
mod at_once;
mod concurrent;
mod harness;
mod reading;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use self::harness::{Bench, Verdict};
use crate::store::Store;

/// How long a check waits for an answer before it says that there is none.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Makes an empty store. Each check gets one of its own.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Store>;

type Check = fn(&Bench) -> Verdict;

const CHECKS: &[(&str, Check)] = &[
    ("empty journal", reading::empty_journal),
    ("conditional append", append::conditional_append),
    ("conflict leaves nothing", append::conflict_leaves_nothing),
    ("resubmission", append::resubmission),
    ("resubmission after others", append::resubmission_after_others),
    ("answers in order", append::answers_in_order),
    ("answered without a lock", append::answered_without_a_lock),
    ("readable once answered", append::readable_once_answered),
    ("big batch", append::big_batch),
    ("at once as submitted", at_once::at_once_as_submitted),
    ("records unchanged", reading::records_unchanged),
    ("read from anywhere", reading::read_from_anywhere),
    ("break out of a visit", reading::break_out_of_a_visit),
    ("read at and past the end", reading::read_past_the_end),
    ("snapshots move forward", streams::snapshots_move_forward),
    ("streams are independent", streams::streams_are_independent),
    ("streams are listed", streams::streams_are_listed),
    ("truncation", streams::truncation),
    ("side records", streams::side_records),
    ("one winner", concurrent::one_winner),
    ("whole batches only", concurrent::whole_batches_only),
    ("streams side by side", concurrent::streams_side_by_side),
];

/// The names of all checks, in the order they run.
pub fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|(name, _)| *name)
}

/// Runs every check and prints its name.
///
/// # Panics
/// If any fails, with the name of each that did and why.
pub fn run_all(make: Make<'_>) {
    let mut failed = Vec::new();
    for name in names() {
        match run_one(name, make, PATIENCE) {
            Ok(()) => println!("conformance: {name} ... ok"),
            Err(why) => {
                println!("conformance: {name} ... FAILED: {why}");
                failed.push(format!("{name}: {why}"));
            }
        }
    }
    assert!(failed.is_empty(), "the store breaks {} promises:\n{}", failed.len(), failed.join("\n"));
}

/// Runs one check; an answer is waited for at most `patience`.
///
/// # Errors
/// Why the check failed.
///
/// # Panics
/// If no check has that name.
pub fn run_one(name: &str, make: Make<'_>, patience: Duration) -> Result<(), String> {
    let (_, check) = CHECKS.iter().find(|(known, _)| *known == name).expect("the name of a check");
    check(&Bench::new(make(), patience))
}
