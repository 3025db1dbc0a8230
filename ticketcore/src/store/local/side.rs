//! Side records of a local store: one file, records one behind the other, erased in place.
//!
//! Layout: 32 bytes (`tkt-sid\0`, format, crc32c of the store, store); then per record a head of 48 bytes and its bytes, filled up to a multiple
//! of 16. Head: magic (4), crc32c of the store and the rest of the head (4), state (4): 1 live, 2 erased, bytes (4), id (16), crc32c of the bytes (4), zero (12).
//!
//! The name of the store, which nobody outside knows, is part of the checksum: what a customer writes can't be made to look like a record.
//!
//! To erase, the head says so first, and once that is on the disk the bytes are made zero; opening does the second step again where it is
//! missing. A record is replaced by a new one at the end; opening erases the older of two.

use std::io;
use std::sync::Arc;

use hashbrown::HashMap;

use super::error::{Damage, Doing, LocalError};
use super::files::{Access, FileHandle};
use super::format::{u32_at, u128_at};
use super::shared::Shared;
use crate::store::StoreFailure;
use crate::store::side::{SideId, SideRecords, check_size};

/// Its folder.
pub(super) const SIDE: &str = "side";
const FILE: &str = "side/records";
const MAGIC: &[u8; 8] = b"tkt-sid\0";
const FORMAT: u32 = 1;
const FILE_HEAD: usize = 32;
const RECORD: u32 = u32::from_le_bytes(*b"TKs1");
const HEAD: usize = 48;
const ALIGN: usize = 16;
const LIVE: u32 = 1;
const ERASED: u32 = 2;

/// Where a record is.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    len: u32,
    crc: u32,
}

impl Place {
    const fn end(self) -> u64 {
        self.at + (HEAD + self.len as usize).next_multiple_of(ALIGN) as u64
    }
}

/// The open file.
pub(super) struct Side {
    file: Arc<dyn FileHandle>,
    store: u128,
    places: HashMap<SideId, Place>,
    end: u64,
    /// An error of a write or a sync: nobody knows what is on the disk.
    broken: bool,
}

fn sum(store: u128, head: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&store.to_le_bytes()), &head[8..HEAD])
}

fn head(store: u128, state: u32, id: SideId, len: u32, crc: u32) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&RECORD.to_le_bytes());
    head[8..12].copy_from_slice(&state.to_le_bytes());
    head[12..16].copy_from_slice(&len.to_le_bytes());
    head[16..32].copy_from_slice(&id.0.to_le_bytes());
    head[32..36].copy_from_slice(&crc.to_le_bytes());
    let sum = sum(store, &head);
    head[4..8].copy_from_slice(&sum.to_le_bytes());
    head
}

/// State, id and place of the record whose head begins `bytes`, which stand at `at`.
fn record(store: u128, bytes: &[u8], at: u64) -> Option<(u32, SideId, Place)> {
    let head = bytes.get(..HEAD)?;
    if u32_at(head, 0) != RECORD || u32_at(head, 4) != sum(store, head) {
        return None;
    }
    let place = Place { at, len: u32_at(head, 12), crc: u32_at(head, 32) };
    Some((u32_at(head, 8), SideId(u128_at(head, 16)), place))
}

impl Side {
    fn open(shared: &Shared) -> Result<Self, LocalError> {
        let file = match shared.files.open(FILE, Access::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                shared.files.create_folder(SIDE).doing("make", SIDE)?;
                let mut first = Vec::from(&MAGIC[..]);
                first.extend_from_slice(&FORMAT.to_le_bytes());
                first.extend_from_slice(&crc32c::crc32c(&shared.store.to_le_bytes()).to_le_bytes());
                first.extend_from_slice(&shared.store.to_le_bytes());
                shared.replace(SIDE, FILE, &first)?;
                shared.sync_folder("")?;
                shared.files.open(FILE, Access::Write)
            }
            file => file,
        };
        let file = file.doing("open", FILE)?;
        let size = file.size().doing("look at", FILE)?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        file.read_at(&mut bytes, 0).doing("read", FILE)?;
        let damaged = |at: u64, what: &str| LocalError::from(Damage::new(FILE, at, what));
        if bytes.len() < FILE_HEAD || bytes[..8] != MAGIC[..] {
            return Err(damaged(0, "it does not begin as such a file does"));
        }
        let found = u32_at(&bytes, 8);
        if found != FORMAT {
            return Err(LocalError::NewerFormat { file: FILE.to_owned(), found, known: FORMAT });
        }
        if u128_at(&bytes, 16) != shared.store || u32_at(&bytes, 12) != crc32c::crc32c(&bytes[16..FILE_HEAD])
        {
            return Err(damaged(12, "it is of another store"));
        }
        let mut side =
            Self { file, store: shared.store, places: HashMap::new(), end: FILE_HEAD as u64, broken: false };
        side.scan(&bytes)?;
        Ok(side)
    }

    /// Reads all records, and finishes what was under way.
    fn scan(&mut self, bytes: &[u8]) -> Result<(), LocalError> {
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
        let at = |at: u64| bytes.get(usize::try_from(at).unwrap_or(usize::MAX)..).unwrap_or_default();
        let mut unfinished = Vec::new();
        while let Some((state, id, place)) = record(self.store, at(self.end), self.end) {
            let body = at(place.at + HEAD as u64).get(..place.len as usize);
            let last = place.end() >= used;
            let whole = body.is_some_and(|body| crc32c::crc32c(body) == place.crc);
            self.end = place.end();
            if state == LIVE && (whole || !last) {
                // An older one goes only if this one can be read.
                unfinished.extend(self.places.insert(id, place).filter(|_| whole).map(|older| (id, older)));
            } else if body.is_none_or(|body| state == LIVE || body.iter().any(|byte| *byte != 0)) {
                unfinished.push((id, place));
            }
        }
        let mut later = (self.end..bytes.len() as u64).step_by(ALIGN);
        if let Some(later) = later.find(|place| record(self.store, at(*place), *place).is_some()) {
            let what = format!("a record can't be read, and there is another at {later}");
            return Err(Damage::new(FILE, self.end, what).into());
        }
        for (id, place) in unfinished {
            self.wipe(id, place).doing("erase", FILE)?;
        }
        // What a write has left that was under way.
        let torn = at(self.end);
        if torn.iter().any(|byte| *byte != 0) {
            self.file.write_at(&vec![0; torn.len()], self.end).doing("erase", FILE)?;
            self.file.sync().doing("sync", FILE)?;
        }
        Ok(())
    }

    fn wipe(&self, id: SideId, place: Place) -> io::Result<()> {
        self.file.write_at(&head(self.store, ERASED, id, place.len, place.crc), place.at)?;
        self.file.sync()?;
        self.file.write_at(&vec![0; place.len as usize], place.at + HEAD as u64)?;
        self.file.sync()
    }

    fn save(&mut self, id: SideId, bytes: &[u8]) -> Result<(), LocalError> {
        let (len, crc) = (u32::try_from(bytes.len()).unwrap_or(u32::MAX), crc32c::crc32c(bytes));
        let place = Place { at: self.end, len, crc };
        let mut all = Vec::from(head(self.store, LIVE, id, len, crc));
        all.extend_from_slice(bytes);
        all.resize(all.len().next_multiple_of(ALIGN), 0);
        // If there is no room it is as if nobody had asked: the next one is written over what there is of it.
        self.file.write_at(&all, place.at).doing("add to", FILE)?;
        self.file.sync().doing("write", FILE)?;
        self.end = place.end();
        match self.places.insert(id, place) {
            Some(older) => self.wipe(id, older).doing("erase", FILE),
            None => Ok(()),
        }
    }

    fn load(&self, id: SideId) -> Result<Option<Vec<u8>>, LocalError> {
        let Some(place) = self.places.get(&id) else { return Ok(None) };
        let mut bytes = vec![0; place.len as usize];
        self.file.read_at(&mut bytes, place.at + HEAD as u64).doing("read", FILE)?;
        if crc32c::crc32c(&bytes) == place.crc {
            return Ok(Some(bytes));
        }
        Err(Damage::new(FILE, place.at, "the checksum of a record is another").into())
    }
}

impl Shared {
    fn with_side<T>(&self, with: impl FnOnce(&mut Side) -> Result<T, LocalError>) -> Result<T, StoreFailure> {
        if self.active.lock().is_none() {
            return Err(StoreFailure::new("the store was opened to be read only"));
        }
        let mut side = self.side.lock();
        let open = match &mut *side {
            Some(open) => open,
            none => none.insert(Side::open(self)?),
        };
        if open.broken {
            return Err(StoreFailure::new("side records failed; open the store again"));
        }
        let outcome = with(open);
        open.broken |= matches!(outcome, Err(LocalError::Io { doing: "write" | "erase", .. }));
        Ok(outcome?)
    }
}

impl SideRecords for Shared {
    fn save(&self, id: SideId, bytes: &[u8]) -> Result<(), StoreFailure> {
        check_size(bytes)?;
        self.with_side(|side| side.save(id, bytes))
    }

    fn load(&self, id: SideId) -> Result<Option<Vec<u8>>, StoreFailure> {
        self.with_side(|side| side.load(id))
    }

    fn erase(&self, id: SideId) -> Result<(), StoreFailure> {
        self.with_side(|side| {
            let Some(place) = side.places.get(&id).copied() else { return Ok(()) };
            side.wipe(id, place).doing("erase", FILE)?;
            side.places.remove(&id);
            Ok(())
        })
    }
}
