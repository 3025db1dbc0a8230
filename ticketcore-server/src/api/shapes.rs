//! Shapes that several resources share.

use serde::{Deserialize, Serialize};
use ticketcore::{Money, SeatState, UtcMs};
use utoipa::ToSchema;

/// An amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoneyShape {
    /// Minor units of the currency: cents.
    #[schema(example = 4_500)]
    pub amount: i64,
    /// ISO 4217.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
}

/// An ISO 4217 code, written without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency(pub ticketcore::Currency);

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl From<Money> for MoneyShape {
    fn from(money: Money) -> Self {
        Self { amount: money.minor, currency: Currency(money.currency) }
    }
}

/// A part of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next part; absent at the end. Opaque.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An instant as RFC 3339 in UTC, with milliseconds.
#[must_use]
pub fn rfc3339(at: UtcMs) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    // What lies beyond the calendar is shown as its end.
    let shown = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
    format!("{shown:.3}")
}

/// Reads an instant.
///
/// # Errors
/// If it is not RFC 3339, or before 1970.
pub fn parse_rfc3339(text: &str) -> Result<UtcMs, String> {
    let at: jiff::Timestamp = text.parse().map_err(|_| format!("`{text:.40}` is no RFC 3339 time"))?;
    u64::try_from(at.as_millisecond()).map(UtcMs).map_err(|_| "before 1970".to_owned())
}

/// A seat's state, as everybody writes it.
#[must_use]
pub const fn seat_state(state: SeatState) -> &'static str {
    match state {
        SeatState::Free => "free",
        SeatState::Held => "held",
        SeatState::Sold => "sold",
        SeatState::Blocked => "blocked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_and_read() {
        assert_eq!(rfc3339(UtcMs(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
        assert_eq!(parse_rfc3339("2023-11-14T22:13:20.123Z"), Ok(UtcMs(1_700_000_000_123)));
        assert_eq!(parse_rfc3339("2023-11-14T23:13:20.123+01:00"), Ok(UtcMs(1_700_000_000_123)));
        assert!(parse_rfc3339("yesterday").is_err() && parse_rfc3339("1969-01-01T00:00:00Z").is_err());
        assert!(!rfc3339(UtcMs::NEVER).is_empty());
    }
}
