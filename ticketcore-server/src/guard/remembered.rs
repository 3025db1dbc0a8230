//! [`Remembered`]: reputations in a file, so that they outlive the process.
//!
//! `TCREPUT1`, the time (8 bytes, Unix time in milliseconds), of each who is known his key (8 bytes) and what is thought of him in thousandths
//! of a point (4 bytes), and HMAC-SHA-256 over all of it; numbers are big endian. A file that is not whole is not read: nobody is suspected
//! for what nobody can tell.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ticketcore::UtcMs;
use ticketcore::guard::{Key, Reputations};

use super::device::{derive, mac};

const MAGIC: &[u8; 8] = b"TCREPUT1";
const HEAD: usize = 16;
const EACH: usize = 12;
const MAC: usize = 32;

/// See the module.
pub(super) struct Remembered {
    path: PathBuf,
    key: [u8; 32],
}

impl Remembered {
    pub fn new(folder: &Path, secret: &[u8; 32]) -> Self {
        Self { path: folder.join("reputations"), key: derive(secret, b"reputations") }
    }

    /// Recalls what is in the file, if there is one; how many that is.
    ///
    /// # Errors
    /// It can't be read, or is not as it was written: then nothing is recalled.
    pub fn recall(&self, reputations: &Reputations, now: UtcMs) -> io::Result<usize> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "not as it was written");
        let (body, tag) = bytes.split_last_chunk::<MAC>().ok_or_else(broken)?;
        if mac(&self.key, body) != *tag || !body.starts_with(MAGIC) || body.len() < HEAD {
            return Err(broken());
        }
        let (head, all) = body.split_at(HEAD);
        let was = UtcMs(u64::from_be_bytes(part(head, 8)));
        for one in all.chunks_exact(EACH) {
            let known = (Key::of_bits(u64::from_be_bytes(part(one, 0))), i32::from_be_bytes(part(one, 8)));
            reputations.recall(known, was, now);
        }
        Ok(all.len() / EACH)
    }

    /// Writes what is known: beside and renamed, so that a crash leaves the one or the other.
    ///
    /// # Errors
    /// It can't be written.
    pub fn keep(&self, reputations: &Reputations, now: UtcMs) -> io::Result<()> {
        let known = reputations.all(now);
        let mut bytes = Vec::with_capacity(HEAD + known.len() * EACH + MAC);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&now.0.to_be_bytes());
        for (key, thousandths) in known {
            bytes.extend_from_slice(&key.bits().to_be_bytes());
            bytes.extend_from_slice(&thousandths.to_be_bytes());
        }
        let tag = mac(&self.key, &bytes);
        bytes.extend_from_slice(&tag);
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}

#[cfg(test)]
mod tests {
    use ticketcore::guard::{Keyed, Subject};

    use super::*;

    #[test]
    fn reputations_outlive_the_process_and_a_damaged_file_is_not_believed() {
        let folder = std::env::temp_dir().join(format!("ticketcore-reputations-{}", std::process::id()));
        let _gone = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let (remembered, now) = (Remembered::new(&folder, &[1; 32]), UtcMs(5_000_000));
        let ann = Keyed::new([2; 16]).key(Subject::User, 0, b"ann");
        let recalled = |remembered: &Remembered| {
            let reputations = Reputations::new(64, 1_000);
            remembered.recall(&reputations, now).map(|known| (known, reputations.of(ann, now)))
        };
        assert_eq!(recalled(&remembered).unwrap(), (0, 0));
        let known = Reputations::new(64, 1_000);
        known.add(ann, 70, now);
        remembered.keep(&known, now).unwrap();
        assert_eq!(recalled(&remembered).unwrap(), (1, 70));
        assert!(recalled(&Remembered::new(&folder, &[3; 32])).is_err(), "another key's");
        let whole = fs::read(folder.join("reputations")).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(folder.join("reputations"), &damaged).unwrap();
            assert!(recalled(&remembered).is_err(), "{at}");
            fs::write(folder.join("reputations"), &whole[..at]).unwrap();
            assert!(recalled(&remembered).is_err(), "cut at {at}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
