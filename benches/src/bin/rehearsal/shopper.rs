//! [`Shopper`]: what somebody does who was called.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use ticketcore_benches::wire::{after, number, text_after};
use tokio::time::Instant;

use crate::Outcome;
use crate::books::Books;
use crate::crowd::{Crowd, Kind, mix};
use crate::pool::{Pool, Reply};

/// Tickets that bots take: all that an admission is good for.
const ALL: u32 = 4;
/// Asks again so often, if there is no room for a moment.
const TRIES: u32 = 40;

/// Somebody who was called, and what he needs.
pub struct Shopper {
    pub crowd: Arc<Crowd>,
    pub books: Arc<Books>,
    pub pool: Arc<Pool>,
    pub user: u32,
}

impl Shopper {
    /// Comes in, looks, holds, pays or does not, goes out.
    pub async fn shop(self) -> Outcome<()> {
        let kind = self.crowd.kind(self.user);
        let drawn = mix(u64::from(self.user) ^ 0x5107);
        if kind == Kind::Human {
            tokio::time::sleep(Duration::from_millis(drawn % 2_000)).await;
        }
        let Some(pass) = self.come_in().await? else { return Ok(()) };
        let tickets = if kind.is_bot() { ALL } else { 1 + u32::try_from(drawn >> 32 & 3)? };
        if kind == Kind::Hoarder {
            self.crowd.lent.lock().push(pass.clone());
        }
        if kind == Kind::Human {
            tokio::time::sleep(Duration::from_millis(200 + drawn / 7 % 1_500)).await;
        }
        match self.hold(&pass, tickets).await? {
            Some(hold) => self.decide(kind, &pass, &hold, drawn, tickets).await?,
            None if kind.is_bot() => {}
            // Fewer will do.
            None if tickets > 1 => match self.hold(&pass, 1).await? {
                Some(hold) => self.decide(kind, &pass, &hold, drawn, 1).await?,
                None => self.found_nothing(),
            },
            None => self.found_nothing(),
        }
        if kind != Kind::Hoarder {
            self.leave().await?;
        }
        Ok(())
    }

    fn found_nothing(&self) {
        self.books.found_nothing.fetch_add(1, Ordering::Relaxed);
    }

    async fn ask(&self, name: &'static str, request: &[u8]) -> Outcome<Reply> {
        let began = Instant::now();
        let reply = self.pool.ask(request).await?;
        self.books.took(name, began.elapsed());
        self.books.count(name, reply.status);
        Ok(reply)
    }

    async fn come_in(&self) -> Outcome<Option<String>> {
        let Some(token) = self.crowd.token(self.user) else { return Ok(None) };
        let body = format!(r#"{{"positionToken":"{token}"}}"#);
        let request = self.crowd.request("POST /v1/waiting-room/admit", self.user, "", Some(&body));
        for _try in 0..TRIES {
            let reply = self.ask("admit", &request).await?;
            match (reply.status, text_after(&reply.body, b"\"admissionToken\":\"")) {
                (200, Some(pass)) => {
                    self.books.admitted.fetch_add(1, Ordering::Relaxed);
                    return Ok(Some(pass.to_owned()));
                }
                (202 | 503, _) => tokio::time::sleep(Duration::from_millis(500)).await,
                // Too late, or taken for a bot.
                (410 | 409 | 403 | 429, _) => return Ok(None),
                _ => return Err(reply.unexpected("coming in").into()),
            }
        }
        Ok(None)
    }

    async fn hold(&self, pass: &str, tickets: u32) -> Outcome<Option<String>> {
        let (event, user) = (&self.crowd.ready.event, self.user);
        let more = format!("admission-token: {pass}\r\nidempotency-key: h{user}-{tickets}\r\n");
        let body = format!(
            r#"{{"eventId":"{event}","items":[{{"bestAvailable":{{"quantity":{tickets},"allowSplit":true}}}}]}}"#
        );
        let request = self.crowd.request("POST /v1/holds", user, &more, Some(&body));
        let reading = self.books.reading.load(Ordering::Relaxed);
        let began = Instant::now();
        let reply = self.pool.ask(&request).await?;
        self.books.count("hold", reply.status);
        match (reply.status, text_after(&reply.body, b"\"holdId\":\"")) {
            (201, Some(hold)) => {
                self.books.held(reading, began.elapsed());
                let revision = after(&reply.body, b"\"revision\":").and_then(number);
                *self.books.last_hold.lock() = revision.map(|revision| (revision, Instant::now()));
                Ok(Some(hold.to_owned()))
            }
            (409 | 503, _) => Ok(None),
            (403 | 429, _) => {
                self.books.turned_away.fetch_add(1, Ordering::Relaxed);
                if !self.crowd.kind(user).is_bot() {
                    self.books.humans_suspected.fetch_add(1, Ordering::Relaxed);
                }
                Ok(None)
            }
            _ => Err(reply.unexpected("a hold").into()),
        }
    }

    async fn decide(&self, kind: Kind, pass: &str, hold: &str, drawn: u64, tickets: u32) -> Outcome<()> {
        match kind {
            Kind::Hoarder => return self.lend().await,
            Kind::Human if drawn >> 40 & 7 == 0 => {
                // He thinks better of it.
                let more = format!("admission-token: {pass}\r\n");
                let request = self.crowd.request(&format!("DELETE /v1/holds/{hold}"), self.user, &more, None);
                self.ask("release", &request).await?;
                return Ok(());
            }
            Kind::Human => tokio::time::sleep(Duration::from_millis(300 + drawn / 11 % 2_000)).await,
            Kind::Scalper | Kind::Absent => {}
        }
        // One of twenty cards is declined at first.
        if drawn >> 48 & 15 == 0 {
            self.pay(pass, hold, "pm_declined", tickets).await?;
        } else {
            self.pay(pass, hold, "pm_ok", tickets).await?;
        }
        Ok(())
    }

    async fn pay(&self, pass: &str, hold: &str, method: &str, tickets: u32) -> Outcome<()> {
        let user = self.user;
        let more = format!("admission-token: {pass}\r\nidempotency-key: o{user}\r\n");
        let body = format!(r#"{{"holdId":"{hold}","paymentMethodId":"{method}"}}"#);
        let request = self.crowd.request("POST /v1/orders", user, &more, Some(&body));
        let mut reply = self.ask("order", &request).await?;
        if reply.status == 402 {
            let refused: Value = serde_json::from_slice(&reply.body)?;
            let order = refused["order"]["orderId"].as_str().ok_or_else(|| reply.unexpected("an order"))?;
            let more = format!("idempotency-key: p{user}\r\n");
            let body = r#"{"paymentMethodId":"pm_ok"}"#;
            let line = format!("POST /v1/orders/{order}/payments");
            reply = self.ask("payment", &self.crowd.request(&line, user, &more, Some(body))).await?;
        }
        let order = text_after(&reply.body, b"\"orderId\":\"").map(str::to_owned);
        for _try in 0..TRIES {
            match reply.status {
                201 => {
                    self.books.buy(tickets, self.crowd.kind(user).is_bot());
                    return Ok(());
                }
                200 | 202 => {
                    let status = text_after(&reply.body, b"\"status\":\"").unwrap_or_default();
                    if status == "confirmed" {
                        self.books.buy(tickets, self.crowd.kind(user).is_bot());
                        return Ok(());
                    }
                    let Some(order) = &order else { return Err(reply.unexpected("an order").into()) };
                    tokio::time::sleep(Duration::from_millis(250)).await;
                    let request = self.crowd.request(&format!("GET /v1/orders/{order}"), user, "", None);
                    reply = self.ask("get_order", &request).await?;
                }
                // The hold has ended, he is taken for a bot, or it is too busy.
                403 | 404 | 409 | 410 | 429 | 503 => return Ok(()),
                _ => return Err(reply.unexpected("an order").into()),
            }
        }
        Ok(())
    }

    /// Somebody else tries a token that a bot has lent.
    async fn lend(&self) -> Outcome<()> {
        let lent = self.crowd.lent.lock().pop();
        let Some(pass) = lent else { return Ok(()) };
        let (event, other) = (&self.crowd.ready.event, self.user ^ 1);
        let more = format!("admission-token: {pass}\r\nidempotency-key: l{}\r\n", self.user);
        let body = format!(r#"{{"eventId":"{event}","items":[{{"bestAvailable":{{"quantity":1}}}}]}}"#);
        let request = self.crowd.request("POST /v1/holds", other, &more, Some(&body));
        let reply = self.ask("lent", &request).await?;
        if reply.status == 201 {
            self.books.violate(format!("I11: user {other} held with the admission of user {}", self.user));
        }
        Ok(())
    }

    async fn leave(&self) -> Outcome<()> {
        let Some(token) = self.crowd.token(self.user) else { return Ok(()) };
        let body = format!(r#"{{"positionToken":"{token}"}}"#);
        let request = self.crowd.request("POST /v1/waiting-room/leave", self.user, "", Some(&body));
        self.ask("leave", &request).await?;
        Ok(())
    }
}
