//! What a seller was at when it was killed, as far as its files tell; and waiting until it is at it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use ticketcore::store::LocalStore;

use super::Failure;

/// A seller that makes no archive and no snapshot for so long is killed while it does something else.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_micros(50);

/// How many sellers were killed in the middle of work that leaves something behind.
#[derive(Default)]
pub struct Traces {
    pub archiving: u32,
    pub snapshotting: u32,
    /// What was there when it was last looked: a seller that was killed while it opened may not have cleared it away.
    known: [BTreeSet<String>; 2],
}

impl Traces {
    /// Looks what was left. An archive that the store does not know of was being made; a snapshot that was being saved has no name yet.
    pub fn look(&mut self, folder: &Path, store: &LocalStore) -> Result<Vec<String>, Failure> {
        let seen = store.verify();
        let found = [names(folder, "archive"), names(folder, "snapshots")];
        let [archives, snapshots] = [0, 1].map(|at| found[at].difference(&self.known[at]));
        let unknown = found[0].len() as u64 > seen.archives && archives.count() > 0;
        self.archiving += u32::from(unknown);
        self.snapshotting += u32::from(snapshots.into_iter().any(is_unfinished));
        self.known = found;
        Ok(seen.found.iter().map(ToString::to_string).collect())
    }
}

/// Work that a seller is killed in the middle of.
#[derive(Clone, Copy)]
pub enum Work {
    Archiving,
    Snapshotting,
}

impl Work {
    /// The work in the middle of which the next seller is killed; `None`: whatever it is at.
    pub fn of(crashes: u32) -> Option<Self> {
        match crashes % 4 {
            1 => Some(Self::Archiving),
            3 => Some(Self::Snapshotting),
            _ => None,
        }
    }

    /// Waits until the seller has just begun with it, but not for ever.
    pub fn wait(self, folder: &Path) {
        let until = Instant::now() + PATIENCE;
        let before = names(folder, "archive");
        let begun = || match self {
            Self::Archiving => names(folder, "archive").difference(&before).next().is_some(),
            Self::Snapshotting => names(folder, "snapshots").iter().any(is_unfinished),
        };
        while !begun() && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
    }
}

/// Names of the files of a folder; none if it can't be read.
fn names(folder: &Path, inside: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder.join(inside)).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

#[expect(clippy::ptr_arg, reason = "what a set of names is asked for")]
fn is_unfinished(name: &String) -> bool {
    name.ends_with(".tmp")
}
