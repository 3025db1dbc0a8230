//! Payment providers: the [`PaymentGateway`] trait, a sandbox to try things with, and what keeps calls in bounds.
//!
//! The engine calls nobody. It derives from its durable state what must be done ([`GatewayKey`] names each effect), and a driver calls a
//! gateway, outside every lock. A call comes to one of three things: yes, no, or *unknown* ([`Answer`]). Unknown is never folded into no:
//! the money may have moved. Whoever resumes looks the key up first.
//!
//! * [`PaymentGateway`] is what a provider must do. No runtime is required: each call carries a [`Reply`] that is answered once, from
//!   any thread, now or later.
//! * [`SandboxGateway`] is a provider in memory whose payment methods say how they behave, with a [`Ledger`] that auditors compare with
//!   the orders. [`SandboxServer`] and [`SandboxClient`] put a process border in between, so that the ledger survives who calls.
//! * [`CircuitBreaker`], [`Backoff`] and [`InFlight`] bound what a gateway in trouble costs. They have no clock and no thread.
//!
//! # Writing one
//!
//! A gateway over a blocking client. Its errors tell apart what was certainly not sent from what may have been:
//!
//! ```
//! use ticketcore::gateway::*;
//! use ticketcore::Word;
//! use ticketcore::order::{PaymentSeen, RefundSeen};
//!
//! /// What the provider's own client says.
//! enum Trouble {
//!     NotConnected,
//!     Refused(String),
//!     NoAnswer(std::io::Error),
//! }
//! # struct Client;
//! # impl Client {
//! #     fn pay(&self, _key: &str, _minor: i64, _currency: &str, _card: &str) -> Result<String, Trouble> { Ok("ch_1".to_owned()) }
//! #     fn find(&self, _key: &str) -> Result<Option<String>, Trouble> { Err(Trouble::NotConnected) }
//! # }
//!
//! struct Blocking {
//!     client: Client,
//! }
//!
//! fn answer<T>(outcome: Result<T, Trouble>) -> Answer<T> {
//!     match outcome {
//!         Ok(said) => Answer::Yes(said),
//!         Err(Trouble::NotConnected) => Answer::not_now("not_connected"),
//!         Err(Trouble::Refused(code)) => Answer::never(&code),
//!         Err(Trouble::NoAnswer(error)) => Answer::unknown(error.to_string()),
//!     }
//! }
//!
//! fn reserved(reference: &str) -> PaymentSeen {
//!     PaymentSeen::Authorized { reference: Word::cut(reference), lapses_at: None, fingerprint: None }
//! }
//!
//! impl PaymentGateway for Blocking {
//!     fn name(&self) -> &str {
//!         "example"
//!     }
//!     fn key_retention_ms(&self) -> u64 {
//!         24 * 3_600_000
//!     }
//!     fn authorize(&self, call: Authorize, reply: Reply<PaymentSeen>) {
//!         let (key, amount) = (call.key.to_string(), call.amount);
//!         let paid = self.client.pay(&key, amount.minor, amount.currency.as_str(), call.method.as_str());
//!         reply.answer(answer(paid.map(|reference| reserved(&reference))));
//!     }
//!     fn look_up(&self, call: LookUp, reply: Reply<PaymentSeen>) {
//!         let found = self.client.find(&call.key.to_string());
//!         reply.answer(answer(found.map(|found| found.map_or(PaymentSeen::NotFound, |name| reserved(&name)))));
//!     }
//!     // The others alike. An asynchronous client moves the reply into its task.
//! #   fn capture(&self, _: Capture, _: Reply<PaymentSeen>) {}
//! #   fn void(&self, _: Void, _: Reply<PaymentSeen>) {}
//! #   fn refund(&self, _: Refund, _: Reply<RefundSeen>) {}
//! #   fn look_up_refund(&self, _: LookUp, _: Reply<RefundSeen>) {}
//! }
//!
//! # let order = "ord_000000000001a000000000001a".parse().unwrap();
//! # let gateway = Blocking { client: Client };
//! let key = GatewayKey::new(order, GatewayAction::Authorize, 1);
//! let (reply, answered) = Reply::pair();
//! gateway.look_up(LookUp::by_key(key), reply);
//! assert_eq!(answered.wait(), Answer::not_now("not_connected"));
//! # let amount = ticketcore::Money { minor: 1, currency: ticketcore::Currency::EUR };
//! # let (reply, answered) = Reply::pair();
//! # gateway.authorize(Authorize { key, amount, method: Word::cut("x"), capture_now: false, return_url: None }, reply);
//! # assert_eq!(answered.wait().yes(), Some(reserved("ch_1")));
//! ```

mod backoff;
mod breaker;
mod call;
mod in_flight;
mod key;
mod remote;
mod reply;
mod sandbox;

use std::sync::Arc;

pub use backoff::Backoff;
pub use breaker::{BreakerOptions, CircuitBreaker, Pass};
pub use call::{Authorize, Capture, ChargePage, ListedCharge, LookUp, Refund, Void};
pub use in_flight::{InFlight, Permit};
pub use key::{BadGatewayKey, GatewayAction, GatewayKey};
pub use remote::{SandboxClient, SandboxServer};
pub use reply::{Answer, Answered, Reply};
pub use sandbox::{
    ActionEnd, CallFault, Charge, Entered, Entry, Ledger, Notification, Outage, SandboxFaults,
    SandboxGateway, SandboxOptions, Seen, Totals,
};

use crate::order::{Identity, PaymentSeen, RefundSeen, Word};

/// A payment provider.
///
/// To be correct a gateway must keep every promise below, under any number of concurrent callers:
///
/// * **Every reply is answered**, by [`Answer::Unknown`] at the latest after a timeout of the gateway's own. A call may block its caller
///   until then, or return at once and answer from another thread; it holds no lock of its own while it answers.
/// * **One key, one effect.** A call repeated under its key with the same content, within [`key_retention_ms`](Self::key_retention_ms), is
///   not carried out again: it is answered as before, or [`Answer::Unknown`] while nobody knows. Other content under a key is refused.
/// * **[`Answer::No`] is definite**: nothing was changed by this call, nothing will be, and the key is not used up.
/// * **[`RefundSeen::Failed`] is definite**, and the answer of its key for good: the next try, if one may help, has
///   [a key of its own](GatewayKey::again). So a call under the old key that comes late moves nothing.
/// * **[`Answer::Unknown`] claims nothing.** When in doubt, it is the answer.
/// * **Money is never more than asked for**: no capture beyond what is reserved, no refund beyond what was captured.
pub trait PaymentGateway: Send + Sync + 'static {
    /// Its name, which orders keep. Never changes.
    fn name(&self) -> &str;

    /// How long it remembers a key after its first use, in milliseconds. A call is never repeated after that.
    fn key_retention_ms(&self) -> u64;

    /// Reserves money, or takes it at once. Answers [`PaymentSeen::Authorized`], [`Captured`](PaymentSeen::Captured),
    /// [`Declined`](PaymentSeen::Declined) or [`ActionRequired`](PaymentSeen::ActionRequired). A payment that the gateway has and is still
    /// working on is [`Answer::Unknown`].
    fn authorize(&self, call: Authorize, reply: Reply<PaymentSeen>);

    /// Takes reserved money. Answers [`PaymentSeen::Captured`] with all that was taken of the payment.
    fn capture(&self, call: Capture, reply: Reply<PaymentSeen>);

    /// Gives back what is reserved, or keeps a payment that waits for its buyer from ever succeeding. Answers [`PaymentSeen::Voided`],
    /// also if nothing was reserved any more; [`PaymentSeen::NotFound`] or [`Declined`](PaymentSeen::Declined) if there is no such money.
    /// Refused once the money was taken.
    fn void(&self, call: Void, reply: Reply<PaymentSeen>);

    /// Gives back what was taken.
    fn refund(&self, call: Refund, reply: Reply<RefundSeen>);

    /// Says where a payment attempt stands now; changes nothing. [`PaymentSeen::NotFound`] is a promise that it has had no effect: one
    /// that is still on its way may yet have one.
    fn look_up(&self, call: LookUp, reply: Reply<PaymentSeen>);

    /// Says where a refund stands now; changes nothing.
    fn look_up_refund(&self, call: LookUp, reply: Reply<RefundSeen>);

    /// Says whose instrument a payment method is, before anything is paid with it; changes nothing. The same instrument has the same
    /// [`Identity`] under all its methods, and in [`PaymentSeen`]. `None` if the gateway does not tell instruments apart, or knows of no
    /// such method.
    fn instrument(&self, method: Word, reply: Reply<Option<Identity>>) {
        let _of = method;
        reply.answer(Answer::Yes(None));
    }

    /// Lists payments, oldest first, so that one can be found that no order knows of: a page after `after`, from the beginning without
    /// one. A gateway that can't is not asked again.
    fn charges(&self, after: Option<Word>, reply: Reply<ChargePage>) {
        let _from = after;
        reply.answer(Answer::never("not_listed"));
    }
}

impl<G: PaymentGateway + ?Sized> PaymentGateway for Arc<G> {
    fn name(&self) -> &str {
        (**self).name()
    }
    fn key_retention_ms(&self) -> u64 {
        (**self).key_retention_ms()
    }
    fn authorize(&self, call: Authorize, reply: Reply<PaymentSeen>) {
        (**self).authorize(call, reply);
    }
    fn capture(&self, call: Capture, reply: Reply<PaymentSeen>) {
        (**self).capture(call, reply);
    }
    fn void(&self, call: Void, reply: Reply<PaymentSeen>) {
        (**self).void(call, reply);
    }
    fn refund(&self, call: Refund, reply: Reply<RefundSeen>) {
        (**self).refund(call, reply);
    }
    fn look_up(&self, call: LookUp, reply: Reply<PaymentSeen>) {
        (**self).look_up(call, reply);
    }
    fn look_up_refund(&self, call: LookUp, reply: Reply<RefundSeen>) {
        (**self).look_up_refund(call, reply);
    }
    fn instrument(&self, method: Word, reply: Reply<Option<Identity>>) {
        (**self).instrument(method, reply);
    }
    fn charges(&self, after: Option<Word>, reply: Reply<ChargePage>) {
        (**self).charges(after, reply);
    }
}
