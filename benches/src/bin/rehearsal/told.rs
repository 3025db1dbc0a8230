//! What people are told about their wait, and how long it is.

use std::sync::Arc;
use std::time::Duration;

use ticketcore_benches::wire::{after, find, number};
use tokio::time::Instant;

use crate::books::Books;
use crate::crowd::{Crowd, mix};
use crate::{Outcome, pool};

/// Somebody was told how long he would wait.
#[derive(Clone, Copy)]
pub struct Told {
    pub at: Instant,
    pub position: u64,
    pub p50_ms: u64,
    pub p90_ms: u64,
}

/// Now and then somebody who waits asks how long it will take: anybody of those who will be called soon or late, the stock permitting.
pub async fn ask(crowd: Arc<Crowd>, books: Arc<Books>, reach: u64) -> Outcome<()> {
    let pool = pool(&crowd, 2);
    let mut turn = 0u64;
    while !books.is_over() {
        tokio::time::sleep(Duration::from_millis(25)).await;
        turn += 1;
        let called = books.called();
        let Some(last) = reach.checked_sub(called + 2) else { continue };
        let position = called + 1 + mix(turn) % (last + 1);
        let Some(user) = crowd.at(position) else { continue };
        let Some(token) = crowd.token(user) else { continue };
        let body = format!(r#"{{"positionToken":"{token}"}}"#);
        let request = crowd.request("POST /v1/waiting-room/admit", user, "", Some(&body));
        let (at, reply) = (Instant::now(), pool.ask(&request).await?);
        books.count("poll", reply.status);
        let part = |name: &[u8]| after(&reply.body, name).and_then(number);
        // Who is told that nothing will be left is told no more.
        if find(&reply.body, b"\"soldOutLikely\":true").is_some() {
            continue;
        }
        if let (202, Some(p50_ms), Some(p90_ms)) = (reply.status, part(b"\"p50Ms\":"), part(b"\"p90Ms\":")) {
            books.told.lock().push(Told { at, position, p50_ms, p90_ms });
        }
    }
    Ok(())
}
