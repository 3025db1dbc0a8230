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
    if at.0 < YEAR_9999_MS {
        return civil(at.0);
    }
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    // What lies beyond the calendar is shown as its end.
    let shown = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
    format!("{shown:.3}")
}

/// When the year 9999 begins: years after it have not four digits for ever.
const YEAR_9999_MS: u64 = 253_370_764_800_000;

/// An instant of a year of four digits. Days are counted in eras of 400 years from the first of March of the year 0.
fn civil(ms: u64) -> String {
    const ERA_DAYS: u64 = 146_097;
    let (days, of_day) = (ms / 86_400_000 + 719_468, ms % 86_400_000);
    let (era, of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / (ERA_DAYS - 1)) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months = (5 * of_year + 2) / 153;
    let day = of_year - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |at: std::ops::Range<usize>, mut number: u64| {
        for digit in text[at].iter_mut().rev() {
            *digit = b"0123456789"[usize::try_from(number % 10).unwrap_or_default()];
            number /= 10;
        }
    };
    put(0..4, year);
    put(5..7, month);
    put(8..10, day);
    put(11..13, of_day / 3_600_000);
    put(14..16, of_day / 60_000 % 60);
    put(17..19, of_day / 1_000 % 60);
    put(20..23, of_day % 1_000);
    str::from_utf8(&text).unwrap_or_default().to_owned()
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
    fn instants_are_what_the_calendar_says() {
        let calendar =
            |ms: u64| format!("{:.3}", jiff::Timestamp::from_millisecond(ms.cast_signed()).unwrap());
        let steps = (0..200_000).map(|at| at * 1_266_853_825).take_while(|ms| *ms < YEAR_9999_MS);
        let edges = [0, 951_782_399_999, 951_782_400_000, 951_868_800_000, YEAR_9999_MS - 1, YEAR_9999_MS];
        for ms in steps.chain(edges) {
            assert_eq!(rfc3339(UtcMs(ms)), calendar(ms), "{ms}");
        }
    }

    #[test]
    fn instants_are_written_and_read() {
        assert_eq!(rfc3339(UtcMs(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
        assert_eq!(parse_rfc3339("2023-11-14T22:13:20.123Z"), Ok(UtcMs(1_700_000_000_123)));
        assert_eq!(parse_rfc3339("2023-11-14T23:13:20.123+01:00"), Ok(UtcMs(1_700_000_000_123)));
        assert!(parse_rfc3339("yesterday").is_err() && parse_rfc3339("1969-01-01T00:00:00Z").is_err());
        assert!(!rfc3339(UtcMs::NEVER).is_empty());
    }
}
