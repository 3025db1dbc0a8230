//! Seat maps: where the seats are. What is free is in [`availability`](super::availability).

use std::sync::Arc;

use hyper::header::{CONTENT_LOCATION, HeaderValue};
use ticketcore::EventId;

use super::availability::{private_if_draft, visible};
use super::document::ProblemBody;
use super::{PUBLIC, route};
use crate::app::App;
use crate::http::{Call, Code, Outcome, Problem, Route};
use crate::publish::{Published, SeatMap};

/// The operations.
pub const ROUTES: &[Route] = &[route!("GET" "/v1/events/{eventId}/seatmap" "get_seatmap" PUBLIC, get)];

/// Where an event's sections, rows, seats and areas are. It changes only when staff changes what the event sells. The tag names the content:
/// `?v=` and the tag's text gives an address whose content never changes, which is in `Content-Location` too.
///
/// # Errors
/// There is no such event, or not with such a map any more.
#[utoipa::path(get, path = "/v1/events/{eventId}/seatmap", operation_id = "get_seatmap", tag = "browse",
    params(("eventId" = String, Path, description = "An event's id"),
        ("v" = Option<String>, Query, description = "The content that is wanted, by its hash")),
    responses((status = 200, body = SeatMap<'static>),
        (status = 304, description = "The map the caller has is the current one"),
        (status = 400, description = "validation_failed", content_type = "application/problem+json", body = ProblemBody),
        (status = 404, description = "unknown_event, not_found", content_type = "application/problem+json", body = ProblemBody),
        (status = 406, description = "not_acceptable", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn get(app: Arc<App>, call: Call) -> Outcome {
    answer(&app.published, &call).await
}

async fn answer(published: &Arc<Published>, call: &Call) -> Outcome {
    let event: EventId = call.id("eventId", Code::UnknownEvent)?;
    call.principal.event(event)?;
    let [wanted] = call.query(["v"])?;
    let snapshot = published.snapshot(event).await?;
    visible(&snapshot, &call.principal)?;
    let map = snapshot.geometry.map().await?;
    let mut response = match wanted {
        None => {
            let mut response = map.current.answer(&call.headers)?;
            let address = format!("/v1/events/{event}/seatmap?v={}", map.hash);
            if let Ok(address) = HeaderValue::from_str(&address) {
                response.headers_mut().insert(CONTENT_LOCATION, address);
            }
            response
        }
        Some(wanted) if wanted == map.hash => map.immutable.answer(&call.headers)?,
        Some(_) => {
            let told = "The seat map is another one by now: read it without `v`";
            return Err(Problem::new(Code::NotFound, told));
        }
    };
    private_if_draft(&snapshot, response.headers_mut());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use hyper::header::{CACHE_CONTROL, ETAG};

    use super::super::availability::tests::{call, shop};
    use super::*;

    #[tokio::test]
    async fn a_map_has_an_address_that_never_changes() {
        let shop = shop();
        let path = format!("/v1/events/{}/seatmap", shop.event);
        let now = answer(&shop.published, &call(&shop, &path, &[])).await.unwrap();
        assert_eq!(now.headers()[CACHE_CONTROL], "public, max-age=60");
        let address = now.headers()[CONTENT_LOCATION].to_str().unwrap().to_owned();
        let tag = now.headers()[ETAG].to_str().unwrap().to_owned();
        assert!(address.starts_with(&path) && address.ends_with(tag.trim_matches('"')));
        let fixed = answer(&shop.published, &call(&shop, &address, &[])).await.unwrap();
        assert_eq!(fixed.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");
        let known = answer(&shop.published, &call(&shop, &path, &[("if-none-match", &tag)])).await.unwrap();
        assert_eq!(known.status(), 304);
        let gone = answer(&shop.published, &call(&shop, &format!("{path}?v=0"), &[])).await.err().unwrap();
        assert_eq!(gone.code(), Code::NotFound);
    }
}
