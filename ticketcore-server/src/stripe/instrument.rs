//! Whose instrument a payment method is, before anything is paid with it.

use ticketcore::gateway::Answer;
use ticketcore::order::Identity;

use super::failure::Failure;
use super::find::checked;
use super::form::Form;
use super::gateway::Core;
use super::objects::MethodDetails;

const METHODS: &str = "/v1/payment_methods";

impl Core {
    /// The hashed fingerprint of a method. `None` if it is none of Stripe's, has no fingerprint, or there is no secret to hash it with.
    pub async fn instrument(&self, method: &str) -> Answer<Option<Identity>> {
        let Some(method) = checked(method, "pm_").filter(|_| self.reader.tells_instruments()) else {
            return Answer::Yes(None);
        };
        let now = self.clock.now();
        if let Some(known) = self.instruments.get(method, now) {
            return Answer::Yes(known);
        }
        let instrument =
            match self.api.get::<MethodDetails>(&format!("{METHODS}/{method}"), &Form::new()).await {
                Ok(found) => self.reader.instrument(&found.object),
                Err(Failure::Refused(refused)) if refused.is_not_found() => None,
                Err(failure) => return failure.doubt(),
            };
        self.instruments.note(method, instrument, now);
        Answer::Yes(instrument)
    }
}
