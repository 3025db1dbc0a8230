//! Compaction: when most of the file is erased, what is left is copied to a new one, a piece at a time, while records are saved, loaded
//! and erased. The new file takes the place of the old one once it holds everything and is on the disk.
//!
//! What is erased meanwhile is erased in both files. The old file is made zero once its name is gone, and so is what a crash leaves of a
//! new one: what is erased later must not have stayed where files once were.

use std::sync::Arc;

use hashbrown::HashMap;

use super::format::{ALIGN, FILE, FILE_HEAD, HEAD, Place, RecordHead, SIDE, Window, file_head};
use super::{Side, wipe};
use crate::store::local::error::{Damage, Doing, LocalError};
use crate::store::local::files::{Access, FileHandle, Files};
use crate::store::local::shared::Shared;
use crate::store::local::slots::PIECE_BYTES;
use crate::store::side::SideId;

/// The new file, until it takes the place of the old one.
const UNFINISHED: &str = "side/records.tmp";
/// A file with less than this erased is not worth it.
const ERASED_MIN: u64 = 16 << 10;

/// A new file that records are being copied to.
pub(super) struct Copying {
    file: Arc<dyn FileHandle>,
    places: HashMap<SideId, Place>,
    /// How far the old file has been read, and the new one written.
    from: u64,
    end: u64,
    live: u64,
}

impl Copying {
    /// Makes a record zero that was at `old`, if it has been copied.
    pub fn wipe(&mut self, store: u128, id: SideId, old: Place) -> Result<(), LocalError> {
        if old.at >= self.from {
            return Ok(());
        }
        let Some(place) = self.places.remove(&id) else { return Ok(()) };
        self.live -= place.size();
        wipe(&*self.file, store, id, place).doing("erase", UNFINISHED)
    }
}

/// Makes all of a file zero.
fn make_zero(file: &dyn FileHandle, name: &str) -> Result<(), LocalError> {
    let size = file.size().doing("look at", name)?;
    let zeros = vec![0; PIECE_BYTES];
    let mut at = 0;
    while at < size {
        let piece = usize::try_from(size - at).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        file.write_at(&zeros[..piece], at).doing("erase", name)?;
        at += piece as u64;
        file.sync().doing("sync", name)?;
    }
    Ok(())
}

/// Removes what a crash has left of a new file.
pub(in crate::store::local) fn remove_unfinished(files: &dyn Files, name: &str) -> Result<(), LocalError> {
    make_zero(&*files.open(name, Access::Write).doing("open", name)?, name)?;
    files.remove(name).doing("remove", name)
}

impl Side {
    /// Whether more than half of the file is erased.
    pub fn is_wasteful(&self) -> bool {
        let erased = self.end - FILE_HEAD as u64 - self.live;
        erased > ERASED_MIN.max(self.live) && !self.broken
    }

    fn begin_copying(&mut self, shared: &Shared) -> Result<(), LocalError> {
        let file = shared.files.open(UNFINISHED, Access::Create).doing("make", UNFINISHED)?;
        file.write_at(&file_head(self.store), 0).doing("write", UNFINISHED)?;
        let (from, end) = (FILE_HEAD as u64, FILE_HEAD as u64);
        self.copying = Some(Copying { file, places: HashMap::new(), from, end, live: 0 });
        Ok(())
    }

    /// Copies a piece. True once everything has been copied.
    fn copy_piece(&mut self) -> Result<bool, LocalError> {
        if self.broken {
            return Err(std::io::Error::other("side records failed")).doing("copy", FILE);
        }
        let Some(copying) = &mut self.copying else { return Ok(true) };
        // A crash may have cut off what fills the last record up.
        let size = self.file.size().doing("look at", FILE)?.min(self.end);
        let mut window = Window::new(&*self.file, size);
        let (until, mut piece) = (copying.from + PIECE_BYTES as u64, Vec::new());
        let mut copied = Vec::new();
        let mut from = copying.from;
        while from < until.min(self.end) {
            let damaged = || LocalError::from(Damage::new(FILE, from, "a record can't be read any more"));
            let head = RecordHead::decode(self.store, window.at(from, HEAD)?).ok_or_else(damaged)?;
            let place = Place { at: from, len: head.len };
            if self.places.get(&head.id) == Some(&place) {
                let record = window.at(from, HEAD + place.len as usize)?;
                if record.get(HEAD..).map(crc32c::crc32c) != Some(head.crc) {
                    return Err(damaged());
                }
                copied.push((head.id, Place { at: copying.end + piece.len() as u64, len: head.len }));
                piece.extend_from_slice(record);
                piece.resize(piece.len().next_multiple_of(ALIGN), 0);
            }
            from = place.end();
        }
        copying.file.write_at(&piece, copying.end).doing("add to", UNFINISHED)?;
        copying.file.sync().doing("sync", UNFINISHED)?;
        copying.end += piece.len() as u64;
        copying.live += piece.len() as u64;
        copying.places.extend(copied);
        copying.from = from;
        Ok(from >= self.end)
    }

    /// The new file takes the place of the old one, which is returned.
    fn finish_copying(&mut self, shared: &Shared) -> Result<Option<Arc<dyn FileHandle>>, LocalError> {
        let Some(copying) = self.copying.take() else { return Ok(None) };
        // If this fails, nobody knows which of the two has the name.
        self.broken = true;
        shared.files.rename(UNFINISHED, FILE).doing("rename", UNFINISHED)?;
        shared.sync_folder(SIDE)?;
        self.broken = false;
        (self.places, self.end, self.live) = (copying.places, copying.end, copying.live);
        Ok(Some(std::mem::replace(&mut self.file, copying.file)))
    }
}

impl Shared {
    /// Copies side records to a new file if most of the old one is erased. For the keeper.
    pub fn compact_side(&self) -> Result<(), LocalError> {
        let copied = self.copy_side();
        if copied.is_err()
            && let Some(side) = &mut *self.side.lock()
            && side.copying.take().is_some()
        {
            // It is tried again from the beginning. If the new file stays, nothing can be said to be erased.
            remove_unfinished(&*self.files, UNFINISHED).inspect_err(|_| side.broken = true)?;
        }
        copied
    }

    fn copy_side(&self) -> Result<(), LocalError> {
        match &mut *self.side.lock() {
            Some(side) if side.is_wasteful() => side.begin_copying(self)?,
            _ => return Ok(()),
        }
        loop {
            let begun = std::time::Instant::now();
            // Locked for one piece at a time, and not while the old file is made zero: nobody uses that one any more.
            let old = {
                let mut side = self.side.lock();
                match &mut *side {
                    Some(side) => {
                        if side.copy_piece()? {
                            Some(side.finish_copying(self)?)
                        } else {
                            None
                        }
                    }
                    None => None,
                }
            };
            if let Some(old) = old {
                return old.map_or(Ok(()), |old| make_zero(&*old, FILE));
            }
            self.give_way(begun.elapsed());
        }
    }
}
