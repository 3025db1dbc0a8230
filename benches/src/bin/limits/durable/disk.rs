//! The limit: write, sync, again. Into a file that was filled with zeros and synced, as a segment of the log was.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use super::Folder;
use crate::Outcome;

const FILE_BYTES: usize = 64 << 20;

/// Writes `bytes` bytes and syncs, again and again for `time`: how long each took.
pub fn write_and_sync(bytes: usize, time: Duration) -> Outcome<Vec<Duration>> {
    let folder = Folder::new()?;
    let file = OpenOptions::new().write(true).create_new(true).open(folder.0.join("file"))?;
    let chunk = vec![0u8; 1 << 20];
    for at in 0..FILE_BYTES / chunk.len() {
        file.write_all_at(&chunk, (at * chunk.len()) as u64)?;
    }
    file.sync_all()?;
    let bytes = bytes.next_multiple_of(4_096).clamp(4_096, FILE_BYTES);
    let (mut times, mut at, mut number) = (Vec::new(), 0, 0u64);
    let begun = Instant::now();
    while begun.elapsed() < time {
        if at + bytes > FILE_BYTES {
            at = 0;
        }
        number += 1;
        let block = number.to_le_bytes().repeat(bytes / 8);
        let start = Instant::now();
        file.write_all_at(&block, at as u64)?;
        file.sync_data()?;
        times.push(start.elapsed());
        at += bytes;
    }
    Ok(times)
}

/// The time that `permille` of a thousand stay below.
pub fn quantile(times: &[Duration], permille: usize) -> f64 {
    let mut sorted: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
        .get((sorted.len() * permille / 1_000).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}
