//! A store that is looked at while it runs: verification, a disk that does not answer.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use ticketcore::store::local::{Access, Files, LocalOptions, LocalStore, Retention};
use ticketcore::store::{SideId, Store, StreamId};
use ticketcore::testkit::{MemoryDisk, Rng, SmallSale};
use ticketcore::{CommandError, EventId, Revision};

use crate::hooked::{Call, Hooked};
use crate::threads::{STUCK, append_until};
use crate::workload::{Known, STREAMS, options};

/// Once an archive that was merged in the middle of it looked like damage.
#[test]
fn verification_of_a_store_that_is_written_finds_no_damage() {
    for retention in [Retention::All, Retention::Facts(20)] {
        let options = LocalOptions { manual: false, retention, ..options() };
        let store = LocalStore::open_in(Arc::new(MemoryDisk::new()), options).unwrap();
        let (store, ended) = (&store, &AtomicBool::new(false));
        std::thread::scope(|scope| {
            for number in 0..2u64 {
                scope.spawn(move || {
                    let (mut known, mut rng) = (Known::default(), Rng::new(number));
                    let stream = StreamId::Event(EventId(number));
                    let mut count = 0;
                    append_until(store, stream, &mut known, &mut rng, |known| {
                        count += 1;
                        if count % 10 == 0 {
                            known.save_snapshot(store, stream);
                        }
                        ended.load(Ordering::Relaxed)
                    });
                });
            }
            let until = Instant::now() + Duration::from_millis(1_500);
            let mut looks = 0;
            while Instant::now() < until {
                let seen = store.verify();
                if !seen.found.is_empty() {
                    ended.store(true, Ordering::Relaxed);
                    panic!("{:?}", seen.found);
                }
                looks += 1;
            }
            ended.store(true, Ordering::Relaxed);
            assert!(looks > 3 && store.stats().segments_archived > 3, "{looks} looks, {:?}", store.stats());
        });
    }
}

/// Once it read what was in memory.
#[test]
fn verification_reads_the_disk() {
    let disk = MemoryDisk::new();
    let options = LocalOptions { cache_bytes: 8 << 20, ..options() };
    let store = LocalStore::open_in(Arc::new(disk.clone()), options).unwrap();
    let (mut known, mut rng) = (Known::default(), Rng::new(1));
    for _ in 0..60 {
        assert!(known.append(&store, STREAMS[0], &mut rng));
        store.maintain().unwrap();
    }
    store.side_records().unwrap().save(SideId(1), &[7; 300]).unwrap();
    store.read(STREAMS[0], Revision::ZERO, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(store.verify().found.is_empty());
    for name in
        disk.contents().keys().filter(|name| name.starts_with("archive/") || name.starts_with("side/"))
    {
        let file = disk.open(name, Access::Write).unwrap();
        let mut byte = [0];
        file.read_at(&mut byte, 100).unwrap();
        file.write_at(&[byte[0] ^ 1], 100).unwrap();
        let found = store.verify().found;
        assert!(found.iter().any(|error| error.to_string().contains(name)), "{name}: {found:?}");
        file.write_at(&byte, 100).unwrap();
    }
    assert!(store.verify().found.is_empty());
}

/// A gate that syncs of the log wait at while it is shut.
#[derive(Default)]
struct Gate {
    shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut shut = self.shut.lock();
        while *shut {
            self.opened.wait(&mut shut);
        }
    }

    fn set(&self, shut: bool) {
        *self.shut.lock() = shut;
        self.opened.notify_all();
    }
}

/// A disk that takes for ever to sync: who waits for so long and no longer is told that nobody knows, and learns it later.
#[test]
fn a_disk_that_does_not_answer_keeps_nobody_longer_than_he_wants() {
    let gate = Arc::new(Gate::default());
    let of_log = Arc::clone(&gate);
    let disk = MemoryDisk::new();
    let files = Hooked::new(&disk, move |call: Call, name: &str| {
        if call == Call::Sync && name.starts_with("wal/") && !name.ends_with(".tmp") {
            of_log.pass();
        }
        Ok(())
    });
    let options = LocalOptions { manual: false, segment_bytes: 1 << 20, ..options() };
    let store = Arc::new(LocalStore::open_in(files, options).unwrap());
    let sale = SmallSale::open(Arc::<LocalStore>::clone(&store) as _, &SmallSale::definition(2, 10, 20));
    gate.set(true);
    let begun = Instant::now();
    let slow = sale.hold_keyed(1, &[0, 1], "slow").wait_timeout(Duration::from_millis(50));
    assert!(matches!(slow, Err(CommandError::Unknown { .. })), "{slow:?}");
    let other = sale.hold(2, &[4]).wait_timeout(Duration::from_millis(50));
    assert!(matches!(other, Err(CommandError::Unknown { .. })), "{other:?}");
    assert!(begun.elapsed() < STUCK);
    // Reading does not wait for the disk.
    assert!(sale.office.availability(sale.event).is_ok());
    gate.set(false);
    let again = sale.hold_keyed(1, &[0, 1], "slow").wait_timeout(STUCK).unwrap();
    assert!(again.replayed, "the first one was carried out");
    assert_eq!(store.trouble(), None);
}
