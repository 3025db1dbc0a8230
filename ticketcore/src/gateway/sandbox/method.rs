//! What payment methods of the sandbox script.

use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

use super::options::SandboxFaults;
use crate::order::Identity;

/// How a payment behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Ok,
    Declined(&'static str),
    RequiresAction,
    LostBefore,
    LostAfter,
    Slow { ms: u64 },
    Late { ms: u64, declined: bool },
    ArrivesLate { ms: u64 },
    CaptureDeclined,
    RefundFails,
    RefundStuck,
    RefundPending { ms: u64 },
    RefundBounces { ms: u64 },
}

/// A payment method: `name[:milliseconds][#card]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Method {
    pub script: Script,
    pub fingerprint: Option<Identity>,
}

impl Method {
    /// Reads one; `None` if there is no such method.
    pub fn parse(text: &str, faults: &SandboxFaults) -> Option<Self> {
        let (text, card) = text.split_once('#').map_or((text, None), |(text, card)| (text, Some(card)));
        let (name, ms) = text.split_once(':').map_or((text, None), |(name, ms)| (name, Some(ms)));
        let ms = ms.map(str::parse::<u64>).transpose().ok()?;
        let slow = ms.unwrap_or(faults.slow_ms);
        let late = ms.unwrap_or(faults.late_ms);
        let (script, timed) = match name {
            "pm_ok" => (Script::Ok, false),
            "pm_declined" => (Script::Declined("card_declined"), false),
            "pm_insufficient_funds" => (Script::Declined("insufficient_funds"), false),
            "pm_expired_card" => (Script::Declined("expired_card"), false),
            "pm_requires_action" => (Script::RequiresAction, false),
            "pm_timeout_before" => (Script::LostBefore, false),
            "pm_timeout_after" => (Script::LostAfter, false),
            "pm_slow" => (Script::Slow { ms: slow }, true),
            "pm_late" => (Script::Late { ms: late, declined: false }, true),
            "pm_late_declined" => (Script::Late { ms: late, declined: true }, true),
            "pm_arrives_late" => (Script::ArrivesLate { ms: late }, true),
            "pm_capture_declined" => (Script::CaptureDeclined, false),
            "pm_refund_fails" => (Script::RefundFails, false),
            "pm_refund_stuck" => (Script::RefundStuck, false),
            "pm_refund_pending" => (Script::RefundPending { ms: late }, true),
            "pm_refund_bounces" => (Script::RefundBounces { ms: late }, true),
            _ => return None,
        };
        (timed || ms.is_none()).then(|| Self { script, fingerprint: card.map(fingerprint) })
    }
}

fn fingerprint(card: &str) -> Identity {
    let mut hasher = SipHasher24::new_with_keys(0, 0);
    hasher.write(card.as_bytes());
    Identity(hasher.finish128().as_u128())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_has_a_name_a_time_if_it_takes_one_and_a_card() {
        let parse = |text| Method::parse(text, &SandboxFaults::NONE);
        let plain = |script| Some(Method { script, fingerprint: None });
        assert_eq!(parse("pm_ok"), plain(Script::Ok));
        assert_eq!(parse("pm_slow:250"), plain(Script::Slow { ms: 250 }));
        assert_eq!(parse("pm_slow"), plain(Script::Slow { ms: 2_000 }));
        let card = |text| parse(text).unwrap().fingerprint.unwrap();
        assert_eq!(card("pm_ok#7"), card("pm_late:9#7"));
        assert_ne!(card("pm_ok#7"), card("pm_ok#8"));
        for text in ["", "pm_nothing", "pm_ok:5", "pm_slow:x", "pm_slow:", "visa"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
