//! Side records in the simulation: what was saved is there after every crash, what was erased is in no file.

use std::collections::BTreeMap;

use super::history::violation;
use super::place::Place;
use super::world::World;
use crate::invariant::{Invariant, Violation};
use crate::store::{SideId, Store};
use crate::testkit::Rng;

/// Records in use.
const IDS: u64 = 5;

/// What is known of side records.
#[derive(Default)]
pub(super) struct Books {
    /// What each record may be: one thing, or more while nobody knows whether it was changed. What was acknowledged comes first.
    may_be: BTreeMap<u128, Vec<Option<Vec<u8>>>>,
    /// What has been erased or replaced, and was acknowledged so.
    gone: Vec<Vec<u8>>,
}

/// Bytes that stand nowhere else.
fn secret(rng: &mut Rng) -> Vec<u8> {
    let eights = [3, 40, 500][rng.index(3)];
    (0..eights).flat_map(|_| (rng.next_u64() | 0x0101_0101_0101_0101).to_le_bytes()).collect()
}

impl World {
    /// Saves or erases a record.
    pub(super) fn change_side(&mut self) -> Result<(), Violation> {
        let id = u128::from(self.rng.below(IDS));
        let next = if self.rng.chance(30) { None } else { Some(secret(&mut self.rng)) };
        let Place::Local(local) = &mut self.place else { return Ok(()) };
        let store = std::sync::Arc::clone(local.opened());
        let Some(side) = store.side_records() else { return Ok(()) };
        let done = match &next {
            Some(bytes) => side.save(SideId(id), bytes),
            None => side.erase(SideId(id)),
        };
        let bytes = next.as_ref().map_or(0, Vec::len);
        self.trace.line(format!("side record {id}, {bytes} bytes: {done:?}"));
        let books = &mut local.side;
        let before = books.may_be.entry(id).or_insert_with(|| vec![None]);
        if done.is_err() {
            before.push(next);
            return Ok(());
        }
        let event = if next.is_some() { "side record saved" } else { "side record erased" };
        let known = before.first().cloned().flatten();
        *before = vec![next];
        books.gone.extend(known);
        self.tally.event(event);
        Ok(())
    }

    /// After a crash: every record is what it must be, and what was erased is nowhere.
    pub(super) fn look_at_side(&mut self, when: &str) -> Result<(), Violation> {
        let end = self.history.end();
        let wrong = |what: String| Err(violation(Invariant::I5Durable, end, format!("{what}{when}")));
        let Place::Local(local) = &mut self.place else { return Ok(()) };
        let (disk, store) = (local.disk.clone(), std::sync::Arc::clone(local.opened()));
        let Some(side) = store.side_records() else { return Ok(()) };
        for (id, may_be) in &mut local.side.may_be {
            let found = match disk.undisturbed(|| side.load(SideId(*id))) {
                Ok(found) => found,
                Err(error) => return wrong(format!("side record {id} can't be read: {error}")),
            };
            if !may_be.contains(&found) {
                let what = format!("side record {id} is {found:?}, and was {may_be:?}");
                return wrong(what);
            }
            let was = may_be.first().cloned().flatten().filter(|was| found.as_ref() != Some(was));
            local.side.gone.extend(was);
            *may_be = vec![found];
        }
        let files = disk.contents();
        let files = files.iter().filter(|(name, _)| name.starts_with("side/"));
        for (name, bytes) in files {
            let there = |gone: &Vec<u8>| bytes.chunks_exact(8).any(|eight| eight == &gone[..8]);
            if local.side.gone.iter().any(there) {
                return wrong(format!("what was erased is in {name}"));
            }
        }
        Ok(())
    }
}
