//! [`StripeGateway`]: what drivers call.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ticketcore::gateway::{
    Answer, Authorize, Capture, ChargePage, LookUp, PaymentGateway, Refund, Reply, Void,
};
use ticketcore::order::{Identity, PaymentSeen, RefundSeen};
use ticketcore::{Clock, Word};
use tokio::runtime::Handle;

use super::api::Api;
use super::charges::Beginning;
use super::instrument::Instruments;
use super::names::Names;
use super::options::{StripeError, StripeOptions};
use super::read::Reader;
use super::recent::Recent;
use super::webhook::Report;

/// How long Stripe remembers a key at least, in milliseconds.
pub(super) const KEY_RETENTION_MS: u64 = 24 * 3_600_000;

/// A Stripe account as a gateway. Its calls return at once and are answered from tasks of a runtime:
/// [`callers_per_gateway`](ticketcore::checkout::CheckoutOptions::callers_per_gateway) may be 0. When the runtime ends, what is under way is
/// answered as unknown. See the [module](super).
pub struct StripeGateway {
    core: Arc<Core>,
    runtime: Handle,
}

/// What its calls share.
pub(super) struct Core {
    pub api: Api,
    pub clock: Arc<dyn Clock>,
    pub options: StripeOptions,
    pub reader: Reader,
    pub names: Names,
    /// Where buyers were to go.
    pub places: Recent<Option<String>>,
    pub instruments: Instruments,
    pub beginning: Beginning,
}

impl StripeGateway {
    /// A gateway that calls Stripe from tasks of `runtime`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`StripeError`] if an option can't be.
    pub fn new(options: StripeOptions, clock: Arc<dyn Clock>, runtime: Handle) -> Result<Self, StripeError> {
        if Word::new(&options.name).is_err() || options.name.is_empty() {
            return Err(StripeError::Option("the gateway's name is empty or too long"));
        }
        if options.method_types.is_empty() {
            return Err(StripeError::Option("there is no kind of payment method"));
        }
        let times = [options.connect_timeout_ms, options.answer_timeout_ms, options.call_timeout_ms];
        if times.contains(&0) || options.charges_window_ms == 0 || options.list_pages_max == 0 {
            return Err(StripeError::Option("timeouts, the window and the pages are more than 0"));
        }
        let core = Core {
            api: Api::new(&options)?,
            clock,
            reader: Reader::new(options.fingerprint_secret.clone()),
            names: Names::default(),
            places: Recent::default(),
            instruments: Instruments::default(),
            beginning: Beginning::default(),
            options,
        };
        Ok(Self { core: Arc::new(core), runtime })
    }

    /// Looks at a webhook's report now: a payment is read afresh, a dispute learns the key of its payment. `None` if it is about nothing of
    /// ours.
    pub fn resolve(&self, report: Report) -> impl Future<Output = Option<Report>> + Send + 'static {
        let core = Arc::clone(&self.core);
        async move { core.resolve(report).await }
    }

    /// Where a buyer must go whose payment requires an action, as [`ActionRequired`](PaymentSeen::ActionRequired) has it. An address is
    /// itself; one that is too long to be kept (`stripe:pi_...`) is asked for now. `None` if there is nowhere to go (any more).
    pub fn next_action_url(
        &self,
        next_action: &str,
    ) -> impl Future<Output = Answer<Option<String>>> + Send + 'static {
        let core = Arc::clone(&self.core);
        let next_action = next_action.to_owned();
        async move { core.next_action_url(&next_action).await }
    }

    /// Answers from a task, unknown when it takes too long.
    fn spawn<T, F>(&self, reply: Reply<T>, call: impl FnOnce(Arc<Core>) -> F)
    where
        T: Send + 'static,
        F: Future<Output = Answer<T>> + Send + 'static,
    {
        let timeout_ms = self.core.options.call_timeout_ms;
        let call = call(Arc::clone(&self.core));
        self.runtime.spawn(async move {
            let answer = tokio::time::timeout(Duration::from_millis(timeout_ms), call).await;
            let late = |_| Answer::unknown(format!("no answer within {timeout_ms} ms"));
            reply.answer(answer.unwrap_or_else(late));
        });
    }
}

impl PaymentGateway for StripeGateway {
    fn name(&self) -> &str {
        &self.core.options.name
    }

    fn key_retention_ms(&self) -> u64 {
        KEY_RETENTION_MS
    }

    fn authorize(&self, call: Authorize, reply: Reply<PaymentSeen>) {
        self.spawn(reply, |core| async move { core.authorize(call).await });
    }

    fn capture(&self, call: Capture, reply: Reply<PaymentSeen>) {
        self.spawn(reply, |core| async move { core.capture(call).await });
    }

    fn void(&self, call: Void, reply: Reply<PaymentSeen>) {
        self.spawn(reply, |core| async move { core.void(call).await });
    }

    fn refund(&self, call: Refund, reply: Reply<RefundSeen>) {
        self.spawn(reply, |core| async move { core.refund(call).await });
    }

    fn look_up(&self, call: LookUp, reply: Reply<PaymentSeen>) {
        self.spawn(reply, |core| async move { core.look_up(call).await });
    }

    fn look_up_refund(&self, call: LookUp, reply: Reply<RefundSeen>) {
        self.spawn(reply, |core| async move { core.look_up_refund(call).await });
    }

    fn instrument(&self, method: Word, reply: Reply<Option<Identity>>) {
        self.spawn(reply, |core| async move { core.instrument(method.as_str()).await });
    }

    fn charges(&self, after: Option<Word>, reply: Reply<ChargePage>) {
        self.spawn(reply, |core| async move { core.charges(after).await });
    }
}

impl fmt::Debug for StripeGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeGateway").field("options", &self.core.options).finish_non_exhaustive()
    }
}
