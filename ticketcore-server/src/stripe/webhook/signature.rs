//! The `Stripe-Signature` header: `t=<seconds>,v1=<hex of HMAC-SHA256 over "t.body">`, with several `v1` while a secret is replaced.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ticketcore::UtcMs;

use super::{BadDelivery, WebhookOptions};
use crate::stripe::Secret;

/// Bytes of the header.
const HEADER_BYTES_MAX: usize = 4_096;
/// Signatures in one header.
const SIGNATURES_MAX: usize = 8;

/// The header that Stripe would send with this body: for tests.
#[must_use]
pub fn sign(secret: &Secret, seconds: u64, body: &[u8]) -> String {
    let mac = mac(secret, seconds, body).map(|mac| mac.finalize().into_bytes());
    let hex = mac.into_iter().flatten().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("t={seconds},v1={hex}")
}

fn mac(secret: &Secret, seconds: u64, body: &[u8]) -> Option<Hmac<Sha256>> {
    // An empty secret signs for everybody.
    let secret = Some(secret.expose().as_bytes()).filter(|secret| !secret.is_empty())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

/// Checks a delivery: first who sent it, then when.
pub(super) fn check(
    options: &WebhookOptions,
    header: &str,
    body: &[u8],
    now: UtcMs,
) -> Result<(), BadDelivery> {
    let (seconds, signatures) = parse(header).ok_or(BadDelivery::Malformed)?;
    let mut genuine = false;
    for secret in &options.secrets {
        let Some(mac) = mac(secret, seconds, body) else { continue };
        for signature in &signatures {
            // In constant time, whatever it is compared with.
            genuine |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    if !genuine {
        return Err(BadDelivery::Forged);
    }
    let at = UtcMs(seconds.checked_mul(1_000).ok_or(BadDelivery::Malformed)?);
    let apart_ms = now.since_ms(at).max(at.since_ms(now));
    if apart_ms > options.tolerance_ms { Err(BadDelivery::Untimely) } else { Ok(()) }
}

fn parse(header: &str) -> Option<(u64, Vec<[u8; 32]>)> {
    if header.len() > HEADER_BYTES_MAX {
        return None;
    }
    let mut seconds = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", _) if seconds.is_some() => return None,
            // One time, one text: what is signed is the text.
            ("t", text) => seconds = Some(text.parse::<u64>().ok().filter(|t| t.to_string() == text)?),
            ("v1", text) => signatures.push(hex(text)?),
            // Other schemes are not for us.
            _ => {}
        }
    }
    let some = !signatures.is_empty() && signatures.len() <= SIGNATURES_MAX;
    Some((seconds?, signatures)).filter(|_| some)
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u64 = 1_700_000_000;

    fn checked(secrets: &[&str], header: &str, now_s: u64) -> Result<(), BadDelivery> {
        let options = WebhookOptions::new(secrets.iter().map(|secret| Secret::new(*secret)).collect());
        check(&options, header, b"{}", UtcMs(now_s * 1_000))
    }

    #[test]
    fn it_is_the_hash_that_stripe_documents() {
        // Made by another implementation (Python's hmac).
        let expected = "t=1700000000,v1=35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91";
        let ours = sign(&Secret::new("whsec_test"), AT, b"{}");
        assert_eq!(ours, expected);
    }

    #[test]
    fn a_secret_that_is_replaced_is_good_as_long_as_it_is_listed() {
        let old = sign(&Secret::new("whsec_old"), AT, b"{}");
        let both = format!("{old},{}", sign(&Secret::new("whsec_new"), AT, b"{}").split_once(',').unwrap().1);
        assert_eq!(checked(&["whsec_old"], &old, AT), Ok(()));
        assert_eq!(checked(&["whsec_new", "whsec_old"], &old, AT), Ok(()));
        assert_eq!(checked(&["whsec_new"], &old, AT), Err(BadDelivery::Forged));
        assert_eq!(checked(&["whsec_new"], &both, AT), Ok(()));
        assert_eq!(checked(&[], &old, AT), Err(BadDelivery::Forged));
        let nobody = format!("t={AT},v1={}", "0".repeat(64));
        assert_eq!(checked(&[""], &nobody, AT), Err(BadDelivery::Forged));
        assert_eq!(checked(&[""], &sign(&Secret::new(""), AT, b"{}"), AT), Err(BadDelivery::Malformed));
    }

    #[test]
    fn it_is_good_for_five_minutes_both_ways() {
        let header = sign(&Secret::new("s"), AT, b"{}");
        for (now, expected) in [
            (AT + 300, Ok(())),
            (AT + 301, Err(BadDelivery::Untimely)),
            (AT - 300, Ok(())),
            (AT - 301, Err(BadDelivery::Untimely)),
        ] {
            assert_eq!(checked(&["s"], &header, now), expected);
        }
        // Another time makes another signature.
        let moved = header.replace("t=1700000000", "t=1700000300");
        assert_eq!(checked(&["s"], &moved, AT + 300), Err(BadDelivery::Forged));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let good = sign(&Secret::new("s"), AT, b"{}");
        let v1 = good.split_once(',').unwrap().1;
        for header in [
            String::new(),
            "t=1700000000".to_owned(),
            v1.to_owned(),
            format!("t=x,{v1}"),
            format!("t=+1700000000,{v1}"),
            format!("t=-1,{v1}"),
            format!("t=1,t=1700000000,{v1}"),
            format!("t=1700000000,{v1}0"),
            "t=1700000000,v1=zz".to_owned(),
            format!("t=1700000000,{}", [v1; 9].join(",")),
            format!("{good},x={}", "x".repeat(5_000)),
            "é".to_owned(),
            format!("t=1700000000,v1={}", "é".repeat(32)),
        ] {
            assert_eq!(checked(&["s"], &header, AT), Err(BadDelivery::Malformed), "{header:.80}");
        }
        assert_eq!(checked(&["s"], &format!("{good},v0=abc"), AT), Ok(()));
        let upper = good.to_uppercase().replace("T=", "t=").replace("V1=", "v1=");
        assert_eq!(checked(&["s"], &upper, AT), Ok(()));
    }
}
