//! Live changes: ten thousand subscribers of one event, and holds at a steady rate. How long after its acknowledgement a change was at the
//! last subscriber, and what memory the server has meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal};
use ticketcore_benches::{Histogram, resident_bytes};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Outcome;
use crate::buying::{Acknowledged, Holder};
use crate::load::{Timing, run};
use crate::shop::{Shop, get};
use ticketcore_benches::wire::{after, find, number};

pub const NAMES: &[&str] =
    &["stream_subscribers", "stream_changes", "stream_p50", "stream_p99", "stream_slowest", "stream_memory"];

const SUBSCRIBERS: usize = 10_000;
/// Files that a process needs beside its subscribers.
const OTHER_FILES: usize = 200;
/// Connections that hold, and how often each does: 200 a second in all, also if an acknowledgement takes half a second.
const HOLDERS: usize = 128;
const PACE: Duration = Duration::from_millis(640);
/// Before the first change and after the last.
const SETTLING: Duration = Duration::from_secs(2);
const MIB: f64 = 1_048_576.0;

/// A revision, and when a subscriber had it.
type Had = Vec<(u64, Instant)>;

/// Files that this process, and a child of it, may have open.
fn files_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    line.split_whitespace().nth(3).and_then(|soft| soft.parse().ok()).unwrap_or(usize::MAX)
}

/// Listens and notes the revisions of events, until the stream is over.
async fn listen(stream: TcpStream, room: Arc<Mutex<Vec<u8>>>) -> Outcome<Had> {
    let (mut had, mut rest) = (Had::new(), Vec::new());
    loop {
        stream.readable().await?;
        let mut room = room.lock();
        let from = rest.len();
        room[..from].copy_from_slice(&rest);
        let count = match stream.try_read(&mut room[from..]) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            // That is how the stream of a server ends that was killed.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error.into()),
        };
        let now = Instant::now();
        let mut text = &room[..from + count];
        // An event begins with its revision and ends with a blank line; what is not there yet comes next time.
        while let Some(begun) = after(text, b"\nid: ") {
            let Some(end) = find(begun, b"\n") else { break };
            had.push((number(begun).ok_or("no revision")?, now));
            text = &begun[end..];
        }
        rest.clear();
        rest.extend_from_slice(&text[text.len().saturating_sub(32)..]);
    }
    Ok(had)
}

/// Listens to many streams until all are over, on a thread of its own: whoever holds must not wait for ten thousand readers. `ready` is told
/// when all are there.
fn audience(
    address: SocketAddr,
    event: &str,
    count: usize,
    ready: &std::sync::mpsc::Sender<()>,
) -> Outcome<Vec<Had>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let room = Arc::new(Mutex::new(vec![0; 64 << 10]));
    runtime.block_on(async {
        let mut streams = Vec::with_capacity(count);
        for _ in 0..count {
            streams.push(subscribe(address, event).await?);
        }
        let mut listening = JoinSet::new();
        for stream in streams {
            listening.spawn(listen(stream, Arc::clone(&room)));
        }
        ready.send(())?;
        let mut heard = Vec::with_capacity(count);
        while let Some(had) = listening.join_next().await {
            heard.push(had??);
        }
        Ok(heard)
    })
}

async fn subscribe(address: SocketAddr, event: &str) -> Outcome<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&get(&format!("/v1/events/{event}/availability/stream"), "")).await?;
    Ok(stream)
}

/// How long each change took to each subscriber.
fn compare(acknowledged: &[(u64, Instant)], heard: &[Had]) -> Outcome<(Histogram, Duration)> {
    let (mut times, mut slowest) = (Histogram::default(), Duration::ZERO);
    for had in heard {
        let mut had = had.iter();
        let mut now = had.next();
        for (revision, at) in acknowledged {
            while now.is_some_and(|(seen, _)| seen < revision) {
                now = had.next();
            }
            let (_, there) = now.ok_or("a subscriber has not got all changes")?;
            let took = there.saturating_duration_since(*at);
            times.add(took);
            slowest = slowest.max(took);
        }
    }
    Ok((times, slowest))
}

/// See the module. One long round: it is the slowest that counts.
pub async fn measure(time: Duration) -> Outcome<Vec<Figure>> {
    let subscribers = SUBSCRIBERS.min(files_max().saturating_sub(OTHER_FILES));
    if subscribers < SUBSCRIBERS {
        eprintln!("only {subscribers} subscribers: more files may not be open");
    }
    let shop = Shop::open(1)?;
    let memory = |shop: &Shop| resident_bytes(&shop.child.id().to_string()).map(|bytes| bytes / MIB);
    let watch = Watch::when_quiet_but_for(&[shop.child.id()]);
    let time = time * 5;
    let (ready, all_ready) = std::sync::mpsc::channel();
    let (address, event) = (shop.child.ready.address, shop.child.ready.events[0].clone());
    let audience = std::thread::spawn(move || audience(address, &event, subscribers, &ready));
    // If they can't be, the audience says why.
    let _ready = all_ready.recv();
    tokio::time::sleep(SETTLING).await;
    let (desk, acknowledged) = (shop.desk(0), Acknowledged::default());
    let holders = std::iter::repeat_with(|| Holder::new(&desk).noting(&acknowledged)).take(HOLDERS).collect();
    let (seen, _) = run(&shop.child, holders, Timing { time: Some(time), pace: Some(PACE) }).await?;
    let resident = memory(&shop)?;
    tokio::time::sleep(SETTLING).await;
    let others = watch.others_percent();
    // Every stream ends with the server.
    drop(shop);
    let heard = audience.join().map_err(|_| "the audience panicked")??;
    let mut acknowledged = std::mem::take(&mut *acknowledged.lock());
    acknowledged.sort_unstable();
    let (times, slowest) = compare(&acknowledged, &heard)?;
    let figure = |at: usize, unit, value: f64| Figure::new(NAMES[at], unit).rounds(&[value], &[], others);
    let count = f64::from(u32::try_from(subscribers)?);
    Ok(vec![
        figure(0, "", count).goal(Goal::AtLeast(10_000.0)),
        figure(1, "1/s", seen.per_second()).goal(Goal::AtLeast(195.0)),
        figure(2, "ms", times.quantile_ms(500)),
        figure(3, "ms", times.quantile_ms(990)),
        figure(4, "ms", slowest.as_secs_f64() * 1e3).goal(Goal::AtMost(500.0)),
        figure(5, "MiB", resident).goal(Goal::AtMost(300.0)),
    ])
}
