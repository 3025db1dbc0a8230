//! Harm to the files of a closed store, as no crash does it: refused, or every fact is there.

use super::history::violation;
use super::place::Place;
use super::power::End;
use super::world::World;
use crate::invariant::{Invariant, Violation};
use crate::testkit::{Left, MemoryDisk};

/// Copies of a store that are harmed in one step.
const HARMED: u32 = 6;
const BLOCK: u64 = 4_096;

impl World {
    /// Harms copies of the closed store, as no crash does. Each must be refused, or hold every fact.
    pub(super) fn harm(&mut self) -> Result<(), Violation> {
        let Some(local) = self.local() else { return Ok(()) };
        if local.disk.trouble().is_some() || local.opened().trouble().is_some() {
            return Ok(());
        }
        self.restart_closed_for(|world, disk| {
            for _ in 0..HARMED {
                world.harm_a_copy(disk)?;
            }
            Ok(())
        })
    }

    fn restart_closed_for(
        &mut self,
        with: impl FnOnce(&mut Self, &MemoryDisk) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        self.poll()?;
        let pending = std::mem::take(&mut self.pending);
        self.lost.extend(pending.into_iter().map(|(sent, _)| sent));
        self.lose_paid(0);
        self.nodes[0].leave(&mut self.tally);
        let Some(local) = self.local() else { return Ok(()) };
        local.close();
        let disk = local.disk.after_power_cut(Left::Nothing);
        with(self, &disk)?;
        self.open_again(disk, End::Closed)
    }

    fn harm_a_copy(&mut self, disk: &MemoryDisk) -> Result<(), Violation> {
        let mut files = disk.contents();
        let of_log = self.rng.chance(70);
        let names: Vec<String> =
            files.keys().filter(|name| !of_log || name.starts_with("wal/")).cloned().collect();
        if names.is_empty() {
            return Err(violation(Invariant::I5Durable, self.history.end(), "a closed store has no files"));
        }
        let name = self.rng.pick(&names).clone();
        let Some(bytes) = files.get_mut(&name).filter(|bytes| bytes.len() > 16) else { return Ok(()) };
        let last = bytes.len() as u64 - 16;
        // Frames begin on borders.
        let at = if of_log {
            self.rng.below(last / BLOCK + 1) * BLOCK + self.rng.below(40)
        } else {
            self.rng.below(last)
        };
        let at = usize::try_from(at.min(last)).unwrap_or(0);
        if self.rng.chance(50) {
            bytes[at] ^= 1 << self.rng.below(8);
        } else {
            bytes[at..at + 16].fill(0xee);
        }
        let seed = self.rng.next_u64();
        let Place::Local(local) = &self.place else { return Ok(()) };
        let said = match local.open(&MemoryDisk::with_contents(&files), seed) {
            Err(error) => Some(error.to_string()),
            Ok(store) => match self.history.compare(&store, local.may_truncate()) {
                Ok(Ok(())) => None,
                Ok(Err((revision, what))) => {
                    let what = format!("byte {at} of {name} was harmed, nothing was said, and {what}");
                    return Err(violation(Invariant::I5Durable, revision, what));
                }
                Err(error) => Some(error.to_string()),
            },
        };
        self.trace.line(format!("byte {at} of {name} harmed: refused {}", said.is_some()));
        if said.is_some() {
            self.tally.event("harm refused");
        }
        Ok(())
    }
}
