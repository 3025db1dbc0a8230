//! The sale: people are let in as they are called, until nothing is left.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::books::{Books, Point};
use crate::crowd::{Crowd, Kind};
use crate::shopper::Shopper;
use crate::{Outcome, joining, pool, reading, told};

/// Connections of people who shop.
const SHOPPERS: usize = 128;
/// The status is looked at so often.
const LOOK: Duration = Duration::from_millis(250);

/// Runs the sale until everything is sold, everybody has been called and is gone, or the time is over.
pub async fn run(crowd: &Arc<Crowd>, books: &Arc<Books>, seats: u32, most: Duration) -> Outcome<()> {
    let until = Instant::now() + most;
    let mut beside = JoinSet::new();
    beside.spawn(joining::late(Arc::clone(crowd), Arc::clone(books)));
    beside.spawn(reading::read(Arc::clone(crowd), Arc::clone(books), seats));
    beside.spawn(reading::stale(Arc::clone(crowd), Arc::clone(books)));
    // Who is called at all: as many as buy what there is, and those who do not come or buy.
    beside.spawn(told::ask(Arc::clone(crowd), Arc::clone(books), u64::from(seats) * 6 / 10));
    let shops = pool(crowd, SHOPPERS);
    let mut shoppers = JoinSet::new();
    let ended = watch(crowd, books, until, |user| {
        let (crowd, books, pool) = (Arc::clone(crowd), Arc::clone(books), Arc::clone(&shops));
        shoppers.spawn(Shopper { crowd, books, pool, user }.shop());
        while let Some(done) = shoppers.try_join_next() {
            done??;
        }
        Ok(())
    });
    ended.await?;
    books.over();
    while let Some(done) = shoppers.join_next().await {
        done??;
    }
    while let Some(done) = beside.join_next().await {
        done??;
    }
    Ok(())
}

/// Looks at the status, and sends whom it calls.
async fn watch(
    crowd: &Arc<Crowd>,
    books: &Arc<Books>,
    until: Instant,
    mut send: impl FnMut(u32) -> Outcome<()>,
) -> Outcome<()> {
    let pool = pool(crowd, 1);
    let status = crowd.plain(&format!("GET /v1/waiting-room/{}", crowd.ready.event), false, None);
    let metrics = crowd.plain("GET /metrics", true, None);
    let began = Instant::now();
    let (mut next, mut missing) = (0u64, Vec::new());
    while Instant::now() < until {
        let reply = pool.ask(&status).await?;
        books.count("status", reply.status);
        let told: Value = serde_json::from_slice(&reply.body)?;
        let called = told["servingNumber"].as_u64().unwrap_or(0);
        books.call(called);
        missing.extend(next..called);
        next = next.max(called);
        let mut failed = None;
        missing.retain(|position| {
            // Who has joined this moment may not be known here yet.
            let Some(user) = crowd.at(*position) else { return true };
            if crowd.kind(user) != Kind::Absent {
                failed = send(user).err().or(failed.take());
            }
            false
        });
        if let Some(error) = failed {
            return Err(error);
        }
        let active = active(&pool.ask(&metrics).await?.body);
        books.point(Point {
            seconds: began.elapsed().as_secs_f64(),
            called,
            active,
            admitted: books.admitted.load(Ordering::Relaxed),
            sold: books.sold(),
            reads: books.reads.load(Ordering::Relaxed),
        });
        if told["stock"] == "sold_out" {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// People inside, as the server counts them.
fn active(metrics: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(metrics);
    let line = text.lines().find(|line| line.starts_with("ticketcore_room_active{"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}
