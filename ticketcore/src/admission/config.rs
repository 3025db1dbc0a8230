//! [`RoomConfig`]: how the waiting room of an event works.

use serde::{Deserialize, Serialize};

use super::control::ControlConfig;
use crate::limits::ENTROPY_SOURCE_BYTES_MAX;

/// What it takes to join: it keeps people from standing in the room many times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// An account: a buyer's token of a configured issuer.
    Account,
    /// A signed invitation; one place for each.
    Invite,
    /// A solved proof of work, for anybody.
    #[default]
    Challenge,
}

/// How the waiting room of an event works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RoomConfig {
    /// What it takes to join.
    pub entry: Entry,
    /// Where the entropy of the lottery will come from, for people; empty if there is no lottery.
    pub entropy_source: String,
    /// How long a position token is good before it must be renewed by polling, in milliseconds.
    pub position_ttl_ms: u64,
    /// How long an admission lasts, in milliseconds.
    pub admission_ms: u64,
    /// Who has not come so long after he was called is reckoned not to come, in milliseconds; if he does, his place is still his.
    pub claim_ms: u64,
    /// Who has not come so long after he was called has lost his place, in milliseconds.
    pub absence_ms: u64,
    /// Who has held nothing so long after he came in is reckoned not to, in milliseconds; he may still.
    pub browse_ms: u64,
    /// Tickets that may be bought with one admission.
    pub tickets_per_admission: u32,
    /// How often somebody far from being called should poll, in milliseconds.
    pub poll_ms: u64,
    /// How many are let in, and how fast.
    pub control: ControlConfig,
}

impl Default for RoomConfig {
    fn default() -> Self {
        Self {
            entry: Entry::default(),
            entropy_source: String::new(),
            position_ttl_ms: 300_000,
            admission_ms: 600_000,
            claim_ms: 30_000,
            absence_ms: 300_000,
            browse_ms: 180_000,
            tickets_per_admission: 10,
            poll_ms: 10_000,
            control: ControlConfig::default(),
        }
    }
}

/// A setting of a room is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {why}")]
pub struct RoomConfigError {
    /// Which.
    pub member: &'static str,
    /// What it must be.
    pub why: String,
}

const DAY_MS: u64 = 86_400_000;

impl RoomConfig {
    /// Whether all settings are in their ranges.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), RoomConfigError> {
        within("positionTtlMs", self.position_ttl_ms, 10_000, DAY_MS)?;
        within("admissionMs", self.admission_ms, 10_000, DAY_MS)?;
        within("claimMs", self.claim_ms, 1_000, self.absence_ms)?;
        within("absenceMs", self.absence_ms, 1_000, DAY_MS)?;
        within("browseMs", self.browse_ms, 1_000, DAY_MS)?;
        within("ticketsPerAdmission", u64::from(self.tickets_per_admission), 1, 1_000)?;
        within("pollMs", self.poll_ms, 100, self.position_ttl_ms / 2)?;
        if self.entropy_source.len() > ENTROPY_SOURCE_BYTES_MAX {
            let why = format!("at most {ENTROPY_SOURCE_BYTES_MAX} bytes");
            return Err(RoomConfigError { member: "entropySource", why });
        }
        self.control.check()
    }
}

/// # Errors
/// If a value is not from `least` to `most`.
pub(super) fn within(member: &'static str, value: u64, least: u64, most: u64) -> Result<(), RoomConfigError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(RoomConfigError { member, why: format!("from {least} to {most}, not {value}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default_and_what_is_unknown_is_refused() {
        let config: RoomConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(config, RoomConfig::default());
        config.check().unwrap();
        assert!(serde_json::from_str::<RoomConfig>(r#"{"absence": 1}"#).is_err());
        assert!(serde_json::from_str::<RoomConfig>(r#"{"control": {"target": 1}}"#).is_err());
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let broken = |change: fn(&mut RoomConfig)| {
            let mut config = RoomConfig::default();
            change(&mut config);
            config.check().unwrap_err().member
        };
        assert_eq!(broken(|config| config.position_ttl_ms = 0), "positionTtlMs");
        assert_eq!(broken(|config| config.admission_ms = u64::MAX), "admissionMs");
        assert_eq!(broken(|config| config.claim_ms = config.absence_ms + 1), "claimMs");
        assert_eq!(broken(|config| config.tickets_per_admission = 0), "ticketsPerAdmission");
        assert_eq!(broken(|config| config.poll_ms = config.position_ttl_ms), "pollMs");
        assert_eq!(broken(|config| config.entropy_source = "x".repeat(1_001)), "entropySource");
        assert_eq!(broken(|config| config.control.target_active = 0), "control.targetActive");
    }
}
