//! [`Folder`]: a folder that goes with a measurement.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// A temporary folder that goes with the measurement.
pub struct Folder(pub PathBuf);

impl Folder {
    /// A fresh one.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn new() -> std::io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ticketcore-limits-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}
