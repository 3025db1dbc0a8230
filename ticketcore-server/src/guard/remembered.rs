//! [`Remembered`]: what the guard knows, in a file, so that it outlives the process.
//!
//! `TCGUARD1`, [`Memory`] in postcard's encoding, and HMAC-SHA-256 over both. A file that is not whole is not read: nobody is suspected for
//! what nobody can tell.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ticketcore::guard::{KeptCounter, Key};
use ticketcore::{HoldId, UtcMs};

use super::device::{derive, mac};
use super::follow::Followed;

const MAGIC: &[u8; 8] = b"TCGUARD1";
const MAC: usize = 32;

/// What the guard knows at a time.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// When.
    pub at: UtcMs,
    /// Reputations, in thousandths of a point.
    pub reputations: Vec<(Key, i32)>,
    /// How often what happened of late.
    pub counters: Vec<KeptCounter>,
    /// Holds and orders of which it is not known yet what becomes of them, and when it is looked.
    pub followed: Vec<(HoldId, UtcMs, Followed)>,
}

/// See the module.
pub(super) struct Remembered {
    path: PathBuf,
    key: [u8; 32],
}

impl Remembered {
    pub fn new(folder: &Path, secret: &[u8; 32]) -> Self {
        Self { path: folder.join("memory"), key: derive(secret, b"memory") }
    }

    /// What is in the file; nothing if there is none.
    ///
    /// # Errors
    /// It can't be read, or is not as it was written.
    pub fn recall(&self) -> io::Result<Memory> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Memory::default()),
            Err(error) => return Err(error),
        };
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "not as it was written");
        let (body, tag) = bytes.split_last_chunk::<MAC>().ok_or_else(broken)?;
        if mac(&self.key, body) != *tag {
            return Err(broken());
        }
        let encoded = body.strip_prefix(MAGIC).ok_or_else(broken)?;
        postcard::from_bytes(encoded).map_err(|_| broken())
    }

    /// Writes what is known: beside and renamed, so that a crash leaves the one or the other.
    ///
    /// # Errors
    /// It can't be written.
    pub fn keep(&self, memory: &Memory) -> io::Result<()> {
        let mut bytes = postcard::to_extend(memory, MAGIC.to_vec()).map_err(io::Error::other)?;
        let tag = mac(&self.key, &bytes);
        bytes.extend_from_slice(&tag);
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use ticketcore::guard::{Keyed, Subject};

    use super::*;

    #[test]
    fn what_is_known_outlives_the_process_and_a_damaged_file_is_not_believed() {
        let folder = std::env::temp_dir().join(format!("ticketcore-remembered-{}", std::process::id()));
        let _gone = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let remembered = Remembered::new(&folder, &[1; 32]);
        assert_eq!(remembered.recall().unwrap(), Memory::default());
        let ann = Keyed::new([2; 16]).key(Subject::User, 0, b"ann");
        let known = Memory {
            at: UtcMs(5_000_000),
            reputations: vec![(ann, -70_000)],
            counters: vec![(ann, [50, 100, 3, 2])],
            followed: Vec::new(),
        };
        remembered.keep(&known).unwrap();
        assert_eq!(remembered.recall().unwrap(), known);
        assert!(Remembered::new(&folder, &[3; 32]).recall().is_err(), "another key's");
        let path = folder.join("memory");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert!(remembered.recall().is_err(), "{at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(remembered.recall().is_err(), "cut at {at}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
