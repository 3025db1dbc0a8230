//! Joining: before the sale as fast as it goes, later bit by bit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ticketcore_benches::wire::{after, number, text_after};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::books::Books;
use crate::crowd::Crowd;
use crate::pool::Pool;
use crate::{Outcome, pool};

/// Connections that join.
const CONNECTIONS: usize = 64;
/// A bot joins so often.
const FLOOD: u32 = 5;
/// Late joiners come over so much time.
const LATE_SECONDS: u32 = 60;

/// Everybody who comes before the sale joins. How many that were.
pub async fn prequeue(crowd: &Arc<Crowd>, books: &Arc<Books>) -> Outcome<u32> {
    let began = Instant::now();
    let (next, pool) = (Arc::new(AtomicU32::new(0)), pool(crowd, CONNECTIONS));
    let mut tasks = JoinSet::new();
    for _connection in 0..CONNECTIONS {
        let (crowd, books) = (Arc::clone(crowd), Arc::clone(books));
        let (next, pool) = (Arc::clone(&next), Arc::clone(&pool));
        tasks.spawn(async move {
            loop {
                let user = next.fetch_add(1, Ordering::Relaxed);
                if user >= crowd.early {
                    return Ok::<_, crate::Fault>(());
                }
                join(&crowd, &books, &pool, user).await?;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let joins = books.joins.lock().count();
    books.note_joins(joins, began.elapsed());
    Ok(crowd.early)
}

/// The others join while the sale goes on.
pub async fn late(crowd: Arc<Crowd>, books: Arc<Books>) -> Outcome<()> {
    let pool = pool(&crowd, 16);
    let every = (crowd.users - crowd.early).div_ceil(LATE_SECONDS * 20).max(1);
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let mut user = crowd.early;
    let mut tasks = JoinSet::new();
    while user < crowd.users && !books.is_over() {
        ticks.tick().await;
        for _one in 0..every.min(crowd.users - user) {
            let (crowd, books, pool) = (Arc::clone(&crowd), Arc::clone(&books), Arc::clone(&pool));
            tasks.spawn(async move { join(&crowd, &books, &pool, user).await });
            user += 1;
        }
        while let Some(done) = tasks.try_join_next() {
            done??;
        }
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// A user joins; a bot does so again and again.
pub async fn join(crowd: &Crowd, books: &Books, pool: &Pool, user: u32) -> Outcome<()> {
    let event = &crowd.ready.event;
    let body = format!(r#"{{"eventId":"{event}"}}"#);
    let request = crowd.request("POST /v1/waiting-room/join", user, "", Some(&body));
    let times = if crowd.kind(user).is_bot() { FLOOD } else { 1 };
    for again in 0..times {
        let began = Instant::now();
        let reply = pool.ask(&request).await?;
        books.joins.lock().add(began.elapsed());
        books.count("join", reply.status);
        let expected = if again == 0 { 201 } else { 200 };
        let known = after(&reply.body, b"\"number\":").and_then(number);
        let known = known.zip(text_after(&reply.body, b"\"positionToken\":\""));
        match known {
            Some((number, token)) if reply.status == expected => {
                if !crowd.joined(user, u32::try_from(number)?, token) {
                    books.violate(format!("user {user} was given number {number}, which is taken"));
                }
            }
            // A flood is turned away.
            _ if again > 0 && (reply.status == 429 || reply.status == 403) => return Ok(()),
            _ if reply.status == 503 => {
                // Too much at once: he comes again.
                tokio::time::sleep(Duration::from_millis(200)).await;
                return Box::pin(join(crowd, books, pool, user)).await;
            }
            _ => return Err(reply.unexpected("joining").into()),
        }
    }
    Ok(())
}
