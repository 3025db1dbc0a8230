//! [`Till`]: the gateway that takes the money, as the server is set up.

mod kept;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use kept::KeptSandbox;

use ticketcore::gateway::{PaymentGateway, Reply, SandboxOptions};
use ticketcore::order::Identity;
use ticketcore::{Clock, Currency, Word};
use tokio::runtime::Handle;

use crate::app::StartError;
use crate::auth::Secrets;
use crate::config::{GatewayKind, Payments, StripeConfig};
use crate::stripe::{self, Secret, StripeGateway, StripeOptions, Webhook, WebhookOptions};

/// How long an order's answer waits for where its buyer must go.
const NEXT_ACTION: Duration = Duration::from_secs(3);
/// How long a payment waits at most for whose instrument it is made with.
const INSTRUMENT: Duration = Duration::from_secs(1);

/// The gateway that takes the money.
pub enum Till {
    /// One to try things with. No money moves.
    Sandbox(Arc<KeptSandbox>),
    /// Stripe, and what it reports.
    Stripe(Arc<StripeGateway>, Webhook),
    /// The operator's own.
    External,
}

impl Till {
    /// The gateway of a configuration; `data` is the server's folder. Must be called on a runtime's thread.
    ///
    /// # Errors
    /// If a secret can't be read, or an option can't be meant.
    pub fn open(
        payments: &Payments,
        data: &Path,
        secrets: &Secrets,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        match payments.gateway {
            GatewayKind::External => Ok(Self::External),
            GatewayKind::Sandbox => {
                let options = SandboxOptions { timer: true, ..SandboxOptions::default() };
                let kept = KeptSandbox::open(&data.join("sandbox.jsonl"), options, Arc::clone(clock))?;
                Ok(Self::Sandbox(Arc::new(kept)))
            }
            GatewayKind::Stripe => {
                let config = payments.stripe.as_ref().ok_or("`payments.stripe` is missing")?;
                Self::stripe(config, secrets, clock)
            }
        }
    }

    fn stripe(config: &StripeConfig, secrets: &Secrets, clock: &Arc<dyn Clock>) -> Result<Self, StartError> {
        let read = |file: &std::path::Path| -> Result<Secret, StartError> {
            let text =
                std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            Ok(Secret::new(text.trim()))
        };
        let fingerprints: String =
            secrets.get("fingerprint")?.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut options = StripeOptions::new(read(&config.api_key_file)?);
        options.fingerprint_secret = Some(Secret::new(fingerprints));
        if let Some(base) = &config.base {
            options.base.clone_from(base);
        }
        let gateway = StripeGateway::new(options, Arc::clone(clock), Handle::current())?;
        let hooks = config.webhook_secret_files.iter().map(|file| read(file)).collect::<Result<_, _>>()?;
        let webhook = Webhook::new(WebhookOptions::new(hooks), Arc::clone(clock));
        Ok(Self::Stripe(Arc::new(gateway), webhook))
    }

    /// The gateways that the engine may call.
    #[must_use]
    pub fn gateways(&self) -> Vec<Arc<dyn PaymentGateway>> {
        match self {
            Self::Sandbox(gateway) => vec![Arc::clone(gateway) as _],
            Self::Stripe(gateway, _) => vec![Arc::clone(gateway) as _],
            Self::External => Vec::new(),
        }
    }

    /// Whether payments in a currency can be taken. Nothing should be put on sale in another.
    #[must_use]
    pub fn takes(&self, currency: Currency) -> bool {
        match self {
            Self::Stripe(..) => stripe::takes(currency),
            Self::Sandbox(_) | Self::External => true,
        }
    }

    /// What a buyer must do at the gateway, as he can do it: an address to go to, or a token for its page. Nothing if that can't be learnt
    /// now, or if there is nothing to be done any more.
    pub async fn next_action(&self, said: &str) -> Option<String> {
        match self {
            Self::Stripe(gateway, _) => {
                let asked = tokio::time::timeout(NEXT_ACTION, gateway.next_action_url(said)).await;
                asked.ok()?.yes().flatten()
            }
            Self::Sandbox(_) | Self::External => Some(said.to_owned()),
        }
    }

    /// Whose instrument a payment method is. `None` if the gateway does not tell instruments apart, or does not say in time.
    pub async fn instrument(&self, method: Word) -> Option<Identity> {
        let gateway: &dyn PaymentGateway = match self {
            Self::Sandbox(gateway) => gateway,
            Self::Stripe(gateway, _) => gateway,
            Self::External => return None,
        };
        let (reply, answered) = Reply::pair();
        gateway.instrument(method, reply);
        tokio::time::timeout(INSTRUMENT, answered).await.ok()?.yes().flatten()
    }

    /// The name under which new payments go to it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sandbox(_) => "sandbox",
            Self::Stripe(..) => "stripe",
            Self::External => "external",
        }
    }
}
