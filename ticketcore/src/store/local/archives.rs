//! Reading archives, through a cache of unpacked blocks.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use super::error::LocalError;
use super::error::{Damage, Doing};
use super::files::{Access, FileHandle, Files};
use super::format::archive::{
    ARCHIVE_HEAD, ARCHIVE_TRAILER, Batches, BlockEntry, StoredBatch, archive_file, blocks, check_head,
    list_place, unpack,
};
use super::index::Archive;
use crate::id::Revision;
use crate::sync::Mutex;

/// Unpacked blocks, the least recently used go first once they take more than their share of memory.
pub(super) struct BlockCache {
    budget: usize,
    state: Mutex<CacheState>,
}

/// Archive file and block.
type BlockName = (u64, usize);

#[derive(Default)]
struct CacheState {
    /// When each was used last, and its bytes.
    blocks: HashMap<BlockName, (u64, Arc<Vec<u8>>)>,
    by_use: BTreeMap<u64, BlockName>,
    bytes: usize,
    uses: u64,
}

impl BlockCache {
    pub fn new(budget: usize) -> Self {
        Self { budget, state: Mutex::default() }
    }

    fn get(&self, key: BlockName) -> Option<Arc<Vec<u8>>> {
        let state = &mut *self.state.lock();
        let (used, bytes) = state.blocks.get_mut(&key)?;
        state.uses += 1;
        state.by_use.remove(used);
        state.by_use.insert(state.uses, key);
        *used = state.uses;
        Some(Arc::clone(bytes))
    }

    fn put(&self, key: BlockName, block: &Arc<Vec<u8>>) {
        let state = &mut *self.state.lock();
        if block.len() > self.budget || state.blocks.contains_key(&key) {
            return;
        }
        state.uses += 1;
        state.bytes += block.len();
        state.by_use.insert(state.uses, key);
        state.blocks.insert(key, (state.uses, Arc::clone(block)));
        while state.bytes > self.budget {
            let Some((_, key)) = state.by_use.pop_first() else { return };
            if let Some((_, gone)) = state.blocks.remove(&key) {
                state.bytes -= gone.len();
            }
        }
    }
}

/// What reading an archive ended with.
pub(super) enum ArchiveError {
    /// Its file has gone: it has been merged into another one, or retention has dropped it. Ask the index again.
    Moved,
    Failed(LocalError),
}

impl From<LocalError> for ArchiveError {
    fn from(error: LocalError) -> Self {
        match &error {
            LocalError::Io { error: io, .. } if io.kind() == io::ErrorKind::NotFound => Self::Moved,
            _ => Self::Failed(error),
        }
    }
}

/// What a reader of archives has to do with the cache.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cached {
    /// What it reads is put there.
    Kept,
    /// It takes what is there.
    Used,
    /// Everything is read from the file.
    Not,
}

/// Reads archives of one store.
pub(super) struct ArchiveReader<'a> {
    pub files: &'a dyn Files,
    pub store: u128,
    pub cache: &'a BlockCache,
    pub cached: Cached,
}

impl ArchiveReader<'_> {
    fn open(&self, archive: &Archive) -> Result<(String, Arc<dyn FileHandle>), LocalError> {
        let name = archive_file(archive.stream, archive.entry.file);
        let file = self.files.open(&name, Access::Read).doing("open", &name)?;
        Ok((name, file))
    }

    /// The same, but what it reads stays in the cache.
    pub fn keeping(self) -> Self {
        Self { cached: Cached::Kept, ..self }
    }

    /// The list of blocks, which is read and checked once.
    pub fn blocks<'b>(&self, archive: &'b Archive) -> Result<&'b [BlockEntry], LocalError> {
        match archive.blocks.get() {
            Some(blocks) if self.cached != Cached::Not => return Ok(blocks),
            _ => {}
        }
        let (name, file) = self.open(archive)?;
        let bytes = file.size().doing("look at", &name)?;
        if bytes != archive.entry.bytes || bytes < (ARCHIVE_HEAD + ARCHIVE_TRAILER) as u64 {
            let what = format!("it has {bytes} bytes, {} were written", archive.entry.bytes);
            return Err(Damage::new(&name, bytes, what).into());
        }
        let read = |at: u64, len: usize| {
            let mut into = vec![0; len];
            file.read_at(&mut into, at).doing("read", &name).map(|()| into)
        };
        check_head(&name, &read(0, ARCHIVE_HEAD)?, self.store, archive.stream)?;
        let trailer = read(bytes - ARCHIVE_TRAILER as u64, ARCHIVE_TRAILER)?;
        let (at, len) = list_place(&name, &trailer, bytes, archive.entry.crc)?;
        let list = blocks(&name, at, &read(at, len)?, archive.entry.crc)?;
        let first = list.first().map(|block| (block.first, block.first_seq));
        if first != Some((archive.entry.first, archive.entry.first_seq)) {
            return Err(Damage::new(&name, at, "it begins elsewhere than the manifest says").into());
        }
        Ok(archive.blocks.get_or_init(|| list))
    }

    /// An unpacked block. The file is opened if that has not been done.
    fn block(
        &self,
        archive: &Archive,
        (at, entry): (usize, &BlockEntry),
        opened: &mut Option<Arc<dyn FileHandle>>,
    ) -> Result<Arc<Vec<u8>>, LocalError> {
        let key = (archive.entry.file, at);
        if self.cached != Cached::Not
            && let Some(block) = self.cache.get(key)
        {
            return Ok(block);
        }
        let name = archive_file(archive.stream, archive.entry.file);
        let file = match opened {
            Some(file) => file,
            none => none.insert(self.open(archive)?.1),
        };
        let mut stored = vec![0; entry.packed as usize];
        file.read_at(&mut stored, entry.at).doing("read", &name)?;
        let block = Arc::new(unpack(&name, entry, stored)?);
        if self.cached == Cached::Kept {
            self.cache.put(key, &block);
        }
        Ok(block)
    }

    /// Visits batches from the one with `revision` on, until `visit` says that it has seen enough.
    pub fn visit(
        &self,
        archive: &Archive,
        revision: Revision,
        visit: &mut dyn FnMut(&StoredBatch<'_>) -> bool,
    ) -> Result<(), LocalError> {
        let list = self.blocks(archive)?;
        let from = list.partition_point(|block| block.first <= revision).saturating_sub(1);
        self.visit_from(archive, from, &mut |batch| batch.last() < revision || visit(batch))
    }

    /// Visits batches from the beginning of a block on, until `visit` says that it has seen enough.
    pub fn visit_from(
        &self,
        archive: &Archive,
        from: usize,
        visit: &mut dyn FnMut(&StoredBatch<'_>) -> bool,
    ) -> Result<(), LocalError> {
        let list = self.blocks(archive)?;
        let mut opened = None;
        for (at, entry) in list.iter().enumerate().skip(from) {
            let block = self.block(archive, (at, entry), &mut opened)?;
            let mut batches = Batches::new(entry, &block);
            let mut next = entry.first;
            for batch in &mut batches {
                next = batch.last().next();
                if !visit(&batch) {
                    return Ok(());
                }
            }
            let ends = list.get(at + 1).map_or(archive.entry.end.revision.next(), |block| block.first);
            if !batches.is_at_end() || next != ends {
                let name = archive_file(archive.stream, archive.entry.file);
                return Err(Damage::new(&name, entry.at, "a block holds other batches than it should").into());
            }
        }
        Ok(())
    }
}
