//! What a client takes: encodings and media types, with their weights (RFC 9110, section 12). Nothing is allocated.

use hyper::header::{ACCEPT, ACCEPT_ENCODING, AsHeaderName, HeaderMap};

use super::encoding::Encoding;

/// A weight in thousandths; 0: not at all.
type Weight = u16;
const FULL: Weight = 1_000;

/// The encoding that a client likes best, of those that we make; among equals the one that makes the least bytes. `None` if it takes none.
#[must_use]
pub fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let weights = weights(headers);
    let mut best = (0, None);
    for encoding in Encoding::ALL {
        let weight = weights[encoding.at()];
        if weight > 0 && weight >= best.0 {
            best = (weight, Some(encoding));
        }
    }
    best.1
}

/// Whether a client takes what is not packed.
#[must_use]
pub fn takes_plain(headers: &HeaderMap) -> bool {
    weights(headers)[Encoding::Identity.at()] > 0
}

/// How much a client likes every encoding.
fn weights(headers: &HeaderMap) -> [Weight; 3] {
    if !headers.contains_key(ACCEPT_ENCODING) {
        return [FULL, 0, 0];
    }
    let (mut named, mut others) = ([None; 3], None);
    for (name, weight) in items(headers, ACCEPT_ENCODING) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("zstd") {
            named[Encoding::Zstd.at()] = Some(weight);
        } else if is("gzip") || is("x-gzip") {
            named[Encoding::Gzip.at()] = Some(weight);
        } else if is("identity") {
            named[Encoding::Identity.at()] = Some(weight);
        } else if name == "*" {
            others = Some(weight);
        }
    }
    // What is not packed is taken unless it is excluded, and liked least unless it is named.
    let unnamed = [1, 0, 0];
    Encoding::ALL.map(|encoding| named[encoding.at()].or(others).unwrap_or(unnamed[encoding.at()]))
}

/// How much a client likes a media type.
#[must_use]
pub fn media(headers: &HeaderMap, family: &str, kind: &str) -> Weight {
    if !headers.contains_key(ACCEPT) {
        return FULL;
    }
    let mut best = (0, 0);
    for (name, weight) in items(headers, ACCEPT) {
        let Some((major, minor)) = name.split_once('/') else { continue };
        let exactness = match (major, minor) {
            (major, minor) if major.eq_ignore_ascii_case(family) && minor.eq_ignore_ascii_case(kind) => 3,
            (major, "*") if major.eq_ignore_ascii_case(family) => 2,
            ("*", "*") => 1,
            _ => continue,
        };
        best = best.max((exactness, weight));
    }
    best.1
}

/// What a header lists, with weights; what can't be read is left out.
fn items(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = (&str, Weight)> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let given = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        Some((name, given.map_or(Some(FULL), weight)?))
    })
}

fn weight(text: &str) -> Option<Weight> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let thousandths =
        part.bytes().zip([100, 10, 1]).map(|(digit, unit)| Weight::from(digit - b'0') * unit).sum();
    match (whole, thousandths) {
        ("0", part) => Some(part),
        ("1", 0) => Some(FULL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(accepted: &str) -> Option<Encoding> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, accepted.parse().unwrap());
        encoding(&headers)
    }

    #[test]
    fn the_encoding_is_the_one_liked_best() {
        use Encoding::{Gzip, Identity, Zstd};
        assert_eq!(encoding(&HeaderMap::new()), Some(Identity));
        for (accepted, expected) in [
            ("", Some(Identity)),
            ("gzip", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("gzip, deflate, br, zstd", Some(Zstd)),
            ("GZIP;Q=1.0, zstd;q=0.999", Some(Gzip)),
            ("br", Some(Identity)),
            ("*", Some(Zstd)),
            ("*;q=0", None),
            ("*;q=0, gzip", Some(Gzip)),
            ("identity;q=0", None),
            ("identity;q=0, gzip;q=0.1", Some(Gzip)),
            ("identity;q=0, *;q=0.1", Some(Zstd)),
            ("identity, gzip;q=0.5", Some(Identity)),
            ("zstd;q=0, *", Some(Gzip)),
            ("gzip;q=0", Some(Identity)),
            ("gzip;q=2, zstd;q=nonsense, ,;q=1", Some(Identity)),
            ("gzip ; q=0.5 , identity ; q=0.4", Some(Gzip)),
        ] {
            assert_eq!(taken(accepted), expected, "{accepted}");
        }
    }

    #[test]
    fn the_most_exact_range_decides_about_a_media_type() {
        let like = |accepted: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accepted.parse().unwrap());
            (media(&headers, "application", "json"), media(&headers, "application", "octet-stream"))
        };
        assert_eq!(media(&HeaderMap::new(), "application", "json"), FULL);
        assert_eq!(like("*/*"), (1_000, 1_000));
        assert_eq!(like("text/html, */*;q=0.8"), (800, 800));
        assert_eq!(like("application/octet-stream"), (0, 1_000));
        assert_eq!(like("application/*;q=0.5, application/json;q=0.2, */*"), (200, 500));
        assert_eq!(like("application/json;q=0, */*"), (0, 1_000));
        assert_eq!(like("application/json; charset=utf-8"), (1_000, 0));
    }
}
