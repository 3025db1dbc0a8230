//! What the local store asks of a file system: few enough calls that a test can break each of them at every moment.

use std::any::Any;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is there and is only read.
    Read,
    /// It is there and is written in place.
    Write,
    /// It is made, or made empty.
    Create,
}

/// One folder and what is in it. Names are relative to it, with `/` between the parts.
///
/// Nothing survives a loss of power for certain before it is synced: the bytes of a file by [`FileHandle::sync`], its name by
/// [`Files::sync_folder`] of the folder it is in. Until then each write, each creation, renaming and removal may be there or not.
pub trait Files: Send + Sync + 'static {
    /// Takes the folder for this process alone, until what is returned is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if another process has it; or whatever the system says.
    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>>;

    /// Opens a file.
    ///
    /// # Errors
    /// Whatever the system says.
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn FileHandle>>;

    /// The names of what is in a folder, `""` being the whole one; a folder that is not there is empty.
    ///
    /// # Errors
    /// Whatever the system says.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Makes a folder; there may be one.
    ///
    /// # Errors
    /// Whatever the system says.
    fn create_folder(&self, folder: &str) -> io::Result<()>;

    /// Gives a file another name, in place of the file that has it.
    ///
    /// # Errors
    /// Whatever the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Whatever the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns once the names in a folder are on the disk.
    ///
    /// # Errors
    /// Whatever the system says.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;
}

/// An open file.
pub trait FileHandle: Send + Sync {
    /// Fills `into` from position `at`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the file ends before that; or whatever the system says.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()>;

    /// Writes all of `bytes` at position `at`; the file grows if it ends before that.
    ///
    /// # Errors
    /// Whatever the system says; a part may have been written.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Returns once everything that was written is on the disk, and the length of the file with it.
    ///
    /// # Errors
    /// Whatever the system says; what was written since the last sync may be lost, and a second call may not say so.
    fn sync(&self) -> io::Result<()>;

    /// Bytes of the file.
    ///
    /// # Errors
    /// Whatever the system says.
    fn size(&self) -> io::Result<u64>;
}

/// Files of which none can be changed.
pub(super) struct ReadOnlyFiles(pub Arc<dyn Files>);

impl Files for ReadOnlyFiles {
    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn FileHandle>> {
        if access == Access::Read {
            self.0.open(name, access)
        } else {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.0.list(folder)
    }

    fn create_folder(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_folder(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

/// A folder of this machine.
#[derive(Clone, Debug)]
pub struct FolderFiles {
    root: PathBuf,
}

/// The file whose lock is the folder's.
const LOCK: &str = "LOCK";

impl FolderFiles {
    /// The folder at `root`, made if it is not there.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn create(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        let missing: Vec<_> = root.ancestors().take_while(|folder| !folder.is_dir()).collect();
        fs::create_dir_all(&root)?;
        // The name of each folder that was made is in the one above, and so is that of this one, if an earlier try did not come so far.
        for folder in missing.into_iter().chain([root.as_path()]) {
            let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
            sync_path(above.unwrap_or(Path::new(".")))?;
        }
        Ok(Self { root })
    }

    /// The folder at `root`, which must be there.
    ///
    /// # Errors
    /// If it is not, or is no folder.
    pub fn existing(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        if fs::metadata(&root)?.is_dir() {
            Ok(Self { root })
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

#[cfg(unix)]
fn sync_path(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Windows keeps names without being asked.
#[cfg(not(unix))]
fn sync_path(_: &Path) -> io::Result<()> {
    Ok(())
}

impl Files for FolderFiles {
    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.path(LOCK))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn FileHandle>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match access {
            Access::Read => &mut options,
            Access::Write => options.write(true),
            Access::Create => options.write(true).create(true).truncate(true),
        };
        Ok(Arc::new(SystemFile(options.open(self.path(name))?)))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.path(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        fs::create_dir_all(self.path(folder))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        sync_path(&self.path(folder))
    }
}

struct SystemFile(File);

impl FileHandle for SystemFile {
    #[cfg(unix)]
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, into, at)
    }

    #[cfg(windows)]
    fn read_at(&self, mut into: &mut [u8], mut at: u64) -> io::Result<()> {
        while !into.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(&self.0, into, at)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => (into, at) = (&mut into[read..], at + read as u64),
            }
        }
        Ok(())
    }

    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.0, bytes, at)
    }

    #[cfg(windows)]
    fn write_at(&self, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match std::os::windows::fs::FileExt::seek_write(&self.0, bytes, at)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => (bytes, at) = (&bytes[written..], at + written as u64),
            }
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}
