//! What options may be.

use std::net::SocketAddr;

use super::{Config, ConfigError, GatewayKind};

/// Checks every option that has bounds.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let wrong = |option: &str, reason: &str| {
        Err(ConfigError::Option { option: option.to_owned(), reason: reason.to_owned() })
    };
    if config.listen.parse::<SocketAddr>().is_err() {
        return wrong("listen", "an address and a port, such as 127.0.0.1:8080");
    }
    let limits = &config.limits;
    let bounds: [(&str, u64, u64, u64); 14] = [
        ("limits.body_bytes_max", limits.body_bytes_max as u64, 1_024, 16 << 20),
        ("limits.plan_bytes_max", limits.plan_bytes_max as u64, 1_024, 256 << 20),
        ("limits.webhook_bytes_max", limits.webhook_bytes_max as u64, 1_024, 16 << 20),
        ("limits.head_bytes_max", limits.head_bytes_max as u64, 8_192, 1 << 20),
        ("limits.connections_max", limits.connections_max as u64, 1, 1_000_000),
        ("limits.requests_max", limits.requests_max as u64, 1, 1_000_000),
        ("limits.waiting_max", limits.waiting_max as u64, 0, 1_000_000),
        ("limits.waiting_target_ms", limits.waiting_target_ms, 0, limits.waiting_ms_max),
        ("limits.waiting_ms_max", limits.waiting_ms_max, 0, 60_000),
        ("limits.head_timeout_ms", limits.head_timeout_ms, 100, 600_000),
        ("limits.body_timeout_ms", limits.body_timeout_ms, 50, 300_000),
        ("limits.write_timeout_ms", limits.write_timeout_ms, 100, 600_000),
        ("limits.request_timeout_ms", limits.request_timeout_ms, limits.body_timeout_ms + 1, 600_000),
        ("payments.patience_ms", config.payments.patience_ms, 1, 60_000),
    ];
    for (option, found, min, max) in bounds {
        if !(min..=max).contains(&found) {
            return wrong(option, &format!("{found} is not from {min} to {max}"));
        }
    }
    if let Err(reason) = config.publish.check() {
        return wrong("publish", &reason);
    }
    if let Err((option, reason)) = config.guard.check() {
        return wrong(&format!("guard.{option}"), &reason);
    }
    for prefix in &config.payments.return_url_prefixes {
        if let Err(reason) = crate::return_urls::check_prefix(prefix) {
            return wrong("payments.return_url_prefixes", &reason);
        }
    }
    if config.payments.gateway == GatewayKind::Stripe && config.payments.stripe.is_none() {
        return wrong("payments.stripe", "its secrets are missing");
    }
    if !["error", "warn", "info", "debug", "trace"].contains(&config.log.level.as_str()) {
        return wrong("log.level", "error, warn, info, debug or trace");
    }
    for origin in &config.cors_origins {
        let good = origin == "*"
            || ["http://", "https://"].iter().any(|scheme| {
                origin.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
            });
        if !good {
            return wrong("cors_origins", &format!("`{origin}` is no origin such as https://shop.example"));
        }
    }
    Ok(())
}
