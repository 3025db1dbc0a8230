//! The calls of the disk.

use std::any::Any;
use std::io;
use std::sync::Arc;

use super::{MemoryDisk, NameChange, Node, State, apply, folder_of, write};
use crate::store::local::{Access, FileHandle, Files};
use crate::sync::Mutex;

/// The folder's lock.
struct Locked(Arc<Mutex<State>>);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.lock().locked = false;
    }
}

impl Files for MemoryDisk {
    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>> {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.locked, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Locked(Arc::clone(&self.state))))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn FileHandle>> {
        let mut state = self.state.lock();
        let found = state.names.get(name).copied();
        let node = match (access, found) {
            (Access::Create, _) => {
                state.change(0).map_err(|(error, _)| error)?;
                let node = state.nodes.len();
                state.nodes.push(Node::default());
                state.name(folder_of(name), NameChange::Set(name.to_owned(), node));
                node
            }
            (_, Some(node)) => {
                state.look()?;
                node
            }
            (_, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Arc::new(MemoryFile { state: Arc::clone(&self.state), node }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut state = self.state.lock();
        state.look()?;
        let inside = |name: &String| {
            let rest = if folder.is_empty() { name } else { name.strip_prefix(folder)?.strip_prefix('/')? };
            rest.split('/').next().map(str::to_owned)
        };
        let mut names: Vec<String> = state.names.keys().filter_map(inside).collect();
        names.dedup();
        Ok(names)
    }

    fn create_folder(&self, _folder: &str) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        match state.change(0) {
            Err((error, half)) => {
                if half && state.dead {
                    let change = NameChange::Rename(from.to_owned(), to.to_owned());
                    state.unsynced_names.entry(folder_of(to)).or_default().push(change);
                }
                return Err(error);
            }
            Ok(()) if !state.names.contains_key(from) => return Err(io::ErrorKind::NotFound.into()),
            Ok(()) => {}
        }
        state.name(folder_of(to), NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change(0).map_err(|(error, _)| error)?;
        if !state.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.name(folder_of(name), NameChange::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change(0).map_err(|(error, _)| error)?;
        let changes = state.unsynced_names.remove(folder).unwrap_or_default();
        for change in &changes {
            apply(&mut state.synced_names, change);
        }
        Ok(())
    }
}

struct MemoryFile {
    state: Arc<Mutex<State>>,
    node: usize,
}

impl FileHandle for MemoryFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.look()?;
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let bytes = start.checked_add(into.len()).and_then(|end| state.nodes[self.node].now.get(start..end));
        into.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let grows = (at + bytes.len()).saturating_sub(state.nodes[self.node].now.len());
        let (written, outcome) = match state.change(grows as u64) {
            Ok(()) => (bytes, Ok(())),
            // Any part of a write under way may reach the disk: see `Left`.
            Err((error, true)) if state.dead => (bytes, Err(error)),
            Err((error, half)) => (&bytes[..if half { bytes.len() / 2 } else { 0 }], Err(error)),
        };
        if !written.is_empty() {
            state.last_written = Some(self.node);
            let node = &mut state.nodes[self.node];
            write(&mut node.now, at, written);
            node.unsynced.push((at, written.to_vec()));
        }
        outcome
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        match state.change(0) {
            Ok(()) => {}
            Err((error, _)) => {
                if !state.dead {
                    // As Linux does: what was not written is taken for clean, and nobody is told again.
                    state.nodes[self.node].unsynced.clear();
                }
                return Err(error);
            }
        }
        state.syncs += 1;
        let node = &mut state.nodes[self.node];
        // What a failed sync has dropped is not written by the next one.
        for (at, bytes) in std::mem::take(&mut node.unsynced) {
            write(&mut node.synced, at, &bytes);
        }
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        let mut state = self.state.lock();
        state.look()?;
        Ok(state.nodes[self.node].now.len() as u64)
    }
}
