//! What the checks are written with: a writer that knows where its journal ends, and reading into memory.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::id::{EventId, Revision};
use crate::store::{
    Appended, Batch, BatchId, Completion, CompletionSink, ReadError, Records, Store, StreamId, Tail,
};
use crate::time::UtcMs;

/// `Err` says what is wrong with the store.
pub(super) type Verdict = Result<(), String>;

macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+));
        }
    };
}
pub(super) use ensure;

pub(super) const EVENT: StreamId = StreamId::Event(EventId(1));

/// The store under test.
pub(super) struct Bench {
    pub(super) store: Arc<dyn Store>,
    pub(super) patience: Duration,
}

impl Bench {
    pub(super) fn new(store: Arc<dyn Store>, patience: Duration) -> Self {
        Self { store, patience }
    }

    /// A writer at the empty end of `stream`.
    pub(super) fn writer(&self, stream: StreamId, node: u64) -> Writer {
        Writer {
            store: Arc::clone(&self.store),
            patience: self.patience,
            stream,
            node,
            names: 0,
            tail: Tail::default(),
            last: Revision::ZERO,
        }
    }

    pub(super) fn read(&self, stream: StreamId, after: Revision) -> Result<Seen, String> {
        read(&*self.store, stream, after)
    }

    /// What `after` onwards must look like, given all records of the stream.
    pub(super) fn expect(&self, stream: StreamId, after: Revision, all: &[Line], tail: Tail) -> Verdict {
        let seen = self.read(stream, after)?;
        let wanted: Vec<_> = all.iter().filter(|line| line.revision > after).cloned().collect();
        let last = all.last().map_or(Revision::ZERO, |line| line.revision);
        ensure!(
            seen.lines == wanted,
            "reading {stream:?} after {after} gave {}, wanted {}",
            brief(&seen.lines),
            brief(&wanted)
        );
        ensure!(
            seen.end == (last, tail),
            "reading {stream:?} after {after} said it ends at {:?}, wanted {:?}",
            seen.end,
            (last, tail)
        );
        Ok(())
    }
}

/// Records in few words.
fn brief(lines: &[Line]) -> String {
    let mut revisions: Vec<_> = lines.iter().map(|line| line.revision.0).collect();
    let count = revisions.len();
    revisions.truncate(20);
    format!("{count} records {revisions:?}..")
}

/// A record as kept in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) revision: Revision,
    pub(super) at: UtcMs,
    pub(super) body: Vec<u8>,
}

/// The last revision and its batch's tail.
pub(super) type End = (Revision, Tail);

/// What a read visited and returned.
pub(super) struct Seen {
    pub(super) lines: Vec<Line>,
    pub(super) end: End,
}

/// Reads to the end.
pub(super) fn read(store: &dyn Store, stream: StreamId, after: Revision) -> Result<Seen, String> {
    try_read(store, stream, after).map_err(|error| format!("reading {stream:?} after {after}: {error}"))
}

pub(super) fn try_read(store: &dyn Store, stream: StreamId, after: Revision) -> Result<Seen, ReadError> {
    let mut lines = Vec::new();
    let end = store.read(stream, after, &mut |record| {
        let (revision, at) = (record.stamp.revision, record.stamp.at);
        lines.push(Line { revision, at, body: record.body.to_vec() });
        ControlFlow::Continue(())
    })?;
    Ok(Seen { lines, end })
}

/// The lines that `batch` adds to its journal.
pub(super) fn lines(batch: &Batch) -> Vec<Line> {
    let line = |record: crate::store::Record<'_>| Line {
        revision: record.stamp.revision,
        at: record.stamp.at,
        body: record.body.to_vec(),
    };
    batch.records.iter(batch.first_revision).map(line).collect()
}

/// Collects answers.
#[derive(Default)]
pub(super) struct Answers {
    got: Mutex<Vec<(Batch, Appended)>>,
    arrived: Condvar,
}

impl CompletionSink for Answers {
    fn complete(&self, batch: Batch, outcome: Appended) {
        self.got.lock().push((batch, outcome));
        self.arrived.notify_all();
    }
}

impl Answers {
    /// The first `count` answers.
    pub(super) fn wait(&self, count: usize, patience: Duration) -> Result<Vec<(Batch, Appended)>, String> {
        let deadline = Instant::now() + patience;
        let mut got = self.got.lock();
        while got.len() < count {
            if self.arrived.wait_until(&mut got, deadline).timed_out() {
                return Err(format!("{} of {count} batches were never answered", count - got.len()));
            }
        }
        Ok(std::mem::take(&mut got))
    }
}

/// Somebody who appends to one stream.
pub(super) struct Writer {
    pub(super) store: Arc<dyn Store>,
    pub(super) stream: StreamId,
    pub(super) tail: Tail,
    pub(super) last: Revision,
    patience: Duration,
    node: u64,
    names: u64,
}

impl Writer {
    /// A batch with a new name for the end this writer believes in.
    pub(super) fn batch<B: AsRef<[u8]>>(&mut self, bodies: &[B]) -> Batch {
        self.names += 1;
        let id = BatchId(u128::from(self.node) << 64 | u128::from(self.names));
        let mut records = Records::default();
        for (revision, body) in (self.last.0 + 1..).zip(bodies) {
            records.push(UtcMs(1_000_000 + 7 * revision), body.as_ref());
        }
        Batch { stream: self.stream, expected: self.tail, id, first_revision: self.last.next(), records }
    }

    /// Submits without waiting.
    pub(super) fn send(&self, batch: &Batch, answers: &Arc<Answers>) {
        let sink = Arc::clone(answers) as Arc<dyn CompletionSink>;
        self.store.submit(Completion::new(sink, batch.clone()));
    }

    /// Submits and waits.
    pub(super) fn submit(&self, batch: &Batch) -> Result<Appended, String> {
        let answers = Arc::default();
        self.send(batch, &answers);
        let answered = answers.wait(1, self.patience)?.pop();
        answered.map(|(_, outcome)| outcome).ok_or_else(|| "no answer".to_owned())
    }

    /// Submits, wants a yes, and moves on.
    pub(super) fn commit(&mut self, batch: &Batch) -> Verdict {
        let outcome = self.submit(batch)?;
        ensure!(outcome == Appended::Yes, "an append at the end was answered {outcome:?}");
        self.moved(batch);
        Ok(())
    }

    /// Commits a new batch with these bodies; returns its lines.
    pub(super) fn append<B: AsRef<[u8]>>(&mut self, bodies: &[B]) -> Result<Vec<Line>, String> {
        let batch = self.batch(bodies);
        self.commit(&batch)?;
        Ok(lines(&batch))
    }

    /// The journal now ends with `batch`.
    pub(super) fn moved(&mut self, batch: &Batch) {
        self.tail = batch.tail();
        self.last = Revision(batch.first_revision.0 + u64::from(batch.records.count()) - 1);
    }
}

/// A journal of batches with 1 to 5 records of 0 to 40 bytes: all its lines, and the tail after each batch.
pub(super) fn mixed(writer: &mut Writer, batches: usize) -> Result<(Vec<Line>, Vec<End>), String> {
    let (mut all, mut tails) = (Vec::new(), Vec::new());
    for at in 0..batches {
        let bodies: Vec<Vec<u8>> = (0..1 + at * 7 % 5).map(|n| vec![b'a'; (at * 11 + n * 17) % 41]).collect();
        all.extend(writer.append(&bodies)?);
        tails.push((writer.last, writer.tail));
    }
    Ok((all, tails))
}
