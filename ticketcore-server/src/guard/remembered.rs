//! [`Remembered`]: what the guard knows, in a file, so that it outlives the process.
//!
//! `TCGUARD1`, [`Kept`] after `Kept` in postcard's encoding, and HMAC-SHA-256 over all of it. A file that is not whole is not read: nobody is
//! suspected for what nobody can tell.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use ticketcore::guard::{KeptCounter, Key};
use ticketcore::{HoldId, UtcMs};

use super::device::{begin_mac, derive, mac};
use super::follow::Followed;

const MAGIC: &[u8; 8] = b"TCGUARD1";
const MAC: usize = 32;
/// What is written is synced so often.
const PIECE_BYTES: usize = 256 << 10;
/// The longest rest between two pieces.
const REST_MAX: Duration = Duration::from_millis(5);

/// Something that the guard knows. Another shape of it has another [`MAGIC`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kept {
    /// When what follows was so.
    At(UtcMs),
    /// A reputation, in thousandths of a point.
    Reputation(Key, i32),
    /// How often something happened of late.
    Counter(KeptCounter),
    /// A hold or order of which it is not known yet what becomes of it, and when it is looked.
    Followed(HoldId, UtcMs, Followed),
}

/// See the module.
pub(super) struct Remembered {
    path: PathBuf,
    key: [u8; 32],
}

/// The file that is being written: beside, and renamed when it is whole, so that a crash leaves the one or the other.
pub(super) struct Writing<'a> {
    path: &'a Path,
    beside: PathBuf,
    file: File,
    mac: Hmac<Sha256>,
    ready: Vec<u8>,
}

impl Remembered {
    pub fn new(folder: &Path, secret: &[u8; 32]) -> Self {
        Self { path: folder.join("memory"), key: derive(secret, b"memory") }
    }

    /// Tells what is in the file; nothing if there is none.
    ///
    /// # Errors
    /// It can't be read, or is not as it was written.
    pub fn recall(&self, mut tell: impl FnMut(Kept)) -> io::Result<()> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "not as it was written");
        let (body, tag) = bytes.split_last_chunk::<MAC>().ok_or_else(broken)?;
        if mac(&self.key, body) != *tag {
            return Err(broken());
        }
        let mut rest = body.strip_prefix(MAGIC).ok_or_else(broken)?;
        while !rest.is_empty() {
            let (kept, after) = postcard::take_from_bytes(rest).map_err(|_| broken())?;
            tell(kept);
            rest = after;
        }
        Ok(())
    }

    /// Begins to write what is known now.
    ///
    /// # Errors
    /// The file can't be made.
    pub fn begin(&self) -> io::Result<Writing<'_>> {
        let beside = self.path.with_extension("new");
        let (file, mac) = (File::create(&beside)?, begin_mac(&self.key));
        Ok(Writing { path: &self.path, beside, file, mac, ready: MAGIC.to_vec() })
    }
}

impl Writing<'_> {
    /// # Errors
    /// It can't be written.
    pub fn push(&mut self, kept: &Kept) -> io::Result<()> {
        let ready = std::mem::take(&mut self.ready);
        self.ready = postcard::to_extend(kept, ready).map_err(io::Error::other)?;
        if self.ready.len() >= PIECE_BYTES {
            // With a rest after each piece: the journals' next sync waits for the one under way.
            let began = Instant::now();
            self.write()?;
            self.file.sync_data()?;
            thread::sleep(began.elapsed().min(REST_MAX));
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        self.mac.update(&self.ready);
        self.file.write_all(&self.ready)?;
        self.ready.clear();
        Ok(())
    }

    /// What was pushed is in the place of what was known before.
    ///
    /// # Errors
    /// It can't be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.write()?;
        let tag = self.mac.finalize().into_bytes();
        self.file.write_all(&tag)?;
        self.file.sync_all()?;
        fs::rename(self.beside, self.path)
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
        let recalled = |remembered: &Remembered| {
            let mut told = Vec::new();
            remembered.recall(|kept| told.push(kept)).map(|()| told)
        };
        let remembered = Remembered::new(&folder, &[1; 32]);
        assert_eq!(recalled(&remembered).unwrap(), []);
        let ann = Keyed::new([2; 16]).key(Subject::User, 0, b"ann");
        let all = || {
            let many = (0..30_000).map(|n| Kept::Counter((Key::of_bits(n << 40), [50, 100, 3, 2])));
            [Kept::At(UtcMs(5_000_000)), Kept::Reputation(ann, -70_000)].into_iter().chain(many)
        };
        let write = |kept: &mut dyn Iterator<Item = Kept>| {
            let mut writing = remembered.begin().unwrap();
            kept.for_each(|kept| writing.push(&kept).unwrap());
            writing.finish().unwrap();
        };
        write(&mut all());
        assert!(fs::metadata(folder.join("memory")).unwrap().len() > PIECE_BYTES as u64, "in pieces");
        assert_eq!(recalled(&remembered).unwrap(), all().collect::<Vec<_>>());
        write(&mut all().take(3));
        assert_eq!(recalled(&remembered).unwrap(), all().take(3).collect::<Vec<_>>());
        assert!(recalled(&Remembered::new(&folder, &[3; 32])).is_err(), "another key's");
        let path = folder.join("memory");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert!(recalled(&remembered).is_err(), "{at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(recalled(&remembered).is_err(), "cut at {at}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
