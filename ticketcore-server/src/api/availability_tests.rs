use http_body_util::BodyExt;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use hyper::{HeaderMap, Response};
use serde_json::Value;
use ticketcore::UserId;

use super::*;
use crate::auth::{KeyGrant, Scope};
use crate::http::{Asked, RequestId};
use crate::publish::testing::{Shop, small};
use crate::publish::{PublishOptions, map_bytes};

pub fn shop() -> Shop {
    Shop::new(&small())
}

/// A request as it comes from the router.
pub fn call(shop: &Shop, path: &str, headers: &[(&'static str, &str)]) -> Call {
    let pair = |(name, value): &(&'static str, &str)| (name.parse().unwrap(), value.parse().unwrap());
    Call::from(Asked {
        method: Method::GET,
        uri: path.parse().unwrap(),
        headers: headers.iter().map(pair).collect::<HeaderMap>(),
        params: vec![("eventId", shop.event.to_string())],
        principal: Principal::Anonymous,
        remote: [127, 0, 0, 1].into(),
        known: crate::guard::Known::default(),
        request_id: RequestId::default(),
        body_timeout: std::time::Duration::from_secs(1),
        body: None,
        place: crate::http::Stay::default(),
    })
}

async fn get(shop: &Shop, query: &str, headers: &[(&'static str, &str)]) -> Outcome {
    answer(&shop.published, &call(shop, &format!("/x{query}"), headers)).await
}

async fn since(shop: &Shop, since: u64) -> Outcome {
    changed(&shop.published, &call(shop, &format!("/x?since={since}"), &[])).await
}

async fn body(response: Response<Payload>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

async fn json(outcome: Outcome) -> Value {
    serde_json::from_slice(&body(outcome.unwrap()).await).unwrap()
}

#[tokio::test]
async fn sections_seats_and_maps_say_the_same() {
    let shop = shop();
    shop.hold(1, &[0, 1, 35]);
    let sections = json(get(&shop, "", &[]).await).await;
    assert_eq!(
        (&sections["sections"][0]["left"], &sections["sections"][1]["left"]),
        (&30.into(), &39.into())
    );
    let seats = json(get(&shop, "?level=seats", &[]).await).await;
    assert_eq!(seats["revision"], sections["revision"]);
    assert_eq!(seats["seats"].as_array().unwrap().iter().filter(|seat| seat[1] == "held").count(), 3);
    let map = get(&shop, "?level=seats", &[("accept", "application/octet-stream")]).await.unwrap();
    assert_eq!(map.headers()[CONTENT_TYPE], "application/octet-stream");
    let tag = map.headers()[ETAG].to_str().unwrap().to_owned();
    assert_eq!(tag, format!("\"{}-map\"", sections["revision"]));
    let mut words = Vec::new();
    shop.office.seat_map(shop.event, &mut words).unwrap();
    assert_eq!(body(map).await, map_bytes(&words));
    let section = json(get(&shop, "?level=seats&section=B", &[]).await).await;
    assert_eq!(section["seats"].as_array().unwrap().len(), 40);
    let map = get(&shop, "?section=B&level=seats", &[("accept", "application/octet-stream")]).await.unwrap();
    assert_eq!(body(map).await[0], 0b0100_0000);
}

#[tokio::test]
async fn what_can_not_be_meant_is_said() {
    let shop = shop();
    let octets = [("accept", "application/octet-stream")];
    for (query, headers, code) in [
        ("?level=rows", &[][..], Code::ValidationFailed),
        ("?section=A", &[], Code::ValidationFailed),
        ("?level=sections&section=A", &[], Code::ValidationFailed),
        ("?levels=seats", &[], Code::ValidationFailed),
        ("?level=seats&section=Z", &[], Code::UnknownSection),
        ("", &octets, Code::NotAcceptable),
        ("?level=seats", &[("accept", "image/png")], Code::NotAcceptable),
        ("", &[("accept-encoding", "identity;q=0")], Code::NotAcceptable),
    ] {
        assert_eq!(get(&shop, query, headers).await.err().unwrap().code(), code, "{query}");
    }
    let mut unknown = call(&shop, "/x", &[]);
    for id in ["evt_zzzzzzzzzzzzz", "nonsense", "evt_0000000000099"] {
        unknown.params = vec![("eventId", id.to_owned())];
        assert_eq!(answer(&shop.published, &unknown).await.err().unwrap().code(), Code::UnknownEvent, "{id}");
    }
}

#[tokio::test]
async fn versions_and_encodings_are_negotiated() {
    let shop = shop();
    let plain = get(&shop, "", &[]).await.unwrap();
    let tag = plain.headers()[ETAG].to_str().unwrap().to_owned();
    assert_eq!(plain.headers()[CACHE_CONTROL], "public, max-age=1");
    assert_eq!(plain.headers()[VARY], "Accept, Accept-Encoding");
    assert_eq!(get(&shop, "", &[("if-none-match", &tag)]).await.unwrap().status(), 304);
    let packed =
        get(&shop, "", &[("accept-encoding", "gzip, zstd;q=0.5"), ("if-none-match", &tag)]).await.unwrap();
    assert_eq!(
        (packed.status().as_u16(), &packed.headers()[CONTENT_ENCODING]),
        (200, &HeaderValue::from_static("gzip"))
    );
    shop.moves(1, &[4]);
    assert_eq!(get(&shop, "", &[("if-none-match", &tag)]).await.unwrap().status(), 200);
    let must = get(&shop, "", &[("accept-encoding", "identity;q=0, zstd;q=0.1")]).await.unwrap();
    assert_eq!(must.headers()[CONTENT_ENCODING], "zstd");
}

#[tokio::test]
async fn changes_lead_from_any_kept_revision_to_the_newest() {
    let shop = Shop::with(
        &small(),
        PublishOptions { changes_max: 3, subscriber_lag_max: 3, ..PublishOptions::default() },
    );
    let start = json(get(&shop, "", &[]).await).await["revision"].as_u64().unwrap();
    let none = json(since(&shop, start + 1_000).await).await;
    assert_eq!(
        (&none["from"], &none["to"], none["seats"].as_array().unwrap().len()),
        (&start.into(), &start.into(), 0)
    );
    let hold = shop.moves(1, &[2]);
    let one = json(since(&shop, start).await).await;
    assert_eq!((&one["from"], &one["seats"]), (&start.into(), &serde_json::json!([["A-1-3", "held"]])));
    shop.moves(1, &[3]);
    shop.release(1, hold);
    shop.published.refresh(shop.event).unwrap();
    let all = json(since(&shop, start).await).await;
    assert_eq!(all["seats"], serde_json::json!([["A-1-3", "free"], ["A-1-4", "held"]]));
    assert_eq!(all["reload"], false);
    shop.moves(1, &[5]);
    let gone = since(&shop, start).await.err().unwrap();
    assert_eq!(gone.code(), Code::ChangesGone);
    assert_eq!(since(&shop, 0).await.err().unwrap().code(), Code::ChangesGone);
    for query in ["", "?since=", "?since=-1", "?since=x", "?since=1&more=1"] {
        let refused = changed(&shop.published, &call(&shop, &format!("/x{query}"), &[])).await;
        assert_eq!(refused.err().unwrap().code(), Code::ValidationFailed, "{query}");
    }
}

#[tokio::test]
async fn many_changes_are_put_together_beside_and_a_new_map_ends_them() {
    let shop = shop();
    let start = json(get(&shop, "", &[]).await).await["revision"].as_u64().unwrap();
    for at in 0..70 {
        shop.moves(u128::from(at) + 1, &[at]);
        let hold = shop.moves(1_000, &[71]);
        shop.release(1_000, hold);
        shop.published.refresh(shop.event).unwrap();
    }
    let all = json(since(&shop, start).await).await;
    assert_eq!(all["seats"].as_array().unwrap().len(), 71);
    let mut definition = small();
    definition.areas[0].capacity += 1;
    definition.rules.key_secret = shop.office.manifest(shop.event).unwrap().rules().key_secret;
    shop.office
        .change_manifest(ticketcore::ManifestRequest { event: shop.event, definition })
        .wait()
        .unwrap();
    shop.published.refresh(shop.event).unwrap();
    assert_eq!(since(&shop, start).await.err().unwrap().code(), Code::ChangesGone);
}

#[tokio::test]
async fn drafts_are_for_staff_and_keys_see_their_events() {
    let shop = shop();
    let draft = shop.office.add_event(&small()).unwrap();
    let mut asked = call(&shop, "/x?since=1", &[]);
    asked.params = vec![("eventId", draft.to_string())];
    let mut plain = call(&shop, "/x", &[]);
    plain.params.clone_from(&asked.params);
    assert_eq!(changed(&shop.published, &asked).await.err().unwrap().code(), Code::UnknownEvent);
    assert_eq!(answer(&shop.published, &plain).await.err().unwrap().code(), Code::UnknownEvent);
    assert_eq!(streamed(&shop.published, &plain).await.err().unwrap().code(), Code::UnknownEvent);
    let grant = |events| KeyGrant {
        id: "key_1".to_owned(),
        scopes: vec![Scope::Events],
        events,
        user: UserId::from(1),
        limit: None,
    };
    plain.principal = Principal::Key(Arc::new(grant(Vec::new())), None);
    let seen = answer(&shop.published, &plain).await.unwrap();
    assert_eq!(seen.headers()[CACHE_CONTROL], "private, no-store");
    plain.principal = Principal::Key(Arc::new(grant(vec![shop.event])), None);
    assert_eq!(answer(&shop.published, &plain).await.err().unwrap().code(), Code::UnknownEvent);
}

#[tokio::test]
async fn a_stream_starts_from_the_last_event_or_since() {
    let shop = shop();
    let start = json(get(&shop, "", &[]).await).await["revision"].as_u64().unwrap();
    shop.moves(1, &[0]);
    shop.moves(1, &[1]);
    let now = shop.published.snapshot(shop.event).await.unwrap().revision.0;
    let first = async |query: &str, headers: &[(&'static str, &str)]| {
        let response = streamed(&shop.published, &call(&shop, &format!("/x{query}"), headers)).await.unwrap();
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        let mut body = response.into_body();
        let retry = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let retry = String::from_utf8(retry.to_vec()).unwrap();
        if retry.contains("id: ") {
            return retry;
        }
        String::from_utf8(body.frame().await.unwrap().unwrap().into_data().unwrap().to_vec()).unwrap()
    };
    assert!(first(&format!("?since={start}"), &[]).await.contains("A-1-1"));
    let last = (now - 1).to_string();
    let resumed = first(&format!("?since={start}"), &[("last-event-id", &last)]).await;
    assert!(resumed.contains("A-1-2") && !resumed.contains("A-1-1"), "{resumed}");
    let anew = first("", &[("last-event-id", "nonsense")]).await;
    assert!(anew.contains(&format!("id: {now}\nevent: change\n")), "{anew}");
    let mut head = call(&shop, "/x", &[]);
    head.method = Method::HEAD;
    let response = streamed(&shop.published, &head).await.unwrap();
    assert!(body(response).await.is_empty());
    assert_eq!(shop.published.subscribers(), 0);
}

#[test]
fn the_document_describes_every_operation_of_this_file() {
    use utoipa::OpenApi;
    let document = serde_json::to_value(super::super::document::Document::openapi()).unwrap();
    for route in ROUTES.iter().chain(super::super::seatmap::ROUTES) {
        assert_eq!(document["paths"][route.path]["get"]["operationId"], route.operation);
    }
    let read = &document["paths"][ROUTES[0].path]["get"]["responses"]["200"]["content"];
    let kinds: Vec<&String> = read.as_object().unwrap().keys().collect();
    assert_eq!(kinds, ["application/json", "application/octet-stream"]);
}
