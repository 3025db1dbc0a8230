//! Simulated buyers: each looks, holds, thinks, pays or lets go, over HTTP like anybody else.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use ticketcore::EventId;

/// Purchases of one buyer; then somebody else comes in his place.
const PURCHASES: u32 = 3;

struct Buyer {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    token: String,
    drawn: u64,
}

/// Shops until the server is gone.
pub async fn shop(address: SocketAddr, events: Vec<EventId>, number: u32) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let drawn = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut buyer = Buyer { client, base: format!("http://{address}"), token: String::new(), drawn };
    let first_pause = buyer.draw(2_000);
    tokio::time::sleep(Duration::from_millis(first_pause)).await;
    for turn in 0u64.. {
        let Some(session) = buyer.call(Method::POST, "/v1/sessions", &json!({}), "").await else { return };
        buyer.token = session["token"].as_str().unwrap_or_default().to_owned();
        for purchase in 0..PURCHASES {
            let at = usize::try_from(buyer.draw(events.len() as u64)).unwrap_or(0);
            if buyer.purchase(events[at], &format!("{number}-{turn}-{purchase}")).await.is_none() {
                return;
            }
            let pause = 500 + buyer.draw(4_000);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }
}

impl Buyer {
    /// `None` if the server is gone.
    async fn purchase(&mut self, event: EventId, key: &str) -> Option<()> {
        let count = 1 + self.draw(4);
        let item = json!({"bestAvailable": {"quantity": count, "allowSplit": true}, "ticketType": "adult"});
        let asked = json!({"eventId": event.to_string(), "items": [item]});
        let held = self.call(Method::POST, "/v1/holds", &asked, key).await?;
        let Some(hold) = held["holdId"].as_str().map(str::to_owned) else { return Some(()) };
        let thinks = 1_000 + self.draw(5_000);
        tokio::time::sleep(Duration::from_millis(thinks)).await;
        if self.draw(4) == 0 {
            self.call(Method::DELETE, &format!("/v1/holds/{hold}"), &json!({}), key).await?;
            return Some(());
        }
        let method = if self.draw(10) == 0 { "pm_declined" } else { "pm_ok" };
        let order =
            json!({"holdId": hold, "paymentMethodId": method, "customer": {"email": "buyer@example.org"}});
        self.call(Method::POST, "/v1/orders", &order, key).await?;
        Some(())
    }

    async fn call(&self, method: Method, path: &str, body: &Value, key: &str) -> Option<Value> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        request = request.header(CONTENT_TYPE, "application/json");
        if !self.token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.token));
        }
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Full::new(Bytes::from(body.to_string()))).ok()?;
        let response = self.client.request(request).await.ok()?;
        let bytes = response.into_body().collect().await.ok()?.to_bytes();
        Some(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Below `bound`; xorshift64*.
    fn draw(&mut self, bound: u64) -> u64 {
        self.drawn ^= self.drawn >> 12;
        self.drawn ^= self.drawn << 25;
        self.drawn ^= self.drawn >> 27;
        self.drawn.wrapping_mul(0x2545_F491_4F6C_DD1D) % bound.max(1)
    }
}
