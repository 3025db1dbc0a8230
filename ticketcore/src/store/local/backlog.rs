//! Keeping the log and the archives in step: the archiver gives way to the writer while it can, and the writer waits for the archiver
//! when it must.

use std::time::{Duration, Instant};

use super::error::LocalError;
use super::shared::{Counters, Shared};

/// The longest rest between two rounds of the keeper's work.
const REST_MAX: Duration = Duration::from_secs(1);
/// The longest pause between two pieces of an archive.
const PAUSE_MAX: Duration = Duration::from_millis(5);
/// How often somebody who waits looks whether the store is being closed.
const LOOK: Duration = Duration::from_millis(100);

impl Shared {
    /// Returns once there are not too many segments that wait to be archived. Without threads they are archived now.
    ///
    /// # Errors
    /// [`LocalError::Behind`] if none was archived for as long as the options say.
    pub fn wait_for_keeper(&self) -> Result<(), LocalError> {
        if !self.is_behind(1) {
            return Ok(());
        }
        Counters::add(&self.counters.waits, 1);
        let until = Instant::now() + Duration::from_millis(self.options.unarchived_wait_ms);
        while !self.queue_is_closed() {
            if self.options.manual {
                self.keep_house()?;
            }
            let mut slots = self.slots.lock();
            if slots.waiting_bytes() < self.options.unarchived_max() {
                return Ok(());
            }
            let no_use = self.options.manual || slots.stuck || self.keeper_gone.get().is_some();
            if no_use || Instant::now() >= until {
                slots.stuck = true;
                let (segments, bytes) = (slots.sealed.len(), slots.waiting_bytes());
                return Err(LocalError::Behind { segments, bytes });
            }
            self.archived.wait_for(&mut slots, LOOK);
        }
        Ok(())
    }

    /// Whether so many times the bytes that wait to be archived are more than may be.
    fn is_behind(&self, times: u64) -> bool {
        self.slots.lock().waiting_bytes().saturating_mul(times) >= self.options.unarchived_max()
    }

    /// Why appends wait or are refused, if they do.
    pub fn backlog(&self) -> Option<String> {
        let slots = self.slots.lock();
        let (segments, bytes) = (slots.sealed.len(), slots.waiting_bytes());
        slots.stuck.then(|| LocalError::Behind { segments, bytes }.to_string())
    }

    /// The archiver must not give way any more: the log has no file to go on to, or soon has to wait.
    fn is_urgent(&self) -> bool {
        self.slots.lock().spare.is_empty() || self.is_behind(2) || self.queue_is_closed()
    }

    /// Whether the archiver may take its time.
    pub fn is_gentle(&self) -> bool {
        !self.options.manual && !self.is_urgent()
    }

    /// After a round of work that has taken so long: as much time belongs to others. More segments are archived together then.
    pub fn rest(&self, worked: Duration) {
        let until = Instant::now() + worked.min(REST_MAX);
        let mut asked = self.keep_asked.lock();
        while Instant::now() < until && !self.is_urgent() {
            self.keep.wait_until(&mut asked, until);
        }
    }

    /// After a piece of an archive that has taken so long to write.
    pub fn give_way(&self, worked: Duration) {
        if self.is_gentle() {
            crate::sync::thread::sleep(worked.min(PAUSE_MAX));
        }
    }
}
