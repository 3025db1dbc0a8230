//! Reading an event: what of it matters to us, and nothing else of it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use ticketcore::gateway::{Answer, Seen};
use ticketcore::{Money, UtcMs};

use super::{BadDelivery, Report};
use crate::stripe::objects::{Charge, Dispute, PaymentIntent, Refund};
use crate::stripe::read::Reader;

/// Bytes of an event's name.
const NAME_BYTES_MAX: usize = 255;

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: serde_json::Value,
}

/// The event's name and what it says. Objects without our metadata are somebody else's.
pub(super) fn read(body: &[u8], now: UtcMs) -> Result<(String, Option<Report>), BadDelivery> {
    let event: Event = serde_json::from_slice(body).map_err(|_| BadDelivery::NoEvent)?;
    if event.id.is_empty() || event.id.len() > NAME_BYTES_MAX {
        return Err(BadDelivery::NoEvent);
    }
    let object = event.data.object;
    let report = match event.kind.as_str() {
        "payment_intent.succeeded"
        | "payment_intent.amount_capturable_updated"
        | "payment_intent.payment_failed"
        | "payment_intent.canceled"
        | "payment_intent.requires_action" => payment(&parse(object)?, now),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            refund(&parse(object)?)
        }
        "charge.refunded" => parse::<Charge>(object)?.key().map(|key| Report::Changed { key }),
        // One that only asked may become one that takes: it is told as a change, and when the money is gone.
        "charge.dispute.created" | "charge.dispute.updated" | "charge.dispute.funds_withdrawn" => {
            opened(parse(object)?)
        }
        "charge.dispute.closed" => closed(parse(object)?),
        _ => None,
    };
    Ok((event.id, report))
}

fn parse<T: DeserializeOwned>(object: serde_json::Value) -> Result<T, BadDelivery> {
    serde_json::from_value(object).map_err(|_| BadDelivery::NoEvent)
}

fn payment(intent: &PaymentIntent, now: UtcMs) -> Option<Report> {
    let key = intent.key()?;
    // A report has no fingerprint, and needs no secret to read one.
    match Reader::new(None).payment(intent, now) {
        Answer::Yes(seen) => {
            Some(Report::Seen { key, payment: Some(intent.id.clone()), seen: Seen::Payment(seen) })
        }
        _ => Some(Report::Changed { key }),
    }
}

fn refund(refund: &Refund) -> Option<Report> {
    let key = refund.key()?;
    match Reader::new(None).refund(refund) {
        Answer::Yes(seen) => Some(Report::Seen { key, payment: None, seen: Seen::Refund(seen) }),
        _ => Some(Report::Changed { key }),
    }
}

fn money(dispute: &Dispute) -> Option<Money> {
    Some(Money { minor: dispute.amount, currency: dispute.currency()? })
}

fn opened(dispute: Dispute) -> Option<Report> {
    let amount = money(&dispute)?;
    if dispute.is_over() {
        // It is told again, as closed.
        return None;
    }
    let inquiry = dispute.is_inquiry();
    let (dispute, payment) = (dispute.id, dispute.payment_intent?);
    Some(Report::DisputeOpened { dispute, payment, key: None, amount, inquiry })
}

fn closed(dispute: Dispute) -> Option<Report> {
    let amount = money(&dispute)?;
    let (won, inquiry) = (dispute.status != "lost", dispute.is_inquiry());
    let (dispute, payment) = (dispute.id, dispute.payment_intent?);
    Some(Report::DisputeClosed { dispute, payment, key: None, amount, won, inquiry })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticketcore::order::{PaymentSeen, RefundSeen};
    use ticketcore::{Currency, Word};

    const ORDER: &str = "ord_000000000001a000000000001a";

    fn report(kind: &str, object: &str) -> Option<Report> {
        let body = format!(r#"{{"id":"evt_1","type":"{kind}","data":{{"object":{object}}}}}"#);
        let (event, report) = read(body.as_bytes(), UtcMs(0)).unwrap();
        assert_eq!(event, "evt_1");
        report
    }

    fn object(status: &str, key: &str, rest: &str) -> String {
        let metadata = format!(r#"{{"ticketcore_key":"{ORDER}:{key}"}}"#);
        format!(
            r#"{{"id":"x_1","amount":500,"currency":"eur","status":"{status}","metadata":{metadata},"payment_intent":"pi_1"{rest}}}"#
        )
    }

    #[test]
    fn events_say_where_a_payment_or_refund_stood() {
        let seen = |kind, object: String| match report(kind, &object) {
            Some(Report::Seen { seen, .. }) => seen,
            other => panic!("{other:?}"),
        };
        let reference = Word::cut("x_1");
        let captured =
            PaymentSeen::Captured { reference: reference.clone(), amount_minor: 500, fingerprint: None };
        assert_eq!(
            seen("payment_intent.succeeded", object("succeeded", "pay:1", r#","amount_received":500"#)),
            Seen::Payment(captured)
        );
        assert_eq!(
            seen("payment_intent.canceled", object("canceled", "pay:1", "")),
            Seen::Payment(PaymentSeen::Voided)
        );
        let submitted = seen("refund.updated", object("pending", "refund:2.1", ""));
        assert_eq!(submitted, Seen::Refund(RefundSeen::Submitted { reference }));
        let Seen::Refund(RefundSeen::Failed { retry: true, .. }) =
            seen("refund.failed", object("failed", "refund:2", r#","failure_reason":"declined""#))
        else {
            panic!()
        };
        let changed = report("charge.refunded", &object("succeeded", "pay:1", ""));
        assert!(matches!(changed, Some(Report::Changed { .. })));
    }

    #[test]
    fn disputes_name_their_payment_and_amount() {
        let amount = Money { minor: 500, currency: Currency::EUR };
        let (dispute, payment) = ("x_1".to_owned(), "pi_1".to_owned());
        let opened = |inquiry| {
            Some(Report::DisputeOpened {
                dispute: dispute.clone(),
                payment: payment.clone(),
                key: None,
                amount,
                inquiry,
            })
        };
        assert_eq!(report("charge.dispute.created", &object("needs_response", "pay:1", "")), opened(false));
        assert_eq!(
            report("charge.dispute.created", &object("warning_needs_response", "pay:1", "")),
            opened(true)
        );
        // It begins when the money is gone, though it only asked before; it does not when it is over.
        for kind in ["charge.dispute.updated", "charge.dispute.funds_withdrawn"] {
            assert_eq!(report(kind, &object("needs_response", "pay:1", "")), opened(false));
            assert_eq!(report(kind, &object("warning_under_review", "pay:1", "")), opened(true));
            for over in ["won", "lost", "warning_closed"] {
                assert_eq!(report(kind, &object(over, "pay:1", "")), None);
            }
        }
        for (status, expected) in [("lost", false), ("won", true), ("warning_closed", true)] {
            let Some(Report::DisputeClosed { won, inquiry, .. }) =
                report("charge.dispute.closed", &object(status, "pay:1", ""))
            else {
                panic!()
            };
            assert_eq!((won, inquiry), (expected, status == "warning_closed"), "{status}");
        }
    }

    #[test]
    fn what_is_not_ours_says_nothing_and_what_is_no_event_is_refused() {
        let foreign = object("succeeded", "pay:1", "").replace("ticketcore_key", "other_key");
        assert_eq!(report("payment_intent.succeeded", &foreign), None);
        let bad = object("succeeded", "pay:1", "").replace(":pay:1", ":pay:01");
        assert_eq!(report("payment_intent.succeeded", &bad), None);
        assert_eq!(report("customer.created", "{}"), None);
        for body in [
            "",
            "{}",
            "[]",
            r#"{"id":"evt_1"}"#,
            r#"{"id":"","type":"x","data":{"object":{}}}"#,
            r#"{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{}}}"#,
        ] {
            assert_eq!(read(body.as_bytes(), UtcMs(0)), Err(BadDelivery::NoEvent), "{body}");
        }
    }
}
