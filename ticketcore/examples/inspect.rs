//! Looks into the folder of a local store, without changing anything.
//!
//! ```text
//! cargo run --release -p ticketcore --features testkit --example inspect -- verify DIR
//! ```
//!
//! For a copy, or a store that no process has open. Exit codes: 0 all is well, 1 something is wrong with what is stored, 2 it can't be
//! looked at.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use ticketcore::fact::Fact;
use ticketcore::store::local::{LocalError, LocalStore};
use ticketcore::store::{
    Capabilities, Completion, ReadError, Record, Snapshot, Store, StoreFailure, StreamId, Tail,
};
use ticketcore::testkit::Auditor;
use ticketcore::{BoxOffice, EventId, Options, Revision};

/// Looks into the folder of a local store, without changing anything.
#[derive(Debug, Parser)]
#[command(name = "inspect")]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Folds the journal of every event and checks that nothing was sold twice, nothing lost, no rule broken
    Audit { dir: PathBuf },
    /// Prints facts, one a line
    Dump {
        dir: PathBuf,
        /// Only of this event
        #[arg(long, value_name = "NUMBER")]
        event: Option<u64>,
    },
    /// Checks every checksum, every chain of hashes, and every snapshot against what its journal leads to
    Verify { dir: PathBuf },
    /// Prints what is there
    Stats { dir: PathBuf },
}

/// True if all is well.
type Verdict = Result<bool, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let outcome = match Args::parse().what {
        What::Audit { dir } => open(&dir).and_then(|store| audit(&store)),
        What::Dump { dir, event } => open(&dir).and_then(|store| dump(&store, event.map(EventId))),
        What::Verify { dir } => open(&dir).and_then(verify),
        What::Stats { dir } => open(&dir).and_then(|store| stats(&dir, &store)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("inspect: {error}");
            let damaged =
                error.downcast_ref::<LocalError>().is_some_and(|e| matches!(e, LocalError::Damaged(_)));
            ExitCode::from(if damaged { 1 } else { 2 })
        }
    }
}

fn open(dir: &Path) -> Result<LocalStore, Box<dyn std::error::Error>> {
    Ok(LocalStore::open_read_only(dir)?)
}

fn events(store: &LocalStore) -> Result<Vec<EventId>, StoreFailure> {
    let event = |stream| if let StreamId::Event(event) = stream { Some(event) } else { None };
    Ok(store.streams()?.into_iter().filter_map(event).collect())
}

fn audit(store: &LocalStore) -> Verdict {
    let mut well = true;
    for event in events(store)? {
        match Auditor::audit(store, StreamId::Event(event)) {
            Ok(summary) => println!("{event}: {summary:?}"),
            Err(error) => {
                println!("{event}: {error}");
                well = false;
            }
        }
    }
    Ok(well)
}

fn dump(store: &LocalStore, event: Option<EventId>) -> Verdict {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut well = true;
    for stream in store.streams()? {
        if event.is_some_and(|event| stream != StreamId::Event(event)) {
            continue;
        }
        let mut failed = None;
        let oldest = match store.read(stream, Revision::ZERO, &mut |_| ControlFlow::Break(())) {
            Err(ReadError::Truncated { oldest }) => Revision(oldest.0 - 1),
            _ => Revision::ZERO,
        };
        store.read(stream, oldest, &mut |record| {
            let Record { stamp, body } = record;
            let written = match stream {
                StreamId::Event(_) => match Fact::decode(body) {
                    Ok(fact) => writeln!(out, "{stream:?} {} {} {fact:?}", stamp.revision, stamp.at),
                    Err(error) => {
                        well = false;
                        writeln!(out, "{stream:?} {} {} {error}", stamp.revision, stamp.at)
                    }
                },
                _ => writeln!(out, "{stream:?} {} {} {} bytes", stamp.revision, stamp.at, body.len()),
            };
            failed = written.err();
            if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
    }
    Ok(well)
}

fn verify(store: LocalStore) -> Verdict {
    let seen = store.verify();
    for error in &seen.found {
        println!("{error}");
    }
    let mut well = seen.found.is_empty();
    let store = Arc::new(store);
    for event in events(&store)? {
        let stream = StreamId::Event(event);
        let Some(snapshot) = store.load_snapshot(stream)? else { continue };
        let until = Until { store: Arc::clone(&store), last: snapshot.revision };
        if let Err(ReadError::Truncated { .. }) =
            until.read(stream, Revision::ZERO, &mut |_| ControlFlow::Break(()))
        {
            println!("{event}: the snapshot can't be compared, its journal begins later");
            continue;
        }
        let options = Options { manual_expiry: true, ..Options::default() };
        let folded = BoxOffice::open_shared(Arc::new(until), options)?.folded_bytes(event)?;
        if folded != snapshot.bytes[..] {
            println!("{event}: the snapshot of {} is not what the journal leads to", snapshot.revision);
            well = false;
        }
    }
    println!(
        "{} streams, {} batches, {} facts, {} archives, {} snapshots, {} side records: {}",
        seen.streams,
        seen.batches,
        seen.facts,
        seen.archives,
        seen.snapshots,
        seen.side_records,
        if well { "all is well" } else { "NOT as it was written" }
    );
    if store.torn_bytes() > 0 {
        println!("{} bytes of a write that was under way are to be cut off", store.torn_bytes());
    }
    Ok(well)
}

fn stats(dir: &Path, store: &LocalStore) -> Verdict {
    let mut bytes: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for folder in ["wal", "archive", "snapshots"] {
        let entry = bytes.entry(folder).or_default();
        for file in std::fs::read_dir(dir.join(folder))? {
            entry.0 += 1;
            entry.1 += file?.metadata()?.len();
        }
    }
    for (folder, (files, bytes)) in bytes {
        println!("{folder}: {files} files, {bytes} bytes");
    }
    for stream in store.streams()? {
        let (last, tail) = store.read(stream, Revision(u64::MAX), &mut |_| ControlFlow::Continue(()))?;
        let snapshot = store.load_snapshot(stream)?.map_or(Revision::ZERO, |snapshot| snapshot.revision);
        println!("{stream:?}: {} facts in {} batches, snapshot at {snapshot}", last.0, tail.seq);
    }
    Ok(true)
}

/// A store as it was at a revision, without snapshots.
struct Until {
    store: Arc<LocalStore>,
    last: Revision,
}

impl Store for Until {
    fn submit(&self, append: Completion) {
        self.store.submit(append);
    }

    fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Revision, Tail), ReadError> {
        let bounded = matches!(stream, StreamId::Event(_));
        self.store.read(stream, after, &mut |record| {
            if bounded && record.stamp.revision > self.last { ControlFlow::Break(()) } else { visit(record) }
        })
    }

    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreFailure> {
        self.store.save_snapshot(stream, snapshot)
    }

    fn load_snapshot(&self, _: StreamId) -> Result<Option<Snapshot>, StoreFailure> {
        Ok(None)
    }

    fn streams(&self) -> Result<Vec<StreamId>, StoreFailure> {
        self.store.streams()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}
