//! [`MemoryDisk`]: files in memory that behave as a disk may when the power fails, or when it is full or broken.

mod files;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::Rng;
use crate::sync::Mutex;

/// Decodes `bytes` as a part of a local store's segment, archive, manifest or snapshot (`kind` modulo 4), checksums set right. For
/// fuzzing: it must neither panic nor take memory without end.
pub fn decode_store_file(kind: u8, bytes: &[u8]) {
    crate::store::local::decode_anything(kind, bytes);
}

/// What a disk writes at once or not at all.
pub const SECTOR: usize = 512;

/// What goes wrong, at which of the calls that change something (counted from 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Power fails during this call: it and all later ones fail, and what was not synced is as [`Left`] says.
    PowerCut(u64),
    /// This call fails; a write has written half, a sync nothing.
    Error(u64),
    /// This reading call fails.
    ReadError(u64),
    /// No file may grow once all together have this many bytes.
    Full(u64),
}

/// What is left of what was not synced when the power failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing.
    Nothing,
    /// All of it.
    Everything,
    /// All of it, but only this many sectors from the beginning of the last write.
    TornAfter(usize),
    /// All of it, but only this many bytes from the beginning of the last write: no disk promises that a sector is whole.
    TornAt(usize),
    /// All of it, but for this one sector of the last write.
    HoleAt(usize),
    /// Any sectors of it, any first part of the changes of names in each folder, as this seed says.
    Random(u64),
}

#[derive(Clone, Default)]
struct Node {
    synced: Vec<u8>,
    now: Vec<u8>,
    /// Writes since the last sync: place and bytes.
    unsynced: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone)]
enum NameChange {
    Set(String, usize),
    Remove(String),
    Rename(String, String),
}

#[derive(Default)]
struct State {
    nodes: Vec<Node>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    /// By folder.
    unsynced_names: BTreeMap<String, Vec<NameChange>>,
    trouble: Option<Trouble>,
    calls: u64,
    reads: u64,
    syncs: u64,
    dead: bool,
    /// Who reads is the judge: see [`MemoryDisk::undisturbed`].
    judged: bool,
    locked: bool,
    /// The file written last.
    last_written: Option<usize>,
}

/// See the module. Clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

impl MemoryDisk {
    /// An empty disk without trouble.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on; calls are counted anew.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        let mut state = self.state.lock();
        (state.trouble, state.calls, state.reads) = (trouble, 0, 0);
    }

    /// Calls that change something, since trouble was set: writes, syncs, creations, renamings, removals, syncs of folders.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// Reading calls since then.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.state.lock().reads
    }

    /// What goes wrong, unless it has already.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.state.lock().trouble
    }

    /// What `look` reads meanwhile is as the process left it, even without power, and is not counted. For a judge, whose reading must not
    /// meet what was meant for the judged.
    pub fn undisturbed<T>(&self, look: impl FnOnce() -> T) -> T {
        self.state.lock().judged = true;
        let seen = look();
        self.state.lock().judged = false;
        seen
    }

    /// Syncs of files, ever.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// Whether the power has failed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state.lock().dead
    }

    /// Sectors of the last unsynced write; 0 if there is none.
    #[must_use]
    pub fn last_write_sectors(&self) -> usize {
        let state = self.state.lock();
        let node = state.last_written.map(|node| &state.nodes[node]);
        let last = node.and_then(|node| node.unsynced.last());
        last.map_or(0, |(at, bytes)| sectors(*at, bytes.len()).count())
    }

    /// Bytes of the last unsynced write; 0 if there is none.
    #[must_use]
    pub fn last_write_bytes(&self) -> usize {
        let state = self.state.lock();
        let node = state.last_written.map(|node| &state.nodes[node]);
        node.and_then(|node| node.unsynced.last()).map_or(0, |(_, bytes)| bytes.len())
    }

    /// The names and bytes of all files, as a running process sees them.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.lock();
        state.names.iter().map(|(name, node)| (name.clone(), state.nodes[*node].now.clone())).collect()
    }

    /// A disk with these files, all synced.
    #[must_use]
    pub fn with_contents(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let disk = Self::new();
        {
            let mut state = disk.state.lock();
            for (name, bytes) in files {
                let node = state.nodes.len();
                state.nodes.push(Node { synced: bytes.clone(), now: bytes.clone(), unsynced: Vec::new() });
                state.names.insert(name.clone(), node);
                state.synced_names.insert(name.clone(), node);
            }
        }
        disk
    }

    /// The disk that is found when the power is back.
    #[must_use]
    pub fn after_power_cut(&self, left: Left) -> Self {
        let state = self.state.lock();
        let mut rng = Rng::new(if let Left::Random(seed) = left { seed } else { 0 });
        let mut names = state.synced_names.clone();
        for changes in state.unsynced_names.values() {
            let kept = match left {
                Left::Nothing => 0,
                Left::Random(_) => rng.index(changes.len() + 1),
                _ => changes.len(),
            };
            for change in &changes[..kept] {
                apply(&mut names, change);
            }
        }
        let mut files = BTreeMap::new();
        for (name, node) in names {
            let last = state.last_written == Some(node);
            files.insert(name, survived(&state.nodes[node], left, last, &mut rng));
        }
        Self::with_contents(&files)
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: &NameChange) {
    match change {
        NameChange::Set(name, node) => _ = names.insert(name.clone(), *node),
        NameChange::Remove(name) => _ = names.remove(name),
        NameChange::Rename(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
            }
        }
    }
}

/// The parts of a write by sector: place and length.
fn sectors(at: usize, len: usize) -> impl Iterator<Item = (usize, usize)> {
    let end = at + len;
    let mut next = at;
    std::iter::from_fn(move || {
        (next < end).then(|| {
            let start = next;
            next = ((start / SECTOR + 1) * SECTOR).min(end);
            (start, next - start)
        })
    })
}

fn survived(node: &Node, left: Left, is_last: bool, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = node.synced.clone();
    for (number, (at, written)) in node.unsynced.iter().enumerate() {
        let last = is_last && number + 1 == node.unsynced.len();
        for (sector, (start, len)) in sectors(*at, written.len()).enumerate() {
            let from = start - at;
            let kept = match left {
                Left::Nothing => 0,
                Left::TornAfter(kept) if last && sector >= kept => 0,
                Left::TornAt(kept) if last => kept.saturating_sub(from).min(len),
                Left::HoleAt(hole) if last && sector == hole => 0,
                Left::Random(_) if !rng.chance(50) => 0,
                _ => len,
            };
            if kept > 0 {
                write(&mut bytes, start, &written[from..from + kept]);
            }
        }
    }
    bytes
}

fn write(into: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if into.len() < at + bytes.len() {
        into.resize(at + bytes.len(), 0);
    }
    into[at..at + bytes.len()].copy_from_slice(bytes);
}

fn folder_of(name: &str) -> String {
    name.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
}

fn broken(what: &str) -> io::Error {
    io::Error::other(format!("injected: {what}"))
}

impl State {
    /// Counts a changing call. `Err` if it must fail; the flag says whether half of it happens.
    fn change(&mut self, grows_by: u64) -> Result<(), (io::Error, bool)> {
        if self.dead {
            return Err((broken("no power"), false));
        }
        let call = self.calls;
        self.calls += 1;
        match self.trouble {
            Some(Trouble::PowerCut(at)) if call >= at => {
                self.dead = true;
                Err((broken("the power failed"), true))
            }
            Some(Trouble::Error(at)) if call == at => Err((broken("an error"), true)),
            Some(Trouble::Full(limit)) if grows_by > 0 => {
                let used: u64 = self.names.values().map(|node| self.nodes[*node].now.len() as u64).sum();
                if used + grows_by > limit { Err((io::ErrorKind::StorageFull.into(), false)) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn look(&mut self) -> io::Result<()> {
        if self.judged {
            return Ok(());
        }
        if self.dead {
            return Err(broken("no power"));
        }
        let read = self.reads;
        self.reads += 1;
        match self.trouble {
            Some(Trouble::ReadError(at)) if read == at => Err(broken("an error of reading")),
            _ => Ok(()),
        }
    }

    fn name(&mut self, folder: String, change: NameChange) {
        apply(&mut self.names, &change);
        self.unsynced_names.entry(folder).or_default().push(change);
    }
}
