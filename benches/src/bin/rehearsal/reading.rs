//! Reading what is left, a hundred times for every purchase, and how old it is.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ticketcore_benches::wire::{after, number};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::books::Books;
use crate::crowd::Crowd;
use crate::{Outcome, READS_PER_PURCHASE, pool};

/// Connections that read.
const CONNECTIONS: usize = 24;
/// Each reads again after so long: so many that read do not do so at once.
const PAUSE: Duration = Duration::from_millis(1);
/// Reads begin when so many of a thousand seats are sold: before, holds are timed without them.
const BEGIN_PERMILLE: u64 = 200;

/// Reads until the sale is over and nothing is owed.
pub async fn read(crowd: Arc<Crowd>, books: Arc<Books>, seats: u32) -> Outcome<()> {
    let begin = u64::from(seats) * BEGIN_PERMILLE / 1_000;
    let request =
        Arc::new(crowd.plain(&format!("GET /v1/events/{}/availability", crowd.ready.event), false, None));
    let pool = pool(&crowd, CONNECTIONS);
    let mut tasks = JoinSet::new();
    for _connection in 0..CONNECTIONS {
        let (books, pool, request) = (Arc::clone(&books), Arc::clone(&pool), Arc::clone(&request));
        tasks.spawn(async move {
            loop {
                let (read, bought) = (books.reads.load(Ordering::Relaxed), books.bought());
                let owed = read < bought * READS_PER_PURCHASE;
                if books.is_over() && !owed {
                    return Ok::<_, crate::Fault>(());
                }
                if books.sold() < begin || !owed {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                }
                books.reading.store(true, Ordering::Relaxed);
                books.reads.fetch_add(1, Ordering::Relaxed);
                let began = Instant::now();
                let reply = pool.ask(&request).await?;
                books.read_times.lock().add(began.elapsed());
                books.count("availability", reply.status);
                if reply.status != 200 && reply.status != 503 {
                    return Err(reply.unexpected("availability").into());
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// How long it takes until a hold is seen, now and then.
pub async fn stale(crowd: Arc<Crowd>, books: Arc<Books>) -> Outcome<()> {
    let pool = pool(&crowd, 1);
    let line = format!("GET /v1/events/{}/availability", crowd.ready.event);
    let request = crowd.plain(&line, false, None);
    while !books.is_over() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let Some((revision, heard)) = books.last_hold.lock().take() else { continue };
        while !books.is_over() {
            let reply = pool.ask(&request).await?;
            if after(&reply.body, b"\"revision\":").and_then(number).is_some_and(|seen| seen >= revision) {
                books.staleness.lock().add(heard.elapsed());
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}
