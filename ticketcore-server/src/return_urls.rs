//! Where buyers may come back to from a page of the gateway's. It is the operator's to say, or an order could lead its buyer anywhere.

use hyper::Uri;

use crate::http::Problem;

/// What a return address has in the place of the order's id.
const ORDER_PLACE: &str = "{order}";

/// Checks an address that return addresses may begin with: `https://shop.example/back/`, `https://shop.example`, `shopapp://paid`.
///
/// # Errors
/// What is wrong with it.
pub fn check_prefix(prefix: &str) -> Result<(), String> {
    match parsed(prefix) {
        Some(uri) if uri.query().is_none() => Ok(()),
        _ => Err(format!("`{prefix}` is no address such as https://shop.example/back/")),
    }
}

/// Checks an address that a buyer is to come back to: the server's own, or one below a prefix.
///
/// # Errors
/// [`Code::ValidationFailed`](crate::http::Code::ValidationFailed).
pub fn check(asked: &str, own: Option<&str>, prefixes: &[String]) -> Result<(), Problem> {
    let below =
        |uri: &Uri| prefixes.iter().filter_map(|prefix| parsed(prefix)).any(|prefix| is_below(uri, &prefix));
    if own == Some(asked) || parsed(asked).is_some_and(|uri| below(&uri)) {
        return Ok(());
    }
    let told = "not an address that this server is set up to send buyers to (`payments.return_url`, `payments.return_url_prefixes`)";
    Err(Problem::invalid("/returnUrl", told))
}

/// An absolute address, if no reader could take it for another.
fn parsed(text: &str) -> Option<Uri> {
    let plain = |byte: u8| {
        byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'@' | b'"' | b'<' | b'>' | b'`')
    };
    let braces = text.replace(ORDER_PLACE, "order");
    if !text.bytes().all(plain) || braces.contains(['{', '}']) {
        return None;
    }
    let uri: Uri = braces.parse().ok()?;
    let (_, authority) = (uri.scheme()?, uri.authority()?);
    // Nobody may go up again from below a prefix, written in whatever way.
    let path = uri.path().to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    let climbs = path.split('/').any(|part| part == "." || part == "..");
    (!authority.as_str().is_empty() && !climbs).then_some(uri)
}

fn is_below(uri: &Uri, prefix: &Uri) -> bool {
    let same = |a: Option<&str>, b: Option<&str>| a.zip(b).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
    let place = |uri: &Uri| uri.authority().map(|authority| authority.as_str().to_owned());
    same(uri.scheme_str(), prefix.scheme_str())
        && same(place(uri).as_deref(), place(prefix).as_deref())
        && uri
            .path()
            .strip_prefix(prefix.path())
            .is_some_and(|rest| prefix.path().ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_prefix_is_good_and_nothing_else() {
        let prefixes = ["https://shop.example/back/", "https://Tickets.example:8443", "shopapp://paid"];
        let prefixes = prefixes.map(str::to_owned);
        for prefix in &prefixes {
            assert_eq!(check_prefix(prefix), Ok(()));
        }
        let good = |asked: &str| check(asked, Some("https://own.example/?a=b"), &prefixes).is_ok();
        for asked in [
            "https://own.example/?a=b",
            "https://shop.example/back/",
            "https://shop.example/back/{order}?basket=7&x=%2F",
            "HTTPS://SHOP.example/back/x",
            "https://tickets.example:8443",
            "https://tickets.example:8443/any/{order}",
            "shopapp://paid",
            "shopapp://paid/{order}",
        ] {
            assert!(good(asked), "{asked}");
        }
        for asked in [
            "",
            "/back/",
            "//shop.example/back/",
            "javascript:alert(1)",
            "http://shop.example/back/",
            "https://shop.example/",
            "https://shop.example/backdoor",
            "https://shop.example/back/../admin",
            "https://shop.example/back/%2e%2E/admin",
            "https://shop.example/back/..%2fadmin",
            "https://shop.example/back/..%5cadmin",
            "https://shop.example/back\\/x",
            "https://shop.example/back/#x",
            "https://shop.example/back/{other}",
            "https://shop.example/back/ x",
            "https://shop.example.evil.example/back/",
            "https://shop.example@evil.example/back/",
            "https://evil.example/?https://shop.example/back/",
            "https://tickets.example/any",
            "https://tickets.example:84430/any",
            "shopapp://paidagain",
            "https://own.example/?a=c",
        ] {
            assert!(!good(asked), "{asked}");
        }
        for bad in
            ["", "shop.example", "https://shop.example/?a=", "https://", "https://a@shop.example/", "back/"]
        {
            assert!(check_prefix(bad).is_err(), "{bad}");
        }
    }
}
