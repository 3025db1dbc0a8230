//! What one life of a store leaves to the next, and to others that have it open: each of these went wrong once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ticketcore::Revision;
use ticketcore::store::local::{Durability, LocalOptions, LocalStore, Retention};
use ticketcore::store::{Appended, Batch, Completion, CompletionSink, Store};
use ticketcore::testkit::{Left, MemoryDisk, Rng, Trouble};

use crate::workload::{Known, STREAMS, goes_on, options, submit};

fn open(disk: &MemoryDisk, options: LocalOptions) -> LocalStore {
    LocalStore::open_in(Arc::new(disk.clone()), options).expect("it opens")
}

#[test]
fn a_log_under_load_is_synced_when_its_interval_is_over() {
    for manual in [true, false] {
        let disk = MemoryDisk::new();
        let options = LocalOptions { durability: Durability::Interval(2), manual, ..options() };
        let store = open(&disk, options);
        let syncs = store.stats().syncs;
        let mut known = Known::default();
        let mut rng = Rng::new(1);
        let until = Instant::now() + Duration::from_millis(60);
        while Instant::now() < until {
            let (batch, _) = known.batch(STREAMS[0], &mut rng);
            let (send, receive) = std::sync::mpsc::channel();
            store.submit(Completion::new(Arc::new(Channel(Mutex::new(Some(send)))), batch.clone()));
            assert_eq!(receive.recv().expect("an answer"), Appended::Yes);
            let journal = known.0.entry(STREAMS[0]).or_default();
            journal.tail = batch.tail();
            journal.facts.extend((0..batch.records.count()).map(|_| (1, Vec::new())));
        }
        assert!(store.stats().syncs > syncs + 3, "manual {manual}: {} syncs", store.stats().syncs - syncs);
    }
}

struct Channel(Mutex<Option<std::sync::mpsc::Sender<Appended>>>);

impl CompletionSink for Channel {
    fn complete(&self, _: Batch, outcome: Appended) {
        if let Some(send) = self.0.lock().take() {
            let _gone = send.send(outcome);
        }
    }
}

#[test]
fn a_store_opened_to_be_read_changes_nothing() {
    let disk = MemoryDisk::new();
    let mut known = Known::default();
    let owner = open(&disk, options());
    assert!(known.append(&owner, STREAMS[1], &mut Rng::new(1)));
    let reader = LocalStore::read_only_in(Arc::new(disk.clone())).expect("it opens");
    let before = disk.contents();
    assert!(reader.set_retention(STREAMS[1], Some(Retention::Facts(1))).is_err());
    assert!(reader.maintain().is_err());
    let snapshot = ticketcore::store::Snapshot {
        revision: Revision(known.0[&STREAMS[1]].facts.len() as u64),
        tail: known.0[&STREAMS[1]].tail,
        bytes: Arc::from([1]),
    };
    assert!(reader.save_snapshot(STREAMS[1], snapshot).is_err());
    let (batch, _) = known.batch(STREAMS[1], &mut Rng::new(2));
    assert!(matches!(submit(&reader, batch), Appended::Failed(_)));
    drop(reader);
    assert_eq!(disk.contents(), before);
}

/// A failed sync drops what was to be written, and the system goes on showing it. What the next opening finds must be on the disk for certain
/// before anything is built upon it.
#[test]
fn what_a_failed_sync_left_to_see_is_written_again() {
    for call in 0..6 {
        let disk = MemoryDisk::new();
        let mut known = Known::default();
        let mut rng = Rng::new(call);
        {
            let store = open(&disk, options());
            assert!(known.append(&store, STREAMS[0], &mut rng));
            disk.set_trouble(Some(Trouble::Error(call)));
            while known.append(&store, STREAMS[0], &mut rng) {}
        }
        disk.set_trouble(None);
        let store = open(&disk, options());
        known.check(&store).expect("all is there");
        assert!(known.append(&store, STREAMS[0], &mut rng));
        let image = disk.after_power_cut(Left::Nothing);
        drop(store);
        goes_on(&image, &known, options()).unwrap_or_else(|why| panic!("error at call {call}: {why}"));
    }
}

#[test]
fn a_full_disk_does_not_keep_segments_from_being_archived() {
    let disk = MemoryDisk::new();
    let store = open(&disk, options());
    let mut known = Known::default();
    let mut rng = Rng::new(5);
    // No room for another file of the log, but for an archive.
    let used: u64 = disk.contents().values().map(|bytes| bytes.len() as u64).sum();
    disk.set_trouble(Some(Trouble::Full(used + 15_000)));
    let archived = (0..200).any(|_| {
        let (batch, facts) = known.batch(STREAMS[0], &mut rng);
        if submit(&store, batch.clone()) == Appended::Yes {
            let journal = known.0.entry(STREAMS[0]).or_default();
            journal.facts.extend(facts);
            journal.tail = batch.tail();
        }
        let _full = store.maintain();
        store.stats().segments_archived > 0
    });
    assert!(archived, "{:?}", store.trouble());
}

#[test]
fn a_log_file_of_odd_length_is_not_used() {
    let disk = MemoryDisk::new();
    drop(open(&disk, options()));
    let mut contents = disk.contents();
    for (name, bytes) in &mut contents {
        if name.starts_with("wal/") && bytes.iter().all(|byte| *byte == 0) {
            bytes.truncate(14_000);
        }
    }
    let disk = MemoryDisk::with_contents(&contents);
    let mut known = Known::default();
    let store = open(&disk, options());
    let mut rng = Rng::new(2);
    for _ in 0..60 {
        assert!(known.append(&store, STREAMS[0], &mut rng));
    }
    known.check(&store).expect("all is there");
    drop(store);
    goes_on(&disk, &known, options()).expect("all is there");
}

struct Panicking;

impl CompletionSink for Panicking {
    fn complete(&self, _: Batch, _: Appended) {
        panic!("an answer that panics");
    }
}

#[test]
fn an_answer_that_panics_leaves_nobody_waiting() {
    let store = open(&MemoryDisk::new(), options());
    let mut known = Known::default();
    let (batch, _) = known.batch(STREAMS[0], &mut Rng::new(1));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.submit(Completion::new(Arc::new(Panicking), batch));
    }));
    assert!(panicked.is_err());
    let (batch, _) = known.batch(STREAMS[1], &mut Rng::new(1));
    assert!(matches!(submit(&store, batch), Appended::Unknown(_)));
    assert!(!known.append(&store, STREAMS[2], &mut Rng::new(1)));
    assert!(store.sync().is_err());
}

#[test]
fn failing_rounds_of_the_keeper_leave_no_files_behind() {
    let disk = MemoryDisk::new();
    let store = open(&disk, options());
    let mut known = Known::default();
    let mut rng = Rng::new(9);
    for _ in 0..40 {
        known.append(&store, STREAMS[0], &mut rng);
    }
    let files = disk.contents().len();
    for call in 0..60 {
        disk.set_trouble(Some(Trouble::Error(call % 12)));
        let _failed = store.maintain();
    }
    disk.set_trouble(None);
    store.maintain().expect("nothing is wrong any more");
    assert!(disk.contents().len() <= files + 6, "{files} files became {}", disk.contents().len());
}
