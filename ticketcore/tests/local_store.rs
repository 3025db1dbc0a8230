//! The local store keeps every promise of a store, on a disk of the machine and on one in memory, with threads and without.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use ticketcore::store::local::{Durability, LocalError, LocalOptions, LocalStore, Retention};
use ticketcore::store::{
    Appended, Batch, BatchId, Completion, CompletionSink, Records, Store, StreamId, Tail,
};
use ticketcore::testkit::{MemoryDisk, conformance};
use ticketcore::{Revision, UtcMs};

/// Lets go of the store, if it has it, and passes the answer on.
struct Last(Mutex<Option<Arc<LocalStore>>>, std::sync::mpsc::Sender<Appended>);
impl CompletionSink for Last {
    fn complete(&self, _: Batch, outcome: Appended) {
        let last = self.0.lock().take();
        drop(last);
        self.1.send(outcome).expect("somebody waits");
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ticketcore-{name}-{}-{number}", std::process::id()));
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn small() -> LocalOptions {
    LocalOptions { segment_bytes: 64 << 10, cache_bytes: 256 << 10, ..LocalOptions::default() }
}

#[test]
fn a_store_in_a_folder_keeps_every_promise() {
    let folder = Folder::new("conformance");
    let next = AtomicU64::new(0);
    conformance::run_all(&|| {
        let path = folder.0.join(next.fetch_add(1, Ordering::Relaxed).to_string());
        Arc::new(LocalStore::open(path, small()).unwrap())
    });
}

#[test]
fn a_store_without_threads_keeps_every_promise() {
    let options = LocalOptions { manual: true, ..small() };
    conformance::run_all(&|| Arc::new(LocalStore::open_in(Arc::new(MemoryDisk::new()), options).unwrap()));
}

#[test]
fn a_store_that_forgets_what_snapshots_cover_keeps_every_promise() {
    for durability in [Durability::Strict, Durability::Interval(1), Durability::None] {
        let options = LocalOptions { retention: Retention::Facts(100), durability, ..small() };
        conformance::run_all(&|| {
            Arc::new(LocalStore::open_in(Arc::new(MemoryDisk::new()), options).unwrap())
        });
    }
}

#[test]
fn one_process_at_a_time() {
    let folder = Folder::new("lock");
    let store = LocalStore::open(&folder.0, small()).unwrap();
    let error = LocalStore::open(&folder.0, small()).err().unwrap();
    assert!(matches!(error, LocalError::InUse), "{error}");
    assert!(error.to_string().contains("server") && error.to_string().contains("PostgreSQL"));
    drop(store);
    LocalStore::open(&folder.0, small()).unwrap();
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let folder = Folder::new("foreign");
    std::fs::create_dir_all(&folder.0).unwrap();
    std::fs::write(folder.0.join("holiday.jpg"), b"picture").unwrap();
    let error = LocalStore::open(&folder.0, small()).err().unwrap();
    assert!(matches!(&error, LocalError::NotAStore { found } if found == "holiday.jpg"), "{error}");
}

#[test]
fn a_last_handle_that_goes_with_an_answer_ends_the_store() {
    let disk = MemoryDisk::new();
    let store = Arc::new(LocalStore::open_in(Arc::new(disk.clone()), small()).unwrap());
    let (send, receive) = std::sync::mpsc::channel();
    let mut records = Records::default();
    records.push(UtcMs(1), b"fact");
    let batch = Batch {
        stream: StreamId::System,
        expected: Tail::default(),
        id: BatchId(1),
        first_revision: Revision(1),
        records,
    };
    let sink = Arc::new(Last(Mutex::new(Some(Arc::clone(&store))), send));
    let weak = Arc::downgrade(&store);
    let completion = Completion::new(sink, batch);
    // Whichever goes last, the thread's handle or this one, the store ends and can be opened again.
    store.submit(completion);
    drop(store);
    assert_eq!(receive.recv().unwrap(), Appended::Yes);
    assert!(weak.upgrade().is_none());
    let again = (0..200).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        LocalStore::open_in(Arc::new(disk.clone()), small()).ok()
    });
    assert_eq!(again.unwrap().streams(), Ok(vec![StreamId::System]));
}

#[test]
fn callers_of_a_store_without_threads_are_all_answered() {
    let options =
        LocalOptions { manual: true, durability: Durability::None, segment_bytes: 1 << 20, ..small() };
    let store = Arc::new(LocalStore::open_in(Arc::new(MemoryDisk::new()), options).unwrap());
    std::thread::scope(|scope| {
        for event in 0..4 {
            let store = Arc::clone(&store);
            scope.spawn(move || {
                let mut end = Tail::default();
                for number in 1..=15_000 {
                    let mut records = Records::default();
                    records.push(UtcMs(1), b"fact");
                    let id = BatchId(u128::from(number));
                    let stream = StreamId::Event(ticketcore::EventId(event));
                    let batch =
                        Batch { stream, expected: end, id, first_revision: Revision(number), records };
                    end = batch.tail();
                    let (send, receive) = std::sync::mpsc::channel();
                    store.submit(Completion::new(Arc::new(Last(Mutex::new(None), send)), batch));
                    let answer = receive.recv_timeout(std::time::Duration::from_secs(20));
                    assert_eq!(answer, Ok(Appended::Yes), "event {event}, batch {number}");
                }
            });
        }
    });
}
