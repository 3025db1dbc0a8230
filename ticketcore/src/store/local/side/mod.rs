//! Side records of a local store: one file, records one behind the other, erased in place. `docs/FORMAT.md` has the bytes.
//!
//! The name of the store, which nobody outside knows, is part of a record's checksum: what a customer writes can't be made to look like a
//! record.
//!
//! To erase, the head says so first, and once that is on the disk the bytes are made zero; opening the store does the second step again
//! where it is missing. A record is replaced by a new one at the end; opening erases the older of two. When more than half of the file is
//! erased, what is left is copied to a new one (`compact.rs`).
//!
//! Saving writes one record and syncs once, and twice more if there was one to erase; loading reads one record. In memory is where each
//! record is: some 40 to 70 bytes for each.

mod compact;
mod format;

use std::io;
use std::sync::Arc;

use hashbrown::HashMap;

use super::error::{Damage, Doing, LocalError};
use super::files::{Access, FileHandle, Files};
use super::shared::Shared;
use super::slots::PIECE_BYTES;
use crate::store::StoreFailure;
use crate::store::side::{SideId, SideRecords, check_size};
use compact::Copying;
pub(super) use compact::remove_unfinished;
use format::FILE;
pub(super) use format::SIDE;
use format::{
    ALIGN, ERASED, FILE_HEAD, HEAD, LIVE, Place, RecordHead, Window, check_file_head, file_head, live_record,
};

/// The open file.
pub(super) struct Side {
    file: Arc<dyn FileHandle>,
    store: u128,
    places: HashMap<SideId, Place>,
    end: u64,
    /// Bytes of records that are not erased.
    live: u64,
    /// The new file, while records are copied to one.
    copying: Option<Copying>,
    /// An error of a write or a sync: nobody knows what is on the disk.
    broken: bool,
}

impl Side {
    /// Opens the file. `repair`: what was under way when an earlier process ended is finished; else nothing is changed.
    fn open(shared: &Shared, file: Arc<dyn FileHandle>, repair: bool) -> Result<Self, LocalError> {
        let size = file.size().doing("look at", FILE)?;
        let mut window = Window::new(&*file, size);
        check_file_head(shared.store, window.at(0, FILE_HEAD)?)?;
        let mut side = Self {
            file: Arc::clone(&file),
            store: shared.store,
            places: HashMap::new(),
            end: FILE_HEAD as u64,
            live: 0,
            copying: None,
            broken: false,
        };
        let unfinished = side.scan(&mut window)?;
        if repair {
            // What an earlier try has left may be seen and not be on the disk: the name of the file, and the last record.
            for folder in [SIDE, ""] {
                shared.sync_folder(folder)?;
            }
            side.write_again(size)?;
            for (id, place) in unfinished {
                wipe(&*side.file, side.store, id, place).doing("erase", FILE)?;
            }
            side.clear_end(&mut window, size)?;
        }
        Ok(side)
    }

    fn create(shared: &Shared) -> Result<Self, LocalError> {
        shared.files.create_folder(SIDE).doing("make", SIDE)?;
        shared.replace(SIDE, FILE, &file_head(shared.store))?;
        shared.sync_folder("")?;
        let file = shared.files.open(FILE, Access::Write).doing("open", FILE)?;
        Self::open(shared, file, true)
    }

    /// Reads all records, and returns those whose erasure is to be finished.
    fn scan(&mut self, window: &mut Window<'_>) -> Result<Vec<(SideId, Place)>, LocalError> {
        let used = window.used()?;
        let mut unfinished = Vec::new();
        while let Some(head) = RecordHead::decode(self.store, window.at(self.end, HEAD)?) {
            let place = Place { at: self.end, len: head.len };
            let body = window.at(place.at + HEAD as u64, place.len as usize)?;
            let there = body.len() == place.len as usize;
            let whole = there && crc32c::crc32c(body) == head.crc;
            let zero = there && body.iter().all(|byte| *byte == 0);
            let last = place.end() >= used;
            self.end = place.end();
            if head.state == LIVE && (whole || !last) {
                // An older one goes only if this one can be read.
                let older = self.note(head.id, place);
                unfinished.extend(older.filter(|_| whole).map(|older| (head.id, older)));
            } else if head.state == LIVE || !zero {
                unfinished.push((head.id, place));
            }
        }
        let mut at = self.end;
        while at < used {
            if RecordHead::decode(self.store, window.at(at, HEAD)?).is_some() {
                let what = format!("a record can't be read, and there is another at {at}");
                return Err(Damage::new(FILE, self.end, what).into());
            }
            at += ALIGN as u64;
        }
        Ok(unfinished)
    }

    /// Writes the last record once more and syncs it, before an older one goes. After a sync that failed, the system takes what it shows for
    /// written, and another sync alone would do nothing.
    fn write_again(&self, size: u64) -> Result<(), LocalError> {
        let Some(last) = self.places.values().max_by_key(|place| place.at) else { return Ok(()) };
        let until = last.end().min(size);
        let mut bytes = vec![0; usize::try_from(until.saturating_sub(last.at)).unwrap_or(0)];
        self.file.read_at(&mut bytes, last.at).doing("read", FILE)?;
        self.file.write_at(&bytes, last.at).doing("write", FILE)?;
        self.file.sync().doing("sync", FILE)
    }

    /// Makes zero what a write has left that was under way.
    fn clear_end(&self, window: &mut Window<'_>, size: u64) -> Result<(), LocalError> {
        let used = window.used()?.min(size);
        if used <= self.end {
            return Ok(());
        }
        let len = usize::try_from(used - self.end).unwrap_or(usize::MAX);
        self.file.write_at(&vec![0; len], self.end).doing("erase", FILE)?;
        self.file.sync().doing("sync", FILE)
    }

    /// A record is here now; returns where it was.
    fn note(&mut self, id: SideId, place: Place) -> Option<Place> {
        let older = self.places.insert(id, place);
        self.live += place.size();
        self.live -= older.map_or(0, Place::size);
        older
    }

    fn save(&mut self, id: SideId, bytes: &[u8]) -> Result<(), LocalError> {
        let place = Place { at: self.end, len: u32::try_from(bytes.len()).unwrap_or(u32::MAX) };
        // If there is no room it is as if nobody had asked: the next one is written over what there is of it.
        self.file.write_at(&live_record(self.store, id, bytes), place.at).doing("add to", FILE)?;
        self.file.sync().doing("write", FILE)?;
        self.end = place.end();
        match self.note(id, place) {
            Some(older) => self.wipe(id, older),
            None => Ok(()),
        }
    }

    fn load(&self, id: SideId) -> Result<Option<Vec<u8>>, LocalError> {
        let Some(place) = self.places.get(&id) else { return Ok(None) };
        let mut bytes = vec![0; HEAD + place.len as usize];
        self.file.read_at(&mut bytes, place.at).doing("read", FILE)?;
        let body = bytes.split_off(HEAD);
        match RecordHead::decode(self.store, &bytes) {
            Some(head) if (head.state, head.id, head.crc) == (LIVE, id, crc32c::crc32c(&body)) => {
                Ok(Some(body))
            }
            _ => Err(Damage::new(FILE, place.at, "the checksum of a record is another").into()),
        }
    }

    fn erase(&mut self, id: SideId) -> Result<(), LocalError> {
        let Some(place) = self.places.get(&id).copied() else { return Ok(()) };
        self.wipe(id, place)?;
        self.places.remove(&id);
        self.live -= place.size();
        Ok(())
    }

    /// Makes a record that was in `place` zero, here and in the file that it is being copied to.
    fn wipe(&mut self, id: SideId, place: Place) -> Result<(), LocalError> {
        wipe(&*self.file, self.store, id, place).doing("erase", FILE)?;
        if let Some(copying) = &mut self.copying {
            copying.wipe(self.store, id, place)?;
        }
        Ok(())
    }
}

/// Says that a record is erased, and then erases it. Only the first 16 bytes of the head change: no torn write leaves half of them, as it
/// might if the checksum of the bytes went, too.
fn wipe(file: &dyn FileHandle, store: u128, id: SideId, place: Place) -> io::Result<()> {
    let mut head = [0; HEAD];
    file.read_at(&mut head, place.at)?;
    let crc = RecordHead::decode(store, &head).map_or(0, |head| head.crc);
    let head = RecordHead { state: ERASED, id, len: place.len, crc };
    file.write_at(&head.encode(store), place.at)?;
    file.sync()?;
    file.write_at(&vec![0; place.len as usize], place.at + HEAD as u64)?;
    file.sync()
}

impl Shared {
    /// Opens the side records, if there are any, and finishes what an earlier process was erasing. Harm to them keeps nothing else from being
    /// read: who asks for them hears of it.
    pub fn open_side(&self, repair: bool) -> Result<(), LocalError> {
        let file = match self.files.open(FILE, if repair { Access::Write } else { Access::Read }) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file.doing("open", FILE)?,
        };
        match Side::open(self, file, repair) {
            Ok(side) => *self.side.lock() = Some(side),
            Err(LocalError::Damaged(damage)) => drop(self.damage.get_or_init(|| damage.to_string())),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn with_side<T>(&self, with: impl FnOnce(&mut Side) -> Result<T, LocalError>) -> Result<T, StoreFailure> {
        let mut side = self.side.lock();
        let open = match &mut *side {
            Some(open) => open,
            none => none.insert(match self.files.open(FILE, Access::Write) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Side::create(self)?,
                file => Side::open(self, file.doing("open", FILE)?, true)?,
            }),
        };
        if open.broken {
            return Err(StoreFailure::new("side records failed; open the store again"));
        }
        let outcome = with(open);
        open.broken |= matches!(outcome, Err(LocalError::Io { doing: "write" | "erase", .. }));
        let much = open.is_wasteful();
        drop(side);
        if much {
            self.ask_keeper();
        }
        Ok(outcome?)
    }

    fn change_side<T>(
        &self,
        with: impl FnOnce(&mut Side) -> Result<T, LocalError>,
    ) -> Result<T, StoreFailure> {
        if self.active.lock().is_none() {
            return Err(StoreFailure::new("the store was opened to be read only"));
        }
        self.with_side(with)
    }

    /// Whether nothing has ever been saved.
    fn has_no_side(&self) -> Result<bool, StoreFailure> {
        if self.side.lock().is_some() {
            return Ok(false);
        }
        match self.files.open(FILE, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            file => Ok(file.doing("open", FILE).map(|_| false)?),
        }
    }

    /// The names of all side records, if there is a file of them.
    fn side_ids(&self) -> Result<Option<Vec<SideId>>, LocalError> {
        if let Some(side) = &*self.side.lock() {
            return Ok(Some(side.places.keys().copied().collect()));
        }
        match self.files.open(FILE, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // It could not be read when the store was opened: say why.
            file => Side::open(self, file.doing("open", FILE)?, false)
                .map(|side| Some(side.places.keys().copied().collect())),
        }
    }

    /// Copies every side record that is there to another folder. Returns the bytes of the new file.
    pub fn copy_side_to(&self, target: &dyn Files) -> Result<u64, LocalError> {
        let Some(ids) = self.side_ids()? else { return Ok(0) };
        target.create_folder(SIDE).doing("make", SIDE)?;
        let into = target.open(FILE, Access::Create).doing("make", FILE)?;
        let (mut piece, mut at) = (file_head(self.store), 0);
        for id in ids {
            let record = match &*self.side.lock() {
                Some(side) => side.load(id)?,
                None => None,
            };
            piece.extend(record.map(|bytes| live_record(self.store, id, &bytes)).unwrap_or_default());
            if piece.len() >= PIECE_BYTES {
                into.write_at(&piece, at).doing("write", FILE)?;
                at += piece.len() as u64;
                piece.clear();
            }
        }
        into.write_at(&piece, at).doing("write", FILE)?;
        into.sync().doing("sync", FILE)?;
        target.sync_folder(SIDE).doing("sync", SIDE)?;
        Ok(at + piece.len() as u64)
    }

    /// Reads every side record: how many there are.
    pub fn verify_side(&self) -> Result<u64, LocalError> {
        let Some(ids) = self.side_ids()? else { return Ok(0) };
        let mut there = 0;
        for id in ids {
            if let Some(side) = &*self.side.lock() {
                there += u64::from(side.load(id)?.is_some());
            }
        }
        Ok(there)
    }
}

impl SideRecords for Shared {
    fn save(&self, id: SideId, bytes: &[u8]) -> Result<(), StoreFailure> {
        check_size(bytes)?;
        self.change_side(|side| side.save(id, bytes))
    }

    fn load(&self, id: SideId) -> Result<Option<Vec<u8>>, StoreFailure> {
        if self.side.lock().is_none() && self.active.lock().is_none() {
            // Opened to be read only: there are none, or they are damaged.
            return self.damage.get().map_or(Ok(None), |damage| Err(StoreFailure::new(damage.clone())));
        }
        // Reading makes no file: it must not fail because the disk is full.
        if self.has_no_side()? {
            return Ok(None);
        }
        self.with_side(|side| side.load(id))
    }

    fn erase(&self, id: SideId) -> Result<(), StoreFailure> {
        if self.active.lock().is_some() && self.has_no_side()? {
            return Ok(());
        }
        self.change_side(|side| side.erase(id))
    }
}
