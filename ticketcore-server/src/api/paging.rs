//! Cursors: opaque places in a list.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::http::Problem;

/// Entries on a page if the caller does not say.
pub const LIMIT: usize = 50;
/// Entries on a page at most.
pub const LIMIT_MAX: usize = 1_000;

/// The place after an entry, as clients get it.
#[must_use]
pub fn cursor(after: u64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(after.to_be_bytes())
}

/// Reads `cursor` and `limit`: the last entry that the caller has (0: none), and how many more he wants.
///
/// # Errors
/// [`Code::ValidationFailed`](crate::http::Code::ValidationFailed).
pub fn page(cursor: Option<String>, limit: Option<String>) -> Result<(u64, usize), Problem> {
    let bad = || Problem::invalid("cursor", "not one that was given out");
    let after = match cursor {
        None => 0,
        Some(text) => {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
            u64::from_be_bytes(bytes.try_into().map_err(|_| bad())?)
        }
    };
    let limit = match limit {
        None => LIMIT,
        Some(text) => match text.parse() {
            Ok(limit @ 1..=LIMIT_MAX) => limit,
            _ => return Err(Problem::invalid("limit", format!("from 1 to {LIMIT_MAX}"))),
        },
    };
    Ok((after, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_others_are_refused() {
        assert_eq!(page(Some(cursor(7)), Some("3".to_owned())).unwrap(), (7, 3));
        assert_eq!(page(None, None).unwrap(), (0, LIMIT));
        for bad in ["", "x", "AAAA", "===", "ä"] {
            assert!(page(Some(bad.to_owned()), None).is_err(), "{bad}");
        }
        for bad in ["0", "1001", "-1", "x", "99999999999999999999"] {
            assert!(page(None, Some(bad.to_owned())).is_err(), "{bad}");
        }
    }
}
