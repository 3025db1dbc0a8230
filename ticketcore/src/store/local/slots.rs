//! The files of the log: they are filled with zeros once and then used again and again, because writing in place is what a disk does
//! fastest.

use std::sync::Arc;

use super::error::{Doing, LocalError};
use super::files::{Access, Files};
use super::format::BLOCK;
use super::format::segment::{LogEnd, SegmentHeader};
use super::index::Segment;
use super::shared::{Shared, Slots, Spare};

/// The folder of the log.
pub(super) const LOG: &str = "wal";
/// What is not the log is written and synced in pieces of so many bytes.
pub(super) const PIECE_BYTES: usize = 256 << 10;
/// What is written in the background is synced so often, as long as it is not urgent: the log's next sync waits for the one under way.
pub(super) const GENTLE_BYTES: usize = 48 << 10;

/// The name of a log file, if `name` is one's.
pub(super) fn slot_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".wal")?;
    (digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

impl Shared {
    /// Makes a file for the log of at least `bytes` bytes. It is on the disk, name and length too, when this returns.
    pub fn make_slot(&self, bytes: u64) -> Result<Spare, LocalError> {
        let number = {
            let mut slots = self.slots.lock();
            slots.next_name += 1;
            slots.next_name
        };
        let name = format!("{LOG}/{number:06}.wal");
        let unfinished = format!("{name}.tmp");
        let size = bytes.next_multiple_of(BLOCK as u64).max(u64::from(self.options.segment_bytes));
        let made = self.fill_slot(&unfinished, &name, size);
        if made.is_err() {
            // Not to take what little room there is; it goes at the next opening if not now.
            let _gone = self.files.remove(&unfinished);
            let _gone = self.files.remove(&name);
        }
        made?;
        let file = self.files.open(&name, Access::Write).doing("open", &name)?;
        Ok(Spare { name, file, size })
    }

    fn fill_slot(&self, unfinished: &str, name: &str, size: u64) -> Result<(), LocalError> {
        let file = self.files.open(unfinished, Access::Create).doing("make", unfinished)?;
        let zeros = vec![0; PIECE_BYTES];
        let mut at = 0;
        while at < size {
            let piece = usize::try_from(size - at).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
            file.write_at(&zeros[..piece], at).doing("write", unfinished)?;
            at += piece as u64;
            file.sync().doing("sync", unfinished)?;
        }
        self.files.rename(unfinished, name).doing("rename", unfinished)?;
        self.sync_folder(LOG)
    }

    /// A spare file of at least `bytes` bytes, made now if there is none.
    pub fn take_slot(&self, bytes: u64) -> Result<Spare, LocalError> {
        {
            let mut slots = self.slots.lock();
            if let Some(at) = slots.spare.iter().position(|spare| spare.size >= bytes) {
                return Ok(slots.spare.swap_remove(at));
            }
        }
        self.make_slot(bytes)
    }

    /// Writes the header of the segment after `before` into a file. It is on the disk after the next sync of that file.
    pub fn begin_segment(&self, spare: Spare, before: LogEnd) -> Result<(Arc<Segment>, u64), LocalError> {
        let number = before.segment + 1;
        let life = self.lives.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let header = SegmentHeader { store: self.store, number, life, before };
        spare.file.write_at(&header.encode(), 0).doing("write", &spare.name)?;
        Ok((Arc::new(Segment { name: spare.name, file: spare.file, number, life }), spare.size))
    }

    /// Syncs the names in a folder.
    pub fn sync_folder(&self, folder: &str) -> Result<(), LocalError> {
        #[cfg(feature = "testkit")]
        if self.options.canary == Some(super::LocalCanary::NoDirSync) {
            return Ok(());
        }
        self.files.sync_folder(folder).doing("sync", folder)
    }

    /// Writes a small file whole and puts it in the place of `name`. All or nothing, whenever the power fails.
    pub fn replace(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), LocalError> {
        let unfinished = format!("{name}.tmp");
        let file = self.files.open(&unfinished, Access::Create).doing("make", &unfinished)?;
        // In pieces, as archives are: one large sync would keep the log waiting.
        let size = if self.is_gentle() { GENTLE_BYTES } else { PIECE_BYTES };
        for (number, piece) in bytes.chunks(size).enumerate() {
            file.write_at(piece, (number * size) as u64).doing("write", &unfinished)?;
            file.sync().doing("sync", &unfinished)?;
        }
        self.files.rename(&unfinished, name).doing("rename", &unfinished)?;
        self.sync_folder(folder)
    }

    /// The whole of a small file.
    pub fn read_whole(files: &dyn Files, name: &str) -> Result<Vec<u8>, LocalError> {
        let file = files.open(name, Access::Read).doing("open", name)?;
        let size = file.size().doing("look at", name)?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        file.read_at(&mut bytes, 0).doing("read", name)?;
        Ok(bytes)
    }
}

impl Slots {
    /// Bytes of segments that wait to be archived.
    pub fn waiting_bytes(&self) -> u64 {
        self.sealed.iter().map(|sealed| sealed.size).sum()
    }

    /// Files that nobody reads any more are used again; more than are needed are given back, and so are those of another length, as they are
    /// found when the store is opened with other options.
    pub fn take_unread(&mut self, keep: usize, segment_bytes: u64) -> Vec<String> {
        let mut gone = Vec::new();
        for spare in std::mem::take(&mut self.spare) {
            if self.spare.len() < keep && spare.size == segment_bytes {
                self.spare.push(spare);
            } else {
                gone.push(spare.name);
            }
        }
        let retired = std::mem::take(&mut self.retired);
        for sealed in retired {
            if Arc::strong_count(&sealed.segment) > 1 {
                self.retired.push(sealed);
            } else if self.spare.len() < keep && sealed.size == segment_bytes {
                let file = Arc::clone(&sealed.segment.file);
                self.spare.push(Spare { name: sealed.segment.name.clone(), file, size: sealed.size });
            } else {
                gone.push(sealed.segment.name.clone());
            }
        }
        gone
    }
}
