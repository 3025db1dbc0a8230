//! Stripe's list of payments, oldest first, as a reconciler reads it.
//!
//! Stripe lists the newest first, and goes on towards newer ones only from one that is known. So the oldest of the window is found once, by
//! halving the time in which it may be, and kept for a while as the place where lists begin.

use parking_lot::Mutex;
use ticketcore::gateway::{Answer, ChargePage};
use ticketcore::{UtcMs, Word};

use super::failure::Failure;
use super::find::{INTENTS, checked};
use super::form::Form;
use super::gateway::Core;
use super::objects::{Page, PaymentIntent};

/// Payments in one part.
const PART: &str = "100";

/// Where lists begin: the oldest payment, and when it was found.
#[derive(Default)]
pub(super) struct Beginning(Mutex<Option<(UtcMs, String)>>);

impl Core {
    pub async fn charges(&self, after: Option<Word>) -> Answer<ChargePage> {
        if after.as_ref().is_some_and(|after| checked(after.as_str(), "pi_").is_none()) {
            return Answer::never("no_such_cursor");
        }
        match self.part(after).await {
            Ok(page) => Answer::Yes(page),
            Err(Failure::Refused(refused)) if matches!(refused.status.as_u16(), 400 | 404) => {
                // The place is one that Stripe does not know (any more).
                *self.beginning.0.lock() = None;
                Answer::never("no_such_cursor")
            }
            Err(failure) => failure.doubt(),
        }
    }

    async fn part(&self, after: Option<Word>) -> Result<ChargePage, Failure> {
        let (mut intents, more) = match (after, self.kept_beginning()) {
            (Some(after), _) => self.newer_than(after.as_str()).await?,
            (None, Some(oldest)) => {
                let oldest = self.intent(&oldest).await?;
                let (mut intents, more) = self.newer_than(&oldest.id).await?;
                intents.push(oldest);
                (intents, more)
            }
            (None, None) => (self.oldest().await?, true),
        };
        // Within a part, too, the newest is first.
        let newest = intents.first().map(|intent| Word::cut(&intent.id));
        intents.reverse();
        let now = self.clock.now();
        let charges = intents.iter().filter_map(|intent| self.reader.listed(intent, now)).collect();
        Ok(ChargePage { charges, next: newest.filter(|_| more) })
    }

    /// The next part, and whether there are more.
    async fn newer_than(&self, name: &str) -> Result<(Vec<PaymentIntent>, bool), Failure> {
        let page = self.list(Form::new().with("ending_before", name)).await?;
        Ok((page.data, page.has_more))
    }

    fn kept_beginning(&self) -> Option<String> {
        let now = self.clock.now();
        let beginning = self.beginning.0.lock();
        let (found, name) = beginning.as_ref()?;
        // What has become old since is listed a little longer than need be.
        (now >= *found && now.since_ms(*found) < self.options.charges_window_ms / 8).then(|| name.clone())
    }

    async fn list(&self, query: Form) -> Result<Page<PaymentIntent>, Failure> {
        let query = query.with("limit", PART).with("expand[]", "data.latest_charge");
        Ok(self.api.get(INTENTS, &query).await?.object)
    }

    /// The oldest payments of the window, newest first; none if there are none.
    async fn oldest(&self) -> Result<Vec<PaymentIntent>, Failure> {
        let now = self.clock.now();
        let from = now.0.saturating_sub(self.options.charges_window_ms) / 1_000;
        // The first second at the end of which there is one: it lies in `low..=high`.
        let (mut low, mut high) = (from, now.0 / 1_000 + SKEW_S);
        if !self.any(from, high).await? {
            return Ok(Vec::new());
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if self.any(from, middle).await? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let mut intents: Vec<PaymentIntent> = Vec::new();
        for _ in 0..self.options.list_pages_max {
            let mut query = between(from, high);
            if let Some(last) = intents.last() {
                query = query.with("starting_after", &last.id);
            }
            let page = self.list(query).await?;
            let more = page.has_more && !page.data.is_empty();
            intents.extend(page.data);
            if !more {
                break;
            }
        }
        if let Some(oldest) = intents.last() {
            *self.beginning.0.lock() = Some((now, oldest.id.clone()));
        }
        Ok(intents)
    }

    async fn any(&self, from: u64, to: u64) -> Result<bool, Failure> {
        let query = between(from, to).with("limit", "1");
        let page = self.api.get::<Page<PaymentIntent>>(INTENTS, &query).await?.object;
        Ok(!page.data.is_empty())
    }
}

/// Stripe's clock may be ahead of ours by so much, in seconds.
const SKEW_S: u64 = 600;

fn between(from: u64, to: u64) -> Form {
    Form::new().with("created[gte]", &from.to_string()).with("created[lte]", &to.to_string())
}
