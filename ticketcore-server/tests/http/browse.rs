//! What everybody may see.

use serde_json::json;

use super::server::Server;

#[test]
fn list_venues_and_get_venue() {
    let server = Server::start();
    let staff = server.staff();
    for name in ["Second", "Third"] {
        staff.post("/v1/admin/venues", &json!({"name": name})).ok(201);
    }
    let first = server.anybody().get("/v1/venues?limit=2").ok(200).json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let next = first["next"].as_str().unwrap();
    let rest = server.anybody().get(&format!("/v1/venues?limit=2&cursor={next}")).ok(200).json();
    assert_eq!((&rest["items"][0]["name"], &rest["next"]), (&json!("Third"), &json!(null)));
    let id = rest["items"][0]["id"].as_str().unwrap();
    assert_eq!(server.anybody().get(&format!("/v1/venues/{id}")).ok(200).json()["name"], "Third");
    server.anybody().get("/v1/venues/ven_0000000000zzz").ok(404).problem("not_found");
}

#[test]
fn list_events_filters_and_hides_drafts() {
    let server = Server::start();
    let anybody = server.anybody();
    let all = anybody.get("/v1/events").ok(200).json();
    assert_eq!(all["items"][0]["id"], server.event.as_str());
    assert_eq!(all["items"][0]["saleState"], "onsale");
    let count = |query: &str| anybody.get(query).ok(200).json()["items"].as_array().unwrap().len();
    assert_eq!((count("/v1/events?text=haml"), count("/v1/events?text=lear")), (1, 0));
    assert_eq!((count("/v1/events?state=onsale"), count("/v1/events?state=closed")), (1, 0));
    assert_eq!(
        (count("/v1/events?from=2020-01-01T00:00:00Z"), count("/v1/events?until=2020-01-01T00:00:00Z")),
        (1, 0)
    );
    for bad in ["state=x", "from=x", "limit=0", "cursor=x", "nothing=1", "text=a&text=b", "text=%ff"] {
        anybody.get(&format!("/v1/events?{bad}")).ok(400).problem("validation_failed");
    }
    let venue = all["items"][0]["venueId"].as_str().unwrap();
    let asked = json!({"venueId": venue, "name": "Lear", "startsAt": "2030-05-01T18:00:00Z"});
    let draft = server.staff().post("/v1/admin/events", &asked).ok(201).json();
    let path = format!("/v1/events/{}", draft["id"].as_str().unwrap());
    anybody.get(&path).ok(404).problem("unknown_event");
    assert_eq!(server.staff().get(&path).ok(200).json()["saleState"], "draft");
    assert_eq!(count("/v1/events"), 1);
}

#[test]
fn what_shows_drafts_is_kept_out_of_shared_caches() {
    let server = Server::start();
    let venue = server.anybody().get("/v1/venues").ok(200).json()["items"][0]["id"].clone();
    let asked = json!({"venueId": venue, "name": "Lear", "startsAt": "2030-05-01T18:00:00Z"});
    let draft = server.staff().post("/v1/admin/events", &asked).ok(201).json();
    let draft = format!("/v1/events/{}", draft["id"].as_str().unwrap());
    let on_sale = format!("/v1/events/{}", server.event);
    let cached = |path: &str| server.staff().get(path).ok(200).headers["cache-control"].clone();
    for path in ["/v1/events", &draft, &format!("{draft}/sections")] {
        assert_eq!(cached(path), "private, no-store", "{path}");
    }
    for path in [&on_sale, &format!("{on_sale}/sections")] {
        assert!(cached(path).starts_with("public"), "{path}");
    }
    let everybody = server.anybody().get("/v1/events").ok(200);
    assert_eq!(everybody.headers["cache-control"], "public, max-age=1");
}

#[test]
fn lists_of_events_go_on_where_a_page_ends() {
    let server = Server::start();
    let more: Vec<String> = (0..4).map(|_| server.event_with(json!({}))).collect();
    let (mut seen, mut path) = (Vec::new(), "/v1/events?limit=2".to_owned());
    loop {
        let page = server.anybody().get(&path).ok(200).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/events?limit=2&cursor={next}");
    }
    let all: Vec<_> = std::iter::once(&server.event).chain(&more).map(|id| json!(id)).collect();
    assert_eq!(seen, all);
    let closed = server.anybody().get("/v1/events?limit=2&state=closed").ok(200).json();
    assert_eq!((&closed["items"], &closed["next"]), (&json!([]), &json!(null)));
}

#[test]
fn who_is_shut_out_is_not_told_how_the_server_does() {
    let server = Server::with(&[
        "--set",
        "guard.deny=['203.0.113.0/24']",
        "--set",
        "guard.trusted_proxies=['127.0.0.1']",
    ]);
    for path in ["/metrics", "/readyz", "/healthz"] {
        server.anybody().with("x-forwarded-for", "203.0.113.9").get(path).ok(403).problem("denied");
        server.anybody().with("x-forwarded-for", "203.0.114.9").get(path).ok(200);
    }
}

#[test]
fn get_event_and_list_sections() {
    let server = Server::start();
    let event = server.anybody().get(&format!("/v1/events/{}", server.event)).ok(200).json();
    assert_eq!(event["ticketTypes"], json!(["adult", "child"]));
    assert!(event["categories"][0]["prices"][0]["price"]["amount"].as_i64().unwrap() > 0);
    let sections = server.anybody().get(&format!("/v1/events/{}/sections", server.event)).ok(200).json();
    let seats: u64 =
        sections["items"].as_array().unwrap().iter().map(|s| s["capacity"].as_u64().unwrap()).sum();
    assert_eq!(seats, 1_242);
}

#[test]
fn get_health_get_readiness_get_metrics_and_get_openapi() {
    let server = Server::start();
    assert_eq!(server.anybody().get("/healthz").ok(200).json()["status"], "ok");
    assert_eq!(server.anybody().get("/readyz").ok(200).json()["status"], "ready");
    let metrics = String::from_utf8(server.anybody().get("/metrics").ok(200).body).unwrap();
    assert!(
        metrics.contains("ticketcore_http_requests_total{operation=\"get_health\",status=\"200\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("# TYPE ticketcore_http_requests_total counter"), "{metrics}");
    let open = server.anybody().with("accept", "application/openmetrics-text").get("/metrics").ok(200);
    assert!(open.body.ends_with(b"# EOF\n"));
    assert_eq!(server.anybody().get("/openapi.json").ok(200).json()["openapi"], "3.1.0");
}

#[test]
fn a_head_request_has_no_body_and_options_names_the_methods() {
    let server = Server::start();
    let head = server.anybody().send("HEAD", "/v1/events", None).ok(200);
    assert!(head.body.is_empty());
    let options = server.anybody().send("OPTIONS", "/v1/holds/x", None).ok(204);
    for method in ["GET", "PATCH", "DELETE"] {
        assert!(options.headers["allow"].contains(method));
    }
    let refused = server.anybody().send("PUT", "/v1/holds/x", None).ok(405);
    assert_eq!(refused.headers["allow"], options.headers["allow"]);
    assert_eq!(server.anybody().get("/v1/me").ok(401).headers["www-authenticate"], "Bearer");
}

#[test]
fn get_availability_in_its_forms_and_see_it_move() {
    let server = Server::start();
    let anybody = server.anybody();
    let path = format!("/v1/events/{}/availability", server.event);
    let counts = anybody.get(&path).ok(200);
    let tag = counts.headers["etag"].clone();
    assert!(anybody.with("if-none-match", &tag).get(&path).ok(304).body.is_empty());
    assert!(anybody.with("accept-encoding", "gzip").get(&path).ok(200).body.starts_with(&[0x1f, 0x8b]));
    let nothing = anybody.with("accept-encoding", "identity;q=0, *;q=0").get(&path);
    nothing.ok(406).problem("not_acceptable");
    let map = || {
        let plain = anybody.with("accept", "application/octet-stream");
        plain.get(&format!("{path}?level=seats")).ok(200)
    };
    let before = map();
    assert_eq!(before.body.len(), 1_242_usize.div_ceil(32) * 8);
    server.hold(&server.buyer(), &server.seats(0, 1));
    let began = std::time::Instant::now();
    while map().body == before.body {
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "the map has not moved");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let since = tag.trim_matches('"').to_owned();
    let changes = anybody.get(&format!("{path}/changes?since={since}")).ok(200).json();
    assert_eq!(changes["seats"], json!([[server.seats(0, 1)[0], "held"]]));
}

#[test]
fn list_changes_that_are_gone_and_stream_changes() {
    let server = Server::start();
    let anybody = server.anybody();
    let path = format!("/v1/events/{}/availability", server.event);
    anybody.get(&format!("{path}/changes?since=1")).ok(410).problem("changes_gone");
    anybody.get(&format!("{path}/changes")).ok(400).problem("validation_failed");
    let revision = anybody.get(&path).ok(200).headers["etag"].trim_matches('"').to_owned();
    let listening = {
        let (anybody, path) = (anybody.clone(), format!("{path}/stream?since={revision}"));
        std::thread::spawn(move || super::client::first_event(anybody.address, &path))
    };
    std::thread::sleep(std::time::Duration::from_millis(200));
    server.hold(&server.buyer(), &server.seats(3, 1));
    let heard = listening.join().unwrap();
    assert!(heard.contains("event: change") && heard.contains(&server.seats(3, 1)[0]), "{heard}");
}

#[test]
fn get_seatmap_by_its_hash_is_good_for_ever() {
    let server = Server::start();
    let path = format!("/v1/events/{}/seatmap", server.event);
    let map = server.anybody().get(&path).ok(200);
    let tag = map.headers["etag"].trim_matches('"').to_owned();
    assert!(server.anybody().with("if-none-match", &map.headers["etag"]).get(&path).ok(304).body.is_empty());
    let frozen = server.anybody().get(&format!("{path}?v={tag}")).ok(200);
    assert!(frozen.headers["cache-control"].contains("immutable"), "{:?}", frozen.headers);
    assert_eq!(frozen.body, map.body);
}

#[test]
fn get_page_and_get_page_file() {
    let server = Server::start();
    let page = server.anybody().get("/").ok(200);
    assert!(page.headers["content-security-policy"].starts_with("default-src 'none'"));
    let script = server.anybody().get("/page/app.js").ok(200);
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    server.anybody().with("if-none-match", &script.headers["etag"]).get("/page/app.js").ok(304);
    server.anybody().get("/page/nothing.js").ok(404).problem("not_found");
}

#[test]
fn get_docs_and_get_docs_file() {
    // There, whoever may come.
    let server = Server::start();
    let page = server.anybody().get("/docs").ok(200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.headers["content-security-policy"].starts_with("default-src 'none'; script-src 'self'"));
    let text = String::from_utf8(page.body).unwrap();
    for file in ["docs/docs.js", "docs/docs.css"] {
        assert!(text.contains(file));
        server.anybody().get(&format!("/{file}")).ok(200);
    }
    assert!(!text.contains("://"), "nothing is asked of anybody else");
    let script = server.anybody().get("/docs/shapes.js").ok(200);
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    let tag = script.headers["etag"].clone();
    assert!(server.anybody().with("if-none-match", &tag).get("/docs/docs.js").ok(304).body.is_empty());
    server.anybody().get("/docs/index.html").ok(404).problem("not_found");
    server.anybody().get("/docs/nothing.js").ok(404).problem("not_found");
}
