//! What happens to a local store and its process: power cuts, kills, errors, a full disk, harm. Whatever it was, the store opens on what
//! is left, and every fact that was acknowledged is there.

use super::history::violation;
use super::local::{Local, has_struck};
use super::place::Place;
use super::plan::Step;
use super::world::World;
use crate::answer::CommandError;
use crate::event::Outcome;
use crate::invariant::{Invariant, Violation};
use crate::request::ManifestRequest;
use crate::store::local::LocalError;
use crate::testkit::{Command, Left, MemoryDisk, Trouble};

/// Openings that may be disturbed, one after the other.
const DISTURBED_MAX: u32 = 3;

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    PowerCut,
    Killed,
    Closed,
}

impl World {
    pub(super) fn local(&mut self) -> Option<&mut Local> {
        match &mut self.place {
            Place::Local(local) => Some(local),
            Place::Memory(_) => None,
        }
    }

    /// A step that only runs with a local store have.
    pub(super) fn disk_step(&mut self, step: Step) -> Result<(), Violation> {
        let trouble = match step {
            Step::Keep => return self.keep_store(),
            Step::Reopen => {
                self.cut_soon(4);
                return self.restart(End::Closed);
            }
            Step::Harm => return self.harm(),
            Step::Side => return self.change_side(),
            Step::PowerCut if self.rng.chance(40) => return self.cut_a_long_write(),
            Step::PowerCut => {
                let ahead = *self.rng.pick(&[3, 12, 60]);
                Some(Trouble::PowerCut(self.rng.below(ahead)))
            }
            Step::DiskError if self.rng.chance(70) => Some(Trouble::Error(self.rng.below(12))),
            Step::DiskError => Some(Trouble::ReadError(self.rng.below(12))),
            Step::Full => {
                let Some(local) = self.local() else { return Ok(()) };
                let used: usize = local.disk.contents().values().map(Vec::len).sum();
                Some(Trouble::Full(used as u64 + self.rng.below(40_000)))
            }
            _ => None,
        };
        let Some(local) = self.local() else { return Ok(()) };
        if step != Step::Room || matches!(local.disk.trouble(), Some(Trouble::Full(_))) {
            local.set_trouble(trouble);
            self.trace.line(format!("the disk: {trouble:?}"));
        }
        Ok(())
    }

    /// Now and then the power fails within the next `calls` calls of the disk.
    pub(super) fn cut_soon(&mut self, calls: u64) {
        let Place::Local(local) = &mut self.place else { return };
        if self.rng.chance(25) {
            let at = self.rng.below(calls);
            local.set_trouble(Some(Trouble::PowerCut(at)));
            self.trace.line(format!("the power is going to fail, {at}"));
        }
    }

    /// The power fails in the write or the sync of what is likely the longest fact, so that it may be torn.
    fn cut_a_long_write(&mut self) -> Result<(), Violation> {
        let at = self.rng.below(2);
        let mut definition = self.history.model().manifest().definition();
        definition.rules.name = format!("cut off {}", self.rng.below(1_000));
        let Some(local) = self.local() else { return Ok(()) };
        local.set_trouble(Some(Trouble::PowerCut(at)));
        self.trace.line(format!("the power fails in a long write, {at}"));
        let request = ManifestRequest { event: self.event, definition };
        self.send(0, Command::ChangeManifest(Box::new(request)))
    }

    /// From now on everything acknowledged so far must be there after any crash.
    pub(super) fn sync_store(&mut self) {
        let end = self.history.end();
        if let Some(local) = self.local()
            && local.opened().sync().is_ok()
        {
            local.promised = end;
        }
    }

    /// The process is killed; the machine goes on.
    pub(super) fn kill(&mut self) -> Result<(), Violation> {
        self.restart(End::Killed)
    }

    /// If the power has failed, or the store takes nothing more, there is a new process, at once or after a while.
    pub(super) fn look_at_disk(&mut self, step: Step) -> Result<(), Violation> {
        let Some(local) = self.local() else { return Ok(()) };
        if local.disk.is_dead() {
            self.tally.event(match step {
                Step::Keep => "power cut while keeping house",
                Step::Snapshot => "power cut in a snapshot",
                _ => "power cut in an append",
            });
            return self.restart(End::PowerCut);
        }
        let (trouble, erred) = (local.opened().trouble(), local.erred);
        let Some(reason) = trouble else { return Ok(()) };
        if !erred {
            let what = format!("the disk has done nothing wrong, and yet: {reason}");
            return Err(violation(Invariant::I5Durable, self.history.end(), what));
        }
        if self.rng.chance(20) {
            self.tally.event("disk error stopped the store");
            let end = if self.rng.chance(50) { End::Killed } else { End::PowerCut };
            return self.restart(end);
        }
        Ok(())
    }

    /// Archives what is full, and makes files ready.
    pub(super) fn keep_store(&mut self) -> Result<(), Violation> {
        let Some(local) = self.local() else { return Ok(()) };
        let long_ago = has_struck(&local.disk);
        let kept = local.opened().maintain();
        let synced = kept.is_ok() && local.syncs_in_keeping();
        // A store that takes nothing more can't sync either.
        let stopped = local.syncs_in_keeping() && local.erred;
        let (trouble, struck) = (local.disk.trouble(), has_struck(&local.disk) && !long_ago);
        self.count_done();
        if synced {
            self.sync_store();
        }
        let Err(error) = kept else { return Ok(()) };
        self.trace.line(format!("not kept: {error}"));
        match (error, trouble) {
            (LocalError::Io { .. }, Some(Trouble::Full(_))) => {
                self.tally.event("disk full put off keeping house");
            }
            (LocalError::Io { .. }, Some(Trouble::PowerCut(_))) if struck => {}
            (LocalError::Io { .. }, _) if stopped => {}
            (LocalError::Io { .. }, Some(_)) if struck => {
                self.tally.event("disk error put off keeping house");
            }
            (error, trouble) => {
                let what = format!("keeping house fails, with trouble {trouble:?}: {error}");
                return Err(violation(Invariant::I5Durable, self.history.end(), what));
            }
        }
        Ok(())
    }

    fn count_done(&mut self) {
        let Some(local) = self.local() else { return };
        let (archived, reused) = local.done();
        if archived {
            self.tally.event("segment archived");
        }
        if reused {
            self.tally.event("segment used again");
        }
    }

    /// A full disk is told to who is refused.
    pub(super) fn note_full_disk(&mut self, outcome: &Outcome) {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull).to_string();
        if matches!(outcome, Err(CommandError::Failed { reason }) if reason.contains(&full)) {
            self.tally.event("disk full refused");
        }
    }

    /// The disk does what it should from now on.
    pub(super) fn end_disk_trouble(&mut self) -> Result<(), Violation> {
        let Some(local) = self.local() else { return Ok(()) };
        local.quiet = true;
        local.disk.set_trouble(None);
        if local.disk.is_dead() {
            return self.restart(End::PowerCut);
        }
        if local.opened().trouble().is_some() { self.restart(End::Killed) } else { Ok(()) }
    }

    /// Every fact that has been seen is still there, word for word.
    pub(super) fn compare_journal(&self, when: &str) -> Result<(), Violation> {
        let wrong =
            |revision, what: String| Err(violation(Invariant::I5Durable, revision, format!("{what}{when}")));
        match self.place.judged(|store| self.history.compare(store, self.place.may_truncate())) {
            Ok(Ok(())) => Ok(()),
            Ok(Err((revision, what))) => wrong(revision, what),
            Err(error) => wrong(self.history.end(), format!("the journal can't be read: {error}")),
        }
    }

    /// Ends the process and begins another on what is left.
    fn restart(&mut self, end: End) -> Result<(), Violation> {
        // Who has been told something has been told.
        self.poll()?;
        let pending = std::mem::take(&mut self.pending);
        self.lost.extend(pending.into_iter().map(|(sent, _)| sent));
        self.lose_paid(0);
        let left = self.left();
        let Place::Local(local) = &mut self.place else { return Ok(()) };
        let cut = local.disk.after_power_cut(if end == End::Killed { Left::Everything } else { left });
        // A store that does not sync loses the end of its log to a loss of power; one whose sync failed, to any end.
        let failed = local.opened().trouble().is_some() || local.erred;
        self.nodes[0].leave(&mut self.tally);
        let closed = local.close();
        let unclean = end == End::PowerCut || local.disk.is_dead() || failed;
        local.may_lose = !local.is_strict() && unclean;
        let disk = match end {
            End::PowerCut | End::Killed => cut,
            End::Closed if !closed => {
                let what = "somebody keeps the store open";
                return Err(violation(Invariant::I5Durable, self.history.end(), what));
            }
            End::Closed if local.disk.is_dead() => {
                self.tally.event("power cut in a closing");
                local.disk.after_power_cut(left)
            }
            End::Closed if self.rng.chance(50) => local.disk.clone(),
            End::Closed => local.disk.after_power_cut(left),
        };
        self.tally.event(match end {
            End::PowerCut => "power cut survived",
            End::Killed => "process killed",
            End::Closed => "store closed and opened",
        });
        self.open_again(disk, end)
    }

    /// Opens the store. That may be disturbed, but not for ever.
    pub(super) fn open_again(&mut self, mut disk: MemoryDisk, end: End) -> Result<(), Violation> {
        for attempt in 0.. {
            let trouble = self.disturbance(attempt);
            disk.set_trouble(trouble);
            let seed = self.rng.next_u64();
            let Place::Local(local) = &mut self.place else { return Ok(()) };
            let opened = local.open(&disk, seed);
            let struck = has_struck(&disk);
            match opened {
                Ok(store) if !disk.is_dead() => {
                    let torn = store.torn_bytes();
                    local.go_on(disk, store);
                    return self.opened(end, torn, trouble);
                }
                Ok(_) | Err(LocalError::Io { .. }) if struck => {}
                Ok(_) => unreachable!("dead, and so struck"),
                Err(error) => {
                    let what = format!("the store refuses to open ({end:?}, {trouble:?}): {error}");
                    return Err(violation(Invariant::I5Durable, self.history.end(), what));
                }
            }
            let dead = disk.is_dead();
            self.tally.event(if dead { "power cut in an opening" } else { "disk error in an opening" });
            self.trace.line(format!("not opened: {trouble:?}"));
            let left = if dead { self.left() } else { Left::Everything };
            disk = disk.after_power_cut(left);
        }
        Ok(())
    }

    /// What is to go wrong in the next opening, if anything.
    fn disturbance(&mut self, attempt: u32) -> Option<Trouble> {
        let quiet = self.local().is_none_or(|local| local.quiet);
        if quiet || attempt >= DISTURBED_MAX || self.rng.chance(60) {
            return None;
        }
        Some(match self.rng.below(4) {
            0 => Trouble::Error(self.rng.below(20)),
            1 => Trouble::ReadError(self.rng.below(20)),
            _ => Trouble::PowerCut(self.rng.below(20)),
        })
    }

    /// What is left of what was not synced.
    fn left(&mut self) -> Left {
        let sectors = self.local().map_or(0, |local| local.disk.last_write_sectors());
        match self.rng.below(10) {
            0 => Left::Nothing,
            1 => Left::Everything,
            2 if sectors > 0 => Left::TornAfter(self.rng.index(sectors)),
            3 if sectors > 0 => Left::HoleAt(self.rng.index(sectors)),
            _ => Left::Random(self.rng.next_u64()),
        }
    }

    /// The store is open again: what was acknowledged must be there, and the office goes on.
    fn opened(&mut self, end: End, torn: u64, trouble: Option<Trouble>) -> Result<(), Violation> {
        self.forget_what_may_be_lost()?;
        self.compare_journal(&format!(" after {end:?}"))?;
        self.look_at_side(&format!(" after {end:?}"))?;
        if self.place.judged(|store| self.history.is_truncated_in(store)) {
            self.tally.event("journal that begins late opened");
        }
        let known = self.history.end();
        self.follow()?;
        if self.history.end() > known {
            self.tally.event("fact found that nobody was told of");
        }
        if torn > 0 {
            self.tally.event("torn end cut off");
        }
        self.find_snapshot(end)?;
        self.count_done();
        let found = self.history.end();
        self.trace.line(format!("{end:?}: open at {found}, known {known}, torn {torn}, {trouble:?}"));
        let Place::Local(local) = &self.place else { return Ok(()) };
        self.nodes[0].begin(local.store(), !local.quiet, &mut self.rng);
        Ok(())
    }

    /// Where the store promises less, the end of the journal may be gone; never what it was synced up to, and nothing in the middle.
    fn forget_what_may_be_lost(&mut self) -> Result<(), Violation> {
        let Place::Local(local) = &mut self.place else { return Ok(()) };
        if !std::mem::take(&mut local.may_lose) {
            return Ok(());
        }
        let (promised, known) = (local.promised, self.history.end());
        let found = match self.place.judged(|store| self.history.end_in(store)) {
            Ok(found) => found,
            Err(error) => {
                return Err(violation(
                    Invariant::I5Durable,
                    known,
                    format!("the journal can't be read: {error}"),
                ));
            }
        };
        if found < known && found >= promised {
            self.tally.event("end lost, as was said");
            self.history.forget_after(found)?;
        }
        // What was found has been written again and synced.
        if let Some(local) = self.local() {
            local.promised = found;
        }
        Ok(())
    }

    /// A snapshot that was saved is there, or a newer one.
    fn find_snapshot(&mut self, end: End) -> Result<(), Violation> {
        let Place::Local(local) = &self.place else { return Ok(()) };
        let end_of_journal = self.history.end();
        let wrong = |what: String| Err(violation(Invariant::I5Durable, end_of_journal, what));
        let found = match self.place.judged(|store| self.history.snapshot(store)) {
            Ok(found) => found.map(|snapshot| snapshot.revision).unwrap_or_default(),
            Err(error) => return wrong(format!("the snapshot can't be read after {end:?}: {error}")),
        };
        if found < local.saved {
            return wrong(format!("the snapshot at {} is lost after {end:?}: there is {found}", local.saved));
        }
        if found.0 > 0 && end != End::Closed {
            self.tally.event("snapshot found after a crash");
        }
        Ok(())
    }
}
