//! [`Secrets`]: what must not be known to others, in files of its own.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A secret can't be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file can't be read or made.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// Others than its owner may read the file.
    #[error("{0} can be read by others: chmod 600 it")]
    Open(String),
    /// It has not 64 hexadecimal digits.
    #[error("{0} is not 64 hexadecimal digits")]
    Malformed(String),
    /// It was rotated as often as can be.
    #[error("{0} has no number left for another generation")]
    Generations(String),
}

/// The greatest number of a generation of a secret.
const GENERATIONS_MAX: u16 = 999;

/// Secrets of one server: 32 random bytes each, made at first use, in a folder that only its owner can read. An environment variable
/// `TICKETCORE_SECRET_<NAME>` (64 hexadecimal digits) comes before the file.
pub struct Secrets {
    folder: PathBuf,
}

impl Secrets {
    /// Secrets in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`SecretError::File`].
    pub fn open(folder: &Path) -> Result<Self, SecretError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.and_then(|()| sync_name(folder)).map_err(|error| failed(folder, error))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The secret with a name; the same each time.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn get(&self, name: &str) -> Result<[u8; 32], SecretError> {
        self.find(name)?.map_or_else(|| self.make(&self.folder.join(name)), Ok)
    }

    /// All generations of a secret that is [rotated](Self::rotate), oldest first, with their numbers, at least one: the first is called `name`,
    /// the others `name-2`, `name-3` and so on. One whose file is deleted is forgotten.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn generations(&self, name: &str) -> Result<Vec<(u16, [u8; 32])>, SecretError> {
        let mut found = Vec::new();
        for number in self.numbers(name)? {
            found.extend(self.find(&generation(name, number))?.map(|secret| (number, secret)));
        }
        if found.is_empty() {
            found.push((1, self.get(name)?));
        }
        Ok(found)
    }

    /// Makes the next generation of a secret, and gives its number.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn rotate(&self, name: &str) -> Result<u16, SecretError> {
        let last = self.generations(name)?.last().map_or(0, |(number, _)| *number);
        if last == GENERATIONS_MAX {
            return Err(SecretError::Generations(name.to_owned()));
        }
        self.make(&self.folder.join(generation(name, last + 1)))?;
        Ok(last + 1)
    }

    /// The numbers of generations that a file or a variable is there for, ascending.
    fn numbers(&self, name: &str) -> Result<BTreeSet<u16>, SecretError> {
        let first = variable(name);
        let variables = std::env::vars_os();
        let mut numbers: BTreeSet<u16> =
            variables.filter_map(|(found, _)| number(&found, &first, '_')).collect();
        let unlisted = |error: io::Error| failed(&self.folder, error);
        for file in fs::read_dir(&self.folder).map_err(unlisted)? {
            numbers.extend(number(&file.map_err(unlisted)?.file_name(), name, '-'));
        }
        Ok(numbers)
    }

    fn find(&self, name: &str) -> Result<Option<[u8; 32]>, SecretError> {
        let variable = variable(name);
        if let Ok(text) = std::env::var(&variable) {
            return parse(&text).map(Some).ok_or(SecretError::Malformed(variable));
        }
        let path = self.folder.join(name);
        match File::open(&path) {
            Ok(file) => read(&path, file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, error)),
        }
    }

    /// Written beside and renamed, so that a crash leaves all of it or nothing.
    fn make(&self, path: &Path) -> Result<[u8; 32], SecretError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| failed(path, io::Error::other(error.to_string())))?;
        let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let beside = path.with_extension("new");
        let written = (|| {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            File::open(&self.folder)?.sync_all()
        })();
        written.map_err(|error| failed(path, error))?;
        Ok(secret)
    }
}

fn generation(name: &str, number: u16) -> String {
    if number == 1 { name.to_owned() } else { format!("{name}-{number}") }
}

/// The number of a generation whose file, or variable, is called so; `None` if it is none of the secret whose first is called `first`.
fn number(found: &OsStr, first: &str, before_number: char) -> Option<u16> {
    let rest = found.to_str()?.strip_prefix(first)?;
    if rest.is_empty() {
        return Some(1);
    }
    let digits = rest.strip_prefix(before_number)?;
    let number: u16 = digits.parse().ok()?;
    // A number is written in one way: `room-02` and `room-1` are nobody's.
    ((2..=GENERATIONS_MAX).contains(&number) && number.to_string() == digits).then_some(number)
}

fn variable(name: &str) -> String {
    format!("TICKETCORE_SECRET_{}", name.to_ascii_uppercase().replace('-', "_"))
}

fn read(path: &Path, mut file: File) -> Result<[u8; 32], SecretError> {
    let mode = file.metadata().map_err(|error| failed(path, error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(SecretError::Open(path.display().to_string()));
    }
    let mut text = String::new();
    Read::by_ref(&mut file).take(1_024).read_to_string(&mut text).map_err(|error| failed(path, error))?;
    parse(&text).ok_or_else(|| SecretError::Malformed(path.display().to_string()))
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut secret = [0; 32];
    for (at, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(secret)
}

/// Has the name of a folder on the disk: what is in it is lost with it.
fn sync_name(folder: &Path) -> io::Result<()> {
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    File::open(above.unwrap_or(Path::new(".")))?.sync_all()
}

fn failed(path: &Path, error: io::Error) -> SecretError {
    SecretError::File { path: path.display().to_string(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("ticketcore-secrets-{name}-{}", std::process::id()));
        let _gone = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn a_secret_is_made_once_and_kept() {
        let folder = folder("kept");
        let made = Secrets::open(&folder).unwrap().get("session").unwrap();
        assert_eq!(Secrets::open(&folder).unwrap().get("session").unwrap(), made);
        assert_ne!(Secrets::open(&folder).unwrap().get("ticket").unwrap(), made);
        assert_eq!(fs::metadata(folder.join("session")).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_rotated_secret_has_generations_and_one_that_is_deleted_is_forgotten() {
        let folder = folder("rotated");
        let secrets = Secrets::open(&folder).unwrap();
        let first = secrets.generations("room").unwrap();
        assert_eq!((first.len(), first[0]), (1, (1, secrets.get("room").unwrap())));
        assert_eq!(secrets.rotate("room").unwrap(), 2);
        let both = secrets.generations("room").unwrap();
        assert_eq!((both.len(), both[0], both[1].0), (2, first[0], 2));
        fs::remove_file(folder.join("room")).unwrap();
        assert_eq!(secrets.generations("room").unwrap(), both[1..]);
        assert_eq!(secrets.rotate("room").unwrap(), 3, "a number is not used twice");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn generations_are_found_by_the_names_of_their_files() {
        let folder = folder("named");
        let secrets = Secrets::open(&folder).unwrap();
        let first = secrets.get("room").unwrap();
        for other in ["room-7", "room-999"] {
            fs::copy(folder.join("room"), folder.join(other)).unwrap();
        }
        for none in ["room-0", "room-1", "room-02", "room-+3", "room-1000", "room-2.new", "rooms", "ro"] {
            fs::write(folder.join(none), "no secret").unwrap();
        }
        assert_eq!(secrets.generations("room").unwrap(), [(1, first), (7, first), (999, first)]);
        assert!(matches!(secrets.rotate("room"), Err(SecretError::Generations(_))));
        // One that can't be used is not passed over.
        fs::write(folder.join("room-7"), "no secret").unwrap();
        assert!(matches!(secrets.generations("room"), Err(SecretError::Malformed(_))));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_variable_names_a_generation_as_a_file_does() {
        let number = |found: &str| number(OsStr::new(found), &variable("room"), '_');
        assert_eq!(number(&variable("room")), Some(1));
        assert_eq!(number(&variable(&generation("room", 12))), Some(12));
        for none in ["TICKETCORE_SECRET_ROOM_1", "TICKETCORE_SECRET_ROOMS", "TICKETCORE_SECRET", "ROOM_2"] {
            assert_eq!(number(none), None, "{none}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_or_that_is_no_secret_is_refused() {
        let folder = folder("refused");
        let secrets = Secrets::open(&folder).unwrap();
        secrets.get("session").unwrap();
        fs::set_permissions(folder.join("session"), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(secrets.get("session"), Err(SecretError::Open(_))));
        fs::set_permissions(folder.join("session"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(folder.join("session"), "abc").unwrap();
        assert!(matches!(secrets.get("session"), Err(SecretError::Malformed(_))));
        fs::remove_dir_all(folder).unwrap();
    }
}
