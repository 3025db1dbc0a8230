//! Checks with several threads.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle, scope};

use super::harness::{Bench, EVENT, Line, Verdict, Writer, ensure, read};
use crate::id::{EventId, Revision};
use crate::store::{Appended, Batch, StreamId, Tail};

const WRITERS: usize = 4;
const WINS: usize = 40;
/// Reads that each reader does while a writer appends.
const READS: u64 = 20;
/// Answers other than yes that one writer may meet in a row before the store counts as stuck.
const PATIENCE_TURNS: usize = 100_000;

type Outcome<T> = Result<T, String>;

/// Joins all, gives the first error.
fn join<T>(handles: Vec<ScopedJoinHandle<'_, Outcome<T>>>) -> Outcome<Vec<T>> {
    let joined: Vec<_> = handles
        .into_iter()
        .map(|handle| handle.join().unwrap_or_else(|_| Err("a thread panicked".to_owned())))
        .collect();
    joined.into_iter().collect()
}

/// Appends until it has won [`WINS`] numbers; catches up by reading after each loss.
fn fight(mut writer: Writer) -> Outcome<Vec<Batch>> {
    let mut won = Vec::new();
    let mut turns = 0;
    while won.len() < WINS {
        let batch = writer.batch(&vec![format!("{:?}", std::thread::current().id()); 1 + won.len() % 3]);
        let mut outcome = writer.submit(&batch)?;
        while matches!(outcome, Appended::Unknown(_) | Appended::Failed(_)) && turns < PATIENCE_TURNS {
            turns += 1;
            outcome = writer.submit(&batch)?;
        }
        match outcome {
            Appended::Yes => {
                writer.moved(&batch);
                won.push(batch);
                turns = 0;
            }
            Appended::Conflict { tail } => {
                turns += 1;
                ensure!(turns < PATIENCE_TURNS, "{turns} conflicts in a row");
                ensure!(tail.seq >= batch.expected.seq, "a conflict told of a tail long past: {tail:?}");
                let seen = read(&*writer.store, EVENT, writer.last)?;
                (writer.last, writer.tail) = seen.end;
            }
            other => return Err(format!("after {turns} turns: {other:?}")),
        }
    }
    Ok(won)
}

/// Of several appenders at one stream exactly one wins each number, and the journal is what the winners wrote.
pub(super) fn one_winner(bench: &Bench) -> Verdict {
    let gun = &Barrier::new(WRITERS);
    let won = scope(|scope| {
        let start = |node| {
            let writer = bench.writer(EVENT, node);
            scope.spawn(move || {
                gun.wait();
                fight(writer)
            })
        };
        join((1..).take(WRITERS).map(start).collect())
    })?;
    let mut won: Vec<_> = won.into_iter().flatten().collect();
    won.sort_by_key(|batch| batch.tail().seq);
    let mut tail = Tail::default();
    for batch in &won {
        ensure!(batch.expected == tail, "two winners after {:?}, or a gap: {:?}", tail, batch.expected);
        tail = batch.tail();
    }
    let all: Vec<Line> = won.iter().flat_map(super::harness::lines).collect();
    bench.expect(EVENT, Revision::ZERO, &all, tail)
}

/// What writer and readers of one stream tell each other.
#[derive(Default)]
struct Progress {
    /// The last revision answered yes.
    acked: AtomicU64,
    /// The writer has finished.
    fed: AtomicBool,
    /// Reads done by each reader; without end once it has given up.
    reads: [AtomicU64; 2],
}

/// Reads again and again, from the start (reader 0) or from where the last read ended, until the writer has finished.
fn watch(bench: &Bench, progress: &Progress, reader: usize) -> Verdict {
    let mut after = Revision::ZERO;
    let mut fed = false;
    while !fed {
        fed = progress.fed.load(Ordering::SeqCst);
        let acked = progress.acked.load(Ordering::SeqCst);
        let seen = bench.read(EVENT, after)?;
        ensure!(seen.end.0.0 >= acked, "read up to {} though {acked} was answered yes", seen.end.0);
        let mut expected = after;
        let mut open = 0;
        for line in &seen.lines {
            expected = expected.next();
            ensure!(line.revision == expected, "{} where {expected} belongs", line.revision);
            let [at, count] = line.body[..] else { return Err(format!("{expected} came back changed")) };
            ensure!(at == open, "record {at} of a batch where {open} belongs");
            open = if at + 1 == count { 0 } else { at + 1 };
        }
        ensure!(open == 0, "a batch is visible up to its record {open} only");
        ensure!(seen.end.0 == expected, "visited up to {expected}, answered {}", seen.end.0);
        if reader > 0 {
            after = expected;
        }
        progress.reads[reader].fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

/// Writes batches of 1 to 8 records that carry their place and the batch's length: 300, and more until each reader has
/// read often enough meanwhile.
fn feed(mut writer: Writer, progress: &Progress) -> Verdict {
    let behind = |reads: &AtomicU64| reads.load(Ordering::SeqCst) < READS;
    for round in 0_u32.. {
        if round >= 300 && !progress.reads.iter().any(behind) {
            break;
        }
        let count = (round * 5 % 8 + 1).to_le_bytes()[0];
        writer.append(&(0..count).map(|at| [at, count]).collect::<Vec<_>>())?;
        progress.acked.store(writer.last.0, Ordering::SeqCst);
        std::thread::yield_now();
    }
    Ok(())
}

/// Readers see whole batches and everything answered before they began, while a writer appends.
pub(super) fn whole_batches_only(bench: &Bench) -> Verdict {
    let progress = &Progress::default();
    scope(|scope| {
        let start = |reader: usize| {
            scope.spawn(move || {
                let verdict = watch(bench, progress, reader);
                progress.reads[reader].store(u64::MAX, Ordering::SeqCst);
                verdict
            })
        };
        let readers = vec![start(0), start(1)];
        let fed = feed(bench.writer(EVENT, 1), progress);
        progress.fed.store(true, Ordering::SeqCst);
        let watched = join(readers);
        fed.and(watched.map(drop))
    })
}

/// One stream's appends never conflict with another's, whoever makes the streams at the same moment.
pub(super) fn streams_side_by_side(bench: &Bench) -> Verdict {
    fn start<'s>(
        scope: &'s Scope<'s, '_>,
        mut writer: Writer,
    ) -> ScopedJoinHandle<'s, Outcome<(Writer, Vec<Line>)>> {
        scope.spawn(move || {
            let mut all = Vec::new();
            for _ in 0..50 {
                all.extend(writer.append(&[format!("{:?}", writer.stream)])?);
            }
            Ok((writer, all))
        })
    }
    let done = scope(|scope| {
        let streams = (0..8).map(|n| StreamId::Event(EventId(n)));
        join(streams.map(|stream| start(scope, bench.writer(stream, 1))).collect())
    })?;
    for (writer, all) in &done {
        bench.expect(writer.stream, Revision::ZERO, all, writer.tail)?;
    }
    let listed = bench.store.streams().map(|listed| listed.len());
    ensure!(listed == Ok(8), "8 streams were written, {listed:?} are listed");
    Ok(())
}
