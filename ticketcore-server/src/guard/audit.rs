//! [`Audit`]: the log of decisions, one JSON object a line, in files that are bounded in size and number.
//!
//! Callers stand in it as keyed hashes: the same one is told from others, and nobody can be found by his name or address, unless the operator
//! wants it so. A thread of its own writes; when it can't follow, decisions are dropped and counted rather than requests held up.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde::Serialize;

use super::config::AuditConfig;
use super::device::{derive, mac};
use crate::app::StartError;

/// Lines that may wait to be written.
const WAITING_MAX: usize = 16_384;
const NAME: &str = "decisions";

/// One decision.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    pub time: String,
    pub request_id: &'a str,
    pub activity: &'a str,
    /// What the rules say.
    pub verdict: &'a str,
    /// Whether it was done.
    pub enforced: bool,
    pub score: u32,
    pub signals: Vec<Reason<'a>>,
    /// What became of the challenge that was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<&'a str>,
}

/// Why a score is what it is.
#[derive(Serialize)]
pub(super) struct Reason<'a> {
    pub name: &'a str,
    pub points: i32,
    pub seen: i64,
}

/// See the module.
pub(super) struct Audit {
    lines: Option<SyncSender<Vec<u8>>>,
    hash: [u8; 32],
    personal: bool,
}

impl Audit {
    /// The log in a folder, which is made if it is not there.
    pub fn open(config: &AuditConfig, secret: &[u8; 32], folder: &Path) -> Result<Self, StartError> {
        let mut audit = Self { lines: None, hash: derive(secret, b"audit"), personal: config.personal };
        if config.enabled {
            let files =
                Files::open(config, folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            let (sender, receiver) = sync_channel(WAITING_MAX);
            std::thread::Builder::new()
                .name("ticketcore-decisions".to_owned())
                .spawn(move || write(files, &receiver))?;
            audit.lines = Some(sender);
        }
        Ok(audit)
    }

    /// Writes a decision; `false` if there was no room for it.
    pub fn note(&self, entry: &Entry<'_>) -> bool {
        let Some(lines) = &self.lines else { return true };
        let Ok(mut line) = serde_json::to_vec(entry) else { return false };
        line.push(b'\n');
        lines.try_send(line).is_ok()
    }

    /// Whether there is a log.
    pub const fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    /// A name as it stands in the log.
    pub fn name(&self, kind: &str, name: &[u8], plain: impl FnOnce() -> String) -> String {
        if self.personal {
            return plain();
        }
        let whole = mac(&self.hash, &[kind.as_bytes(), b"\0", name].concat());
        whole[..12].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

struct Files {
    folder: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    bytes_max: u64,
    files_max: u32,
}

impl Files {
    fn open(config: &AuditConfig, folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let (file, bytes) = append(folder)?;
        let (bytes_max, files_max) = (config.file_bytes_max, config.files_max);
        Ok(Self { folder: folder.to_owned(), file, bytes, bytes_max, files_max })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        if self.bytes > 0 && self.bytes + length > self.bytes_max {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.bytes += length;
        Ok(())
    }

    /// `decisions.jsonl` becomes `decisions.1.jsonl` and so on; the last goes.
    fn rotate(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let last = self.files_max - 1;
        if last == 0 {
            fs::remove_file(self.path(0))?;
        }
        for number in (0..last).rev() {
            match fs::rename(self.path(number), self.path(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        (self.file, self.bytes) = append(&self.folder)?;
        Ok(())
    }

    fn path(&self, number: u32) -> PathBuf {
        self.folder.join(file_name(number))
    }
}

fn file_name(number: u32) -> String {
    if number == 0 { format!("{NAME}.jsonl") } else { format!("{NAME}.{number}.jsonl") }
}

fn append(folder: &Path) -> io::Result<(BufWriter<File>, u64)> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(folder.join(file_name(0)))?;
    let bytes = file.metadata()?.len();
    Ok((BufWriter::new(file), bytes))
}

/// Until the guard is gone. Trouble is told once, until it is over.
fn write(mut files: Files, lines: &Receiver<Vec<u8>>) {
    let mut trouble = false;
    while let Ok(first) = lines.recv() {
        let all = std::iter::once(first).chain(lines.try_iter().take(WAITING_MAX));
        let written = all.map(|line| files.write(&line)).fold(Ok(()), Result::and);
        match written.and_then(|()| files.file.flush()) {
            Ok(()) => trouble = false,
            Err(error) if !trouble => {
                trouble = true;
                tracing::error!(%error, "decisions can't be logged");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("ticketcore-audit-{name}-{}", std::process::id()));
        let _gone = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn files_are_bounded_in_size_and_number_and_go_on_after_a_restart() {
        let folder = folder("rotation");
        let config = AuditConfig { file_bytes_max: 100, files_max: 3, ..AuditConfig::default() };
        for life in 0..2 {
            let mut files = Files::open(&config, &folder).unwrap();
            for n in 0..20 {
                files.write(format!("{life} {n:04} {}\n", "x".repeat(22)).as_bytes()).unwrap();
            }
            files.file.flush().unwrap();
        }
        let mut names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["decisions.1.jsonl", "decisions.2.jsonl", "decisions.jsonl"]);
        let read = |number: u32| fs::read_to_string(folder.join(file_name(number))).unwrap();
        let whole = format!("{}{}{}", read(2), read(1), read(0));
        assert!((0..3).all(|number| read(number).len() <= 100));
        let numbers: Vec<&str> = whole.lines().map(|line| &line[2..6]).collect();
        assert!(numbers.is_sorted() && numbers.last() == Some(&"0019"), "{numbers:?}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn names_are_hashed_unless_the_operator_wants_them() {
        let folder = folder("names");
        let open = |personal| {
            let config = AuditConfig { enabled: false, personal, ..AuditConfig::default() };
            Audit::open(&config, &[1; 32], &folder).unwrap()
        };
        let name = |audit: &Audit, kind| audit.name(kind, b"192.0.2.1", || "192.0.2.1".to_owned());
        assert_eq!(name(&open(true), "address"), "192.0.2.1");
        let hashed = name(&open(false), "address");
        assert_eq!((hashed.len(), hashed.contains("192")), (24, false));
        assert_eq!(hashed, name(&open(false), "address"));
        assert_ne!(hashed, name(&open(false), "user"));
        assert!(!folder.exists(), "no log, no folder");
    }
}
