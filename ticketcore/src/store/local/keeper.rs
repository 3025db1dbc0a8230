//! The keeper: what need not be done while somebody waits. It keeps a file ready for the log, moves full segments to archives, and gives
//! back what is no longer needed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::{Doing, LocalError};
use super::format::archive::archive_file;
use super::format::manifest::{MANIFEST, Manifest, Retention};
use super::last_words::KeeperGone;
use super::shared::{Counters, Shared};
use crate::id::Revision;
use crate::store::StreamId;
use crate::sync::atomic::Ordering;

/// Files of the log that are kept to be used again: at least two, more if they are small, since then several are archived together.
const SPARES_MIN: u64 = 2;
const SPARES_MAX: u64 = 8;
const SPARE_BYTES: u64 = 16 << 20;
/// How long the keeper waits before it tries again what failed.
const PATIENCE: Duration = Duration::from_secs(1);

impl Shared {
    /// Does whatever there is to do.
    ///
    /// What fails keeps nothing else from being done: on a full disk archiving and letting go are what makes room.
    pub fn keep_house(&self) -> Result<(), LocalError> {
        let _alone = self.keeping.lock();
        let first = if self.slots.lock().sealed.is_empty() { self.prepare() } else { Ok(()) };
        // The archiver notes the newest segment, too.
        let log = [self.archive_all(), self.note_newest(), self.let_go(), self.reuse(), self.prepare()];
        let steps = log.into_iter().chain([self.compact_side()]);
        steps.fold(first, Result::and)
    }

    fn archive_all(&self) -> Result<(), LocalError> {
        while self.archive_next()? {
            if self.queue_is_closed() {
                break;
            }
        }
        Ok(())
    }

    /// Uses files of segments again that nobody reads any more, and gives back those that are not needed.
    fn reuse(&self) -> Result<(), LocalError> {
        let gone = {
            let mut slots = self.slots.lock();
            let ready = slots.spare.len();
            let segment_bytes = u64::from(self.options.segment_bytes);
            let keep = (SPARE_BYTES / segment_bytes).clamp(SPARES_MIN, SPARES_MAX);
            let gone = slots.take_unread(usize::try_from(keep).unwrap_or(1), segment_bytes);
            Counters::add(&self.counters.segments_reused, slots.spare.len().saturating_sub(ready) as u64);
            gone
        };
        for name in gone {
            self.files.remove(&name).doing("remove", &name)?;
        }
        Ok(())
    }

    /// The keeper's thread.
    pub fn run_keeper(self: &Arc<Self>) {
        let last = KeeperGone::of(self);
        loop {
            let begun = Instant::now();
            let trouble = self.keep_house().err().map(|error| error.to_string());
            let again = trouble.is_some();
            *self.trouble.lock() = trouble;
            self.rest(begun.elapsed());
            let mut asked = self.keep_asked.lock();
            if self.queue_is_closed() {
                return last.unsaid();
            }
            let retired = !self.slots.lock().retired.is_empty();
            if !*asked && (again || retired) {
                self.keep.wait_for(&mut asked, PATIENCE);
            } else if !*asked {
                self.keep.wait(&mut asked);
            }
            *asked = false;
        }
    }

    pub fn queue_is_closed(&self) -> bool {
        self.queue.lock().closing
    }

    fn prepare(&self) -> Result<(), LocalError> {
        if self.slots.lock().spare.is_empty() {
            let spare = self.make_slot(0)?;
            self.slots.lock().spare.push(spare);
        }
        Ok(())
    }

    /// From now on it is known that the newest segment must be there.
    pub fn note_newest(&self) -> Result<(), LocalError> {
        let newest = self.newest.load(Ordering::Acquire);
        let mut manifest = self.manifest.lock();
        if manifest.newest >= newest {
            return Ok(());
        }
        self.save_manifest(&mut manifest, |next| next.newest = newest)
    }

    /// Changes the manifest: on the disk first, then in memory.
    pub fn save_manifest(
        &self,
        manifest: &mut Manifest,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<(), LocalError> {
        let mut next = manifest.clone();
        change(&mut next);
        self.replace("", MANIFEST, &next.encode())?;
        *manifest = next;
        Ok(())
    }

    /// These segments have been archived.
    pub fn retire(&self, segments: usize) {
        let mut slots = self.slots.lock();
        let gone: Vec<_> = slots.sealed.drain(..segments).collect();
        slots.retired.extend(gone);
        slots.stuck = false;
        drop(slots);
        self.archived.notify_all();
    }

    /// Drops archives that retention does not keep.
    fn let_go(&self) -> Result<(), LocalError> {
        let bounded: Vec<(StreamId, u64)> = {
            let manifest = self.manifest.lock();
            let bounded = manifest.streams.iter().filter(|(_, entry)| !entry.archives.is_empty());
            let facts = bounded.map(|(stream, entry)| (*stream, entry.retention));
            let facts = facts.map(|(stream, own)| (stream, own.unwrap_or(self.options.retention)));
            let of = |(stream, retention)| match retention {
                Retention::Facts(facts) => Some((stream, facts)),
                Retention::All => None,
            };
            facts.filter_map(of).collect()
        };
        let mut gone: BTreeMap<StreamId, usize> = BTreeMap::new();
        for (stream, facts) in bounded {
            let until = Revision(self.covered(stream)?.0.saturating_sub(facts));
            let manifest = self.manifest.lock();
            let Some(entry) = manifest.streams.get(&stream) else { continue };
            let count = entry.archives.iter().take_while(|archive| archive.end.revision <= until).count();
            if count > 0 {
                gone.insert(stream, count);
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        let mut files = Vec::new();
        self.save_manifest(&mut self.manifest.lock(), |next| {
            for (stream, count) in &gone {
                if let Some(entry) = next.streams.get_mut(stream) {
                    let dropped = entry.archives.drain(..*count);
                    files.extend(dropped.map(|archive| archive_file(*stream, archive.file)));
                }
            }
        })?;
        for (stream, count) in gone {
            self.index.lock().dropped(stream, count);
        }
        self.remove_archives(files)
    }
}
