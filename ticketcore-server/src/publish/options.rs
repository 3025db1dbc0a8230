//! [`PublishOptions`]: how often what everybody reads is made anew, and its bounds.

use std::time::Duration;

use serde::Deserialize;
use ticketcore::SaleState;

/// How often what everybody reads is made anew, and its bounds. Unknown members are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublishOptions {
    /// Time from one refresh of an event to the next at least, while it is on sale, in milliseconds.
    pub refresh_onsale_ms: u64,
    /// The same while it is on presale.
    pub refresh_presale_ms: u64,
    /// The same in all other sale states.
    pub refresh_ms: u64,
    /// Refreshes under way at once, over all events. Each takes a thread.
    pub refreshes_parallel_max: usize,
    /// Events that are kept published; past it the one that was not read for longest goes.
    pub events_max: usize,
    /// An event that nobody has read for so long is no longer kept published, in milliseconds.
    pub forget_after_ms: u64,
    /// Changes that are kept of each event: how far back `changes?since=` and `Last-Event-ID` reach.
    pub changes_max: usize,
    /// Bytes of the changes that are kept of each event.
    pub changes_bytes_max: usize,
    /// Subscribers of live changes, over all events. 503 past it.
    pub subscribers_max: usize,
    /// Changes that may wait for a subscriber. One that falls further behind is ended; it comes back with `Last-Event-ID`.
    pub subscriber_lag_max: usize,
    /// Bytes of changes that a subscriber who comes back is sent one by one; past it it is told to read the whole again.
    pub catch_up_bytes_max: usize,
    /// Time between two comments that keep a stream open, in milliseconds.
    pub heartbeat_ms: u64,
    /// How long a subscriber is asked to wait before it comes back, in milliseconds.
    pub retry_ms: u64,
}

impl Default for PublishOptions {
    fn default() -> Self {
        Self {
            refresh_onsale_ms: 250,
            refresh_presale_ms: 250,
            refresh_ms: 1_000,
            refreshes_parallel_max: 2,
            events_max: 1_000,
            forget_after_ms: 600_000,
            changes_max: 1_024,
            changes_bytes_max: 1 << 20,
            subscribers_max: 20_000,
            subscriber_lag_max: 64,
            catch_up_bytes_max: 64 << 10,
            heartbeat_ms: 15_000,
            retry_ms: 2_000,
        }
    }
}

impl PublishOptions {
    /// Time from one refresh of an event to the next at least.
    #[must_use]
    pub const fn refresh(&self, state: SaleState) -> Duration {
        Duration::from_millis(match state {
            SaleState::Onsale => self.refresh_onsale_ms,
            SaleState::Presale => self.refresh_presale_ms,
            _ => self.refresh_ms,
        })
    }

    /// What does not fit together, with the member's name.
    ///
    /// # Errors
    /// The member and its bounds.
    pub fn check(&self) -> Result<(), String> {
        let refreshes = [
            ("refresh_onsale_ms", self.refresh_onsale_ms),
            ("refresh_presale_ms", self.refresh_presale_ms),
            ("refresh_ms", self.refresh_ms),
        ];
        let within = |name: &str, found: u64, min: u64, max: u64| {
            if (min..=max).contains(&found) {
                Ok(())
            } else {
                Err(format!("{name}: from {min} to {max}, not {found}"))
            }
        };
        refreshes.iter().try_for_each(|(name, ms)| within(name, *ms, 10, 60_000))?;
        within("refreshes_parallel_max", self.refreshes_parallel_max as u64, 1, 64)?;
        within("events_max", self.events_max as u64, 1, 1_000_000)?;
        within("forget_after_ms", self.forget_after_ms, 1_000, 86_400_000)?;
        within("changes_max", self.changes_max as u64, 1, 65_536)?;
        within("changes_bytes_max", self.changes_bytes_max as u64, 1 << 10, 1 << 30)?;
        within("subscribers_max", self.subscribers_max as u64, 0, 1_000_000)?;
        within("subscriber_lag_max", self.subscriber_lag_max as u64, 1, self.changes_max as u64)?;
        within("catch_up_bytes_max", self.catch_up_bytes_max as u64, 0, self.changes_bytes_max as u64)?;
        within("heartbeat_ms", self.heartbeat_ms, 100, 3_600_000)?;
        within("retry_ms", self.retry_ms, 0, 3_600_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit_together_and_what_does_not_is_named() {
        PublishOptions::default().check().unwrap();
        let odd = PublishOptions { subscriber_lag_max: 0, ..PublishOptions::default() };
        assert!(odd.check().unwrap_err().starts_with("subscriber_lag_max"));
        let odd = PublishOptions { refresh_ms: 1, ..PublishOptions::default() };
        assert!(odd.check().unwrap_err().starts_with("refresh_ms"));
    }
}
