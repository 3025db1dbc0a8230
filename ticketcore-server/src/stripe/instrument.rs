//! [`Instruments`]: whose instrument a payment method is, before anything is paid with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ticketcore::gateway::Answer;
use ticketcore::order::Identity;
use tokio::sync::Semaphore;

use super::failure::Failure;
use super::find::checked;
use super::form::Form;
use super::gateway::Core;
use super::objects::MethodDetails;
use super::recent::Recent;

const METHODS: &str = "/v1/payment_methods";
/// What names of methods begin with: cards and sources of before are methods, too.
const PREFIXES: [&str; 3] = ["pm_", "card_", "src_"];
/// How long an answer is good, in milliseconds: an instrument never changes.
const TOLD_MS: u64 = 3_600_000;
/// How long it is good that there is no such method, or that nobody said, in milliseconds.
const UNTOLD_MS: u64 = 5_000;
/// Questions at once at most: payments come first.
const ASKED_MAX: usize = 16;
/// A question that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Instruments {
    known: Recent<Option<Identity>>,
    room: Semaphore,
    /// Whether it was said that the key does not allow to ask.
    warned: AtomicBool,
}

impl Default for Instruments {
    fn default() -> Self {
        let (known, warned) = (Recent::default(), AtomicBool::new(false));
        Self { known, room: Semaphore::new(ASKED_MAX), warned }
    }
}

impl Core {
    /// The hashed fingerprint of a method. `None` if it is none of Stripe's, has no fingerprint, or there is no secret to hash it with; unknown
    /// if Stripe does not say soon, or if so many questions are under way already.
    pub async fn instrument(&self, method: &str) -> Answer<Option<Identity>> {
        let method = PREFIXES.iter().find_map(|prefix| checked(method, prefix));
        let Some(method) = method.filter(|_| self.reader.tells_instruments()) else {
            return Answer::Yes(None);
        };
        let Instruments { known, room, warned } = &self.instruments;
        let now = self.clock.now();
        if let Some(told) = known.get(method, now) {
            return Answer::Yes(told);
        }
        let Ok(_room) = room.try_acquire() else { return Answer::unknown("enough is asked") };
        let (path, nothing) = (format!("{METHODS}/{method}"), Form::new());
        let asked = self.api.get::<MethodDetails>(&path, &nothing);
        let answer = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(found)) => Answer::Yes(self.reader.instrument(&found.object)),
            Ok(Err(Failure::Refused(refused))) if refused.is_not_found() => Answer::Yes(None),
            Ok(Err(failure)) => {
                if let Failure::Refused(refused) = &failure
                    && matches!(refused.status.as_u16(), 401 | 403)
                    && !warned.swap(true, Ordering::Relaxed)
                {
                    tracing::warn!(
                        "Stripe's key may not read payment methods: failures count by method, not by card"
                    );
                }
                failure.doubt()
            }
            Err(_) => Answer::unknown("no answer in time"),
        };
        let told = answer.clone().yes().flatten();
        known.note(method, told, now.plus_ms(if told.is_some() { TOLD_MS } else { UNTOLD_MS }));
        answer
    }
}
