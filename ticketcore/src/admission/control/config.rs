//! [`ControlConfig`]: how many are let in, and how fast.

use serde::{Deserialize, Serialize};

use crate::admission::config::{RoomConfigError, within};

/// How many are let in, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ControlConfig {
    /// People inside at once when all is well.
    pub target_active: u32,
    /// People inside at once however slow it is; fewer only while the gateway is out or nothing is left.
    pub floor_active: u32,
    /// People called a second at most.
    pub calls_per_s_max: u32,
    /// What the limit grows by in each step that all is well.
    pub increase_per_step: u32,
    /// What is left of the limit when something is not, in thousandths.
    pub decrease_permille: u32,
    /// It is cut once in so long, in milliseconds: what a cut does is seen only later.
    pub cooldown_ms: u64,
    /// A checkout should take no longer, in milliseconds, 99 of 100 times.
    pub checkout_p99_ms_max: u32,
    /// Of a thousand requests no more should fail on the server's side.
    pub errors_permille_max: u32,
    /// Of a thousand requests no more should be turned away for load.
    pub shed_permille_max: u32,
    /// An authorisation should take no longer, in milliseconds.
    pub authorise_ms_max: u32,
    /// Measurements that are older count as none, in milliseconds.
    pub stale_ms: u64,
    /// Tickets that somebody who is let in takes on average, in hundredths, until it is known.
    pub tickets_per_person_centi: u32,
    /// People inside at once as the operator has set it by hand; 0 lets nobody in. Then nothing is measured but the stock.
    pub fixed_active: Option<u32>,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            target_active: 2_000,
            floor_active: 50,
            calls_per_s_max: 500,
            increase_per_step: 50,
            decrease_permille: 700,
            cooldown_ms: 5_000,
            checkout_p99_ms_max: 2_000,
            errors_permille_max: 50,
            shed_permille_max: 10,
            authorise_ms_max: 5_000,
            stale_ms: 10_000,
            tickets_per_person_centi: 200,
            fixed_active: None,
        }
    }
}

impl ControlConfig {
    /// People inside at once at most, whatever was reckoned: a tenth over the target.
    #[must_use]
    pub const fn ceiling(&self) -> u32 {
        let target = match self.fixed_active {
            Some(fixed) => fixed,
            None => self.target_active,
        };
        target.saturating_add(target / 10)
    }

    /// Whether all settings are in their ranges.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), RoomConfigError> {
        let most = 10_000_000;
        within("control.targetActive", self.target_active.into(), 1, most)?;
        within("control.floorActive", self.floor_active.into(), 1, self.target_active.into())?;
        within("control.callsPerSMax", self.calls_per_s_max.into(), 1, 1_000_000)?;
        within("control.increasePerStep", self.increase_per_step.into(), 1, self.target_active.into())?;
        within("control.decreasePermille", self.decrease_permille.into(), 100, 990)?;
        within("control.cooldownMs", self.cooldown_ms, 0, 600_000)?;
        within("control.checkoutP99MsMax", self.checkout_p99_ms_max.into(), 1, 600_000)?;
        within("control.errorsPermilleMax", self.errors_permille_max.into(), 0, 1_000)?;
        within("control.shedPermilleMax", self.shed_permille_max.into(), 0, 1_000)?;
        within("control.authoriseMsMax", self.authorise_ms_max.into(), 1, 600_000)?;
        within("control.staleMs", self.stale_ms, 1_000, 600_000)?;
        within("control.ticketsPerPersonCenti", self.tickets_per_person_centi.into(), 10, 10_000)?;
        within("control.fixedActive", self.fixed_active.unwrap_or(0).into(), 0, most)
    }
}
