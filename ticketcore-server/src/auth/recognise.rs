//! From headers to a [`Principal`].

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::api_key::ApiKeys;
use super::principal::Principal;
use super::session::Sessions;
use super::user::user_named;
use crate::app::App;
use crate::http::{Code, Problem};

/// Bytes of a token at most.
const TOKEN_BYTES_MAX: usize = 8 << 10;
/// Bytes of the name of whom a key acts for.
const ACTING_BYTES_MAX: usize = 128;

/// Who is calling. A caller who says nothing is anonymous; one who says something that can't be believed is told so.
///
/// # Errors
/// [`Code::Unauthorized`], [`Code::ValidationFailed`] for `Acting-User`.
pub fn recognise(app: &App, headers: &HeaderMap) -> Result<Principal, Problem> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(Principal::Anonymous) };
    let refused = |why: &str| Problem::new(Code::Unauthorized, why);
    let text = value.to_str().map_err(|_| refused("`Authorization` is not ASCII"))?;
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => return Err(refused("`Authorization` is not `Bearer` and a token")),
    };
    if token.len() > TOKEN_BYTES_MAX {
        return Err(refused("The token is too long"));
    }
    let now = app.now();
    if ApiKeys::is_one(token) {
        let grant = app.api_keys.check(token, now)?;
        let acting = match headers.get("acting-user") {
            None => None,
            Some(name) => match name.to_str() {
                // What a vendor calls his customers is his own: the same name with another key is somebody else.
                Ok(name) if (1..=ACTING_BYTES_MAX).contains(&name.len()) => Some(user_named(&grant.id, name)),
                _ => {
                    return Err(Problem::invalid(
                        "Acting-User",
                        format!("1 to {ACTING_BYTES_MAX} ASCII characters"),
                    ));
                }
            },
        };
        return Ok(Principal::Key(grant, acting));
    }
    if Sessions::is_one(token) {
        return app.sessions.check(token, now).map(Principal::Buyer);
    }
    app.issuers.check(token, now).map(Principal::Buyer)
}
