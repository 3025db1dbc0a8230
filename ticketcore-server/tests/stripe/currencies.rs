//! Currencies that Stripe counts in another unit: nothing goes on sale in them.

use serde_json::json;

use crate::client::Reply;
use crate::server::Server;

fn add(server: &Server, currency: &str) -> Reply {
    let venue = server.anybody().get("/v1/venues").ok(200).json()["items"][0]["id"].clone();
    let asked =
        json!({"venueId": venue, "name": "Lear", "startsAt": "2030-05-01T18:00:00Z", "currency": currency});
    server.staff().post("/v1/admin/events", &asked)
}

#[track_caller]
fn is_refused(reply: Reply, pointer: &str, currency: &str) {
    let refused = reply.ok(400).problem("validation_failed");
    assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains(currency), "{refused}");
}

#[test]
fn nothing_goes_on_sale_that_can_not_be_paid_through_stripe() {
    let folder = std::env::temp_dir().join(format!("ticketcore-currencies-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("key"), "sk_test_1").unwrap();
    std::fs::write(folder.join("hook"), "whsec_1").unwrap();
    let data = folder.join("data");
    let data = data.to_str().unwrap();
    // Another gateway takes the money: any currency will do.
    let server = Server::with(&["--data", data]);
    let added = add(&server, "ISK").ok(201).json();
    drop(server);
    // Nobody is at this address, and nobody is asked.
    let stripe = format!(
        "payments.stripe={{ api_key_file = '{0}/key', webhook_secret_files = ['{0}/hook'], base = 'http://127.0.0.1:9' }}",
        folder.display()
    );
    let server = Server::with(&["--data", data, "--gateway", "stripe", "--set", &stripe]);
    for currency in ["ISK", "MGA", "UGX"] {
        is_refused(add(&server, currency), "/currency", currency);
    }
    for currency in ["EUR", "JPY"] {
        add(&server, currency).ok(201);
    }
    let state = format!("/v1/admin/events/{}/sale-state", added["id"].as_str().unwrap());
    let set = |wanted: &str| server.staff().post(&state, &json!({"state": wanted}));
    set("scheduled").ok(200);
    for selling in ["presale", "onsale"] {
        is_refused(set(selling), "/state", "ISK");
    }
    set("cancelled").ok(200);
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
}
