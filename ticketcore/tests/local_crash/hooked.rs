//! Files whose every call a test can watch, hold up or fail.

use std::any::Any;
use std::io;
use std::sync::Arc;

use ticketcore::store::local::{Access, FileHandle, Files};
use ticketcore::testkit::MemoryDisk;

/// A call of the file layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Open(Access),
    List,
    CreateFolder,
    Rename,
    Remove,
    SyncFolder,
    Read,
    Write(usize),
    Sync,
    Size,
}

impl Call {
    /// Whether it changes something.
    pub fn changes(self) -> bool {
        !matches!(self, Call::Open(Access::Read | Access::Write) | Call::List | Call::Read | Call::Size)
    }
}

/// What is asked before each call, with the file's or folder's name; an error is the call's.
pub trait Hook: Fn(Call, &str) -> io::Result<()> + Send + Sync + 'static {}
impl<F: Fn(Call, &str) -> io::Result<()> + Send + Sync + 'static> Hook for F {}

/// See the module.
pub struct Hooked<H> {
    disk: MemoryDisk,
    hook: Arc<H>,
}

impl<H: Hook> Hooked<H> {
    pub fn new(disk: &MemoryDisk, hook: H) -> Arc<Self> {
        Arc::new(Self { disk: disk.clone(), hook: Arc::new(hook) })
    }
}

struct HookedFile<H> {
    file: Arc<dyn FileHandle>,
    name: String,
    hook: Arc<H>,
}

impl<H: Hook> Files for Hooked<H> {
    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.disk.lock()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn FileHandle>> {
        (self.hook)(Call::Open(access), name)?;
        let (file, hook) = (self.disk.open(name, access)?, Arc::clone(&self.hook));
        Ok(Arc::new(HookedFile { file, name: name.to_owned(), hook }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        (self.hook)(Call::List, folder)?;
        self.disk.list(folder)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        (self.hook)(Call::CreateFolder, folder)?;
        self.disk.create_folder(folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        (self.hook)(Call::Rename, from)?;
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        (self.hook)(Call::Remove, name)?;
        self.disk.remove(name)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        (self.hook)(Call::SyncFolder, folder)?;
        self.disk.sync_folder(folder)
    }
}

impl<H: Hook> FileHandle for HookedFile<H> {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        (self.hook)(Call::Read, &self.name)?;
        self.file.read_at(into, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        (self.hook)(Call::Write(bytes.len()), &self.name)?;
        self.file.write_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        (self.hook)(Call::Sync, &self.name)?;
        self.file.sync()
    }

    fn size(&self) -> io::Result<u64> {
        (self.hook)(Call::Size, &self.name)?;
        self.file.size()
    }
}
