//! [`Reader`]: what Stripe's objects say in the engine's words.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ticketcore::gateway::{Answer, ListedCharge};
use ticketcore::order::{Identity, PaymentSeen, RefundSeen};
use ticketcore::{UtcMs, Word};

use super::objects::{MethodDetails, NextAction, PaymentIntent, Refund};
use super::secret::Secret;

/// A payment that nobody has confirmed by then, in milliseconds, nobody is confirming any more: it is created and confirmed in one request,
/// and no request takes so long.
const CONFIRM_MS_MAX: u64 = 10 * 60_000;

/// What begins a next action that is to be asked for: see [`StripeGateway::next_action_url`](super::StripeGateway::next_action_url).
pub(super) const ASK: &str = "stripe:";

/// See the module.
pub(super) struct Reader {
    fingerprint_secret: Option<Secret>,
}

impl Reader {
    pub const fn new(fingerprint_secret: Option<Secret>) -> Self {
        Self { fingerprint_secret }
    }

    /// Where a payment stands.
    pub fn payment(&self, intent: &PaymentIntent, now: UtcMs) -> Answer<PaymentSeen> {
        let reference = Word::cut(&intent.id);
        Answer::Yes(match intent.status.as_str() {
            "requires_capture" => PaymentSeen::Authorized {
                reference,
                lapses_at: details(intent).and_then(MethodDetails::capture_before).map(from_seconds),
                fingerprint: self.fingerprint(intent),
            },
            "succeeded" => PaymentSeen::Captured {
                reference,
                amount_minor: intent.captured_minor(),
                fingerprint: self.fingerprint(intent),
            },
            "canceled" => PaymentSeen::Voided,
            "requires_action" => PaymentSeen::ActionRequired {
                next_action: next_action(&intent.id, intent.next_action.as_ref()),
            },
            "requires_payment_method" if intent.last_payment_error.is_some() => {
                PaymentSeen::Declined { code: declined(intent) }
            }
            "requires_payment_method" | "requires_confirmation" => {
                if now.since_ms(from_seconds(intent.created)) < CONFIRM_MS_MAX {
                    return Answer::unknown("not confirmed yet");
                }
                PaymentSeen::Declined { code: Word::cut("not_confirmed") }
            }
            status => return Answer::unknown(format!("the payment is `{status}`")),
        })
    }

    /// Where a refund stands.
    pub fn refund(&self, refund: &Refund) -> Answer<RefundSeen> {
        let reference = Word::cut(&refund.id);
        Answer::Yes(match refund.status.as_deref() {
            Some("succeeded") => RefundSeen::Succeeded { reference },
            Some("pending" | "requires_action") => RefundSeen::Submitted { reference },
            Some("failed") => {
                let reason = refund.failure_reason.as_deref().unwrap_or("unknown");
                // A card that is gone stays gone; what staff called off is staff's.
                let retry = matches!(reason, "insufficient_funds" | "declined" | "unknown");
                RefundSeen::Failed { code: Word::cut(reason), retry }
            }
            Some("canceled") => RefundSeen::Failed { code: Word::cut("canceled"), retry: false },
            status => return Answer::unknown(format!("the refund is `{}`", status.unwrap_or_default())),
        })
    }

    /// An entry of the list. `None` for one in no currency we know of.
    pub fn listed(&self, intent: &PaymentIntent, now: UtcMs) -> Option<ListedCharge> {
        Some(ListedCharge {
            reference: Word::cut(&intent.id),
            key: intent.key(),
            currency: intent.currency()?,
            outstanding_minor: intent.outstanding_minor(),
            captured_minor: intent.captured_minor(),
            refunded_minor: intent.refunded_minor(),
            // As in a look-up; what is not known yet says nothing.
            seen: self.payment(intent, now).yes().unwrap_or(PaymentSeen::NotFound),
        })
    }

    fn fingerprint(&self, intent: &PaymentIntent) -> Option<Identity> {
        self.instrument(details(intent)?)
    }

    /// Whether anything can be said of instruments.
    pub const fn tells_instruments(&self) -> bool {
        self.fingerprint_secret.is_some()
    }

    /// The payer's instrument, hashed.
    pub fn instrument(&self, details: &MethodDetails) -> Option<Identity> {
        let secret = self.fingerprint_secret.as_ref()?;
        let fingerprint = details.fingerprint()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
        mac.update(fingerprint.as_bytes());
        let hash = mac.finalize().into_bytes();
        let first: [u8; 16] = hash.get(..16)?.try_into().ok()?;
        Some(Identity(u128::from_be_bytes(first)))
    }
}

fn details(intent: &PaymentIntent) -> Option<&MethodDetails> {
    intent.charge()?.payment_method_details.as_ref()
}

pub(super) const fn from_seconds(seconds: u64) -> UtcMs {
    UtcMs(seconds.saturating_mul(1_000))
}

fn declined(intent: &PaymentIntent) -> Word {
    let error = intent.last_payment_error.as_ref();
    let code = error.and_then(|error| error.decline_code.as_deref().or(error.code.as_deref()));
    Word::cut(code.unwrap_or("declined"))
}

/// Where the buyer must go; what does not fit in a word is asked for when he goes.
fn next_action(id: &str, action: Option<&NextAction>) -> Word {
    let url = action.and_then(|action| action.redirect_to_url.as_ref()).and_then(|to| to.url.as_deref());
    url.and_then(|url| Word::new(url).ok()).unwrap_or_else(|| Word::cut(&format!("{ASK}{id}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMs = UtcMs(1_700_000_700_000);

    fn intent(status: &str, rest: &str) -> PaymentIntent {
        let json = format!(
            r#"{{"id":"pi_1","amount":500,"currency":"eur","status":"{status}","created":1700000000{rest}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    fn seen(status: &str, rest: &str) -> Answer<PaymentSeen> {
        Reader::new(None).payment(&intent(status, rest), NOW)
    }

    #[test]
    fn every_state_of_a_payment_has_its_words() {
        let reference = Word::cut("pi_1");
        let declined = |code| Answer::Yes(PaymentSeen::Declined { code: Word::cut(code) });
        let action = |to: &str| Answer::Yes(PaymentSeen::ActionRequired { next_action: Word::cut(to) });
        let captured =
            PaymentSeen::Captured { reference: reference.clone(), amount_minor: 300, fingerprint: None };
        let error = |code: &str| format!(r#","last_payment_error":{{"code":"card_declined"{code}}}"#);
        assert_eq!(seen("succeeded", r#","amount_received":300"#), Answer::Yes(captured));
        assert_eq!(seen("canceled", ""), Answer::Yes(PaymentSeen::Voided));
        assert_eq!(seen("requires_payment_method", &error("")), declined("card_declined"));
        let lost = error(r#","decline_code":"lost_card""#);
        assert_eq!(seen("requires_payment_method", &lost), declined("lost_card"));
        assert_eq!(seen("requires_confirmation", ""), declined("not_confirmed"));
        let young = intent("requires_payment_method", "");
        let early = UtcMs(1_700_000_001_000);
        assert!(matches!(Reader::new(None).payment(&young, early), Answer::Unknown { .. }));
        for status in ["processing", "something_new"] {
            assert!(matches!(seen(status, ""), Answer::Unknown { .. }), "{status}");
        }
        let to = |url: &str| format!(r#","next_action":{{"type":"x","redirect_to_url":{{"url":"{url}"}}}}"#);
        assert_eq!(seen("requires_action", &to("https://a.example/1")), action("https://a.example/1"));
        assert_eq!(seen("requires_action", &to(&"x".repeat(256))), action("stripe:pi_1"));
        assert_eq!(
            seen("requires_action", r#","next_action":{"type":"use_stripe_sdk"}"#),
            action("stripe:pi_1")
        );
    }

    #[test]
    fn a_card_is_known_by_a_hash_under_our_secret() {
        let card = r#","latest_charge":{"payment_method_details":{"type":"card","card":{"fingerprint":"Xt5","capture_before":1700600000}}}"#;
        let read = |secret: Option<&str>| {
            Reader::new(secret.map(Secret::new))
                .payment(&intent("requires_capture", card), NOW)
                .yes()
                .unwrap()
        };
        let PaymentSeen::Authorized { lapses_at, fingerprint: None, .. } = read(None) else { panic!() };
        assert_eq!(lapses_at, Some(UtcMs(1_700_600_000_000)));
        let one = read(Some("a")).fingerprint();
        assert!(
            one.is_some() && one == read(Some("a")).fingerprint() && one != read(Some("b")).fingerprint()
        );
    }

    #[test]
    fn what_was_reserved_and_let_go_is_no_refund() {
        let money = |status: &str, rest: &str| {
            let intent = intent(status, rest);
            (intent.outstanding_minor(), intent.captured_minor(), intent.refunded_minor())
        };
        let charge = |refunded| format!(r#""latest_charge":{{"amount":500,"amount_refunded":{refunded}}}"#);
        let with = |rest: &str, refunded: i64| format!(",{rest}{}", charge(refunded));
        assert_eq!(money("requires_capture", &with(r#""amount_capturable":500,"#, 0)), (500, 0, 0));
        assert_eq!(money("canceled", &with("", 500)), (0, 0, 0));
        assert_eq!(money("succeeded", &with(r#""amount_received":500,"#, 200)), (0, 500, 200));
        assert_eq!(money("succeeded", &with(r#""amount_received":300,"#, 200)), (0, 300, 0));
        assert_eq!(money("succeeded", &with(r#""amount_received":300,"#, 500)), (0, 300, 300));
    }

    #[test]
    fn every_state_of_a_refund_has_its_words() {
        let read = |status: &str, reason: &str| {
            let json = format!(r#"{{"id":"re_1","status":"{status}","failure_reason":"{reason}"}}"#);
            Reader::new(None).refund(&serde_json::from_str(&json).unwrap())
        };
        let reference = Word::cut("re_1");
        let failed = |code, retry| Answer::Yes(RefundSeen::Failed { code: Word::cut(code), retry });
        assert_eq!(
            read("succeeded", ""),
            Answer::Yes(RefundSeen::Succeeded { reference: reference.clone() })
        );
        assert_eq!(read("pending", ""), Answer::Yes(RefundSeen::Submitted { reference: reference.clone() }));
        assert_eq!(read("requires_action", ""), Answer::Yes(RefundSeen::Submitted { reference }));
        assert_eq!(read("failed", "insufficient_funds"), failed("insufficient_funds", true));
        assert_eq!(read("failed", "lost_or_stolen_card"), failed("lost_or_stolen_card", false));
        assert_eq!(read("canceled", ""), failed("canceled", false));
        assert!(matches!(read("odd", ""), Answer::Unknown { .. }));
    }
}
